//! Accumulators: what facts or lines add up to, by keys and period. Knows amounts, dates and keys; reading facts is
//! somebody else's business.

use super::rounding::bounded;
use crate::expr::Expr;
use crate::moment::Date;
use crate::period::{Period, PeriodCalendar};
use crate::query::Filter;
use crate::record::Name;
use crate::value::Value;
use jiff::ToSpan;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use thiserror::Error;

/// A checked accumulator.
#[derive(Debug)]
pub struct Accumulator {
    pub name: Name,
    pub sources: Vec<Source>,
    /// Fields or line members that make up the key.
    pub by: Vec<Name>,
    pub calendar: Name,
    pub measure: Measure,
    pub window: Window,
}

/// Which facts, or lines, and what of them.
#[derive(Debug)]
pub struct Source {
    pub of: SourceOf,
    /// Of facts: the slots of the key, in its order.
    pub key: Vec<usize>,
    /// Of facts: the slot of the business date; plans need it.
    pub day_slot: Option<usize>,
    /// Only facts for which this holds.
    pub filter: Filter,
    pub value: Expr,
    /// Counts against the total.
    pub is_negative: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceOf {
    /// Records of an object, in a state where one is named.
    Facts { object: Name, state: Option<Name> },
    /// Posted lines with this id.
    Lines(Name),
}

/// What is taken of the values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The sum.
    #[default]
    Sum,
    /// How many there are.
    Count,
    /// The greatest.
    Max,
    /// The least.
    Min,
    /// The value of the latest.
    Last,
    /// How many different values there are.
    Distinct,
    /// The average.
    Mean,
}

/// How long after a period facts of it still count, and when it is worked out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// `None`: however late.
    pub grace_days: Option<u32>,
    pub calculation_days: u32,
}

/// One fact or line, as it enters a total.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which source it comes from.
    pub source: usize,
    pub key: Vec<Value>,
    /// The business date; decides the period.
    pub date: Date,
    /// The date it was recorded on; decides whether it still counts.
    pub posted_on: Date,
    pub value: Decimal,
}

/// One group: a period and the values of the keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupKey {
    pub period: String,
    pub key: Vec<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AccumulatorError {
    #[error("the total has too many digits")]
    Overflow,
    #[error("entry {index} names source {source_index}, which the accumulator does not have")]
    UnknownSource { index: usize, source_index: usize },
}

impl Window {
    /// Whether something recorded on a date still counts for a period.
    pub fn admits(&self, period: &Period, posted_on: Date) -> bool {
        self.grace_days.is_none_or(|days| posted_on < period.to.saturating_add(i64::from(days).days()))
    }

    /// The last day on which something recorded still counts for a period; none where everything does.
    pub fn counts_until(&self, period: &Period) -> Option<Date> {
        self.grace_days.map(|days| period.to.saturating_add((i64::from(days) - 1).days()))
    }

    /// The day a period is worked out on: so many days after its last one.
    pub fn calculated_on(&self, period: &Period) -> Date {
        period.to.saturating_add((i64::from(self.calculation_days) - 1).days())
    }
}

impl Accumulator {
    /// Whether an entry counts: recorded no later than the grace days after its period.
    pub fn counts(&self, calendar: &PeriodCalendar, entry: &Entry) -> bool {
        self.window.admits(&calendar.period_of(entry.date), entry.posted_on)
    }

    /// The totals of all groups.
    pub fn totals(
        &self,
        calendar: &PeriodCalendar,
        entries: &[Entry],
    ) -> Result<BTreeMap<GroupKey, Decimal>, AccumulatorError> {
        let mut totals = BTreeMap::new();
        self.walk(calendar, entries, |key, total, _| {
            totals.insert(key.clone(), total);
        })?;
        Ok(totals)
    }

    /// The total of each entry's group once the entry is in it, in the order of the entries' dates; those of one date
    /// stay in their order. An entry that no longer counts has none.
    pub fn running(
        &self,
        calendar: &PeriodCalendar,
        entries: &[Entry],
    ) -> Result<Vec<Option<Decimal>>, AccumulatorError> {
        let mut running = vec![None; entries.len()];
        self.walk(calendar, entries, |_, total, index| running[index] = Some(total))?;
        Ok(running)
    }

    /// The groups of periods that ended by a date: what a run on that date settles.
    pub fn closed(
        &self,
        calendar: &PeriodCalendar,
        entries: &[Entry],
        by: Date,
    ) -> Result<BTreeMap<GroupKey, Decimal>, AccumulatorError> {
        let mut totals = self.totals(calendar, entries)?;
        totals.retain(|group, _| calendar.named(&group.period).is_some_and(|period| period.to <= by));
        Ok(totals)
    }

    fn walk(
        &self,
        calendar: &PeriodCalendar,
        entries: &[Entry],
        mut seen: impl FnMut(&GroupKey, Decimal, usize),
    ) -> Result<(), AccumulatorError> {
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.sort_by_key(|index| entries[*index].date);
        let mut groups: BTreeMap<GroupKey, Total> = BTreeMap::new();
        for index in order {
            let entry = &entries[index];
            let unknown = AccumulatorError::UnknownSource { index, source_index: entry.source };
            let source = self.sources.get(entry.source).ok_or(unknown)?;
            if !self.counts(calendar, entry) {
                continue;
            }
            let value = if source.is_negative { -entry.value } else { entry.value };
            let key = GroupKey { period: calendar.period_of(entry.date).name, key: entry.key.clone() };
            let total = groups.entry(key.clone()).or_default();
            total.add(value)?;
            seen(&key, total.measured(self.measure)?, index);
        }
        Ok(())
    }
}

#[derive(Default)]
struct Total {
    sum: Decimal,
    count: u64,
    most: Option<Decimal>,
    least: Option<Decimal>,
    last: Decimal,
    distinct: BTreeSet<Decimal>,
}

impl Total {
    fn add(&mut self, value: Decimal) -> Result<(), AccumulatorError> {
        self.sum = self.sum.checked_add(value).and_then(bounded).ok_or(AccumulatorError::Overflow)?;
        self.count += 1;
        self.most = Some(self.most.map_or(value, |most| most.max(value)));
        self.least = Some(self.least.map_or(value, |least| least.min(value)));
        self.last = value;
        self.distinct.insert(value);
        Ok(())
    }

    fn measured(&self, measure: Measure) -> Result<Decimal, AccumulatorError> {
        Ok(match measure {
            Measure::Sum => self.sum,
            Measure::Count => Decimal::from(self.count),
            Measure::Max => self.most.unwrap_or_default(),
            Measure::Min => self.least.unwrap_or_default(),
            Measure::Last => self.last,
            Measure::Distinct => Decimal::from(self.distinct.len()),
            Measure::Mean => self.sum.checked_div(Decimal::from(self.count)).ok_or(AccumulatorError::Overflow)?,
        })
    }
}

#[cfg(test)]
#[path = "tests_accumulator.rs"]
mod tests;
