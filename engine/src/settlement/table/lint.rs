//! A look at a whole table: rows that meet, and rows no look-up can reach.

use super::compile::masks;
use super::packed::Dates;
use super::{Digit, Known, LINT_COMPARISONS_MAX, OVERLAPS_MAX, Policy, Row, RowName, Table, named};
use crate::moment::Date;
use std::collections::BTreeMap;

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
        for row in self.rows() {
            if row.never_holds() || (self.policy == Policy::First && linter.is_behind(row)) {
                unreachable.push(named(row));
            }
        }
        let mut overlaps = linter.overlaps;
        overlaps.sort_unstable();
        let complete = linter.comparisons < LINT_COMPARISONS_MAX && overlaps.len() < OVERLAPS_MAX;
        let overlaps = overlaps.into_iter().map(|(first, second)| self.overlap(first, second)).collect();
        Lint { overlaps, unreachable, complete }
    }

    /// Of two rows by their numbers.
    fn overlap(&self, first: usize, second: usize) -> Overlap {
        let [left, right] = [first, second].map(|number| &self.rows[self.written[number] as usize]);
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
        let (dates, known) = (self.dates(), Known::of(self));
        dates.from >= dates.to || known.recorded >= known.superseded
    }

    /// Both could answer one look-up: same inputs, same date, known at the same time.
    fn meets(&self, other: &Row) -> bool {
        let (left, right) = (self.dates(), other.dates());
        let (known, other_known) = (Known::of(self), Known::of(other));
        left.from.max(right.from) < left.to.min(right.to)
            && known.recorded.max(other_known.recorded) < known.superseded.min(other_known.superseded)
            && self.keys.iter().zip(&other.keys).all(|(left, right)| left.meets(right))
    }

    /// Every look-up that finds `other` finds this row too.
    fn covers(&self, other: &Row) -> bool {
        let (own, others) = (self.dates(), other.dates());
        let (known, others_known) = (Known::of(self), Known::of(other));
        own.from <= others.from
            && own.to >= others.to
            && known.recorded <= others_known.recorded
            && known.superseded >= others_known.superseded
            && self.keys.iter().zip(&other.keys).all(|(own, other)| own.covers(other))
    }
}

struct Linter<'t> {
    table: &'t Table,
    comparisons: usize,
    /// The rows' numbers.
    overlaps: Vec<(usize, usize)>,
}

impl Linter<'_> {
    /// Rows of one key lie together, by `from`: those still open are compared with the next one.
    fn within_groups(&mut self) {
        let groups = self.table.groups.iter();
        for (_, versions) in groups.flat_map(|group| group.keys.iter()) {
            let mut open: Vec<(usize, &Dates)> = Vec::new();
            for (row, dates) in versions.iter() {
                open.retain(|(_, earlier)| earlier.to > dates.from);
                for (earlier, _) in &open {
                    if !self.compare(*earlier, row) {
                        return;
                    }
                }
                open.push((row, dates));
            }
        }
    }

    /// Groups of one rank state different columns, or the same in different ways; they meet where their shared columns are equal.
    fn between_groups(&mut self) {
        let groups = &self.table.groups;
        for (index, left) in groups.iter().enumerate() {
            for right in groups[index + 1..].iter().take_while(|right| right.rank == left.rank) {
                let shared = left.exact.iter().filter_map(|own| Some((*own, *right.digit(own.column)?)));
                let (in_left, in_right): (Vec<Digit>, Vec<Digit>) = shared.unzip();
                let part =
                    |key: u128, digits: &[Digit]| -> Vec<u128> { digits.iter().map(|digit| digit.of(key)).collect() };
                let mut partners: BTreeMap<Vec<u128>, Vec<usize>> = BTreeMap::new();
                for (key, versions) in right.keys.iter() {
                    partners.entry(part(key, &in_right)).or_default().extend(versions.rows);
                }
                for (key, versions) in left.keys.iter() {
                    let Some(partners) = partners.get(&part(key, &in_left)) else { continue };
                    let pairs = versions.rows.flat_map(|own| partners.iter().map(move |other| (own, *other)));
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
    fn compare(&mut self, one: usize, other: usize) -> bool {
        self.comparisons += 1;
        let (one, other) = (&self.table.rows[one], &self.table.rows[other]);
        if one.meets(other) {
            self.overlaps.push((one.number.min(other.number), one.number.max(other.number)));
        }
        self.comparisons < LINT_COMPARISONS_MAX && self.overlaps.len() < OVERLAPS_MAX
    }

    fn is_behind(&mut self, row: &Row) -> bool {
        self.table.rows().take(row.number).any(|earlier| {
            self.comparisons += 1;
            self.comparisons < LINT_COMPARISONS_MAX && earlier.covers(row)
        })
    }
}
