//! Input: JSON into the typed value of a field, with everything that is wrong said at its place.

use super::form;
use super::{ChoiceOption, CurrencySource, Field, FieldKind, Object};
use crate::codes::Code;
use crate::definition::object::FieldType;
use crate::location;
use crate::model::DIGITS_MAX;
use crate::money::Money;
use crate::record::Name;
use crate::refusal::FieldError;
use crate::suggest;
use crate::value::Value;
use rust_decimal::Decimal;
use serde_json::Value as Json;
use std::borrow::Cow;
use uuid::Uuid;

/// A key is not at hand yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotYet;

/// Finds records by key while input is read.
pub trait Keys {
    /// The record of one of these objects with this key; `Err(NotYet)` when that is still to be looked up.
    fn find(&self, objects: &[Name], key: &str) -> Result<Option<Uuid>, NotYet>;
}

/// What reading one value gave.
pub enum Read {
    Value(Value),
    /// A key is still to be looked up.
    Waiting,
    Wrong(Box<FieldError>),
}

/// Reads a field's value. `currency` is what a bare amount of money is in.
pub fn read(field: &Field, json: &Json, currency: &str, pointer: &str, keys: &dyn Keys) -> Read {
    if json.is_null() {
        return Read::Value(Value::Null);
    }
    let wrong = |error: FieldError| Read::Wrong(Box::new(error));
    let type_error = |wanted: &str| {
        wrong(
            FieldError::new(
                Code::WrongType,
                pointer,
                format!("`{}` takes {wanted}, not {}", field.name, kind_of(json)),
            )
            .with("field", &*field.name)
            .with("wanted", wanted),
        )
    };
    match &field.kind {
        FieldKind::Text { max_length, .. } => match json.as_str() {
            None => type_error("text"),
            Some("") => Read::Value(Value::Null),
            // PostgreSQL refuses it, SQLite ends the text there.
            Some(text) if text.contains('\0') => type_error("text without zero characters"),
            Some(text) if text.chars().count() > *max_length as usize => wrong(
                FieldError::new(
                    Code::OutOfRange,
                    pointer,
                    format!("`{}` has at most {max_length} characters", field.name),
                )
                .with("field", &*field.name)
                .with("maximum", *max_length),
            ),
            Some(text) => match text_of(field.written, text) {
                Ok(text) => Read::Value(Value::text(&text)),
                Err(wanted) => type_error(wanted),
            },
        },
        FieldKind::Decimal { scale, minimum, maximum } => match number_of(field.written, json) {
            Err(wanted) => type_error(wanted),
            Ok(number) => bounded(field, pointer, number, *scale, *minimum, *maximum)
                .map_or_else(wrong, |number| Read::Value(Value::Decimal(number))),
        },
        FieldKind::Money { scale, minimum, maximum, currency: source } => {
            let Some((amount, given)) = money(json) else {
                return type_error("money: {\"amount\": \"120.00\", \"currency\": \"CNY\"}, or a decimal string");
            };
            let currency = match (source, given) {
                (CurrencySource::Fixed(fixed), Some(given)) if **fixed != *given => {
                    return wrong(
                        FieldError::new(Code::NotAnOption, pointer, format!("`{}` is in {fixed}", field.name))
                            .with("field", &*field.name)
                            .with("currency", &**fixed),
                    );
                }
                (CurrencySource::Fixed(fixed), _) => fixed.to_string(),
                (CurrencySource::Slot(_), given) => given.unwrap_or(currency).to_owned(),
            };
            bounded(field, pointer, amount, *scale, *minimum, *maximum)
                .map_or_else(wrong, |amount| Read::Value(Value::Money(Money::new(amount, &currency))))
        }
        FieldKind::Boolean => {
            json.as_bool().map_or_else(|| type_error("true or false"), |flag| Read::Value(Value::Bool(flag)))
        }
        FieldKind::Date => match form::date(json.as_str().unwrap_or_default()) {
            Ok(date) => Read::Value(Value::Date(date)),
            Err(wanted) => type_error(wanted),
        },
        FieldKind::Moment => match form::moment(json.as_str().unwrap_or_default()) {
            Ok(moment) => Read::Value(Value::Moment(moment)),
            Err(wanted) => type_error(wanted),
        },
        FieldKind::Choice { options } => match json.as_str() {
            None => type_error("the name of an option"),
            Some("") => Read::Value(Value::Null),
            Some(text) => option(field, options, text, pointer).map_or_else(wrong, Read::Value),
        },
        FieldKind::Choices { options } => {
            let Some(items) = json.as_array() else { return type_error("a list of options") };
            let mut chosen = Vec::new();
            for (index, item) in items.iter().enumerate() {
                let place = format!("{pointer}/{index}");
                match item.as_str().map(|text| option(field, options, text, &place)) {
                    None => return type_error("a list of options"),
                    Some(Err(error)) => return wrong(error),
                    Some(Ok(value)) if chosen.contains(&value) => {}
                    Some(Ok(value)) => chosen.push(value),
                }
            }
            Read::Value(Value::List(chosen))
        }
        FieldKind::Id { to, .. } => match json.as_str() {
            None => type_error("the id or key of a record"),
            Some("") => Read::Value(Value::Null),
            Some(text) => reference(field, to, text, pointer, keys),
        },
        FieldKind::Ids { to } => {
            let Some(items) = json.as_array() else { return type_error("a list of ids or keys") };
            let mut ids = Vec::new();
            let mut waiting = false;
            for (index, item) in items.iter().enumerate() {
                let Some(text) = item.as_str() else { return type_error("a list of ids or keys") };
                match reference(field, to, text, &format!("{pointer}/{index}"), keys) {
                    Read::Value(id) if ids.contains(&id) => {}
                    Read::Value(id) => ids.push(id),
                    Read::Waiting => waiting = true,
                    wrong @ Read::Wrong(_) => return wrong,
                }
            }
            if waiting { Read::Waiting } else { Read::Value(Value::List(ids)) }
        }
        // Child rows are read by whoever writes the parent; a rollup is never given.
        FieldKind::Items { .. } | FieldKind::Rollup { .. } => Read::Value(Value::Null),
        FieldKind::Location => match location::read(json) {
            Ok(value) => Read::Value(value),
            Err(wanted) => type_error(wanted),
        },
        FieldKind::Files { multiple, .. } => match form::files(json) {
            Err(wanted) => type_error(wanted),
            Ok(Value::List(files)) if files.is_empty() => Read::Value(Value::Null),
            Ok(Value::List(files)) if files.len() > 1 && !multiple => wrong(
                FieldError::new(Code::OutOfRange, pointer, format!("`{}` takes one file", field.name))
                    .with("field", &*field.name)
                    .with("maximum", 1),
            ),
            Ok(files) => Read::Value(files),
        },
        FieldKind::Json => form::document(json).map_or_else(type_error, Read::Value),
    }
}

/// Checks a literal of a definition (a default) against its field; references may be any key.
pub fn read_literal(field: &Field, json: &Json) -> Result<(), String> {
    struct Any;
    impl Keys for Any {
        fn find(&self, _: &[Name], _: &str) -> Result<Option<Uuid>, NotYet> {
            Err(NotYet)
        }
    }
    match read(field, json, "", "", &Any) {
        Read::Value(_) | Read::Waiting => Ok(()),
        Read::Wrong(error) => Err(error.message),
    }
}

fn reference(field: &Field, to: &[Name], text: &str, pointer: &str, keys: &dyn Keys) -> Read {
    if let Ok(id) = Uuid::parse_str(text) {
        return Read::Value(Value::Id(id));
    }
    match keys.find(to, text) {
        Ok(Some(id)) => Read::Value(Value::Id(id)),
        Err(NotYet) => Read::Waiting,
        Ok(None) => Read::Wrong(Box::new(no_record(field, to, text, pointer))),
    }
}

/// The refusal for a reference that leads nowhere.
pub fn no_record(field: &Field, to: &[Name], text: &str, pointer: &str) -> FieldError {
    let objects: Vec<&str> = to.iter().map(|name| &**name).collect();
    FieldError::new(Code::BadReference, pointer, format!("there is no {} `{text}`", objects.join(" or ")))
        .with("field", &*field.name)
        .with("value", text)
}

fn option(field: &Field, options: &[ChoiceOption], text: &str, pointer: &str) -> Result<Value, FieldError> {
    if options.iter().any(|option| *option.name == *text) {
        return Ok(Value::text(text));
    }
    let hint = suggest::hint(text, options.iter().map(|option| &*option.name));
    let names: Vec<&str> = options.iter().map(|option| &*option.name).collect();
    Err(FieldError::new(Code::NotAnOption, pointer, format!("`{text}` is not an option of `{}`; {hint}", field.name))
        .with("field", &*field.name)
        .with("value", text)
        .with("options", names))
}

/// An amount and the currency given with it.
fn money(json: &Json) -> Option<(Decimal, Option<&str>)> {
    let Some(members) = json.as_object() else { return Some((form::decimal(json).ok()?, None)) };
    let is_known = members.keys().all(|name| matches!(name.as_str(), "amount" | "currency"));
    let amount = members.get("amount").filter(|_| is_known).and_then(|amount| form::decimal(amount).ok())?;
    match members.get("currency") {
        None | Some(Json::Null) => Some((amount, None)),
        Some(currency) => {
            let currency = currency.as_str()?;
            let is_code = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
            is_code.then_some((amount, Some(currency)))
        }
    }
}

/// A number in the form of its type.
fn number_of(written: FieldType, json: &Json) -> Result<Decimal, &'static str> {
    match written {
        FieldType::Duration => form::minutes(json),
        _ => form::decimal(json),
    }
}

/// Refuses what the field cannot hold: digits after the point, digits in all, bounds. The stored form has the field's scale.
pub fn bounded(
    field: &Field,
    pointer: &str,
    number: Decimal,
    scale: u32,
    minimum: Option<Decimal>,
    maximum: Option<Decimal>,
) -> Result<Decimal, FieldError> {
    let plain = number.normalize();
    if plain.scale() > scale {
        let message = format!("`{}` has at most {scale} digits after the point", field.name);
        return Err(FieldError::new(Code::TooManyDigits, pointer, message)
            .with("field", &*field.name)
            .with("scale", scale));
    }
    let mut stored = plain;
    stored.rescale(scale);
    let fits = stored.scale() == scale
        && i64::try_from(stored.mantissa()).is_ok_and(|mantissa| mantissa.unsigned_abs() < 10_u64.pow(DIGITS_MAX));
    if !fits {
        let message = format!("`{}` has at most {DIGITS_MAX} digits", field.name);
        return Err(FieldError::new(Code::TooManyDigits, pointer, message)
            .with("field", &*field.name)
            .with("digits", DIGITS_MAX));
    }
    let low = minimum.filter(|minimum| plain < *minimum).map(|bound| ("minimum", "at least", bound));
    let high = maximum.filter(|maximum| plain > *maximum).map(|bound| ("maximum", "at most", bound));
    if let Some((name, word, bound)) = low.or(high) {
        let message = format!("`{}` is {word} {bound}", field.name);
        return Err(FieldError::new(Code::OutOfRange, pointer, message)
            .with("field", &*field.name)
            .with(name, bound.to_string()));
    }
    Ok(stored)
}

/// A text in the form of its type.
fn text_of(written: FieldType, text: &str) -> Result<Cow<'_, str>, &'static str> {
    match written {
        FieldType::Email => form::email(text)?,
        FieldType::Url => form::url(text)?,
        FieldType::Phone => form::phone(text)?,
        FieldType::Address => form::address(text)?,
        FieldType::Time => return form::time(text).map(Cow::Owned),
        _ => {}
    }
    Ok(Cow::Borrowed(text))
}

/// The slot of the currency a bare amount of a money field is in, if the record says.
pub fn currency_slot(field: &Field) -> Option<usize> {
    match &field.kind {
        FieldKind::Money { currency: CurrencySource::Slot(slot), .. } => Some(*slot),
        _ => None,
    }
}

/// The field of this name that people may fill; the refusal says why not.
pub fn writable<'o>(object: &'o Object, name: &str) -> Result<(usize, &'o Field), FieldError> {
    let pointer = || format!("/{}", name.replace('~', "~0").replace('/', "~1"));
    match object.field(name) {
        None => {
            let known: Vec<&str> = object.own_fields().map(|(_, field)| &*field.name).collect();
            let hint = suggest::hint(name, known.iter().copied());
            let error = FieldError::new(
                Code::UnknownField,
                pointer(),
                format!("`{}` has no field `{name}`; {hint}", object.name),
            );
            let error = error.with("field", name);
            Err(match suggest::nearest(name, known.iter().copied()) {
                Some(nearest) => error.with("suggestion", nearest),
                None => error,
            })
        }
        Some((_, field)) if !field.is_writable() && !matches!(name, "owner" | "department" | "template") => {
            Err(FieldError::new(Code::ReadOnly, pointer(), format!("`{name}` is computed or kept by the system"))
                .with("field", name))
        }
        Some((slot, field)) => Ok((slot, field)),
    }
}

fn kind_of(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "this text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}
