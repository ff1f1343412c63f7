//! Replies of commands on PostgreSQL, written together: those that come while one statement is on its way share the next.

use super::StoreError;
use super::connection::Connection;
use super::sql::{Datum, Dialect, Sql};
use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use uuid::Uuid;

/// The reply of a command.
pub(super) type Reply = (Uuid, Arc<str>);

#[derive(Debug, Default)]
pub(super) struct Replies {
    waiting: Mutex<Batch>,
    /// Whose statement is on its way.
    turn: tokio::sync::Mutex<()>,
}

/// Replies of one statement.
#[derive(Debug, Default)]
struct Batch {
    replies: Vec<Reply>,
    /// Set once the statement is answered: whether it wrote them.
    written: Arc<OnceLock<bool>>,
}

impl Replies {
    /// Keeps a reply with all that wait when its turn comes; whether it was written. Who is dropped while it writes takes
    /// the replies of others with it: callers see to it that nobody is.
    pub(super) async fn keep<F>(&self, reply: Reply, write: impl FnOnce(Vec<Reply>) -> F) -> bool
    where
        F: Future<Output = bool>,
    {
        let written = {
            let mut batch = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            batch.replies.push(reply);
            batch.written.clone()
        };
        let _turn = self.turn.lock().await;
        if let Some(written) = written.get() {
            return *written;
        }
        let batch = std::mem::take(&mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        let done = write(batch.replies).await;
        *batch.written.get_or_init(|| done)
    }
}

/// Writes replies with one statement.
pub(super) async fn write(connection: &mut Connection, replies: Vec<Reply>) -> Result<(), StoreError> {
    let (ids, texts) = replies.into_iter().unzip();
    let text = "UPDATE command SET reply = of.reply::jsonb FROM unnest(?::uuid[], ?::text[]) AS of(id, reply)
                WHERE command.id = of.id";
    let sql = Sql::of(Dialect::Postgres, text, vec![Datum::Ids(ids), Datum::Texts(texts)]);
    connection.execute("saving replies", sql).await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use tokio::sync::Notify;

    #[tokio::test]
    async fn those_that_come_while_one_is_written_are_written_together() {
        let (replies, gate, statements) = (Replies::default(), Notify::new(), RefCell::new(Vec::new()));
        let (gate, statements) = (&gate, &statements);
        let keep = |number: u128, good: bool| {
            replies.keep((Uuid::from_u128(number), "{}".into()), move |batch: Vec<Reply>| async move {
                statements.borrow_mut().push(batch.iter().map(|(id, _)| id.as_u128()).collect::<Vec<_>>());
                gate.notified().await;
                good
            })
        };
        let mut first = Box::pin(keep(1, true));
        assert!(futures_util::poll!(&mut first).is_pending());
        let mut others: Vec<_> = (2..5).map(|number| Box::pin(keep(number, false))).collect();
        for other in &mut others {
            assert!(futures_util::poll!(other).is_pending());
        }
        gate.notify_one();
        assert!(first.await);
        gate.notify_one();
        assert_eq!(futures_util::future::join_all(others).await, [false; 3], "each hears what became of its own");
        assert_eq!(*statements.borrow(), [vec![1], vec![2, 3, 4]]);
    }
}
