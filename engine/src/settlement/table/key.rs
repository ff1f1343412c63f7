//! What a row requires of a column: anything, a value, one of several, none of several, or a number inside intervals.

use super::interval::Intervals;
use crate::value::Value;

/// What a row requires of one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// Not stated: matches whatever the input is.
    Any,
    Is(Value),
    OneOf(Vec<Value>),
    NoneOf(Vec<Value>),
    /// A number inside one of the intervals. Intervals are scanned within their other columns, not indexed.
    Within(Intervals),
}

impl Key {
    pub(super) fn accepts(&self, value: &Value) -> bool {
        match self {
            Key::Any => true,
            Key::Is(own) => own == value,
            Key::OneOf(own) => own.contains(value),
            Key::NoneOf(others) => !others.contains(value),
            Key::Within(intervals) => value.as_decimal().is_some_and(|number| intervals.contains(number)),
        }
    }

    pub(super) fn meets(&self, other: &Key) -> bool {
        match (self, other) {
            (Key::Any, _) | (_, Key::Any) => true,
            (Key::Is(value), key) | (key, Key::Is(value)) => key.accepts(value),
            (Key::OneOf(values), key) | (key, Key::OneOf(values)) => values.iter().any(|value| key.accepts(value)),
            (Key::Within(left), Key::Within(right)) => left.meets(right),
            // There are more values than a row can exclude.
            (Key::NoneOf(_), Key::NoneOf(_) | Key::Within(_)) | (Key::Within(_), Key::NoneOf(_)) => true,
        }
    }

    pub(super) fn covers(&self, other: &Key) -> bool {
        match (self, other) {
            (Key::Any, _) => true,
            (_, Key::Any) => false,
            (key, Key::Is(value)) => key.accepts(value),
            (key, Key::OneOf(values)) => values.iter().all(|value| key.accepts(value)),
            (Key::Within(own), Key::Within(other)) => own.covers(other),
            (Key::NoneOf(own), Key::NoneOf(other)) => own.iter().all(|value| other.contains(value)),
            (_, Key::Within(_) | Key::NoneOf(_)) => false,
        }
    }
}

/// The key asks for something nothing matches.
pub(super) fn is_empty(key: &Key) -> bool {
    match key {
        Key::Any => false,
        Key::Is(value) => value.is_null(),
        Key::OneOf(values) | Key::NoneOf(values) => values.is_empty() || values.iter().any(Value::is_null),
        Key::Within(intervals) => intervals.is_empty(),
    }
}
