//! The tenant's events as a stream: in an order that never changes, and without an event that could still come before
//! one already read. Decides nothing about who may see them: that is for whoever passes them on.

use super::history::{self, StoredEvent};
use super::sql::{Datum, Dialect, Kind, Sql};
use super::{Scope, Store, StoreError};

/// How far a reader of the stream is. Ordered as the stream is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// On PostgreSQL the transaction that wrote the event; 0 on SQLite, whose one writer commits in the order of `seq`.
    pub transaction: i64,
    pub seq: i64,
}

impl Store {
    /// Events after a position, oldest first. An event appears once every transaction that began before its own has
    /// ended: whoever goes on from the last position they saw misses nothing, however late a transaction commits.
    pub async fn events_after(
        &self,
        scope: &Scope,
        after: Position,
        limit: u32,
    ) -> Result<Vec<(Position, StoredEvent)>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let dialect = connection.dialect();
        let (transaction, settled) = match dialect {
            Dialect::Sqlite => ("0", "seq > ?"),
            Dialect::Postgres => {
                ("tx::text::bigint", "tx < pg_snapshot_xmin(pg_current_snapshot()) AND (tx, seq) > (?::text::xid8, ?)")
            }
        };
        let order = if dialect == Dialect::Sqlite { "seq" } else { "tx, seq" };
        let text =
            format!("SELECT {transaction}, {} FROM event WHERE {settled} ORDER BY {order} LIMIT ?", history::COLUMNS);
        let mut binds = Vec::with_capacity(3);
        if dialect == Dialect::Postgres {
            binds.push(Datum::text(&after.transaction.to_string()));
        }
        binds.extend([Datum::Int(after.seq), Datum::Int(i64::from(limit))]);
        let mut kinds = vec![Kind::Int];
        kinds.extend(history::KINDS);
        let rows = connection.rows("reading the stream of events", Sql::of(dialect, &text, binds), &kinds).await?;
        let read = |mut row: Vec<Datum>| {
            let transaction = match row.remove(0) {
                Datum::Int(transaction) => transaction,
                _ => 0,
            };
            let event = history::decode(row)?;
            Ok((Position { transaction, seq: event.seq }, event))
        };
        rows.into_iter().map(read).collect()
    }
}
