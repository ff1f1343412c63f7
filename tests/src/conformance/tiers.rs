//! Cases of schedules: tiers, packages, blocks, percentages and what is made of them.

use super::Family;
use super::agreements::accrued;
use super::asked::{Counting, priced};
use super::read::Input;
use super::world::{Definitions, all_shown, applied, formula, running, schedule_of, shown, sum};
use anyhow::{Context, Result, anyhow, bail};
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
    let limits = input.get("limits")?;
    let mut definitions = Definitions::new();
    for (index, (_, limits)) in limits.members()?.into_iter().enumerate() {
        let bounds: Vec<Json> =
            limits.items()?.iter().map(|limit| Ok(json!(limit.digits()?))).collect::<Result<_>>()?;
        if bounds.len() + 1 != prices.len() {
            bail!("{} limits need {} prices, not {}", bounds.len(), bounds.len() + 1, prices.len());
        }
        let bounds = bounds.into_iter().chain([Json::Null]);
        let tiers = bounds.zip(&prices).map(|(up_to, price)| Ok(json!({"up_to": up_to, "flat": price.digits()?})));
        let tiers = tiers.collect::<Result<Vec<_>>>()?;
        let steps = json!({"mode": "stairstep", "zero_usage": "first_flat", "tiers": tiers});
        definitions = definitions.with(Kind::Schedule, &format!("unit{index}"), steps);
    }
    let world = definitions.compile()?;
    let mut amounts = Vec::new();
    for usage in input.get("usage")?.items()? {
        // The unit that reaches the highest step says which one it is.
        let mut highest: Option<(usize, Decimal)> = None;
        for (name, used) in usage.members()? {
            let index = limits.members()?.iter().position(|(unit, _)| *unit == name);
            let index = index.ok_or_else(|| anyhow!("the unit {name} has no limits"))?;
            let steps = world.schedule(&format!("unit{index}"))?;
            let (tier, amount) = (steps.tier_of(used.decimal()?)?, steps.apply(used.decimal()?)?.amount);
            highest = highest.max(Some((tier, amount)));
        }
        amounts.push(highest.map(|(_, amount)| amount).context("nothing is used")?);
    }
    Ok(json!({"amounts": all_shown(amounts)}))
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
    Ok(json!({"quick_deductions": all_shown(world.schedule("s")?.quick_deductions()?)}))
}

fn slab_lookup_scaled(input: &Input<'_>) -> Result<Json> {
    let world = schedule_of(tiers_as(&input.get("tiers")?, &[], json!({"mode": "quick_deduction"}))?)?;
    let mut taxes = Vec::new();
    for amount in input.get("amounts")?.decimals()? {
        let measure = formula(input.get("lookup")?.text()?, &[("amount", amount)])?;
        let base = formula(input.get("apply_to")?.text()?, &[("amount", amount)])?;
        taxes.push(world.schedule("s")?.apply_tier_of(measure, base)?.amount);
    }
    Ok(json!({"tax": all_shown(taxes)}))
}

/// Tiers by whole units, money by the part of the period they were in use.
fn graduated_prorated(input: &Input<'_>) -> Result<Json> {
    let world = schedule_of(definition(&input.get("schedule")?)?)?;
    let full = input.get("events_full")?.decimals()?;
    let prorated = input.get("events_prorated")?.decimals()?;
    if full.len() != prorated.len() {
        bail!("{} whole events and {} prorated ones", full.len(), prorated.len());
    }
    let mut amounts = Vec::new();
    let mut before = Decimal::ZERO;
    for ((units, used), after) in full.iter().zip(prorated).zip(running(&full)?) {
        if !units.is_zero() {
            amounts.push(world.schedule("s")?.between(before, after)?.prorated(used, *units)?.amount);
        }
        before = after;
    }
    Ok(json!({"amount_rounded_2": shown(round(sum(&amounts)?, 2, Rounding::HalfUp))}))
}

/// The same base each month, cumulated over the year, less what the months before withheld.
fn accumulator_delta(input: &Input<'_>) -> Result<Json> {
    let base = input.get("monthly_base")?.decimal()?;
    let months = vec![base; input.get("months")?.count()?];
    let (_, withheld) = accrued(definition(&input.get("schedule")?)?, &months)?;
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
        // What is free in a period is shared by its transactions; a plan prices each by itself.
        return Ok(json!({"amount": shown(world.schedule("s")?.apply_events(&events)?.amount)}));
    }
    let prices = priced(&world, "s", &events, Counting::Each)?;
    Ok(json!({"amount": shown(sum(&prices.iter().map(|price| price.amount).collect::<Vec<_>>())?)}))
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
