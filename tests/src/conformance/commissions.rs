//! Cases of commission: flat, slabs, tiers, interpolation, formulas and fixed amounts that override.

use super::Family;
use super::asked::{Counting, computed};
use super::planned::{Company, by_fact, company};
use super::read::Input;
use super::tables::as_expression;
use super::tiers::tiers_as;
use super::world::{Definitions, all_shown, shown, sum};
use anyhow::{Context, Result};
use packwork_engine::definition::Kind;
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

/// What sales of one party earn by a schedule, each by itself or together over the year.
fn by_schedule(schedule: Json, bases: &[Decimal], counting: Counting) -> Result<Vec<Decimal>> {
    let mut amount = json!({"apply": "s", "to": "record.amount"});
    if counting == Counting::Together {
        amount["cumulate"] = json!({"by": ["payee"], "period": "year"});
    }
    let definitions = company(bases).with(Kind::Schedule, "s", schedule);
    sold(definitions, json!({"payee": "record.party", "amount": amount}), bases, |_| json!({}))
}

/// What sales of one party earn, a day each.
fn sold(definitions: Definitions, line: Json, bases: &[Decimal], more: impl Fn(usize) -> Json) -> Result<Vec<Decimal>> {
    let mut company = Company::open(definitions.settling_sales(line))?;
    company.party("seller", json!({}))?;
    let mut facts = Vec::new();
    for (day, base) in bases.iter().enumerate() {
        facts.push(company.sale("seller", day, *base, more(day))?);
    }
    by_fact(&company.run("2026")?, &facts)
}

fn flat(input: &Input<'_>) -> Result<Json> {
    let tier = json!({"up_to": null, "rate": input.rate()?.to_string()});
    let schedule = json!({"mode": "volume_percentage", "tiers": [tier]});
    earned(input, by_schedule(schedule, &bases(input)?, Counting::Each)?)
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
    earned(input, by_schedule(percentages(input, mode, "error")?, &bases(input)?, counting)?)
}

/// The rate of the tier, or of the section from one bound to another, on the whole base; outside every section nothing.
fn slab(input: &Input<'_>) -> Result<Json> {
    let sections = input.either(&["tiers", "sections"])?.items()?;
    if !sections.iter().any(|section| section.has("from")) {
        let schedule = percentages(input, "volume_percentage", "nothing")?;
        return earned(input, by_schedule(schedule, &bases(input)?, Counting::Each)?);
    }
    let mut definitions = company(&bases(input)?);
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
    let line = json!({
        "payee": "record.party",
        "amount": {"apply": "row.price", "to": "record.amount"},
    });
    let row = json!({"row": {"lookup": "sections", "with": {"base": "record.amount"}, "no_match": {"value": "0"}}});
    let definitions = definitions.with(Kind::RateTable, "sections", table).looking_up(row);
    earned(input, sold(definitions, line, &bases(input)?, |_| json!({}))?)
}

/// The formula over the base it reads; a refund is the formula over what is taken back.
fn by_formula(input: &Input<'_>) -> Result<Json> {
    let formula = &as_expression(input.get("formula")?.text()?);
    let base = input.get("base")?.decimal()?;
    let mut names: Vec<&str> = Vec::new();
    for word in formula.split(|letter: char| !(letter.is_alphanumeric() || "_.".contains(letter))) {
        if word.starts_with(|first: char| first.is_alphabetic()) && !["if", "else"].contains(&word) {
            names.push(word);
        }
    }
    let commission = |base: Decimal| -> Result<Decimal> {
        let numbers: BTreeMap<String, Decimal> = names.iter().map(|name| ((*name).to_owned(), base)).collect();
        let values = computed(&[("commission", formula)], &numbers)?;
        values.get("commission").and_then(Value::as_decimal).context("the formula gives no number")
    };
    Ok(json!({"commission": shown(commission(base)?), "refund": shown(commission(-base)?)}))
}

/// A fixed amount wins over the percentage, also where it is nothing; one that is not set does not.
fn overridden(input: &Input<'_>) -> Result<Json> {
    let fixed = input.json.get("fixed").unwrap_or(&Json::Null);
    let several = fixed.as_array().map_or_else(|| vec![fixed], |items| items.iter().collect());
    let set: Vec<Option<String>> = several
        .into_iter()
        .map(|fixed| if fixed.is_null() || fixed == "" { Ok(None) } else { Input::of(fixed).digits().map(Some) })
        .collect::<Result<_>>()?;
    let rate = input.rate()?.to_string();
    let line = json!({"payee": "record.party", "amount": "coalesce(record.fixed, record.amount * record.rate)"});
    // One base for each fixed amount, or one fixed amount for each base.
    let base = input.either(BASES)?;
    let bases: Vec<Decimal> = base.several().iter().map(Input::decimal).collect::<Result<_>>()?;
    let sales = bases.len().max(set.len());
    let bases: Vec<Decimal> = bases.iter().copied().cycle().take(sales).collect();
    let figures: Vec<Decimal> = set.iter().flatten().map(|fixed| fixed.parse()).collect::<Result<_, _>>()?;
    let commissions = sold(
        company(&[bases.as_slice(), &figures].concat()),
        line,
        &bases,
        |sale| json!({"fixed": set[sale % set.len()], "rate": rate}),
    )?;
    let several = fixed.is_array() || base.json.is_array();
    Ok(json!({"commission": if several { all_shown(commissions) } else { all_shown(commissions)[0].clone() }}))
}
