//! Cases of what runs post again: corrections that keep their period, and reversals.

use super::Family;
use super::read::Input;
use super::world::{applied, schedule_of, shown, sum};
use anyhow::{Context, Result};
use packwork_engine::moment::{Date, Moment};
use packwork_engine::period::{Period, PeriodCalendar};
use packwork_engine::settlement::line::{Line, Party, TaxTreatment};
use packwork_engine::settlement::post::reversal;
use packwork_engine::settlement::rebate::due;
use packwork_engine::settlement::trace::Trace;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

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

/// A posted line with the amounts of a statement, and its reversal.
fn reversed(input: &Input<'_>) -> Result<Json> {
    let statement = input.get("statement")?;
    let amount = |name: &str| statement.get(name)?.decimal();
    let date = Date::constant(2026, 3, 15);
    let calendar = PeriodCalendar::compile(&Default::default());
    let period: Period = calendar.period_of(date);
    let party = |object: &str| Party { object: object.into(), id: Uuid::nil() };
    let line = Line {
        id: Uuid::from_u128(1),
        plan: "plan".into(),
        line: "line".into(),
        fact_object: "fact".into(),
        fact: Uuid::nil(),
        payer: party("department"),
        payee: party("partner"),
        business_date: date,
        period: period.name.as_str().into(),
        service_period: period.name.as_str().into(),
        corrects: None,
        reverses: None,
        group: None,
        group_period: None,
        quantity: Decimal::ONE,
        gross: amount("gross")?,
        net: amount("net")?,
        tax: amount("tax")?,
        tax_rate: Decimal::ZERO,
        tax_kind: TaxTreatment::Inclusive,
        currency: "CNY".into(),
        dimensions: Arc::default(),
        trace: Trace::default(),
        statement: None,
        run: None,
        posted_at: Moment::from_micros(0),
    };
    let taken_back = reversal(&line, Uuid::from_u128(2), &line.period, None, Moment::from_micros(0));
    let rest = sum(&[line.gross, taken_back.gross]).context("adding both up")?;
    Ok(json!({
        "reversal": {"net": shown(taken_back.net), "tax": shown(taken_back.tax), "gross": shown(taken_back.gross)},
        "sum": shown(rest),
    }))
}
