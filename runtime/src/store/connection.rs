//! One connection to either database: sends statements, gives rows back as data by the kinds asked for.
//! The only place besides `sqlite` and `postgres` that knows there are two drivers.

mod union;
mod waiting;

use super::StoreError;
use super::postgres::{bind_postgres, part_of_postgres, read_postgres};
use super::sql::{Datum, Dialect, Kind, Sql};
use super::sqlite::read_sqlite;
use futures_util::TryStreamExt;
use sqlx::error::DatabaseError;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Executor, Postgres, Sqlite};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use union::Union;
use waiting::{Waiting, What};

/// A connection out of a pool. Dropped inside a transaction it is closed, never handed on.
pub(crate) struct Connection {
    driver: Driver,
    /// Inside `BEGIN` … `COMMIT`.
    open: bool,
    suspects: Option<Arc<Suspects>>,
    waiting: Waiting,
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
        Connection { driver: Driver::Sqlite(connection), open: false, suspects: None, waiting: Waiting::default() }
    }
}

impl Connection {
    pub(crate) fn postgres(connection: PoolConnection<Postgres>, suspects: Arc<Suspects>) -> Connection {
        let waiting = Waiting::default();
        Connection { driver: Driver::Postgres(connection), open: false, suspects: Some(suspects), waiting }
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
        self.write_gathered(doing).await?;
        self.send(doing, sql).await
    }

    async fn send(&mut self, doing: &'static str, sql: Sql) -> Result<u64, StoreError> {
        let done = match &mut self.driver {
            Driver::Sqlite(connection) => execute_sqlite(connection, &mut self.waiting, sql).await,
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
        let mut found = Vec::new();
        self.each(doing, sql, kinds, &mut |row| found.push(row)).await?;
        Ok(found)
    }

    /// Gives one row after the other: for more of them than are held at once.
    pub(crate) async fn each(
        &mut self,
        doing: &'static str,
        sql: Sql,
        kinds: &[Kind],
        take: &mut (dyn FnMut(Vec<Datum>) + Send),
    ) -> Result<(), StoreError> {
        self.write_gathered(doing).await?;
        let done = match &mut self.driver {
            Driver::Sqlite(connection) => {
                rows_of_sqlite(connection, &mut self.waiting, sql, &[kinds], &mut |_, row| take(row)).await
            }
            Driver::Postgres(connection) => rows_of_postgres(connection, sql, kinds, take).await,
        };
        done.map_err(|cause| self.failed(doing, cause))
    }

    /// Sends several queries together and gives the rows of each.
    pub(crate) async fn rows_of_each(
        &mut self,
        doing: &'static str,
        queries: Vec<(Sql, Vec<Kind>)>,
    ) -> Result<Vec<Vec<Vec<Datum>>>, StoreError> {
        if queries.is_empty() {
            return Ok(Vec::new());
        }
        let Driver::Sqlite(connection) = &mut self.driver else {
            let mut found = Vec::with_capacity(queries.len());
            for together in union::statements(queries) {
                found.extend(self.rows_of_union(doing, together).await?);
            }
            return Ok(found);
        };
        let mut found = vec![Vec::new(); queries.len()];
        let mut all = Sql::new(Dialect::Sqlite);
        for (index, (sql, _)) in queries.iter().enumerate() {
            all.push(if index == 0 { "" } else { "; " }).push(&sql.text);
            all.binds.extend(sql.binds.iter().cloned());
        }
        let kinds: Vec<&[Kind]> = queries.iter().map(|(_, kinds)| &kinds[..]).collect();
        let mut take = |at: usize, row| found[at].push(row);
        let done = rows_of_sqlite(connection, &mut self.waiting, all, &kinds, &mut take).await;
        done.map(|()| found).map_err(|cause| self.failed(doing, cause))
    }

    /// The rows of each query of one statement of PostgreSQL.
    async fn rows_of_union(
        &mut self,
        doing: &'static str,
        mut queries: Vec<(Sql, Vec<Kind>)>,
    ) -> Result<Vec<Vec<Vec<Datum>>>, StoreError> {
        if queries.len() == 1 {
            let (sql, kinds) = queries.remove(0);
            return Ok(vec![self.rows(doing, sql, &kinds).await?]);
        }
        self.write_gathered(doing).await?;
        let mut found = vec![Vec::new(); queries.len()];
        let Driver::Postgres(connection) = &mut self.driver else {
            return Err(StoreError::Broken("SQLite is sent queries one behind the other".into()));
        };
        let done = read_union(connection, Union::of(queries), &mut found).await;
        done.map(|()| found).map_err(|cause| self.failed(doing, cause))
    }

    /// Sends rows to PostgreSQL as a stream. `into` is `table (columns)`.
    pub(crate) async fn copy_in(
        &mut self,
        doing: &'static str,
        into: &str,
        rows: &[Vec<Datum>],
    ) -> Result<(), StoreError> {
        self.write_gathered(doing).await?;
        let Driver::Postgres(connection) = &mut self.driver else {
            return Err(StoreError::Broken("SQLite takes no stream of rows".into()));
        };
        let copied = super::copy::copy_in(connection, into, rows).await;
        copied.map_err(|cause| self.failed(doing, cause))
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
        self.send_waiting(doing).await?;
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

    /// Begins a transaction with statements of numbers alone, all in one round trip: the locks it holds until it ends.
    pub(crate) async fn begin_holding(&mut self, statements: &str) -> Result<(), StoreError> {
        self.open = true;
        self.script("beginning a transaction", format!("BEGIN; {statements}")).await
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
        self.waiting.forget_all();
        self.control("rolling back", "ROLLBACK").await?;
        self.open = false;
        Ok(())
    }

    pub(crate) async fn savepoint(&mut self) -> Result<(), StoreError> {
        self.mark("setting a savepoint", "SAVEPOINT command").await
    }

    pub(crate) async fn release(&mut self) -> Result<(), StoreError> {
        self.mark("keeping a command", "RELEASE SAVEPOINT command").await
    }

    pub(crate) async fn undo(&mut self) -> Result<(), StoreError> {
        self.waiting.forget_inserts();
        self.control("undoing a command", "ROLLBACK TO SAVEPOINT command").await?;
        self.release().await
    }

    async fn mark(&mut self, doing: &'static str, text: &'static str) -> Result<(), StoreError> {
        match self.driver {
            Driver::Sqlite(_) => {
                self.waiting.add(Sql::of(Dialect::Sqlite, text, Vec::new()), What::Mark);
                Ok(())
            }
            Driver::Postgres(_) => self.control(doing, text).await,
        }
    }

    /// Whether inserts may wait for the statement after them. Its failure may then be theirs.
    pub(crate) fn gather(&mut self, gathers: bool) {
        self.waiting.gathers = gathers;
    }

    /// Sends an insert, or lets it wait for the next statement.
    pub(crate) async fn insert(&mut self, doing: &'static str, sql: Sql) -> Result<(), StoreError> {
        match self.waiting.gathers {
            true => self.waiting.add(sql, What::Insert),
            false => drop(self.execute(doing, sql).await?),
        }
        Ok(())
    }

    /// Sends inserts that wait. Savepoints alone wait for what they are about.
    pub(crate) async fn flush(&mut self, doing: &'static str) -> Result<(), StoreError> {
        match self.waiting.has_inserts() {
            true => self.send_waiting(doing).await,
            false => Ok(()),
        }
    }

    async fn send_waiting(&mut self, doing: &'static str) -> Result<(), StoreError> {
        if let Driver::Postgres(_) = self.driver {
            return self.write_gathered(doing).await;
        }
        match self.waiting.take_last() {
            Some(last) => self.send(doing, last).await.map(|_| ()),
            None => Ok(()),
        }
    }

    /// On PostgreSQL what was gathered goes before the next statement, as one; on SQLite with it.
    async fn write_gathered(&mut self, doing: &'static str) -> Result<(), StoreError> {
        match self.driver {
            Driver::Postgres(_) if self.waiting.len() > 0 => {
                let all = self.waiting.take_as_one();
                self.send(doing, all).await.map(|_| ())
            }
            _ => Ok(()),
        }
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

/// Of several statements the last one's changes count.
async fn execute_sqlite(
    connection: &mut PoolConnection<Sqlite>,
    waiting: &mut Waiting,
    sql: Sql,
) -> Result<u64, sqlx::Error> {
    let (text, binds) = waiting.before(sql)?;
    let mut results = (&mut **connection).fetch_many(sqlx::query_with(AssertSqlSafe(text), binds));
    let mut changed = 0;
    while let Some(result) = results.try_next().await? {
        changed = result.left().map_or(changed, |done| done.rows_affected());
    }
    Ok(changed)
}

/// The rows of each statement behind those that wait, as many statements as `kinds`.
async fn rows_of_sqlite(
    connection: &mut PoolConnection<Sqlite>,
    waiting: &mut Waiting,
    sql: Sql,
    kinds: &[&[Kind]],
    take: &mut (dyn FnMut(usize, Vec<Datum>) + Send),
) -> Result<(), sqlx::Error> {
    let mut before = waiting.len();
    let (text, binds) = waiting.before(sql)?;
    let mut results = (&mut **connection).fetch_many(sqlx::query_with(AssertSqlSafe(text), binds));
    let mut at = 0;
    while let Some(result) = results.try_next().await? {
        match result.right() {
            Some(row) => take(at, read_sqlite(&row, kinds[at])?),
            None if before > 0 => before -= 1,
            None => at += 1,
        }
    }
    Ok(())
}

async fn rows_of_postgres(
    connection: &mut PoolConnection<Postgres>,
    sql: Sql,
    kinds: &[Kind],
    take: &mut (dyn FnMut(Vec<Datum>) + Send),
) -> Result<(), sqlx::Error> {
    let mut rows = sqlx::query_with(AssertSqlSafe(sql.text), bind_postgres(sql.binds)?).fetch(&mut **connection);
    while let Some(row) = rows.try_next().await? {
        take(read_postgres(&row, 0, kinds)?);
    }
    Ok(())
}

async fn read_union(
    connection: &mut PoolConnection<Postgres>,
    mut union: Union,
    found: &mut [Vec<Vec<Datum>>],
) -> Result<(), sqlx::Error> {
    let binds = bind_postgres(std::mem::take(&mut union.sql.binds))?;
    let text = std::mem::take(&mut union.sql.text);
    let mut rows = sqlx::query_with(AssertSqlSafe(text), binds).fetch(&mut **connection);
    while let Some(row) = rows.try_next().await? {
        let at = part_of_postgres(&row)?;
        if let Some(((begin, kinds), found)) = union.part(at).zip(found.get_mut(at)) {
            found.push(read_postgres(&row, begin, kinds)?);
        }
    }
    Ok(())
}
