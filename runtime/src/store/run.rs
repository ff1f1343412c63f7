//! Settlement runs: their progress and how they ended.

use super::{Scope, Store, StoreError};
use packwork_engine::moment::Moment;
use packwork_engine::record::Name;
use serde_json::Value as Json;
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

impl Store {
    /// Refused with `run_active` while another run of the plan and period is running.
    pub async fn insert_run(&self, _scope: &Scope, _run: &Run) -> Result<(), StoreError> {
        Err(StoreError::Unfinished)
    }

    /// Stores the run as it stands now.
    pub async fn update_run(&self, _scope: &Scope, _run: &Run) -> Result<(), StoreError> {
        Err(StoreError::Unfinished)
    }

    pub async fn run(&self, _scope: &Scope, _id: Uuid) -> Result<Option<Run>, StoreError> {
        Err(StoreError::Unfinished)
    }

    /// Newest first.
    pub async fn runs(&self, _scope: &Scope, _plan: Option<&str>, _period: Option<&str>, _limit: u32) -> Result<Vec<Run>, StoreError> {
        Err(StoreError::Unfinished)
    }

    /// The run of a plan and period that is running.
    pub async fn active_run(&self, _scope: &Scope, _plan: &str, _period: &str) -> Result<Option<Run>, StoreError> {
        Err(StoreError::Unfinished)
    }
}
