//! Cases of commission: flat, slabs, tiers, interpolation, formulas and fixed amounts that override.

use super::Family;
use super::read::Input;
use super::tiers::{cumulated, tiers_as};
use super::world::{Definitions, World, all_shown, any_date, applied, evaluate, running, schedule_of, shown, sum};
use anyhow::{Context, Result};
use packwork_engine::definition::Kind;
use packwork_engine::settlement::schedule::Applied;
use packwork_engine::settlement::table::Miss;
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

pub const FAMILIES: &[(&str, Family)] = &[
    ("commission.flat", flat),
    ("commission.split_tiers", |input| tiered(input, "graduated_percentage", Counting::Each)),
    ("commission.split_tiers_cumulative", |input| tiered(input, "graduated_percentage", Counting::Together)),
    ("commission.slab", slab),
    ("commission.interpolate", |input| tiered(input, "interpolate", Counting::Each)),
    ("commission.formula", by_formula),
    ("commission.override", overridden),
];

/// Whether each sale starts at the first tier, or where the one before ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counting {
    Each,
    Together,
}

const BASES: &[&str] = &["sales", "transactions", "base"];

/// What the answer is compared with: one commission or several, and their total.
fn earned(input: &Input<'_>, earnings: Vec<Decimal>) -> Result<Json> {
    let total = shown(sum(&earnings)?);
    let all = all_shown(earnings);
    let commission = if input.either(BASES)?.items().is_ok() { all.clone() } else { all[0].clone() };
    Ok(json!({"commission": commission, "earnings": all, "total": total}))
}

fn bases(input: &Input<'_>) -> Result<Vec<Decimal>> {
    input.either(BASES)?.several().iter().map(Input::decimal).collect()
}

fn each(world: &World, bases: &[Decimal]) -> Result<Vec<Decimal>> {
    bases.iter().map(|base| Ok(applied(world, *base)?.amount)).collect()
}

fn flat(input: &Input<'_>) -> Result<Json> {
    let tier = json!({"up_to": null, "rate": input.get("rate")?.digits()?});
    let world = schedule_of(json!({"mode": "volume_percentage", "tiers": [tier]}))?;
    earned(input, each(&world, &bases(input)?)?)
}

/// What a schedule of percentages means where the case does not say: a last tier with a bound prices nothing beyond it.
fn percentages(input: &Input<'_>, mode: &str, beyond: &str) -> Result<Json> {
    let tiers = input.either(&["tiers", "sections"])?;
    let mut more = json!({"mode": mode});
    if let Some(bounds) = input.find("bounds") {
        more["bounds"] = bounds.json.clone();
    }
    if tiers.items()?.last().is_some_and(|last| last.has("up_to")) {
        more["beyond"] = json!(beyond);
    }
    tiers_as(&tiers, &[("amount", "flat")], more)
}

fn tiered(input: &Input<'_>, mode: &str, counting: Counting) -> Result<Json> {
    let world = schedule_of(percentages(input, mode, "error")?)?;
    let bases = bases(input)?;
    let earnings = match counting {
        Counting::Each => each(&world, &bases)?,
        Counting::Together => {
            let steps = cumulated(&world, &running(&bases)?)?;
            steps.into_iter().map(|Applied { amount, .. }| amount).collect()
        }
    };
    earned(input, earnings)
}

/// The rate of the tier, or of the section from one bound to another, on the whole base; outside every section nothing.
fn slab(input: &Input<'_>) -> Result<Json> {
    let sections = input.either(&["tiers", "sections"])?.items()?;
    if !sections.iter().any(|section| section.has("from")) {
        let world = schedule_of(percentages(input, "volume_percentage", "nothing")?)?;
        return earned(input, each(&world, &bases(input)?)?);
    }
    let mut definitions = Definitions::new();
    let mut rows = Vec::new();
    for (index, section) in sections.iter().enumerate() {
        let from =
            section.find("from").map_or(Ok(String::new()), |from| from.digits().map(|from| format!(">= {from}")))?;
        let to = section.find("to").or_else(|| section.find("up_to"));
        let to = to.map_or(Ok(String::new()), |to| to.digits().map(|to| format!("<= {to}")))?;
        let both = [from, to].into_iter().filter(|condition| !condition.is_empty()).collect::<Vec<_>>().join(", ");
        let tier = json!({"up_to": null, "rate": section.get("rate")?.digits()?});
        let name = format!("section{index}");
        definitions = definitions.with(Kind::Schedule, &name, json!({"mode": "volume_percentage", "tiers": [tier]}));
        let condition = if both.is_empty() { "*".to_owned() } else { both };
        rows.push(json!({"id": name, "base": condition, "price": {"schedule": name}, "valid": ["1900-01-01", null]}));
    }
    let table = json!({
        "hit": "first",
        "columns": {"base": {"number": true}},
        "values": {"price": {"type": "money_or_schedule"}},
        "rows": rows,
    });
    let mut world = definitions.with(Kind::RateTable, "sections", table).compile()?;
    let mut earnings = Vec::new();
    for base in bases(input)? {
        earnings.push(match world.look_up("sections", &[Value::Decimal(base)], any_date())? {
            Ok(found) => world.schedule(&found.row)?.apply(base)?.amount,
            Err(Miss::None { .. }) => Decimal::ZERO,
            Err(other) => return Err(other.into()),
        });
    }
    earned(input, earnings)
}

/// The formula over the base it reads; a refund is the formula over what is taken back.
fn by_formula(input: &Input<'_>) -> Result<Json> {
    let formula = input.get("formula")?.text()?;
    let base = input.get("base")?.decimal()?;
    let mut names: Vec<&str> = Vec::new();
    for word in formula.split(|letter: char| !(letter.is_alphanumeric() || "_.".contains(letter))) {
        if word.starts_with(|first: char| first.is_alphabetic()) {
            names.push(word);
        }
    }
    let commission = |base: Decimal| -> Result<Decimal> {
        let values: BTreeMap<String, Value> =
            names.iter().map(|name| ((*name).to_owned(), Value::Decimal(base))).collect();
        evaluate(formula, &values)?.as_decimal().context("the formula gives no number")
    };
    Ok(json!({"commission": shown(commission(base)?), "refund": shown(commission(-base)?)}))
}

/// A fixed amount wins over the percentage, also where it is nothing; one that is not set does not.
fn overridden(input: &Input<'_>) -> Result<Json> {
    let mut commissions = Vec::new();
    let fixed = input.json.get("fixed").context("input/fixed is missing")?;
    let several = fixed.as_array().map_or_else(|| vec![fixed], |items| items.iter().collect());
    for fixed in several {
        let fixed = if fixed.is_null() { Value::Null } else { Value::Decimal(Input::of(fixed).decimal()?) };
        let values = BTreeMap::from([
            ("fixed".to_owned(), fixed),
            ("base".to_owned(), Value::Decimal(input.get("base")?.decimal()?)),
            ("rate".to_owned(), Value::Decimal(super::money::share(&input.get("percent")?)?)),
        ]);
        let commission = evaluate("coalesce(fixed, base * rate)", &values)?;
        commissions.push(commission.as_decimal().context("the formula gives no number")?);
    }
    Ok(json!({"commission": if fixed.is_array() { all_shown(commissions) } else { all_shown(commissions)[0].clone() }}))
}
