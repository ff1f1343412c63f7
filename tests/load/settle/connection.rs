//! One connection to a tenant's data on either database, with the product's settings. A folder is SQLite's, a
//! `postgres://…` address PostgreSQL's.

use crate::part::{TENANT, database, is_postgres};
use anyhow::{Context, Result};
use sqlx::postgres::{PgConnectOptions, PgRow};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, FromRow, PgConnection, SqlSafeStr, SqliteConnection};
use std::path::Path;
use std::str::FromStr;

const STATEMENTS_CACHED: usize = 400;

pub enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Connection {
    pub async fn open(at: &str) -> Result<Connection> {
        match is_postgres(at) {
            true => Ok(Connection::Postgres(postgres(at).await?)),
            false => Ok(Connection::Sqlite(sqlite(&database(Path::new(at))).await?)),
        }
    }

    /// Rows of a statement that both databases answer with the same types.
    pub async fn rows<T>(&mut self, doing: &'static str, text: impl SqlSafeStr) -> Result<Vec<T>>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        match self {
            Connection::Sqlite(connection) => sqlx::query_as(text).fetch_all(connection).await,
            Connection::Postgres(connection) => sqlx::query_as(text).fetch_all(connection).await,
        }
        .context(doing)
    }

    /// The only row.
    pub async fn row<T>(&mut self, doing: &'static str, text: impl SqlSafeStr) -> Result<T>
    where
        T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin,
    {
        self.rows(doing, text).await?.pop().with_context(|| format!("{doing}: there is no row"))
    }

    pub async fn close(self) -> Result<()> {
        match self {
            Connection::Sqlite(connection) => sqlx::Connection::close(connection).await,
            Connection::Postgres(connection) => sqlx::Connection::close(connection).await,
        }
        .context("closing")
    }
}

/// A file with the settings the product uses.
pub async fn sqlite(path: &Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .statement_cache_capacity(STATEMENTS_CACHED)
        .row_buffer_size(512)
        .pragma("cache_size", "-8000")
        .pragma("wal_autocheckpoint", "8000")
        .pragma("temp_store", "memory");
    options.connect().await.with_context(|| format!("opening `{}`", path.display()))
}

/// The tenant's schema of a database.
pub async fn postgres(at: &str) -> Result<PgConnection> {
    let options = PgConnectOptions::from_str(at).context("reading the address")?;
    let options = options.statement_cache_capacity(STATEMENTS_CACHED);
    let mut connection = options.connect().await.context("connecting")?;
    let path = format!("SET search_path TO \"t_{TENANT}\"");
    connection.execute(sqlx::raw_sql(AssertSqlSafe(path))).await.context("choosing the schema")?;
    Ok(connection)
}
