//! Events: what happened to a record, newest first. Append-only.

use super::{Scope, Store, StoreError};
use packwork_engine::decision::{Change, EventKind};
use packwork_engine::moment::Moment;
use packwork_engine::record::Name;
use std::collections::BTreeMap;
use uuid::Uuid;

/// An event as it was stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredEvent {
    /// Place in the tenant's history; later events have greater ones.
    pub seq: i64,
    pub id: Uuid,
    pub object: Name,
    pub record: Uuid,
    pub kind: EventKind,
    pub transition: Option<String>,
    pub changes: BTreeMap<String, Change>,
    pub at: Moment,
    pub actor: Option<Uuid>,
    pub command: Uuid,
}

impl Store {
    /// The newest events of a record, before the given place.
    pub async fn history(&self, _scope: &Scope, _object: &str, _id: Uuid, _limit: u32, _before: Option<i64>) -> Result<Vec<StoredEvent>, StoreError> {
        Err(StoreError::Unfinished)
    }
}
