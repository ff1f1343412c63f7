//! Whether anything that a run read has changed since: where the tenant stood at its beginning, and what came after.

use super::connection::Connection;
use super::line::QUANTITY_SCALE;
use super::sql::{Datum, Dialect, Kind, Sql};
use super::{Scope, Store, StoreError};
use packwork_engine::record::Name;
use packwork_engine::settlement::settle::Moved;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Where a tenant stands, as far as one plan's lines depend on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standpoint {
    #[serde(flatten)]
    pub seen: Seen,
    /// How many lines the plan has, taken back or not.
    pub lines: i64,
    /// The last line of all by number.
    pub last_line: i64,
    /// How many periods of the plan's calendar are closed.
    pub closed: i64,
}

/// Up to which event a tenant was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The last event by number.
    pub last: i64,
    /// On PostgreSQL the snapshot that saw it: transactions end in another order than they take their numbers.
    pub snapshot: Option<String>,
}

/// What happened to a record since: see [`Store::changes_since`].
#[derive(Clone, Debug, PartialEq)]
pub struct Changed {
    pub object: Name,
    pub record: Uuid,
    /// It did not exist before.
    pub is_new: bool,
}

impl Seen {
    pub(super) async fn now(connection: &mut Connection) -> Result<Seen, StoreError> {
        let text = format!("SELECT (SELECT coalesce(max(seq), 0) FROM event), {}", snapshot(connection.dialect()));
        let sql = Sql::of(connection.dialect(), &text, Vec::new());
        match connection.row("looking for the last event", sql, &[Kind::Int, Kind::Text]).await?.as_deref() {
            Some([Datum::Int(last), snapshot]) => Ok(Seen::of(*last, snapshot)),
            _ => Err(StoreError::Broken("an event without number".into())),
        }
    }

    fn of(last: i64, snapshot: &Datum) -> Seen {
        let snapshot = match snapshot {
            Datum::Text(snapshot) => Some(snapshot.to_string()),
            _ => None,
        };
        Seen { last, snapshot }
    }

    /// `SELECT … FROM event WHERE …` of events of these objects that came after.
    fn later(&self, dialect: Dialect, columns: &str, objects: &BTreeSet<Name>) -> Sql {
        let of = || Datum::Texts(objects.iter().cloned().collect());
        let mut sql =
            Sql::of(dialect, &format!("SELECT {columns} FROM event WHERE seq > ? AND "), vec![Datum::Int(self.last)]);
        sql.any_of("object", of());
        if let Some(snapshot) = &self.snapshot {
            // What was written by a transaction whose end the snapshot did not see.
            let text = format!(
                " UNION ALL SELECT {columns} FROM event WHERE tx >= pg_snapshot_xmin(?::text::pg_snapshot)
                 AND NOT pg_visible_in_snapshot(tx, ?::text::pg_snapshot) AND seq <= ? AND "
            );
            sql.with(&text, vec![Datum::text(snapshot), Datum::text(snapshot), Datum::Int(self.last)]);
            sql.any_of("object", of());
        }
        sql
    }

    /// Whether a record of one of these objects was changed since.
    pub(super) async fn is_past(
        &self,
        connection: &mut Connection,
        objects: &BTreeSet<Name>,
    ) -> Result<bool, StoreError> {
        let mut sql = self.later(connection.dialect(), "seq", objects);
        sql.push(" LIMIT 1");
        Ok(connection.row("looking for later changes", sql, &[Kind::Int]).await?.is_some())
    }
}

fn snapshot(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "NULL",
        Dialect::Postgres => "pg_current_snapshot()::text",
    }
}

impl Store {
    pub async fn standpoint(&self, scope: &Scope, plan: &str, calendar: &str) -> Result<Standpoint, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let dialect = connection.dialect();
        let text = format!(
            "SELECT (SELECT coalesce(max(seq), 0) FROM event), {}, (SELECT count(*) FROM settlement_line WHERE plan = ?),
             (SELECT coalesce(max(seq), 0) FROM settlement_line), (SELECT count(*) FROM period_closed WHERE calendar = ?)",
            snapshot(dialect)
        );
        let sql = Sql::of(dialect, &text, vec![Datum::text(plan), Datum::text(calendar)]);
        let kinds = [Kind::Int, Kind::Text, Kind::Int, Kind::Int, Kind::Int];
        match connection.row("looking where the tenant stands", sql, &kinds).await?.as_deref() {
            Some([Datum::Int(last), snapshot, Datum::Int(lines), Datum::Int(last_line), Datum::Int(closed)]) => {
                let seen = Seen::of(*last, snapshot);
                Ok(Standpoint { seen, lines: *lines, last_line: *last_line, closed: *closed })
            }
            _ => Err(StoreError::Broken("a standpoint without numbers".into())),
        }
    }

    /// The records of these objects that were changed since, one more than `limit` at most.
    pub async fn changes_since(
        &self,
        scope: &Scope,
        since: &Seen,
        objects: &BTreeSet<Name>,
        limit: usize,
    ) -> Result<Vec<Changed>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let later = since.later(connection.dialect(), "object, record, kind", objects);
        let mut sql = Sql::new(connection.dialect());
        sql.push("SELECT object, record, max(CASE WHEN kind = 'created' THEN 1 ELSE 0 END) FROM (");
        sql.push(&later.text);
        sql.binds = later.binds;
        sql.push(") AS later GROUP BY object, record ORDER BY object, record LIMIT ").number(limit + 1);
        let rows = connection.rows("looking for what changed", sql, &[Kind::Text, Kind::Id, Kind::Int]).await?;
        let changed = |row: Vec<Datum>| match &row[..] {
            [Datum::Text(object), Datum::Id(record), Datum::Int(new)] => {
                Some(Changed { object: object.clone(), record: *record, is_new: *new != 0 })
            }
            _ => None,
        };
        Ok(rows.into_iter().filter_map(changed).collect())
    }

    /// Lines of a plan that came after a number and not by this run, one more than `limit` at most.
    pub async fn lines_since(
        &self,
        scope: &Scope,
        plan: &Name,
        last_line: i64,
        own: Uuid,
        limit: usize,
    ) -> Result<Vec<Moved>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let mut sql = Sql::new(connection.dialect());
        sql.push(
            "SELECT fact, line, business_date, quantity, group_digest, group_period FROM settlement_line WHERE seq > ",
        );
        sql.bind(Datum::Int(last_line)).push(" AND plan = ").bind(Datum::Text(plan.clone()));
        sql.push(" AND (run IS NULL OR run <> ").bind(Datum::Id(own)).push(") ORDER BY seq LIMIT ").number(limit + 1);
        let kinds = [Kind::Id, Kind::Text, Kind::Date, Kind::Decimal(QUANTITY_SCALE), Kind::Text, Kind::Text];
        let moved = |row: Vec<Datum>| match &row[..] {
            [Datum::Id(fact), Datum::Text(line), Datum::Date(day), Datum::Decimal(quantity, _), digest, period] => {
                let group = match (digest, period) {
                    (Datum::Text(digest), Datum::Text(period)) => Some((digest.clone(), period.clone())),
                    _ => None,
                };
                Some(Moved { fact: *fact, line: line.clone(), business_date: *day, quantity: *quantity, group })
            }
            _ => None,
        };
        let rows = connection.rows("looking for later lines", sql, &kinds).await?;
        Ok(rows.into_iter().filter_map(moved).collect())
    }
}
