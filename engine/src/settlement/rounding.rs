//! Rounding, written where it happens: an explicit mode, an explicit number of places and a named
//! point. Knows numbers only; what the money is for is the caller's business.

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Amounts and quantities have at most so many digits before the point; beyond it 28 digits no longer leave room for the
/// fractions that rates produce.
const WHOLE_DIGITS_MAX: u32 = 15;

/// The greatest power of ten that 64 bits hold.
const TENS_MAX: u32 = 19;

/// The powers of ten that 128 bits hold.
const TENS: [u128; 39] = {
    let mut tens = [1; 39];
    let mut power = 1;
    while power < tens.len() {
        tens[power] = tens[power - 1] * 10;
        power += 1;
    }
    tens
};

/// How a number is brought to fewer places. Every mode mirrors negatives, except `ceil` and `floor`,
/// so that a refund is the exact negative of what it refunds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// To the nearest; a half goes away from zero.
    HalfUp,
    /// To the nearest; a half goes to the even neighbour.
    HalfEven,
    /// To the nearest; a half goes toward zero.
    HalfDown,
    /// Away from zero.
    Up,
    /// Toward zero.
    Down,
    /// Toward positive infinity.
    Ceil,
    /// Toward negative infinity.
    Floor,
}

impl Rounding {
    /// The mode's name, as it is written and stored.
    pub fn name(self) -> &'static str {
        match self {
            Rounding::HalfUp => "half_up",
            Rounding::HalfEven => "half_even",
            Rounding::HalfDown => "half_down",
            Rounding::Up => "up",
            Rounding::Down => "down",
            Rounding::Ceil => "ceil",
            Rounding::Floor => "floor",
        }
    }
}

/// The only places where settlement rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Point {
    Line,
    Tax,
    Document,
    Pool,
    Fx,
    Cash,
}

/// One rounding as the trace keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rounded {
    pub before: Decimal,
    pub after: Decimal,
    pub mode: Rounding,
    pub places: u32,
    pub point: Point,
}

impl Rounded {
    /// Rounds at a named point and keeps what happened.
    pub fn at(point: Point, value: Decimal, places: u32, mode: Rounding) -> Rounded {
        Rounded { before: value, after: round(value, places, mode), mode, places, point }
    }
}

/// Rounds to a number of decimal places. The result is written with exactly `places` digits where 28
/// digits allow it, so that equal results have equal text, and is never a negative zero.
///
/// ```
/// use packwork_engine::settlement::rounding::{Rounding, round};
/// assert_eq!(round("-1.125".parse().unwrap(), 2, Rounding::HalfUp).to_string(), "-1.13");
/// ```
pub fn round(value: Decimal, places: u32, mode: Rounding) -> Decimal {
    let places = places.min(Decimal::MAX_SCALE);
    let Some(cut) = value.scale().checked_sub(places) else {
        let mut written = value;
        written.rescale(places);
        return without_negative_zero(written);
    };
    let (digits, is_negative) = (value.mantissa().unsigned_abs(), value.is_sign_negative());
    // Most amounts are of few digits: 64 bits are divided faster than 128.
    let (whole, half, is_exact) = match u64::try_from(digits) {
        Ok(digits) if cut <= TENS_MAX => {
            let unit = TENS[cut as usize] as u64;
            let (whole, rest) = (digits / unit, digits % unit);
            (u128::from(whole), rest.cmp(&(unit - rest)), rest == 0)
        }
        _ => {
            let unit = TENS[cut as usize];
            let (whole, rest) = (digits / unit, digits % unit);
            (whole, rest.cmp(&(unit - rest)), rest == 0)
        }
    };
    let goes_up = match mode {
        Rounding::HalfUp => half.is_ge(),
        Rounding::HalfEven => half.is_gt() || (half.is_eq() && whole % 2 == 1),
        Rounding::HalfDown => half.is_gt(),
        Rounding::Up => !is_exact,
        Rounding::Down => false,
        Rounding::Ceil => !is_exact && !is_negative,
        Rounding::Floor => !is_exact && is_negative,
    };
    let rounded = (whole + u128::from(goes_up)) as i128;
    Decimal::from_i128_with_scale(if is_negative { -rounded } else { rounded }, places)
}

/// Rounds to decimal places, or with a negative number of them to tens (-1), hundreds (-2) and so on. `None` if the result
/// leaves the range of numbers.
///
/// ```
/// use packwork_engine::settlement::rounding::{Rounding, round_to_places};
/// let tens = round_to_places("123.456".parse().unwrap(), -1, Rounding::HalfUp);
/// assert_eq!(tens, Some(120.into()));
/// ```
pub fn round_to_places(value: Decimal, places: i32, mode: Rounding) -> Option<Decimal> {
    match u32::try_from(places) {
        Ok(places) => Some(round(value, places, mode)),
        Err(_) => {
            let step = 10_i128.checked_pow(places.unsigned_abs())?;
            round_to_step(value, Decimal::try_from_i128_with_scale(step, 0).ok()?, mode)
        }
    }
}

/// Rounds to a multiple of a step: cash rounding to 0.05, or tens and hundreds with steps of 10 and
/// 100. `None` if the step is not positive or the result leaves the range of numbers.
///
/// ```
/// use packwork_engine::settlement::rounding::{Rounding, round_to_step};
/// let cash = round_to_step("7.38".parse().unwrap(), "0.05".parse().unwrap(), Rounding::HalfUp);
/// assert_eq!(cash.unwrap().to_string(), "7.40");
/// ```
pub fn round_to_step(value: Decimal, step: Decimal, mode: Rounding) -> Option<Decimal> {
    if step <= Decimal::ZERO {
        return None;
    }
    let steps = round(value.checked_div(step)?, 0, mode);
    steps.checked_mul(step).map(without_negative_zero)
}

/// The value itself while it is inside the range settlement computes in, else `None`.
pub fn bounded(value: Decimal) -> Option<Decimal> {
    has_digits(value, WHOLE_DIGITS_MAX + value.scale()).then_some(value)
}

/// Whether a number is written with at most so many digits.
pub fn has_digits(value: Decimal, most: u32) -> bool {
    TENS.get(most as usize).is_none_or(|limit| value.mantissa().unsigned_abs() < *limit)
}

fn without_negative_zero(mut value: Decimal) -> Decimal {
    if value.is_zero() {
        value.set_sign_positive(true);
    }
    value
}

#[cfg(test)]
#[path = "tests_rounding.rs"]
mod tests;

#[cfg(test)]
#[path = "tests_seeded.rs"]
pub(super) mod seeded;
