//! Whether anything that a run read has changed since: where the tenant stood at its beginning, and what came after.

use super::sql::{Datum, Dialect, Kind, Sql};
use super::{Scope, Store, StoreError};
use packwork_engine::record::Name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Where a tenant stands, as far as one plan's lines depend on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standpoint {
    /// The last event by number.
    pub last: i64,
    /// On PostgreSQL the snapshot that saw it: transactions end in another order than they take their numbers.
    pub snapshot: Option<String>,
    /// How many lines the plan has, taken back or not.
    pub lines: i64,
    /// How many periods of the plan's calendar are closed.
    pub closed: i64,
}

impl Store {
    pub async fn standpoint(&self, scope: &Scope, plan: &str, calendar: &str) -> Result<Standpoint, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let dialect = connection.dialect();
        let snapshot = match dialect {
            Dialect::Sqlite => "NULL",
            Dialect::Postgres => "pg_current_snapshot()::text",
        };
        let text = format!(
            "SELECT (SELECT coalesce(max(seq), 0) FROM event), {snapshot}, (SELECT count(*) FROM settlement_line WHERE plan = ?),
             (SELECT count(*) FROM period_closed WHERE calendar = ?)"
        );
        let sql = Sql::of(dialect, &text, vec![Datum::text(plan), Datum::text(calendar)]);
        let kinds = [Kind::Int, Kind::Text, Kind::Int, Kind::Int];
        match connection.row("looking where the tenant stands", sql, &kinds).await?.as_deref() {
            Some([Datum::Int(last), snapshot, Datum::Int(lines), Datum::Int(closed)]) => {
                let snapshot = match snapshot {
                    Datum::Text(snapshot) => Some(snapshot.to_string()),
                    _ => None,
                };
                Ok(Standpoint { last: *last, snapshot, lines: *lines, closed: *closed })
            }
            _ => Err(StoreError::Broken("a standpoint without numbers".into())),
        }
    }

    /// Whether a record of one of these objects was changed since.
    pub async fn changed_since(
        &self,
        scope: &Scope,
        since: &Standpoint,
        objects: &BTreeSet<Name>,
    ) -> Result<bool, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let dialect = connection.dialect();
        let of = || Datum::Texts(objects.iter().cloned().collect());
        let mut sql = Sql::of(dialect, "SELECT seq FROM event WHERE seq > ? AND ", vec![Datum::Int(since.last)]);
        sql.any_of("object", of());
        if let Some(snapshot) = &since.snapshot {
            // What was written by a transaction whose end the snapshot did not see.
            let binds = vec![Datum::text(snapshot), Datum::text(snapshot)];
            sql.with(
                " UNION ALL SELECT seq FROM event WHERE tx >= pg_snapshot_xmin(?::text::pg_snapshot)
                 AND NOT pg_visible_in_snapshot(tx, ?::text::pg_snapshot) AND ",
                binds,
            );
            sql.any_of("object", of());
        }
        sql.push(" LIMIT 1");
        Ok(connection.row("looking for later changes", sql, &[Kind::Int]).await?.is_some())
    }
}
