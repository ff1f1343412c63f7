//! Keeps what was decided: records, events, lines, statements, sessions, in SQLite or PostgreSQL.
//! Decides nothing itself; knows no HTTP and no sign-in. Every call takes a [`Scope`]: there is no read without one.

mod aggregate;
mod ahead;
mod apply;
mod attachment;
mod attribution;
mod back_fill;
mod bulk;
mod check;
mod child_total;
mod collection;
mod column;
mod command;
mod comment;
mod connection;
mod copy;
mod counter;
mod cumulation;
mod dispute;
mod duplicate;
mod facts;
mod filter;
mod history;
mod import;
mod job;
mod ledger;
mod line;
mod line_total;
mod list;
mod lookup;
mod mark;
mod patience;
mod period;
mod postgres;
mod publication;
mod quarantine;
mod rate_use;
mod record;
mod replies;
mod rows;
mod run;
pub mod scratch;
mod script;
mod secret;
mod session;
mod shown;
mod since;
mod sql;
mod sqlite;
mod standing;
mod state_move;
mod statement;
mod stream;
mod tables;
mod todo;
mod total;
mod transaction;
mod under_way;

pub use ahead::{Ahead, Shared};
pub use attribution::LineSum;
pub use back_fill::{BACK_FILL, BackFill};
pub use bulk::{Applied, Bulk, BulkDone, Item};
pub use check::{Check, Drift, Found};
pub use command::{Decide, Execute, Executed, Idempotency, Once};
pub use comment::{After, Comment, Mention};
pub use history::{FOLDED_MAX, StoredEvent};
pub use import::{Chunk, ChunkWork, Import, ImportList, JobEnd, Kept, KeptOfChunk, Stage};
pub use job::{Held, Job, JobStatus, NewJob, Step};
pub use ledger::{EntryQuery, StoredEntry, TrialRow};
pub use line::{LineQuery, StoredLine};
pub use line_total::{FactStatus, LineGroup, LineMeasure, LineTotal};
pub use list::ListPage;
pub use mark::InstalledPack;
pub use patience::Patience;
pub use period::{CloseChecks, ClosedPeriod, PeriodRow, posting_lock};
pub use publication::{Draft, PackContent, PackVersion, Published, StoredPlan, Version};
pub use quarantine::{Aside, Gone, GoneSeed};
pub use rows::RowsQuery;
pub use run::{Run, RunHold, RunStatus};
pub use script::{INPUTS_KEPT, OPERATIONS_UP_TO, ScriptInput, ScriptUsage};
pub use session::Session;
pub use shown::TitlesOf;
pub use since::{Changed, Seen, Standpoint};
pub use standing::FactsOf;
pub use statement::StatementQuery;
pub use stream::Position;
pub use tables::{Incompatible, Lock, Offer, Planned, Step as TableStep, TablePlan, knows_migrations};
pub use todo::{StoredTodo, TodoFor};
pub use under_way::{Documents, Ground, UnderWay};

use crate::auth::secret::Secret;
use packwork_engine::access::Rights;
use packwork_engine::decision::Actor;
use packwork_engine::refusal::Refusal;
use std::path::PathBuf;
use std::sync::Arc;

/// On whose behalf the store is asked, and what they may see.
#[derive(Clone, Debug)]
pub struct Scope {
    pub tenant: Arc<str>,
    pub actor: Arc<Actor>,
    pub rights: Arc<Rights>,
}

impl Scope {
    /// The system itself: jobs, seeds, the command line.
    pub fn system(tenant: &str) -> Scope {
        Scope { tenant: tenant.into(), actor: Arc::default(), rights: Arc::new(Rights::system()) }
    }
}

/// Where a tenant's data lives.
#[derive(Clone, Debug)]
pub enum Database {
    /// One file per tenant, `<folder>/tenants/<tenant>.db`; one process per folder.
    Sqlite { folder: PathBuf },
    /// One schema per tenant, `t_<tenant>`.
    Postgres { url: Secret },
}

/// What went wrong while reading or writing. Refusals are answers, not accidents: they come back as
/// [`Executed::Refused`] from commands, and as [`StoreError::Refused`] from the few writes that are no commands.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{}", .0.detail)]
    Refused(Box<Refusal>),
    #[error("the data folder `{}` is in use by another process", .0.display())]
    FolderInUse(PathBuf),
    #[error("the data folder `{}` cannot be used", .0.display())]
    Folder(PathBuf, #[source] std::io::Error),
    #[error("`{0}` is no name for a tenant: lower-case letters, digits and `_`, a letter first, at most 48")]
    TenantName(String),
    #[error("the scope is of tenant `{scope}`, the store of `{store}`")]
    WrongTenant { scope: String, store: String },
    #[error("the model has no object `{0}`")]
    UnknownObject(String),
    #[error("the query does not fit its object: {0}")]
    BadQuery(String),
    #[error("the database failed while {doing}")]
    Database {
        doing: &'static str,
        #[source]
        cause: sqlx::Error,
    },
    #[error("stored data of `{place}` cannot be read: {cause}")]
    Corrupt { place: String, cause: String },
    #[error("the transaction this command was part of could not be committed: {0}")]
    NotCommitted(Arc<str>),
    #[error("the connection was lost while committing: nobody knows whether the command was applied")]
    Unsure(#[source] sqlx::Error),
    #[error("there is no tenant `{0}`")]
    NoTenant(String),
    #[error("the data was last used by another version (`{0}`): start the server once before checking it")]
    Outdated(String),
    #[error("deciding the command broke: {0}")]
    Broken(String),
}

impl StoreError {
    /// Whether trying again may help: the disk is full, the database restarts, something is busy.
    pub fn is_unavailable(&self) -> bool {
        match self {
            StoreError::NotCommitted(_) | StoreError::Unsure(_) => true,
            StoreError::Database { cause, .. } => connection::is_unavailable(cause),
            _ => false,
        }
    }
}

/// One tenant's data. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    tenant: Arc<str>,
    backend: Backend,
    collections: collection::Cache,
    numbers: counter::Blocks,
    /// Runs that this process carries out.
    runs: std::sync::Mutex<std::collections::BTreeSet<uuid::Uuid>>,
}

#[derive(Debug)]
enum Backend {
    Sqlite(sqlite::SqliteStore),
    Postgres(postgres::PostgresStore),
}

/// What a store is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Writing,
    /// Beside whoever writes.
    Reading,
}

/// Names become file and schema names.
const TENANT_NAME_MAX: usize = 48;

impl Store {
    /// Opens (and on SQLite creates) a tenant's data and brings the platform's tables up to date.
    pub async fn open(database: &Database, tenant: &str) -> Result<Store, StoreError> {
        Store::open_with(database, tenant, Access::Writing).await
    }

    async fn open_with(database: &Database, tenant: &str, access: Access) -> Result<Store, StoreError> {
        let letters = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
        let starts = tenant.starts_with(|letter: char| letter.is_ascii_lowercase());
        if !starts || tenant.len() > TENANT_NAME_MAX || !tenant.chars().all(letters) {
            return Err(StoreError::TenantName(tenant.to_owned()));
        }
        let backend = match database {
            Database::Sqlite { folder } => Backend::Sqlite(match access {
                Access::Writing => sqlite::SqliteStore::open(folder, tenant).await?,
                Access::Reading => sqlite::SqliteStore::open_to_read(folder, tenant).await?,
            }),
            Database::Postgres { url } => {
                let store = postgres::PostgresStore::open(url, tenant).await?;
                if access == Access::Writing {
                    store.create_schema().await?;
                }
                Backend::Postgres(store)
            }
        };
        let inner = Inner {
            tenant: tenant.into(),
            backend,
            collections: collection::Cache::default(),
            numbers: counter::Blocks::default(),
            runs: std::sync::Mutex::default(),
        };
        let store = Store { inner: Arc::new(inner) };
        match access {
            Access::Writing => store.migrate().await?,
            Access::Reading => store.is_current().await?,
        }
        Ok(store)
    }

    pub fn tenant(&self) -> &str {
        &self.inner.tenant
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut connection = self.reader().await?;
        let sql = sql::Sql::of(connection.dialect(), "SELECT 1", Vec::new());
        connection.execute("asking whether the database answers", sql).await.map(|_| ())
    }

    /// Finishes what waits and lets go of the data; every clone of this store is closed with it.
    pub async fn close(&self) {
        match &self.inner.backend {
            Backend::Sqlite(store) => store.close().await,
            Backend::Postgres(store) => store.close().await,
        }
    }

    /// A scope of another tenant never reaches this one's data.
    fn check(&self, scope: &Scope) -> Result<(), StoreError> {
        if scope.tenant == self.inner.tenant {
            return Ok(());
        }
        Err(StoreError::WrongTenant { scope: scope.tenant.to_string(), store: self.inner.tenant.to_string() })
    }
}
