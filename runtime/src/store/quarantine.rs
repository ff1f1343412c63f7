//! What left the model and waits: columns and whole tables with their data, since when, and how much. They come back
//! with their field or object, or are deleted for good when somebody says so.

use super::column::table;
use super::connection::Connection;
use super::line::Columns;
use super::sql::{Datum, Dialect, Kind, Sql};
use super::tables::field_of;
use super::transaction::{End, Locks};
use super::{Scope, Store, StoreError};
use packwork_engine::moment::Moment;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A column or a table that is put aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Aside {
    pub object: String,
    /// None: the whole table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The name the field had in the definition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    pub since: Moment,
    /// Records of the table, or those with a value in the column.
    pub rows: i64,
}

/// A seed, or the rows of a price table, of a pack that is not in force any more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoneSeed {
    /// Under which name its records are marked.
    pub mark: String,
    pub object: String,
    pub pack: String,
}

/// What packs that are not in force any more have left to be forgotten.
#[derive(Clone, Debug)]
pub struct Gone {
    pub seeds: Vec<GoneSeed>,
    /// The mark of all that the packs in force bring along; it stays.
    pub standing: String,
    /// The scripts in force; what others have cost is forgotten.
    pub scripts: BTreeSet<String>,
}

impl Store {
    /// How many records of a seed are marked as planted.
    pub async fn planted(&self, scope: &Scope, mark: &str) -> Result<usize, StoreError> {
        Ok(self.seed_marks(scope, mark).await?.len())
    }

    /// All that is put aside, the oldest first.
    pub async fn quarantine(&self, scope: &Scope) -> Result<Vec<Aside>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        listed(&mut connection).await
    }

    /// Deletes for good what was put aside before a moment, with all that hangs on its records and the marks of the seeds
    /// that brought them; says what that was. Tables that others still refer to stay, and so does the history.
    pub async fn purge(
        &self,
        scope: &Scope,
        before: Moment,
        gone: Gone,
        now: Moment,
    ) -> Result<Vec<Aside>, StoreError> {
        self.check(scope)?;
        let gone = Arc::new(gone);
        self.transact(Locks::exclusive(), move |connection| {
            let gone = gone.clone();
            Box::pin(async move {
                let mut waiting = listed(connection).await?;
                waiting.retain(|aside| aside.since < before);
                let (tables, columns): (Vec<Aside>, Vec<Aside>) =
                    waiting.into_iter().partition(|aside| aside.column.is_none());
                let mut purged = drop_tables(connection, tables, now).await?;
                forget_seeds(connection, &purged, &gone).await?;
                forget_scripts(connection, &gone.scripts).await?;
                for aside in columns {
                    drop_column(connection, &aside).await?;
                    purged.push(aside);
                }
                Ok(End::Keep(purged))
            })
        })
        .await
    }
}

const DOING: &str = "looking at what is put aside";
const PURGING: &str = "deleting what is put aside";

async fn listed(connection: &mut Connection) -> Result<Vec<Aside>, StoreError> {
    let dialect = connection.dialect();
    let sql = Sql::of(dialect, "SELECT object, name, at FROM quarantine ORDER BY at, object, name", vec![]);
    let mut waiting: Vec<(String, String, Moment)> = Vec::new();
    for row in connection.rows(DOING, sql, &[Kind::Text, Kind::Text, Kind::Int]).await? {
        let mut row = Columns::of("quarantine", row);
        waiting.push((row.text()?.to_string(), row.text()?.to_string(), row.moment()?));
    }
    let tables: BTreeSet<String> =
        waiting.iter().filter(|(_, name, _)| name == "f_id").map(|(object, _, _)| object.clone()).collect();
    let mut found = Vec::new();
    for (object, name, since) in waiting {
        let is_table = name == "f_id";
        if tables.contains(&object) && !is_table {
            continue;
        }
        let column = (!is_table).then_some(name);
        let mut text = format!("SELECT count(*) FROM {}", table(&object));
        if let Some(column) = &column {
            text.push_str(&format!(" WHERE {column} IS NOT NULL"));
        }
        let row = connection.row(DOING, Sql::of(dialect, &text, vec![]), &[Kind::Int]).await?;
        let rows = Columns::of("count", row.unwrap_or_default()).int()?;
        let field = column.as_deref().map(field_of);
        found.push(Aside { object, column, field, since, rows });
    }
    Ok(found)
}

/// Drops tables, those that refer to others first.
async fn drop_tables(
    connection: &mut Connection,
    mut tables: Vec<Aside>,
    now: Moment,
) -> Result<Vec<Aside>, StoreError> {
    let dialect = connection.dialect();
    let mut referring: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let sql = Sql::of(dialect, referrers(dialect), vec![]);
    for row in connection.rows(PURGING, sql, &[Kind::Text, Kind::Text]).await? {
        let mut row = Columns::of("references", row);
        let (by, to) = (row.text()?.to_string(), row.text()?.to_string());
        if by != to {
            referring.entry(to).or_default().insert(by);
        }
    }
    let mut dropped = Vec::new();
    loop {
        let is_free = |aside: &Aside| referring.get(&table(&aside.object)).is_none_or(BTreeSet::is_empty);
        let Some(at) = tables.iter().position(is_free) else { return Ok(dropped) };
        let aside = tables.remove(at);
        let name = table(&aside.object);
        drop_beside(connection, &aside.object, &name, now).await?;
        connection.script(PURGING, format!("DROP TABLE {name}")).await?;
        let clear = Sql::of(dialect, "DELETE FROM quarantine WHERE object = ?", vec![Datum::text(&aside.object)]);
        connection.execute(PURGING, clear).await?;
        referring.values_mut().for_each(|by| {
            by.remove(&name);
        });
        dropped.push(aside);
    }
}

/// Deletes what hangs on the records of a table. Files are given up as deleted ones are: housekeeping takes their bytes.
async fn drop_beside(connection: &mut Connection, object: &str, table: &str, now: Moment) -> Result<(), StoreError> {
    let dialect = connection.dialect();
    for of in ["comment", "todo", "duplicate_key"] {
        let text = format!("DELETE FROM {of} WHERE record IN (SELECT f_id FROM {table})");
        connection.execute(PURGING, Sql::of(dialect, &text, vec![])).await?;
    }
    let text = format!(
        "UPDATE attachment SET deleted_at = ? WHERE deleted_at IS NULL AND record IN (SELECT f_id FROM {table})"
    );
    connection.execute(PURGING, Sql::of(dialect, &text, vec![Datum::Int(now.micros())])).await?;
    // A table that stands under its own name is the only one of that name.
    for of in ["collection_revision", "duplicate_rule", "object_index"] {
        let text = format!("DELETE FROM {of} WHERE object = ?");
        connection.execute(PURGING, Sql::of(dialect, &text, vec![Datum::text(object)])).await?;
    }
    let binds = vec![Datum::text(&format!("{object}.")), Datum::text(&format!("{object}/"))];
    // Numbers of its own fields: `object.field`, which lies before `object/`.
    let text = "DELETE FROM counter WHERE sequence >= ? AND sequence < ?";
    connection.execute(PURGING, Sql::of(dialect, text, binds)).await.map(|_| ())
}

/// Forgets that the seeds of purged objects were planted: a pack that comes back brings them again.
async fn forget_seeds(connection: &mut Connection, purged: &[Aside], gone: &Gone) -> Result<(), StoreError> {
    let of_purged = |seed: &&GoneSeed| purged.iter().any(|aside| aside.column.is_none() && aside.object == seed.object);
    let forgotten: Vec<&str> = gone.seeds.iter().filter(of_purged).map(|seed| seed.mark.as_str()).collect();
    if forgotten.is_empty() {
        return Ok(());
    }
    let dialect = connection.dialect();
    for mark in forgotten {
        let sql = Sql::of(dialect, "DELETE FROM seed_mark WHERE seed = ?", vec![Datum::text(mark)]);
        connection.execute(PURGING, sql).await?;
    }
    // Also that everything which the packs of then bring along was there.
    let text = "DELETE FROM seed_mark WHERE seed IN ('installed', 'installed_demo') AND record_key <> ?";
    connection.execute(PURGING, Sql::of(dialect, text, vec![Datum::text(&gone.standing)])).await.map(|_| ())
}

/// Forgets what scripts have cost, and what they were run with, that are not in force any more.
async fn forget_scripts(connection: &mut Connection, standing: &BTreeSet<String>) -> Result<(), StoreError> {
    let dialect = connection.dialect();
    let text = "SELECT script FROM script_usage UNION SELECT script FROM script_input";
    let known = connection.rows(PURGING, Sql::of(dialect, text, vec![]), &[Kind::Text]).await?;
    for row in known {
        let script = Columns::of("script", row).text()?;
        if standing.contains(&*script) {
            continue;
        }
        for of in ["script_usage", "script_input"] {
            let text = format!("DELETE FROM {of} WHERE script = ?");
            connection.execute(PURGING, Sql::of(dialect, &text, vec![Datum::Text(script.clone())])).await?;
        }
    }
    Ok(())
}

/// Which table refers to which.
fn referrers(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "SELECT m.name, f.\"table\" FROM sqlite_schema AS m JOIN pragma_foreign_key_list(m.name) AS f
             WHERE m.type = 'table'"
        }
        Dialect::Postgres => {
            "SELECT a.relname::text, b.relname::text FROM pg_constraint AS c
             JOIN pg_class AS a ON a.oid = c.conrelid JOIN pg_class AS b ON b.oid = c.confrelid
             WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace"
        }
    }
}

async fn drop_column(connection: &mut Connection, aside: &Aside) -> Result<(), StoreError> {
    let Some(column) = &aside.column else { return Ok(()) };
    let dialect = connection.dialect();
    let of = table(&aside.object);
    // SQLite does not drop a column that refers to another table: then only its values go.
    if dialect == Dialect::Sqlite && column.ends_with("f_item_of") {
        return connection.script(PURGING, format!("UPDATE {of} SET {column} = NULL")).await;
    }
    connection.script(PURGING, format!("ALTER TABLE {of} DROP COLUMN {column}")).await?;
    let binds = vec![Datum::text(&aside.object), Datum::text(column)];
    let clear = Sql::of(dialect, "DELETE FROM quarantine WHERE object = ? AND name = ?", binds);
    connection.execute(PURGING, clear).await.map(|_| ())
}
