//! Cases of schedules: tiers, packages, blocks, percentages and what is made of them.

use super::Family;
use super::agreements::accrued;
use super::asked::{Counting, partly_used, priced, quick_deductions};
use super::money::share;
use super::place::{Place, place};
use super::planned::{Company, by_fact, company};
use super::read::Input;
use super::world::{all_shown, applied, running, schedule_of, shown, sum};
use anyhow::{Context, Result, bail};
use packwork_engine::definition::Kind;
use packwork_engine::settlement::discount::{Stacking, stacked};
use packwork_engine::settlement::rebate::due;
use packwork_engine::settlement::rounding::{Rounding, round};
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};

pub const FAMILIES: &[(&str, Family)] = &[
    ("tier.graduated", amounts),
    ("tier.volume", amounts),
    ("tier.package", amounts),
    ("tier.stairstep", amounts),
    ("tier.graduated_percentage", amounts),
    ("tier.volume_percentage", amounts),
    ("tier.graduated_block", amounts),
    ("tier.volume_block", amounts),
    ("tier.quick_deduction", amounts),
    ("tier.interpolate", amounts),
    ("tier.multi_unit", multi_unit),
    ("tier.capacity", capacity),
    ("tier.graduated_discount", graduated_discount),
    ("tier.graduated_cumulative", graduated_cumulative),
    ("tier.lint", lint),
    ("tier.slab_lookup_scaled", slab_lookup_scaled),
    ("tier.graduated_prorated", graduated_prorated),
    ("accumulator.delta", accumulator_delta),
    ("percentage.period", percentage),
    ("percentage.per_transaction", percentage),
    ("rerate.delta", rerate_delta),
];

/// A schedule of a case as a definition. A package case states its block and price beside the mode.
pub fn definition(schedule: &Input<'_>) -> Result<Json> {
    let mut written = schedule.json.as_object().cloned().ok_or_else(|| schedule.wrong("schedule"))?;
    if !written.contains_key("tiers") {
        let mut tier = Map::new();
        for member in ["block", "price", "unit", "flat"] {
            tier.extend(written.remove(member).map(|json| (member.to_owned(), json)));
        }
        tier.insert("up_to".to_owned(), Json::Null);
        written.insert("tiers".to_owned(), json!([tier]));
    }
    // A last tier with a bound prices nothing beyond it; blocks have an end by nature.
    let last = written["tiers"].as_array().and_then(|tiers| tiers.last());
    if last.is_some_and(|tier| !tier["up_to"].is_null()) && !written.contains_key("beyond") {
        written.insert("beyond".to_owned(), json!("error"));
    }
    for tier in written.get_mut("tiers").and_then(Json::as_array_mut).into_iter().flatten() {
        if let Some(tier) = tier.as_object_mut() {
            // What is not stated is written as null in some cases, and numbers without quotes.
            tier.retain(|name, json| name == "up_to" || !json.is_null());
            tier.values_mut().filter(|json| json.is_number()).for_each(|json| *json = json!(json.to_string()));
        }
    }
    Ok(Json::Object(written))
}

/// Tiers of an input as a schedule of a mode, with `renamed` members under the schedule's own names.
pub fn tiers_as(tiers: &Input<'_>, renamed: &[(&str, &str)], more: Json) -> Result<Json> {
    let mut written = Vec::new();
    for tier in tiers.items()? {
        let mut own = Map::new();
        for (name, member) in tier.members()? {
            let name = renamed.iter().find(|(theirs, _)| *theirs == name).map_or(name, |(_, ours)| *ours);
            let text = |json: &Json| if json.is_number() { json!(json.to_string()) } else { json.clone() };
            own.insert(name.to_owned(), text(member.json));
        }
        written.push(Json::Object(own));
    }
    let mut definition = json!({"tiers": written});
    if let (Some(definition), Json::Object(more)) = (definition.as_object_mut(), more) {
        definition.extend(more);
    }
    Ok(definition)
}

fn amounts(input: &Input<'_>) -> Result<Json> {
    input.only(&["schedule", "quantities", "quantity"])?;
    let world = schedule_of(definition(&input.get("schedule")?)?)?;
    let quantities = input.either(&["quantities", "quantity"])?.several();
    let quantities = quantities.iter().map(Input::decimal).collect::<Result<Vec<_>>>()?;
    let prices = priced(&world, "s", &quantities, Counting::Each)?;
    let amounts: Vec<Decimal> = prices.into_iter().map(|price| price.amount).collect();
    Ok(json!({"amount": amounts.first().copied().map(shown), "amounts": all_shown(amounts)}))
}

fn multi_unit(input: &Input<'_>) -> Result<Json> {
    let mut amounts = Vec::new();
    for meter in input.get("meters")?.items()? {
        let tier = json!({"up_to": null, "block": meter.get("block")?.digits()?, "unit": meter.get("unit")?.digits()?});
        let world = schedule_of(json!({"mode": "package", "tiers": [tier]}))?;
        amounts.push(applied(&world, meter.get("usage")?.decimal()?)?.amount);
    }
    Ok(json!({"amount": shown(sum(&amounts)?)}))
}

/// Each unit reaches a step of its own; the highest step that is reached sets the price.
fn capacity(input: &Input<'_>) -> Result<Json> {
    let prices = input.get("prices")?.items()?;
    let limits = input.get("limits")?.members()?;
    let units: Vec<&str> = limits.iter().map(|(unit, _)| *unit).collect();
    let (mut definitions, mut steps, mut fields) = (company(&[]), Map::new(), Map::new());
    for (unit, limits) in &limits {
        let bounds: Vec<String> = limits.items()?.iter().map(Input::digits).collect::<Result<_>>()?;
        if bounds.len() + 1 != prices.len() {
            bail!("{} limits need {} prices, not {}", bounds.len(), bounds.len() + 1, prices.len());
        }
        let mut rows = Vec::new();
        for (index, price) in prices.iter().enumerate() {
            let above = index.checked_sub(1).map(|below| format!("> {}", bounds[below]));
            let up_to = bounds.get(index).map(|bound| format!("<= {bound}"));
            let used: Vec<String> = above.into_iter().chain(up_to).collect();
            let id = format!("step{index}");
            rows.push(
                json!({"id": id, "used": used.join(", "), "price": price.digits()?, "valid": ["1900-01-01", null]}),
            );
        }
        let table = json!({
            "columns": {"used": {"number": true}},
            "values": {"price": {"type": "decimal", "scale": 10}},
            "rows": rows,
        });
        definitions = definitions.with(Kind::RateTable, unit, table);
        steps.insert(format!("step_of_{unit}"), json!({"lookup": unit, "with": {"used": format!("record.{unit}")}}));
        fields.insert((*unit).to_owned(), json!({"type": "decimal", "title": unit, "scale": 10, "default": "0"}));
    }
    let reached: Vec<String> = units.iter().map(|unit| format!("step_of_{unit}.price")).collect();
    let line = json!({"payee": "record.party", "amount": format!("max({})", reached.join(", "))});
    let definitions = definitions.also_fields("sale", fields)?.looking_up(Json::Object(steps));
    let mut company = Company::open(definitions.settling_sales(line))?;
    company.party("tenant", json!({}))?;
    let mut sales = Vec::new();
    for (day, usage) in input.get("usage")?.items()?.iter().enumerate() {
        let mut used = Map::new();
        for (unit, quantity) in usage.members()? {
            if !units.contains(&unit) {
                bail!("the unit {unit} has no limits");
            }
            used.insert(unit.to_owned(), json!(quantity.digits()?));
        }
        if used.is_empty() {
            bail!("nothing is used");
        }
        sales.push(company.sale("tenant", day, Decimal::ONE, Json::Object(used))?);
    }
    Ok(json!({"amounts": all_shown(by_fact(&company.run("2026")?, &sales)?)}))
}

fn graduated_discount(input: &Input<'_>) -> Result<Json> {
    let unit = input.get("base_unit")?.decimal()?;
    let mut tiers = Vec::new();
    for tier in input.get("tiers")?.items()? {
        let price = stacked(unit, &[tier.get("discount")?.decimal()?], Stacking::Additive)?.amount;
        tiers.push(json!({"up_to": tier.json["up_to"], "unit": price.to_string()}));
    }
    let world = schedule_of(json!({"mode": "graduated", "tiers": tiers}))?;
    let applied = applied(&world, input.get("quantity")?.decimal()?)?;
    Ok(json!({"amount": shown(applied.amount), "parts": all_shown(applied.parts.iter().map(|part| part.amount))}))
}

fn graduated_cumulative(input: &Input<'_>) -> Result<Json> {
    let world = schedule_of(definition(&input.get("schedule")?)?)?;
    let orders = input.get("orders")?.decimals()?;
    let cumulative = running(&orders)?;
    let prices = priced(&world, "s", &orders, Counting::Together)?;
    let amounts = prices.into_iter().map(|price| price.amount);
    Ok(json!({"amounts": all_shown(amounts), "cumulative": all_shown(cumulative)}))
}

fn lint(input: &Input<'_>) -> Result<Json> {
    let world = schedule_of(definition(&input.get("schedule")?)?)?;
    Ok(json!({"quick_deductions": all_shown(quick_deductions(&world, "s")?)}))
}

/// One measure finds the row, another is what its rate is taken of.
fn slab_lookup_scaled(input: &Input<'_>) -> Result<Json> {
    let (mut rows, mut above) = (Vec::new(), None);
    for (index, tier) in input.get("tiers")?.items()?.iter().enumerate() {
        let up_to = tier.find("up_to").map(|bound| bound.digits()).transpose()?;
        let bounds =
            [above.map(|bound: String| format!("> {bound}")), up_to.clone().map(|bound| format!("<= {bound}"))];
        rows.push(json!({
            "id": format!("tier{index}"),
            "measure": bounds.into_iter().flatten().collect::<Vec<_>>().join(", "),
            "rate": tier.get("rate")?.digits()?,
            "deduct": tier.get("deduct")?.digits()?,
            "valid": ["1900-01-01", null],
        }));
        above = up_to;
    }
    let table = json!({
        "columns": {"measure": {"number": true}},
        "values": {"rate": {"type": "decimal", "scale": 10}, "deduct": {"type": "decimal", "scale": 10}},
        "rows": rows,
    });
    let amounts = input.get("amounts")?.decimals()?;
    let of_sale = |member: &str| Ok::<_, anyhow::Error>(input.get(member)?.text()?.replace("amount", "record.amount"));
    let steps = json!({"row": {"lookup": "brackets", "with": {"measure": of_sale("lookup")?}}});
    let tax = format!("({}) * row.rate - row.deduct", of_sale("apply_to")?);
    let line = json!({"payee": "record.party", "amount": tax});
    let definitions = company(&amounts).with(Kind::RateTable, "brackets", table).looking_up(steps);
    let mut company = Company::open(definitions.settling_sales(line))?;
    company.party("employee", json!({}))?;
    let mut sales = Vec::new();
    for (day, amount) in amounts.iter().enumerate() {
        sales.push(company.sale("employee", day, *amount, json!({}))?);
    }
    Ok(json!({"tax": all_shown(by_fact(&company.run("2026")?, &sales)?)}))
}

/// Tiers by whole units, money by the part of the period they were in use.
fn graduated_prorated(input: &Input<'_>) -> Result<Json> {
    let world = schedule_of(definition(&input.get("schedule")?)?)?;
    let (full, prorated) = (input.get("events_full")?.decimals()?, input.get("events_prorated")?.decimals()?);
    let amount = partly_used(&world, "s", &full, &prorated, Counting::Together)?;
    Ok(json!({"amount_rounded_2": shown(round(amount, 2, Rounding::HalfUp))}))
}

/// The same base each month, cumulated over the year, less what the months before withheld.
fn accumulator_delta(input: &Input<'_>) -> Result<Json> {
    let base = input.get("monthly_base")?.decimal()?;
    let months = vec![base; input.get("months")?.count()?];
    let accrued = accrued(definition(&input.get("schedule")?)?, &months)?;
    let withheld = accrued.into_iter().map(|month| month.posted).collect::<Vec<_>>();
    Ok(json!({"withheld": all_shown(withheld)}))
}

/// A share of every transaction, with what the period leaves free and between which amounts one stays.
fn percentage(input: &Input<'_>) -> Result<Json> {
    input.only(&["rate_percent", "fixed_per_event", "events", "units", "free_events", "free_amount", "min", "max"])?;
    let mut tier = json!({"up_to": null, "rate": format!("{}%", input.get("rate_percent")?.digits()?)});
    if let Some(fixed) = input.find("fixed_per_event") {
        tier["flat"] = json!(fixed.digits()?);
    }
    let mut schedule = json!({"mode": "percentage", "tiers": [tier]});
    for (theirs, ours) in
        [("free_events", "free_events"), ("free_amount", "free_amount"), ("min", "minimum"), ("max", "maximum")]
    {
        if let Some(stated) = input.find(theirs) {
            schedule[ours] = json!(stated.digits()?);
        }
    }
    let world = schedule_of(schedule)?;
    let events = match input.find("units") {
        Some(units) => vec![units.decimal()?],
        None => input.get("events")?.decimals()?,
    };
    if input.has("free_events") || input.has("free_amount") {
        if place() != Place::Engine {
            return with_an_allowance(input, &events);
        }
        // What is free in a period is shared by its transactions.
        return Ok(json!({"amount": shown(world.schedule("s")?.apply_events(&events)?.amount)}));
    }
    let prices = priced(&world, "s", &events, Counting::Each)?;
    Ok(json!({"amount": shown(sum(&prices.iter().map(|price| price.amount).collect::<Vec<_>>())?)}))
}

/// A plan whose steps read how many transactions, and how much, stand before the one that is charged.
fn with_an_allowance(input: &Input<'_>, events: &[Decimal]) -> Result<Json> {
    let total = |measure: &str| {
        json!({
            "of": [{"object": "sale", "state": "done", "date": "sold_on", "sum": "amount"}],
            "by": ["party"],
            "period": "year",
            "measure": measure,
        })
    };
    let or = |name: &str, otherwise: &str| input.find(name).map_or(Ok(otherwise.to_owned()), |stated| stated.digits());
    const ENDLESS: &str = "999999999999";
    let free = format!(
        "if events < {} {{ max(min(record.amount, {} - volume), 0) }} else {{ 0 }}",
        or("free_events", ENDLESS)?,
        or("free_amount", ENDLESS)?,
    );
    let rate = share(&input.get("rate_percent")?)?;
    let charged = format!("(record.amount - free) * {rate} + {}", or("fixed_per_event", "0")?);
    let bounded = format!("min(max({charged}, {}), {})", or("min", "0")?, or("max", ENDLESS)?);
    let steps = json!({
        "events": {"accumulator": "counted", "with": {"party": "record.party"}, "to": "fact"},
        "volume": {"accumulator": "summed", "with": {"party": "record.party"}, "to": "fact"},
        "free": free,
    });
    let amount = format!("if free == record.amount {{ 0 }} else {{ {bounded} }}");
    let line = json!({"payee": "record.party", "amount": amount});
    let definitions = company(events)
        .with(Kind::Accumulator, "counted", total("count"))
        .with(Kind::Accumulator, "summed", total("sum"))
        .looking_up(steps);
    let mut company = Company::open(definitions.settling_sales(line))?;
    company.party("merchant", json!({}))?;
    let mut sales = Vec::new();
    for (day, event) in events.iter().enumerate() {
        sales.push(company.sale("merchant", day, *event, json!({}))?);
    }
    Ok(json!({"amount": shown(sum(&by_fact(&company.run("2026")?, &sales)?)?)}))
}

/// What was billed before against what should be billed now.
fn rerate_delta(input: &Input<'_>) -> Result<Json> {
    if let Some(rows) = input.find("rows") {
        let tier = json!({"up_to": null, "block": input.get("block")?.digits()?, "unit": input.get("unit")?.digits()?});
        let world = schedule_of(json!({"mode": "package", "tiers": [tier]}))?;
        let mut missing = Vec::new();
        for row in rows.items()? {
            let entitled = applied(&world, row.get("units")?.decimal()?)?.amount;
            missing.push(due(entitled, row.get("billed")?.decimal()?)?);
        }
        return Ok(json!({"delta": all_shown(missing)}));
    }
    if let Some(billed) = input.find("billed_cumulative") {
        let tier = json!({"up_to": null, "unit": input.get("unit")?.digits()?});
        let world = schedule_of(json!({"mode": "graduated", "tiers": [tier]}))?;
        let quantities = [billed.decimal()?, due(input.get("new_cumulative")?.decimal()?, billed.decimal()?)?];
        let steps = priced(&world, "s", &quantities, Counting::Together)?;
        let delta = steps.last().context("two quantities have two prices")?;
        let quantities: Vec<Decimal> = delta.parts.iter().map(|part| part.quantity).collect();
        return Ok(json!({"delta_quantity": shown(sum(&quantities)?), "delta_amount": shown(delta.amount)}));
    }
    let world = schedule_of(definition(&input.get("schedule")?)?)?;
    let mut before = Decimal::ZERO;
    let step = |cumulated: Decimal| Ok(due(cumulated, std::mem::replace(&mut before, cumulated))?);
    let quantities = input.get("cumulative")?.decimals()?.into_iter().map(step).collect::<Result<Vec<_>>>()?;
    let steps = priced(&world, "s", &quantities, Counting::Together)?;
    let lines: Vec<Json> = steps
        .iter()
        .map(|step| {
            let lines = step.parts.iter().flat_map(|part| {
                let units = (!part.rate.is_zero()).then(|| {
                    let text = format!("{}@{}", part.quantity.normalize(), part.rate.normalize());
                    json!([text, shown(part.amount - part.flat.unwrap_or_default())])
                });
                units.into_iter().chain(part.flat.map(|flat| json!(["flat", shown(flat)])))
            });
            lines.collect()
        })
        .collect();
    Ok(json!({"lines": lines, "net": all_shown(steps.iter().map(|step| step.amount))}))
}
