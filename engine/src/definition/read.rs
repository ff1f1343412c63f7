//! Reading the odd corners of written documents.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, de};

/// A decimal from a string or a whole JSON number; never through a binary float.
pub(super) fn decimal_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => text.parse().map_err(de::Error::custom),
        serde_json::Value::Number(number) if number.is_i64() => number.to_string().parse().map_err(de::Error::custom),
        other => Err(de::Error::custom(format!("`{other}` is not a decimal; write it as a string"))),
    }
}
