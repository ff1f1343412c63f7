//! From the rows of a table to groups of packed keys.

use super::packed::{Numbers, Places};
use super::{Column, Digit, Group, Key, Known, LIVE_KEYS_MAX, Row, Table, TableBuilder, TableFault, Version};
use std::collections::BTreeMap;

/// The rows that belong into one group, by key.
type Gathered = BTreeMap<u128, Vec<(Version, Known)>>;

impl Table {
    pub(super) fn compile(builder: TableBuilder) -> Result<Table, TableFault> {
        let columns = number_values(&builder)?;
        let mut gathered: BTreeMap<(u64, u32, u32), (Vec<Digit>, Gathered)> = BTreeMap::new();
        for (index, row) in builder.rows.iter().enumerate() {
            let index = u32::try_from(index).map_err(|_| TableFault::TooManyRows)?;
            let (stated, exact) = masks(row);
            let group = gathered.entry((rank(stated, &builder), stated, exact));
            let (digits, keys) = group.or_insert_with(|| (digits(exact, &columns), Gathered::default()));
            keys.entry(packed(row, &columns, digits)).or_default().push(row.version(index));
        }
        let keys = gathered.values().flat_map(|(_, keys)| keys.values());
        if keys.filter(|versions| versions.iter().any(|(_, known)| known.is_live())).count() > LIVE_KEYS_MAX {
            return Err(TableFault::TooManyLiveKeys);
        }
        let groups = gathered
            .into_iter()
            .map(|((rank, stated, exact), (digits, keys))| Group::laid_out(rank, stated != exact, digits, keys));
        let groups = groups.collect();
        let TableBuilder { name, policy, priority, rows, .. } = builder;
        Ok(Table { name, columns, policy, priority, rows, groups })
    }
}

impl Group {
    /// Lays the versions of all keys side by side, each key's by `from`.
    fn laid_out(rank: u64, tested: bool, exact: Vec<Digit>, gathered: Gathered) -> Group {
        let space = exact.iter().map(|digit| digit.values).product();
        let lengths = gathered.iter().map(|(key, versions)| (*key, versions.len() as u32));
        let keys = Places::of_rising(lengths, space);
        let count = gathered.values().map(Vec::len).sum();
        let (versions, known) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut group = Group { rank, exact, tested, keys, versions, known, superseded: false };
        for mut versions in gathered.into_values() {
            versions.sort_unstable_by_key(|(version, _)| (version.from, version.row));
            let mut latest_to = i32::MIN;
            for (version, known) in versions {
                latest_to = latest_to.max(version.to);
                group.versions.push(Version { latest_to, ..version });
                group.superseded |= !known.is_live();
                group.known.push(known);
            }
        }
        group
    }

    /// The column as a digit of the keys here.
    pub(super) fn digit(&self, column: usize) -> Option<&Digit> {
        self.exact.iter().find(|digit| digit.column == column)
    }
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
