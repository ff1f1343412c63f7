//! Cases of what runs post again: corrections that keep their period, and reversals.

use super::Family;
use super::planned::{Company, company};
use super::read::Input;
use super::world::{applied, formula, schedule_of, shown, sum};
use anyhow::{Context, Result, bail};
use packwork_engine::settlement::rebate::due;
use packwork_engine::settlement::rounding::{Rounding, round};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Places of a rate that is worked out from its tax.
const RATE_PLACES: u32 = 6;

pub const FAMILIES: &[(&str, Family)] = &[("rerate.period_preserving", period_preserving), ("run.reversal", reversed)];

/// Cumulated quantities of periods against what was billed of each: what is missing is posted for its own period.
fn period_preserving(input: &Input<'_>) -> Result<Json> {
    let tier = json!({"up_to": null, "unit": input.get("unit")?.digits()?});
    let world = schedule_of(json!({"mode": "graduated", "tiers": [tier]}))?;
    let mut billed: BTreeMap<i64, Decimal> = BTreeMap::new();
    for row in input.get("billed")?.items()? {
        billed.insert(row.get("period")?.integer()?, row.get("quantity")?.decimal()?);
    }
    let mut lines = Vec::new();
    let mut before = Decimal::ZERO;
    for row in input.get("new")?.items()? {
        let (period, cumulated) = (row.get("period")?.integer()?, row.get("cumulative")?.decimal()?);
        let own = due(cumulated, before)?;
        before = cumulated;
        let quantity = due(own, billed.get(&period).copied().unwrap_or_default())?;
        if quantity.is_zero() {
            continue;
        }
        let mut line = json!({
            "period": period,
            "quantity": shown(quantity),
            "amount": shown(applied(&world, quantity)?.amount),
        });
        if billed.contains_key(&period) {
            line["corrects"] = json!(format!("run-{period}"));
        }
        lines.push(line);
    }
    Ok(json!({"lines": lines}))
}

/// A sale with the amounts of a statement is settled, and comes to nothing later: its line is taken back.
fn reversed(input: &Input<'_>) -> Result<Json> {
    let statement = input.get("statement")?;
    let amount = |name: &str| statement.get(name)?.decimal();
    let (gross, net, tax) = (amount("gross")?, amount("net")?, amount("tax")?);
    let line = json!({
        "payee": "record.party",
        "amount": "record.amount",
        "tax": {"rate": "record.rate", "mode": "inclusive"},
    });
    let mut company = Company::open(company(&[gross]).settling_sales(line))?;
    company.party("partner", json!({}))?;
    let rate = round(formula("tax / net", &[("tax", tax), ("net", net)])?, RATE_PLACES, Rounding::HalfUp);
    let sale = company.sale("partner", 0, gross, json!({"rate": rate.to_string()}))?;
    let settled = company.run("2026")?;
    company.change("sale", sale, json!({"amount": "0"}))?;
    let taken_back = company.run("2026")?;
    let [settled] = settled.as_slice() else { bail!("{} lines were posted for one sale", settled.len()) };
    let taken_back = taken_back.iter().find(|line| line.gross.is_sign_negative()).context("nothing was taken back")?;
    if (settled.gross, settled.net, settled.tax) != (gross, net, tax) {
        bail!("the line comes to {} net and {} tax", settled.net, settled.tax);
    }
    Ok(json!({
        "reversal": {"net": shown(taken_back.net), "tax": shown(taken_back.tax), "gross": shown(taken_back.gross)},
        "sum": shown(sum(&[settled.gross, taken_back.gross])?),
    }))
}
