//! Rollups over records that refer to another one: their totals stand beside the record they are of and are moved in
//! the transaction of each change, so that two people who add records for one never change it, nor its version.
//!
//! What a command takes out of totals is read before it writes, what it brings in afterwards, both with the condition
//! that filters are compiled to; the difference is added to what stands. Rows of totals are locked in one order, behind
//! all else the command writes.

mod fill;
mod total;

pub(super) use fill::{Filling, fill, fillings, waiting};
pub(super) use total::{Made, Rolled, Total, counted_for};

use super::StoreError;
use super::connection::Connection;
use super::sql::{Datum, Kind, Sql};
use packwork_engine::codes::Code;
use packwork_engine::decision::Write;
use packwork_engine::model::Model;
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use packwork_engine::settlement::rounding::{Rounding, round};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use total::{counted, extremes};
use uuid::Uuid;

/// Digits a total may have, as every stored number.
const DIGITS_MAX: u32 = packwork_engine::model::DIGITS_MAX;
/// Rows of one statement: few sizes, so that few are prepared.
const SIZES: [usize; 3] = [128, 16, 1];

/// What a command moves: by rollup, then by the record it is of.
pub(super) struct Moves<'m> {
    model: &'m Model,
    /// By the rollup's key, which is the order in which everybody locks.
    rollups: BTreeMap<&'m Name, Moving<'m>>,
}

struct Moving<'m> {
    rollup: Rolled<'m>,
    /// Records that were there, of which something changes that the rollup depends on.
    changed: Vec<Uuid>,
    by_parent: BTreeMap<Uuid, Delta>,
}

/// What changes for one record.
#[derive(Clone, Debug, Default)]
struct Delta {
    records: i64,
    filled: i64,
    total: Decimal,
    /// Numbers that come in and go out, of the kind the rollup keeps: the least or the greatest.
    comes: Option<Decimal>,
    goes: Option<Decimal>,
}

/// Reads what the writes of a command take out of totals. Nothing is read where nothing counts anywhere.
pub(super) async fn leaving<'m>(
    connection: &mut Connection,
    model: &'m Model,
    writes: &[Write],
) -> Result<Moves<'m>, StoreError> {
    let mut moves = Moves { model, rollups: BTreeMap::new() };
    for write in writes {
        let (object, id, changed) = match write {
            Write::Insert(_) => continue,
            Write::Update { record, changed, .. } => (&record.object, record.id(), Some(changed)),
            Write::Remove { object, id, .. } => (object, *id, None),
        };
        for rollup in Rolled::over(model, object) {
            if changed.is_none_or(|changed| changed.iter().any(|slot| rollup.reads.contains(slot))) {
                moves.moving(rollup).changed.push(id);
            }
        }
    }
    for moving in moves.rollups.values_mut() {
        for (parent, counted) in counted(connection, model, &moving.rollup, moving.changed.clone()).await? {
            let delta = moving.by_parent.entry(parent).or_default();
            delta.records -= counted.records;
            delta.filled -= counted.filled;
            delta.total -= counted.total;
            delta.goes = counted.extreme;
        }
    }
    Ok(moves)
}

impl<'m> Moves<'m> {
    fn moving(&mut self, rollup: Rolled<'m>) -> &mut Moving<'m> {
        self.rollups.entry(&rollup.children.key).or_insert_with(|| Moving {
            rollup,
            changed: Vec::new(),
            by_parent: BTreeMap::new(),
        })
    }

    /// Adds what the writes, which are done now, bring into totals. Refused where a sum becomes too long.
    pub(super) async fn arrive(
        mut self,
        connection: &mut Connection,
        writes: &[Write],
    ) -> Result<Option<Refusal>, StoreError> {
        let mut written: BTreeMap<&Name, Vec<Uuid>> = BTreeMap::new();
        for write in writes {
            if let Write::Insert(record) = write {
                for rollup in Rolled::over(self.model, &record.object) {
                    written.entry(&rollup.children.key).or_default().push(record.id());
                    self.moving(rollup);
                }
            }
        }
        for (key, moving) in &mut self.rollups {
            let mut ids = written.remove(key).unwrap_or_default();
            ids.append(&mut moving.changed);
            for (parent, counted) in counted(connection, self.model, &moving.rollup, ids).await? {
                let delta = moving.by_parent.entry(parent).or_default();
                delta.records += counted.records;
                delta.filled += counted.filled;
                delta.total += counted.total;
                delta.comes = counted.extreme;
            }
            moving.by_parent.retain(|_, delta| !delta.is_nothing());
        }
        for moving in self.rollups.into_values() {
            if let Some(refusal) = moving.write(connection, self.model).await? {
                return Ok(Some(refusal));
            }
        }
        Ok(None)
    }
}

impl Delta {
    fn is_nothing(&self) -> bool {
        self.records == 0 && self.filled == 0 && self.total.is_zero() && self.comes == self.goes
    }
}

impl Moving<'_> {
    async fn write(self, connection: &mut Connection, model: &Model) -> Result<Option<Refusal>, StoreError> {
        let deltas: Vec<(Uuid, Delta)> = self.by_parent.into_iter().collect();
        let mut left = &deltas[..];
        while let Some(size) = SIZES.into_iter().find(|size| *size <= left.len()) {
            let (deltas, later) = left.split_at(size);
            left = later;
            if deltas.iter().any(|(_, delta)| too_long(delta.total, self.rollup.scale)) {
                return Ok(Some(refusal(&self.rollup.children.key)));
            }
            let standing = add(connection, &self.rollup, deltas).await?;
            if standing.iter().any(|(_, standing)| too_long(standing.total, self.rollup.scale)) {
                return Ok(Some(refusal(&self.rollup.children.key)));
            }
            let values = values(connection, model, &self.rollup, deltas, standing).await?;
            if values.values().flatten().any(|value| too_long(*value, self.rollup.digits)) {
                return Ok(Some(refusal(&self.rollup.children.key)));
            }
            total::set_values(connection, &self.rollup.children.key, self.rollup.digits, &values).await?;
        }
        Ok(None)
    }
}

/// A total as it stands once a change is added to it.
struct Standing {
    filled: i64,
    total: Decimal,
    value: Option<Decimal>,
}

/// Adds to the totals of some records, whose rows are then this transaction's until it ends.
async fn add(
    connection: &mut Connection,
    rollup: &Rolled<'_>,
    deltas: &[(Uuid, Delta)],
) -> Result<BTreeMap<Uuid, Standing>, StoreError> {
    let mut sql = Sql::new(connection.dialect());
    sql.push("INSERT INTO child_total (rollup, parent, records, filled, total) VALUES ");
    for (index, (parent, delta)) in deltas.iter().enumerate() {
        let binds = vec![
            Datum::Text(rollup.children.key.clone()),
            Datum::Id(*parent),
            Datum::Int(delta.records),
            Datum::Int(delta.filled),
            Datum::Decimal(delta.total, rollup.scale),
        ];
        sql.push(if index == 0 { "" } else { ", " }).with("(?, ?, ?, ?, ?)", binds);
    }
    sql.push(
        " ON CONFLICT (rollup, parent) DO UPDATE SET records = child_total.records + excluded.records,
         filled = child_total.filled + excluded.filled, total = child_total.total + excluded.total
         RETURNING parent, filled, total, value",
    );
    let kinds = [Kind::Id, Kind::Int, Kind::Decimal(rollup.scale), Kind::Decimal(rollup.digits)];
    let mut standing = BTreeMap::new();
    for row in connection.rows("adding to totals", sql, &kinds).await? {
        let [Datum::Id(parent), Datum::Int(filled), Datum::Decimal(total, _), value] = &row[..] else { continue };
        let value = if let Datum::Decimal(value, _) = value { Some(*value) } else { None };
        standing.insert(*parent, Standing { filled: *filled, total: *total, value });
    }
    Ok(standing)
}

/// The values that are other than before: averages follow from sums; the least and the greatest are looked up anew
/// where the one that stood goes.
async fn values(
    connection: &mut Connection,
    model: &Model,
    rollup: &Rolled<'_>,
    deltas: &[(Uuid, Delta)],
    standing: BTreeMap<Uuid, Standing>,
) -> Result<BTreeMap<Uuid, Option<Decimal>>, StoreError> {
    let mut values: BTreeMap<Uuid, Option<Decimal>> = BTreeMap::new();
    let mut unknown: BTreeSet<Uuid> = BTreeSet::new();
    for (parent, delta) in deltas {
        let Some(now) = standing.get(parent) else { continue };
        let value = match rollup.made {
            Made::Count | Made::Sum => continue,
            _ if now.filled == 0 => None,
            Made::Average => average(now.total, now.filled, rollup.digits),
            made @ (Made::Least | Made::Greatest) => match (now.value, delta.comes, delta.goes) {
                (Some(stands), _, Some(goes)) if made.further(goes, stands) == goes => {
                    unknown.insert(*parent);
                    continue;
                }
                (Some(stands), Some(comes), _) => Some(made.further(stands, comes)),
                (None, Some(comes), None) => Some(comes),
                (Some(stands), None, _) => Some(stands),
                (None, _, _) => {
                    unknown.insert(*parent);
                    continue;
                }
            },
        };
        if value != now.value {
            values.insert(*parent, value);
        }
    }
    if !unknown.is_empty() {
        let found = extremes(connection, model, rollup, &unknown).await?;
        values.extend(unknown.into_iter().map(|parent| (parent, found.get(&parent).copied())));
    }
    Ok(values)
}

/// Half up, to the digits the rollup has.
pub(super) fn average(total: Decimal, filled: i64, digits: u32) -> Option<Decimal> {
    total.checked_div(Decimal::from(filled)).map(|average| round(average, digits, Rounding::HalfUp))
}

fn too_long(total: Decimal, scale: u32) -> bool {
    total.abs() >= Decimal::from_i128_with_scale(10_i128.pow(DIGITS_MAX), scale)
}

fn refusal(key: &Name) -> Refusal {
    let detail = format!("the rollup `{key}` would have more than {DIGITS_MAX} digits");
    Refusal::new(Code::AmountOverflow, detail).with("field", &**key)
}
