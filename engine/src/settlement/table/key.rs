//! What a row requires of a column: anything, a value, one of several, or a number inside an interval.

use crate::value::Value;
use rust_decimal::Decimal;
use std::str::FromStr;
use thiserror::Error;

/// What a row requires of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// Not stated: matches whatever the input is.
    Any,
    Is(Value),
    OneOf(Vec<Value>),
    /// A number inside the interval. Intervals are scanned within their other columns, not indexed.
    Within(Interval),
}

/// An interval of numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    pub low: Edge,
    pub high: Edge,
}

/// One end of an interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edge {
    Open,
    /// The number itself is inside.
    Including(Decimal),
    /// The number itself is outside.
    Excluding(Decimal),
}

impl Key {
    pub(super) fn accepts(&self, value: &Value) -> bool {
        match self {
            Key::Any => true,
            Key::Is(own) => own == value,
            Key::OneOf(own) => own.contains(value),
            Key::Within(interval) => value.as_decimal().is_some_and(|number| interval.contains(number)),
        }
    }

    pub(super) fn meets(&self, other: &Key) -> bool {
        match (self, other) {
            (Key::Any, _) | (_, Key::Any) => true,
            (Key::Is(value), key) | (key, Key::Is(value)) => key.accepts(value),
            (Key::OneOf(values), key) | (key, Key::OneOf(values)) => values.iter().any(|value| key.accepts(value)),
            (Key::Within(left), Key::Within(right)) => !left.and(right).is_empty(),
        }
    }

    pub(super) fn covers(&self, other: &Key) -> bool {
        match (self, other) {
            (Key::Any, _) => true,
            (_, Key::Any) => false,
            (key, Key::Is(value)) => key.accepts(value),
            (key, Key::OneOf(values)) => values.iter().all(|value| key.accepts(value)),
            (Key::Within(own), Key::Within(other)) => own.covers(other),
            (Key::Is(_) | Key::OneOf(_), Key::Within(_)) => false,
        }
    }
}

impl Interval {
    pub fn contains(&self, number: Decimal) -> bool {
        let above = match self.low {
            Edge::Open => true,
            Edge::Including(low) => number >= low,
            Edge::Excluding(low) => number > low,
        };
        let below = match self.high {
            Edge::Open => true,
            Edge::Including(high) => number <= high,
            Edge::Excluding(high) => number < high,
        };
        above && below
    }

    /// Nothing lies inside.
    pub(super) fn is_empty(&self) -> bool {
        match (self.low, self.high) {
            (Edge::Including(low), Edge::Including(high)) => low > high,
            (Edge::Including(low) | Edge::Excluding(low), Edge::Including(high) | Edge::Excluding(high)) => low >= high,
            _ => false,
        }
    }

    pub(super) fn and(&self, other: &Interval) -> Interval {
        // Of two edges the stricter one stays.
        let low = if other.admits_low(self.low) { self.low } else { other.low };
        let high = if other.admits_high(self.high) { self.high } else { other.high };
        Interval { low, high }
    }

    /// The edge starts no earlier than this interval does.
    fn admits_low(&self, edge: Edge) -> bool {
        match (self.low, edge) {
            (Edge::Open, _) => true,
            (_, Edge::Open) => false,
            (Edge::Excluding(own), Edge::Including(number)) => number > own,
            (Edge::Including(own) | Edge::Excluding(own), Edge::Including(number) | Edge::Excluding(number)) => {
                number >= own
            }
        }
    }

    /// The edge ends no later than this interval does.
    fn admits_high(&self, edge: Edge) -> bool {
        match (self.high, edge) {
            (Edge::Open, _) => true,
            (_, Edge::Open) => false,
            (Edge::Excluding(own), Edge::Including(number)) => number < own,
            (Edge::Including(own) | Edge::Excluding(own), Edge::Including(number) | Edge::Excluding(number)) => {
                number <= own
            }
        }
    }

    pub(super) fn covers(&self, other: &Interval) -> bool {
        self.admits_low(other.low) && self.admits_high(other.high)
    }
}

/// Why a text is no condition on a number.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{text}` is not a condition on a number; write `5`, `>= 5`, `[5..10)`, or two of them with a comma between: both must hold"
)]
pub struct NotAnInterval {
    pub text: String,
}

impl FromStr for Interval {
    type Err = NotAnInterval;

    /// Reads `5`, `>= 5`, `< 10`, `[5..10)`, `(5..10]`; a comma or `and` joins conditions that must all hold.
    fn from_str(text: &str) -> Result<Interval, NotAnInterval> {
        let wrong = || NotAnInterval { text: text.to_owned() };
        let mut all = Interval { low: Edge::Open, high: Edge::Open };
        for part in text.replace(" and ", ",").split(',') {
            all = all.and(&condition(part.trim()).ok_or_else(wrong)?);
        }
        Ok(all)
    }
}

fn condition(text: &str) -> Option<Interval> {
    let number = |text: &str| text.trim().parse::<Decimal>().ok();
    let from = |low: Edge| Some(Interval { low, high: Edge::Open });
    let to = |high: Edge| Some(Interval { low: Edge::Open, high });
    let starts = |sign: &str| text.strip_prefix(sign).and_then(number);
    if let Some(low) = starts(">=") {
        return from(Edge::Including(low));
    }
    if let Some(high) = starts("<=") {
        return to(Edge::Including(high));
    }
    if let Some(low) = starts(">") {
        return from(Edge::Excluding(low));
    }
    if let Some(high) = starts("<") {
        return to(Edge::Excluding(high));
    }
    if let Some((low, high)) = text.split_once("..") {
        return Some(Interval { low: opening(low.trim())?, high: closing(high.trim())? });
    }
    let only = number(text.strip_prefix('=').unwrap_or(text))?;
    Some(Interval { low: Edge::Including(only), high: Edge::Including(only) })
}

/// `[5`, `(5`, or `]5` as some write the open end.
fn opening(text: &str) -> Option<Edge> {
    let (edge, number) = match text.strip_prefix('[') {
        Some(number) => (Edge::Including as fn(Decimal) -> Edge, number),
        None => (Edge::Excluding as fn(Decimal) -> Edge, text.strip_prefix(['(', ']'])?),
    };
    number.trim().parse().ok().map(edge)
}

/// `10]`, `10)`, or `10[`.
fn closing(text: &str) -> Option<Edge> {
    let (edge, number) = match text.strip_suffix(']') {
        Some(number) => (Edge::Including as fn(Decimal) -> Edge, number),
        None => (Edge::Excluding as fn(Decimal) -> Edge, text.strip_suffix([')', '['])?),
    };
    number.trim().parse().ok().map(edge)
}

/// The key asks for something nothing matches.
pub(super) fn is_empty(key: &Key) -> bool {
    match key {
        Key::Any => false,
        Key::Is(value) => value.is_null(),
        Key::OneOf(values) => values.is_empty() || values.iter().any(Value::is_null),
        Key::Within(interval) => interval.is_empty(),
    }
}
