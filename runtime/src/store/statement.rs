//! Statements: the document of two parties and a period, with the totals of its lines.

use super::{Scope, Store, StoreError};
use packwork_engine::facts::Counter;
use packwork_engine::moment::Moment;
use packwork_engine::settlement::line::{StatementKey, StatementStatus};
use rust_decimal::Decimal;
use uuid::Uuid;

/// Which statements; what is `None` does not restrict.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatementQuery {
    pub payer: Option<Uuid>,
    pub payee: Option<Uuid>,
    /// Payer or payee.
    pub party: Option<Uuid>,
    pub period: Option<String>,
    pub status: Option<StatementStatus>,
    /// The last statement of the former page; newest first.
    pub after: Option<Uuid>,
    pub limit: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub struct StatementRow {
    pub id: Uuid,
    pub version: i64,
    pub key: StatementKey,
    pub ordinal: i64,
    pub status: StatementStatus,
    /// Given at issue, gapless.
    pub number: Option<String>,
    pub created_at: Moment,
    pub issued_at: Option<Moment>,
    pub confirmed_at: Option<Moment>,
    pub paid_at: Option<Moment>,
    pub gross: Decimal,
    pub net: Decimal,
    pub tax: Decimal,
    /// Lines on it, charges and what takes them back.
    pub lines: u64,
}

/// A number without gaps: taken in the transaction that needs it.
pub struct Numbering {
    pub counter: Counter,
    /// The number's text from the counter's value.
    pub format: Box<dyn Fn(i64) -> String + Send + Sync>,
}

/// A statement's next status. Whether the step is allowed is decided before.
pub struct StatementChange {
    pub id: Uuid,
    pub expected_version: i64,
    pub status: StatementStatus,
    pub number: Option<Numbering>,
    pub at: Moment,
}

impl Store {
    pub async fn statements(&self, _scope: &Scope, _query: &StatementQuery) -> Result<Vec<StatementRow>, StoreError> {
        Err(StoreError::Unfinished)
    }

    pub async fn statement(&self, _scope: &Scope, _id: Uuid) -> Result<Option<StatementRow>, StoreError> {
        Err(StoreError::Unfinished)
    }

    /// Refused with `stale_version` when somebody else changed the statement, `not_found` when there is none.
    pub async fn set_statement_status(&self, _scope: &Scope, _change: StatementChange) -> Result<StatementRow, StoreError> {
        Err(StoreError::Unfinished)
    }
}
