//! Keys of the rules about duplicates: written with the records they belong to, so that looking for records that are
//! alike is one look-up in an index. Made for the records that are there when a rule is new.

use super::apply::insert_rows;
use super::column::{self, column, table};
use super::connection::Connection;
use super::line::Columns;
use super::sql::{Datum, Kind, Sql};
use super::transaction::{End, Locks};
use super::{Backend, Scope, Store, StoreError};
use packwork_engine::decision::Write;
use packwork_engine::definition::object::DuplicateAction;
use packwork_engine::facts::{Facts, Need};
use packwork_engine::model::Model;
use packwork_engine::object::Object;
use packwork_engine::object::duplicate::{CANDIDATES_MAX, DuplicateRule};
use packwork_engine::record::{Name, Record, slot};
use packwork_engine::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Keys one statement looks for.
const KEYS_AT_ONCE: usize = 500;
/// Records whose keys are made in one transaction: a moment of the writer.
const FILLED_AT_ONCE: usize = 2_000;

const INTO: &str = "duplicate_key (object, rule, value, record)";

fn row(object: &Object, rule: &DuplicateRule, key: &str, record: Uuid) -> Vec<Datum> {
    vec![Datum::Text(object.name.clone()), Datum::Text(rule.name.clone()), Datum::text(key), Datum::Id(record)]
}

/// Keeps the keys of what is written: live records have theirs, those in the recycle bin none.
pub(super) async fn keep(connection: &mut Connection, model: &Model, writes: &[Write]) -> Result<(), StoreError> {
    let mut gone: Vec<Uuid> = Vec::new();
    let mut rows: Vec<Vec<Datum>> = Vec::new();
    for write in writes {
        let (record, changed): (&Arc<Record>, Option<&[usize]>) = match write {
            Write::Insert(record) => (record, None),
            Write::Update { record, changed, .. } => (record, Some(changed)),
            Write::Remove { .. } => continue,
        };
        let Some(object) = model.object(&record.object).filter(|object| !object.duplicates.is_empty()) else {
            continue;
        };
        if let Some(changed) = changed {
            let matters = |slot: &usize| {
                let compared = |rule: &DuplicateRule| rule.parts.iter().any(|(part, _)| part == slot);
                *slot == slot::DELETED_AT || object.duplicates.iter().any(compared)
            };
            if !changed.iter().any(matters) {
                continue;
            }
            gone.push(record.id());
        }
        if record.is_deleted() {
            continue;
        }
        let keys = object.duplicates.iter().filter_map(|rule| Some((rule, rule.key(&record.values)?)));
        rows.extend(keys.map(|(rule, key)| row(object, rule, &key, record.id())));
    }
    if !gone.is_empty() {
        let mut sql = Sql::new(connection.dialect());
        sql.push("DELETE FROM duplicate_key WHERE ").any_of("record", Datum::Ids(gone));
        connection.execute("removing keys of records", sql).await?;
    }
    insert_rows(connection, "keeping keys of records", "", INTO, rows).await
}

/// Who has the keys asked for: one statement per rule.
pub(super) async fn fetch(
    connection: &mut Connection,
    asked: &BTreeSet<(Name, Name, String)>,
    facts: &mut Facts,
) -> Result<(), StoreError> {
    let mut by_rule: BTreeMap<(&Name, &Name), Vec<Name>> = BTreeMap::new();
    for (object, rule, key) in asked {
        facts.duplicates.insert((object.clone(), rule.clone(), key.clone()), Vec::new());
        by_rule.entry((object, rule)).or_default().push(key.as_str().into());
    }
    for ((object, rule), keys) in by_rule {
        for keys in keys.chunks(KEYS_AT_ONCE) {
            let mut sql = Sql::new(connection.dialect());
            sql.push(
                "SELECT value, record FROM (SELECT value, record,
                 row_number() OVER (PARTITION BY value ORDER BY record) AS place FROM duplicate_key",
            );
            let binds = vec![Datum::Text(object.clone()), Datum::Text(rule.clone())];
            sql.with(" WHERE object = ? AND rule = ? AND ", binds).any_of("value", Datum::Texts(keys.to_vec()));
            sql.push(") AS found WHERE place <= ").number(CANDIDATES_MAX + 1).push(" ORDER BY value, record");
            for row in connection.rows("looking for records that are alike", sql, &[Kind::Text, Kind::Id]).await? {
                let [Datum::Text(key), Datum::Id(record)] = &row[..] else { continue };
                let found = facts.duplicates.get_mut(&(object.clone(), rule.clone(), key.to_string()));
                found.into_iter().for_each(|ids| ids.push(*record));
            }
        }
    }
    Ok(())
}

/// A rule whose keys are to be made.
struct Filling {
    object: Arc<Object>,
    rule: usize,
}

impl Filling {
    fn rule(&self) -> &DuplicateRule {
        &self.object.duplicates[self.rule]
    }

    fn names(&self) -> Vec<Datum> {
        vec![Datum::Text(self.object.name.clone()), Datum::Text(self.rule().name.clone())]
    }
}

impl Store {
    /// Two commands that would make two records alike take turns where a rule blocks that: the second one finds the
    /// first one's record. SQLite's one writer needs none of it.
    pub(super) async fn lock_duplicates(
        &self,
        connection: &mut Connection,
        model: &Model,
        need: &Need,
    ) -> Result<(), StoreError> {
        let Backend::Postgres(store) = &self.inner.backend else { return Ok(()) };
        let blocks = |object: &Name, name: &Name| {
            let rules = model.object(object).map(|object| &object.duplicates);
            let rule = rules.and_then(|rules| rules.iter().find(|rule| rule.name == *name));
            rule.is_some_and(|rule| rule.action == DuplicateAction::Block)
        };
        let keys = need.duplicates.iter().filter(|(object, rule, _)| blocks(object, rule));
        let numbers: BTreeSet<i64> =
            keys.map(|(object, rule, key)| store.lock_number(&format!("alike {object} {rule} {key}"))).collect();
        // One by one and in order: commands that share several keys do not wait for each other.
        for number in numbers {
            let sql = Sql::of(connection.dialect(), "SELECT pg_advisory_xact_lock(?)", vec![Datum::Int(number)]);
            connection.execute("taking turns for a key", sql).await?;
        }
        Ok(())
    }

    /// Forgets every key and makes them anew: they are made from records alone.
    pub async fn renew_duplicates(&self, scope: &Scope, model: &Model) -> Result<(), StoreError> {
        self.check(scope)?;
        self.transact(Locks::exclusive(), |connection| {
            Box::pin(async move {
                for text in ["DELETE FROM duplicate_key", "DELETE FROM duplicate_rule"] {
                    let sql = Sql::of(connection.dialect(), text, vec![]);
                    connection.execute("forgetting all keys of records", sql).await?;
                }
                Ok(End::Keep(()))
            })
        })
        .await?;
        self.fill_duplicates(model).await
    }

    /// Makes the keys of rules that are new or compare otherwise than before, batch by batch; what was made stays made.
    pub(super) async fn fill_duplicates(&self, model: &Model) -> Result<(), StoreError> {
        let mut fillings = Vec::new();
        for object in model.objects.values() {
            fillings.extend((0..object.duplicates.len()).map(|rule| Filling { object: object.clone(), rule }));
        }
        let fillings = Arc::new(fillings);
        loop {
            let fillings = fillings.clone();
            let more = self
                .transact(Locks::exclusive(), move |connection| {
                    let fillings = fillings.clone();
                    Box::pin(async move { Ok(End::Keep(fill_next(connection, &fillings).await?)) })
                })
                .await?;
            if !more {
                return Ok(());
            }
        }
    }
}

/// One batch of the first rule that is not filled; whether there may be more.
async fn fill_next(connection: &mut Connection, fillings: &[Filling]) -> Result<bool, StoreError> {
    let sql = Sql::of(connection.dialect(), "SELECT object, rule, form, filled_to, filled FROM duplicate_rule", vec![]);
    let kinds = [Kind::Text, Kind::Text, Kind::Text, Kind::Id, Kind::Int];
    let mut standing: BTreeMap<(Name, Name), (Name, Option<Uuid>, bool)> = BTreeMap::new();
    for row in connection.rows("reading which keys are made", sql, &kinds).await? {
        let mut row = Columns::of("duplicate_rule", row);
        let name = (row.text()?, row.text()?);
        standing.insert(name, (row.text()?, row.optional_id(), row.int()? != 0));
    }
    for (object, rule) in standing.keys() {
        let stays = fillings.iter().any(|filling| filling.object.name == *object && filling.rule().name == *rule);
        if !stays {
            forget(connection, vec![Datum::Text(object.clone()), Datum::Text(rule.clone())]).await?;
        }
    }
    for filling in fillings {
        let name = (filling.object.name.clone(), filling.rule().name.clone());
        let after = match standing.get(&name) {
            Some((form, _, true)) if **form == *filling.rule().form => continue,
            Some((form, filled_to, false)) if **form == *filling.rule().form => *filled_to,
            there => {
                if there.is_some() {
                    forget(connection, filling.names()).await?;
                }
                let mut binds = filling.names();
                binds.push(Datum::text(&filling.rule().form));
                let text = "INSERT INTO duplicate_rule (object, rule, form, filled) VALUES (?, ?, ?, 0)";
                connection.execute("noting a rule", Sql::of(connection.dialect(), text, binds)).await?;
                None
            }
        };
        fill(connection, filling, after).await?;
        return Ok(true);
    }
    Ok(false)
}

async fn forget(connection: &mut Connection, names: Vec<Datum>) -> Result<(), StoreError> {
    for text in [
        "DELETE FROM duplicate_key WHERE object = ? AND rule = ?",
        "DELETE FROM duplicate_rule WHERE object = ? AND rule = ?",
    ] {
        connection.execute("forgetting a rule's keys", Sql::of(connection.dialect(), text, names.clone())).await?;
    }
    Ok(())
}

async fn fill(connection: &mut Connection, filling: &Filling, after: Option<Uuid>) -> Result<(), StoreError> {
    let (object, rule) = (&filling.object, filling.rule());
    let id = column(&object.fields[slot::ID]);
    let mut columns = vec![id.clone()];
    let mut kinds = vec![Kind::Id];
    for (slot, _) in &rule.parts {
        let field = &object.fields[*slot];
        columns.push(column(field));
        kinds.push(column::kind(field).unwrap_or(Kind::Text));
    }
    let mut sql = Sql::new(connection.dialect());
    // The rule's form keeps prepared statements of another model apart.
    sql.push("/* ").push(&rule.form).push(" */ SELECT ").push(&columns.join(", "));
    sql.push(" FROM ").push(&table(&object.name)).push(" WHERE f_deleted_at IS NULL");
    if let Some(after) = after {
        sql.push(" AND ").push(&id).push(" > ").bind(Datum::Id(after));
    }
    sql.push(" ORDER BY ").push(&id).push(" LIMIT ").number(FILLED_AT_ONCE);
    let found = connection.rows("reading records for their keys", sql, &kinds).await?;
    let filled = found.len() < FILLED_AT_ONCE;
    let mut last = after;
    let mut rows = Vec::new();
    for found in found {
        let mut data = found.into_iter();
        let Some(Datum::Id(record)) = data.next() else { continue };
        last = Some(record);
        let mut values = vec![Value::Null; object.fields.len()];
        for ((slot, _), datum) in rule.parts.iter().zip(data) {
            let field = &object.fields[*slot];
            values[*slot] = column::value(field, datum, None)
                .map_err(|cause| StoreError::Corrupt { place: format!("{}.{}", object.name, field.name), cause })?;
        }
        if let Some(key) = rule.key(&values) {
            rows.push(row(object, rule, &key, record));
        }
    }
    insert_rows(connection, "making keys of records", "", INTO, rows).await?;
    let mut binds = vec![Datum::optional_id(last), Datum::Int(i64::from(filled))];
    binds.extend(filling.names());
    let text = "UPDATE duplicate_rule SET filled_to = ?, filled = ? WHERE object = ? AND rule = ?";
    connection.execute("noting how far keys are made", Sql::of(connection.dialect(), text, binds)).await?;
    Ok(())
}
