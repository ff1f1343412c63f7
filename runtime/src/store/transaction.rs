//! Transactions on either database: attempts that can be run again, and what they lock.

use super::connection::Connection;
use super::{Backend, Store, StoreError};
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// How an attempt ends: what it wrote is kept, or undone because its answer is a refusal.
pub(crate) enum End<T> {
    Keep(T),
    Undo(T),
}

/// Work inside a transaction. It may be run several times; only the last time counts.
pub(crate) type Attempt<T> =
    Arc<dyn for<'c> Fn(&'c mut Connection) -> BoxFuture<'c, Result<End<T>, StoreError>> + Send + Sync>;

/// What a transaction keeps others from touching. SQLite's single writer needs none of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Locks {
    /// Against every other transaction of the tenant: for changes of tables.
    pub(crate) exclusive: bool,
    pub(crate) keys: Vec<String>,
}

impl Locks {
    pub(crate) fn exclusive() -> Locks {
        Locks { exclusive: true, keys: Vec::new() }
    }

    pub(crate) fn key(key: impl Into<String>) -> Locks {
        Locks { exclusive: false, keys: vec![key.into()] }
    }
}

impl Store {
    /// Runs an attempt in one transaction. It is carried through even if the caller stops waiting.
    pub(crate) async fn transact<T, F>(&self, locks: Locks, attempt: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> Fn(&'c mut Connection) -> BoxFuture<'c, Result<End<T>, StoreError>> + Send + Sync + 'static,
    {
        let attempt: Attempt<T> = Arc::new(attempt);
        match &self.inner.backend {
            Backend::Sqlite(store) => store.transact(attempt).await,
            Backend::Postgres(_) => {
                let inner = self.inner.clone();
                let carried = tokio::spawn(async move {
                    match &inner.backend {
                        Backend::Postgres(store) => store.transact(&locks, &attempt).await,
                        Backend::Sqlite(_) => unreachable!("the store does not change its database"),
                    }
                });
                carried.await.unwrap_or_else(|_| Err(StoreError::Broken("it panicked; the log says where".into())))
            }
        }
    }

    /// A connection to read with; hold it for a whole request.
    pub(crate) async fn reader(&self) -> Result<Connection, StoreError> {
        match &self.inner.backend {
            Backend::Sqlite(store) => store.reader().await,
            Backend::Postgres(store) => store.connection().await,
        }
    }
}
