//! One connection to either database: sends statements, gives rows back as data by the kinds asked for.
//! The only place besides `sqlite` and `postgres` that knows there are two drivers.

use super::StoreError;
use super::postgres::{bind_postgres, read_postgres};
use super::sql::{Datum, Dialect, Kind, Sql};
use super::sqlite::{bind_sqlite, read_sqlite};
use futures_util::TryStreamExt;
use sqlx::error::DatabaseError;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Executor, Postgres, Sqlite};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A connection out of a pool. Dropped inside a transaction it is closed, never handed on.
pub(crate) struct Connection {
    driver: Driver,
    /// Inside `BEGIN` … `COMMIT`.
    open: bool,
    suspects: Option<Arc<Suspects>>,
}

/// How many pooled connections may be dead without knowing: after one was lost, the others are asked before they are
/// used.
#[derive(Debug, Default)]
pub(crate) struct Suspects(AtomicU32);

impl Suspects {
    pub(crate) fn raise(&self, connections: u32) {
        self.0.store(connections, Ordering::Relaxed);
    }

    /// Whether the next connection must be asked first.
    pub(crate) fn take(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }
}

/// The server went away under a connection, or lets nobody in for now.
pub(crate) fn is_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed | sqlx::Error::Protocol(_) => true,
        // admin_shutdown, crash_shutdown, cannot_connect_now; connection exceptions
        sqlx::Error::Database(error) => {
            sqlstate(&**error).is_some_and(|state| state.starts_with("57P0") || state.starts_with("08"))
        }
        _ => false,
    }
}

/// Whether trying again later may help.
pub(crate) fn is_unavailable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
        sqlx::Error::Database(database) => match sqlstate(&**database) {
            // insufficient resources (disk, connections), lock_not_available, serialization_failure, deadlock_detected
            Some(state) => is_lost(error) || state.starts_with("53") || ["55P03", "40001", "40P01"].contains(&&*state),
            // SQLITE_BUSY, SQLITE_LOCKED, SQLITE_IOERR, SQLITE_FULL, with whatever says more above the lowest byte
            None => {
                let code = database.code().and_then(|code| code.parse::<u32>().ok());
                code.is_some_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13))
            }
        },
        _ => is_lost(error),
    }
}

/// The five characters of PostgreSQL; `None` for SQLite's numbers, which have four digits at most.
fn sqlstate(error: &dyn DatabaseError) -> Option<std::borrow::Cow<'_, str>> {
    error.code().filter(|code| code.len() == 5)
}

enum Driver {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl From<PoolConnection<Sqlite>> for Connection {
    fn from(connection: PoolConnection<Sqlite>) -> Connection {
        Connection { driver: Driver::Sqlite(connection), open: false, suspects: None }
    }
}

impl Connection {
    pub(crate) fn postgres(connection: PoolConnection<Postgres>, suspects: Arc<Suspects>) -> Connection {
        Connection { driver: Driver::Postgres(connection), open: false, suspects: Some(suspects) }
    }

    /// Notes what a failure says about the other connections.
    fn failed(&self, doing: &'static str, cause: sqlx::Error) -> StoreError {
        if let (true, Some(suspects)) = (is_lost(&cause), &self.suspects) {
            suspects.raise(super::postgres::CONNECTIONS_MAX);
        }
        StoreError::Database { doing, cause }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match self.driver {
            Driver::Sqlite(_) => Dialect::Sqlite,
            Driver::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Sends a statement and gives the number of rows it changed.
    pub(crate) async fn execute(&mut self, doing: &'static str, sql: Sql) -> Result<u64, StoreError> {
        let done = match &mut self.driver {
            Driver::Sqlite(connection) => match bind_sqlite(sql.binds) {
                Ok(binds) => sqlx::query_with(AssertSqlSafe(sql.text), binds)
                    .execute(&mut **connection)
                    .await
                    .map(|done| done.rows_affected()),
                Err(error) => Err(error),
            },
            Driver::Postgres(connection) => match bind_postgres(sql.binds) {
                Ok(binds) => sqlx::query_with(AssertSqlSafe(sql.text), binds)
                    .execute(&mut **connection)
                    .await
                    .map(|done| done.rows_affected()),
                Err(error) => Err(error),
            },
        };
        done.map_err(|cause| self.failed(doing, cause))
    }

    /// Sends a statement and gives its rows, one datum per kind.
    pub(crate) async fn rows(
        &mut self,
        doing: &'static str,
        sql: Sql,
        kinds: &[Kind],
    ) -> Result<Vec<Vec<Datum>>, StoreError> {
        let found = match &mut self.driver {
            Driver::Sqlite(connection) => rows_of_sqlite(connection, sql, kinds).await,
            Driver::Postgres(connection) => rows_of_postgres(connection, sql, kinds).await,
        };
        found.map_err(|cause| self.failed(doing, cause))
    }

    /// The first row, if there is one.
    pub(crate) async fn row(
        &mut self,
        doing: &'static str,
        sql: Sql,
        kinds: &[Kind],
    ) -> Result<Option<Vec<Datum>>, StoreError> {
        Ok(self.rows(doing, sql, kinds).await?.into_iter().next())
    }

    /// Runs a text of several statements without binds: migrations and table changes.
    pub(crate) async fn script(&mut self, doing: &'static str, text: String) -> Result<(), StoreError> {
        let done = match &mut self.driver {
            Driver::Sqlite(connection) => connection.execute(sqlx::raw_sql(AssertSqlSafe(text))).await.map(|_| ()),
            Driver::Postgres(connection) => connection.execute(sqlx::raw_sql(AssertSqlSafe(text))).await.map(|_| ()),
        };
        done.map_err(|cause| self.failed(doing, cause))
    }

    async fn control(&mut self, doing: &'static str, text: &'static str) -> Result<(), StoreError> {
        let sql = Sql::of(self.dialect(), text, Vec::new());
        self.execute(doing, sql).await.map(|_| ())
    }

    /// Begins a transaction that may write.
    pub(crate) async fn begin(&mut self) -> Result<(), StoreError> {
        // A deferred SQLite transaction that reads and then writes fails when another one wrote in between.
        let text = match self.dialect() {
            Dialect::Sqlite => "BEGIN IMMEDIATE",
            Dialect::Postgres => "BEGIN",
        };
        self.open = true;
        self.control("beginning a transaction", text).await
    }

    /// Begins a transaction that reads one snapshot.
    pub(crate) async fn begin_reading(&mut self) -> Result<(), StoreError> {
        let text = match self.dialect() {
            Dialect::Sqlite => "BEGIN",
            Dialect::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        };
        self.open = true;
        self.control("beginning to read", text).await
    }

    pub(crate) async fn commit(&mut self) -> Result<(), StoreError> {
        self.control("committing", "COMMIT").await?;
        self.open = false;
        Ok(())
    }

    pub(crate) async fn rollback(&mut self) -> Result<(), StoreError> {
        self.control("rolling back", "ROLLBACK").await?;
        self.open = false;
        Ok(())
    }

    pub(crate) async fn savepoint(&mut self) -> Result<(), StoreError> {
        self.control("setting a savepoint", "SAVEPOINT command").await
    }

    pub(crate) async fn release(&mut self) -> Result<(), StoreError> {
        self.control("keeping a command", "RELEASE SAVEPOINT command").await
    }

    pub(crate) async fn undo(&mut self) -> Result<(), StoreError> {
        self.control("undoing a command", "ROLLBACK TO SAVEPOINT command").await?;
        self.release().await
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.open {
            match &mut self.driver {
                Driver::Sqlite(connection) => connection.close_on_drop(),
                Driver::Postgres(connection) => connection.close_on_drop(),
            }
        }
    }
}

async fn rows_of_sqlite(
    connection: &mut PoolConnection<Sqlite>,
    sql: Sql,
    kinds: &[Kind],
) -> Result<Vec<Vec<Datum>>, sqlx::Error> {
    let mut found = Vec::new();
    let mut rows = sqlx::query_with(AssertSqlSafe(sql.text), bind_sqlite(sql.binds)?).fetch(&mut **connection);
    while let Some(row) = rows.try_next().await? {
        found.push(read_sqlite(&row, kinds)?);
    }
    Ok(found)
}

async fn rows_of_postgres(
    connection: &mut PoolConnection<Postgres>,
    sql: Sql,
    kinds: &[Kind],
) -> Result<Vec<Vec<Datum>>, sqlx::Error> {
    let mut found = Vec::new();
    let mut rows = sqlx::query_with(AssertSqlSafe(sql.text), bind_postgres(sql.binds)?).fetch(&mut **connection);
    while let Some(row) = rows.try_next().await? {
        found.push(read_postgres(&row, kinds)?);
    }
    Ok(found)
}
