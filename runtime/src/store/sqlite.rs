//! SQLite: one file, one writer that commits whatever is waiting together, readers beside it, values in its types.

use super::StoreError;
use super::connection::Connection;
use super::sql::{Datum, Kind, scaled, unscaled};
use super::transaction::{Attempt, End};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use packwork_engine::moment::Date;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{Arguments, Row};
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// Commands that share one commit at most: more would make the first of them wait for long.
const GROUP_MAX: usize = 64;
/// Commands that may wait before callers wait to be let in.
const WAITING_MAX: usize = 1_024;
const READERS: u32 = 4;
const STATEMENTS_CACHED: usize = 400;
const ROWS_BUFFERED: usize = 512;
/// KiB, with SQLite's minus. What readers need again and again are the upper pages of trees.
const READER_CACHE: &str = "-4000";
/// More makes imports little faster: what they change lies in no order.
const WRITER_CACHE: &str = "-8000";
/// Pages in the log that are carried into the file together: a page that is changed often goes there once.
const LOG_PAGES: &str = "8000";
/// Only a backup or a checkpoint ever holds the file against us.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A tenant's file.
#[derive(Debug)]
pub(crate) struct SqliteStore {
    readers: SqlitePool,
    /// `None` once the store is closed.
    writer: RwLock<Option<mpsc::Sender<Job>>>,
    /// Comes when the writer is done and has let go of its locks.
    ended: Mutex<Option<oneshot::Receiver<()>>>,
}

/// Work for the writer: runs inside the open transaction, then is told how the commit went.
type Job = Box<dyn for<'c> FnOnce(&'c mut Connection) -> BoxFuture<'c, Finished> + Send>;

struct Finished {
    keep: bool,
    tell: Tell,
}

/// Tells a caller how the commit went.
type Tell = Box<dyn FnOnce(Result<(), Arc<str>>) + Send>;

impl SqliteStore {
    pub(crate) async fn open(folder: &Path, tenant: &str) -> Result<SqliteStore, StoreError> {
        let bad_folder = |error| StoreError::Folder(folder.to_owned(), error);
        let tenants = folder.join("tenants");
        std::fs::create_dir_all(&tenants).map_err(bad_folder)?;
        let locks = (lock_folder(folder)?, lock_file(folder, &tenants.join(format!("{tenant}.lock")))?);
        let options = options(folder, tenant).journal_mode(SqliteJournalMode::Wal).create_if_missing(true);
        let failed = |cause| StoreError::Database { doing: "opening the database file", cause };
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let (opened, is_open) = oneshot::channel();
        let (ending, ended) = oneshot::channel();
        let of_writer = options.clone().pragma("cache_size", WRITER_CACHE).pragma("wal_autocheckpoint", LOG_PAGES);
        std::thread::Builder::new()
            .name(format!("writer {tenant}"))
            .spawn(move || {
                write_all(of_writer, receiver, opened);
                drop(locks);
                let _ = ending.send(());
            })
            .map_err(bad_folder)?;
        is_open.await.unwrap_or_else(|_| Err(sqlx::Error::WorkerCrashed)).map_err(failed)?;
        // The writer has made the file; readers cannot change it.
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .test_before_acquire(false)
            .connect_with(options.create_if_missing(false).read_only(true))
            .await
            .map_err(failed)?;
        Ok(SqliteStore { readers, writer: RwLock::new(Some(sender)), ended: Mutex::new(Some(ended)) })
    }

    /// Only readers: no writer, no lock, nothing made. For looking at the data beside the process that works on it.
    pub(crate) async fn open_to_read(folder: &Path, tenant: &str) -> Result<SqliteStore, StoreError> {
        if !folder.join("tenants").join(format!("{tenant}.db")).is_file() {
            return Err(StoreError::NoTenant(tenant.to_owned()));
        }
        let failed = |cause| StoreError::Database { doing: "opening the database file", cause };
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .test_before_acquire(false)
            .connect_with(options(folder, tenant).read_only(true))
            .await
            .map_err(failed)?;
        Ok(SqliteStore { readers, writer: RwLock::new(None), ended: Mutex::new(None) })
    }

    /// Lets the writer finish what waits, then lets go of the file and its locks.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.write().unwrap_or_else(PoisonError::into_inner).take();
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(ended) = ended {
            let _ = ended.await;
        }
    }

    pub(crate) async fn reader(&self) -> Result<Connection, StoreError> {
        let failed = |cause| StoreError::Database { doing: "taking a connection", cause };
        self.readers.acquire().await.map(Connection::from).map_err(failed)
    }

    /// Runs an attempt under the writer; the answer comes after the commit.
    pub(crate) async fn transact<T: Send + 'static>(&self, attempt: Attempt<T>) -> Result<T, StoreError> {
        self.send(attempt).await?.await.map_err(|_| gone())?
    }

    /// Lets an attempt wait for the writer; what it answers comes after the commit.
    pub(crate) async fn send<T: Send + 'static>(
        &self,
        attempt: Attempt<T>,
    ) -> Result<oneshot::Receiver<Result<T, StoreError>>, StoreError> {
        let (sender, receiver) = oneshot::channel::<Result<T, StoreError>>();
        let job: Job = Box::new(move |connection| {
            Box::pin(async move {
                let ended = match AssertUnwindSafe(attempt(connection)).catch_unwind().await {
                    Ok(ended) => ended,
                    Err(_) => Err(StoreError::Broken("it panicked; the log says where".into())),
                };
                let (keep, value) = match ended {
                    Ok(End::Keep(value)) => (true, Ok(value)),
                    Ok(End::Undo(value)) => (false, Ok(value)),
                    Err(error) => (false, Err(error)),
                };
                let tell = move |committed: Result<(), Arc<str>>| {
                    let answer = committed.map_err(StoreError::NotCommitted).and(value);
                    // A caller that no longer waits has no use for the answer.
                    let _ = sender.send(answer);
                };
                Finished { keep, tell: Box::new(tell) }
            })
        });
        let writer = self.writer.read().unwrap_or_else(PoisonError::into_inner).clone();
        writer.ok_or_else(gone)?.send(job).await.map_err(|_| gone())?;
        Ok(receiver)
    }
}

fn options(folder: &Path, tenant: &str) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(folder.join("tenants").join(format!("{tenant}.db")))
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(STATEMENTS_CACHED)
        .row_buffer_size(ROWS_BUFFERED)
        .pragma("cache_size", READER_CACHE)
        .pragma("temp_store", "memory")
}

fn gone() -> StoreError {
    StoreError::NotCommitted("the writer has stopped".into())
}

/// Folders this process holds: its tenants share them.
static HELD: Mutex<BTreeMap<PathBuf, Weak<File>>> = Mutex::new(BTreeMap::new());

/// The lock against a second process.
fn lock_folder(folder: &Path) -> Result<Arc<File>, StoreError> {
    let path = folder.canonicalize().map_err(|error| StoreError::Folder(folder.to_owned(), error))?;
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(file) = held.get(&path).and_then(Weak::upgrade) {
        return Ok(file);
    }
    let file = Arc::new(lock_file(folder, &folder.join("packwork.lock"))?);
    held.insert(path, Arc::downgrade(&file));
    Ok(file)
}

fn lock_file(folder: &Path, path: &Path) -> Result<File, StoreError> {
    let bad_folder = |error| StoreError::Folder(folder.to_owned(), error);
    let file = File::options().create(true).truncate(false).write(true).open(path).map_err(bad_folder)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::FolderInUse(folder.to_owned())),
        Err(TryLockError::Error(error)) => Err(bad_folder(error)),
    }
}

/// The writer's thread: a runtime of its own, so that deciding never holds up the threads that serve requests.
fn write_all(
    options: SqliteConnectOptions,
    mut jobs: mpsc::Receiver<Job>,
    opened: oneshot::Sender<Result<(), sqlx::Error>>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = opened.send(Err(sqlx::Error::Io(error)));
            return;
        }
    };
    runtime.block_on(async move {
        let pool =
            match SqlitePoolOptions::new().max_connections(1).test_before_acquire(false).connect_with(options).await {
                Ok(pool) => pool,
                Err(error) => {
                    let _ = opened.send(Err(error));
                    return;
                }
            };
        let _ = opened.send(Ok(()));
        let mut group = Vec::with_capacity(GROUP_MAX);
        while jobs.recv_many(&mut group, GROUP_MAX).await > 0 {
            match pool.acquire().await {
                Ok(connection) => write_group(&mut connection.into(), &mut group).await,
                Err(error) => {
                    tracing::error!(%error, "the writer has no connection");
                    group.clear();
                }
            }
        }
        pool.close().await;
    });
}

/// One transaction for all that wait. What one command did wrong is undone alone; what the disk did wrong fails all.
async fn write_group(connection: &mut Connection, group: &mut Vec<Job>) {
    let mut told = Vec::with_capacity(group.len());
    let result = write_transaction(connection, group, &mut told).await;
    if result.is_err() {
        // Closes the connection where even this fails; the next group gets a new one.
        let _ = connection.rollback().await;
    }
    let result: Result<(), Arc<str>> = result.map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        tracing::error!(%error, cause, commands = told.len(), "a group of commands was not committed");
        Arc::from(format!("{error}: {cause}"))
    });
    for tell in told {
        tell(result.clone());
    }
    // Jobs that did not get their turn: their callers hear that the writer gave up.
    group.clear();
}

async fn write_transaction(
    connection: &mut Connection,
    group: &mut Vec<Job>,
    told: &mut Vec<Tell>,
) -> Result<(), StoreError> {
    let alone = group.len() == 1;
    connection.begin().await?;
    for job in group.drain(..) {
        if !alone {
            connection.savepoint().await?;
        }
        let finished = job(connection).await;
        told.push(finished.tell);
        match (alone, finished.keep) {
            (true, true) => {}
            (true, false) => return connection.rollback().await,
            (false, true) => connection.release().await?,
            (false, false) => connection.undo().await?,
        }
    }
    connection.commit().await
}

pub(super) fn bind_sqlite(binds: Vec<Datum>) -> Result<SqliteArguments, sqlx::Error> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(binds.len(), 0);
    for datum in binds {
        match datum {
            Datum::Null(_) => Arguments::add(&mut arguments, None::<i64>),
            Datum::Id(id) => Arguments::add(&mut arguments, id),
            Datum::Text(text) => Arguments::add(&mut arguments, text),
            Datum::Decimal(number, scale) => match scaled(number, scale) {
                Some(digits) => Arguments::add(&mut arguments, digits),
                None => Err(format!("{number} has more digits than can be stored").into()),
            },
            Datum::Bool(flag) => Arguments::add(&mut arguments, i64::from(flag)),
            Datum::Date(date) => Arguments::add(&mut arguments, date.to_string()),
            Datum::Int(number) => Arguments::add(&mut arguments, number),
            Datum::Json(text) => Arguments::add(&mut arguments, text),
            Datum::Bytes(bytes) => Arguments::add(&mut arguments, bytes),
            Datum::Ids(ids) => {
                let texts: Vec<String> = ids.iter().map(|id| id.simple().to_string()).collect();
                Arguments::add(&mut arguments, json_array(&texts))
            }
            Datum::Texts(texts) => Arguments::add(&mut arguments, json_array(&texts)),
            Datum::Ints(numbers) => Arguments::add(&mut arguments, json_array(&numbers)),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

fn json_array(values: &[impl serde::Serialize]) -> String {
    serde_json::to_string(values).expect("texts and numbers always have a JSON form")
}

pub(super) fn read_sqlite(row: &SqliteRow, kinds: &[Kind]) -> Result<Vec<Datum>, sqlx::Error> {
    let mut data = Vec::with_capacity(kinds.len());
    for (index, kind) in kinds.iter().enumerate() {
        let null = Datum::Null(*kind);
        let integer = || row.try_get_unchecked::<Option<i64>, _>(index);
        let text = || row.try_get_unchecked::<Option<&str>, _>(index);
        data.push(match kind {
            Kind::Id => row.try_get_unchecked::<Option<Uuid>, _>(index)?.map_or(null, Datum::Id),
            Kind::Text => text()?.map_or(null, Datum::text),
            Kind::Decimal(scale) => integer()?.map_or(null, |digits| Datum::Decimal(unscaled(digits, *scale), *scale)),
            Kind::Bool => integer()?.map_or(null, |flag| Datum::Bool(flag != 0)),
            Kind::Date => match text()? {
                Some(text) => Datum::Date(text.parse::<Date>().map_err(|error| sqlx::Error::Decode(error.into()))?),
                None => null,
            },
            Kind::Int => integer()?.map_or(null, Datum::Int),
            Kind::Json => text()?.map_or(null, |text| Datum::Json(text.to_owned())),
            Kind::Bytes => row.try_get_unchecked::<Option<Vec<u8>>, _>(index)?.map_or(null, Datum::Bytes),
        });
    }
    Ok(data)
}
