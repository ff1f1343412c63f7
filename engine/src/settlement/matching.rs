//! Matching: which open items a payment settles. Knows ids, due dates and amounts.

use super::rounding::{Rounding, bounded, round};
use crate::moment::Date;
use rust_decimal::Decimal;
use serde::Serialize;
use thiserror::Error;

/// Something that is owed, and how much of it is still open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenItem {
    pub id: String,
    pub due: Option<Date>,
    pub open: Decimal,
}

/// What a payment did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Matched {
    /// One per item, in their order.
    pub items: Vec<MatchedItem>,
    /// Stays as an open credit of the payer.
    pub unapplied: Decimal,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MatchedItem {
    pub id: String,
    pub allocated: Decimal,
    pub open: Decimal,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MatchError {
    #[error("{amount} is more than the {open} that is open")]
    ExceedsOpen { amount: Decimal, open: Decimal },
    #[error("{amount} is more than the {unapplied} of the payment that is not allocated yet")]
    ExceedsPayment { amount: Decimal, unapplied: Decimal },
    #[error("an amount to match must be positive")]
    NotPositive,
    #[error("a payment in {payment} cannot settle an item in {item}")]
    OtherCurrency { item: String, payment: String },
    #[error("the amount has too many digits")]
    Overflow,
}

/// Settles the oldest due first; items without a due date come last, items of one date in their order.
pub fn oldest_first(payment: Decimal, items: &[OpenItem]) -> Result<Matched, MatchError> {
    if payment < Decimal::ZERO {
        return Err(MatchError::NotPositive);
    }
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_by_key(|index| (items[*index].due.is_none(), items[*index].due));
    let mut left = payment;
    let mut allocated = vec![Decimal::ZERO; items.len()];
    for index in order {
        let share = left.min(items[index].open.max(Decimal::ZERO));
        allocated[index] = share;
        left -= share;
    }
    let items = items.iter().zip(allocated).map(|(item, allocated)| MatchedItem {
        id: item.id.clone(),
        allocated,
        open: item.open - allocated,
    });
    Ok(Matched { items: items.collect(), unapplied: left })
}

/// What is open of an item after it was chosen to take an amount.
pub fn allocate(open: Decimal, amount: Decimal) -> Result<Decimal, MatchError> {
    if amount <= Decimal::ZERO {
        return Err(MatchError::NotPositive);
    }
    if amount > open {
        return Err(MatchError::ExceedsOpen { amount, open });
    }
    Ok(open - amount)
}

/// A payment and what of it was allocated before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payment {
    pub amount: Decimal,
    pub allocated: Decimal,
}

impl Payment {
    /// The payment after an amount of it was allocated, or what stands against it.
    pub fn allocate(self, amount: Decimal) -> Result<Payment, MatchError> {
        if amount <= Decimal::ZERO {
            return Err(MatchError::NotPositive);
        }
        let unapplied = self.unapplied();
        if amount > unapplied {
            return Err(MatchError::ExceedsPayment { amount, unapplied });
        }
        Ok(Payment { allocated: self.allocated + amount, ..self })
    }

    pub fn unapplied(self) -> Decimal {
        self.amount - self.allocated
    }
}

/// An amount in a foreign currency with the rate it was booked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booked {
    pub currency: String,
    pub amount: Decimal,
    pub rate: Decimal,
}

/// A payment in a foreign currency matched with an item in the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MatchedBooked {
    pub matched: Decimal,
    pub open: Decimal,
    pub unapplied: Decimal,
    /// Realised difference in the base currency: what was paid for the matched part less what it was booked at.
    pub difference: Decimal,
}

/// Matches as much as both have; both bookings of that part are rounded to the base currency's places.
pub fn match_booked(item: &Booked, payment: &Booked, places: u32, mode: Rounding) -> Result<MatchedBooked, MatchError> {
    if item.currency != payment.currency {
        return Err(MatchError::OtherCurrency { item: item.currency.clone(), payment: payment.currency.clone() });
    }
    if item.amount < Decimal::ZERO || payment.amount < Decimal::ZERO {
        return Err(MatchError::NotPositive);
    }
    let matched = item.amount.min(payment.amount);
    let booked = |rate: Decimal| {
        let amount = matched.checked_mul(rate).and_then(bounded).ok_or(MatchError::Overflow)?;
        Ok(round(amount, places, mode))
    };
    Ok(MatchedBooked {
        matched,
        open: item.amount - matched,
        unapplied: payment.amount - matched,
        difference: booked(payment.rate)? - booked(item.rate)?,
    })
}

#[cfg(test)]
#[path = "tests_matching.rs"]
mod tests;
