//! Writes a decision: everything or, with a refusal, nothing (the transaction around it is undone).

use super::connection::Connection;
use super::sql::{Datum, Dialect, Sql};
use super::{StoreError, attachment, child_total, dispute, duplicate, ledger, line, record, statement};
use packwork_engine::decision::{Decision, Event, TodoChange, Write};
use packwork_engine::model::Model;
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A refusal when the world moved on since the facts were read, or a value does not fit where it must go.
pub(super) async fn apply(
    connection: &mut Connection,
    model: &Model,
    decision: &Decision,
) -> Result<Option<Refusal>, StoreError> {
    let totals = child_total::leaving(connection, model, &decision.writes).await?;
    if let Some(refusal) = record::write(connection, model, &decision.writes).await? {
        return Ok(Some(refusal));
    }
    if let Some(refusal) = attachment::apply(connection, &decision.files).await? {
        return Ok(Some(refusal));
    }
    duplicate::keep(connection, model, &decision.writes).await?;
    bump_revisions(connection, model, &decision.writes).await?;
    insert_events(connection, model, &decision.events).await?;
    change_todos(connection, decision).await?;
    statement::insert(connection, &decision.statements).await?;
    if let Some(refusal) = dispute::apply(connection, &decision.disputes).await? {
        return Ok(Some(refusal));
    }
    if let Some(refusal) = line::insert(connection, &decision.lines).await? {
        return Ok(Some(refusal));
    }
    if let Some(refusal) = ledger::insert(connection, &decision.entries).await? {
        return Ok(Some(refusal));
    }
    if let Some(refusal) = statement::change(connection, decision).await? {
        return Ok(Some(refusal));
    }
    // Last, so that others who count for the same record wait as short as may be.
    totals.arrive(connection, &decision.writes).await
}

/// Rows that are sent together: few sizes, so that few statements are prepared.
const CHUNKS: [usize; 4] = [512, 128, 16, 1];
const CHUNKS_OF_SQLITE: [usize; 3] = [128, 16, 1];
/// Of a statement that may fail in the middle SQLite keeps every page as it was before, to be able to undo that statement
/// alone. What we undo is the command.
const INSERT_OF_SQLITE: &str = "INSERT OR FAIL INTO ";

/// Inserts rows with as few statements as may be. `into` is `table (columns)`.
pub(super) async fn insert_rows(
    connection: &mut Connection,
    doing: &'static str,
    prefix: &str,
    into: &str,
    rows: Vec<Vec<Datum>>,
) -> Result<(), StoreError> {
    for sql in inserts(connection.dialect(), prefix, into, rows) {
        connection.execute(doing, sql).await?;
    }
    Ok(())
}

/// The same; `met` says what happens where a row with the same key stands. The rows have different keys.
pub(super) async fn upsert_rows(
    connection: &mut Connection,
    doing: &'static str,
    into: &str,
    rows: Vec<Vec<Datum>>,
    met: &str,
) -> Result<(), StoreError> {
    for mut sql in inserts(connection.dialect(), "", into, rows) {
        sql.push(" ").push(met);
        connection.execute(doing, sql).await?;
    }
    Ok(())
}

/// As `insert_rows`; where the connection gathers, the rows are written with the statement after them.
pub(super) async fn gather_rows(
    connection: &mut Connection,
    doing: &'static str,
    prefix: &str,
    into: &str,
    rows: Vec<Vec<Datum>>,
) -> Result<(), StoreError> {
    let dialect = connection.dialect();
    let statements = inserts(dialect, prefix, into, rows);
    // Parts of one statement of PostgreSQL are carried out in no order: rows that need several keep theirs.
    let in_order = dialect == Dialect::Postgres && statements.len() > 1;
    for sql in statements {
        match in_order {
            true => drop(connection.execute(doing, sql).await?),
            false => connection.insert(doing, sql).await?,
        }
    }
    Ok(())
}

/// Rows of one statement where there are many: few sizes, so that few statements are prepared.
const MANY: [usize; 4] = [500, 100, 16, 1];
/// From so many rows on PostgreSQL takes them as a stream.
const STREAMED_FROM: usize = 32;

/// Inserts what comes by the thousand, each row new: nothing is taken back but with the whole command, so that SQLite, told
/// to leave what a failing statement has done, needs to keep no page for it.
pub(super) async fn insert_many(
    connection: &mut Connection,
    doing: &'static str,
    into: &str,
    rows: Vec<Vec<Datum>>,
) -> Result<(), StoreError> {
    if connection.dialect() == Dialect::Postgres {
        return match rows.len() < STREAMED_FROM {
            true => insert_rows(connection, doing, "", into, rows).await,
            false => connection.copy_in(doing, into, &rows).await,
        };
    }
    let columns = rows.first().map_or(1, Vec::len).max(1);
    let one = format!("({}?)", "?, ".repeat(columns - 1));
    let mut left = rows.len();
    let mut rows = rows.into_iter();
    while left > 0 {
        let fitting = |size: &&usize| **size <= left && **size * columns <= Dialect::Sqlite.binds_max();
        let size = MANY.iter().find(fitting).copied().unwrap_or(1);
        let mut sql = Sql::new(Dialect::Sqlite);
        sql.push("INSERT OR FAIL INTO ").push(into).push(" VALUES ").push(&one);
        for _ in 1..size {
            sql.push(", ").push(&one);
        }
        sql.binds = rows.by_ref().take(size).flatten().collect();
        connection.execute(doing, sql).await?;
        left -= size;
    }
    Ok(())
}

fn inserts(dialect: Dialect, prefix: &str, into: &str, rows: Vec<Vec<Datum>>) -> Vec<Sql> {
    let (sizes, insert): (&[usize], &str) = match dialect {
        Dialect::Sqlite => (&CHUNKS_OF_SQLITE, INSERT_OF_SQLITE),
        Dialect::Postgres => (&CHUNKS, "INSERT INTO "),
    };
    let mut statements = Vec::new();
    let mut left = rows.len();
    let mut rows = rows.into_iter();
    while left > 0 {
        let columns = rows.as_slice().first().map_or(1, Vec::len).max(1);
        let fitting = |size: &&usize| **size <= left && **size * columns <= dialect.binds_max();
        let size = sizes.iter().find(fitting).copied().unwrap_or(1);
        let mut sql = Sql::new(dialect);
        sql.binds.reserve(size * columns);
        sql.push(prefix).push(insert).push(into).push(" VALUES (");
        for (index, row) in rows.by_ref().take(size).enumerate() {
            sql.push(if index == 0 { "" } else { "), (" });
            for (place, datum) in row.into_iter().enumerate() {
                if place > 0 {
                    sql.push(", ");
                }
                sql.bind(datum);
            }
        }
        sql.push(")");
        statements.push(sql);
        left -= size;
    }
    statements
}

/// Whoever keeps such an object in memory sees that it changed. In the order of names: no two commands wait for each other.
async fn bump_revisions(connection: &mut Connection, model: &Model, writes: &[Write]) -> Result<(), StoreError> {
    let mut written: BTreeSet<&Name> = BTreeSet::new();
    for write in writes {
        let object = match write {
            Write::Insert(record) | Write::Update { record, .. } => &record.object,
            Write::Remove { object, .. } => object,
        };
        if model.object(object).is_some_and(|object| object.is_collection) {
            written.insert(object);
        }
    }
    for object in written {
        let sql = Sql::of(
            connection.dialect(),
            "INSERT INTO collection_revision (object, revision) VALUES (?, 1)
             ON CONFLICT (object) DO UPDATE SET revision = collection_revision.revision + 1",
            vec![Datum::Text(object.clone())],
        );
        connection.execute("noting a collection's revision", sql).await?;
    }
    Ok(())
}

async fn insert_events(connection: &mut Connection, model: &Model, events: &[Event]) -> Result<(), StoreError> {
    let row = |event: &Event| {
        vec![
            Datum::Id(event.id),
            Datum::Text(event.object.clone()),
            Datum::Id(event.record),
            Datum::text(event.kind.as_str()),
            Datum::optional_text(event.transition.as_deref()),
            Datum::json(&event.changes),
            Datum::Int(event.at.micros()),
            Datum::optional_id(event.actor),
            Datum::Id(event.command),
            Datum::Int(event.version),
            Datum::text(&model.hash),
        ]
    };
    let into = "event (id, object, record, kind, transition, changes, at, actor, command, version, model)";
    gather_rows(connection, "writing events", "", into, events.iter().map(row).collect()).await
}

async fn change_todos(connection: &mut Connection, decision: &Decision) -> Result<(), StoreError> {
    // A record that is new has none to close.
    let new: BTreeSet<Uuid> = decision
        .writes
        .iter()
        .filter_map(|write| match write {
            Write::Insert(record) => Some(record.id()),
            _ => None,
        })
        .collect();
    let mut closing: BTreeMap<(&Name, &str, i64), Vec<Uuid>> = BTreeMap::new();
    let mut opening: Vec<&TodoChange> = Vec::new();
    for change in &decision.todos {
        if change.open {
            opening.push(change);
        } else if !new.contains(&change.record) {
            closing.entry((&change.object, &change.todo, change.at.micros())).or_default().push(change.record);
        }
    }
    open_todos(connection, &opening).await?;
    for ((object, todo, at), records) in closing {
        let binds = vec![Datum::Int(at), Datum::Text(object.clone()), Datum::text(todo)];
        let mut sql = Sql::of(
            connection.dialect(),
            "UPDATE todo SET closed_at = ? WHERE closed_at IS NULL AND object = ? AND todo = ? AND ",
            binds,
        );
        sql.any_of("record", Datum::Ids(records));
        connection.execute("closing to-dos", sql).await?;
    }
    Ok(())
}

/// To-dos one statement opens.
const OPENED_AT_ONCE: usize = 100;

async fn open_todos(connection: &mut Connection, changes: &[&TodoChange]) -> Result<(), StoreError> {
    for changes in changes.chunks(OPENED_AT_ONCE) {
        let mut sql = Sql::new(connection.dialect());
        sql.push("INSERT INTO todo (record, object, todo, role, opened_at) VALUES ");
        for (index, change) in changes.iter().enumerate() {
            sql.push(if index == 0 { "" } else { ", " });
            let binds = vec![
                Datum::Id(change.record),
                Datum::Text(change.object.clone()),
                Datum::text(&change.todo),
                Datum::text(&change.role),
                Datum::Int(change.at.micros()),
            ];
            sql.with("(?, ?, ?, ?, ?)", binds);
        }
        sql.push(
            " ON CONFLICT (record, object, todo) DO UPDATE SET role = excluded.role, opened_at = excluded.opened_at,
             closed_at = NULL WHERE todo.closed_at IS NOT NULL",
        );
        connection.execute("opening to-dos", sql).await?;
    }
    Ok(())
}
