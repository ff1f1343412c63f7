//! The filter grammar as a syntax tree, the same in lists, row rules, reports and dashboards. No SQL here.

pub mod filter;
mod operand;
pub mod sums;

pub use filter::{Comparison, Filter, FilterPath};

use crate::record::Name;
use std::collections::BTreeSet;

/// A list: which records, in which order, which page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListQuery {
    pub object: Name,
    pub filter: Filter,
    /// What to sort by; the id is always the last tie-breaker.
    pub sort: Vec<Sort>,
    pub limit: u32,
    /// The sort values and id of the last record of the former page.
    pub after: Option<Vec<crate::value::Value>>,
    /// The recycle bin instead of the live records.
    pub deleted: bool,
    /// The slots that are wanted; absent for all. The others come back null.
    pub slots: Option<BTreeSet<usize>>,
}

/// A field, of the record or of what it refers to. Null comes before everything, text in the order of its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    pub path: FilterPath,
    pub descending: bool,
}

impl Sort {
    /// By a field of the record itself.
    pub fn by(slot: usize, descending: bool) -> Sort {
        Sort { path: FilterPath::of(slot), descending }
    }
}

/// An aggregate over an object's records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AggregateQuery {
    pub object: Name,
    pub filter: Filter,
    pub group_by: Vec<Group>,
    pub measures: Vec<(String, Measure)>,
    pub limit: u32,
}

/// What groups are made by: a field, or a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// As the caller wrote it: `region`, `month(finished_at)`, `amount.currency`.
    pub label: String,
    pub path: FilterPath,
    pub part: Option<Part>,
}

/// Parts of dates are those of the business date, in the tenant's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `2026`
    Year,
    /// `2026-Q2`
    Quarter,
    /// `2026-06`
    Month,
    /// Of ISO 8601: `2026-W05`.
    Week,
    Day,
    /// From 1, Monday.
    Weekday,
    /// Of a moment: from 0.
    Hour,
    /// Of money.
    Currency,
}

impl Part {
    pub const OF_DATES: [(&'static str, Part); 7] = [
        ("year", Part::Year),
        ("quarter", Part::Quarter),
        ("month", Part::Month),
        ("week", Part::Week),
        ("day", Part::Day),
        ("weekday", Part::Weekday),
        ("hour", Part::Hour),
    ];
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measure {
    Count,
    CountDistinct(usize),
    Sum(usize),
    Min(usize),
    Max(usize),
    Average(usize),
}
