//! Checks of what is made from records: rollups over owned rows and their shares, keys of the rules about duplicates, required values.

use super::Check;
use crate::store::StoreError;
use crate::store::column::{column, kind, table};
use crate::store::line::Columns;
use crate::store::sql::{Datum, Kind, Sql};
use packwork_engine::object::{FieldKind, Object, Over, Rollup, Source};
use packwork_engine::record::{Name, Record};
use packwork_engine::settlement::rounding::{Rounding, round};
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Numbers of the owned rows of one record.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    rows: Decimal,
    sum: Decimal,
    filled: Decimal,
    least: Option<Decimal>,
    greatest: Option<Decimal>,
}

impl Totals {
    fn rolled(&self, of: &Rollup, scale: u32) -> Option<Decimal> {
        match of {
            Rollup::Count => Some(self.rows),
            Rollup::Sum(_) => Some(self.sum),
            Rollup::Min(_) => self.least,
            Rollup::Max(_) => self.greatest,
            Rollup::Avg(_) => self.sum.checked_div(self.filled).map(|average| round(average, scale, Rounding::HalfUp)),
        }
    }
}

impl Check<'_> {
    /// Every rollup of these records, once more over their rows.
    pub(super) async fn rollups(&mut self, object: &Object, records: &[Arc<Record>]) -> Result<(), StoreError> {
        for (slot, field) in object.own_fields() {
            let FieldKind::Rollup { over: Over::Items(items), of, scale, .. } = &field.kind else { continue };
            let FieldKind::Items { to } = &object.fields[*items].kind else { continue };
            let totals = self.totals(to, of, records).await?;
            for record in records {
                let rolled = totals.get(&record.id()).copied().unwrap_or_default().rolled(of, *scale);
                let stored = record.values.get(slot).and_then(Value::as_decimal);
                let nothing = matches!(of, Rollup::Count | Rollup::Sum(_)) && rolled == Some(Decimal::ZERO);
                if stored == rolled || (nothing && stored.is_none()) {
                    continue;
                }
                let told = |number: Option<Decimal>| number.map_or("nothing".to_owned(), |number| number.to_string());
                let detail = format!("its rows come to {}, the record says {}", told(rolled), told(stored));
                self.drift("rollup", &object.name, Some(record.id()), Some(&field.name), detail);
            }
        }
        Ok(())
    }

    /// What the rows of these records share is what the records have.
    pub(super) async fn shares(&mut self, object: &Object, records: &[Arc<Record>]) -> Result<(), StoreError> {
        let model = self.model;
        for (_, items) in object.own_fields() {
            let FieldKind::Items { to } = &items.kind else { continue };
            let Some(rows) = model.object(to).filter(|rows| rows.owned_by.as_ref() == Some(&object.name)) else {
                continue;
            };
            for (share, field) in rows.own_fields().filter_map(|(_, field)| Some((field.share?, field))) {
                let totals = self.totals(to, &Rollup::Sum(field.name.clone()), records).await?;
                for record in records {
                    let Some(found) = totals.get(&record.id()) else { continue };
                    let whole = record.values.get(share.of).and_then(Value::as_decimal);
                    let filled = if whole.is_some() { found.rows } else { Decimal::ZERO };
                    if found.sum == whole.unwrap_or_default() && found.filled == filled {
                        continue;
                    }
                    let whole = whole.map_or("nothing".to_owned(), |whole| whole.to_string());
                    let of = &object.fields[share.of].name;
                    let detail = format!("its rows share {} of {whole} in `{of}`", found.sum);
                    self.drift("share", &object.name, Some(record.id()), Some(&field.name), detail);
                }
            }
        }
        Ok(())
    }

    async fn totals(
        &mut self,
        to: &Name,
        of: &Rollup,
        records: &[Arc<Record>],
    ) -> Result<BTreeMap<Uuid, Totals>, StoreError> {
        let mut totals = BTreeMap::new();
        let Some(child) = self.model.object(to).cloned() else { return Ok(totals) };
        let of_rows = match of {
            Rollup::Count => None,
            Rollup::Sum(name) | Rollup::Min(name) | Rollup::Max(name) | Rollup::Avg(name) => child.field(name),
        };
        let (stored, kind) = match of_rows.map(|(_, field)| (column(field), kind(field))) {
            Some((stored, Some(kind))) => (stored, kind),
            _ => ("CAST(0 AS NUMERIC)".to_owned(), Kind::Decimal(0)),
        };
        let mut sql = Sql::new(self.connection.dialect());
        sql.push(&format!(
            "SELECT f_item_of, count(*), sum({stored}), count({stored}), min({stored}), max({stored}) FROM {} WHERE ",
            table(to)
        ));
        sql.any_of("f_item_of", Datum::Ids(records.iter().map(|record| record.id()).collect()));
        sql.push(" GROUP BY f_item_of");
        let kinds = [Kind::Id, Kind::Int, kind, Kind::Int, kind, kind];
        for row in self.connection.rows("adding up owned rows", sql, &kinds).await? {
            let number = |datum: Option<&Datum>| match datum {
                Some(Datum::Decimal(number, _)) => Some(*number),
                Some(Datum::Int(number)) => Some(Decimal::from(*number)),
                _ => None,
            };
            let Some(Datum::Id(record)) = row.first() else { continue };
            let found = Totals {
                rows: number(row.get(1)).unwrap_or_default(),
                sum: number(row.get(2)).unwrap_or_default(),
                filled: number(row.get(3)).unwrap_or_default(),
                least: number(row.get(4)),
                greatest: number(row.get(5)),
            };
            totals.insert(*record, found);
        }
        Ok(totals)
    }

    /// The keys these records should have are those they have.
    pub(super) async fn duplicate_keys(&mut self, object: &Object, records: &[Arc<Record>]) -> Result<(), StoreError> {
        if object.duplicates.is_empty() {
            return Ok(());
        }
        let made = self.rules_made(object).await?;
        let mut sql = Sql::new(self.connection.dialect());
        sql.push("SELECT record, rule, value FROM duplicate_key WHERE object = ")
            .bind(Datum::Text(object.name.clone()))
            .push(" AND ");
        sql.any_of("record", Datum::Ids(records.iter().map(|record| record.id()).collect()));
        let mut kept: BTreeMap<(Uuid, Name), BTreeSet<Name>> = BTreeMap::new();
        for row in self.connection.rows("reading keys of records", sql, &[Kind::Id, Kind::Text, Kind::Text]).await? {
            let mut row = Columns::of("duplicate_key", row);
            let of = (row.id()?, row.text()?);
            kept.entry(of).or_default().insert(row.text()?);
        }
        for record in records {
            for rule in object.duplicates.iter().filter(|rule| made.contains(&rule.name)) {
                let wanted = rule.key(&record.values).filter(|_| !record.is_deleted());
                let found = kept.remove(&(record.id(), rule.name.clone())).unwrap_or_default();
                let detail = match &wanted {
                    Some(_) if found.is_empty() => "no key is kept of it for this rule",
                    Some(key) if found.len() > 1 || found.iter().any(|found| **found != **key) => {
                        "the key kept of it for this rule is of other values"
                    }
                    None if !found.is_empty() => "a key is kept of it for this rule, which does not apply to it",
                    _ => continue,
                };
                self.drift("duplicate_key", &object.name, Some(record.id()), Some(&rule.name), detail.to_owned());
            }
        }
        Ok(())
    }

    /// The rules whose keys are all made, as they stand now.
    async fn rules_made(&mut self, object: &Object) -> Result<BTreeSet<Name>, StoreError> {
        let text = "SELECT rule, form FROM duplicate_rule WHERE object = ? AND filled = 1";
        let sql = Sql::of(self.connection.dialect(), text, vec![Datum::Text(object.name.clone())]);
        let mut made = BTreeSet::new();
        for row in self.connection.rows("reading which keys are made", sql, &[Kind::Text, Kind::Text]).await? {
            let mut row = Columns::of("duplicate_rule", row);
            let (name, form) = (row.text()?, row.text()?);
            if object.duplicates.iter().any(|rule| rule.name == name && *rule.form == *form) {
                made.insert(name);
            }
        }
        Ok(made)
    }

    /// Keys of records that are not there.
    pub(super) async fn stray_keys(&mut self, object: &Object) -> Result<(), StoreError> {
        if object.duplicates.is_empty() {
            return Ok(());
        }
        let text = format!(
            "SELECT DISTINCT k.record FROM duplicate_key AS k WHERE k.object = '{}'
             AND NOT EXISTS (SELECT 1 FROM {} AS r WHERE r.f_id = k.record) ORDER BY k.record",
            object.name,
            table(&object.name)
        );
        for id in self.ids(&text).await? {
            let detail = "a key is kept of a record that is not there".to_owned();
            self.drift("duplicate_key", &object.name, Some(id), None, detail);
        }
        Ok(())
    }

    /// Live records have what is required of them.
    pub(super) async fn required(&mut self, object: &Object) -> Result<(), StoreError> {
        if object.source != Source::Definition {
            return Ok(());
        }
        for (_, field) in object.own_fields().filter(|(_, field)| field.required && field.is_stored()) {
            let text = format!(
                "SELECT f_id FROM {} WHERE f_deleted_at IS NULL AND {} IS NULL ORDER BY f_id",
                table(&object.name),
                column(field)
            );
            for id in self.ids(&text).await? {
                let detail = "it has no value, which is required".to_owned();
                self.drift("required", &object.name, Some(id), Some(&field.name), detail);
            }
        }
        Ok(())
    }
}
