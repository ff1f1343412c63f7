//! Cases of prices and rates: dated rows, rows by specificity, factors one after the other, and plain formulas.

use super::Family;
use super::asked::{Counting, Looked, answers, by_name, computed, priced};
use super::money::share;
use super::place::{Ground, Place, Posted, place};
use super::planned::{Company, by_fact, company};
use super::read::Input;
use super::tables::DecisionTable;
use super::world::{Definitions, PLACES, World, all_shown, any_date, formula, running, schedule_of, shown, sum};
use anyhow::{Context, Result, anyhow, bail};
use packwork_engine::definition::Kind;
use packwork_engine::moment::Moment;
use packwork_engine::settlement::discount::{Stacking, stacked};
use packwork_engine::settlement::rounding::{Rounding, round};
use packwork_engine::settlement::table::Miss;
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

pub const FAMILIES: &[(&str, Family)] = &[
    ("effective_dating", effective_dating),
    ("effective_dating.bitemporal", bitemporal),
    ("rate_table.specificity", specificity),
    ("rate_table.hierarchy", hierarchy),
    ("rate_table.chain", chain_of_rates),
    ("price.chain", price_chain),
    ("price.rule", price_rule),
    ("price.rule_group", price_rule_group),
    ("price.cumulative", price_cumulative),
    ("price.uom", price_uom),
    ("formula", installment),
    ("formula.multiplier", multiplier),
    ("formula.weighted_sum", weighted_sum),
];

/// A table of prices of one thing, by date only.
fn price_table(rows: Vec<Json>) -> Json {
    json!({
        "columns": {"item": {"text": true}},
        "values": {"price": {"type": "decimal", "scale": 10}},
        "rows": rows,
    })
}

fn price_row(version: &Input<'_>) -> Result<Json> {
    let (id, valid) = (version.get("id")?.text()?, version.get("valid")?);
    Ok(json!({"id": id, "price": version.get("price")?.digits()?, "valid": valid.json}))
}

/// The price found, or nothing where no row matches.
fn price(found: Result<Looked, Miss>) -> Result<Option<Decimal>> {
    match found {
        Ok(found) => Ok(found.values.first().and_then(Value::as_decimal)),
        Err(Miss::None { .. }) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

fn effective_dating(input: &Input<'_>) -> Result<Json> {
    let versions = input.get("versions")?.items()?;
    let rows = versions.iter().map(price_row).collect::<Result<Vec<_>>>()?;
    let zone = input.get("calendar_tz")?;
    let mut world = Definitions::new().with(Kind::RateTable, "t", price_table(rows)).zone(zone.text()?).compile()?;
    let mut prices = Vec::new();
    for event in input.get("events")?.items()? {
        let moment = Moment::parse(event.text()?).ok_or_else(|| event.wrong("moment"))?;
        let date = moment.date_in(&world.model.zone);
        prices.push(price(world.look_up("t", &[Value::text("item")], date)?)?.map(shown));
    }
    Ok(json!({"prices": prices}))
}

/// Rows in the order they became known: one that holds from a date on ends the one before it there.
fn bitemporal(input: &Input<'_>) -> Result<Json> {
    let mut world = Definitions::new().with(Kind::RateTable, "t", price_table(Vec::new())).compile()?;
    let zone = world.model.zone.clone();
    let mut records = Vec::new();
    for record in input.get("records")?.items()? {
        let recorded = Moment::start_of(record.get("recorded_at")?.date()?, &zone);
        let Json::Object(row) = price_row(&record)? else { bail!("a row is a map") };
        records.push((recorded, row));
    }
    records.sort_by_key(|(recorded, _)| *recorded);
    if place() != Place::Engine {
        return as_known(input, world, records);
    }
    for (recorded, row) in records {
        world.add_row("t", row, recorded)?;
    }
    let date = input.get("event_date")?.date()?;
    let mut prices = Vec::new();
    for known in input.get("as_known_at")?.several() {
        // Everything recorded on the day itself is known.
        let end_of_day = known.date()?.tomorrow().map_err(|_| known.wrong("date"))?;
        let known_at = Moment::from_micros(Moment::start_of(end_of_day, &zone).micros() - 1);
        prices.push(price(world.look_up_as_known("t", &[Value::text("item")], date, known_at)?)?.map(shown));
    }
    Ok(json!({"prices": prices}))
}

/// Over HTTP what is known at a moment is what a run charges then: the first settles a sale, the later ones settle it by
/// the rows that are known by now.
fn as_known(input: &Input<'_>, world: World, records: Vec<(Moment, Map<String, Json>)>) -> Result<Json> {
    let line = json!({"payee": "record.party", "amount": "row.price"});
    let row = json!({"row": {"lookup": "t", "with": {"item": "record.code"}}});
    let definitions = world.definitions.beside(company(&[])).looking_up(row).settling_sales(line).compile()?;
    let zone = definitions.model.zone.clone();
    let mut records = records.into_iter().peekable();
    let first = records.peek().context("there is no price")?.0;
    let mut company = Company::open_at(definitions, first)?;
    company.party("buyer", json!({}))?;
    let sold_on = input.get("event_date")?.date()?;
    let period = sold_on.strftime("%Y").to_string();
    let mut prices = Vec::new();
    let mut price = Decimal::ZERO;
    for known in input.get("as_known_at")?.several() {
        let at = Moment::start_of(known.date()?, &zone);
        while let Some((recorded, row)) = records.next_if(|(recorded, _)| *recorded <= at) {
            company.ground.add_row("t", row, recorded)?;
        }
        company.at = at;
        if prices.is_empty() {
            company.sale_on("buyer", sold_on, Decimal::ONE, json!({}))?;
        }
        // What stood posted is taken back, and what holds now is posted beside it.
        price += sum_of(&company.run_by_latest(&period)?);
        prices.push(shown(price));
    }
    Ok(json!({"prices": prices}))
}

fn sum_of(lines: &[Posted]) -> Decimal {
    lines.iter().map(|line| line.gross).sum()
}

fn specificity(input: &Input<'_>) -> Result<Json> {
    if input.has("rules") {
        return scopes(input);
    }
    let columns = input.get("specificity")?.items()?;
    let columns: Vec<&str> = columns.iter().map(Input::text).collect::<Result<_>>()?;
    let mut rows = Vec::new();
    for (index, row) in input.get("rows")?.items()?.into_iter().enumerate() {
        let mut written = Map::new();
        written.insert("id".to_owned(), json!(format!("r{index}")));
        written.insert("valid".to_owned(), json!(["1900-01-01", null]));
        written.insert("price".to_owned(), json!(row.get("price")?.digits()?));
        for (name, cell) in row.get("when")?.members()? {
            let place = columns.iter().position(|column| *column == name);
            let place = place.ok_or_else(|| anyhow!("{name} is not among the columns"))?;
            written.insert(format!("c{place}"), cell.json.clone());
        }
        rows.push(Json::Object(written));
    }
    let own = |place: usize| format!("c{place}");
    let specs: Map<String, Json> = (0..columns.len()).map(|place| (own(place), json!({"text": true}))).collect();
    let definition = json!({
        "columns": specs,
        "values": {"price": {"type": "decimal", "scale": 10}},
        "specificity": (0..columns.len()).map(own).collect::<Vec<_>>(),
        "rows": rows,
    });
    let mut world = Definitions::new().with(Kind::RateTable, "t", definition).compile()?;
    let mut prices = Vec::new();
    let mut last = Json::Null;
    for asked in input.get("inputs")?.items()? {
        let inputs: Vec<Value> =
            columns.iter().map(|column| Ok(Value::text(asked.get(column)?.text()?))).collect::<Result<_>>()?;
        let found = world.look_up("t", &inputs, any_date())?;
        last = match &found {
            Ok(_) => Json::Null,
            Err(Miss::None { .. }) => json!("NO_MATCH error"),
            Err(Miss::Ambiguous { .. }) => json!("AMBIGUOUS error"),
            Err(other) => json!(format!("{other}")),
        };
        prices.push(found.ok().and_then(|found| found.values.first()?.as_decimal()).map(shown));
    }
    Ok(json!({"prices": prices, "last": last}))
}

/// Rules for everything, a category, a product, a variant: something of one level meets the rules of all levels above.
fn scopes(input: &Input<'_>) -> Result<Json> {
    let levels = input.get("levels")?.items()?;
    let levels: Vec<&str> = levels.iter().map(Input::text).collect::<Result<_>>()?;
    let own = |place: usize| format!("c{place}");
    let mut definitions = Definitions::new();
    let mut rows = Vec::new();
    for (index, rule) in input.get("rules")?.items()?.into_iter().enumerate() {
        let scope = rule.get("scope")?.text()?;
        let place = levels.iter().position(|level| *level == scope).ok_or_else(|| anyhow!("{scope} is no level"))?;
        let name = format!("rule{index}");
        let schedule = match rule.find("fixed") {
            Some(fixed) => json!({"mode": "stairstep", "tiers": [{"up_to": null, "flat": fixed.digits()?}]}),
            None => {
                json!({"mode": "volume_percentage", "tiers": [{"up_to": null, "rate": rule.get("rate")?.digits()?}]})
            }
        };
        definitions = definitions.with(Kind::Schedule, &name, schedule);
        rows.push(json!({"id": name, own(place): true, "terms": {"schedule": name}, "valid": ["1900-01-01", null]}));
    }
    let specs: Map<String, Json> = (0..levels.len()).map(|place| (own(place), json!({"boolean": true}))).collect();
    let definition = json!({
        "columns": specs,
        "values": {"terms": {"type": "money_or_schedule"}},
        "specificity": (0..levels.len()).rev().map(own).collect::<Vec<_>>(),
        "rows": rows,
    });
    let mut world = definitions.with(Kind::RateTable, "t", definition).compile()?;
    let price = input.get("price")?.decimal()?;
    let mut commissions = Vec::new();
    for level in 0..levels.len() {
        let inputs: Vec<Value> = (0..levels.len()).map(|place| Value::Bool(place <= level)).collect();
        let found = world.look_up("t", &inputs, any_date())??;
        commissions.extend(priced(&world, &found.row, &[price], Counting::Each)?.into_iter().map(|price| price.amount));
    }
    Ok(json!({"commission": all_shown(commissions)}))
}

/// Paths as columns, one per level: the row that states most of them is the longest path.
fn hierarchy(input: &Input<'_>) -> Result<Json> {
    let regions = input.get("regions")?.items()?;
    let addresses = input.get("addresses")?.items()?;
    let mut depth = 1;
    for region in &regions {
        depth = depth.max(region.get("path")?.text()?.split('/').count());
    }
    let own = |place: usize| format!("c{place}");
    let mut rows = Vec::new();
    for (index, region) in regions.iter().enumerate() {
        let mut row = Map::new();
        row.insert("id".to_owned(), json!(format!("r{index}")));
        row.insert("valid".to_owned(), json!(["1900-01-01", null]));
        row.insert("tier".to_owned(), region.get("tier")?.json.clone());
        for (place, part) in region.get("path")?.text()?.split('/').enumerate() {
            row.insert(own(place), json!(part));
        }
        rows.push(Json::Object(row));
    }
    let specs: Map<String, Json> = (0..depth).map(|place| (own(place), json!({"text": true}))).collect();
    let definition = json!({"columns": specs, "values": {"tier": {"type": "text"}}, "rows": rows});
    let mut world = Definitions::new().with(Kind::RateTable, "t", definition).compile()?;
    let mut tiers = Vec::new();
    for address in addresses {
        let mut parts = address.text()?.split('/');
        // A shorter address has nothing at the deeper levels, which no row asks for.
        let inputs: Vec<Value> = (0..depth).map(|_| Value::text(parts.next().unwrap_or("-"))).collect();
        tiers.push(match world.look_up("t", &inputs, any_date())? {
            Ok(found) => found.values.first().map(Value::to_json).unwrap_or_default(),
            Err(Miss::None { .. }) => Json::Null,
            Err(other) => return Err(other.into()),
        });
    }
    Ok(json!({"tiers": tiers}))
}

/// Rates and factors one after the other: each shape is one formula.
fn chain_of_rates(input: &Input<'_>) -> Result<Json> {
    if input.has("multipliers") {
        return looked_up_commission(input);
    }
    if let Some(factors) = input.find("factors") {
        let factors = factors.decimals()?;
        let names: Vec<String> = (0..factors.len()).map(|place| format!("f{place}")).collect();
        let source = names.iter().fold("base".to_owned(), |source, name| format!("{source} * {name}"));
        let mut numbers: BTreeMap<String, Decimal> = names.into_iter().zip(factors).collect();
        numbers.insert("base".to_owned(), input.get("base")?.decimal()?);
        return answers(&[("rate", &source)], &numbers);
    }
    /// What a shape is known by, and its formulas in order; each may use those before it.
    const SHAPES: &[(&str, &[(&str, &str)])] = &[
        (
            "volume_bonus_max",
            &[
                (
                    "rate",
                    "(base_rate + volume_bonus_max * performance_row.bonus_share) * performance_row.multiplier * promotion_multiplier",
                ),
                ("commission", "sale * rate"),
            ],
        ),
        ("volume_multiplier", &[("rate", "(base_rate + performance + promotion) * volume_multiplier")]),
        (
            "segment_multiplier",
            &[
                ("base", "revenue * base_rate"),
                ("bonus", "revenue * bonus_rate * duration_multiplier * segment_multiplier"),
                ("total", "base + bonus"),
                ("platform_keeps", "revenue - total"),
            ],
        ),
        (
            "rate_adjustment",
            &[
                ("rate", "base_rate + rate_adjustment"),
                ("transaction_fee", "volume * rate"),
                ("total", "transaction_fee + subscription + extra"),
            ],
        ),
        (
            "country_multiplier",
            &[
                ("base", "value * base_rate"),
                ("duty", "max(base * country_multiplier, minimum)"),
                ("effective_rate", "duty / value"),
            ],
        ),
    ];
    let shape = SHAPES.iter().find(|(member, _)| input.has(member)).context("no chain of rates has these members")?;
    let mut numbers = BTreeMap::new();
    for (name, member) in input.members()? {
        match member.json {
            Json::Object(_) => {
                for (inner, member) in member.members()? {
                    numbers.insert(format!("{name}.{inner}"), member.decimal()?);
                }
            }
            _ => {
                if let Ok(number) = member.decimal() {
                    numbers.insert(name.to_owned(), number);
                }
            }
        }
    }
    answers(shape.1, &numbers)
}

/// A rate by kind and amount, and a multiplier by level, from two tables.
fn looked_up_commission(input: &Input<'_>) -> Result<Json> {
    let premium = input.get("premium")?.decimal()?;
    let mut rules = Vec::new();
    for (policy, rows) in input.get("rates")?.members()? {
        for row in rows.items()? {
            let when = json!({"policy": policy, "premium": row.get("premium")?.json});
            rules.push(json!({"when": when, "then": {"rate": row.get("rate")?.json}}));
        }
    }
    let rates = json!({"hit_policy": "FIRST", "inputs": ["policy", "premium"], "rules": rules});
    let asked = json!({"policy": input.get("policy_type")?.text()?, "premium": premium.to_string()});
    let rules: Vec<Json> = input
        .get("multipliers")?
        .members()?
        .into_iter()
        .map(|(level, factor)| json!({"when": {"level": level}, "then": {"factor": factor.json}}))
        .collect();
    // Whoever has no level of its own comes last.
    let (open, named): (Vec<Json>, Vec<Json>) = rules.into_iter().partition(|rule| rule["when"]["level"] == json!("-"));
    let rules = [named, open].concat();
    let factors = json!({"hit_policy": "FIRST", "inputs": ["level"], "rules": rules});
    let level = json!({"level": input.get("performance_tier")?.text()?});
    let number = |table: &Json, asked: &Json, name: &str| -> Result<Decimal> {
        let asked = Input::of(asked);
        let found = DecisionTable::of(&Input::of(table), std::slice::from_ref(&asked))?.ask(&asked)??;
        Input::of(&found).get(name)?.decimal()
    };
    let rate = number(&rates, &asked, "rate")?;
    let multiplier = number(&factors, &level, "factor")?;
    let numbers = by_name(&[("premium", premium), ("rate", rate), ("multiplier", multiplier)]);
    let mut answer = answers(&[("base", "premium * rate"), ("commission", "base * multiplier")], &numbers)?;
    answer["base_rate"] = shown(rate);
    answer["multiplier"] = shown(multiplier);
    Ok(answer)
}

fn price_chain(input: &Input<'_>) -> Result<Json> {
    let rates: Vec<Decimal> = input.get("discounts_percent")?.several().iter().map(share).collect::<Result<_>>()?;
    let mode: Stacking = input.get("mode")?.named()?;
    if place() != Place::Engine {
        let mut numbers = by_name(&[("price", input.get("price")?.decimal()?)]);
        let names: Vec<String> = (0..rates.len()).map(|index| format!("discount{index}")).collect();
        let left = match mode {
            Stacking::Additive => format!("max(1 - {}, 0)", names.join(" - ")),
            Stacking::Compound => names.iter().map(|name| format!("(1 - {name})")).collect::<Vec<_>>().join(" * "),
        };
        numbers.extend(names.into_iter().zip(rates));
        return answers(
            &[("left", &left), ("rate", "price * left"), ("discount_percent", "(1 - left) * 100")],
            &numbers,
        );
    }
    let found = stacked(input.get("price")?.decimal()?, &rates, mode)?;
    let percent = formula("rate * 100", &[("rate", found.rate)])?;
    Ok(json!({"discount_percent": shown(percent), "rate": shown(found.amount)}))
}

/// Units of weight as a table: how much of a tonne each is.
fn tonnes() -> Json {
    let row =
        |unit: &str, factor: &str| json!({"id": unit, "unit": unit, "factor": factor, "valid": ["1900-01-01", null]});
    json!({
        "columns": {"unit": {"text": true}},
        "values": {"factor": {"type": "decimal", "scale": 10}},
        "rows": [row("t", "1"), row("kg", "0.001"), row("g", "0.000001")],
    })
}

fn price_rule(input: &Input<'_>) -> Result<Json> {
    if input.has("rules") {
        // Two rules that hold for the same thing and rank the same.
        let rule = |value: &str| json!({"when": {"item": "any"}, "then": {"value": value}});
        let table = json!({"hit_policy": "UNIQUE", "inputs": ["item"], "rules": [rule("1"), rule("2")]});
        let asked = json!({"item": "any"});
        let asked = Input::of(&asked);
        let found = DecisionTable::of(&Input::of(&table), std::slice::from_ref(&asked))?.ask(&asked)?;
        return Ok(match found {
            Err(Miss::Ambiguous { .. }) => json!({"error": "MultiplePricingRuleConflict"}),
            other => json!({"error": format!("{other:?}")}),
        });
    }
    // A row for less and one for more; the whole weight finds the row, the price is that of one ordered unit.
    let from = input.get("discount_from_tonnes")?.digits()?;
    let discounted = json!({
        "columns": {"weight": {"number": true}},
        "values": {"rate": {"type": "decimal", "scale": 10}},
        "rows": [
            {"id": "less", "weight": format!("< {from}"), "rate": "0", "valid": ["1900-01-01", null]},
            {"id": "more", "weight": format!(">= {from}"), "rate": share(&input.get("discount")?)?.to_string(),
                "valid": ["1900-01-01", null]},
        ],
    });
    let steps = json!({
        "unit": {"lookup": "tonnes", "with": {"unit": "record.unit"}},
        "discount": {"lookup": "discounted", "with": {"weight": "record.amount * unit.factor"}},
    });
    let line = json!({"payee": "record.party", "amount": "record.fixed * (1 - discount.rate) * unit.factor"});
    let unit = json!({"unit": {"type": "text", "title": "Unit"}});
    let Json::Object(unit) = unit else { bail!("fields are a map") };
    let full = input.get("price_per_tonne")?.decimal()?;
    let mut sold = Vec::new();
    for quantity in input.get("quantities")?.items()? {
        let (number, unit) = quantity.text()?.split_once(' ').ok_or_else(|| quantity.wrong("number and unit"))?;
        let number: Decimal = number.parse().map_err(|_| quantity.wrong("number and unit"))?;
        sold.push((number, json!({"unit": unit, "fixed": full.to_string()})));
    }
    let figures: Vec<Decimal> = sold.iter().map(|(number, _)| *number).chain([full]).collect();
    let definitions = company(&figures)
        .with(Kind::RateTable, "tonnes", tonnes())
        .with(Kind::RateTable, "discounted", discounted)
        .also_fields("sale", unit)?
        .looking_up(steps);
    let mut company = Company::open(definitions.settling_sales(line))?;
    company.party("buyer", json!({}))?;
    let mut sales = Vec::new();
    for (day, (number, more)) in sold.into_iter().enumerate() {
        sales.push(company.sale("buyer", day, number, more)?);
    }
    Ok(json!({"unit_prices": all_shown(by_fact(&company.run("2026")?, &sales)?)}))
}

/// What the rule of a group takes off where a case leaves it to its source.
const GROUP_PERCENT_USUAL: &str = "10";

/// A discount on all lines of a group whose quantities together lie in a window, added to each line's own.
fn price_rule_group(input: &Input<'_>) -> Result<Json> {
    let usual = json!(GROUP_PERCENT_USUAL);
    let of_group = share(&input.find("group_discount_percent").unwrap_or_else(|| Input::of(&usual)))?;
    let lines = input.get("lines")?.items()?;
    let quantities = lines.iter().map(|line| line.get("quantity")?.decimal()).collect::<Result<Vec<_>>>()?;
    let bounds = [(">=", "group_min_qty"), ("<=", "group_max_qty")].into_iter();
    let conditions = bounds.filter_map(|(sign, name)| Some((sign, input.find(name)?)));
    let conditions: Vec<String> =
        conditions.map(|(sign, bound)| Ok(format!("{sign} {}", bound.digits()?))).collect::<Result<_>>()?;
    let rules = json!([
        {"when": {"total": conditions.join(", ")}, "then": {"rate": of_group.to_string()}},
        {"when": {}, "then": {"rate": "0"}},
    ]);
    let table = json!({"hit_policy": "FIRST", "inputs": ["total"], "rules": rules});
    let asked = json!({"total": sum(&quantities)?.to_string()});
    let asked = Input::of(&asked);
    let found = DecisionTable::of(&Input::of(&table), std::slice::from_ref(&asked))?.ask(&asked)??;
    let of_group = Input::of(&found).get("rate")?.decimal()?;
    let mut rates = Vec::new();
    for line in lines {
        let own = line.find("fixed_discount_percent").map_or(Ok(Decimal::ZERO), |percent| share(&percent))?;
        rates.push(stacked(line.get("price")?.decimal()?, &[own, of_group], Stacking::Additive)?.amount);
    }
    Ok(json!({"net_rates": all_shown(rates)}))
}

/// A discount from the order on that reaches the threshold; the orders before it keep their price.
fn price_cumulative(input: &Input<'_>) -> Result<Json> {
    let price = input.get("price")?.decimal()?;
    let discount = share(&input.get("discount_percent")?)?;
    let rules = json!([
        {"when": {"total": format!(">= {}", input.get("threshold_qty")?.digits()?)}, "then": {"rate": discount.to_string()}},
        {"when": {}, "then": {"rate": "0"}},
    ]);
    let table = json!({"hit_policy": "FIRST", "inputs": ["total"], "rules": rules});
    let mut percents = Vec::new();
    let mut rates = Vec::new();
    for total in running(&input.get("orders")?.decimals()?)? {
        let asked = json!({"total": total.to_string()});
        let asked = Input::of(&asked);
        let found = DecisionTable::of(&Input::of(&table), std::slice::from_ref(&asked))?.ask(&asked)??;
        let rate = Input::of(&found).get("rate")?.decimal()?;
        percents.push(formula("rate * 100", &[("rate", rate)])?);
        rates.push(stacked(price, &[rate], Stacking::Additive)?.amount);
    }
    Ok(json!({"discounts_percent": all_shown(percents), "rates": all_shown(rates)}))
}

fn price_uom(input: &Input<'_>) -> Result<Json> {
    let numbers =
        [("price", input.get("price_per_unit")?.decimal()?), ("units", input.get("units_per_uom")?.decimal()?)];
    answers(&[("price_per_uom", "price * units")], &by_name(&numbers))
}

/// The equal instalment of a loan, and a fee.
fn installment(input: &Input<'_>) -> Result<Json> {
    let numbers = [
        ("principal", input.get("principal")?.decimal()?),
        ("annual_rate", input.get("annual_rate")?.decimal()?),
        ("months", input.get("months")?.decimal()?),
        ("fee", input.find("fee").map_or(Ok(Decimal::ZERO), |fee| fee.decimal())?),
    ];
    let source = "if annual_rate == 0 { principal / months + fee } \
                  else { principal * annual_rate / 12 / (1 - pow(1 + annual_rate / 12, -months)) + fee }";
    answers(&[("payment", source)], &by_name(&numbers))
}

fn multiplier(input: &Input<'_>) -> Result<Json> {
    let numbers = [("amount", input.get("amount")?.decimal()?), ("multiplier", input.get("multiplier")?.decimal()?)];
    let values = computed(&[("product", "amount * multiplier")], &by_name(&numbers))?;
    let product = values.get("product").and_then(Value::as_decimal).context("a product is a number")?;
    Ok(json!({"amount": shown(round(product, PLACES, Rounding::HalfUp))}))
}

fn weighted_sum(input: &Input<'_>) -> Result<Json> {
    let average = input.get("average_deal")?.decimal()?;
    let mut numbers = by_name(&[("average", average)]);
    let mut formulas: Vec<(String, String)> = Vec::new();
    for (place, stage) in input.get("stages")?.items()?.into_iter().enumerate() {
        numbers.insert(format!("probability{place}"), stage.get("probability")?.decimal()?);
        numbers.insert(format!("count{place}"), stage.get("count")?.decimal()?);
        formulas.push((format!("part{place}"), format!("average * probability{place} * count{place}")));
    }
    let formulas: Vec<(&str, &str)> = formulas.iter().map(|(name, source)| (name.as_str(), source.as_str())).collect();
    let values = computed(&formulas, &numbers)?;
    let part = |(name, _): &(&str, &str)| values.get(*name).and_then(Value::as_decimal);
    let parts: Vec<Decimal> = formulas.iter().map(part).collect::<Option<_>>().context("a part is no number")?;
    let world = schedule_of(json!({"mode": "volume", "tiers": [{"up_to": null, "unit": "1"}]}))?;
    Ok(json!({"parts": all_shown(parts.clone()), "forecast": shown(sum(&parts)?), "unit": &*world.model.currency}))
}
