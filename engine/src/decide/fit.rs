//! Computed values brought into the form of their field: rounded, bounded, of the right type.

use super::Halt;
use crate::codes::Code;
use crate::env::Reader;
use crate::location::Place;
use crate::money::Money;
use crate::object::input;
use crate::object::{CurrencySource, Field, FieldKind, Object};
use crate::refusal::{FieldError, Refusal};
use crate::settlement::rounding::{Rounding, round};
use crate::value::Value;
use serde_json::Value as Json;

/// A computed value in the form of its field. Money is rounded to the field's digits, half up.
pub fn fitted(
    reader: &Reader<'_>,
    object: &Object,
    values: &[Value],
    field: &Field,
    value: Value,
) -> Result<Value, Halt> {
    let pointer = format!("/{}", field.name);
    let refused = |error: FieldError| Halt::Refused(Box::new(Refusal::of_fields(vec![error])));
    match (&field.kind, value) {
        (_, Value::Null) => Ok(Value::Null),
        (FieldKind::Money { scale, .. }, value @ (Value::Money(_) | Value::Decimal(_))) => {
            let currency = match &value {
                Value::Money(money) => money.currency.to_string(),
                _ => currency_of(reader, object, values, field),
            };
            let amount = round(value.as_decimal().unwrap_or_default(), *scale, Rounding::HalfUp);
            let amount = input::bounded(field, &pointer, amount, *scale, None, None).map_err(refused)?;
            Ok(Value::Money(Money::new(amount, &currency)))
        }
        (FieldKind::Decimal { scale, .. }, value @ (Value::Money(_) | Value::Decimal(_))) => {
            let number = round(value.as_decimal().unwrap_or_default(), *scale, Rounding::HalfUp);
            input::bounded(field, &pointer, number, *scale, None, None).map(Value::Decimal).map_err(refused)
        }
        (FieldKind::Text { .. }, Value::Text(text)) => Ok(Value::Text(text)),
        (FieldKind::Text { .. }, value) => Ok(Value::text(&match value.to_json() {
            Json::String(text) => text,
            other => other.to_string(),
        })),
        (FieldKind::Choice { options }, Value::Text(text)) => match options.iter().any(|option| option.name == text) {
            true => Ok(Value::Text(text)),
            false => Err(refused(FieldError::new(
                Code::NotAnOption,
                pointer,
                format!("`{text}` is not an option of `{}`", field.name),
            ))),
        },
        (FieldKind::Date, Value::Moment(moment)) => Ok(Value::Date(moment.date_in(&reader.model.zone))),
        (kind, value) => match fits(kind, &value) {
            true => Ok(value),
            false => Err(refused(
                FieldError::new(
                    Code::WrongType,
                    pointer,
                    format!("the formula of `{}` gave a {}", field.name, value.kind()),
                )
                .with("field", &*field.name),
            )),
        },
    }
}

/// The currency a bare amount of a field is in, in a record with these values.
pub fn currency_of(reader: &Reader<'_>, object: &Object, values: &[Value], field: &Field) -> String {
    let FieldKind::Money { currency, .. } = &field.kind else { return String::new() };
    match currency {
        CurrencySource::Fixed(code) => code.to_string(),
        CurrencySource::Slot(slot) => {
            let own = reader.model.currency.to_string();
            match (&values[*slot], &object.fields[*slot].kind) {
                (Value::Text(code), _) => code.to_string(),
                (Value::Id(id), FieldKind::Id { to, .. }) => {
                    let target = to.first().and_then(|name| reader.model.objects.get(name));
                    let record = to.first().and_then(|name| reader.record(name, *id).ok().flatten());
                    let code = target.and_then(|target| record?.values[target.key?].as_text().map(str::to_owned));
                    code.unwrap_or(own)
                }
                _ => own,
            }
        }
    }
}

fn fits(kind: &FieldKind, value: &Value) -> bool {
    matches!(
        (kind, value),
        (FieldKind::Boolean, Value::Bool(_))
            | (FieldKind::Date, Value::Date(_))
            | (FieldKind::Moment, Value::Moment(_))
            | (FieldKind::Choices { .. } | FieldKind::Ids { .. }, Value::List(_))
            | (FieldKind::Id { .. }, Value::Id(_))
            | (FieldKind::Json, _)
    ) || (*kind == FieldKind::Location && Place::of(value).is_some())
}
