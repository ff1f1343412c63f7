//! How long a change of tables waits for those who use them. While it waits everybody who comes later waits behind it:
//! it waits shortly, lets them pass, and tries again. PostgreSQL only; SQLite's one writer never finds a table in use.

use super::{Backend, Store, StoreError};
use crate::store::sql::{Dialect, Kind, Sql};
use packwork_engine::codes::Code;
use packwork_engine::refusal::Refusal;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How often and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// One try: so long those who came later are held up.
    pub wait_ms: u32,
    pub tries_max: u32,
    /// After the first try; each further one waits longer by as much, up to `pause_max`.
    pub pause: Duration,
    pub pause_max: Duration,
}

impl Patience {
    pub(super) fn pause_after(&self, tries: u32) -> Duration {
        (self.pause * tries).min(self.pause_max)
    }
}

/// Half a minute in all, of which others wait for at most half a second at a time.
impl Default for Patience {
    fn default() -> Patience {
        Patience {
            wait_ms: 500,
            tries_max: 20,
            pause: Duration::from_millis(150),
            pause_max: Duration::from_millis(1_500),
        }
    }
}

/// The patience of a store, and how often it was needed.
#[derive(Debug)]
pub(super) struct Waiting {
    patience: Mutex<Patience>,
    given_way: watch::Sender<u64>,
}

impl Default for Waiting {
    fn default() -> Waiting {
        Waiting { patience: Mutex::default(), given_way: watch::Sender::new(0) }
    }
}

impl Waiting {
    pub(super) fn patience(&self) -> Patience {
        *self.patience.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A try ended without its locks.
    pub(super) fn gave_way(&self) {
        self.given_way.send_modify(|times| *times += 1);
    }
}

impl Store {
    pub fn set_patience(&self, patience: Patience) {
        if let Backend::Postgres(store) = &self.inner.backend {
            *store.waiting.patience.lock().unwrap_or_else(PoisonError::into_inner) = patience;
        }
    }

    /// How often changes of tables gave way to those who used them; `None` where that never happens.
    pub fn given_way(&self) -> Option<watch::Receiver<u64>> {
        match &self.inner.backend {
            Backend::Postgres(store) => Some(store.waiting.given_way.subscribe()),
            Backend::Sqlite(_) => None,
        }
    }
}

/// Who has been using tables of the schema for longest, in words and by process.
const HOLDER: &str = "SELECT coalesce(nullif(a.application_name, ''), 'unnamed'), a.pid::bigint
    FROM pg_locks AS l
    JOIN pg_class AS c ON c.oid = l.relation AND c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
    JOIN pg_stat_activity AS a ON a.pid = l.pid
    WHERE l.granted AND l.pid <> pg_backend_pid() ORDER BY a.xact_start LIMIT 1";

/// The refusal after the last try.
pub(super) async fn in_use(store: &super::postgres::PostgresStore, tries: u32) -> StoreError {
    let mut refusal = Refusal::new(
        Code::TablesInUse,
        format!("others use the tables that have to change; nothing was changed after {tries} tries, try again later"),
    )
    .with("tries", tries)
    .with("retry_after_seconds", RETRY_AFTER_SECONDS);
    let holder = async {
        let mut connection = store.connection().await.ok()?;
        let sql = Sql::of(Dialect::Postgres, HOLDER, vec![]);
        connection.row("asking who uses tables", sql, &[Kind::Text, Kind::Int]).await.ok()?
    };
    if let Some(row) = holder.await {
        let mut row = super::line::Columns::of("pg_locks", row);
        if let (Ok(name), Ok(process)) = (row.text(), row.int()) {
            refusal.detail = format!("{}; `{name}` (process {process}) has used them for longest", refusal.detail);
            refusal = refusal.with("holder", &*name).with("process", process);
        }
    }
    StoreError::Refused(Box::new(refusal))
}

const RETRY_AFTER_SECONDS: u32 = 30;
