//! Reading the odd corners of written documents.

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, de};

/// A share: a decimal, or a number of per cent.
pub(super) fn rate_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    let json = serde_json::Value::deserialize(deserializer)?;
    match json.as_str().and_then(|text| text.strip_suffix('%')) {
        Some(percent) => {
            let percent: Decimal = percent.trim().parse().map_err(de::Error::custom)?;
            // One per cent as a factor: exact, where a division might be cut.
            percent.checked_mul(Decimal::new(1, 2)).ok_or_else(|| de::Error::custom("the rate has too many digits"))
        }
        None => decimal_text(json).map_err(de::Error::custom),
    }
}

/// A decimal from a string or a whole JSON number; never through a binary float.
pub(super) fn decimal_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => text.parse().map_err(de::Error::custom),
        serde_json::Value::Number(number) if number.is_i64() => number.to_string().parse().map_err(de::Error::custom),
        other => Err(de::Error::custom(format!("`{other}` is not a decimal; write it as a string"))),
    }
}
