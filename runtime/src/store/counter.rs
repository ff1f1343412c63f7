//! Counters of sequences. Numbers of records come in blocks taken aside, so that commands do not wait for each other:
//! gaps are allowed. Numbers of issued documents are taken in the transaction that needs them: none is missing.

use super::connection::Connection;
use super::sql::{Datum, Kind, Sql};
use super::{Backend, Store, StoreError};
use packwork_engine::facts::Counter;
use std::collections::BTreeMap;
use tokio::sync::Mutex;

/// Numbers taken at once on PostgreSQL.
const BLOCK: i64 = 50;

/// What is left of the blocks taken: the next number and the end of the block.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    left: Mutex<BTreeMap<Counter, (i64, i64)>>,
}

impl Store {
    /// The next number of a record sequence. Every call gives another one, whatever becomes of the command.
    pub(super) async fn next_number(&self, connection: &mut Connection, counter: &Counter) -> Result<i64, StoreError> {
        let Backend::Postgres(store) = &self.inner.backend else {
            // The writer is alone anyway.
            return take(connection, counter, 1).await;
        };
        let mut left = self.inner.numbers.left.lock().await;
        if let Some((next, end)) = left.get_mut(counter)
            && *next < *end
        {
            *next += 1;
            return Ok(*next - 1);
        }
        let first = take(&mut store.connection_aside().await?, counter, BLOCK).await?;
        left.insert(counter.clone(), (first + 1, first + BLOCK));
        Ok(first)
    }
}

/// Takes numbers from a counter; gives the first of them.
pub(super) async fn take(connection: &mut Connection, counter: &Counter, count: i64) -> Result<i64, StoreError> {
    let sql = Sql::of(
        connection.dialect(),
        "INSERT INTO counter (sequence, bucket, next) VALUES (?, ?, ?)
         ON CONFLICT (sequence, bucket) DO UPDATE SET next = counter.next + ? RETURNING next",
        vec![Datum::text(&counter.sequence), Datum::text(&counter.bucket), Datum::Int(count + 1), Datum::Int(count)],
    );
    match connection.row("taking a number", sql, &[Kind::Int]).await?.as_deref() {
        Some([Datum::Int(next)]) => Ok(next - count),
        _ => Err(StoreError::Corrupt { place: "counter".into(), cause: "it gave no number".into() }),
    }
}
