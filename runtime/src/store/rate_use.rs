//! Which rows of rate tables posted lines rest on: kept with the lines, asked before a row is taken back.

use super::StoreError;
use super::connection::Connection;
use super::sql::{Datum, Dialect, Kind, Sql};
use packwork_engine::facts::Facts;
use packwork_engine::record::Name;
use packwork_engine::settlement::line::Line;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// Notes the rows that lines rest on, in one order for everybody, so that nobody waits in a circle.
pub(super) async fn keep(connection: &mut Connection, lines: &[Line]) -> Result<(), StoreError> {
    let lookups = lines.iter().flat_map(|line| &line.trace.lookups);
    let used: BTreeSet<(&str, &str)> = lookups.map(|lookup| (&*lookup.found.table, &*lookup.found.row)).collect();
    if used.is_empty() {
        return Ok(());
    }
    let rows: Vec<Json> = used.into_iter().map(|(table, row)| json!([table, row])).collect();
    let dialect = connection.dialect();
    let text = match dialect {
        Dialect::Sqlite => {
            "INSERT OR IGNORE INTO rate_use (rate_table, row_name) SELECT value ->> 0, value ->> 1 FROM json_each(?)"
        }
        Dialect::Postgres => {
            "INSERT INTO rate_use (rate_table, row_name)
             SELECT value ->> 0, value ->> 1 FROM jsonb_array_elements(?) AS used(value) ON CONFLICT DO NOTHING"
        }
    };
    let sql = Sql::of(dialect, text, vec![Datum::json(&Json::Array(rows))]);
    connection.execute("noting the rows of rate tables that are used", sql).await.map(|_| ())
}

pub(super) async fn fetch(
    connection: &mut Connection,
    wanted: &BTreeSet<(Name, Name)>,
    facts: &mut Facts,
) -> Result<(), StoreError> {
    if wanted.is_empty() {
        return Ok(());
    }
    let tables: BTreeSet<&Name> = wanted.iter().map(|(table, _)| table).collect();
    for table in tables {
        let rows = wanted.iter().filter(|(of, _)| of == table).map(|(_, row)| row.clone()).collect();
        let mut sql = Sql::new(connection.dialect());
        sql.push("SELECT row_name FROM rate_use WHERE rate_table = ").bind(Datum::Text(table.clone())).push(" AND ");
        sql.any_of("row_name", Datum::Texts(rows));
        let found = connection.rows("looking for used rows of a rate table", sql, &[Kind::Text]).await?;
        facts.rate_uses.extend(wanted.iter().filter(|(of, _)| of == table).map(|key| (key.clone(), false)));
        for row in found {
            if let [Datum::Text(row)] = &row[..] {
                facts.rate_uses.insert((table.clone(), row.clone()), true);
            }
        }
    }
    Ok(())
}
