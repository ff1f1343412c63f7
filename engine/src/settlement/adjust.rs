//! Adjustments of an amount after it was priced: a cap that is used up, a minimum that is made up for, units that are
//! free, days that were not used. Knows numbers and days only.

use super::rounding::{Rounding, bounded, round};
use rust_decimal::Decimal;
use serde::Serialize;
use thiserror::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AdjustError {
    #[error("the amount has too many digits")]
    Overflow,
    #[error("{active} of {period} days is no part of a period")]
    BadDays { active: Decimal, period: Decimal },
    #[error("a {what} cannot be negative")]
    Negative { what: &'static str },
}

/// An amount under a cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Capped {
    pub paid: Decimal,
    /// What the cap took off; a line of its own.
    pub cut: Decimal,
}

/// What of an amount a cap leaves when so much of it was used. An amount that is taken back is not cut.
pub fn cap(amount: Decimal, used: Decimal, cap: Decimal) -> Result<Capped, AdjustError> {
    if cap < Decimal::ZERO {
        return Err(AdjustError::Negative { what: "cap" });
    }
    let left = less(cap, used)?.max(Decimal::ZERO);
    let paid = amount.min(left);
    Ok(Capped { paid, cut: less(amount, paid)? })
}

/// Amounts in their order under one cap.
pub fn cap_all(amounts: &[Decimal], used: Decimal, most: Decimal) -> Result<Vec<Capped>, AdjustError> {
    let mut used = used;
    let mut capped = Vec::with_capacity(amounts.len());
    for amount in amounts {
        let one = cap(*amount, used, most)?;
        used = more(used, one.paid)?;
        capped.push(one);
    }
    Ok(capped)
}

/// The part of a period something was in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    pub active: Decimal,
    pub period: Decimal,
}

impl Days {
    /// The amount for the part; divided last.
    pub fn of(&self, amount: Decimal) -> Result<Decimal, AdjustError> {
        if self.period <= Decimal::ZERO || self.active < Decimal::ZERO || self.active > self.period {
            return Err(AdjustError::BadDays { active: self.active, period: self.period });
        }
        let share = amount.checked_mul(self.active).and_then(|product| product.checked_div(self.period));
        share.and_then(bounded).ok_or(AdjustError::Overflow)
    }

    /// The days that are left of the period.
    pub fn rest(&self) -> Days {
        Days { active: self.period - self.active, period: self.period }
    }
}

/// What is missing to a minimum that was agreed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TrueUp {
    /// Before rounding.
    pub exact: Decimal,
    pub amount: Decimal,
}

/// The difference between a minimum and what was used, never less than nothing. Prorated before it is compared.
pub fn true_up(
    minimum: Decimal,
    used: Decimal,
    days: Option<Days>,
    places: u32,
    mode: Rounding,
) -> Result<TrueUp, AdjustError> {
    if minimum < Decimal::ZERO {
        return Err(AdjustError::Negative { what: "minimum" });
    }
    let minimum = days.map_or(Ok(minimum), |days| days.of(minimum))?;
    let exact = less(minimum, used)?.max(Decimal::ZERO);
    Ok(TrueUp { exact, amount: round(exact, places, mode) })
}

/// The units of a line that are charged when `free` units of the period are free and so many were used before it.
pub fn charged_units(free: Decimal, used_before: Decimal, units: Decimal) -> Result<Decimal, AdjustError> {
    if free < Decimal::ZERO {
        return Err(AdjustError::Negative { what: "number of free units" });
    }
    let left = less(free, used_before.max(Decimal::ZERO))?.max(Decimal::ZERO);
    if units < Decimal::ZERO { Ok(units) } else { less(units, units.min(left)) }
}

/// A party's balance where what it owes is carried on (`negative: carry_debt`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Balance {
    pub available: Decimal,
    pub debt: Decimal,
}

impl Balance {
    /// Adds an amount: a negative one uses up what is available and leaves the rest as debt, a positive one pays the debt first.
    pub fn post(self, amount: Decimal) -> Result<Balance, AdjustError> {
        let net = more(less(self.available, self.debt)?, amount)?;
        Ok(Balance { available: net.max(Decimal::ZERO), debt: (-net).max(Decimal::ZERO) })
    }
}

fn less(amount: Decimal, taken: Decimal) -> Result<Decimal, AdjustError> {
    amount.checked_sub(taken).and_then(bounded).ok_or(AdjustError::Overflow)
}

fn more(amount: Decimal, added: Decimal) -> Result<Decimal, AdjustError> {
    amount.checked_add(added).and_then(bounded).ok_or(AdjustError::Overflow)
}

#[cfg(test)]
#[path = "tests_adjust.rs"]
mod tests;
