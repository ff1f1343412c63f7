//! The dynamic value: what a field holds, a formula returns and a line carries.
//! Knows its JSON form; knows nothing of objects, fields or columns.

use crate::moment::{Date, Moment};
use crate::money::Money;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// One value. Every number is a [`Decimal`]; there is no binary float anywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    Decimal(Decimal),
    Text(Arc<str>),
    Date(Date),
    Moment(Moment),
    /// The identity of another record.
    Id(Uuid),
    Money(Money),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
}

/// The same for several.
pub fn are_identical(left: &[Value], right: &[Value]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| left.is_identical(right))
}

impl Value {
    pub fn text(text: &str) -> Value {
        Value::Text(Arc::from(text))
    }

    /// Equal to the last digit written: 1.0 and 1.00 are equal and not identical.
    pub fn is_identical(&self, other: &Value) -> bool {
        let same = |left: &Decimal, right: &Decimal| left == right && left.scale() == right.scale();
        match (self, other) {
            (Value::Decimal(left), Value::Decimal(right)) => same(left, right),
            (Value::Money(left), Value::Money(right)) => {
                same(&left.amount, &right.amount) && left.currency == right.currency
            }
            (Value::List(left), Value::List(right)) => are_identical(left, right),
            (Value::Map(left), Value::Map(right)) => {
                let pair = |((left, one), (right, other)): ((&String, &Value), (&String, &Value))| {
                    left == right && one.is_identical(other)
                };
                left.len() == right.len() && left.iter().zip(right).all(pair)
            }
            (left, right) => left == right,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        }
    }

    pub fn as_id(&self) -> Option<Uuid> {
        match self {
            Value::Id(id) => Some(*id),
            _ => None,
        }
    }

    pub fn as_date(&self) -> Option<Date> {
        match self {
            Value::Date(date) => Some(*date),
            _ => None,
        }
    }

    pub fn as_moment(&self) -> Option<Moment> {
        match self {
            Value::Moment(moment) => Some(*moment),
            _ => None,
        }
    }

    /// The number in it: a decimal, or the amount of money.
    pub fn as_decimal(&self) -> Option<Decimal> {
        match self {
            Value::Decimal(number) => Some(*number),
            Value::Money(money) => Some(money.amount),
            _ => None,
        }
    }

    /// The JSON form used on the wire and in stored documents: decimals are strings, so that no
    /// reader can lose a digit.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Value::Null => Json::Null,
            Value::Bool(flag) => Json::Bool(*flag),
            Value::Decimal(number) => Json::String(number.to_string()),
            Value::Text(text) => Json::String(text.to_string()),
            Value::Date(date) => Json::String(date.to_string()),
            Value::Moment(moment) => Json::String(moment.to_string()),
            Value::Id(id) => Json::String(id.to_string()),
            Value::Money(money) => {
                serde_json::json!({"amount": money.amount.to_string(), "currency": &*money.currency})
            }
            Value::List(items) => Json::Array(items.iter().map(Value::to_json).collect()),
            Value::Map(entries) => {
                Json::Object(entries.iter().map(|(name, value)| (name.clone(), value.to_json())).collect())
            }
        }
    }

    /// The loosest reading of JSON: strings stay text, integers become decimals. Typed reading is
    /// the field's business.
    pub fn from_json(json: &serde_json::Value) -> Value {
        use serde_json::Value as Json;
        match json {
            Json::Null => Value::Null,
            Json::Bool(flag) => Value::Bool(*flag),
            Json::Number(number) => {
                number.to_string().parse().map_or_else(|_| Value::text(&number.to_string()), Value::Decimal)
            }
            Json::String(text) => Value::text(text),
            Json::Array(items) => Value::List(items.iter().map(Value::from_json).collect()),
            Json::Object(entries) => {
                Value::Map(entries.iter().map(|(name, value)| (name.clone(), Value::from_json(value))).collect())
            }
        }
    }

    /// What kind of value this is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Decimal(_) => "decimal",
            Value::Text(_) => "text",
            Value::Date(_) => "date",
            Value::Moment(_) => "date_time",
            Value::Id(_) => "reference",
            Value::Money(_) => "money",
            Value::List(_) => "list",
            Value::Map(_) => "map",
        }
    }
}

impl From<Decimal> for Value {
    fn from(number: Decimal) -> Value {
        Value::Decimal(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::text(text)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Value {
        Value::Bool(flag)
    }
}

impl From<Uuid> for Value {
    fn from(id: Uuid) -> Value {
        Value::Id(id)
    }
}
