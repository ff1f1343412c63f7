//! Cursors: the place in a list where the next page begins, as opaque text. It is sealed with a key of the tenant, so
//! that it cannot be made up, and knows which list it belongs to.

use crate::auth::token::hex;
use crate::service::refuse;
use hmac::{Hmac, Mac};
use packwork_engine::codes::Code;
use packwork_engine::moment::Moment;
use packwork_engine::money::Money;
use packwork_engine::refusal::Refusal;
use packwork_engine::value::Value;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

/// Bytes of the seal that a cursor carries.
const SEAL_BYTES: usize = 16;

/// Seals cursors. Does not print its key.
#[derive(Clone)]
pub struct Sealer(Hmac<Sha256>);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Sealer")
    }
}

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

impl Sealer {
    pub fn new(key: &[u8]) -> Sealer {
        Sealer(Hmac::new_from_slice(key).expect("a key of any length will do"))
    }

    /// The cursor after a record with these sort values, in the list that `list` describes.
    pub fn write(&self, list: &str, values: &[Value]) -> String {
        let parts: Vec<Part> = values.iter().map(part).collect();
        let body = serde_json::to_vec(&parts).unwrap_or_default();
        let mut sealed = self.seal(list, &body).finalize().into_bytes()[..SEAL_BYTES].to_vec();
        sealed.extend(body);
        hex(&sealed)
    }

    /// The values of a cursor of this list; refused where it was changed or is another list's.
    pub fn read(&self, list: &str, cursor: &str) -> Result<Vec<Value>, Refusal> {
        let bytes = unhex(cursor).filter(|bytes| bytes.len() > SEAL_BYTES).ok_or_else(foreign)?;
        let (seal, body) = bytes.split_at(SEAL_BYTES);
        self.seal(list, body).verify_truncated_left(seal).map_err(|_| foreign())?;
        let parts: Vec<Part> = serde_json::from_slice(body).map_err(|_| foreign())?;
        parts.into_iter().map(|part| value(part).ok_or_else(foreign)).collect()
    }

    fn seal(&self, list: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut seal = self.0.clone();
        seal.update(&(list.len() as u64).to_be_bytes());
        seal.update(list.as_bytes());
        seal.update(body);
        seal
    }
}

/// The refusal of a cursor that is not one of this list.
pub fn foreign() -> Refusal {
    refuse(Code::BadCursor, "the cursor does not belong to this list; begin again without one")
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
    fn a_cursor_belongs_to_its_list_and_its_tenant() {
        let values = vec![
            Value::Null,
            Value::Decimal("1.50".parse().expect("a decimal")),
            Value::text("张"),
            Value::Id(Uuid::from_u128(7)),
        ];
        let sealer = Sealer::new(b"one");
        let cursor = sealer.write("work_order -number", &values);
        assert_eq!(sealer.read("work_order -number", &cursor), Ok(values.clone()));
        let refused = |sealer: &Sealer, list: &str, cursor: &str| {
            let refusal = sealer.read(list, cursor).expect_err("such a cursor is refused");
            assert_eq!(refusal.code, Code::BadCursor, "{list} {cursor}");
        };
        for (list, cursor) in
            [("work_order number", &*cursor), ("work_order -number", "zz"), ("work_order -number", "é1"), ("", "")]
        {
            refused(&sealer, list, cursor);
        }
        refused(&Sealer::new(b"another"), "work_order -number", &cursor);
        // Any changed digit is noticed.
        for at in 0..cursor.len() {
            let mut changed: Vec<char> = cursor.chars().collect();
            changed[at] = if changed[at] == '0' { '1' } else { '0' };
            let changed: String = changed.into_iter().collect();
            if changed != cursor {
                refused(&sealer, "work_order -number", &changed);
            }
        }
    }
}
