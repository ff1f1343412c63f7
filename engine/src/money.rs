//! Amount with its currency. Arithmetic on amounts is Decimal and checked; rounding is written
//! where it happens (`settlement::rounding`).

use rust_decimal::Decimal;
use std::sync::Arc;

/// An exact amount in one currency (ISO 4217 code).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money {
    pub amount: Decimal,
    pub currency: Arc<str>,
}

impl Money {
    pub fn new(amount: Decimal, currency: &str) -> Money {
        Money { amount, currency: Arc::from(currency) }
    }
}
