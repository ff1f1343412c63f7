//! Checks of rollups over records that refer: their totals once more, from the records that count.

use super::Check;
use crate::store::StoreError;
use crate::store::child_total::{Made, Rolled, average, counted_for};
use crate::store::sql::{Datum, Kind, Sql};
use packwork_engine::object::Object;
use packwork_engine::record::Record;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// What is kept for one record, or should be.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Kept {
    records: i64,
    filled: i64,
    total: Decimal,
    value: Option<Decimal>,
}

impl Check<'_> {
    /// The totals of these records are what the records that refer to them come to.
    pub(super) async fn totals_of(&mut self, object: &Object, records: &[Arc<Record>]) -> Result<(), StoreError> {
        let model = self.model;
        for (slot, field) in object.own_fields().filter(|(_, field)| field.children().is_some()) {
            let Some(rollup) = Rolled::of(model, object, slot) else { continue };
            let ids: Vec<Uuid> = records.iter().map(|record| record.id()).collect();
            let counted = counted_for(&mut self.connection, model, &rollup, ids.clone()).await?;
            let mut kept = self.kept(&rollup, ids).await?;
            for record in records {
                let counted = counted.get(&record.id()).cloned().unwrap_or_default();
                let value = match rollup.made {
                    Made::Average if counted.filled > 0 => average(counted.total, counted.filled, rollup.digits),
                    _ => counted.extreme,
                };
                let wanted = Kept { records: counted.records, filled: counted.filled, total: counted.total, value };
                let found = kept.remove(&record.id()).unwrap_or_default();
                if found != wanted {
                    let detail = format!("what refers to it comes to {}, kept is {}", told(wanted), told(found));
                    self.drift("total", &object.name, Some(record.id()), Some(&field.name), detail);
                }
            }
        }
        Ok(())
    }

    async fn kept(&mut self, rollup: &Rolled<'_>, ids: Vec<Uuid>) -> Result<BTreeMap<Uuid, Kept>, StoreError> {
        let text = "SELECT parent, records, filled, total, value FROM child_total WHERE rollup = ? AND ";
        let key = Datum::Text(rollup.children.key.clone());
        let mut sql = Sql::of(self.connection.dialect(), text, vec![key]);
        sql.any_of("parent", Datum::Ids(ids));
        let kinds = [Kind::Id, Kind::Int, Kind::Int, Kind::Decimal(rollup.scale), Kind::Decimal(rollup.digits)];
        let mut kept = BTreeMap::new();
        for row in self.connection.rows("reading totals to check", sql, &kinds).await? {
            let [Datum::Id(parent), Datum::Int(records), Datum::Int(filled), Datum::Decimal(total, _), value] =
                &row[..]
            else {
                continue;
            };
            let value = if let Datum::Decimal(value, _) = value { Some(*value) } else { None };
            kept.insert(*parent, Kept { records: *records, filled: *filled, total: *total, value });
        }
        Ok(kept)
    }
}

fn told(kept: Kept) -> String {
    let value = kept.value.map_or(String::new(), |value| format!(", {value}"));
    format!("{} record(s), {} with a number, {}{value}", kept.records, kept.filled, kept.total)
}
