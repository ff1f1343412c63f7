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
    /// The next numbers of a record sequence, in order. Every call gives others, whatever becomes of the command.
    pub(super) async fn next_numbers(
        &self,
        connection: &mut Connection,
        counter: &Counter,
        count: usize,
    ) -> Result<Vec<i64>, StoreError> {
        let wanted = i64::try_from(count).unwrap_or(i64::MAX);
        let Backend::Postgres(store) = &self.inner.backend else {
            // The writer is alone anyway.
            let first = take(connection, counter, wanted).await?;
            return Ok((first..first + wanted).collect());
        };
        let mut left = self.inner.numbers.left.lock().await;
        let (next, end) = left.get(counter).copied().unwrap_or((0, 0));
        let mut numbers: Vec<i64> = (next..end).take(count).collect();
        let missing = wanted - i64::try_from(numbers.len()).unwrap_or(0);
        if missing == 0 {
            left.insert(counter.clone(), (next + wanted, end));
            return Ok(numbers);
        }
        let block = missing.max(BLOCK);
        let first = take(&mut store.connection_aside().await?, counter, block).await?;
        numbers.extend(first..first + missing);
        left.insert(counter.clone(), (first + missing, first + block));
        Ok(numbers)
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
