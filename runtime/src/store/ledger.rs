//! Ledger entries and what they add up to.

use super::{Scope, Store, StoreError};
use packwork_engine::record::Name;
use rust_decimal::Decimal;

/// Sums of one account in one currency.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialRow {
    pub posting: Name,
    pub account: Name,
    pub currency: Name,
    pub debit: Decimal,
    pub credit: Decimal,
}

impl Store {
    /// Debits and credits by account, of a period or of all.
    pub async fn trial_balance(&self, _scope: &Scope, _period: Option<&str>) -> Result<Vec<TrialRow>, StoreError> {
        Err(StoreError::Unfinished)
    }
}
