//! Records whose state has another name now: moved with a new version and an event each, in the transaction that publishes.

use super::StoreError;
use super::apply::gather_rows;
use super::column::table;
use super::connection::Connection;
use super::line::Columns;
use super::publication::Version;
use super::sql::{Datum, Kind, Sql};
use super::tables::{Step, TablePlan};
use packwork_engine::decision::{Change, EventKind};
use packwork_engine::ids::{IdSource, id_of_text};
use serde_json::json;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Records moved with one statement.
const AT_ONCE: i64 = 500;

/// Does the moves a plan of tables has, over tables that stand as the new model wants them.
pub(super) async fn carry_out(
    connection: &mut Connection,
    plan: &TablePlan,
    version: &Version,
) -> Result<(), StoreError> {
    for planned in &plan.steps {
        if let Step::MoveState { object, from, to } = &planned.step {
            move_records(connection, (object, from, to), version).await?;
        }
    }
    Ok(())
}

async fn move_records(
    connection: &mut Connection,
    (object, from, to): (&str, &str, &str),
    version: &Version,
) -> Result<(), StoreError> {
    let dialect = connection.dialect();
    let mut ids = IdSource::new(command(version, object, from), version.at);
    let command = ids.take();
    let changes = BTreeMap::from([("state", Change { old: json!(from), new: json!(to) })]);
    let mut moved = false;
    loop {
        // Those in the recycle bin too: they may come back.
        let text = format!("SELECT f_id, f_version FROM {} WHERE f_state = ? ORDER BY f_id LIMIT ?", table(object));
        let sql = Sql::of(dialect, &text, vec![Datum::text(from), Datum::Int(AT_ONCE)]);
        let rows = connection.rows("looking for records in a state", sql, &[Kind::Id, Kind::Decimal(0)]).await?;
        if rows.is_empty() {
            break;
        }
        moved = true;
        let mut records = Vec::with_capacity(rows.len());
        let mut events = Vec::with_capacity(rows.len());
        for row in rows {
            let mut row = Columns::of("record", row);
            let (id, before) = (row.id()?, row.decimal()?);
            events.push(vec![
                Datum::Id(ids.take()),
                Datum::text(object),
                Datum::Id(id),
                Datum::text(EventKind::Updated.as_str()),
                Datum::optional_text(None),
                Datum::json(&changes),
                Datum::Int(version.at.micros()),
                Datum::optional_id(version.author),
                Datum::Id(command),
                Datum::Int(i64::try_from(before).unwrap_or(0) + 1),
                Datum::text(&version.hash),
            ]);
            records.push(id);
        }
        let into = "event (id, object, record, kind, transition, changes, at, actor, command, version, model)";
        gather_rows(connection, "noting that a state has another name", "", into, events).await?;
        let text = format!(
            "UPDATE {} SET f_state = ?, f_version = f_version + 1, f_updated_at = ?, f_updated_by = ? WHERE ",
            table(object)
        );
        let binds = vec![Datum::text(to), Datum::Int(version.at.micros()), Datum::optional_id(version.author)];
        let mut sql = Sql::of(dialect, &text, binds);
        sql.any_of("f_id", Datum::Ids(records));
        connection.execute("moving records to a state", sql).await?;
    }
    if moved {
        // Whoever keeps such an object in memory sees that it changed.
        let text = "UPDATE collection_revision SET revision = revision + 1 WHERE object = ?";
        let sql = Sql::of(dialect, text, vec![Datum::text(object)]);
        connection.execute("noting a collection's revision", sql).await?;
    }
    Ok(())
}

/// What the events name as their command: the same for a publication that is tried again.
fn command(version: &Version, object: &str, from: &str) -> Uuid {
    let text = format!("state {} {} {} {object} {from}", version.number, version.hash, version.at.micros());
    id_of_text(&text)
}
