//! Of a schema: tables as the catalogue describes them and their rows through COPY, all of one snapshot. Put back in
//! one transaction: all of it or nothing.

use super::archive::Writer;
use super::{Error, database_error, file_error};
use crate::auth::Secret;
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Executor, Row};
use std::io::{BufReader, Read, Write};
use std::path::Path;

const SCHEMA: &str = "schema.json";
const TABLES: &str = "tables";
const CHUNK: usize = 256 * 1024;

/// A table, as much of it as has to be made again.
#[derive(Debug, Serialize, Deserialize)]
struct Table {
    name: String,
    columns: Vec<Column>,
    /// Primary keys, uniques and checks, then what refers to other tables.
    constraints: Vec<Named>,
    indexes: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Column {
    name: String,
    /// Type, collation, default, `NOT NULL`, as in `CREATE TABLE`.
    definition: String,
    identity: bool,
    /// Left out of the rows: the number of a transaction means nothing elsewhere.
    fresh: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Named {
    name: String,
    definition: String,
    refers: bool,
}

async fn connect(url: &Secret, schema: &str) -> Result<PgConnection, Error> {
    let mut connection =
        PgConnection::connect(url.expose()).await.map_err(database_error("connecting to PostgreSQL"))?;
    run(&mut connection, &format!("SET search_path TO \"{schema}\"; SET client_min_messages TO warning")).await?;
    Ok(connection)
}

async fn run(connection: &mut PgConnection, sql: &str) -> Result<(), Error> {
    let done = connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await;
    done.map(|_| ()).map_err(database_error(format!("running `{}`", sql.lines().next().unwrap_or_default())))
}

/// Packs a snapshot of the tenant's schema; gives the migrations it has seen.
pub(super) async fn take(url: &Secret, tenant: &str, archive: &mut Writer, spool: &Path) -> Result<Vec<String>, Error> {
    let schema = format!("t_{tenant}");
    let mut connection = connect(url, &schema).await?;
    run(&mut connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let names = names(&mut connection, &schema).await?;
    if names.is_empty() {
        return Err(Error::NoTenant(tenant.to_owned()));
    }
    // A table that is rewritten meanwhile would look empty to an older snapshot: nobody may alter them now.
    let all: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    run(&mut connection, &format!("LOCK TABLE {} IN ACCESS SHARE MODE", all.join(", "))).await?;
    let mut tables = Vec::with_capacity(names.len());
    for name in &names {
        tables.push(described(&mut connection, &schema, name).await?);
    }
    let text = serde_json::to_vec_pretty(&tables).map_err(|error| file_error("describing the tables")(error.into()))?;
    archive.append_bytes(SCHEMA, &text)?;
    for table in &tables {
        let columns: Vec<String> =
            table.columns.iter().filter(|column| !column.fresh).map(|column| format!("\"{}\"", column.name)).collect();
        let by = if table.columns.iter().any(|column| column.identity) { " ORDER BY seq" } else { "" };
        let copy = format!("COPY (SELECT {} FROM \"{}\"{by}) TO STDOUT", columns.join(", "), table.name);
        spooled(&mut connection, &copy, spool).await?;
        archive.append_file(&format!("{TABLES}/{}", table.name), spool)?;
    }
    let rows = sqlx::query("SELECT name FROM migration ORDER BY name").fetch_all(&mut connection).await;
    let migrations = rows.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect());
    let migrations = migrations.map_err(database_error("reading migrations"))?;
    run(&mut connection, "COMMIT").await?;
    connection.close().await.map_err(database_error("closing the connection"))?;
    Ok(migrations)
}

async fn names(connection: &mut PgConnection, schema: &str) -> Result<Vec<String>, Error> {
    let rows = sqlx::query("SELECT tablename::text FROM pg_tables WHERE schemaname = $1 ORDER BY tablename::text")
        .bind(schema)
        .fetch_all(connection)
        .await;
    let names = rows.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect());
    names.map_err(database_error("listing tables"))
}

async fn described(connection: &mut PgConnection, schema: &str, name: &str) -> Result<Table, Error> {
    let failed = || database_error(format!("describing `{name}`"));
    let columns = sqlx::query(
        "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod)
           || CASE WHEN a.attcollation <> 0 AND c.collname <> 'default' THEN ' COLLATE \"' || c.collname || '\"' ELSE '' END
           || CASE WHEN a.attidentity = 'a' THEN ' GENERATED ALWAYS AS IDENTITY' ELSE '' END
           || COALESCE(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid, true), '')
           || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END,
           a.attidentity <> '', a.atttypid = 'xid8'::regtype
         FROM pg_attribute a
         LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         LEFT JOIN pg_collation c ON c.oid = a.attcollation
         WHERE a.attrelid = format('%I.%I', $1::text, $2::text)::regclass AND a.attnum > 0 AND NOT a.attisdropped
         ORDER BY a.attnum",
    );
    let columns = columns.bind(schema).bind(name).fetch_all(&mut *connection).await.map_err(failed())?;
    let columns: Result<Vec<Column>, sqlx::Error> = columns
        .iter()
        .map(|row| {
            Ok(Column {
                name: row.try_get(0)?,
                definition: row.try_get(1)?,
                identity: row.try_get(2)?,
                fresh: row.try_get(3)?,
            })
        })
        .collect();
    let constraints = sqlx::query(
        "SELECT conname::text, pg_get_constraintdef(oid, true), contype = 'f' FROM pg_constraint
         WHERE conrelid = format('%I.%I', $1::text, $2::text)::regclass AND contype IN ('p', 'u', 'c', 'f')
         ORDER BY contype = 'f', conname::text",
    );
    let constraints = constraints.bind(schema).bind(name).fetch_all(&mut *connection).await.map_err(failed())?;
    let constraints: Result<Vec<Named>, sqlx::Error> = constraints
        .iter()
        .map(|row| Ok(Named { name: row.try_get(0)?, definition: row.try_get(1)?, refers: row.try_get(2)? }))
        .collect();
    let indexes = sqlx::query(
        "SELECT pg_get_indexdef(i.indexrelid, 0, true) FROM pg_index i
         WHERE i.indrelid = format('%I.%I', $1::text, $2::text)::regclass
         AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u'))
         ORDER BY i.indexrelid::regclass::text",
    );
    let indexes = indexes.bind(schema).bind(name).fetch_all(&mut *connection).await.map_err(failed())?;
    let indexes: Result<Vec<String>, sqlx::Error> = indexes.iter().map(|row| row.try_get(0)).collect();
    Ok(Table {
        name: name.to_owned(),
        columns: columns.map_err(failed())?,
        constraints: constraints.map_err(failed())?,
        indexes: indexes.map_err(failed())?,
    })
}

async fn spooled(connection: &mut PgConnection, copy: &str, spool: &Path) -> Result<(), Error> {
    let failed = || database_error("copying rows");
    let writing = || file_error(format!("writing `{}`", spool.display()));
    let mut file = std::io::BufWriter::new(std::fs::File::create(spool).map_err(writing())?);
    let mut rows = connection.copy_out_raw(copy).await.map_err(failed())?;
    while let Some(bytes) = rows.try_next().await.map_err(failed())? {
        file.write_all(&bytes).map_err(writing())?;
    }
    file.flush().map_err(writing())
}

/// Makes the schema and fills it from what was unpacked, then clears the unpacked rows away.
pub(super) async fn load(url: &Secret, tenant: &str, staged: &Path) -> Result<(), Error> {
    let schema = format!("t_{tenant}");
    let reading = || file_error("reading what was unpacked");
    let text = std::fs::read(staged.join(SCHEMA)).map_err(reading())?;
    let tables: Vec<Table> = serde_json::from_slice(&text).map_err(|error| reading()(error.into()))?;
    let mut connection = connect(url, &schema).await?;
    run(&mut connection, "BEGIN").await?;
    if !names(&mut connection, &schema).await?.is_empty() {
        return Err(Error::TenantInUse(tenant.to_owned()));
    }
    run(&mut connection, &format!("CREATE SCHEMA IF NOT EXISTS \"{schema}\"")).await?;
    for table in &tables {
        let columns: Vec<String> =
            table.columns.iter().map(|column| format!("\"{}\" {}", column.name, column.definition)).collect();
        run(&mut connection, &format!("CREATE TABLE \"{}\" ({})", table.name, columns.join(", "))).await?;
        fill(&mut connection, table, &staged.join(TABLES).join(&table.name)).await?;
    }
    for refers in [false, true] {
        for table in &tables {
            for constraint in table.constraints.iter().filter(|constraint| constraint.refers == refers) {
                let (name, definition) = (&constraint.name, &constraint.definition);
                let add = format!("ALTER TABLE \"{}\" ADD CONSTRAINT \"{name}\" {definition}", table.name);
                run(&mut connection, &add).await?;
            }
        }
    }
    for table in &tables {
        for index in &table.indexes {
            run(&mut connection, index).await?;
        }
        for column in table.columns.iter().filter(|column| column.identity) {
            let (table, column) = (&table.name, &column.name);
            run(
                &mut connection,
                &format!(
                    "SELECT setval(pg_get_serial_sequence('\"{table}\"', '{column}'), greatest(max(\"{column}\"), 1),
                     max(\"{column}\") IS NOT NULL) FROM \"{table}\""
                ),
            )
            .await?;
        }
    }
    run(&mut connection, "COMMIT").await?;
    std::fs::remove_dir_all(staged.join(TABLES)).map_err(reading())?;
    std::fs::remove_file(staged.join(SCHEMA)).map_err(reading())?;
    connection.close().await.map_err(database_error("closing the connection"))
}

async fn fill(connection: &mut PgConnection, table: &Table, rows: &Path) -> Result<(), Error> {
    let failed = || database_error(format!("filling `{}`", table.name));
    let reading = || file_error(format!("reading the rows of `{}`", table.name));
    let columns: Vec<String> =
        table.columns.iter().filter(|column| !column.fresh).map(|column| format!("\"{}\"", column.name)).collect();
    let copy = format!("COPY \"{}\" ({}) FROM STDIN", table.name, columns.join(", "));
    let mut file = BufReader::new(std::fs::File::open(rows).map_err(reading())?);
    let mut sink = connection.copy_in_raw(&copy).await.map_err(failed())?;
    let mut buffer = vec![0_u8; CHUNK];
    loop {
        let read = file.read(&mut buffer).map_err(reading())?;
        if read == 0 {
            break;
        }
        sink.send(&buffer[..read]).await.map_err(failed())?;
    }
    sink.finish().await.map(|_| ()).map_err(failed())
}
