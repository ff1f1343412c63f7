//! An amount in another currency: by a dated row of a rate table, rounded once, with the row on the line. Rates are put
//! together by way of a third currency only where the plan says so.

use super::Asking;
use super::source::look_up_by;
use crate::codes::Code;
use crate::decide::Halt;
use crate::env::RecordEnv;
use crate::money::{Money, places_of};
use crate::record::Name;
use crate::refusal::Refusal;
use crate::settlement::plan::{Convert, ConvertInput};
use crate::settlement::rounding::{Point, Rounded, bounded};
use crate::settlement::trace::{ConvertedTrace, LookupTrace, THROUGH};
use crate::value::Value;
use rust_decimal::Decimal;
use std::borrow::Cow;

/// The amount, and the look-ups of its rates.
pub(super) fn converted(
    asking: &Asking<'_>,
    env: &RecordEnv<'_>,
    step: &Name,
    convert: &Convert,
) -> Result<(Value, Vec<LookupTrace>), Halt> {
    // The rates are asked for with what the amount needs.
    let rates = asking.reader.collection(&convert.table).map_err(Halt::from);
    let money = match env.eval(&convert.amount)? {
        Value::Money(money) => money,
        Value::Null => {
            let detail = format!("the amount that `{step}` converts is empty");
            return Err(Refusal::new(Code::PricePending, detail).with("step", &**step).into());
        }
        other => {
            let detail = format!("`{step}` converts an amount of money, not a {}", other.kind());
            return Err(Refusal::new(Code::ScriptType, detail).with("step", &**step).into());
        }
    };
    if *money.currency == *convert.to {
        return Ok((Value::Money(money), Vec::new()));
    }
    rates?;
    let between = convert.through.as_ref().filter(|through| ***through != *money.currency && ***through != *convert.to);
    let legs = match between {
        None => vec![(step.to_string(), money.currency.clone(), convert.to.clone())],
        Some(through) => vec![
            (format!("{step}{THROUGH}"), money.currency.clone(), through.clone()),
            (step.to_string(), through.clone(), convert.to.clone()),
        ],
    };
    let overflow = || {
        let detail = format!("the amount that `{step}` converts has too many digits");
        Halt::from(Refusal::new(Code::AmountOverflow, detail).with("step", &**step))
    };
    let (mut rate, mut lookups) = (Decimal::ONE, Vec::new());
    for (name, from, to) in legs {
        let (own, trace) = rate_of(asking, env, &name, convert, (&from, &to))?;
        rate = rate.checked_mul(own).ok_or_else(overflow)?;
        lookups.extend(trace);
    }
    let before = money.amount.checked_mul(rate).and_then(bounded).ok_or_else(overflow)?;
    let places = places_of(&convert.to);
    let rounded = Rounded::at(Point::Fx, before, places, convert.rounding);
    if let Some(last) = lookups.last_mut() {
        last.converted = Some(Box::new(ConvertedTrace {
            amount: money.amount,
            from: money.currency.to_string(),
            to: convert.to.to_string(),
            value: convert.value.to_string(),
            rate,
            before: rounded.before,
            after: rounded.after,
            mode: convert.rounding.name().into(),
            places,
        }));
    }
    Ok((Value::Money(Money { amount: rounded.after, currency: convert.to.clone() }), lookups))
}

/// The rate between two currencies on the fact's date.
fn rate_of(
    asking: &Asking<'_>,
    env: &RecordEnv<'_>,
    step: &str,
    convert: &Convert,
    (from, to): (&Name, &Name),
) -> Result<(Decimal, Option<LookupTrace>), Halt> {
    let table = asking.reader.model.rate_tables.get(&convert.table).expect("the plan's tables were checked");
    let mut inputs = Vec::with_capacity(convert.inputs.len());
    for input in &convert.inputs {
        inputs.push(match input {
            ConvertInput::From => Cow::Owned(Value::Text(from.clone())),
            ConvertInput::To => Cow::Owned(Value::Text(to.clone())),
            ConvertInput::Value(expr) => env.read(expr)?,
        });
    }
    let missing = |detail: String| {
        Refusal::new(Code::FxRateMissing, detail)
            .with("table", &*convert.table)
            .with("step", step)
            .with("from", &**from)
            .with("to", &**to)
            .with("date", asking.date.to_string())
    };
    let (found, trace) = look_up_by(asking, step, table, &inputs, None).map_err(|halt| match halt {
        Halt::Refused(refusal) if matches!(refusal.code, Code::NoPrice | Code::PricePending) => {
            missing(format!("`{}` has no rate from {from} to {to} on {}", convert.table, asking.date)).into()
        }
        other => other,
    })?;
    let rate = match &*found {
        Value::Map(members) => members.get(&*convert.value).and_then(Value::as_decimal),
        _ => None,
    };
    match rate {
        Some(rate) => Ok((rate, trace)),
        None => Err(missing(format!("the rate from {from} to {to} in `{}` is empty", convert.table)).into()),
    }
}
