//! Movements of the ledger as pure arithmetic: splitting an amount over destinations, drawing it from sources, changing
//! it into another currency, correcting it, and the balance everything must keep.

use super::allocation::{AllocationError, Method, allocate};
use super::rounding::{Rounding, bounded, round};
use rust_decimal::Decimal;
use serde::Serialize;
use std::collections::BTreeMap;
use thiserror::Error;

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LedgerError {
    #[error("the sources have {available}, {missing} less than is needed")]
    MissingFunds { available: Decimal, missing: Decimal },
    #[error("the shares come to {sum}, more than the whole")]
    SharesTooLarge { sum: Decimal },
    #[error("{currency} is out of balance by {difference}")]
    Unbalanced { currency: String, difference: Decimal },
    #[error("an amount of the ledger cannot be negative here")]
    Negative,
    #[error("the amount has too many digits")]
    Overflow,
    #[error(transparent)]
    Allocation(#[from] AllocationError),
}

/// Where a share of an amount goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    pub account: String,
    pub share: Decimal,
    /// The most the account takes; what is above goes on to the account that takes the rest.
    pub maximum: Option<Decimal>,
}

/// One amount into one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Posted {
    pub account: String,
    pub amount: Decimal,
}

/// Splits an amount over shares; what no share takes goes to `rest`. Shares are whole multiples of `unit`, what does not
/// divide evenly goes to the first. An amount of nothing gives no posting.
pub fn split(
    amount: Decimal,
    destinations: &[Destination],
    rest: &str,
    unit: Decimal,
) -> Result<Vec<Posted>, LedgerError> {
    if amount < Decimal::ZERO {
        return Err(LedgerError::Negative);
    }
    let mut weights: Vec<Decimal> = destinations.iter().map(|destination| destination.share).collect();
    let sum = weights.iter().try_fold(Decimal::ZERO, |sum, share| sum.checked_add(*share));
    let sum = sum.ok_or(LedgerError::Overflow)?;
    if sum > Decimal::ONE {
        return Err(LedgerError::SharesTooLarge { sum });
    }
    weights.push(Decimal::ONE - sum);
    let shares = allocate(amount, &weights, unit, Method::First)?;
    let mut posted = Vec::new();
    let mut post = |account: &str, amount: Decimal| {
        if !amount.is_zero() {
            posted.push(Posted { account: account.to_owned(), amount });
        }
    };
    for (destination, share) in destinations.iter().zip(&shares) {
        let kept = destination.maximum.map_or(*share, |maximum| maximum.max(Decimal::ZERO).min(*share));
        post(&destination.account, kept);
        post(rest, share - kept);
    }
    post(rest, shares.last().copied().unwrap_or_default());
    Ok(posted)
}

/// Sends an amount on but for what is kept where it is: `(sent, kept)`.
pub fn keep(amount: Decimal, kept: Decimal) -> Result<(Decimal, Decimal), LedgerError> {
    if amount < Decimal::ZERO || kept < Decimal::ZERO {
        return Err(LedgerError::Negative);
    }
    let kept = kept.min(amount);
    Ok((amount - kept, kept))
}

/// An account to draw from: its balance, and how far it may be overdrawn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub account: String,
    pub balance: Decimal,
    pub overdraft: Decimal,
}

/// Draws an amount from sources in their order, all or nothing; one figure per source.
pub fn draw(amount: Decimal, sources: &[Source]) -> Result<Vec<Posted>, LedgerError> {
    if amount < Decimal::ZERO {
        return Err(LedgerError::Negative);
    }
    let mut left = amount;
    let mut drawn = Vec::with_capacity(sources.len());
    for source in sources {
        let available = source.balance.checked_add(source.overdraft).and_then(bounded).ok_or(LedgerError::Overflow)?;
        let taken = left.min(available.max(Decimal::ZERO));
        left -= taken;
        drawn.push(Posted { account: source.account.clone(), amount: taken });
    }
    match left.is_zero() {
        true => Ok(drawn),
        false => Err(LedgerError::MissingFunds { available: amount - left, missing: left }),
    }
}

/// An amount in another currency, rounded once.
pub fn convert(amount: Decimal, rate: Decimal, places: u32, mode: Rounding) -> Result<Decimal, LedgerError> {
    let changed = amount.checked_mul(rate).and_then(bounded).ok_or(LedgerError::Overflow)?;
    Ok(round(changed, places, mode))
}

/// A number of smallest units of a currency with so many places. `None` where the amount has a fraction of one.
pub fn minor_units(amount: Decimal, places: u32) -> Option<Decimal> {
    let units = amount.checked_mul(Decimal::from(10_u64.checked_pow(places)?))?.normalize();
    units.fract().is_zero().then_some(units)
}

/// A movement between two accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Transfer {
    pub from: String,
    pub to: String,
    pub amount: Decimal,
}

/// Movements are never changed: the opposite movement of a share of each takes it back.
pub fn correcting(
    original: &[Transfer],
    share: Decimal,
    places: u32,
    mode: Rounding,
) -> Result<Vec<Transfer>, LedgerError> {
    let opposite = original.iter().map(|transfer| {
        Ok(Transfer {
            from: transfer.to.clone(),
            to: transfer.from.clone(),
            amount: convert(transfer.amount, share, places, mode)?,
        })
    });
    opposite.collect()
}

/// One side of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    pub currency: String,
    pub debit: Decimal,
    pub credit: Decimal,
}

/// Debits equal credits in every currency, without tolerance: a difference needs an account of its own.
pub fn check_balance(sides: &[Side]) -> Result<(), LedgerError> {
    let mut differences: BTreeMap<&str, Decimal> = BTreeMap::new();
    for side in sides {
        let difference = differences.entry(&side.currency).or_default();
        let moved = side.debit.checked_sub(side.credit).and_then(|net| difference.checked_add(net));
        *difference = moved.and_then(bounded).ok_or(LedgerError::Overflow)?;
    }
    match differences.into_iter().find(|(_, difference)| !difference.is_zero()) {
        Some((currency, difference)) => Err(LedgerError::Unbalanced { currency: currency.to_owned(), difference }),
        None => Ok(()),
    }
}

#[cfg(test)]
#[path = "tests_ledger.rs"]
mod tests;
