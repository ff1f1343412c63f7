//! Schedules and accumulators as people look at them: tiers, what they make of some quantities, until when a period counts.

use super::{Reach, period, reach, unknown};
use crate::app::App;
use crate::service::session::Caller;
use crate::service::{Answer, refuse};
use packwork_engine::codes::Code;
use packwork_engine::model::Model;
use packwork_engine::refusal::{FieldError, Refusal};
use packwork_engine::settlement::schedule::{Applied, ApplyError, Part, Schedule};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};

/// Quantities that are tried at once.
pub const QUANTITIES_MAX: usize = 1_000;

/// What a schedule is tried with.
pub struct Asked {
    pub quantities: Vec<Decimal>,
    /// How much of each quantity is charged, where that is not all of it.
    pub used: Option<Vec<Decimal>>,
    /// Whether each quantity counts on top of those before it.
    pub cumulate: bool,
}

/// Settings of settlement are for those who see all of it.
fn may_look(caller: &Caller) -> Result<(), Refusal> {
    match reach(caller)? {
        Reach::All => Ok(()),
        Reach::Party(_) => {
            Err(refuse(Code::Forbidden, "you may not read how prices are made").with("action", "schedules"))
        }
    }
}

fn schedule<'m>(model: &'m Model, name: &str) -> Result<&'m Schedule, Refusal> {
    model.schedules.get(name).ok_or_else(|| unknown("schedule", name, model.schedules.keys()))
}

fn titled(model: &Model, caller: &Caller, name: &str, schedule: &Schedule) -> Json {
    let title = model.texts.get(caller.locale.as_str(), &format!("schedule/{name}/title"));
    json!({"name": name, "title": title, "mode": schedule.mode()})
}

pub fn all(app: &App, caller: &Caller) -> Answer<Json> {
    may_look(caller)?;
    let model = app.model();
    let data: Vec<Json> =
        model.schedules.iter().map(|(name, schedule)| titled(&model, caller, name, schedule)).collect();
    Ok(json!({"data": data}))
}

/// One schedule with its tiers. Where each tier prices what lies within it, the quick deductions (速算扣除数) stand beside
/// them: `rate * quantity - deduction` is what all tiers up to it come to.
pub fn one(app: &App, caller: &Caller, name: &str) -> Answer<Json> {
    may_look(caller)?;
    let model = app.model();
    let schedule = schedule(&model, name)?;
    let deductions = match schedule.is_unit_by_unit() {
        true => schedule.quick_deductions().unwrap_or_default(),
        false => Vec::new(),
    };
    let tiers: Vec<Json> = schedule
        .tiers()
        .iter()
        .enumerate()
        .map(|(index, tier)| {
            let mut shown = json!({
                "up_to": tier.up_to.map(digits),
                "rate": digits(tier.rate),
                "flat": digits(tier.flat),
                "deduct": digits(tier.deduct),
            });
            if let Some(deduction) = deductions.get(index) {
                shown["quick_deduction"] = json!(digits(*deduction));
            }
            shown
        })
        .collect();
    let mut shown = titled(&model, caller, name, schedule);
    shown["tiers"] = json!(tiers);
    Ok(shown)
}

/// What a schedule makes of some quantities: exact amounts with their parts, not rounded to money.
pub fn apply(app: &App, caller: &Caller, name: &str, asked: &Asked) -> Answer<Json> {
    may_look(caller)?;
    let model = app.model();
    let schedule = schedule(&model, name)?;
    let mut before = Decimal::ZERO;
    let mut total = Decimal::ZERO;
    let mut applied: Vec<Json> = Vec::with_capacity(asked.quantities.len());
    for (index, quantity) in asked.quantities.iter().enumerate() {
        let used = asked.used.as_ref().and_then(|used| used.get(index)).copied();
        let after = before.checked_add(*quantity).ok_or(ApplyError::Overflow);
        let priced = after.and_then(|after| {
            let whole = match asked.cumulate {
                true => schedule.between(before, after)?,
                false => schedule.apply(*quantity)?,
            };
            let priced = match used {
                Some(used) if !quantity.is_zero() => whole.prorated(used, *quantity)?,
                _ => whole,
            };
            total = total.checked_add(priced.amount).ok_or(ApplyError::Overflow)?;
            Ok((priced, after))
        });
        let (priced, after) = priced.map_err(|error| wrong(index, *quantity, &error))?;
        applied.push(shown(*quantity, asked.cumulate.then_some(before), &priced));
        before = after;
    }
    Ok(json!({"schedule": name, "applied": applied, "amount": digits(total)}))
}

fn wrong(index: usize, quantity: Decimal, error: &ApplyError) -> Refusal {
    let code = match error {
        ApplyError::Overflow => Code::AmountOverflow,
        ApplyError::NegativeQuantity | ApplyError::BeyondLastTier { .. } | ApplyError::NoSingleTier => Code::OutOfRange,
    };
    let field = FieldError::new(code, format!("/quantities/{index}"), error.to_string());
    Refusal::of_fields(vec![field.with("value", quantity.to_string())])
}

fn shown(quantity: Decimal, before: Option<Decimal>, applied: &Applied) -> Json {
    let part = |part: &Part| {
        json!({
            "tier": part.tier,
            "quantity": digits(part.quantity),
            "rate": digits(part.rate),
            "flat": digits(part.flat),
            "amount": digits(part.amount),
        })
    };
    json!({
        "quantity": digits(quantity),
        "before": before.map(digits),
        "amount": digits(applied.amount),
        "parts": applied.parts.iter().map(part).collect::<Vec<_>>(),
    })
}

fn digits(number: Decimal) -> String {
    number.normalize().to_string()
}

/// Until when what is recorded counts for a period of an accumulator, and when the period is worked out.
pub fn window(app: &App, caller: &Caller, name: &str, period_name: &str) -> Answer<Json> {
    may_look(caller)?;
    let model = app.model();
    let accumulator = model.accumulators.get(name);
    let accumulator = accumulator.ok_or_else(|| unknown("accumulator", name, model.accumulators.keys()))?;
    let period = period(super::calendar(&model, &accumulator.calendar)?, period_name)?;
    Ok(json!({
        "accumulator": name,
        "period": period.name,
        "from": period.from.to_string(),
        // The contract's `to` is the last day people see, not the first day after.
        "to": period.to.yesterday().unwrap_or(period.to).to_string(),
        "counts_until": accumulator.window.counts_until(&period).map(|day| day.to_string()),
        "calculated_on": accumulator.window.calculated_on(&period).to_string(),
    }))
}
