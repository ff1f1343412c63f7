//! The filter grammar as a syntax tree, the same in lists, row rules, reports and dashboards. No SQL here.

pub mod filter;

pub use filter::{Comparison, Filter, FilterPath};

use crate::record::Name;

/// A list: which records, in which order, which page.
#[derive(Clone, Debug, PartialEq)]
pub struct ListQuery {
    pub object: Name,
    pub filter: Filter,
    /// Slots to sort by; the id is always the last tie-breaker.
    pub sort: Vec<Sort>,
    pub limit: u32,
    /// The sort values and id of the last record of the former page.
    pub after: Option<Vec<crate::value::Value>>,
    pub deleted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    pub slot: usize,
    pub descending: bool,
}

/// An aggregate over an object's records.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateQuery {
    pub object: Name,
    pub filter: Filter,
    pub group_by: Vec<Group>,
    pub measures: Vec<(String, Measure)>,
    pub limit: u32,
}

/// What groups are made by: a slot, or the part of its business date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// As the caller wrote it: `region`, `month(finished_at)`.
    pub label: String,
    pub path: FilterPath,
    pub part: Option<DatePart>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatePart {
    Year,
    Month,
    Day,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Measure {
    Count,
    Sum(usize),
    Min(usize),
    Max(usize),
    Average(usize),
}
