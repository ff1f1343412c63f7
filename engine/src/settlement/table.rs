//! The compiled rate table: rows with typed keys, validity and knowledge dates, and a look-up fast
//! enough to run per line. Knows nothing of where rows are stored or what their values mean.

use crate::moment::{Date, Moment};
use crate::value::Value;
use indexmap::{IndexMap, IndexSet};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;
use std::sync::Arc;
use thiserror::Error;
use uuid::Uuid;

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
    CollectSum,
    CollectMin,
    CollectMax,
    CollectCount,
}

/// What a row requires of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// Not stated: matches whatever the input is.
    Any,
    Is(Value),
    OneOf(Vec<Value>),
    /// A number inside the interval. Intervals are scanned within their other columns, not indexed.
    Within(Interval),
}

/// An interval of numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    pub low: Edge,
    pub high: Edge,
}

/// One end of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    Open,
    /// The number itself is inside.
    Including(Decimal),
    /// The number itself is outside.
    Excluding(Decimal),
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
    /// for a count, the one number.
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
    policy: Policy,
    priority: Vec<Vec<Value>>,
    rows: Vec<Row>,
}

impl TableBuilder {
    /// `specificity` lists columns from the most telling: a row that states the first beats every
    /// row that does not, and so on; columns left out follow in their own order. Without a list the
    /// row that states more columns wins.
    pub fn new(name: &str, columns: Vec<ColumnSpec>, specificity: Vec<usize>, policy: Policy) -> TableBuilder {
        TableBuilder { name: Arc::from(name), columns, specificity, policy, priority: Vec::new(), rows: Vec::new() }
    }

    /// For [`Policy::Priority`]: per value column its values from the most wanted. A value that is
    /// not listed comes last; equal rows fall back to the order they were written in.
    pub fn priority(mut self, lists: Vec<Vec<Value>>) -> TableBuilder {
        self.priority = lists;
        self
    }

    pub fn row(&mut self, row: Row) {
        self.rows.push(row);
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
            for (column, _) in row.keys.iter().enumerate().filter(|(_, key)| is_empty(key)) {
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
    rows: Vec<Row>,
    /// From the most specific.
    groups: Vec<Group>,
}

/// A column with the values rows state in it, numbered so that keys pack into one integer.
#[derive(Clone, Debug)]
struct Column {
    name: Arc<str>,
    /// Some row states it, so an empty input cannot be decided.
    stated: bool,
    values: IndexSet<Value, Hashing>,
    shift: u32,
}

/// The rows that state the same columns in the same way.
#[derive(Clone, Debug)]
struct Group {
    /// Groups of equal rank are equally specific.
    rank: u64,
    /// The columns stated by `Is`; they make up the packed key.
    exact: Vec<usize>,
    /// Some column is stated by a choice or an interval and is tested row by row.
    tested: bool,
    /// Where the rows of a key lie in `versions`.
    keys: IndexMap<u128, Range<u32>, Hashing>,
    /// Key by key, and by `from` within a key.
    versions: Vec<Version>,
}

/// The rows that belong into one group, by key.
type Gathered = IndexMap<u128, Vec<Version>, Hashing>;

/// A row's dates as numbers. `latest_to` is the largest `to` up to here, so that a look-up of a
/// recent date stops before it reaches the old versions.
#[derive(Clone, Copy, Debug)]
struct Version {
    from: i32,
    to: i32,
    latest_to: i32,
    recorded: i64,
    superseded: i64,
    row: u32,
}

/// The number of a value that no row states.
const UNSTATED: u32 = u32::MAX;

/// What one look-up is about, made once and asked of every group.
struct Probe<'i> {
    inputs: &'i [Value],
    /// Per column the number of the input's value, or [`UNSTATED`].
    numbers: [u32; COLUMNS_MAX],
    day: i32,
    known: i64,
}

impl Table {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Finds the row (or, when collecting, the rows) for the inputs, one per column, on a business
    /// date, as it was known at a moment; `None` is everything recorded by now.
    ///
    /// An empty input is refused where some row states the column: whether that row was meant cannot
    /// be decided. Nothing found is a refusal as well, except for a count, which is then zero.
    pub fn lookup(&self, inputs: &[Value], date: Date, known_at: Option<Moment>) -> Result<Hit<'_>, Miss> {
        let probe = self.probe(inputs, date, known_at)?;
        match self.policy {
            Policy::Unique => self.most_specific(&probe),
            Policy::First => self.all(&probe).first().map(|row| Hit::Row(row)).ok_or_else(|| self.none(inputs)),
            Policy::Priority => self.highest(&probe),
            Policy::Any => self.agreed(&probe),
            Policy::CollectSum | Policy::CollectMin | Policy::CollectMax | Policy::CollectCount => {
                self.collected(&probe)
            }
        }
    }

    fn probe<'i>(&self, inputs: &'i [Value], date: Date, known_at: Option<Moment>) -> Result<Probe<'i>, Miss> {
        if inputs.len() != self.columns.len() {
            let (columns, inputs) = (self.columns.len(), inputs.len());
            return Err(Miss::WrongInputs { table: self.name.clone(), columns, inputs });
        }
        let mut numbers = [UNSTATED; COLUMNS_MAX];
        for (place, (column, input)) in self.columns.iter().zip(inputs).enumerate() {
            if !column.stated {
                continue;
            }
            if input.is_null() {
                return Err(Miss::NullInput { table: self.name.clone(), column: column.name.clone() });
            }
            if let Some(number) = column.values.get_index_of(input) {
                numbers[place] = number as u32;
            }
        }
        // One below the end, which marks a row that was never superseded.
        let known = known_at.map_or(i64::MAX - 1, Moment::micros);
        Ok(Probe { inputs, numbers, day: day_number(date), known })
    }

    fn most_specific(&self, probe: &Probe<'_>) -> Result<Hit<'_>, Miss> {
        let mut found: Option<(u64, u32)> = None;
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
        found.map(|(_, row)| Hit::Row(&self.rows[row as usize])).ok_or_else(|| self.none(probe.inputs))
    }

    fn highest(&self, probe: &Probe<'_>) -> Result<Hit<'_>, Miss> {
        let rank = |row: &&Row| -> Vec<usize> {
            let place = |(list, value): (&Vec<Value>, &Value)| list.iter().position(|listed| listed == value);
            let ranks = self.priority.iter().zip(&row.values);
            ranks.map(|(list, value)| place((list, value)).unwrap_or(list.len())).collect()
        };
        // `min_by_key` keeps the first of equals, which is the row written earlier.
        self.all(probe).into_iter().min_by_key(rank).map(Hit::Row).ok_or_else(|| self.none(probe.inputs))
    }

    fn agreed(&self, probe: &Probe<'_>) -> Result<Hit<'_>, Miss> {
        let rows = self.all(probe);
        let Some(first) = rows.first() else { return Err(self.none(probe.inputs)) };
        match rows.iter().find(|row| row.values != first.values) {
            Some(other) => Err(Miss::Ambiguous { table: self.name.clone(), first: named(first), second: named(other) }),
            None => Ok(Hit::Row(first)),
        }
    }

    fn collected(&self, probe: &Probe<'_>) -> Result<Hit<'_>, Miss> {
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
    fn all(&self, probe: &Probe<'_>) -> Vec<&Row> {
        let mut found: Vec<u32> = self.groups.iter().flat_map(|group| self.matching(group, probe)).collect();
        found.sort_unstable();
        found.into_iter().map(|row| &self.rows[row as usize]).collect()
    }

    fn matching<'t>(&'t self, group: &'t Group, probe: &'t Probe<'_>) -> impl Iterator<Item = u32> + 't {
        let versions = group.versions_of(self.packed_inputs(group, probe));
        let begun = versions.partition_point(|version| version.from <= probe.day);
        let open = versions[..begun].iter().rev().take_while(|version| version.latest_to > probe.day);
        open.filter(|version| version.holds(probe))
            .map(|version| version.row)
            .filter(|row| !group.tested || self.rows[*row as usize].accepts(probe.inputs))
    }

    /// The key of the inputs in a group; none if no row at all states one of them.
    fn packed_inputs(&self, group: &Group, probe: &Probe<'_>) -> Option<u128> {
        group.exact.iter().try_fold(0, |key, column| match probe.numbers[*column] {
            UNSTATED => None,
            number => Some(key | u128::from(number) << self.columns[*column].shift),
        })
    }

    fn none(&self, inputs: &[Value]) -> Miss {
        Miss::None { table: self.name.clone(), key: inputs.to_vec() }
    }

    /// Names both rows in the order they were written.
    fn ambiguous(&self, row: u32, other: u32) -> Miss {
        let [first, second] = [row.min(other), row.max(other)].map(|row| named(&self.rows[row as usize]));
        Miss::Ambiguous { table: self.name.clone(), first, second }
    }
}

impl Group {
    fn versions_of(&self, key: Option<u128>) -> &[Version] {
        let range = key.and_then(|key| self.keys.get(&key));
        range.map_or(&[], |range| self.slice(range))
    }

    fn slice(&self, range: &Range<u32>) -> &[Version] {
        &self.versions[range.start as usize..range.end as usize]
    }
}

impl Version {
    fn holds(&self, probe: &Probe<'_>) -> bool {
        self.to > probe.day && self.recorded <= probe.known && self.superseded > probe.known
    }
}

impl Row {
    fn accepts(&self, inputs: &[Value]) -> bool {
        self.keys.iter().zip(inputs).all(|(key, input)| match key {
            Key::Any => true,
            Key::Is(value) => value == input,
            Key::OneOf(values) => values.contains(input),
            Key::Within(interval) => input.as_decimal().is_some_and(|number| interval.contains(number)),
        })
    }

    fn version(&self, row: u32) -> Version {
        let to = self.valid_to.map_or(i32::MAX, day_number);
        Version {
            from: self.valid_from.map_or(i32::MIN, day_number),
            to,
            latest_to: to,
            recorded: self.recorded_at.map_or(i64::MIN, Moment::micros),
            superseded: self.superseded_at.map_or(i64::MAX, Moment::micros),
            row,
        }
    }
}

impl Interval {
    pub fn contains(&self, number: Decimal) -> bool {
        let above = match self.low {
            Edge::Open => true,
            Edge::Including(low) => number >= low,
            Edge::Excluding(low) => number > low,
        };
        let below = match self.high {
            Edge::Open => true,
            Edge::Including(high) => number <= high,
            Edge::Excluding(high) => number < high,
        };
        above && below
    }

    /// Nothing lies inside.
    fn is_empty(&self) -> bool {
        match (self.low, self.high) {
            (Edge::Including(low), Edge::Including(high)) => low > high,
            (Edge::Including(low) | Edge::Excluding(low), Edge::Including(high) | Edge::Excluding(high)) => low >= high,
            _ => false,
        }
    }

    fn and(&self, other: &Interval) -> Interval {
        // Of two edges the stricter one stays.
        let low = if other.admits_low(self.low) { self.low } else { other.low };
        let high = if other.admits_high(self.high) { self.high } else { other.high };
        Interval { low, high }
    }

    /// The edge starts no earlier than this interval does.
    fn admits_low(&self, edge: Edge) -> bool {
        match (self.low, edge) {
            (Edge::Open, _) => true,
            (_, Edge::Open) => false,
            (Edge::Excluding(own), Edge::Including(number)) => number > own,
            (Edge::Including(own) | Edge::Excluding(own), Edge::Including(number) | Edge::Excluding(number)) => {
                number >= own
            }
        }
    }

    /// The edge ends no later than this interval does.
    fn admits_high(&self, edge: Edge) -> bool {
        match (self.high, edge) {
            (Edge::Open, _) => true,
            (_, Edge::Open) => false,
            (Edge::Excluding(own), Edge::Including(number)) => number < own,
            (Edge::Including(own) | Edge::Excluding(own), Edge::Including(number) | Edge::Excluding(number)) => {
                number <= own
            }
        }
    }

    fn covers(&self, other: &Interval) -> bool {
        self.admits_low(other.low) && self.admits_high(other.high)
    }
}

// Compiling.

impl Table {
    fn compile(builder: TableBuilder) -> Result<Table, TableFault> {
        let columns = number_values(&builder)?;
        let mut gathered: BTreeMap<(u64, u32, u32), Gathered> = BTreeMap::new();
        for (index, row) in builder.rows.iter().enumerate() {
            let index = u32::try_from(index).map_err(|_| TableFault::TooManyRows)?;
            let (stated, exact) = masks(row);
            let keys = gathered.entry((rank(stated, &builder), stated, exact)).or_default();
            keys.entry(packed(row, &columns)).or_default().push(row.version(index));
        }
        let in_force = |versions: &&Vec<Version>| versions.iter().any(|version| version.superseded == i64::MAX);
        if gathered.values().flat_map(|keys| keys.values()).filter(in_force).count() > LIVE_KEYS_MAX {
            return Err(TableFault::TooManyLiveKeys);
        }
        let groups = gathered.into_iter().map(|((rank, stated, exact), keys)| Group {
            rank,
            exact: (0..columns.len()).filter(|column| exact >> column & 1 == 1).collect(),
            tested: stated != exact,
            ..Group::laid_out(keys)
        });
        let groups = groups.collect();
        let TableBuilder { name, policy, priority, rows, .. } = builder;
        Ok(Table { name, columns, policy, priority, rows, groups })
    }
}

impl Group {
    /// Lays the versions of all keys side by side, each key's by `from`.
    fn laid_out(gathered: Gathered) -> Group {
        let mut group =
            Group { rank: 0, exact: Vec::new(), tested: false, keys: IndexMap::default(), versions: Vec::new() };
        for (key, mut versions) in gathered {
            versions.sort_unstable_by_key(|version| (version.from, version.row));
            let start = group.versions.len() as u32;
            let mut latest_to = i32::MIN;
            for version in versions {
                latest_to = latest_to.max(version.to);
                group.versions.push(Version { latest_to, ..version });
            }
            group.keys.insert(key, start..group.versions.len() as u32);
        }
        group
    }
}

fn number_values(builder: &TableBuilder) -> Result<Vec<Column>, TableFault> {
    let mut columns = Vec::with_capacity(builder.columns.len());
    let mut shift = 0;
    for (place, spec) in builder.columns.iter().enumerate() {
        let mut values = IndexSet::default();
        let mut stated = false;
        for row in &builder.rows {
            stated |= row.keys[place] != Key::Any;
            if let Key::Is(value) = &row.keys[place]
                && !values.contains(value)
            {
                values.insert(value.clone());
            }
        }
        let bits = usize::BITS - values.len().leading_zeros();
        columns.push(Column { name: spec.name.clone(), stated, values, shift });
        shift += bits;
        // The last bit stays free, so that a column without values still has a place to shift to.
        if shift >= u128::BITS {
            return Err(TableFault::KeyTooWide);
        }
    }
    Ok(columns)
}

/// The columns a row states at all, and those it states by one value, as bits.
fn masks(row: &Row) -> (u32, u32) {
    row.keys.iter().enumerate().fold((0, 0), |(stated, exact), (column, key)| match key {
        Key::Any => (stated, exact),
        Key::Is(_) => (stated | 1 << column, exact | 1 << column),
        Key::OneOf(_) | Key::Within(_) => (stated | 1 << column, exact),
    })
}

/// Smaller is more specific, so that groups sort into the order they are asked in.
fn rank(stated: u32, builder: &TableBuilder) -> u64 {
    let all = builder.columns.len();
    if builder.specificity.is_empty() {
        return (all - stated.count_ones() as usize) as u64;
    }
    let rest = (0..all).filter(|column| !builder.specificity.contains(column));
    let order = builder.specificity.iter().copied().chain(rest);
    order.fold(0, |rank, column| rank << 1 | u64::from(stated >> column & 1 == 0))
}

fn packed(row: &Row, columns: &[Column]) -> u128 {
    row.keys.iter().zip(columns).fold(0, |packed, (key, column)| match key {
        Key::Is(value) => packed | (column.values.get_index_of(value).unwrap_or(0) as u128) << column.shift,
        _ => packed,
    })
}

fn is_empty(key: &Key) -> bool {
    match key {
        Key::Any => false,
        Key::Is(value) => value.is_null(),
        Key::OneOf(values) => values.is_empty() || values.iter().any(Value::is_null),
        Key::Within(interval) => interval.is_empty(),
    }
}

/// A number that orders as dates do.
fn day_number(date: Date) -> i32 {
    i32::from(date.year()) * 512 + i32::from(date.month()) * 32 + i32::from(date.day())
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

// Linting.

/// What a look at the whole table found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    pub overlaps: Vec<Overlap>,
    /// Rows no look-up can answer with.
    pub unreachable: Vec<RowName>,
    /// Everything was compared; otherwise the table is so entangled that the check stopped early.
    pub complete: bool,
}

/// Two rows that match the same input equally well on the dates `[from, to)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    pub first: RowName,
    pub second: RowName,
    pub from: Option<Date>,
    pub to: Option<Date>,
    pub kind: OverlapKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverlapKind {
    /// They state the same columns: every look-up of the shared keys is ambiguous.
    SameColumns,
    /// They state different columns and are equally specific: only some inputs meet both.
    Crossing,
}

impl Table {
    /// Compares rows with rows. Overlaps matter where one row must win, so they are looked for under
    /// [`Policy::Unique`] only. A row is unreachable if it is valid on no date, was superseded before
    /// it was recorded, or, under [`Policy::First`], stands behind a row that takes all its inputs.
    pub fn lint(&self) -> Lint {
        let mut linter = Linter { table: self, comparisons: 0, overlaps: Vec::new() };
        if self.policy == Policy::Unique {
            linter.within_groups();
            linter.between_groups();
        }
        let mut unreachable: Vec<RowName> = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            if row.never_holds() || (self.policy == Policy::First && linter.is_behind(index)) {
                unreachable.push(named(row));
            }
        }
        let mut overlaps = linter.overlaps;
        overlaps.sort_unstable();
        let complete = linter.comparisons < LINT_COMPARISONS_MAX && overlaps.len() < OVERLAPS_MAX;
        let overlaps = overlaps.into_iter().map(|(first, second)| self.overlap(first, second)).collect();
        Lint { overlaps, unreachable, complete }
    }

    fn overlap(&self, first: u32, second: u32) -> Overlap {
        let (left, right) = (&self.rows[first as usize], &self.rows[second as usize]);
        let same_columns = masks(left).0 == masks(right).0;
        Overlap {
            first: named(left),
            second: named(right),
            from: left.valid_from.max(right.valid_from),
            to: [left.valid_to, right.valid_to].into_iter().flatten().min(),
            kind: if same_columns { OverlapKind::SameColumns } else { OverlapKind::Crossing },
        }
    }
}

impl Row {
    fn never_holds(&self) -> bool {
        let version = self.version(0);
        version.from >= version.to || version.recorded >= version.superseded
    }

    /// Both could answer one look-up: same inputs, same date, known at the same time.
    fn meets(&self, other: &Row) -> bool {
        let (left, right) = (self.version(0), other.version(0));
        left.from.max(right.from) < left.to.min(right.to)
            && left.recorded.max(right.recorded) < left.superseded.min(right.superseded)
            && self.keys.iter().zip(&other.keys).all(|(left, right)| left.meets(right))
    }

    /// Every look-up that finds `other` finds this row too.
    fn covers(&self, other: &Row) -> bool {
        let (own, others) = (self.version(0), other.version(0));
        own.from <= others.from
            && own.to >= others.to
            && own.recorded <= others.recorded
            && own.superseded >= others.superseded
            && self.keys.iter().zip(&other.keys).all(|(own, other)| own.covers(other))
    }
}

impl Key {
    fn accepts(&self, value: &Value) -> bool {
        match self {
            Key::Any => true,
            Key::Is(own) => own == value,
            Key::OneOf(own) => own.contains(value),
            Key::Within(interval) => value.as_decimal().is_some_and(|number| interval.contains(number)),
        }
    }

    fn meets(&self, other: &Key) -> bool {
        match (self, other) {
            (Key::Any, _) | (_, Key::Any) => true,
            (Key::Is(value), key) | (key, Key::Is(value)) => key.accepts(value),
            (Key::OneOf(values), key) | (key, Key::OneOf(values)) => values.iter().any(|value| key.accepts(value)),
            (Key::Within(left), Key::Within(right)) => !left.and(right).is_empty(),
        }
    }

    fn covers(&self, other: &Key) -> bool {
        match (self, other) {
            (Key::Any, _) => true,
            (_, Key::Any) => false,
            (key, Key::Is(value)) => key.accepts(value),
            (key, Key::OneOf(values)) => values.iter().all(|value| key.accepts(value)),
            (Key::Within(own), Key::Within(other)) => own.covers(other),
            (Key::Is(_) | Key::OneOf(_), Key::Within(_)) => false,
        }
    }
}

struct Linter<'t> {
    table: &'t Table,
    comparisons: usize,
    overlaps: Vec<(u32, u32)>,
}

impl Linter<'_> {
    /// Rows of one key lie together, by `from`: those still open are compared with the next one.
    fn within_groups(&mut self) {
        let groups = self.table.groups.iter();
        for versions in groups.flat_map(|group| group.keys.values().map(|range| group.slice(range))) {
            let mut open: Vec<&Version> = Vec::new();
            for version in versions {
                open.retain(|earlier| earlier.to > version.from);
                for earlier in &open {
                    if !self.compare(earlier.row, version.row) {
                        return;
                    }
                }
                open.push(version);
            }
        }
    }

    /// Groups of one rank state different columns, or the same in different ways; they meet where their shared columns are equal.
    fn between_groups(&mut self) {
        let groups = &self.table.groups;
        for (index, left) in groups.iter().enumerate() {
            for right in groups[index + 1..].iter().take_while(|right| right.rank == left.rank) {
                let shared = left.exact.iter().filter(|column| right.exact.contains(column));
                let mask = shared.fold(0, |mask, column| mask | self.table.columns[*column].mask());
                let mut partners: BTreeMap<u128, Vec<u32>> = BTreeMap::new();
                for (key, range) in &right.keys {
                    let rows = right.slice(range).iter().map(|version| version.row);
                    partners.entry(key & mask).or_default().extend(rows);
                }
                for (key, range) in &left.keys {
                    let Some(partners) = partners.get(&(key & mask)) else { continue };
                    let pairs = left.slice(range).iter().flat_map(|own| partners.iter().map(|other| (own.row, *other)));
                    for (own, other) in pairs {
                        if !self.compare(own, other) {
                            return;
                        }
                    }
                }
            }
        }
    }

    /// False once enough has been seen.
    fn compare(&mut self, one: u32, other: u32) -> bool {
        self.comparisons += 1;
        let rows = &self.table.rows;
        if rows[one as usize].meets(&rows[other as usize]) {
            self.overlaps.push((one.min(other), one.max(other)));
        }
        self.comparisons < LINT_COMPARISONS_MAX && self.overlaps.len() < OVERLAPS_MAX
    }

    fn is_behind(&mut self, index: usize) -> bool {
        let rows = &self.table.rows;
        rows[..index].iter().any(|earlier| {
            self.comparisons += 1;
            self.comparisons < LINT_COMPARISONS_MAX && earlier.covers(&rows[index])
        })
    }
}

impl Column {
    /// The bits of a packed key that belong to the column.
    fn mask(&self) -> u128 {
        let bits = usize::BITS - self.values.len().leading_zeros();
        ((1_u128 << bits) - 1) << self.shift
    }
}

// Hashing.

type Hashing = BuildHasherDefault<Mixer>;

/// A small multiplicative hash. The maps above keep insertion order, so it decides speed only, never
/// an answer; keys are an administrator's rows, not strangers' input.
#[derive(Clone, Copy, Debug, Default)]
struct Mixer(u64);

impl Mixer {
    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.mix(u64::from(byte));
    }

    fn write_u32(&mut self, word: u32) {
        self.mix(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.mix(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.mix(word as u64);
    }

    fn write_u128(&mut self, word: u128) {
        self.mix(word as u64);
        self.mix((word >> 64) as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 29
    }
}

#[cfg(test)]
#[path = "tests_table.rs"]
mod tests;
