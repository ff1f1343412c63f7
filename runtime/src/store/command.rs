//! Commands: decide over facts and write what was decided, all in one transaction.

use super::{Scope, Store, StoreError};
use packwork_engine::decision::{Decision, Outcome};
use packwork_engine::facts::Facts;
use packwork_engine::model::Model;
use packwork_engine::moment::Moment;
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use serde_json::Value as Json;
use std::sync::Arc;
use uuid::Uuid;

/// A command to be carried out.
pub struct Execute {
    pub command_id: Uuid,
    pub at: Moment,
    pub idempotency: Option<Idempotency>,
    /// What must not change under the decision: commands with a common key take turns.
    pub locks: Vec<String>,
    /// Pure: it may be asked several times.
    pub decide: Box<dyn Fn(&Facts) -> Outcome + Send + Sync + 'static>,
}

/// The caller's key for a request, and the digest of what it asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    pub key: String,
    pub digest: String,
}

/// What became of a command.
#[derive(Debug)]
pub enum Executed {
    Applied(Box<Decision>),
    /// Nothing was written.
    Refused(Box<Refusal>),
    /// The key was used before, for the same request: what was answered then, if it was saved already.
    Replayed { command_id: Uuid, subject: Option<(Name, Uuid)>, reply: Option<Json> },
    /// The key was used before, for another request.
    Mismatch,
}

impl Store {
    pub async fn execute(&self, _scope: &Scope, _model: &Arc<Model>, _request: Execute) -> Result<Executed, StoreError> {
        Err(StoreError::Unfinished)
    }

    /// Keeps what was answered to a command, for repeats of its idempotency key.
    pub async fn save_reply(&self, _scope: &Scope, _command_id: Uuid, _reply: &Json) -> Result<(), StoreError> {
        Err(StoreError::Unfinished)
    }
}
