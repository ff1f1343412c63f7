//! One connection to either database: sends statements, gives rows back as data by the kinds asked for.
//! The only place besides `sqlite` and `postgres` that knows there are two drivers.

use super::StoreError;
use super::postgres::{bind_postgres, read_postgres};
use super::sql::{Datum, Dialect, Kind, Sql};
use super::sqlite::{bind_sqlite, read_sqlite};
use futures_util::TryStreamExt;
use sqlx::pool::PoolConnection;
use sqlx::{AssertSqlSafe, Executor, Postgres, Sqlite};

/// A connection out of a pool. Dropped inside a transaction it is closed, never handed on.
pub(crate) struct Connection {
    driver: Driver,
    /// Inside `BEGIN` … `COMMIT`.
    open: bool,
}

enum Driver {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl From<PoolConnection<Sqlite>> for Connection {
    fn from(connection: PoolConnection<Sqlite>) -> Connection {
        Connection { driver: Driver::Sqlite(connection), open: false }
    }
}

impl From<PoolConnection<Postgres>> for Connection {
    fn from(connection: PoolConnection<Postgres>) -> Connection {
        Connection { driver: Driver::Postgres(connection), open: false }
    }
}

impl Connection {
    pub(crate) fn dialect(&self) -> Dialect {
        match self.driver {
            Driver::Sqlite(_) => Dialect::Sqlite,
            Driver::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Sends a statement and gives the number of rows it changed.
    pub(crate) async fn execute(&mut self, doing: &'static str, sql: Sql) -> Result<u64, StoreError> {
        let failed = |cause| StoreError::Database { doing, cause };
        match &mut self.driver {
            Driver::Sqlite(connection) => {
                let query = sqlx::query_with(AssertSqlSafe(sql.text), bind_sqlite(sql.binds).map_err(failed)?);
                query.execute(&mut **connection).await.map(|done| done.rows_affected()).map_err(failed)
            }
            Driver::Postgres(connection) => {
                let query = sqlx::query_with(AssertSqlSafe(sql.text), bind_postgres(sql.binds).map_err(failed)?);
                query.execute(&mut **connection).await.map(|done| done.rows_affected()).map_err(failed)
            }
        }
    }

    /// Sends a statement and gives its rows, one datum per kind.
    pub(crate) async fn rows(
        &mut self,
        doing: &'static str,
        sql: Sql,
        kinds: &[Kind],
    ) -> Result<Vec<Vec<Datum>>, StoreError> {
        let failed = |cause| StoreError::Database { doing, cause };
        let mut found = Vec::new();
        match &mut self.driver {
            Driver::Sqlite(connection) => {
                let query = sqlx::query_with(AssertSqlSafe(sql.text), bind_sqlite(sql.binds).map_err(failed)?);
                let mut rows = query.fetch(&mut **connection);
                while let Some(row) = rows.try_next().await.map_err(failed)? {
                    found.push(read_sqlite(&row, kinds).map_err(failed)?);
                }
            }
            Driver::Postgres(connection) => {
                let query = sqlx::query_with(AssertSqlSafe(sql.text), bind_postgres(sql.binds).map_err(failed)?);
                let mut rows = query.fetch(&mut **connection);
                while let Some(row) = rows.try_next().await.map_err(failed)? {
                    found.push(read_postgres(&row, kinds).map_err(failed)?);
                }
            }
        }
        Ok(found)
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
        let failed = |cause| StoreError::Database { doing, cause };
        match &mut self.driver {
            Driver::Sqlite(connection) => {
                connection.execute(sqlx::raw_sql(AssertSqlSafe(text))).await.map(|_| ()).map_err(failed)
            }
            Driver::Postgres(connection) => {
                connection.execute(sqlx::raw_sql(AssertSqlSafe(text))).await.map(|_| ()).map_err(failed)
            }
        }
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
