//! Discounts: percentages stacked on one price, and amounts spread over the lines they hold for.

use super::allocation::{AllocationError, Method, allocate};
use super::rounding::bounded;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How several percentages add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Stacking {
    /// Their sum, on the same base.
    Additive,
    /// One after the other, each on what the one before left.
    Compound,
}

/// A price after its discounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Discounted {
    pub amount: Decimal,
    /// All discounts together, as a fraction of the price.
    pub rate: Decimal,
}

/// An amount taken off some lines together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedDiscount {
    pub amount: Decimal,
    /// The lines it holds for, counted from zero; all of them where empty.
    pub lines: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DiscountError {
    #[error("a discount is between nothing and the whole price, not {rate}")]
    BadRate { rate: Decimal },
    #[error("a discount names line {line}, which does not exist")]
    UnknownLine { line: usize },
    #[error("a discount cannot be negative")]
    Negative,
    #[error("the amount has too many digits")]
    Overflow,
    #[error(transparent)]
    Allocation(#[from] AllocationError),
}

/// A price less discounts, given as fractions. More than the whole price is never taken off.
pub fn stacked(price: Decimal, rates: &[Decimal], stacking: Stacking) -> Result<Discounted, DiscountError> {
    let mut left = Decimal::ONE;
    for rate in rates {
        if !(Decimal::ZERO..=Decimal::ONE).contains(rate) {
            return Err(DiscountError::BadRate { rate: *rate });
        }
        left = match stacking {
            Stacking::Additive => (left - rate).max(Decimal::ZERO),
            Stacking::Compound => left.checked_mul(Decimal::ONE - rate).ok_or(DiscountError::Overflow)?,
        };
    }
    let amount = price.checked_mul(left).and_then(bounded).ok_or(DiscountError::Overflow)?;
    Ok(Discounted { amount, rate: Decimal::ONE - left })
}

/// Takes discounts off lines in their order; returns what each line loses in all, unrounded. Each discount is spread over
/// what the ones before left of its lines, and never takes more than that.
pub fn cascade(lines: &[Decimal], discounts: &[SharedDiscount]) -> Result<Vec<Decimal>, DiscountError> {
    spread(lines, discounts, |amount, remaining, sum| {
        let share = |left: &Decimal| amount.checked_mul(*left).and_then(|product| product.checked_div(sum));
        remaining.iter().map(|left| share(left).ok_or(DiscountError::Overflow)).collect()
    })
}

/// The same in whole multiples of `unit`: what is left over goes by largest remainder.
pub fn cascade_in_units(
    lines: &[Decimal],
    discounts: &[SharedDiscount],
    unit: Decimal,
) -> Result<Vec<Decimal>, DiscountError> {
    spread(lines, discounts, |amount, remaining, _| Ok(allocate(amount, remaining, unit, Method::LargestRemainder)?))
}

fn spread(
    lines: &[Decimal],
    discounts: &[SharedDiscount],
    split: impl Fn(Decimal, &[Decimal], Decimal) -> Result<Vec<Decimal>, DiscountError>,
) -> Result<Vec<Decimal>, DiscountError> {
    let mut remaining = lines.to_vec();
    for discount in discounts {
        if discount.amount < Decimal::ZERO {
            return Err(DiscountError::Negative);
        }
        let members: Vec<usize> = match discount.lines.is_empty() {
            true => (0..lines.len()).collect(),
            false => discount.lines.clone(),
        };
        if let Some(line) = members.iter().find(|line| **line >= lines.len()) {
            return Err(DiscountError::UnknownLine { line: *line });
        }
        let bases: Vec<Decimal> = members.iter().map(|line| remaining[*line].max(Decimal::ZERO)).collect();
        let sum = bases.iter().try_fold(Decimal::ZERO, |sum, base| sum.checked_add(*base));
        let sum = sum.and_then(bounded).ok_or(DiscountError::Overflow)?;
        if sum.is_zero() {
            continue;
        }
        for (line, share) in members.iter().zip(split(discount.amount.min(sum), &bases, sum)?) {
            remaining[*line] -= share;
        }
    }
    Ok(lines.iter().zip(remaining).map(|(line, left)| line - left).collect())
}

#[cfg(test)]
#[path = "tests_discount.rs"]
mod tests;
