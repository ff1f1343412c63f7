//! Cases of distribution along a chain of parties, and of what is taken back from one.

use super::Family;
use super::read::Input;
use super::world::{Definitions, World, all_shown, any_date, formula, shown, sum};
use anyhow::{Context, Result, anyhow};
use packwork_engine::definition::Kind;
use packwork_engine::settlement::adjust::Balance;
use packwork_engine::settlement::chain::{Chain, Distribution, Member};
use packwork_engine::settlement::rounding::{Rounding, round};
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};

pub const FAMILIES: &[(&str, Family)] = &[
    ("distribution.differential", differential),
    ("distribution.level_percent", level_percent),
    ("distribution.price_gap", price_gap),
    ("distribution.clawback", clawback),
];

const PLACES: u32 = 2;

/// A chain `c` whose parties' figures stand in a table `figures` by name.
fn chain_of(figures: &[(&str, String)], method: &str, value: &str, levels: usize) -> Result<World> {
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
    let chain = json!({
        "path": "party.uplines",
        "levels": levels.max(1),
        "method": {method: {value: looked_up}},
        "round": {"at": "pool", "mode": "half_up"},
    });
    Definitions::new().with(Kind::RateTable, "figures", table).with(Kind::Chain, "c", chain).compile()
}

fn chain(world: &World) -> Result<&Chain> {
    world.model.chains.get("c").context("there is no chain")
}

/// The members of a chain with the figures of their ranks; a rank may stand in it more than once.
fn members(world: &mut World, ranks: &[&str]) -> Result<Vec<Member>> {
    let mut members = Vec::new();
    for (place, rank) in ranks.iter().enumerate() {
        let found = world.look_up("figures", &[Value::text(rank)], any_date())?;
        let found = found.with_context(|| format!("the rank {rank}"))?;
        let figure = found.values.first().and_then(|(_, value)| value.as_decimal()).context("a figure is a number")?;
        members.push(Member { party: format!("{rank} at {place}").as_str().into(), figure, skipped: None });
    }
    Ok(members)
}

fn payouts(distribution: &Distribution) -> Json {
    all_shown(distribution.payouts.iter().map(|payout| payout.amount))
}

fn differential(input: &Input<'_>) -> Result<Json> {
    let rates = input.get("rates")?.members()?;
    let rates: Vec<(&str, String)> =
        rates.into_iter().map(|(rank, rate)| Ok((rank, rate.digits()?))).collect::<Result<_>>()?;
    let ranks = input.get("chain_bottom_up")?.items()?;
    let ranks: Vec<&str> = ranks.iter().map(Input::text).collect::<Result<_>>()?;
    let mut world = chain_of(&rates, "differential", "rate", ranks.len())?;
    let members = members(&mut world, &ranks)?;
    let sale = input.get("sale")?.decimal()?;
    let distribution = chain(&world)?.terms.distribute(sale, &members, PLACES)?;
    // What paying each level by itself would come to.
    let alone: Vec<Decimal> = distribution
        .payouts
        .iter()
        .map(|payout| {
            let exact = formula("sale * step", &[("sale", sale), ("step", payout.step)])?;
            Ok(round(exact, PLACES, Rounding::HalfUp))
        })
        .collect::<Result<_>>()?;
    let paid: Vec<Decimal> = distribution.payouts.iter().map(|payout| payout.amount).collect();
    Ok(json!({
        "payouts": payouts(&distribution),
        "pool": shown(distribution.pool),
        "platform_pool_used": shown(sum(&paid)?),
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
    let mut definition = json!({"levels": written.len().max(1), "method": {kind: method}});
    if let Some(limit) = input.find("max_share_of_paid") {
        definition["limit"] = json!({"share": limit.digits()?});
    }
    let world = Definitions::new().with(Kind::Chain, "c", definition).compile()?;
    let base = input.either(&["base", "price", "profit_pool"])?.decimal()?;
    let members: Vec<Member> = (0..written.len())
        .map(|level| Member { party: format!("level {level}").as_str().into(), figure: Decimal::ZERO, skipped: None })
        .collect();
    let terms = &chain(&world)?.terms;
    let distribution = terms.distribute(base, &members, PLACES)?;
    let paid = payouts(&distribution);
    let mut answer = json!({
        "payouts": paid,
        "payout": paid[0],
        "direct": paid[0],
        "platform": shown(distribution.remainder),
    });
    if let Some(cash) = input.find("paid") {
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
        let mut world = chain_of(&[(to, prices.get(to)?.digits()?)], "price_gap", "price", 1)?;
        let members = members(&mut world, &[to])?;
        let below = prices.get(input.get("from")?.text()?)?.decimal()?;
        let distribution = chain(&world)?.terms.distribute(below, &members, PLACES)?;
        return Ok(json!({"gap": payouts(&distribution)[0]}));
    }
    // The agent sells at retail what costs it `cost`; another agent of the same level above it earns nothing.
    let agents = if input.json["same_level"] == json!(true) { vec!["agent", "agent"] } else { vec!["agent"] };
    let mut world = chain_of(&[("agent", input.get("cost")?.digits()?)], "price_gap", "price", agents.len())?;
    let members = members(&mut world, &agents)?;
    let distribution = chain(&world)?.terms.distribute(input.get("retail")?.decimal()?, &members, PLACES)?;
    let paid = payouts(&distribution);
    Ok(json!({"agent_profit": paid[0], "gap": paid.get(1).cloned().unwrap_or_else(|| json!("0"))}))
}

fn clawback(input: &Input<'_>) -> Result<Json> {
    let balance = Balance { available: input.get("available")?.decimal()?, debt: Decimal::ZERO };
    let taken = formula("-clawback", &[("clawback", input.get("clawback")?.decimal()?)])?;
    let after = balance.post(taken)?;
    let next = after.post(input.get("next_commission")?.decimal()?)?;
    let shown = |balance: Balance| json!({"available": shown(balance.available), "debt": shown(balance.debt)});
    Ok(json!({"after_clawback": shown(after), "after_next": shown(next)}))
}
