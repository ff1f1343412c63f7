//! The connection of many commands while some of what they decided is being written: the next commands are decided
//! meanwhile. What is written later is sent later, so the database sees the same as if each had waited for the other.

use crate::store::StoreError;
use crate::store::apply::apply;
use crate::store::connection::Connection;
use futures_util::future::BoxFuture;
use packwork_engine::decision::Decision;
use packwork_engine::model::Model;
use packwork_engine::refusal::Refusal;
use std::task::Poll;

/// Why the database does not take what was decided; `None` where it does.
pub(super) type Written = Result<Option<Box<Refusal>>, StoreError>;

pub(super) enum Pen<'c> {
    Free(&'c mut Connection),
    /// The connection comes back with what became of the writing.
    Busy(BoxFuture<'c, (&'c mut Connection, Written)>),
    /// Between the two, while one becomes the other.
    Taken,
}

impl<'c> Pen<'c> {
    /// Begins to write once everything before is written.
    pub(super) async fn write(&mut self, model: &'c Model, decision: Decision) -> Written {
        if let Some(refusal) = self.rest().await? {
            return Ok(Some(refusal));
        }
        if let Pen::Free(connection) = std::mem::replace(self, Pen::Taken) {
            *self = Pen::Busy(Box::pin(async move {
                let written = apply(connection, model, &decision).await;
                (connection, written.map(|refusal| refusal.map(Box::new)))
            }));
        }
        self.nudge().await
    }

    /// Lets the writing go on as far as it can without waiting.
    pub(super) async fn nudge(&mut self) -> Written {
        let Pen::Busy(writing) = self else { return Ok(None) };
        match futures_util::poll!(writing) {
            Poll::Pending => Ok(None),
            Poll::Ready((connection, written)) => {
                *self = Pen::Free(connection);
                written
            }
        }
    }

    /// Waits until everything is written.
    pub(super) async fn rest(&mut self) -> Written {
        let Pen::Busy(writing) = self else { return Ok(None) };
        let (connection, written) = writing.await;
        *self = Pen::Free(connection);
        written
    }

    /// The connection, once everything is written; a refusal where that failed.
    pub(super) async fn connection(&mut self) -> Result<Result<&mut Connection, Box<Refusal>>, StoreError> {
        if let Some(refusal) = self.rest().await? {
            return Ok(Err(refusal));
        }
        match self {
            Pen::Free(connection) => Ok(Ok(connection)),
            _ => Err(StoreError::Broken("a connection was lost while it wrote".into())),
        }
    }
}
