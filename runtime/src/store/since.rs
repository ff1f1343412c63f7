//! Whether anything that a run read has changed since: where the tenant stood at its beginning, and what came after.

use super::sql::{Datum, Dialect, Kind, Sql};
use super::{Scope, Store, StoreError};
use packwork_engine::record::Name;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Where a tenant stands, as far as one plan's lines depend on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standpoint {
    /// Which events were there: on SQLite the last one, on PostgreSQL the snapshot that saw them.
    pub events: String,
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
        let events = match dialect {
            Dialect::Sqlite => "(SELECT CAST(coalesce(max(seq), 0) AS TEXT) FROM event)",
            Dialect::Postgres => "pg_current_snapshot()::text",
        };
        let text = format!(
            "SELECT {events}, (SELECT count(*) FROM settlement_line WHERE plan = ?),
             (SELECT count(*) FROM period_closed WHERE calendar = ?)"
        );
        let sql = Sql::of(dialect, &text, vec![Datum::text(plan), Datum::text(calendar)]);
        let row = connection.row("looking where the tenant stands", sql, &[Kind::Text, Kind::Int, Kind::Int]).await?;
        match row.as_deref() {
            Some([Datum::Text(events), Datum::Int(lines), Datum::Int(closed)]) => {
                Ok(Standpoint { events: events.to_string(), lines: *lines, closed: *closed })
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
        let mut sql = Sql::new(connection.dialect());
        sql.push("SELECT seq FROM event WHERE ");
        match sql.dialect {
            Dialect::Sqlite => sql.with("seq > CAST(? AS INTEGER)", vec![Datum::text(&since.events)]),
            // What was written by a transaction that the snapshot did not see the end of.
            Dialect::Postgres => sql.with(
                "tx >= pg_snapshot_xmin(?::text::pg_snapshot) AND NOT pg_visible_in_snapshot(tx, ?::text::pg_snapshot)",
                vec![Datum::text(&since.events), Datum::text(&since.events)],
            ),
        };
        sql.push(" AND ").any_of("object", Datum::Texts(objects.iter().cloned().collect())).push(" LIMIT 1");
        Ok(connection.row("looking for later changes", sql, &[Kind::Int]).await?.is_some())
    }
}
