//! PostgreSQL: pools bound to a tenant's schema, transactions under advisory locks, values in its types.

use super::StoreError;
use super::connection::{Connection, Suspects, is_lost};
use super::patience::{self, Waiting};
use super::replies::{self, Replies, Reply};
use super::sql::{Datum, Kind};
use super::transaction::{Attempt, End, Locks};
use crate::auth::secret::Secret;
use packwork_engine::moment::Date;
use sha2::{Digest, Sha256};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{
    PgArgumentBuffer, PgArguments, PgConnectOptions, PgPool, PgPoolOptions, PgRow, PgTypeInfo, PgValueRef,
};
use sqlx::types::Json;
use sqlx::{Arguments, AssertSqlSafe, ConnectOptions, Decode, Encode, Executor, PgConnection, Row, Type};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Connections for requests; more than the cores of a database server bring nothing.
pub(super) const CONNECTIONS_MAX: u32 = 16;
/// Connections for what must not wait for a request's connection: blocks of numbers.
const CONNECTIONS_ASIDE: u32 = 2;
const ATTEMPTS_MAX: u32 = 3;
/// How long a request waits for a connection: long enough to outlast a restart of the server, shorter than a request.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
const STATEMENTS_CACHED: usize = 400;

/// A tenant's schema.
#[derive(Debug)]
pub(crate) struct PostgresStore {
    pool: PgPool,
    aside: PgPool,
    options: Box<PgConnectOptions>,
    schema: String,
    suspects: Arc<Suspects>,
    pub(super) waiting: Waiting,
    replies: Replies,
}

impl PostgresStore {
    pub(crate) async fn open(url: &Secret, tenant: &str) -> Result<PostgresStore, StoreError> {
        let failed = |cause| StoreError::Database { doing: "connecting to PostgreSQL", cause };
        let options = PgConnectOptions::from_str(url.expose()).map_err(failed)?;
        let options = options.application_name("packwork").statement_cache_capacity(STATEMENTS_CACHED);
        let schema = format!("t_{tenant}");
        let pool = |connections: u32| {
            let set_path = format!("SET search_path TO \"{schema}\"; SET client_min_messages TO warning");
            PgPoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(ACQUIRE_TIMEOUT)
                .test_before_acquire(false)
                .after_connect(move |connection, _| {
                    let set_path = set_path.clone();
                    Box::pin(
                        async move { connection.execute(sqlx::raw_sql(AssertSqlSafe(set_path))).await.map(|_| ()) },
                    )
                })
        };
        let requests = pool(CONNECTIONS_MAX).connect_with(options.clone()).await.map_err(failed)?;
        let aside = pool(CONNECTIONS_ASIDE).connect_lazy_with(options.clone());
        Ok(PostgresStore {
            pool: requests,
            aside,
            options: Box::new(options),
            schema,
            suspects: Arc::default(),
            waiting: Waiting::default(),
            replies: Replies::default(),
        })
    }

    /// Makes the schema; two processes may try at once.
    pub(crate) async fn create_schema(&self) -> Result<(), StoreError> {
        let mut connection = self.connection().await?;
        self.begin(&mut connection, &Locks::exclusive()).await?;
        connection.script("creating the schema", format!("CREATE SCHEMA IF NOT EXISTS \"{}\"", self.schema)).await?;
        connection.commit().await
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
        self.aside.close().await;
    }

    pub(crate) async fn connection(&self) -> Result<Connection, StoreError> {
        self.acquire(&self.pool).await
    }

    pub(crate) async fn connection_aside(&self) -> Result<Connection, StoreError> {
        self.acquire(&self.aside).await
    }

    /// Keeps a reply together with those of others; alone where the database does not take all of them.
    pub(super) async fn save_reply(&self, reply: Reply) -> Result<(), StoreError> {
        let write = async |all: Vec<Reply>| {
            let Ok(mut connection) = self.connection_aside().await else { return false };
            replies::write(&mut connection, all).await.is_ok()
        };
        match self.replies.keep(reply.clone(), write).await {
            true => Ok(()),
            false => replies::write(&mut self.connection_aside().await?, vec![reply]).await,
        }
    }

    async fn acquire(&self, pool: &PgPool) -> Result<Connection, StoreError> {
        let failed = |cause| StoreError::Database { doing: "taking a connection", cause };
        loop {
            let mut connection = pool.acquire().await.map_err(failed)?;
            // The answer of a round trip, asked only after some connection was lost.
            if !self.suspects.take() || sqlx::Connection::ping(&mut *connection).await.is_ok() {
                return Ok(Connection::postgres(connection, self.suspects.clone()));
            }
            connection.close_on_drop();
        }
    }

    /// A connection of its own that holds the lock of a key for as long as it lives.
    pub(crate) async fn hold(&self, key: &str) -> Result<PgConnection, StoreError> {
        let failed = |cause| StoreError::Database { doing: "taking a lock", cause };
        let mut connection = self.options.connect().await.map_err(failed)?;
        let lock = sqlx::query("SELECT pg_advisory_lock($1)").bind(self.lock_number(key));
        lock.execute(&mut connection).await.map_err(failed)?;
        Ok(connection)
    }

    /// Runs an attempt in a transaction; again when the database asks for it.
    pub(crate) async fn transact<T>(&self, locks: &Locks, attempt: &Attempt<T>) -> Result<T, StoreError> {
        let mut tried = 0;
        loop {
            tried += 1;
            let mut connection = self.connection().await?;
            match self.attempt(&mut connection, locks, attempt).await {
                Err(Failed::Before(error)) if tried < ATTEMPTS_MAX && is_retryable(&error) => {
                    tracing::debug!(tried, %error, "the transaction is tried again");
                }
                Err(Failed::Before(error)) if locks.exclusive && is_locked(&error) => {
                    // Whoever came meanwhile has their turn; then this waits again.
                    drop(connection);
                    self.waiting.gave_way();
                    let patience = self.waiting.patience();
                    if tried >= patience.tries_max {
                        return Err(patience::in_use(self, tried).await);
                    }
                    tracing::info!(tried, "tables are in use; changing them is tried again");
                    tokio::time::sleep(patience.pause_after(tried)).await;
                }
                Err(Failed::Before(error)) => return Err(error),
                Err(Failed::Committing(StoreError::Database { cause, .. })) if is_lost(&cause) => {
                    return Err(StoreError::Unsure(cause));
                }
                Err(Failed::Committing(error)) if tried < ATTEMPTS_MAX && is_retryable(&error) => {}
                Err(Failed::Committing(error)) => return Err(error),
                Ok(value) => return Ok(value),
            }
        }
    }

    async fn attempt<T>(&self, connection: &mut Connection, locks: &Locks, attempt: &Attempt<T>) -> Result<T, Failed> {
        let ended = match self.begin(connection, locks).await {
            Ok(()) => attempt(connection).await,
            Err(error) => Err(error),
        };
        match ended {
            Ok(End::Keep(value)) => connection.commit().await.map(|()| value).map_err(Failed::Committing),
            Ok(End::Undo(value)) => connection.rollback().await.map(|()| value).map_err(Failed::Before),
            Err(error) => {
                // What went wrong first is what the caller hears; a connection that cannot even roll back is closed.
                let _ = connection.rollback().await;
                Err(Failed::Before(error))
            }
        }
    }

    /// Begins and takes the locks in one round trip, in an order that is the same for everyone.
    async fn begin(&self, connection: &mut Connection, locks: &Locks) -> Result<(), StoreError> {
        let mut keys: Vec<i64> = locks.keys.iter().map(|key| self.lock_number(&format!("key {key}"))).collect();
        keys.sort_unstable();
        keys.dedup();
        let model = self.lock_number("model");
        let mut text = match locks.exclusive {
            true => {
                let wait_ms = self.waiting.patience().wait_ms;
                format!("SET LOCAL lock_timeout TO {wait_ms}; SELECT pg_advisory_xact_lock({model})")
            }
            false => format!("SELECT pg_advisory_xact_lock_shared({model})"),
        };
        if !keys.is_empty() {
            let keys: Vec<String> = keys.iter().map(i64::to_string).collect();
            text.push_str(", (SELECT count(pg_advisory_xact_lock(k)) FROM unnest('{");
            text.push_str(&keys.join(","));
            text.push_str("}'::bigint[]) AS k)");
        }
        connection.begin_holding(&text).await
    }

    pub(crate) fn lock_number(&self, key: &str) -> i64 {
        let mut hash = Sha256::new();
        hash.update(self.schema.as_bytes());
        hash.update([0]);
        hash.update(key.as_bytes());
        let digest = hash.finalize();
        let mut bytes = [0_u8; 8];
        bytes.copy_from_slice(&digest[..8]);
        i64::from_be_bytes(bytes)
    }
}

/// Where a transaction failed: before its commit was sent nothing of it can have been kept.
enum Failed {
    Before(StoreError),
    Committing(StoreError),
}

/// lock_not_available
fn is_locked(error: &StoreError) -> bool {
    matches!(error, StoreError::Database { cause: sqlx::Error::Database(cause), .. } if cause.code().as_deref() == Some("55P03"))
}

fn is_retryable(error: &StoreError) -> bool {
    match error {
        StoreError::Database { cause, .. } if is_lost(cause) => true,
        StoreError::Database { cause: sqlx::Error::Database(cause), .. } => {
            // Another node wrote the same command or opened the same statement meanwhile: asked again, it is seen.
            let raced = matches!(cause.constraint(), Some("command_pkey" | "command_key" | "statement_key"));
            // serialization_failure, deadlock_detected
            raced || matches!(cause.code().as_deref(), Some("40001" | "40P01"))
        }
        _ => false,
    }
}

/// A date as PostgreSQL sends it: days since 2000-01-01.
struct Days(i32);

const EPOCH: Date = jiff::civil::date(2000, 1, 1);

impl Type<sqlx::Postgres> for Days {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(1082))
    }
}

impl Encode<'_, sqlx::Postgres> for Days {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&self.0.to_be_bytes());
        Ok(IsNull::No)
    }
}

impl Decode<'_, sqlx::Postgres> for Days {
    fn decode(value: PgValueRef<'_>) -> Result<Days, BoxDynError> {
        Ok(Days(i32::from_be_bytes(value.as_bytes()?.try_into()?)))
    }
}

impl Days {
    fn of(date: Date) -> Days {
        let days = EPOCH.until((jiff::Unit::Day, date)).map_or(0, |span| span.get_days());
        Days(days)
    }

    fn date(&self) -> Result<Date, jiff::Error> {
        EPOCH.checked_add(jiff::Span::new().try_days(self.0)?)
    }
}

pub(super) fn bind_postgres(binds: Vec<Datum>) -> Result<PgArguments, sqlx::Error> {
    let mut arguments = PgArguments::default();
    arguments.reserve(binds.len(), binds.len() * 16);
    for datum in binds {
        match datum {
            Datum::Null(kind) => match kind {
                Kind::Id => arguments.add(None::<Uuid>),
                Kind::Text => arguments.add(None::<String>),
                Kind::Decimal(_) => arguments.add(None::<rust_decimal::Decimal>),
                Kind::Bool => arguments.add(None::<bool>),
                Kind::Date => arguments.add(None::<Days>),
                Kind::Int => arguments.add(None::<i64>),
                Kind::Json => arguments.add(None::<Json<serde_json::Value>>),
                Kind::Bytes => arguments.add(None::<Vec<u8>>),
            },
            Datum::Id(id) => arguments.add(id),
            Datum::Text(text) => arguments.add(&*text),
            Datum::Decimal(number, _) => arguments.add(number),
            Datum::Bool(flag) => arguments.add(flag),
            Datum::Date(date) => arguments.add(Days::of(date)),
            Datum::Int(number) => arguments.add(number),
            Datum::Json(text) => {
                let raw = serde_json::value::RawValue::from_string(text)
                    .map_err(|error| sqlx::Error::Encode(error.into()))?;
                arguments.add(Json(raw))
            }
            Datum::Bytes(bytes) => arguments.add(bytes),
            Datum::Ids(ids) => arguments.add(ids),
            Datum::Texts(texts) => arguments.add(texts.iter().map(|text| &**text).collect::<Vec<&str>>()),
            Datum::Ints(numbers) => arguments.add(numbers),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

/// Whose row of several queries it is.
pub(super) fn part_of_postgres(row: &PgRow) -> Result<usize, sqlx::Error> {
    let number = row.try_get_unchecked::<i64, _>(0)?;
    usize::try_from(number).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// The data of a row from a column on.
pub(super) fn read_postgres(row: &PgRow, begin: usize, kinds: &[Kind]) -> Result<Vec<Datum>, sqlx::Error> {
    let mut data = Vec::with_capacity(kinds.len());
    for (index, kind) in (begin..).zip(kinds) {
        let null = Datum::Null(*kind);
        data.push(match kind {
            Kind::Id => row.try_get_unchecked::<Option<Uuid>, _>(index)?.map_or(null, Datum::Id),
            Kind::Text => row.try_get_unchecked::<Option<&str>, _>(index)?.map_or(null, Datum::text),
            Kind::Decimal(scale) => {
                let number = row.try_get_unchecked::<Option<rust_decimal::Decimal>, _>(index)?;
                number.map_or(null, |mut number| {
                    number.rescale(*scale);
                    Datum::Decimal(number, *scale)
                })
            }
            Kind::Bool => row.try_get_unchecked::<Option<bool>, _>(index)?.map_or(null, Datum::Bool),
            Kind::Date => match row.try_get_unchecked::<Option<Days>, _>(index)? {
                Some(days) => Datum::Date(days.date().map_err(|error| sqlx::Error::Decode(error.into()))?),
                None => null,
            },
            Kind::Int => row.try_get_unchecked::<Option<i64>, _>(index)?.map_or(null, Datum::Int),
            Kind::Json => row
                .try_get_unchecked::<Option<Json<&serde_json::value::RawValue>>, _>(index)?
                .map_or(null, |json| Datum::Json(json.0.get().to_owned())),
            Kind::Bytes => row.try_get_unchecked::<Option<Vec<u8>>, _>(index)?.map_or(null, Datum::Bytes),
        });
    }
    Ok(data)
}
