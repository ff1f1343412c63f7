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
            for (place, dates) in group.versions_of(&probe).iter() {
                let row = &self.rows[place];
                if self.known[place].is_live() && dates.from < dates.to && row.accepts(inputs) {
                    found.push(Held { from: row.valid_from, to: row.valid_to, row });
                }
            }
        }
        found.sort_by_key(|held| held.from);
        found
    }

    /// Pairs of live rows with the same keys where one takes over from the other.
    pub fn successions(&self) -> impl Iterator<Item = (&Row, &Row)> {
        let keys = self.groups.iter().flat_map(|group| group.keys.iter());
        keys.flat_map(|(_, versions)| {
            let live = versions.rows.filter(|place| self.known[*place].is_live());
            let rows: Vec<&Row> = live.map(|place| &self.rows[place]).collect();
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
