//! Splitting a total over weights so that nothing is lost: integer minor units, and the shares
//! always add up to the total. Knows nothing of lines, parties or currencies.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use thiserror::Error;

/// Who receives the units that do not divide evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// One unit each by the size of what was cut off; the earlier share wins a tie.
    LargestRemainder,
    /// One unit each, from the first share on.
    First,
    /// All to the last share with a weight.
    Last,
    /// Each share is the difference of two rounded running totals; suits instalments.
    Running,
    /// Each share is as much as its weight, one after the other until nothing is left: a payment over what is open.
    InOrder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AllocationError {
    #[error("the smallest unit must be positive")]
    UnitNotPositive,
    #[error("the total is not a whole number of smallest units")]
    TotalNotInUnits,
    #[error("weight {index} is negative")]
    NegativeWeight { index: usize },
    #[error("no weight is above zero, so nobody can receive the total")]
    NoWeight,
    #[error("the weights come to less than the total")]
    NotEnough,
    #[error("total and weights span too many digits")]
    Overflow,
}

/// Splits `total` over `weights` in whole multiples of `unit`.
///
/// The sum of the shares is always `total`. A zero weight gets zero. A negative total is the mirror
/// image of the positive one, so a refund follows the split it refunds. A total that is not a whole
/// number of units is refused: the caller rounds first, and by name.
///
/// ```
/// use packwork_engine::settlement::allocation::{Method, allocate};
/// let shares = allocate(50.into(), &[200.into(), 150.into()], 1.into(), Method::LargestRemainder);
/// assert_eq!(shares, Ok(vec![29.into(), 21.into()]));
/// ```
pub fn allocate(
    total: Decimal,
    weights: &[Decimal],
    unit: Decimal,
    method: Method,
) -> Result<Vec<Decimal>, AllocationError> {
    let units = units_of(total.abs(), unit)?;
    let whole = whole_weights(weights)?;
    let shares = match (units, whole.total()?) {
        (0, _) => vec![0; weights.len()],
        (_, 0) => return Err(AllocationError::NoWeight),
        (units, _) if method == Method::InOrder => filled(units, weights, unit)?,
        (units, sum) => split(units, &whole.0, sum, method),
    };
    shares.into_iter().map(|share| money_of(share, unit, total.is_sign_negative())).collect()
}

/// Weights as integers of one common scale.
struct Weights(Vec<u128>);

impl Weights {
    /// Their sum, below 2^127 so that [`portion`] may double a remainder.
    fn total(&self) -> Result<u128, AllocationError> {
        let sum = self.0.iter().try_fold(0_u128, |sum, weight| sum.checked_add(*weight));
        sum.filter(|sum| *sum < 1 << 127).ok_or(AllocationError::Overflow)
    }
}

fn whole_weights(weights: &[Decimal]) -> Result<Weights, AllocationError> {
    if let Some(index) = weights.iter().position(|weight| weight.is_sign_negative() && !weight.is_zero()) {
        return Err(AllocationError::NegativeWeight { index });
    }
    let weights: Vec<Decimal> = weights.iter().map(Decimal::normalize).collect();
    let scale = weights.iter().map(Decimal::scale).max().unwrap_or(0);
    let whole = weights.iter().map(|weight| {
        let raise = 10_u128.checked_pow(scale - weight.scale())?;
        weight.mantissa().unsigned_abs().checked_mul(raise)
    });
    whole.collect::<Option<Vec<_>>>().map(Weights).ok_or(AllocationError::Overflow)
}

fn units_of(total: Decimal, unit: Decimal) -> Result<u128, AllocationError> {
    if unit <= Decimal::ZERO {
        return Err(AllocationError::UnitNotPositive);
    }
    let units = total.checked_div(unit).ok_or(AllocationError::Overflow)?.normalize();
    // The product is compared as well: a quotient cut at 28 digits could look whole.
    if units.scale() != 0 || units.checked_mul(unit) != Some(total) {
        return Err(AllocationError::TotalNotInUnits);
    }
    Ok(units.mantissa().unsigned_abs())
}

fn money_of(share: u128, unit: Decimal, negative: bool) -> Result<Decimal, AllocationError> {
    let units = i128::try_from(share).ok().and_then(|share| Decimal::try_from_i128_with_scale(share, 0).ok());
    let amount = units.and_then(|units| units.checked_mul(unit)).ok_or(AllocationError::Overflow)?;
    Ok(if negative && !amount.is_zero() { -amount } else { amount })
}

fn split(units: u128, weights: &[u128], sum: u128, method: Method) -> Vec<u128> {
    if method == Method::Running {
        return split_running(units, weights, sum);
    }
    let portions: Vec<(u128, u128)> = weights.iter().map(|weight| portion(units, *weight, sum)).collect();
    let mut shares: Vec<u128> = portions.iter().map(|(share, _)| *share).collect();
    let left = units - shares.iter().sum::<u128>();
    let mut takers: Vec<usize> = (0..weights.len()).filter(|index| weights[*index] > 0).collect();
    match method {
        Method::Last => {
            if let Some(last) = takers.last() {
                shares[*last] += left;
            }
            return shares;
        }
        // The sort is stable, so the earlier share wins a tie.
        Method::LargestRemainder => takers.sort_by_key(|index| Reverse(portions[*index].1)),
        Method::First | Method::Running | Method::InOrder => {}
    }
    // Fewer units are left than there are takers: each share lost less than one unit.
    for (index, _) in takers.into_iter().zip(0..left) {
        shares[index] += 1;
    }
    shares
}

/// As many whole units each as its weight holds, until none are left.
fn filled(units: u128, weights: &[Decimal], unit: Decimal) -> Result<Vec<u128>, AllocationError> {
    let mut left = units;
    let mut shares = Vec::with_capacity(weights.len());
    for weight in weights {
        let most = weight.checked_div(unit).and_then(|most| u128::try_from(most.floor()).ok());
        let share = left.min(most.ok_or(AllocationError::Overflow)?);
        left -= share;
        shares.push(share);
    }
    if left == 0 { Ok(shares) } else { Err(AllocationError::NotEnough) }
}

fn split_running(units: u128, weights: &[u128], sum: u128) -> Vec<u128> {
    let mut weight_so_far = 0;
    let mut given = 0;
    let mut shares = Vec::with_capacity(weights.len());
    for weight in weights {
        weight_so_far += weight;
        let (whole, remainder) = portion(units, weight_so_far, sum);
        let due = whole + u128::from(remainder * 2 >= sum);
        shares.push(due - given);
        given = due;
    }
    shares
}

/// `units * weight / sum` as (quotient, remainder), exact even where the product has more than 128
/// bits. Needs `weight <= sum < 2^127`.
fn portion(units: u128, weight: u128, sum: u128) -> (u128, u128) {
    if let Some(product) = units.checked_mul(weight) {
        return (product / sum, product % sum);
    }
    let (mut quotient, mut remainder) = (0, 0);
    for bit in (0..128 - units.leading_zeros()).rev() {
        quotient *= 2;
        remainder *= 2;
        if remainder >= sum {
            remainder -= sum;
            quotient += 1;
        }
        if units >> bit & 1 == 1 {
            remainder += weight;
            if remainder >= sum {
                remainder -= sum;
                quotient += 1;
            }
        }
    }
    (quotient, remainder)
}

#[cfg(test)]
#[path = "tests_allocation.rs"]
mod tests;
