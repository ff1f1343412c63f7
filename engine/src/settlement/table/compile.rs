//! From the rows of a table to groups of packed keys.

use super::packed::{Dates, Numbers, Places};
use super::{Column, Digit, Group, Key, Known, LIVE_KEYS_MAX, Row, Table, TableBuilder, TableFault};
use std::collections::BTreeMap;

/// The rows that belong into one group, by key.
type Gathered = BTreeMap<u128, Vec<u32>>;

impl Table {
    pub(super) fn compile(builder: TableBuilder) -> Result<Table, TableFault> {
        let columns = number_values(&builder)?;
        let mut gathered: BTreeMap<(u64, u32, u32), (Vec<Digit>, Gathered)> = BTreeMap::new();
        for (index, row) in builder.rows.iter().enumerate() {
            let index = u32::try_from(index).map_err(|_| TableFault::TooManyRows)?;
            let (stated, exact) = masks(row);
            let group = gathered.entry((rank(stated, &builder), stated, exact));
            let (digits, keys) = group.or_insert_with(|| (digits(exact, &columns), Gathered::default()));
            keys.entry(packed(row, &columns, digits)).or_default().push(index);
        }
        let TableBuilder { name, policy, priority, rows, .. } = builder;
        let is_live = |row: &u32| Known::of(&rows[*row as usize]).is_live();
        let keys = gathered.values().flat_map(|(_, keys)| keys.values());
        if keys.filter(|keyed| keyed.iter().any(is_live)).count() > LIVE_KEYS_MAX {
            return Err(TableFault::TooManyLiveKeys);
        }
        let mut laid = Vec::with_capacity(rows.len());
        let groups = gathered
            .into_iter()
            .map(|((rank, stated, exact), (digits, keys))| {
                Group::laid_out(rank, stated != exact, digits, keys, &rows, &mut laid)
            })
            .collect();
        let known = laid.iter().map(|row| Known::of(&rows[*row as usize])).collect();
        let (rows, written) = in_order(rows, &laid);
        Ok(Table { name, columns, policy, priority, rows, written, known, groups })
    }
}

impl Group {
    /// Lays the rows of all keys one behind the other, each key's by the day they begin on: `laid` goes on with them.
    fn laid_out(
        rank: u64,
        tested: bool,
        exact: Vec<Digit>,
        gathered: Gathered,
        rows: &[Row],
        laid: &mut Vec<u32>,
    ) -> Group {
        let space = exact.iter().map(|digit| digit.values).product();
        let (first, mut superseded) = (laid.len() as u32, false);
        let keys = gathered.into_iter().map(|(key, keyed)| {
            let mut keyed: Vec<(Dates, u32)> = keyed.into_iter().map(|row| (rows[row as usize].dates(), row)).collect();
            keyed.sort_unstable_by_key(|(dates, row)| (dates.from, *row));
            let mut latest_to = i32::MIN;
            let mut calendar = Vec::with_capacity(keyed.len());
            for (dates, row) in keyed {
                latest_to = latest_to.max(dates.to);
                calendar.push(Dates { latest_to, ..dates });
                superseded |= !Known::of(&rows[row as usize]).is_live();
                laid.push(row);
            }
            (key, calendar)
        });
        let keys = Places::of_rising(keys, space, first);
        Group { rank, exact, tested, keys, superseded }
    }

    /// The column as a digit of the keys here.
    pub(super) fn digit(&self, column: usize) -> Option<&Digit> {
        self.exact.iter().find(|digit| digit.column == column)
    }
}

/// The rows in a new order, and where each of the former order stands in it.
fn in_order(rows: Vec<Row>, order: &[u32]) -> (Vec<Row>, Vec<u32>) {
    let mut written = vec![0; rows.len()];
    for (place, row) in (0..).zip(order) {
        written[*row as usize] = place;
    }
    let mut placed: Vec<(u32, Row)> = written.iter().copied().zip(rows).collect();
    placed.sort_unstable_by_key(|(place, _)| *place);
    (placed.into_iter().map(|(_, row)| row).collect(), written)
}

fn number_values(builder: &TableBuilder) -> Result<Vec<Column>, TableFault> {
    let mut columns = Vec::with_capacity(builder.columns.len());
    let mut space = 1_u128;
    for (place, spec) in builder.columns.iter().enumerate() {
        let mut values = Numbers::default();
        let mut stated = false;
        for row in &builder.rows {
            stated |= row.keys[place] != Key::Any;
            if let Key::Is(value) = &row.keys[place] {
                values.add(value);
            }
        }
        space = space.checked_mul(values.space()).ok_or(TableFault::KeyTooWide)?;
        columns.push(Column { name: spec.name.clone(), stated, values });
    }
    Ok(columns)
}

/// The columns a row states at all, and those it states by one value, as bits.
pub(super) fn masks(row: &Row) -> (u32, u32) {
    row.keys.iter().enumerate().fold((0, 0), |(stated, exact), (column, key)| match key {
        Key::Any => (stated, exact),
        Key::Is(_) => (stated | 1 << column, exact | 1 << column),
        Key::OneOf(_) | Key::NoneOf(_) | Key::Within(_) => (stated | 1 << column, exact),
    })
}

/// Smaller is more specific, so that groups sort into the order they are asked in.
fn rank(stated: u32, builder: &TableBuilder) -> u64 {
    let all = builder.columns.len();
    if builder.unranked {
        return 0;
    }
    if builder.specificity.is_empty() {
        return (all - stated.count_ones() as usize) as u64;
    }
    let rest = (0..all).filter(|column| !builder.specificity.contains(column));
    let order = builder.specificity.iter().copied().chain(rest);
    order.fold(0, |rank, column| rank << 1 | u64::from(stated >> column & 1 == 0))
}

/// The digits of the keys of rows that state these columns by one value each; the last column counts once.
fn digits(exact: u32, columns: &[Column]) -> Vec<Digit> {
    let mut weight = 1;
    let stated = columns.iter().enumerate().rev().filter(|(column, _)| exact >> column & 1 == 1);
    let mut digits: Vec<Digit> = stated
        .map(|(column, of)| {
            let digit = Digit { column, weight, values: of.values.space() };
            weight *= digit.values;
            digit
        })
        .collect();
    digits.reverse();
    digits
}

fn packed(row: &Row, columns: &[Column], digits: &[Digit]) -> u128 {
    digits.iter().fold(0, |packed, digit| match &row.keys[digit.column] {
        Key::Is(value) => packed + u128::from(columns[digit.column].values.of(value).unwrap_or(0)) * digit.weight,
        _ => packed,
    })
}
