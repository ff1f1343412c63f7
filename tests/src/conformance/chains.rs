//! Cases of distribution along a chain of parties, and of what is taken back from one.

use super::Family;
use super::place::{Ground, Place, place};
use super::planned::{Company, PLAN, company};
use super::read::Input;
use super::world::{Definitions, all_shown, formula, shown, sum};
use anyhow::{Context, Result, anyhow};
use packwork_engine::definition::Kind;
use packwork_engine::settlement::adjust::Balance;
use packwork_engine::settlement::chain::Member;
use packwork_engine::settlement::rounding::{Rounding, round};
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};

pub const FAMILIES: &[(&str, Family)] = &[
    ("distribution.differential", differential),
    ("distribution.level_percent", level_percent),
    ("distribution.price_gap", price_gap),
    ("distribution.clawback", clawback),
];

/// Sales settled along a chain `c` whose parties' figures stand in a table `figures` by rank.
fn climbing(figures: &[(&str, String)], method: &str, value: &str, levels: usize, base: Decimal) -> Definitions {
    let rows: Vec<Json> = figures
        .iter()
        .enumerate()
        .map(|(index, (name, figure))| {
            json!({"id": format!("r{index}"), "rank": name, value: figure, "valid": ["1900-01-01", null]})
        })
        .collect();
    let table = json!({
        "columns": {"rank": {"text": true}},
        "values": {value: {"type": "decimal", "scale": 10}},
        "rows": rows,
    });
    let looked_up = json!({"lookup": "figures", "with": {"rank": "party.rank"}});
    let chain = json!({"levels": levels.max(1), "method": {method: {value: looked_up}}});
    paying(chain, base).with(Kind::RateTable, "figures", table)
}

/// Sales settled along a chain `c` of their party's uplines; the platform keeps what nobody gets.
fn paying(mut chain: Json, base: Decimal) -> Definitions {
    chain["party"] = json!("party");
    chain["path"] = json!("party.upline");
    chain["remainder"] = json!({"value": "party/platform"});
    chain["round"] = json!({"at": "pool", "mode": "half_up"});
    let line = json!({"payee": "record.party", "chain": "c", "base": "record.amount"});
    company(&[base]).with(Kind::Chain, "c", chain).settling_sales(line)
}

/// What a sale paid.
struct Paid {
    /// To each party of the chain, from the seller upward.
    amounts: Vec<Decimal>,
    /// The share of the base, or the gap, each was paid for.
    steps: Vec<Decimal>,
    pool: Decimal,
    platform: Decimal,
}

/// One sale of the first of some parties, each the upline of the one before.
fn sell(definitions: Definitions, ranks: &[&str], base: Decimal) -> Result<Paid> {
    let nothing = vec![Decimal::ZERO; ranks.len()];
    let mut paid = Paid { amounts: nothing.clone(), steps: nothing, pool: Decimal::ZERO, platform: Decimal::ZERO };
    if ranks.is_empty() {
        return Ok(paid);
    }
    let mut company = Company::open(definitions)?;
    company.party("platform", json!({}))?;
    let mut parties = Vec::new();
    for (place, rank) in ranks.iter().enumerate().rev() {
        let upline = (place + 1 < ranks.len()).then(|| format!("p{}", place + 1));
        parties.insert(0, company.party(&format!("p{place}"), json!({"rank": rank, "upline": upline}))?);
    }
    company.sale("p0", 0, base, json!({}))?;
    for line in company.run("2026")? {
        let chain = line.trace.chain.as_ref().context("a line of a chain says so")?;
        paid.pool = chain.pool;
        paid.steps = chain.members.iter().map(|member| member.step).collect();
        match parties.iter().position(|party| *party == line.payee) {
            Some(place) => paid.amounts[place] = line.gross,
            None => paid.platform = line.gross,
        }
    }
    Ok(paid)
}

fn differential(input: &Input<'_>) -> Result<Json> {
    let rates = input.get("rates")?.members()?;
    let mut rates: Vec<(&str, String)> =
        rates.into_iter().map(|(rank, rate)| Ok((rank, rate.digits()?))).collect::<Result<_>>()?;
    let ranks = input.get("chain_bottom_up")?.items()?;
    let ranks: Vec<&str> = ranks.iter().map(Input::text).collect::<Result<_>>()?;
    // A rank without a rate gets no share.
    for rank in &ranks {
        if !rates.iter().any(|(known, _)| known == rank) {
            rates.push((rank, "0".to_owned()));
        }
    }
    let sale = input.get("sale")?.decimal()?;
    let mut definitions = climbing(&rates, "differential", "rate", ranks.len(), sale);
    if let Some(currency) = input.find("currency") {
        definitions = definitions.currency(currency.text()?);
    }
    let paid = sell(definitions, &ranks, sale)?;
    // What paying each level by itself would come to.
    let alone = paid.steps.iter().map(|step| {
        let exact = formula("sale * step", &[("sale", sale), ("step", *step)])?;
        Ok(round(exact, input.places()?, Rounding::HalfUp))
    });
    let alone: Vec<Decimal> = alone.collect::<Result<_>>()?;
    Ok(json!({
        "payouts": all_shown(paid.amounts.clone()),
        "pool": shown(paid.pool),
        "platform_pool_used": shown(sum(&paid.amounts)?),
        "naive_rounded_sum": shown(sum(&alone)?),
    }))
}

/// The n-th party gets the n-th rate, or a share of the whole.
fn level_percent(input: &Input<'_>) -> Result<Json> {
    let shares = input.find("direct_share");
    let rates = match &shares {
        Some(share) => share.several(),
        None => input.either(&["rates", "rate"])?.several(),
    };
    let written: Vec<String> = rates.iter().map(Input::digits).collect::<Result<_>>()?;
    let mut method = Map::new();
    method.insert("rates".to_owned(), json!(written));
    if let Some(factor) = input.find("factor") {
        method.insert("factor".to_owned(), json!(factor.digits()?));
    }
    let kind = if shares.is_some() { "shares" } else { "levels" };
    let mut chain = json!({"levels": written.len().max(1), "method": {kind: method}});
    if let Some(limit) = input.find("max_share_of_paid") {
        chain["limit"] = json!({"share": limit.digits()?});
    }
    let base = input.either(&["base", "price", "profit_pool"])?.decimal()?;
    let ranks = vec![""; written.len()];
    let mut definitions = paying(chain.clone(), base);
    if let Some(currency) = input.find("currency") {
        definitions = definitions.currency(currency.text()?);
    }
    let paid = sell(definitions, &ranks, base)?;
    let payouts = all_shown(paid.amounts.clone());
    let mut answer = json!({
        "payouts": payouts,
        "payout": payouts[0],
        "direct": payouts[0],
        "platform": shown(paid.platform),
    });
    if let Some(cash) = input.find("paid") {
        let world = paying(chain, base).compile()?;
        let terms = &world.model.chains.get("c").context("there is no chain")?.terms;
        let members: Vec<Member> = (0..written.len())
            .map(|level| Member { party: format!("{level}").as_str().into(), figure: Decimal::ZERO, skipped: None })
            .collect();
        let distribution = terms.distribute(base, &members, input.places()?)?;
        let limit = terms.limit(&distribution, cash.decimal()?).ok_or_else(|| anyhow!("the chain has no limit"))?;
        answer["limit"] = shown(limit.most);
        answer["allowed"] = json!(limit.is_kept);
    }
    Ok(answer)
}

/// What the party above earns is the difference between the price below it and its own.
fn price_gap(input: &Input<'_>) -> Result<Json> {
    if let Some(prices) = input.find("prices") {
        let to = input.get("to")?.text()?;
        let below = prices.get(input.get("from")?.text()?)?.decimal()?;
        let definitions = climbing(&[(to, prices.get(to)?.digits()?)], "price_gap", "price", 1, below);
        return Ok(json!({"gap": shown(sell(definitions, &[to], below)?.amounts[0])}));
    }
    // The agent sells at retail what costs it `cost`; another agent of the same level above it earns nothing.
    let agents = if input.json["same_level"] == json!(true) { vec!["agent", "agent"] } else { vec!["agent"] };
    let retail = input.get("retail")?.decimal()?;
    let cost = input.get("cost")?.digits()?;
    let paid = sell(climbing(&[("agent", cost)], "price_gap", "price", agents.len(), retail), &agents, retail)?.amounts;
    Ok(json!({"agent_profit": shown(paid[0]), "gap": shown(paid.get(1).copied().unwrap_or_default())}))
}

fn clawback(input: &Input<'_>) -> Result<Json> {
    if place() != Place::Engine {
        return on_statements(input);
    }
    let balance = Balance { available: input.get("available")?.decimal()?, debt: Decimal::ZERO };
    let taken = formula("-clawback", &[("clawback", input.get("clawback")?.decimal()?)])?;
    let after = balance.post(taken)?;
    let next = after.post(input.get("next_commission")?.decimal()?)?;
    let shown = |balance: Balance| json!({"available": shown(balance.available), "debt": shown(balance.debt)});
    Ok(json!({"after_clawback": shown(after), "after_next": shown(next)}))
}

/// What is due stands on statements: one that comes to less than nothing is a debt, which the next one takes over.
fn on_statements(input: &Input<'_>) -> Result<Json> {
    let amount = |name: &str| input.get(name)?.decimal();
    let (available, clawback, next) = (amount("available")?, amount("clawback")?, amount("next_commission")?);
    let line = json!({"payee": "record.party", "amount": "record.amount"});
    let paper = json!({"period_calendar": "month", "number": "ST-{seq:4}", "negative": "carry_debt"});
    let definitions = company(&[available, clawback, next])
        .settling_sales_in("month", line)
        .also(Kind::SettlementPlan, PLAN, json!({"statement": "paper"}))?
        .with(Kind::Statement, "paper", paper);
    let mut company = Company::open(definitions)?;
    company.party("partner", json!({}))?;
    let mut stands = |amounts: &[Decimal]| -> Result<Json> {
        for amount in amounts {
            company.sale("partner", 0, *amount, json!({}))?;
        }
        company.run("2026-01")?;
        let statement = company.ground.issue_newest(company.at)?;
        let figure = |name: &str| Input::of(&statement).get(name)?.decimal();
        Ok(json!({"available": shown(figure("payable")?), "debt": shown(-figure("debt")?)}))
    };
    Ok(json!({"after_clawback": stands(&[available, -clawback])?, "after_next": stands(&[next])?}))
}
