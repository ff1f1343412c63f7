//! The amount of a line that pays one party: a formula, a price for a quantity, or what is due of an entitlement.

use super::known::KeyPart;
use super::priced::{Price, parts_of};
use super::source::tax_terms;
use super::{Asking, Counts, Desired, Group, Shared, adjust};
use crate::codes::Code;
use crate::decide::Halt;
use crate::env::{Reader, RecordEnv};
use crate::money::{Money, places_of};
use crate::period::{Period, PeriodCalendar};
use crate::record::Name;
use crate::refusal::Refusal;
use crate::settlement::line::{Line, Party};
use crate::settlement::plan::{Amount, By, Cumulate, Entitled, PAY, Pays, PlanLine, derived};
use crate::settlement::rebate::{due, entitled, growth, growth_rebate};
use crate::settlement::rounding::round;
use crate::settlement::schedule::{Applied, Mode, Schedule};
use crate::settlement::trace::{DueTrace, PriceTrace};
use crate::value::Value;
use rust_decimal::Decimal;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) fn line(
    asking: &Asking<'_>,
    env: &RecordEnv<'_>,
    line: &PlanLine,
    amount: &Amount,
    (payer, payee): (Party, Party),
    shared: &Shared<'_>,
) -> Result<Desired, Halt> {
    let mut lookups = shared.steps.lookups_and(1);
    let tax = tax_terms(asking, env, line.tax.as_ref(), (&payer, &payee), &mut lookups)?;
    let parties = (&payer, &payee);
    let (price, quantity, mut group) = match amount {
        Amount::Formula(expr) => (Price::Amount(money(asking, line, env.eval(expr)?)?), Decimal::ONE, None),
        Amount::Apply { price, quantity, cumulate } => {
            let Some(quantity) = env.read(quantity)?.as_decimal() else {
                return Err(pending(asking, line, "the quantity is empty").into());
            };
            let price = price_of(asking, line, &*env.read(price)?)?;
            let group = match (cumulate, &price) {
                (Some(cumulate), Price::Tiered { schedule, .. }) => {
                    let tiers = &asking.reader.model.schedules[schedule];
                    if tiers.leaves_free() {
                        return Err(not_shared(schedule).with("line", &*line.id).into());
                    }
                    // A share of each transaction has no tiers to count in: its flat amount, least and most are its own.
                    match tiers.mode() {
                        Mode::Percentage => None,
                        _ => Some(grouped(asking, env, cumulate, parties, shared, Counts::Quantity)?),
                    }
                }
                _ => None,
            };
            (price, quantity, group)
        }
        Amount::Entitled(terms) => {
            let (price, volume) = owed(asking, env, line, terms, parties)?;
            (price, volume, None)
        }
    };
    let (adjusts, counted, totals) = adjust::all(asking, env, line, parties, shared)?;
    group = group.or(counted);
    Ok(Desired {
        line: asking.known.own(&line.id),
        payer,
        payee,
        group,
        quantity,
        dimensions: shared.dimensions.clone(),
        lookups,
        totals: shared.steps.totals.iter().cloned().chain(totals).collect(),
        price,
        rounding: line.rounding,
        tax,
        adjusts,
        wait: shared.wait,
    })
}

/// An amount as a formula gives it.
pub(super) fn money(asking: &Asking<'_>, line: &PlanLine, value: Value) -> Result<Money, Halt> {
    match value {
        Value::Money(amount) => Ok(amount),
        Value::Decimal(amount) => Ok(Money::new(amount, &asking.reader.model.currency)),
        Value::Null => Err(pending(asking, line, "the amount is empty").into()),
        other => {
            Err(Refusal::new(Code::ScriptType, format!("the amount of `{}` is a {}", line.id, other.kind())).into())
        }
    }
}

fn price_of(asking: &Asking<'_>, line: &PlanLine, value: &Value) -> Result<Price, Halt> {
    let (model, known) = (asking.reader.model, asking.known);
    Ok(match value {
        Value::Money(price) => Price::Unit(price.clone()),
        Value::Decimal(price) => Price::Unit(Money { amount: *price, currency: known.own(&model.currency) }),
        Value::Map(members) => {
            let (schedule, currency) = tiered(asking.reader, members)?;
            Price::Tiered { schedule, currency }
        }
        Value::Text(schedule) if model.schedules.contains_key(schedule) => {
            Price::Tiered { schedule: known.own(schedule), currency: known.own(&model.currency) }
        }
        _ => return Err(pending(asking, line, "the price is empty").into()),
    })
}

fn tiered(reader: &Reader<'_>, members: &BTreeMap<String, Value>) -> Result<(Name, Name), Halt> {
    let text = |member: &str| match members.get(member) {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    let schedule = text("schedule").unwrap_or_else(|| "".into());
    match reader.model.schedules.contains_key(&schedule) {
        true => Ok((schedule, text("currency").unwrap_or_else(|| reader.model.currency.clone()))),
        false => Err(Refusal::new(Code::UnknownDefinition, format!("there is no schedule `{schedule}`"))
            .with("schedule", &*schedule)
            .into()),
    }
}

/// The group of a line: what makes it up, and the period it adds up in.
pub(super) fn grouped(
    asking: &Asking<'_>,
    env: &RecordEnv<'_>,
    cumulate: &Cumulate,
    (payer, payee): (&Party, &Party),
    shared: &Shared<'_>,
    counts: Counts,
) -> Result<Group, Halt> {
    let mut parts = Vec::with_capacity(cumulate.by.len());
    for by in &cumulate.by {
        parts.push(match by {
            By::Payer => KeyPart::Party(Cow::Borrowed(payer)),
            By::Payee => KeyPart::Party(Cow::Borrowed(payee)),
            By::Fixed(text) => KeyPart::Fixed(Cow::Borrowed(text)),
            By::Row(step) => KeyPart::Row(shared.steps.row(step)),
            By::Value(expr) => KeyPart::Value(env.read(expr)?),
        });
    }
    let calendar = asking.reader.model.calendars.get(&cumulate.calendar).expect("the plan's calendars were checked");
    let digest = asking.known.digest(&parts);
    Ok(Group { digest, period: asking.known.period(calendar, asking.date), counts })
}

/// What a cumulated volume is entitled to, less what stands posted of it in earlier periods.
fn owed(
    asking: &Asking<'_>,
    env: &RecordEnv<'_>,
    line: &PlanLine,
    terms: &Entitled,
    parties: (&Party, &Party),
) -> Result<(Price, Decimal), Halt> {
    let Some(volume) = env.eval(&terms.volume)?.as_decimal() else {
        return Err(pending(asking, line, "the volume is empty").into());
    };
    let (name, currency) = match env.eval(&terms.schedule)? {
        Value::Map(members) => tiered(asking.reader, &members)?,
        Value::Text(schedule) if asking.reader.model.schedules.contains_key(&schedule) => {
            (schedule, asking.reader.model.currency.clone())
        }
        _ => return Err(pending(asking, line, "the schedule is empty").into()),
    };
    let schedule = &asking.reader.model.schedules[&name];
    let (applied, grown) = earned(asking, env, line, terms, schedule, volume)?;
    let places = places_of(&currency);
    let whole = round(applied.amount, places, line.rounding);
    let (posted, period) = posted_before(asking, &line.id, terms, parties);
    let rest = due(whole, posted).map_err(|error| {
        Refusal::new(Code::AmountOverflow, format!("the line `{}`: {error}", line.id)).with("line", &*line.id)
    })?;
    let price = PriceTrace {
        quantity: volume,
        before: None,
        schedule: Some(name.clone()),
        parts: parts_of(&applied),
        made_up: None,
        to_next: if grown.is_none() { schedule.to_next_tier(volume) } else { None },
        amount: applied.amount,
    };
    let from = serde_json::to_value(terms.from).ok().and_then(|from| from.as_str().map(str::to_owned));
    let told = DueTrace {
        period,
        entitled: whole,
        posted,
        retroactive_from: from.filter(|_| terms.from != Default::default()),
        growth: grown,
    };
    Ok((Price::Due(Money { amount: rest, currency }, Box::new((price, told))), volume))
}

/// The whole entitlement, and the growth that found its tier.
fn earned(
    asking: &Asking<'_>,
    env: &RecordEnv<'_>,
    line: &PlanLine,
    terms: &Entitled,
    schedule: &Schedule,
    volume: Decimal,
) -> Result<(Applied, Option<Decimal>), Halt> {
    let failed = |error: crate::settlement::schedule::ApplyError| {
        Halt::from(
            Refusal::new(Code::AmountOverflow, format!("the line `{}` cannot price {volume}: {error}", line.id))
                .with("line", &*line.id),
        )
    };
    let Some((compared, base)) = &terms.growth else {
        return Ok((entitled(schedule, volume, terms.from).map_err(failed)?, None));
    };
    let Some(before) = env.eval(compared)?.as_decimal() else {
        return Err(pending(asking, line, "the volume to compare with is empty").into());
    };
    // Growth from nothing has no base: nothing is earned, and the trace has no growth to show.
    let applied = growth_rebate(schedule, before, volume, *base).map_err(failed)?.unwrap_or_default();
    Ok((applied, growth(before, volume)))
}

/// What stands posted of the same entitlement: for earlier periods of the one it adds up in, and for the settled period
/// what was posted in a period that is closed. The rest is told anew.
fn posted_before(
    asking: &Asking<'_>,
    line: &Name,
    terms: &Entitled,
    (payer, payee): (&Party, &Party),
) -> (Decimal, String) {
    let (own, over) = calendars(asking, terms);
    let settled = settled_period(asking, own);
    let over_of = |period: &Period| over.period_of(period.last_day()).name;
    let adds_up_in = over_of(&settled);
    let counts = |posted: &&Arc<Line>| {
        let Some(period) = own.named(&posted.service_period) else { return false };
        let earlier = period.from < settled.from && over_of(&period) == adds_up_in;
        posted.line == *line
            && posted.payer == *payer
            && posted.payee == *payee
            && (earlier || (period.name == settled.name && asking.is_closed(&posted.period)))
    };
    (asking.posted.iter().filter(counts).map(|posted| posted.gross).sum(), adds_up_in)
}

/// The plan's calendar, and the one in whose periods an entitlement adds up.
fn calendars<'m>(asking: &Asking<'m>, terms: &Entitled) -> (&'m PeriodCalendar, &'m PeriodCalendar) {
    let calendars = &asking.reader.model.calendars;
    let own = &calendars[&asking.plan.calendar];
    (own, terms.over.as_ref().map_or(own, |over| &calendars[over]))
}

fn settled_period(asking: &Asking<'_>, own: &PeriodCalendar) -> Period {
    asking.fact.period.cloned().unwrap_or_else(|| own.period_of(asking.date))
}

/// What pays an accrued line: at the end of what it adds up in, all of it less what was paid before.
pub(super) fn payment(asking: &Asking<'_>, line: &PlanLine, accrued: &Desired) -> Result<Option<Desired>, Halt> {
    let (Pays::One { amount: Amount::Entitled(terms), .. }, Price::Due(money, traces)) = (&line.pays, &accrued.price)
    else {
        return Ok(None);
    };
    let (own, over) = calendars(asking, terms);
    let settled = settled_period(asking, own);
    let is_last = over.period_of(own.next(&settled).last_day()) != over.period_of(settled.last_day());
    if line.paid_by.is_none() || !is_last {
        return Ok(None);
    }
    let id = derived(&line.id, PAY);
    let (posted, period) = posted_before(asking, &id, terms, (&accrued.payer, &accrued.payee));
    let entitled = traces.1.entitled;
    let rest = due(entitled, posted)
        .map_err(|error| Refusal::new(Code::AmountOverflow, format!("the line `{id}`: {error}")).with("line", &*id))?;
    let price = PriceTrace { parts: Vec::new(), schedule: None, to_next: None, amount: entitled, ..traces.0.clone() };
    let told = DueTrace { period, entitled, posted, retroactive_from: None, growth: None };
    let money = Money { amount: rest, currency: money.currency.clone() };
    let price = Price::Due(money, Box::new((price, told)));
    Ok(Some(Desired { line: id, price, adjusts: Vec::new(), ..accrued.clone() }))
}

/// Each fact would have the whole allowance.
fn not_shared(schedule: &Name) -> Refusal {
    let detail = format!("`{schedule}` leaves something of a period free, which its facts cannot share by `cumulate`");
    Refusal::new(Code::BadSchedule, detail).with("schedule", &**schedule)
}

fn pending(asking: &Asking<'_>, line: &PlanLine, why: &str) -> Refusal {
    Refusal::new(Code::PricePending, format!("{why} for the line `{}`", line.id))
        .with("plan", &*asking.plan.name)
        .with("line", &*line.id)
}
