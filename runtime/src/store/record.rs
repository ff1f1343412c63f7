//! Writes records: inserts in bulk, updates only while the version is the expected one.

mod many;

use super::StoreError;
use super::apply::{gather_rows, insert_rows};
use super::column::{Layout, column};
use super::connection::Connection;
use super::list::records_by_id;
use super::sql::Datum;
use super::tables::uniques;
use packwork_engine::codes::Code;
use packwork_engine::decision::Write;
use packwork_engine::model::Model;
use packwork_engine::record::{Name, Record, slot};
use packwork_engine::refusal::{FieldError, Refusal};
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Removes first, then changes, then adds: a value that moves from one record to another is never there twice.
pub(super) async fn write(
    connection: &mut Connection,
    model: &Model,
    writes: &[Write],
) -> Result<Option<Refusal>, StoreError> {
    let mut inserts: BTreeMap<(usize, Name), Vec<&Arc<Record>>> = BTreeMap::new();
    let mut removed: BTreeMap<&Name, Vec<(Uuid, i64)>> = BTreeMap::new();
    let mut changes: Vec<Change<'_>> = Vec::new();
    for write in writes {
        match write {
            Write::Insert(record) => {
                inserts.entry((depth(model, &record.object), record.object.clone())).or_default().push(record);
            }
            Write::Remove { object, id, expected } => removed.entry(object).or_default().push((*id, *expected)),
            Write::Update { record, expected, changed } => {
                changes.push(Change { record, expected: *expected, changed });
            }
        }
    }
    for (object, rows) in removed {
        if let Some(refusal) = many::remove_all(connection, model, object, &rows).await? {
            return Ok(Some(refusal));
        }
    }
    if let Some(refusal) = many::update_all(connection, model, &changes).await? {
        return Ok(Some(refusal));
    }
    for ((_, object), records) in inserts {
        if let Some(refusal) = insert(connection, model, &object, &records).await? {
            return Ok(Some(refusal));
        }
    }
    Ok(None)
}

/// A change of a record that is there.
struct Change<'w> {
    record: &'w Arc<Record>,
    expected: i64,
    changed: &'w [usize],
}

impl Change<'_> {
    /// What is written: what was changed, and what every change moves.
    fn slots(&self) -> Vec<usize> {
        let mut slots = self.changed.to_vec();
        slots.extend([slot::VERSION, slot::UPDATED_AT, slot::UPDATED_BY]);
        slots.retain(|slot| *slot != slot::ID);
        slots.sort_unstable();
        slots.dedup();
        slots
    }
}

/// What a change does to values that only one record may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UniqueMove {
    Nothing,
    /// The record goes to the recycle bin, and its values are free.
    Frees,
    Takes,
}

pub(super) fn unique_move(model: &Model, object: &Name, record: &Record, changed: &[usize]) -> UniqueMove {
    let Some(object) = model.object(object) else { return UniqueMove::Nothing };
    let is_unique = |slot: &usize| {
        object.key == Some(*slot)
            || object.fields.get(*slot).is_some_and(|field| field.unique)
            || object.unique.iter().any(|(_, slots)| slots.contains(slot))
    };
    match (changed.contains(&slot::DELETED_AT), changed.iter().any(is_unique)) {
        (false, false) => UniqueMove::Nothing,
        (true, false) if record.is_deleted() => UniqueMove::Frees,
        _ => UniqueMove::Takes,
    }
}

/// How many owners are above an object: owned rows come after the row that owns them.
fn depth(model: &Model, name: &Name) -> usize {
    let mut depth = 0;
    let mut at = model.object(name);
    while let Some(owner) = at.and_then(|object| object.owned_by.as_ref()) {
        depth += 1;
        at = if depth > model.objects.len() { None } else { model.object(owner) };
    }
    depth
}

async fn insert(
    connection: &mut Connection,
    model: &Model,
    object: &Name,
    records: &[&Arc<Record>],
) -> Result<Option<Refusal>, StoreError> {
    let layout = Layout::of(model, object)?;
    let mut rows = Vec::with_capacity(records.len());
    let mut errors = Vec::new();
    for record in records {
        let mut row = Vec::with_capacity(layout.columns().len());
        for slot in 0..layout.object.fields.len() {
            if let Err(error) = layout.encode(record, slot, &mut row) {
                errors.push(error);
            }
        }
        rows.push(row);
    }
    if !errors.is_empty() {
        return Ok(Some(Refusal::of_fields(errors)));
    }
    let prefix = layout.sql(connection.dialect()).text;
    let inserted = match layout.object.owned_by {
        None => gather_rows(connection, "writing records", &prefix, layout.insert_list(), rows).await,
        // A missing owner is told without a table's name: who is to blame is known only here.
        Some(_) => {
            connection.flush("writing records").await?;
            insert_rows(connection, "writing records", &prefix, layout.insert_list(), rows).await
        }
    };
    constraint_refusal(&layout, inserted)
}

/// The data of some slots of a record; what cannot be stored is added to the errors.
fn encoded(layout: &Layout<'_>, record: &Record, slots: &[usize], errors: &mut Vec<FieldError>) -> Vec<Datum> {
    let mut data = Vec::with_capacity(slots.len() + 2);
    for slot in slots.iter().filter(|slot| **slot < layout.object.fields.len()) {
        if let Err(error) = layout.encode(record, *slot, &mut data) {
            errors.push(error);
        }
    }
    data
}

/// The refusal behind the failure of a statement with which records were written.
pub(super) fn refusal_of_gathered(model: &Model, error: StoreError) -> Result<Refusal, StoreError> {
    let object = match &error {
        StoreError::Database { cause: sqlx::Error::Database(cause), .. } if cause.is_unique_violation() => {
            // SQLite says `UNIQUE constraint failed: o_x.f_a`, PostgreSQL names the table.
            let columns = || Some(cause.message().split_once(": ")?.1.split_once('.')?.0);
            let table = cause.table().or_else(columns);
            table.and_then(|table| table.strip_prefix("o_")).map(str::to_owned)
        }
        _ => None,
    };
    let Some(object) = object else { return Err(error) };
    let refused = constraint_refusal(&Layout::of(model, &object)?, Err(error))?;
    refused.ok_or_else(|| StoreError::Broken("a failure that is none".into()))
}

async fn update(
    connection: &mut Connection,
    model: &Model,
    change: &Change<'_>,
) -> Result<Option<Refusal>, StoreError> {
    let record = change.record;
    let layout = Layout::of(model, &record.object)?;
    let slots = change.slots();
    let mut errors = Vec::new();
    let data = encoded(&layout, record, &slots, &mut errors);
    if !errors.is_empty() {
        return Ok(Some(Refusal::of_fields(errors)));
    }
    let columns = slots.iter().flat_map(|slot| layout.columns().iter().filter(move |column| column.slot == *slot));
    let mut sql = layout.sql(connection.dialect());
    sql.push("UPDATE ").push(layout.table()).push(" SET ");
    for (index, (column, datum)) in columns.zip(data).enumerate() {
        sql.push(if index == 0 { "" } else { ", " }).push(&column.name).push(" = ").bind(datum);
    }
    sql.push(" WHERE f_id = ").bind(Datum::Id(record.id()));
    sql.push(" AND f_version = ").bind(Datum::Decimal(Decimal::from(change.expected), 0));
    match connection.execute("changing a record", sql).await {
        Ok(0) => stale(connection, &layout, record.id(), Some((record, change.changed))).await.map(Some),
        done => constraint_refusal(&layout, done.map(|_| ())),
    }
}

async fn remove(
    connection: &mut Connection,
    layout: &Layout<'_>,
    id: Uuid,
    expected: i64,
) -> Result<Option<Refusal>, StoreError> {
    let mut sql = layout.sql(connection.dialect());
    sql.push("DELETE FROM ").push(layout.table()).push(" WHERE f_id = ").bind(Datum::Id(id));
    sql.push(" AND f_version = ").bind(Datum::Decimal(Decimal::from(expected), 0));
    match connection.execute("removing an owned row", sql).await? {
        0 => stale(connection, layout, id, None).await.map(Some),
        _ => Ok(None),
    }
}

/// Somebody was faster: the current version, and the current values where they differ from what was to be written.
async fn stale(
    connection: &mut Connection,
    layout: &Layout<'_>,
    id: Uuid,
    wanted: Option<(&Record, &[usize])>,
) -> Result<Refusal, StoreError> {
    let object = layout.object;
    let refusal = Refusal::new(Code::StaleVersion, format!("`{}` `{id}` was changed by somebody else", object.name));
    let refusal = refusal.with("object", &*object.name).with("id", id.to_string());
    let Some(current) = records_by_id(connection, layout, vec![id]).await?.into_iter().next() else {
        return Ok(refusal.with("version", serde_json::Value::Null));
    };
    let mut values = serde_json::Map::new();
    if let Some((record, changed)) = wanted {
        for slot in changed.iter().copied().filter(|slot| *slot >= slot::OWN || *slot == slot::STATE) {
            let (now, new) = (current.values.get(slot), record.values.get(slot));
            if let (Some(now), Some(field)) = (now, object.fields.get(slot))
                && Some(now) != new
            {
                values.insert(field.name.to_string(), now.to_json());
            }
        }
    }
    Ok(refusal.with("version", current.version()).with("values", values))
}

/// Turns a broken unique or reference constraint into a refusal that names the fields.
fn constraint_refusal(layout: &Layout<'_>, result: Result<(), StoreError>) -> Result<Option<Refusal>, StoreError> {
    let error = match result {
        Ok(()) => return Ok(None),
        Err(error) => error,
    };
    let StoreError::Database { cause: sqlx::Error::Database(cause), .. } = &error else { return Err(error) };
    if cause.is_foreign_key_violation() {
        let message = format!("the record that owns this `{}` does not exist", layout.object.name);
        return Ok(Some(Refusal::of_fields(vec![FieldError::new(Code::BadReference, "/parent", message)])));
    }
    if !cause.is_unique_violation() {
        return Err(error);
    }
    let slots = match cause.constraint() {
        Some(index) => uniques(layout.object).into_iter().find(|unique| unique.index == index).map(|it| it.slots),
        // SQLite says `UNIQUE constraint failed: o_x.f_a, o_x.f_b`.
        None => cause.message().split_once(": ").map(|(_, columns)| named_slots(layout, columns)),
    };
    let slots = slots.filter(|slots| !slots.is_empty()).unwrap_or_else(|| vec![slot::ID]);
    let names: Vec<&str> = slots.iter().map(|slot| &*layout.object.fields[*slot].name).collect();
    let message = format!("another `{}` has the same `{}`", layout.object.name, names.join("`, `"));
    let errors = names
        .iter()
        .map(|name| FieldError::new(Code::NotUnique, format!("/{name}"), message.clone()).with("field", *name))
        .map(|error| error.of(&layout.object.name));
    Ok(Some(Refusal::of_fields(errors.collect())))
}

fn named_slots(layout: &Layout<'_>, columns: &str) -> Vec<usize> {
    let prefix = format!("{}.", layout.table());
    let names: Vec<&str> = columns.split(", ").filter_map(|name| name.trim().strip_prefix(&prefix)).collect();
    let fields = layout.object.fields.iter().enumerate();
    fields.filter(|(_, field)| names.contains(&&*column(field))).map(|(slot, _)| slot).collect()
}
