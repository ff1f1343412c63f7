//! What signing in needs: password hashes and sessions by the hash of their token. Checks nothing itself.

use super::line::Columns;
use super::sql::{Datum, Kind, Sql};
use super::transaction::{End, Locks};
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
        out.debug_struct("Session")
            .field("user_id", &self.user_id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

impl Store {
    pub async fn set_credential(&self, scope: &Scope, user: Uuid, password_hash: &str) -> Result<(), StoreError> {
        let text = "INSERT INTO credential (user_id, password_hash) VALUES (?, ?)
                    ON CONFLICT (user_id) DO UPDATE SET password_hash = excluded.password_hash";
        self.change(scope, "writing a credential", text, vec![Datum::Id(user), Datum::text(password_hash)]).await?;
        Ok(())
    }

    /// The password hash of a user.
    pub async fn credential(&self, scope: &Scope, user: Uuid) -> Result<Option<String>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let text = "SELECT password_hash FROM credential WHERE user_id = ?";
        let sql = Sql::of(connection.dialect(), text, vec![Datum::Id(user)]);
        let row = connection.row("reading a credential", sql, &[Kind::Text]).await?;
        Ok(row.and_then(|row| Columns::of("credential", row).optional_text()).map(|text| text.to_string()))
    }

    pub async fn insert_session(&self, scope: &Scope, session: &Session) -> Result<(), StoreError> {
        let text = "INSERT INTO session (token_hash, user_id, csrf, created_at, expires_at, last_seen)
                    VALUES (?, ?, ?, ?, ?, ?)";
        let binds = vec![
            Datum::Bytes(session.token_hash.to_vec()),
            Datum::Id(session.user_id),
            Datum::text(&session.csrf),
            Datum::Int(session.created_at.micros()),
            Datum::Int(session.expires_at.micros()),
            Datum::Int(session.last_seen.micros()),
        ];
        self.change(scope, "writing a session", text, binds).await.map(|_| ())
    }

    /// The session of a token, ended or not: the caller has the clock.
    pub async fn session(&self, scope: &Scope, token_hash: &[u8; 32]) -> Result<Option<Session>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let text = "SELECT user_id, csrf, created_at, expires_at, last_seen FROM session WHERE token_hash = ?";
        let sql = Sql::of(connection.dialect(), text, vec![Datum::Bytes(token_hash.to_vec())]);
        let kinds = [Kind::Id, Kind::Text, Kind::Int, Kind::Int, Kind::Int];
        let Some(row) = connection.row("reading a session", sql, &kinds).await? else { return Ok(None) };
        let mut row = Columns::of("session", row);
        Ok(Some(Session {
            token_hash: *token_hash,
            user_id: row.id()?,
            csrf: row.text()?.to_string(),
            created_at: row.moment()?,
            expires_at: row.moment()?,
            last_seen: row.moment()?,
        }))
    }

    pub async fn touch_session(
        &self,
        scope: &Scope,
        token_hash: &[u8; 32],
        last_seen: Moment,
        expires_at: Moment,
    ) -> Result<(), StoreError> {
        let text = "UPDATE session SET last_seen = ?, expires_at = ? WHERE token_hash = ?";
        let binds =
            vec![Datum::Int(last_seen.micros()), Datum::Int(expires_at.micros()), Datum::Bytes(token_hash.to_vec())];
        self.change(scope, "touching a session", text, binds).await.map(|_| ())
    }

    pub async fn delete_session(&self, scope: &Scope, token_hash: &[u8; 32]) -> Result<(), StoreError> {
        let binds = vec![Datum::Bytes(token_hash.to_vec())];
        self.change(scope, "ending a session", "DELETE FROM session WHERE token_hash = ?", binds).await.map(|_| ())
    }

    /// Ends all sessions of a user.
    pub async fn delete_sessions_of(&self, scope: &Scope, user: Uuid) -> Result<(), StoreError> {
        let binds = vec![Datum::Id(user)];
        self.change(scope, "ending sessions", "DELETE FROM session WHERE user_id = ?", binds).await.map(|_| ())
    }

    /// Forgets sessions that ended before `now`; gives how many.
    pub async fn delete_expired_sessions(&self, scope: &Scope, now: Moment) -> Result<u64, StoreError> {
        let binds = vec![Datum::Int(now.micros())];
        self.change(scope, "forgetting sessions", "DELETE FROM session WHERE expires_at < ?", binds).await
    }

    /// One statement in a transaction of its own; gives the number of rows it changed.
    pub(super) async fn change(
        &self,
        scope: &Scope,
        doing: &'static str,
        text: &'static str,
        binds: Vec<Datum>,
    ) -> Result<u64, StoreError> {
        self.check(scope)?;
        self.transact(Locks::default(), move |connection| {
            let binds = binds.clone();
            Box::pin(async move {
                let sql = Sql::of(connection.dialect(), text, binds);
                connection.execute(doing, sql).await.map(End::Keep)
            })
        })
        .await
    }
}
