//! Open to-dos.

use super::{Scope, Store, StoreError};
use packwork_engine::moment::Moment;
use packwork_engine::record::Name;
use uuid::Uuid;

/// Whose to-dos are asked for.
#[derive(Clone, Copy, Debug)]
pub enum TodoFor<'a> {
    All,
    Roles(&'a [String]),
    Record { object: &'a str, id: Uuid },
}

#[derive(Clone, Debug, PartialEq)]
pub struct StoredTodo {
    pub object: Name,
    pub record: Uuid,
    pub todo: String,
    pub role: String,
    pub opened_at: Moment,
}

impl Store {
    /// Open to-dos, oldest first.
    pub async fn todos(&self, _scope: &Scope, _whose: TodoFor<'_>, _limit: u32) -> Result<Vec<StoredTodo>, StoreError> {
        Err(StoreError::Unfinished)
    }

    pub async fn todo_count(&self, _scope: &Scope, _whose: TodoFor<'_>) -> Result<u64, StoreError> {
        Err(StoreError::Unfinished)
    }
}
