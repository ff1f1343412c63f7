//! Cursors: the place in a list where the next page begins, as opaque text that knows which list it belongs to.

use crate::auth::token::hex;
use crate::service::refuse;
use packwork_engine::codes::Code;
use packwork_engine::moment::Moment;
use packwork_engine::money::Money;
use packwork_engine::refusal::Refusal;
use packwork_engine::value::Value;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

#[derive(Serialize, Deserialize)]
enum Part {
    N,
    B(bool),
    D(String),
    T(String),
    C(String),
    M(i64),
    I(Uuid),
    A(String, String),
}

/// The cursor after a record with these sort values, in the list that `list` describes.
pub fn write(list: &str, values: &[Value]) -> String {
    let parts: Vec<Part> = values.iter().map(part).collect();
    let body = serde_json::to_vec(&(mark(list), parts)).unwrap_or_default();
    hex(&body)
}

pub fn read(list: &str, cursor: &str) -> Result<Vec<Value>, Refusal> {
    let bad = || refuse(Code::BadCursor, "the cursor does not belong to this list");
    let bytes = unhex(cursor).ok_or_else(bad)?;
    let (marked, parts): (String, Vec<Part>) = serde_json::from_slice(&bytes).map_err(|_| bad())?;
    if marked != mark(list) {
        return Err(bad());
    }
    parts.into_iter().map(|part| value(part).ok_or_else(bad)).collect()
}

fn mark(list: &str) -> String {
    hex(&Sha256::digest(list.as_bytes())[..6])
}

fn part(value: &Value) -> Part {
    match value {
        Value::Bool(flag) => Part::B(*flag),
        Value::Decimal(number) => Part::D(number.to_string()),
        Value::Text(text) => Part::T(text.to_string()),
        Value::Date(date) => Part::C(date.to_string()),
        Value::Moment(moment) => Part::M(moment.micros()),
        Value::Id(id) => Part::I(*id),
        Value::Money(money) => Part::A(money.amount.to_string(), money.currency.to_string()),
        Value::Null | Value::List(_) | Value::Map(_) => Part::N,
    }
}

fn value(part: Part) -> Option<Value> {
    Some(match part {
        Part::N => Value::Null,
        Part::B(flag) => Value::Bool(flag),
        Part::D(text) => Value::Decimal(text.parse().ok()?),
        Part::T(text) => Value::text(&text),
        Part::C(text) => Value::Date(text.parse().ok()?),
        Part::M(micros) => Value::Moment(Moment::from_micros(micros)),
        Part::I(id) => Value::Id(id),
        Part::A(amount, currency) => Value::Money(Money::new(amount.parse().ok()?, &currency)),
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_belongs_to_its_list() {
        let values = vec![
            Value::Null,
            Value::Decimal("1.50".parse().expect("a decimal")),
            Value::text("张"),
            Value::Id(Uuid::from_u128(7)),
        ];
        let cursor = write("work_order -number", &values);
        assert_eq!(read("work_order -number", &cursor), Ok(values));
        for (list, cursor) in
            [("work_order number", &*cursor), ("work_order -number", "zz"), ("work_order -number", "é1")]
        {
            assert_eq!(read(list, cursor).expect_err("another list's cursor is refused").code, Code::BadCursor);
        }
    }
}
