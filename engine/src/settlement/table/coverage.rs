//! On which dates a table answers for given inputs, and how its rows follow each other: what a look at the whole table
//! asks beside overlaps.

use super::{Row, Table};
use crate::moment::Date;
use crate::value::Value;
use std::collections::BTreeSet;

/// A row that answers for some inputs on the dates `[from, to)`; an absent end is unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held<'t> {
    pub from: Option<Date>,
    pub to: Option<Date>,
    pub row: &'t Row,
}

impl Table {
    /// The live rows that match the inputs on some date, by their first one. Empty where an input the rows state is null.
    pub fn held(&self, inputs: &[Value]) -> Vec<Held<'_>> {
        let Ok(probe) = self.probe(inputs, Date::ZERO, None) else { return Vec::new() };
        let mut found = Vec::new();
        for group in &self.groups {
            for place in group.range_of(&probe) {
                let version = &group.versions[place];
                let row = &self.rows[version.row as usize];
                if group.known[place].is_live() && version.from < version.to && row.accepts(inputs) {
                    found.push(Held { from: row.valid_from, to: row.valid_to, row });
                }
            }
        }
        found.sort_by_key(|held| held.from);
        found
    }

    /// Pairs of live rows with the same keys where one takes over from the other.
    pub fn successions(&self) -> impl Iterator<Item = (&Row, &Row)> {
        let keys = self.groups.iter().flat_map(|group| group.keys.iter().map(move |(_, range)| (group, range)));
        keys.flat_map(|(group, range)| {
            let live = range.filter(|place| group.known[*place].is_live());
            let rows: Vec<&Row> = live.map(|place| &self.rows[group.versions[place].row as usize]).collect();
            let follows = |place: usize, row: &Row| {
                let former = rows[..place].iter().rev().find(|former| former.keys == row.keys);
                former.copied().filter(|former| former.valid_to.is_some() && former.valid_to <= row.valid_from)
            };
            let pairs: Vec<(&Row, &Row)> =
                rows.iter().enumerate().filter_map(|(place, row)| Some((follows(place, row)?, *row))).collect();
            pairs
        })
    }

    /// The columns some row states.
    pub fn stated(&self) -> BTreeSet<usize> {
        self.columns.iter().enumerate().filter(|(_, column)| column.stated).map(|(place, _)| place).collect()
    }
}
