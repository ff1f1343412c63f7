//! Checks of what is stored, for the doctor: each reads only, as a stream, and gives what does not fit. Repairs nothing.

mod derived;
mod totals;

use super::column::{Layout, column, table};
use super::connection::Connection;
use super::line::{Columns, standing};
use super::sql::{Datum, Kind, Sql};
use super::tables::uniques;
use super::{Backend, Scope, Store, StoreError};
use packwork_engine::model::Model;
use packwork_engine::object::{FieldKind, Object};
use packwork_engine::record::{Name, Record, slot};
use packwork_engine::value::Value;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Records held in memory at a time, with their events.
const PAGE: usize = 500;

/// What is wrong, and with which record.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Drift {
    /// `history`, `rollup`, `total`, `duplicate_key`, `required`, `unique`, `reference`, `orphan`, `line`, `cumulation`, `ledger`,
    /// `attachment`.
    pub check: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    pub detail: String,
}

/// Told of each drift as it is found.
pub type Found<'f> = dyn FnMut(Drift) + Send + 'f;

/// One look at the data: everything is read from one snapshot.
pub struct Check<'c> {
    connection: Connection,
    model: &'c Model,
    found: &'c mut Found<'c>,
}

impl Store {
    /// Opens a tenant's data beside whoever works on it, only to read. Nothing is made and nothing is migrated.
    pub async fn open_to_read(database: &super::Database, tenant: &str) -> Result<Store, StoreError> {
        Store::open_with(database, tenant, super::Access::Reading).await
    }

    /// Begins a check of one snapshot of the data.
    pub async fn check_data<'c>(
        &self,
        scope: &Scope,
        model: &'c Model,
        found: &'c mut Found<'c>,
    ) -> Result<Check<'c>, StoreError> {
        self.check(scope)?;
        let mut connection = match &self.inner.backend {
            Backend::Sqlite(store) => store.reader().await?,
            Backend::Postgres(store) => store.connection().await?,
        };
        connection.begin_reading().await?;
        Ok(Check { connection, model, found })
    }
}

impl Check<'_> {
    /// Every check; the number of records looked at.
    pub async fn all(mut self) -> Result<u64, StoreError> {
        let mut looked_at = 0;
        let objects: Vec<Arc<Object>> = self.model.objects.values().cloned().collect();
        for object in &objects {
            looked_at += self.history(object).await?;
            self.stray_keys(object).await?;
            self.required(object).await?;
            self.uniqueness(object).await?;
            self.references(object).await?;
            self.owners(object).await?;
        }
        self.lines().await?;
        self.connection.rollback().await?;
        Ok(looked_at)
    }

    fn drift(&mut self, check: &'static str, object: &str, record: Option<Uuid>, field: Option<&str>, detail: String) {
        let object = (!object.is_empty()).then(|| object.to_owned());
        (self.found)(Drift { check, object, record, field: field.map(str::to_owned), detail });
    }

    /// Folds the events of each record and compares with its row.
    async fn history(&mut self, object: &Object) -> Result<u64, StoreError> {
        let model = self.model;
        let layout = Layout::of(model, &object.name)?;
        let mut last: Option<Uuid> = None;
        let mut looked_at = 0;
        loop {
            let mut sql = layout.sql(self.connection.dialect());
            sql.push("SELECT ").push(&layout.select_list("o")).push(" FROM ").push(layout.table()).push(" AS o");
            if let Some(last) = last {
                sql.push(" WHERE o.f_id > ").bind(Datum::Id(last));
            }
            sql.push(" ORDER BY o.f_id LIMIT ").bind(Datum::Int(PAGE as i64));
            let rows = self.connection.rows("reading records to check", sql, &layout.kinds()).await?;
            let records: Vec<Arc<Record>> = rows.into_iter().map(|row| layout.decode(row)).collect::<Result<_, _>>()?;
            let Some(newest) = records.last() else { return Ok(looked_at) };
            last = Some(newest.id());
            looked_at += records.len() as u64;
            self.several(object, &records).await?;
            self.rollups(object, &records).await?;
            self.shares(object, &records).await?;
            self.totals_of(object, &records).await?;
            self.duplicate_keys(object, &records).await?;
            // Owned rows are told by their owner's events, rows of price tables by their own validity.
            if object.owned_by.is_none() {
                self.page(object, &records).await?;
            }
        }
    }

    async fn page(&mut self, object: &Object, records: &[Arc<Record>]) -> Result<(), StoreError> {
        let ids: Vec<Uuid> = records.iter().map(|record| record.id()).collect();
        let mut sql = Sql::new(self.connection.dialect());
        sql.push("SELECT record, changes FROM event WHERE ");
        sql.any_of("record", Datum::Ids(ids));
        sql.push(" ORDER BY record, seq");
        let rows = self.connection.rows("reading events to check", sql, &[Kind::Id, Kind::Json]).await?;
        let mut folded: BTreeMap<Uuid, BTreeMap<String, Json>> = BTreeMap::new();
        for row in rows {
            let mut row = Columns::of("event", row);
            let record = row.id()?;
            let changes: BTreeMap<String, Json> = row.json()?;
            let fields = folded.entry(record).or_default();
            for (field, change) in changes {
                fields.insert(field, change["new"].clone());
            }
        }
        for record in records {
            let Some(fields) = folded.get(&record.id()) else {
                self.drift("history", &object.name, Some(record.id()), None, "the record has no event".into());
                continue;
            };
            let mut wrong = Vec::new();
            for (at, field) in object.own_fields().filter(|(_, field)| field.is_stored()) {
                let stored = record.values.get(at).unwrap_or(&Value::Null).to_json();
                let told = fields.get(&*field.name).unwrap_or(&Json::Null);
                if stored != *told && !same_number(&stored, told) {
                    wrong.push((field.name.clone(), format!("its events say {told}, the record {stored}")));
                }
            }
            for (field, detail) in wrong {
                self.drift("history", &object.name, Some(record.id()), Some(&field), detail);
            }
        }
        Ok(())
    }

    /// Lists of references lead to records that are there.
    async fn several(&mut self, object: &Object, records: &[Arc<Record>]) -> Result<(), StoreError> {
        for (at, field) in object.own_fields() {
            let FieldKind::Ids { to } = &field.kind else { continue };
            let mut wanted: BTreeMap<Uuid, Uuid> = BTreeMap::new();
            for record in records {
                if let Some(Value::List(ids)) = record.values.get(at) {
                    wanted.extend(ids.iter().filter_map(Value::as_id).map(|id| (id, record.id())));
                }
            }
            let there = self.existing(to, wanted.keys().copied().collect()).await?;
            for (id, record) in wanted.into_iter().filter(|(id, _)| !there.contains(id)) {
                let detail = format!("it refers to {id}, which is not there");
                self.drift("reference", &object.name, Some(record), Some(&field.name), detail);
            }
        }
        Ok(())
    }

    async fn existing(&mut self, objects: &[Name], ids: Vec<Uuid>) -> Result<BTreeSet<Uuid>, StoreError> {
        let mut there = BTreeSet::new();
        if ids.is_empty() {
            return Ok(there);
        }
        for object in objects {
            let mut sql = Sql::new(self.connection.dialect());
            sql.push("SELECT f_id FROM ").push(&table(object)).push(" WHERE ");
            sql.any_of("f_id", Datum::Ids(ids.clone()));
            for row in self.connection.rows("looking for records", sql, &[Kind::Id]).await? {
                there.insert(Columns::of("record", row).id()?);
            }
        }
        Ok(there)
    }

    /// Sends a query whose rows are ids of records with something wrong.
    async fn ids(&mut self, text: &str) -> Result<Vec<Uuid>, StoreError> {
        let sql = Sql::of(self.connection.dialect(), text, vec![]);
        let rows = self.connection.rows("checking data", sql, &[Kind::Id]).await?;
        rows.into_iter().map(|row| Columns::of("checked", row).id()).collect()
    }

    async fn uniqueness(&mut self, object: &Object) -> Result<(), StoreError> {
        for unique in uniques(object) {
            let columns: Vec<String> = unique.slots.iter().map(|slot| column(&object.fields[*slot])).collect();
            let same: Vec<String> = columns.iter().map(|column| format!("a.{column} = b.{column}")).collect();
            let on = table(&object.name);
            let text = format!(
                "SELECT a.f_id FROM {on} AS a JOIN {on} AS b ON {} AND a.f_id > b.f_id
                 WHERE a.f_deleted_at IS NULL AND b.f_deleted_at IS NULL ORDER BY a.f_id",
                same.join(" AND ")
            );
            let fields: Vec<&str> = unique.slots.iter().map(|slot| &*object.fields[*slot].name).collect();
            for id in self.ids(&text).await? {
                let detail = "another live record has the same value".to_owned();
                self.drift("unique", &object.name, Some(id), Some(&fields.join(", ")), detail);
            }
        }
        Ok(())
    }

    async fn references(&mut self, object: &Object) -> Result<(), StoreError> {
        for (_, field) in object.own_fields() {
            let FieldKind::Id { to, .. } = &field.kind else { continue };
            let (on, stored) = (table(&object.name), column(field));
            let mut text = format!("SELECT a.f_id FROM {on} AS a WHERE a.{stored} IS NOT NULL");
            for target in to.iter().filter(|target| self.model.object(target).is_some()) {
                text.push_str(&format!(
                    " AND NOT EXISTS (SELECT 1 FROM {} AS t WHERE t.f_id = a.{stored})",
                    table(target)
                ));
            }
            text.push_str(" ORDER BY a.f_id");
            for id in self.ids(&text).await? {
                let detail = "it refers to a record that is not there".to_owned();
                self.drift("reference", &object.name, Some(id), Some(&field.name), detail);
            }
        }
        Ok(())
    }

    /// Owned rows have an owner.
    async fn owners(&mut self, object: &Object) -> Result<(), StoreError> {
        let Some(owner) = object.owned_by.as_deref().filter(|owner| self.model.object(owner).is_some()) else {
            return Ok(());
        };
        let parent = column(&object.fields[slot::PARENT]);
        let text = format!(
            "SELECT a.f_id FROM {} AS a WHERE NOT EXISTS (SELECT 1 FROM {} AS p WHERE p.f_id = a.{parent})
             ORDER BY a.f_id",
            table(&object.name),
            table(owner)
        );
        for id in self.ids(&text).await? {
            self.drift("orphan", &object.name, Some(id), None, format!("it belongs to no `{owner}`"));
        }
        Ok(())
    }

    /// Lines add up, reversals mirror what they take back, entries balance.
    async fn lines(&mut self) -> Result<(), StoreError> {
        let checks = [
            ("its gross is not net and tax", "SELECT id FROM settlement_line WHERE gross <> net + tax ORDER BY seq"),
            (
                "it does not mirror the line it takes back",
                "SELECT r.id FROM settlement_line AS r JOIN settlement_line AS l ON l.id = r.reverses
                 WHERE r.gross <> -l.gross OR r.net <> -l.net OR r.tax <> -l.tax ORDER BY r.seq",
            ),
            (
                "it takes back a line that is not there",
                "SELECT r.id FROM settlement_line AS r WHERE r.reverses IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM settlement_line AS l WHERE l.id = r.reverses) ORDER BY r.seq",
            ),
            (
                "it is on a statement that is not there",
                "SELECT l.id FROM settlement_line AS l WHERE l.statement IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM statement AS s WHERE s.id = l.statement) ORDER BY l.seq",
            ),
        ];
        for (detail, text) in checks {
            for id in self.ids(text).await? {
                self.drift("line", "", Some(id), None, detail.to_owned());
            }
        }
        self.cumulation().await?;
        let text = "SELECT period, currency FROM ledger_entry GROUP BY period, currency, posting
                    HAVING sum(debit) <> sum(credit) ORDER BY period, currency";
        let sql = Sql::of(self.connection.dialect(), text, vec![]);
        for row in self.connection.rows("checking entries", sql, &[Kind::Text, Kind::Text]).await? {
            let mut row = Columns::of("ledger_entry", row);
            let detail = format!("debits and credits of {} in {} are not equal", row.text()?, row.text()?);
            self.drift("ledger", "", None, None, detail);
        }
        Ok(())
    }

    /// The days of groups add up to the lines that stand.
    async fn cumulation(&mut self) -> Result<(), StoreError> {
        let dialect = self.connection.dialect();
        let text = format!(
            "SELECT plan, line, business_date FROM
             (SELECT l.group_digest, l.group_period, l.plan, l.line, l.business_date, l.quantity, l.gross
              FROM settlement_line AS l WHERE {} AND l.group_digest IS NOT NULL AND l.group_period IS NOT NULL
              UNION ALL
              SELECT group_digest, group_period, plan, line, business_date, -quantity, -gross FROM cumulation_day) AS both_sides
             GROUP BY group_digest, group_period, plan, line, business_date
             HAVING sum(quantity) <> 0 OR sum(gross) <> 0 ORDER BY plan, line, business_date",
            standing(dialect)
        );
        let sql = Sql::of(dialect, &text, vec![]);
        for row in self.connection.rows("checking groups", sql, &[Kind::Text, Kind::Text, Kind::Date]).await? {
            let [Datum::Text(plan), Datum::Text(line), Datum::Date(date)] = &row[..] else { continue };
            let detail = format!("a group of `{plan}/{line}` on {date} is not the sum of its lines");
            self.drift("cumulation", "", None, None, detail);
        }
        Ok(())
    }
}

/// Decimals are equal whatever the digits they are written with.
fn same_number(one: &Json, other: &Json) -> bool {
    let number = |json: &Json| json.as_str().and_then(|text| text.parse::<rust_decimal::Decimal>().ok());
    match (number(one), number(other)) {
        (Some(one), Some(other)) => one == other,
        _ => {
            let amounts = (number(&one["amount"]), number(&other["amount"]));
            matches!(amounts, (Some(a), Some(b)) if a == b && one["currency"] == other["currency"])
        }
    }
}
