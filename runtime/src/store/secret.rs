//! Keys that never leave the tenant: made once, the same ever after.

use super::sql::{Datum, Kind, Sql};
use super::{Scope, Store, StoreError};
use crate::auth::Secret;

impl Store {
    /// The key of this name, in hexadecimal digits; `fresh` becomes it where there is none yet.
    pub async fn secret(&self, scope: &Scope, name: &str, fresh: &Secret) -> Result<Secret, StoreError> {
        self.check(scope)?;
        if let Some(known) = self.find_secret(name).await? {
            return Ok(known);
        }
        let text = "INSERT INTO secret (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING";
        let binds = vec![Datum::text(name), Datum::text(fresh.expose())];
        self.change(scope, "keeping a secret", text, binds).await?;
        // Another process may have been faster.
        let known = self.find_secret(name).await?;
        known.ok_or_else(|| StoreError::Corrupt { place: "secret".into(), cause: "a key that was kept is gone".into() })
    }

    async fn find_secret(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        let mut connection = self.reader().await?;
        let text = "SELECT value FROM secret WHERE name = ?";
        let sql = Sql::of(connection.dialect(), text, vec![Datum::text(name)]);
        Ok(match connection.row("reading a secret", sql, &[Kind::Text]).await?.as_deref() {
            Some([Datum::Text(value)]) => Some(Secret::new(&**value)),
            _ => None,
        })
    }
}
