//! What signing in needs: password hashes and sessions by the hash of their token. Checks nothing itself.

use super::{Scope, Store, StoreError};
use packwork_engine::moment::Moment;
use uuid::Uuid;

/// A session, found by the hash of the token its holder has.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    pub token_hash: [u8; 32],
    pub user_id: Uuid,
    pub csrf: String,
    pub created_at: Moment,
    pub expires_at: Moment,
    pub last_seen: Moment,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Session").field("user_id", &self.user_id).field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl Store {
    pub async fn set_credential(&self, _scope: &Scope, _user: Uuid, _password_hash: &str) -> Result<(), StoreError> {
        Err(StoreError::Unfinished)
    }

    /// The password hash of a user.
    pub async fn credential(&self, _scope: &Scope, _user: Uuid) -> Result<Option<String>, StoreError> {
        Err(StoreError::Unfinished)
    }

    pub async fn insert_session(&self, _scope: &Scope, _session: &Session) -> Result<(), StoreError> {
        Err(StoreError::Unfinished)
    }

    pub async fn session(&self, _scope: &Scope, _token_hash: &[u8; 32]) -> Result<Option<Session>, StoreError> {
        Err(StoreError::Unfinished)
    }

    pub async fn touch_session(&self, _scope: &Scope, _token_hash: &[u8; 32], _last_seen: Moment, _expires_at: Moment) -> Result<(), StoreError> {
        Err(StoreError::Unfinished)
    }

    pub async fn delete_session(&self, _scope: &Scope, _token_hash: &[u8; 32]) -> Result<(), StoreError> {
        Err(StoreError::Unfinished)
    }

    /// Ends all sessions of a user.
    pub async fn delete_sessions_of(&self, _scope: &Scope, _user: Uuid) -> Result<(), StoreError> {
        Err(StoreError::Unfinished)
    }

    /// Forgets sessions that ended before `now`; gives how many.
    pub async fn delete_expired_sessions(&self, _scope: &Scope, _now: Moment) -> Result<u64, StoreError> {
        Err(StoreError::Unfinished)
    }
}
