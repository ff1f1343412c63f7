//! Writes records: inserts in bulk, updates only while the version is the expected one.

use super::StoreError;
use super::apply::insert_rows;
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
    for write in writes {
        match write {
            Write::Insert(record) => {
                inserts.entry((depth(model, &record.object), record.object.clone())).or_default().push(record);
            }
            Write::Remove { object, id, expected } => {
                if let Some(refusal) = remove(connection, model, object, *id, *expected).await? {
                    return Ok(Some(refusal));
                }
            }
            Write::Update { .. } => {}
        }
    }
    for write in writes {
        if let Write::Update { record, expected, changed } = write
            && let Some(refusal) = update(connection, model, record, *expected, changed).await?
        {
            return Ok(Some(refusal));
        }
    }
    for ((_, object), records) in inserts {
        if let Some(refusal) = insert(connection, model, &object, &records).await? {
            return Ok(Some(refusal));
        }
    }
    Ok(None)
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
        let mut row = Vec::with_capacity(layout.columns.len());
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
    let names: Vec<&str> = layout.columns.iter().map(|column| column.name.as_str()).collect();
    let into = format!("{} ({})", layout.table(), names.join(", "));
    let prefix = layout.sql(connection.dialect()).text;
    let inserted = insert_rows(connection, "writing records", &prefix, &into, rows).await;
    constraint_refusal(&layout, inserted)
}

async fn update(
    connection: &mut Connection,
    model: &Model,
    record: &Arc<Record>,
    expected: i64,
    changed: &[usize],
) -> Result<Option<Refusal>, StoreError> {
    let layout = Layout::of(model, &record.object)?;
    let mut slots: Vec<usize> = changed.to_vec();
    slots.extend([slot::VERSION, slot::UPDATED_AT, slot::UPDATED_BY]);
    slots.sort_unstable();
    slots.dedup();
    let mut sql = layout.sql(connection.dialect());
    sql.push("UPDATE ").push(&layout.table()).push(" SET ");
    let mut errors = Vec::new();
    let mut first = true;
    for slot in slots {
        if slot == slot::ID || slot >= layout.object.fields.len() {
            continue;
        }
        let mut data = Vec::with_capacity(2);
        if let Err(error) = layout.encode(record, slot, &mut data) {
            errors.push(error);
            continue;
        }
        let columns = layout.columns.iter().filter(|column| column.slot == slot);
        for (column, datum) in columns.zip(data) {
            if !first {
                sql.push(", ");
            }
            first = false;
            sql.push(&column.name).push(" = ").bind(datum);
        }
    }
    if !errors.is_empty() {
        return Ok(Some(Refusal::of_fields(errors)));
    }
    sql.push(" WHERE f_id = ").bind(Datum::Id(record.id()));
    sql.push(" AND f_version = ").bind(Datum::Decimal(Decimal::from(expected), 0));
    match connection.execute("changing a record", sql).await {
        Ok(0) => stale(connection, &layout, record.id(), Some((record, changed))).await.map(Some),
        done => constraint_refusal(&layout, done.map(|_| ())),
    }
}

async fn remove(
    connection: &mut Connection,
    model: &Model,
    object: &Name,
    id: Uuid,
    expected: i64,
) -> Result<Option<Refusal>, StoreError> {
    let layout = Layout::of(model, object)?;
    let mut sql = layout.sql(connection.dialect());
    sql.push("DELETE FROM ").push(&layout.table()).push(" WHERE f_id = ").bind(Datum::Id(id));
    sql.push(" AND f_version = ").bind(Datum::Decimal(Decimal::from(expected), 0));
    match connection.execute("removing an owned row", sql).await? {
        0 => stale(connection, &layout, id, None).await.map(Some),
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
        .map(|name| FieldError::new(Code::NotUnique, format!("/{name}"), message.clone()).with("field", *name));
    Ok(Some(Refusal::of_fields(errors.collect())))
}

fn named_slots(layout: &Layout<'_>, columns: &str) -> Vec<usize> {
    let prefix = format!("{}.", layout.table());
    let names: Vec<&str> = columns.split(", ").filter_map(|name| name.trim().strip_prefix(&prefix)).collect();
    let fields = layout.object.fields.iter().enumerate();
    fields.filter(|(_, field)| names.contains(&&*column(field))).map(|(slot, _)| slot).collect()
}
