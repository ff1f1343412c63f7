//! The compiled rate table: rows with typed keys, validity and knowledge dates, and a look-up fast
//! enough to run per line. Knows nothing of where rows are stored or what their values mean.

mod compile;
mod condition;
mod coverage;
mod interval;
mod key;
mod lint;
mod packed;

use crate::moment::{Date, Moment};
use crate::value::Value;
use packed::{Dates, Numbers, Places, Versions};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::sync::Arc;
use thiserror::Error;
use uuid::Uuid;

pub use condition::NotACondition;
pub use coverage::Held;
pub use interval::{Edge, Interval, Intervals};
pub use key::Key;
pub use lint::{Lint, Overlap, OverlapKind};

/// A key of more columns is a sign of two tables in one.
pub const COLUMNS_MAX: usize = 16;
/// Versions of rows, closed ones included.
pub const ROWS_MAX: usize = 1_000_000;
/// Distinct keys that are in force in some version.
pub const LIVE_KEYS_MAX: usize = 100_000;
/// A lint reports this many overlaps; a table with more is wrong throughout.
pub const OVERLAPS_MAX: usize = 1_000;
/// Pairs of rows a lint compares before it gives up and says so.
const LINT_COMPARISONS_MAX: usize = 5_000_000;

/// What a look-up answers when several rows match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// The most specific row; two equally specific ones are an error.
    #[default]
    Unique,
    /// The first row as written, however specific.
    First,
    /// The row whose values come first in the lists given to [`TableBuilder::priority`].
    Priority,
    /// Any row, provided all that match have the same values.
    Any,
    /// The sum of all rows that match.
    CollectSum,
    /// The least of the rows that match.
    CollectMin,
    /// The greatest of the rows that match.
    CollectMax,
    /// How many rows match.
    CollectCount,
    /// Every row that matches, as written.
    RuleOrder,
    /// Every row that matches, those first whose values come first in the lists given to [`TableBuilder::priority`].
    OutputOrder,
}

impl Policy {
    /// Whether the order of the rows may decide the answer.
    pub fn is_ordered(self) -> bool {
        matches!(self, Policy::First | Policy::Priority | Policy::RuleOrder | Policy::OutputOrder)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnSpec {
    pub name: Arc<str>,
}

/// One version of a row. Valid on `[valid_from, valid_to)`, known on `[recorded_at, superseded_at)`;
/// an absent end is unlimited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub id: Arc<str>,
    /// Where it stands among the rows of its table, from zero: the builder says it, and whoever knows more of a row finds
    /// it by this.
    pub number: usize,
    pub record: Uuid,
    /// One per column.
    pub keys: Vec<Key>,
    pub valid_from: Option<Date>,
    pub valid_to: Option<Date>,
    pub recorded_at: Option<Moment>,
    pub superseded_at: Option<Moment>,
    pub values: Vec<Value>,
}

/// Names a row in an error or a warning.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowName {
    pub id: Arc<str>,
    pub record: Uuid,
}

/// What a look-up found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hit<'t> {
    Row(&'t Row),
    /// The aggregate of each value column over all rows that match, in the order they were written;
    /// for a count, the one number; where all rows answer, the list of their values.
    Collected {
        values: Vec<Value>,
        rows: Vec<&'t Row>,
    },
}

impl<'t> Hit<'t> {
    /// The values found, per value column.
    pub fn values(&self) -> &[Value] {
        match self {
            Hit::Row(row) => &row.values,
            Hit::Collected { values, .. } => values,
        }
    }

    /// The rows it rests on, for the trace.
    pub fn rows(&self) -> &[&'t Row] {
        match self {
            Hit::Row(row) => std::slice::from_ref(row),
            Hit::Collected { rows, .. } => rows,
        }
    }
}

/// Why a look-up found nothing it may use.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Miss {
    #[error("no row of `{table}` matches")]
    None { table: Arc<str>, key: Vec<Value> },
    #[error("rows `{}` and `{}` of `{table}` match equally well", first.id, second.id)]
    Ambiguous { table: Arc<str>, first: RowName, second: RowName },
    #[error("`{column}` of `{table}` is used by some row but empty in the look-up")]
    NullInput { table: Arc<str>, column: Arc<str> },
    #[error("`{table}` has {columns} columns and was asked with {inputs}")]
    WrongInputs { table: Arc<str>, columns: usize, inputs: usize },
    #[error("the sum of the matching rows of `{table}` has too many digits")]
    Overflow { table: Arc<str> },
}

/// What is wrong with a table as a whole or with one row (counted from zero).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TableFault {
    #[error("a table has at most {COLUMNS_MAX} columns")]
    TooManyColumns,
    #[error("a table has at most {ROWS_MAX} versions of rows")]
    TooManyRows,
    #[error("a table has at most {LIVE_KEYS_MAX} keys in force")]
    TooManyLiveKeys,
    #[error("the columns have too many different values together")]
    KeyTooWide,
    #[error("specificity names column {column}, which is unknown or named before")]
    BadSpecificity { column: usize },
    #[error("row {row} does not state every column and value once")]
    RowShape { row: usize },
    #[error("row {row} asks for an empty value or choice in column {column}, which nothing matches")]
    EmptyKey { row: usize, column: usize },
    #[error("value {value} of row {row} is not a number, so it cannot be collected")]
    NotANumber { row: usize, value: usize },
    #[error("value {value} of row {row} is in another currency than the rows before it")]
    MixedCurrencies { row: usize, value: usize },
}

/// Collects the parts of a table until [`TableBuilder::build`] checks and compiles them.
#[derive(Clone, Debug)]
pub struct TableBuilder {
    name: Arc<str>,
    columns: Vec<ColumnSpec>,
    specificity: Vec<usize>,
    /// No row beats another by stating more: two that match are ambiguous.
    unranked: bool,
    policy: Policy,
    priority: Vec<Vec<Value>>,
    rows: Vec<Row>,
}

impl TableBuilder {
    /// `specificity` lists columns from the most telling: a row that states the first beats every
    /// row that does not, and so on; columns left out follow in their own order. Without a list the
    /// row that states more columns wins.
    pub fn new(name: &str, columns: Vec<ColumnSpec>, specificity: Vec<usize>, policy: Policy) -> TableBuilder {
        let (name, unranked) = (Arc::from(name), false);
        TableBuilder { name, columns, specificity, unranked, policy, priority: Vec::new(), rows: Vec::new() }
    }

    /// Under [`Policy::Unique`] no row beats another: whatever columns they state, two rows that match are an error.
    pub fn unranked(mut self) -> TableBuilder {
        self.unranked = true;
        self
    }

    /// For [`Policy::Priority`] and [`Policy::OutputOrder`]: per value column its values from the most wanted. A value that is
    /// not listed comes last; equal rows fall back to the order they were written in.
    pub fn priority(mut self, lists: Vec<Vec<Value>>) -> TableBuilder {
        self.priority = lists;
        self
    }

    pub fn row(&mut self, row: Row) {
        self.rows.push(Row { number: self.rows.len(), ..row });
    }

    /// Checks everything and compiles. Overlaps are no fault here: see [`Table::lint`].
    pub fn build(self) -> Result<Table, Vec<TableFault>> {
        let faults = self.faults();
        if !faults.is_empty() {
            return Err(faults);
        }
        Table::compile(self).map_err(|fault| vec![fault])
    }

    fn faults(&self) -> Vec<TableFault> {
        let mut faults = Vec::new();
        if self.columns.len() > COLUMNS_MAX {
            faults.push(TableFault::TooManyColumns);
        }
        if self.rows.len() > ROWS_MAX {
            faults.push(TableFault::TooManyRows);
        }
        for (place, column) in self.specificity.iter().enumerate() {
            if *column >= self.columns.len() || self.specificity[..place].contains(column) {
                faults.push(TableFault::BadSpecificity { column: *column });
            }
        }
        let values = self.rows.first().map_or(0, |row| row.values.len());
        for (index, row) in self.rows.iter().enumerate() {
            if row.keys.len() != self.columns.len() || row.values.len() != values {
                faults.push(TableFault::RowShape { row: index });
            }
            for (column, _) in row.keys.iter().enumerate().filter(|(_, key)| key::is_empty(key)) {
                faults.push(TableFault::EmptyKey { row: index, column });
            }
        }
        if faults.is_empty() && matches!(self.policy, Policy::CollectSum | Policy::CollectMin | Policy::CollectMax) {
            self.check_numbers(&mut faults);
        }
        faults
    }

    fn check_numbers(&self, faults: &mut Vec<TableFault>) {
        let Some(first) = self.rows.first() else { return };
        for (index, row) in self.rows.iter().enumerate() {
            for (value, (cell, like)) in row.values.iter().zip(&first.values).enumerate() {
                if cell.as_decimal().is_none() {
                    faults.push(TableFault::NotANumber { row: index, value });
                } else if currency(cell) != currency(like) {
                    faults.push(TableFault::MixedCurrencies { row: index, value });
                }
            }
        }
    }
}

/// A compiled table. Look-ups depend on the rows and the order they were added in, on nothing else.
#[derive(Clone, Debug)]
pub struct Table {
    name: Arc<str>,
    columns: Vec<Column>,
    policy: Policy,
    priority: Vec<Vec<Value>>,
    /// As look-ups find them: those of one group and key one behind the other.
    rows: Vec<Row>,
    /// Where each stands, in the order they were written.
    written: Vec<u32>,
    /// When each row was known.
    known: Vec<Known>,
    /// From the most specific.
    groups: Vec<Group>,
}

/// A column with the values rows state in it, numbered so that keys pack into one integer.
#[derive(Clone, Debug)]
struct Column {
    name: Arc<str>,
    /// Some row states it, so an empty input cannot be decided.
    stated: bool,
    values: Numbers,
}

/// The rows that state the same columns in the same way.
#[derive(Clone, Debug)]
struct Group {
    /// Groups of equal rank are equally specific.
    rank: u64,
    /// The columns stated by `Is`; they make up the packed key.
    exact: Vec<Digit>,
    /// Some column is stated by a choice or an interval and is tested row by row.
    tested: bool,
    /// Where the rows of a key lie, by the day they begin on.
    keys: Places,
    /// Some version was superseded: what is known now is not every one.
    superseded: bool,
}

/// A column as a digit of a group's packed keys: the number of its value counts `weight` times.
#[derive(Clone, Copy, Debug)]
struct Digit {
    column: usize,
    weight: u128,
    /// How many values the column has.
    values: u128,
}

impl Digit {
    /// The number of the column's value in a key.
    fn of(self, key: u128) -> u128 {
        key / self.weight % self.values
    }
}

/// From when until when a version was known.
#[derive(Clone, Copy, Debug)]
struct Known {
    recorded: i64,
    superseded: i64,
}

/// The number of a value that no row states.
const UNSTATED: u32 = u32::MAX;

/// What one look-up is about, made once and asked of every group.
struct Probe<'i, V> {
    inputs: &'i [V],
    /// Per column the number of the input's value, or [`UNSTATED`].
    numbers: [u32; COLUMNS_MAX],
    day: i32,
    /// What was known at a moment, or everything that is known now.
    known: Option<i64>,
}

impl Table {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// In the order they were written.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &Row> {
        self.written.iter().map(|place| &self.rows[*place as usize])
    }

    /// Finds the row (or, when collecting, the rows) for the inputs, one per column, on a business
    /// date, as it was known at a moment; `None` is everything recorded by now.
    ///
    /// An empty input is refused where some row states the column: whether that row was meant cannot
    /// be decided. Nothing found is a refusal as well, except for a count, which is then zero.
    pub fn lookup<V: Borrow<Value>>(
        &self,
        inputs: &[V],
        date: Date,
        known_at: Option<Moment>,
    ) -> Result<Hit<'_>, Miss> {
        let probe = self.probe(inputs, date, known_at)?;
        match self.policy {
            Policy::Unique => self.most_specific(&probe),
            Policy::First => self.all(&probe).first().map(|row| Hit::Row(row)).ok_or_else(|| self.none(inputs)),
            Policy::Priority => self.highest(&probe),
            Policy::Any => self.agreed(&probe),
            Policy::CollectSum | Policy::CollectMin | Policy::CollectMax | Policy::CollectCount => {
                self.collected(&probe)
            }
            Policy::RuleOrder => self.listed(&probe, self.all(&probe)),
            Policy::OutputOrder => {
                let mut rows = self.all(&probe);
                // Stable: equal rows keep the order they were written in.
                rows.sort_by_key(|row| self.place(row));
                self.listed(&probe, rows)
            }
        }
    }

    /// The first day after a date on which the same inputs may find something else; none where no version begins or ends
    /// any more.
    pub fn steady_until<V: Borrow<Value>>(&self, inputs: &[V], date: Date) -> Result<Option<Date>, Miss> {
        let probe = self.probe(inputs, date, None)?;
        let next = self.groups.iter().filter_map(|group| {
            let versions = group.versions_of(&probe);
            let next = versions.dates.get(versions.begun(probe.day)).map(|dates| dates.from);
            versions.on(probe.day).map(|(_, dates)| dates.to).chain(next).min()
        });
        Ok(next.min().and_then(date_numbered))
    }

    fn probe<'i, V: Borrow<Value>>(
        &self,
        inputs: &'i [V],
        date: Date,
        known_at: Option<Moment>,
    ) -> Result<Probe<'i, V>, Miss> {
        if inputs.len() != self.columns.len() {
            let (columns, inputs) = (self.columns.len(), inputs.len());
            return Err(Miss::WrongInputs { table: self.name.clone(), columns, inputs });
        }
        let mut numbers = [UNSTATED; COLUMNS_MAX];
        for (place, (column, input)) in self.columns.iter().zip(inputs).enumerate() {
            if !column.stated {
                continue;
            }
            let input = input.borrow();
            if input.is_null() {
                return Err(Miss::NullInput { table: self.name.clone(), column: column.name.clone() });
            }
            if let Some(number) = column.values.of(input) {
                numbers[place] = number;
            }
        }
        Ok(Probe { inputs, numbers, day: day_number(date), known: known_at.map(Moment::micros) })
    }

    fn most_specific<V: Borrow<Value>>(&self, probe: &Probe<'_, V>) -> Result<Hit<'_>, Miss> {
        let mut found: Option<(u64, &Row)> = None;
        for group in &self.groups {
            if found.is_some_and(|(rank, _)| rank != group.rank) {
                break;
            }
            for row in self.matching(group, probe) {
                match found {
                    None => found = Some((group.rank, row)),
                    Some((_, other)) => return Err(self.ambiguous(row, other)),
                }
            }
        }
        found.map(|(_, row)| Hit::Row(row)).ok_or_else(|| self.none(probe.inputs))
    }

    fn highest<V: Borrow<Value>>(&self, probe: &Probe<'_, V>) -> Result<Hit<'_>, Miss> {
        // `min_by_key` keeps the first of equals, which is the row written earlier.
        let first = self.all(probe).into_iter().min_by_key(|row| self.place(row));
        first.map(Hit::Row).ok_or_else(|| self.none(probe.inputs))
    }

    /// Where a row's values stand in the lists of wanted values, column by column.
    fn place(&self, row: &Row) -> Vec<usize> {
        let places = self.priority.iter().zip(&row.values);
        places.map(|(list, value)| list.iter().position(|listed| listed == value).unwrap_or(list.len())).collect()
    }

    /// All rows, with the list of their values per value column.
    fn listed<'t, V: Borrow<Value>>(&'t self, probe: &Probe<'_, V>, rows: Vec<&'t Row>) -> Result<Hit<'t>, Miss> {
        let Some(first) = rows.first() else { return Err(self.none(probe.inputs)) };
        let column = |column: usize| Value::List(rows.iter().map(|row| row.values[column].clone()).collect());
        Ok(Hit::Collected { values: (0..first.values.len()).map(column).collect(), rows })
    }

    fn agreed<V: Borrow<Value>>(&self, probe: &Probe<'_, V>) -> Result<Hit<'_>, Miss> {
        let rows = self.all(probe);
        let Some(first) = rows.first() else { return Err(self.none(probe.inputs)) };
        match rows.iter().find(|row| row.values != first.values) {
            Some(other) => Err(Miss::Ambiguous { table: self.name.clone(), first: named(first), second: named(other) }),
            None => Ok(Hit::Row(first)),
        }
    }

    fn collected<V: Borrow<Value>>(&self, probe: &Probe<'_, V>) -> Result<Hit<'_>, Miss> {
        let rows = self.all(probe);
        if self.policy == Policy::CollectCount {
            return Ok(Hit::Collected { values: vec![Value::Decimal(Decimal::from(rows.len()))], rows });
        }
        let Some((first, others)) = rows.split_first() else { return Err(self.none(probe.inputs)) };
        let mut values = first.values.clone();
        for row in others {
            for (total, value) in values.iter_mut().zip(&row.values) {
                let combined = match self.policy {
                    Policy::CollectMin => Some(total.as_decimal().min(value.as_decimal())),
                    Policy::CollectMax => Some(total.as_decimal().max(value.as_decimal())),
                    _ => total.as_decimal().zip(value.as_decimal()).map(|(left, right)| left.checked_add(right)),
                };
                let number = combined.flatten().ok_or_else(|| Miss::Overflow { table: self.name.clone() })?;
                *total = with_number(total, number);
            }
        }
        Ok(Hit::Collected { values, rows })
    }

    /// Every row that matches, as written.
    fn all<V: Borrow<Value>>(&self, probe: &Probe<'_, V>) -> Vec<&Row> {
        let mut found: Vec<&Row> = self.groups.iter().flat_map(|group| self.matching(group, probe)).collect();
        found.sort_unstable_by_key(|row| row.number);
        found
    }

    fn matching<'t, V: Borrow<Value>>(
        &'t self,
        group: &'t Group,
        probe: &Probe<'_, V>,
    ) -> impl Iterator<Item = &'t Row> {
        let holding = group.versions_of(probe).on(probe.day).map(|(place, _)| place);
        let known = holding.filter(|place| match probe.known {
            None => !group.superseded || self.known[*place].is_live(),
            Some(at) => self.known[*place].was(at),
        });
        known.map(|place| &self.rows[place]).filter(|row| !group.tested || row.accepts(probe.inputs))
    }

    fn none<V: Borrow<Value>>(&self, inputs: &[V]) -> Miss {
        let key = inputs.iter().map(|input| input.borrow().clone()).collect();
        Miss::None { table: self.name.clone(), key }
    }

    /// Names both rows in the order they were written.
    fn ambiguous(&self, row: &Row, other: &Row) -> Miss {
        let [first, second] = if row.number < other.number { [row, other] } else { [other, row] }.map(named);
        Miss::Ambiguous { table: self.name.clone(), first, second }
    }
}

impl Group {
    /// The versions of the inputs' key; none if no row at all states one of them.
    fn versions_of<V>(&self, probe: &Probe<'_, V>) -> Versions<'_> {
        let key = self.exact.iter().try_fold(0, |key, digit| match probe.numbers[digit.column] {
            UNSTATED => None,
            number => Some(key + u128::from(number) * digit.weight),
        });
        key.and_then(|key| self.keys.of(key)).unwrap_or_default()
    }
}

impl Known {
    fn of(row: &Row) -> Known {
        Known {
            recorded: row.recorded_at.map_or(i64::MIN, Moment::micros),
            superseded: row.superseded_at.map_or(i64::MAX, Moment::micros),
        }
    }

    fn was(&self, at: i64) -> bool {
        self.recorded <= at && self.superseded > at
    }

    fn is_live(&self) -> bool {
        self.superseded == i64::MAX
    }
}

impl Row {
    fn accepts<V: Borrow<Value>>(&self, inputs: &[V]) -> bool {
        self.keys.iter().zip(inputs).all(|(key, input)| key.accepts(input.borrow()))
    }

    fn dates(&self) -> Dates {
        let to = self.valid_to.map_or(i32::MAX, day_number);
        Dates { from: self.valid_from.map_or(i32::MIN, day_number), to, latest_to: to }
    }
}

/// A number that orders as dates do.
fn day_number(date: Date) -> i32 {
    i32::from(date.year()) * 512 + i32::from(date.month()) * 32 + i32::from(date.day())
}

/// The date of such a number; none of the number of no date.
fn date_numbered(number: i32) -> Option<Date> {
    let part = |number: i32| i8::try_from(number % 32).ok();
    Date::new(i16::try_from(number / 512).ok()?, part(number % 512 / 32)?, part(number)?).ok()
}

fn named(row: &Row) -> RowName {
    RowName { id: row.id.clone(), record: row.record }
}

fn currency(value: &Value) -> Option<&str> {
    match value {
        Value::Money(money) => Some(&money.currency),
        _ => None,
    }
}

fn with_number(like: &Value, number: Decimal) -> Value {
    match like {
        Value::Money(money) => Value::Money(crate::money::Money { amount: number, currency: money.currency.clone() }),
        _ => Value::Decimal(number),
    }
}

#[cfg(test)]
#[path = "tests_table.rs"]
mod tests;
