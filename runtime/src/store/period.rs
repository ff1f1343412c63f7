//! Settlement periods: what was posted in them, and which are closed.

use super::{Scope, Store, StoreError};
use packwork_engine::moment::Moment;
use packwork_engine::record::Name;
use rust_decimal::Decimal;
use uuid::Uuid;

/// Totals of one period in one currency; closed periods without lines have none.
#[derive(Clone, Debug, PartialEq)]
pub struct PeriodRow {
    pub period: String,
    pub currency: Option<Name>,
    pub gross: Decimal,
    pub net: Decimal,
    pub tax: Decimal,
    pub lines: u64,
    pub closed: Option<ClosedPeriod>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedPeriod {
    pub at: Moment,
    pub by: Option<Uuid>,
}

/// What must hold for a period to close, checked in the closing transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CloseChecks {
    /// The plans of the calendar: none of them has an active or partial newest run for the period.
    pub plans: Vec<Name>,
    /// The statement definitions of the calendar: none of them has a draft for the period.
    pub statements: Vec<Name>,
}

impl Store {
    /// Newest first. `plans` are the plans of the calendar.
    pub async fn periods(&self, _scope: &Scope, _calendar: &str, _plans: &[Name]) -> Result<Vec<PeriodRow>, StoreError> {
        Err(StoreError::Unfinished)
    }

    /// Refused with `period_closed` when it is closed already, `period_not_ready` when a check fails.
    pub async fn close_period(&self, _scope: &Scope, _calendar: &str, _period: &str, _at: Moment, _checks: &CloseChecks) -> Result<(), StoreError> {
        Err(StoreError::Unfinished)
    }
}
