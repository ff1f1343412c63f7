//! What an accumulator says for a key and a period: the facts or lines it counts, asked for whole and added up in the
//! order of their dates.

use super::Asking;
use crate::codes::Code;
use crate::decide::Halt;
use crate::env::RecordEnv;
use crate::facts::{Counted, CountedOf, TotalQuery};
use crate::money::Money;
use crate::record::{Name, slot};
use crate::refusal::Refusal;
use crate::settlement::accumulator::{Accumulator, Entry};
use crate::settlement::line::Line;
use crate::settlement::plan::{Total, Until};
use crate::settlement::trace::TotalTrace;
use crate::value::Value;
use jiff::ToSpan;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) fn of(asking: &Asking<'_>, env: &RecordEnv<'_>, step: &str, total: &Total) -> Result<TotalTrace, Halt> {
    let model = asking.reader.model;
    let accumulator = model.accumulators.get(&total.accumulator).expect("the plan's accumulators were checked");
    let calendar = model.calendars.get(&accumulator.calendar).expect("the accumulator's calendar was checked");
    let mut key = Vec::with_capacity(total.key.len());
    for expr in &total.key {
        let value = env.eval(expr)?;
        if value.is_null() {
            let detail = format!("`{}` of the total `{step}` is empty", expr.source());
            return Err(Refusal::new(Code::NullInput, detail).with("step", step).into());
        }
        key.push(value);
    }
    let period = calendar.back(&calendar.period_of(asking.date), total.back);
    let here = asking.fact.period.map_or_else(|| asking.date.saturating_add(1.day()), |period| period.to);
    let until = match total.until {
        Until::PeriodEnd | Until::Fact if total.back == 0 => period.to.min(here),
        _ => period.to,
    };
    let query = TotalQuery { accumulator: accumulator.name.clone(), key: key.clone(), from: period.from, until };
    let Some(counted) = asking.reader.facts.totals.get(&query) else {
        asking.reader.need(|need| {
            need.totals.insert(query);
        });
        return Err(Halt::Missing);
    };
    let own = (asking.date, asking.fact.record.id());
    let counted = counted.iter().filter(|counted| total.until != Until::Fact || counted.place() < own);
    let entries = entries(asking, accumulator, &key, counted)?;
    let count = entries.iter().filter(|entry| accumulator.counts(calendar, entry)).count();
    let totals = accumulator.totals(calendar, &entries).map_err(|error| {
        Refusal::new(Code::AmountOverflow, format!("the total of `{}`: {error}", accumulator.name))
            .with("accumulator", &*accumulator.name)
    })?;
    Ok(TotalTrace {
        step: step.to_owned(),
        accumulator: accumulator.name.to_string(),
        period: period.name,
        until,
        count,
        total: totals.into_values().next().unwrap_or_default(),
    })
}

/// The values of what counts, in the order of their dates.
fn entries<'c>(
    asking: &Asking<'_>,
    accumulator: &Accumulator,
    key: &[Value],
    counted: impl Iterator<Item = &'c Counted>,
) -> Result<Vec<Entry>, Halt> {
    let zone = &asking.reader.model.zone;
    let mut currency: Option<Name> = None;
    let mut missing = false;
    let mut entries = Vec::new();
    for counted in counted {
        let source = &accumulator.sources[counted.source];
        let (found, posted_on) = match &counted.of {
            CountedOf::Record(record) => {
                let object = asking.reader.model.objects.get(&record.object).expect("a record has its object");
                let env = RecordEnv::of(asking.reader, object, &record.values, counted.date);
                let recorded = record.values[slot::CREATED_AT].as_moment();
                (env.eval(&source.value), recorded.map_or(counted.date, |at| at.date_in(zone)))
            }
            CountedOf::Line(line) => {
                let lets = [("line", Arc::new(Value::Map(members(line))))];
                let object = asking.fact.object;
                let env = RecordEnv::of(asking.reader, object, &asking.fact.record.values, counted.date);
                (RecordEnv { lets: &lets, ..env }.eval(&source.value), line.posted_at.date_in(zone))
            }
        };
        let value = match found.map_err(Halt::from) {
            Ok(Value::Null) => continue,
            Ok(Value::Money(Money { amount, currency: own })) => {
                if *currency.get_or_insert_with(|| own.clone()) != own {
                    let detail = format!("`{}` would add up several currencies", accumulator.name);
                    return Err(Refusal::new(Code::MixedCurrencies, detail)
                        .with("accumulator", &*accumulator.name)
                        .into());
                }
                amount
            }
            Ok(value) => value.as_decimal().unwrap_or(Decimal::ONE),
            Err(Halt::Missing) => {
                missing = true;
                continue;
            }
            Err(refused) => return Err(refused),
        };
        entries.push(Entry { source: counted.source, key: key.to_vec(), date: counted.date, posted_on, value });
    }
    if missing { Err(Halt::Missing) } else { Ok(entries) }
}

/// What expressions know of a line.
fn members(line: &Line) -> BTreeMap<String, Value> {
    let amounts = [("amount", line.gross), ("gross", line.gross), ("net", line.net), ("tax", line.tax)];
    let amounts = amounts.map(|(name, amount)| (name.to_owned(), Value::Money(Money::new(amount, &line.currency))));
    amounts.into_iter().chain([("quantity".to_owned(), Value::Decimal(line.quantity))]).collect()
}
