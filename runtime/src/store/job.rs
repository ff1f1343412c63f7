//! Jobs: long work in units. A job is held by one process at a time, and where it goes on is written in the transaction
//! of the unit before. Knows nothing of what the work is.

use super::connection::Connection;
use super::line::Columns;
use super::sql::{Datum, Dialect, Kind, Sql};
use super::transaction::{End, Locks};
use super::{Backend, Scope, Store, StoreError};
use packwork_engine::codes::Code;
use packwork_engine::moment::Moment;
use packwork_engine::refusal::Refusal;
use serde_json::Value as Json;
use uuid::Uuid;

/// A job as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    pub id: Uuid,
    pub kind: String,
    pub status: JobStatus,
    /// What it is about; a subject has one job at a time.
    pub subject: Option<Uuid>,
    /// Who asked for it; `None` is the system itself.
    pub actor: Option<Uuid>,
    pub input: Json,
    /// Where the next unit begins; `None` at the beginning.
    pub cursor: Option<String>,
    pub done: i64,
    pub total: Option<i64>,
    pub detail: String,
    /// Why it failed: `{"code", "detail", "params"}`.
    pub problem: Option<Json>,
    pub created_at: Moment,
    pub started_at: Option<Moment>,
    pub finished_at: Option<Moment>,
    pub cancelling: bool,
    /// Counts every change.
    pub revision: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobStatus {
    Waiting,
    Running,
    Done,
    Failed,
    Cancelled,
}

impl JobStatus {
    pub const ALL: [JobStatus; 5] =
        [JobStatus::Waiting, JobStatus::Running, JobStatus::Done, JobStatus::Failed, JobStatus::Cancelled];

    pub fn as_str(self) -> &'static str {
        match self {
            JobStatus::Waiting => "waiting",
            JobStatus::Running => "running",
            JobStatus::Done => "done",
            JobStatus::Failed => "failed",
            JobStatus::Cancelled => "cancelled",
        }
    }

    pub fn is_open(self) -> bool {
        matches!(self, JobStatus::Waiting | JobStatus::Running)
    }
}

/// A job to be done.
#[derive(Clone, Debug)]
pub struct NewJob {
    pub id: Uuid,
    pub kind: &'static str,
    pub subject: Option<Uuid>,
    pub actor: Option<Uuid>,
    pub input: Json,
    pub total: Option<i64>,
    pub at: Moment,
}

/// How far a unit brought its job. Belongs into the unit's own transaction, see [`Store::step_job`] for units that
/// write nothing else.
#[derive(Clone, Debug)]
pub struct Step {
    pub job: Uuid,
    /// Only its holder moves a job.
    pub holder: Uuid,
    /// Nobody else may take the job before.
    pub held_until: Moment,
    pub cursor: String,
    pub done: i64,
    pub total: Option<i64>,
    pub detail: String,
}

/// Whether a step counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    Yes,
    /// Somebody else holds the job now, or it ended: the unit was undone.
    Lost,
}

const COLUMNS: &str = "id, kind, status, subject, actor, input, cursor, done, total, detail, problem, created_at, \
                       started_at, finished_at, cancelling, revision";
const KINDS: [Kind; 16] = [
    Kind::Id,
    Kind::Text,
    Kind::Text,
    Kind::Id,
    Kind::Id,
    Kind::Json,
    Kind::Text,
    Kind::Int,
    Kind::Int,
    Kind::Text,
    Kind::Json,
    Kind::Int,
    Kind::Int,
    Kind::Int,
    Kind::Bool,
    Kind::Int,
];

impl Store {
    /// Refused with `job_active` while another job of its subject is open.
    pub async fn insert_job(&self, scope: &Scope, job: &NewJob) -> Result<(), StoreError> {
        self.check(scope)?;
        let job = job.clone();
        self.transact(job_locks(&job), move |connection| {
            let job = job.clone();
            Box::pin(async move { insert(connection, &job).await.map(End::Keep) })
        })
        .await
    }

    pub async fn job(&self, scope: &Scope, id: Uuid) -> Result<Option<Job>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let sql = select(connection.dialect(), "id = ?", vec![Datum::Id(id)]);
        connection.row("reading a job", sql, &KINDS).await?.map(decode).transpose()
    }

    /// Jobs of a kind that are not at their end, the oldest first.
    pub async fn open_jobs(&self, scope: &Scope, kind: &str) -> Result<Vec<Uuid>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let text = "SELECT id FROM job WHERE kind = ? AND status IN ('waiting', 'running') ORDER BY created_at, id";
        let sql = Sql::of(connection.dialect(), text, vec![Datum::text(kind)]);
        let rows = connection.rows("looking for jobs", sql, &[Kind::Id]).await?;
        rows.into_iter().map(|row| Columns::of("job", row).id()).collect()
    }

    /// The open job of a subject.
    pub async fn job_of(&self, scope: &Scope, subject: Uuid) -> Result<Option<Job>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let sql =
            select(connection.dialect(), "subject = ? AND status IN ('waiting', 'running')", vec![Datum::Id(subject)]);
        connection.row("reading a job", sql, &KINDS).await?.map(decode).transpose()
    }

    /// Takes the oldest job that waits, or whose holder is gone, and holds it until the given moment.
    pub async fn take_job(
        &self,
        scope: &Scope,
        holder: Uuid,
        now: Moment,
        until: Moment,
    ) -> Result<Option<Job>, StoreError> {
        self.check(scope)?;
        // One process has a SQLite folder for itself: whoever else held a job is gone.
        let alone = matches!(self.inner.backend, Backend::Sqlite(_));
        let mut reader = self.reader().await?;
        if reader.row("looking for a job", open(reader.dialect(), alone, holder, now), &KINDS).await?.is_none() {
            return Ok(None);
        }
        drop(reader);
        self.transact(Locks::default(), move |connection| {
            Box::pin(async move {
                let mut sql = open(connection.dialect(), alone, holder, now);
                if connection.dialect() == Dialect::Postgres {
                    sql.push(" FOR UPDATE SKIP LOCKED");
                }
                let Some(row) = connection.row("taking a job", sql, &KINDS).await? else { return Ok(End::Undo(None)) };
                let mut job = decode(row)?;
                job.status = JobStatus::Running;
                job.started_at.get_or_insert(now);
                job.revision += 1;
                let binds = vec![
                    Datum::Id(holder),
                    Datum::Int(until.micros()),
                    Datum::optional_int(job.started_at.map(Moment::micros)),
                    Datum::Id(job.id),
                ];
                let text = "UPDATE job SET status = 'running', holder = ?, held_until = ?, started_at = ?,
                            revision = revision + 1 WHERE id = ?";
                connection.execute("taking a job", Sql::of(connection.dialect(), text, binds)).await?;
                Ok(End::Keep(Some(job)))
            })
        })
        .await
    }

    /// A step of a unit that wrote nothing else.
    pub async fn step_job(&self, scope: &Scope, step: &Step) -> Result<Held, StoreError> {
        self.check(scope)?;
        let made = step.clone();
        self.transact(Locks::default(), move |connection| {
            let step = made.clone();
            Box::pin(async move {
                Ok(match advance(connection, &step).await? {
                    Held::Yes => End::Keep(Held::Yes),
                    Held::Lost => End::Undo(Held::Lost),
                })
            })
        })
        .await
    }

    /// Lets go of a job in the middle: another process may take it at once.
    pub async fn release_job(&self, scope: &Scope, id: Uuid, holder: Uuid) -> Result<(), StoreError> {
        self.check(scope)?;
        let text = "UPDATE job SET holder = NULL, held_until = NULL WHERE id = ? AND holder = ?";
        self.write_job("letting go of a job", text, vec![Datum::Id(id), Datum::Id(holder)]).await.map(|_| ())
    }

    /// Ends a job, if it is still held.
    pub async fn end_job(
        &self,
        scope: &Scope,
        id: Uuid,
        holder: Uuid,
        status: JobStatus,
        problem: Option<&Json>,
        at: Moment,
    ) -> Result<Held, StoreError> {
        self.check(scope)?;
        let problem = problem.cloned();
        self.transact(Locks::default(), move |connection| {
            let problem = problem.clone();
            Box::pin(async move { end(connection, id, holder, status, problem.as_ref(), at).await.map(End::Keep) })
        })
        .await
    }

    /// Asks a job to stop after the unit it is at. Says whether there was one to stop.
    pub async fn cancel_job(&self, scope: &Scope, id: Uuid) -> Result<bool, StoreError> {
        self.check(scope)?;
        let text = "UPDATE job SET cancelling = ?, revision = revision + 1
                    WHERE id = ? AND status IN ('waiting', 'running')";
        Ok(self.write_job("cancelling a job", text, vec![Datum::Bool(true), Datum::Id(id)]).await? > 0)
    }

    async fn write_job(&self, doing: &'static str, text: &'static str, binds: Vec<Datum>) -> Result<u64, StoreError> {
        self.transact(Locks::default(), move |connection| {
            let sql = Sql::of(connection.dialect(), text, binds.clone());
            Box::pin(async move { connection.execute(doing, sql).await.map(End::Keep) })
        })
        .await
    }
}

/// Two jobs of one subject begin in turn: the second sees the first.
pub(super) fn job_locks(job: &NewJob) -> Locks {
    job.subject.map_or_else(Locks::default, |subject| Locks::key(format!("job {subject}")))
}

/// Adds a job inside a transaction under [`job_locks`].
pub(super) async fn insert(connection: &mut Connection, job: &NewJob) -> Result<(), StoreError> {
    if let Some(subject) = job.subject {
        let condition = "subject = ? AND status IN ('waiting', 'running')";
        let sql = select(connection.dialect(), condition, vec![Datum::Id(subject)]);
        if let Some(active) = connection.row("looking for an open job", sql, &KINDS).await? {
            let active = decode(active)?;
            let refusal = Refusal::new(Code::JobActive, format!("a job of kind `{}` is at it", active.kind));
            return Err(StoreError::Refused(Box::new(refusal.with("job", active.id.to_string()))));
        }
    }
    let binds = vec![
        Datum::Id(job.id),
        Datum::text(job.kind),
        Datum::optional_id(job.subject),
        Datum::optional_id(job.actor),
        Datum::json(&job.input),
        Datum::Int(0),
        Datum::optional_int(job.total),
        Datum::text(""),
        Datum::Int(job.at.micros()),
        Datum::Bool(false),
        Datum::Int(1),
    ];
    let text = "INSERT INTO job (id, kind, status, subject, actor, input, done, total, detail, created_at, cancelling,
                revision) VALUES (?, ?, 'waiting', ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    connection.execute("writing a job", Sql::of(connection.dialect(), text, binds)).await.map(|_| ())
}

/// Moves a job on, inside the transaction of the unit. `Lost`: undo the unit, somebody else does it.
pub(super) async fn advance(connection: &mut Connection, step: &Step) -> Result<Held, StoreError> {
    let binds = vec![
        Datum::text(&step.cursor),
        Datum::Int(step.done),
        Datum::optional_int(step.total),
        Datum::text(&step.detail),
        Datum::Int(step.held_until.micros()),
        Datum::Id(step.job),
        Datum::Id(step.holder),
    ];
    let text = "UPDATE job SET cursor = ?, done = ?, total = ?, detail = ?, held_until = ?, revision = revision + 1
                WHERE id = ? AND holder = ? AND status = 'running'";
    match connection.execute("moving a job on", Sql::of(connection.dialect(), text, binds)).await? {
        0 => Ok(Held::Lost),
        _ => Ok(Held::Yes),
    }
}

/// Ends a job inside a transaction, if it is still held.
pub(super) async fn end(
    connection: &mut Connection,
    id: Uuid,
    holder: Uuid,
    status: JobStatus,
    problem: Option<&Json>,
    at: Moment,
) -> Result<Held, StoreError> {
    let binds = vec![
        Datum::text(status.as_str()),
        problem.map_or(Datum::Null(Kind::Json), Datum::json),
        Datum::Int(at.micros()),
        Datum::Id(id),
        Datum::Id(holder),
    ];
    let text = "UPDATE job SET status = ?, problem = ?, finished_at = ?, holder = NULL, held_until = NULL,
                revision = revision + 1 WHERE id = ? AND holder = ? AND status = 'running'";
    match connection.execute("ending a job", Sql::of(connection.dialect(), text, binds)).await? {
        0 => Ok(Held::Lost),
        _ => Ok(Held::Yes),
    }
}

fn select(dialect: Dialect, condition: &str, binds: Vec<Datum>) -> Sql {
    Sql::of(dialect, &format!("SELECT {COLUMNS} FROM job WHERE {condition}"), binds)
}

/// The oldest job nobody holds.
fn open(dialect: Dialect, alone: bool, holder: Uuid, now: Moment) -> Sql {
    let free = if alone { "holder <> ?" } else { "held_until < ?" };
    let condition = format!("status IN ('waiting', 'running') AND (status = 'waiting' OR holder IS NULL OR {free})");
    let bind = if alone { Datum::Id(holder) } else { Datum::Int(now.micros()) };
    let mut sql = select(dialect, &condition, vec![bind]);
    sql.push(" ORDER BY created_at, id LIMIT 1");
    sql
}

fn decode(row: Vec<Datum>) -> Result<Job, StoreError> {
    let mut row = Columns::of("job", row);
    Ok(Job {
        id: row.id()?,
        kind: row.text()?.to_string(),
        status: {
            let text = row.text()?;
            let status = JobStatus::ALL.into_iter().find(|status| status.as_str() == &*text);
            status.ok_or_else(|| row.wrong(format!("`{text}` is no status")))?
        },
        subject: row.optional_id(),
        actor: row.optional_id(),
        input: row.json()?,
        cursor: row.optional_text().map(|text| text.to_string()),
        done: row.int()?,
        total: row.optional_int(),
        detail: row.text()?.to_string(),
        problem: match row.next() {
            Datum::Json(text) => Some(serde_json::from_str(&text).map_err(|error| row.wrong(error.to_string()))?),
            _ => None,
        },
        created_at: row.moment()?,
        started_at: row.optional_int().map(Moment::from_micros),
        finished_at: row.optional_int().map(Moment::from_micros),
        cancelling: matches!(row.next(), Datum::Bool(true)),
        revision: row.int()?,
    })
}
