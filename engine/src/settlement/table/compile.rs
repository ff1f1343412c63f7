//! From the rows of a table to groups of packed keys.

use super::packed::{Numbers, Places};
use super::{Column, Gathered, Group, Key, LIVE_KEYS_MAX, Row, Table, TableBuilder, TableFault, Version};
use std::collections::BTreeMap;

impl Table {
    pub(super) fn compile(builder: TableBuilder) -> Result<Table, TableFault> {
        let columns = number_values(&builder)?;
        let mut gathered: BTreeMap<(u64, u32, u32), Gathered> = BTreeMap::new();
        for (index, row) in builder.rows.iter().enumerate() {
            let index = u32::try_from(index).map_err(|_| TableFault::TooManyRows)?;
            let (stated, exact) = masks(row);
            let keys = gathered.entry((rank(stated, &builder), stated, exact)).or_default();
            keys.entry(packed(row, &columns)).or_default().push(row.version(index));
        }
        let keys = gathered.values().flat_map(|keys| keys.values());
        if keys.filter(|versions| versions.iter().any(|(_, known)| known.is_live())).count() > LIVE_KEYS_MAX {
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
        let keys = Places::with_capacity(gathered.len());
        let count = gathered.values().map(Vec::len).sum();
        let (versions, known) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let mut group = Group { rank: 0, exact: Vec::new(), tested: false, keys, versions, known, superseded: false };
        for (key, mut versions) in gathered {
            versions.sort_unstable_by_key(|(version, _)| (version.from, version.row));
            let start = group.versions.len() as u32;
            let mut latest_to = i32::MIN;
            for (version, known) in versions {
                latest_to = latest_to.max(version.to);
                group.versions.push(Version { latest_to, ..version });
                group.superseded |= !known.is_live();
                group.known.push(known);
            }
            group.keys.add(key, start..group.versions.len() as u32);
        }
        group
    }
}

fn number_values(builder: &TableBuilder) -> Result<Vec<Column>, TableFault> {
    let mut columns = Vec::with_capacity(builder.columns.len());
    let mut shift = 0;
    for (place, spec) in builder.columns.iter().enumerate() {
        let mut values = Numbers::default();
        let mut stated = false;
        for row in &builder.rows {
            stated |= row.keys[place] != Key::Any;
            if let Key::Is(value) = &row.keys[place] {
                values.add(value);
            }
        }
        let bits = values.bits();
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

fn packed(row: &Row, columns: &[Column]) -> u128 {
    row.keys.iter().zip(columns).fold(0, |packed, (key, column)| match key {
        Key::Is(value) => packed | u128::from(column.values.of(value).unwrap_or(0)) << column.shift,
        _ => packed,
    })
}
