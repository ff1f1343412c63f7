//! Settlement runs: their progress and how they ended.

use super::connection::Connection;
use super::line::Columns;
use super::sql::{Datum, Dialect, Kind, Sql};
use super::transaction::{End, Locks};
use super::{Backend, Scope, Store, StoreError};
use packwork_engine::codes::Code;
use packwork_engine::moment::Moment;
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use serde_json::Value as Json;
use std::sync::PoisonError;
use uuid::Uuid;

/// One run of a plan over a period.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub id: Uuid,
    pub plan: Name,
    pub period: String,
    pub status: RunStatus,
    pub started_at: Moment,
    pub finished_at: Option<Moment>,
    pub actor: Option<Uuid>,
    /// Facts to settle, and how many are done.
    pub facts: i64,
    pub done: i64,
    pub unchanged: i64,
    pub failed: i64,
    pub lines: i64,
    /// What the caller keeps with it: failures with their reasons, parameters.
    pub details: Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    Running,
    Done,
    /// Some units failed; the others are posted.
    Partial,
    Failed,
    Cancelled,
}

impl RunStatus {
    pub const ALL: [RunStatus; 5] =
        [RunStatus::Running, RunStatus::Done, RunStatus::Partial, RunStatus::Failed, RunStatus::Cancelled];

    pub fn as_str(self) -> &'static str {
        match self {
            RunStatus::Running => "running",
            RunStatus::Done => "done",
            RunStatus::Partial => "partial",
            RunStatus::Failed => "failed",
            RunStatus::Cancelled => "cancelled",
        }
    }
}

const COLUMNS: &str =
    "id, plan, period, status, started_at, finished_at, actor, facts, done, unchanged, failed, lines, details";

const KINDS: [Kind; 13] = [
    Kind::Id,
    Kind::Text,
    Kind::Text,
    Kind::Text,
    Kind::Int,
    Kind::Int,
    Kind::Id,
    Kind::Int,
    Kind::Int,
    Kind::Int,
    Kind::Int,
    Kind::Int,
    Kind::Json,
];

impl Store {
    /// Refused with `run_active` while another run of the plan and period is running.
    pub async fn insert_run(&self, scope: &Scope, run: &Run) -> Result<(), StoreError> {
        self.check(scope)?;
        let run = run.clone();
        self.transact(Locks::key(format!("run {} {}", run.plan, run.period)), move |connection| {
            let run = run.clone();
            Box::pin(async move { insert(connection, &run).await.map(End::Keep) })
        })
        .await
    }

    /// Stores the run as it stands now.
    pub async fn update_run(&self, scope: &Scope, run: &Run) -> Result<(), StoreError> {
        self.check(scope)?;
        let run = run.clone();
        self.transact(Locks::default(), move |connection| {
            let run = run.clone();
            Box::pin(async move { update(connection, &run).await.map(End::Keep) })
        })
        .await
    }

    pub async fn run(&self, scope: &Scope, id: Uuid) -> Result<Option<Run>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let sql = select(connection.dialect(), "id = ?", vec![Datum::Id(id)]);
        connection.row("reading a run", sql, &KINDS).await?.map(decode).transpose()
    }

    /// Newest first.
    pub async fn runs(
        &self,
        scope: &Scope,
        plan: Option<&str>,
        period: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Run>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let mut sql = select(connection.dialect(), "TRUE", vec![]);
        for (name, text) in [("plan", plan), ("period", period)] {
            if let Some(text) = text {
                sql.push(" AND ").push(name).push(" = ").bind(Datum::text(text));
            }
        }
        sql.push(" ORDER BY started_at DESC, id DESC LIMIT ").bind(Datum::Int(i64::from(limit)));
        connection.rows("listing runs", sql, &KINDS).await?.into_iter().map(decode).collect()
    }

    /// Asks a run to stop; whether it was running.
    pub async fn cancel_run(&self, scope: &Scope, id: Uuid) -> Result<bool, StoreError> {
        self.check(scope)?;
        self.transact(Locks::default(), move |connection| {
            Box::pin(async move {
                let text = "UPDATE settlement_run SET cancelling = ? WHERE id = ? AND status = 'running'";
                let sql = Sql::of(connection.dialect(), text, vec![Datum::Bool(true), Datum::Id(id)]);
                Ok(End::Keep(connection.execute("cancelling a run", sql).await? > 0))
            })
        })
        .await
    }

    /// Whether somebody asked a run to stop.
    pub async fn is_run_cancelling(&self, scope: &Scope, id: Uuid) -> Result<bool, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let text = "SELECT cancelling FROM settlement_run WHERE id = ?";
        let sql = Sql::of(connection.dialect(), text, vec![Datum::Id(id)]);
        let row = connection.row("looking whether a run is to stop", sql, &[Kind::Bool]).await?;
        Ok(row == Some(vec![Datum::Bool(true)]))
    }

    /// The run of a plan and period that is running.
    pub async fn active_run(&self, scope: &Scope, plan: &str, period: &str) -> Result<Option<Run>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let binds = vec![Datum::text(plan), Datum::text(period)];
        let sql = select(connection.dialect(), "plan = ? AND period = ? AND status = 'running'", binds);
        connection.row("looking for an active run", sql, &KINDS).await?.map(decode).transpose()
    }
}

/// Held while a run is carried out: whoever finds a running run without one knows that its process is gone.
pub struct RunHold {
    store: Store,
    id: Uuid,
    /// On PostgreSQL other nodes must see it: the session of this connection has an advisory lock.
    connection: Option<sqlx::PgConnection>,
}

impl RunHold {
    /// Lets go at once; dropped, it is let go of a little later.
    pub async fn release(mut self) {
        if let Some(connection) = self.connection.take() {
            // What fails here is a session that is gone, and its lock with it.
            let _ = async {
                let mut connection = connection;
                sqlx::query("SELECT pg_advisory_unlock_all()").execute(&mut connection).await?;
                sqlx::Connection::close(connection).await
            }
            .await;
        }
    }
}

impl Drop for RunHold {
    fn drop(&mut self) {
        self.store.inner.runs.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

fn hold_key(id: Uuid) -> String {
    format!("run held {id}")
}

impl Store {
    /// Says, before the run is inserted, that this process carries it out.
    pub async fn hold_run(&self, scope: &Scope, id: Uuid) -> Result<RunHold, StoreError> {
        self.check(scope)?;
        let connection = match &self.inner.backend {
            Backend::Sqlite(_) => None,
            Backend::Postgres(store) => Some(store.hold(&hold_key(id)).await?),
        };
        self.inner.runs.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        Ok(RunHold { store: self.clone(), id, connection })
    }

    /// Marks runs as failed that no process carries out any more, and gives them back.
    pub async fn fail_abandoned_runs(&self, scope: &Scope, at: Moment) -> Result<Vec<Run>, StoreError> {
        self.check(scope)?;
        let store = self.clone();
        self.transact(Locks::key("abandoned runs"), move |connection| {
            let store = store.clone();
            Box::pin(async move {
                let sql = select(connection.dialect(), "status = 'running' ORDER BY id", vec![]);
                let running = connection.rows("looking for abandoned runs", sql, &KINDS).await?;
                let mut abandoned = Vec::new();
                for run in running {
                    let mut run = decode(run)?;
                    if store.is_held(connection, run.id).await? {
                        continue;
                    }
                    run.status = RunStatus::Failed;
                    run.finished_at = Some(at);
                    update(connection, &run).await?;
                    abandoned.push(run);
                }
                Ok(End::Keep(abandoned))
            })
        })
        .await
    }

    async fn is_held(&self, connection: &mut Connection, id: Uuid) -> Result<bool, StoreError> {
        if self.inner.runs.lock().unwrap_or_else(PoisonError::into_inner).contains(&id) {
            return Ok(true);
        }
        let Backend::Postgres(store) = &self.inner.backend else { return Ok(false) };
        let binds = vec![Datum::Int(store.lock_number(&hold_key(id)))];
        let sql = Sql::of(connection.dialect(), "SELECT pg_try_advisory_xact_lock(?)", binds);
        let row = connection.row("looking for who holds a run", sql, &[Kind::Bool]).await?;
        Ok(row != Some(vec![Datum::Bool(true)]))
    }
}

fn select(dialect: Dialect, condition: &str, binds: Vec<Datum>) -> Sql {
    Sql::of(dialect, &format!("SELECT {COLUMNS} FROM settlement_run WHERE {condition}"), binds)
}

async fn insert(connection: &mut Connection, run: &Run) -> Result<(), StoreError> {
    if run.status == RunStatus::Running {
        let binds = vec![Datum::Text(run.plan.clone()), Datum::text(&run.period)];
        let sql = select(connection.dialect(), "plan = ? AND period = ? AND status = 'running'", binds);
        if let Some(active) = connection.row("looking for an active run", sql, &KINDS).await? {
            let active = decode(active)?;
            let refusal =
                Refusal::new(Code::RunActive, format!("a run of `{}` for {} is active", run.plan, run.period));
            return Err(StoreError::Refused(Box::new(refusal.with("run", active.id.to_string()))));
        }
    }
    let text = format!("INSERT INTO settlement_run ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    connection.execute("writing a run", Sql::of(connection.dialect(), &text, encode(run))).await.map(|_| ())
}

async fn update(connection: &mut Connection, run: &Run) -> Result<(), StoreError> {
    let mut binds = encode(run).split_off(3);
    binds.push(Datum::Id(run.id));
    let sql = Sql::of(
        connection.dialect(),
        "UPDATE settlement_run SET status = ?, started_at = ?, finished_at = ?, actor = ?, facts = ?,
         done = ?, unchanged = ?, failed = ?, lines = ?, details = ? WHERE id = ?",
        binds,
    );
    connection.execute("writing a run", sql).await.map(|_| ())
}

fn encode(run: &Run) -> Vec<Datum> {
    vec![
        Datum::Id(run.id),
        Datum::Text(run.plan.clone()),
        Datum::text(&run.period),
        Datum::text(run.status.as_str()),
        Datum::Int(run.started_at.micros()),
        Datum::optional_int(run.finished_at.map(Moment::micros)),
        Datum::optional_id(run.actor),
        Datum::Int(run.facts),
        Datum::Int(run.done),
        Datum::Int(run.unchanged),
        Datum::Int(run.failed),
        Datum::Int(run.lines),
        Datum::json(&run.details),
    ]
}

fn decode(row: Vec<Datum>) -> Result<Run, StoreError> {
    let mut row = Columns::of("settlement_run", row);
    Ok(Run {
        id: row.id()?,
        plan: row.text()?,
        period: row.text()?.to_string(),
        status: {
            let text = row.text()?;
            let status = RunStatus::ALL.into_iter().find(|status| status.as_str() == &*text);
            status.ok_or_else(|| row.wrong(format!("`{text}` is no status")))?
        },
        started_at: row.moment()?,
        finished_at: row.optional_int().map(Moment::from_micros),
        actor: row.optional_id(),
        facts: row.int()?,
        done: row.int()?,
        unchanged: row.int()?,
        failed: row.int()?,
        lines: row.int()?,
        details: row.json()?,
    })
}
