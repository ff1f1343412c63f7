//! Filters: read from JSON against an object, so that every path, operator and value is known to fit.

use crate::codes::Code;
use crate::decision::Actor;
use crate::model::Model;
use crate::moment::{Date, Moment};
use crate::object::{Field, FieldKind, Object};
use crate::record::{Name, slot};
use crate::refusal::Refusal;
use crate::suggest;
use crate::value::Value;
use jiff::ToSpan;
use rust_decimal::Decimal;
use serde_json::Value as Json;
use std::str::FromStr;
use uuid::Uuid;

/// A condition over a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Holds for every record.
    All,
    /// Holds for none.
    Nothing,
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Compare {
        path: FilterPath,
        comparison: Comparison,
    },
    /// Any searchable text of the record contains this.
    Search {
        slots: Vec<usize>,
        text: String,
    },
}

/// Slots from the record through references: `[customer's slot, region's slot in customer]`. The last one is compared;
/// those before it are references to exactly one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterPath {
    pub slots: Vec<usize>,
}

/// Comparisons, with values already in the field's type. Null never satisfies any but `IsNull`, `NotEqual` and `NotIn`.
#[derive(Clone, Debug, PartialEq)]
pub enum Comparison {
    Equal(Value),
    NotEqual(Value),
    Greater(Value),
    GreaterOrEqual(Value),
    Less(Value),
    LessOrEqual(Value),
    In(Vec<Value>),
    NotIn(Vec<Value>),
    Contains(String),
    StartsWith(String),
    IsNull(bool),
    /// Both bounds inclusive.
    Between(Value, Value),
    /// `[from, to)`: what relative dates become.
    Within(Value, Value),
}

/// How deep conditions nest: deeper is a mistake or an attack.
pub const DEPTH_MAX: usize = 12;
/// How many values `in` takes.
pub const VALUES_MAX: usize = 1_000;
/// How many references a path follows.
pub const STEPS_MAX: usize = 4;

/// What a filter's words refer to.
pub struct Terms<'a> {
    pub model: &'a Model,
    pub actor: &'a Actor,
    /// The date relative dates count from; without it they are refused.
    pub today: Option<Date>,
}

/// Reads a filter against an object. Refused with `bad_filter` or the code of the value that does not fit.
pub fn read(terms: &Terms<'_>, object: &Object, json: &Json) -> Result<Filter, Refusal> {
    condition(terms, object, json, "", 0)
}

fn bad(pointer: &str, message: impl Into<String>) -> Refusal {
    Refusal::new(Code::BadFilter, message).with("pointer", pointer)
}

fn condition(terms: &Terms<'_>, object: &Object, json: &Json, pointer: &str, depth: usize) -> Result<Filter, Refusal> {
    if depth > DEPTH_MAX {
        return Err(bad(pointer, format!("conditions nest at most {DEPTH_MAX} deep")).with("maximum", DEPTH_MAX));
    }
    let Some(members) = json.as_object() else {
        return Err(bad(pointer, "a condition is an object such as {\"amount\": {\"gte\": \"100\"}}"));
    };
    let mut all = Vec::new();
    for (name, value) in members {
        let place = format!("{pointer}/{name}");
        all.push(match name.as_str() {
            "and" | "or" => {
                let Some(items) = value.as_array() else {
                    return Err(bad(&place, format!("`{name}` takes a list of conditions")));
                };
                let conditions: Result<Vec<Filter>, Refusal> = items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| condition(terms, object, item, &format!("{place}/{index}"), depth + 1))
                    .collect();
                if name == "and" { Filter::And(conditions?) } else { Filter::Or(conditions?) }
            }
            "not" => Filter::Not(Box::new(condition(terms, object, value, &place, depth + 1)?)),
            path => comparisons(terms, object, path, value, &place)?,
        });
    }
    Ok(match all.len() {
        0 => Filter::All,
        1 => all.remove(0),
        _ => Filter::And(all),
    })
}

/// Resolves a dotted path; the last field is the one that is compared.
pub fn path<'m>(
    model: &'m Model,
    object: &'m Object,
    text: &str,
    pointer: &str,
) -> Result<(FilterPath, &'m Field), Refusal> {
    let steps: Vec<&str> = text.split('.').collect();
    if steps.len() > STEPS_MAX + 1 {
        return Err(bad(pointer, format!("a path follows at most {STEPS_MAX} references")).with("maximum", STEPS_MAX));
    }
    let mut slots = Vec::new();
    let mut at = object;
    for (index, step) in steps.iter().enumerate() {
        let Some((slot, field)) = at.field(step) else {
            let hint = suggest::hint(step, at.by_name.keys().map(|name| &**name));
            return Err(Refusal::new(Code::UnknownField, format!("`{}` has no field `{step}`; {hint}", at.name))
                .with("pointer", pointer)
                .with("field", *step));
        };
        slots.push(slot);
        if index + 1 == steps.len() {
            if matches!(field.kind, FieldKind::Items { .. } | FieldKind::Json) {
                return Err(bad(pointer, format!("`{step}` cannot be compared")));
            }
            return Ok((FilterPath { slots }, field));
        }
        let target = match &field.kind {
            FieldKind::Id { to, .. } if to.len() == 1 => model.objects.get(&to[0]),
            _ => None,
        };
        at = target.ok_or_else(|| bad(pointer, format!("`{step}` is not a reference to one object")))?;
    }
    Err(bad(pointer, "the path is empty"))
}

fn comparisons(terms: &Terms<'_>, object: &Object, text: &str, json: &Json, pointer: &str) -> Result<Filter, Refusal> {
    let (path, field) = path(terms.model, object, text, pointer)?;
    let operators = match json.as_object() {
        Some(members) if !is_operand(members) => members.clone(),
        // `{"field": value}` is short for eq; a relative date is short for within.
        _ => serde_json::Map::from_iter([("eq".to_owned(), json.clone())]),
    };
    let mut all = Vec::new();
    for (operator, operand) in &operators {
        all.push(compare(terms, &path, field, operator, operand, &format!("{pointer}/{operator}"))?);
    }
    Ok(match all.len() {
        1 => all.remove(0),
        _ => Filter::And(all),
    })
}

/// Objects that stand for a value: a field of the user, a relative date, money.
fn is_operand(members: &serde_json::Map<String, Json>) -> bool {
    ["user", "this", "last", "next", "today", "amount"].iter().any(|name| members.contains_key(*name))
}

fn compare(
    terms: &Terms<'_>,
    path: &FilterPath,
    field: &Field,
    operator: &str,
    operand: &Json,
    pointer: &str,
) -> Result<Filter, Refusal> {
    if let Some((from, to)) = relative(terms, operand, pointer)? {
        let bound = |date: Date| match field.kind {
            FieldKind::Moment => Ok(Value::Moment(Moment::start_of(date, &terms.model.zone))),
            FieldKind::Date => Ok(Value::Date(date)),
            _ => Err(bad(pointer, format!("`{}` is not a date", field.name))),
        };
        let (from, to) = (bound(from)?, bound(to)?);
        let comparison = match operator {
            "eq" | "in" => Comparison::Within(from, to),
            "gte" => Comparison::GreaterOrEqual(from),
            "gt" => Comparison::GreaterOrEqual(to),
            "lt" => Comparison::Less(from),
            "lte" => Comparison::Less(to),
            _ => return Err(bad(pointer, format!("`{operator}` does not take a relative date"))),
        };
        return Ok(Filter::Compare { path: path.clone(), comparison });
    }
    let text = || operand.as_str().map(str::to_owned).ok_or_else(|| bad(pointer, format!("`{operator}` takes text")));
    let comparison = match operator {
        "contains" | "starts_with" => {
            if !matches!(field.kind, FieldKind::Text { .. }) {
                return Err(bad(pointer, format!("`{}` is not text", field.name)));
            }
            if operator == "contains" { Comparison::Contains(text()?) } else { Comparison::StartsWith(text()?) }
        }
        "is_null" => {
            Comparison::IsNull(operand.as_bool().ok_or_else(|| bad(pointer, "`is_null` takes true or false"))?)
        }
        "in" | "not_in" => {
            let items: Vec<Json> = match operand {
                Json::Array(items) => items.clone(),
                single => vec![single.clone()],
            };
            if items.len() > VALUES_MAX {
                return Err(
                    bad(pointer, format!("`{operator}` takes at most {VALUES_MAX} values")).with("maximum", VALUES_MAX)
                );
            }
            return many(terms, path, field, operator, &items, pointer);
        }
        "between" => match operand.as_array().map(Vec::as_slice) {
            Some([low, high]) => {
                Comparison::Between(value(terms, field, low, pointer)?, value(terms, field, high, pointer)?)
            }
            _ => return Err(bad(pointer, "`between` takes a list of two values")),
        },
        "eq" | "ne" if operand.is_null() => Comparison::IsNull(operator == "eq"),
        "eq" | "ne" | "gt" | "gte" | "lt" | "lte" => {
            if let Some(keyed) = keyed(terms, path, field, operand) {
                let (path, key) = keyed;
                return one(operator, path, Value::text(&key), pointer);
            }
            return one(operator, path.clone(), value(terms, field, operand, pointer)?, pointer);
        }
        _ => {
            let known =
                ["eq", "ne", "gt", "gte", "lt", "lte", "in", "not_in", "contains", "starts_with", "is_null", "between"];
            return Err(bad(pointer, format!("there is no operator `{operator}`; {}", suggest::hint(operator, known))));
        }
    };
    Ok(Filter::Compare { path: path.clone(), comparison })
}

fn one(operator: &str, path: FilterPath, value: Value, pointer: &str) -> Result<Filter, Refusal> {
    let comparison = match operator {
        "eq" => Comparison::Equal(value),
        "ne" => Comparison::NotEqual(value),
        "gt" => Comparison::Greater(value),
        "gte" => Comparison::GreaterOrEqual(value),
        "lt" => Comparison::Less(value),
        "lte" => Comparison::LessOrEqual(value),
        _ => return Err(bad(pointer, format!("there is no operator `{operator}`"))),
    };
    Ok(Filter::Compare { path, comparison })
}

fn many(
    terms: &Terms<'_>,
    path: &FilterPath,
    field: &Field,
    operator: &str,
    items: &[Json],
    pointer: &str,
) -> Result<Filter, Refusal> {
    let mut values = Vec::new();
    let mut keys: Option<(FilterPath, Vec<Value>)> = None;
    for item in items {
        match keyed(terms, path, field, item) {
            Some((path, key)) => keys.get_or_insert_with(|| (path, Vec::new())).1.push(Value::text(&key)),
            None => match value(terms, field, item, pointer)? {
                Value::List(more) => values.extend(more),
                Value::Null => {}
                value => values.push(value),
            },
        }
    }
    let of = |path: FilterPath, values: Vec<Value>| Filter::Compare {
        path,
        comparison: if operator == "in" { Comparison::In(values) } else { Comparison::NotIn(values) },
    };
    Ok(match keys {
        None => of(path.clone(), values),
        Some((key_path, keys)) if values.is_empty() => of(key_path, keys),
        Some((key_path, keys)) => match operator {
            "in" => Filter::Or(vec![of(path.clone(), values), of(key_path, keys)]),
            _ => Filter::And(vec![of(path.clone(), values), of(key_path, keys)]),
        },
    })
}

/// A reference compared with a key: the path goes on to the key field of what it leads to.
fn keyed(terms: &Terms<'_>, path: &FilterPath, field: &Field, operand: &Json) -> Option<(FilterPath, String)> {
    let FieldKind::Id { to, .. } = &field.kind else { return None };
    let text = operand.as_str().filter(|text| Uuid::parse_str(text).is_err())?;
    let [target]: &[Name; 1] = to[..].try_into().ok()?;
    let key = terms.model.objects.get(target)?.key?;
    let mut slots = path.slots.clone();
    slots.push(key);
    Some((FilterPath { slots }, text.to_owned()))
}

/// A value in the field's type.
fn value(terms: &Terms<'_>, field: &Field, json: &Json, pointer: &str) -> Result<Value, Refusal> {
    if let Some(name) = json.get("user").and_then(Json::as_str) {
        return Ok(match name {
            "id" => terms.actor.id.map_or(Value::Null, Value::Id),
            "department" => terms.actor.department.map_or(Value::Null, Value::Id),
            _ => terms.actor.fields.get(name).cloned().unwrap_or_default(),
        });
    }
    let wrong = |wanted: &str| {
        Refusal::new(Code::WrongType, format!("`{}` is compared with {wanted}", field.name))
            .with("pointer", pointer)
            .with("field", &*field.name)
    };
    let text = json.as_str();
    let number = || match json {
        Json::Number(number) => Decimal::from_str_exact(&number.to_string()).ok(),
        Json::String(text) => Decimal::from_str_exact(text).ok(),
        Json::Object(members) => {
            members.get("amount").and_then(|amount| Decimal::from_str_exact(amount.as_str()?).ok())
        }
        _ => None,
    };
    match &field.kind {
        FieldKind::Text { .. } => text.map(Value::text).ok_or_else(|| wrong("text")),
        FieldKind::Choice { options } => match text {
            Some(name) if options.is_empty() || options.iter().any(|option| *option.name == *name) => {
                Ok(Value::text(name))
            }
            Some(name) => {
                let hint = suggest::hint(name, options.iter().map(|option| &*option.name));
                Err(Refusal::new(Code::NotAnOption, format!("`{name}` is not an option of `{}`; {hint}", field.name))
                    .with("pointer", pointer))
            }
            None => Err(wrong("the name of an option")),
        },
        FieldKind::Choices { .. } => text.map(Value::text).ok_or_else(|| wrong("the name of an option")),
        FieldKind::Decimal { .. } | FieldKind::Money { .. } | FieldKind::Rollup { .. } => {
            number().map(Value::Decimal).ok_or_else(|| wrong("a decimal"))
        }
        FieldKind::Boolean => json.as_bool().map(Value::Bool).ok_or_else(|| wrong("true or false")),
        FieldKind::Date => text
            .and_then(|text| Date::from_str(text).ok())
            .map(Value::Date)
            .ok_or_else(|| wrong("a date such as 2026-06-30")),
        FieldKind::Moment => text
            .and_then(|text| {
                Moment::parse(text)
                    .or_else(|| Date::from_str(text).ok().map(|date| Moment::start_of(date, &terms.model.zone)))
            })
            .map(Value::Moment)
            .ok_or_else(|| wrong("a moment such as 2026-06-30T23:30:00+08:00, or a date")),
        FieldKind::Id { .. } | FieldKind::Ids { .. } => {
            text.and_then(|text| Uuid::parse_str(text).ok()).map(Value::Id).ok_or_else(|| wrong("the id of a record"))
        }
        FieldKind::Items { .. } | FieldKind::Json => Err(wrong("nothing")),
    }
}

/// `{"this": "month"}`, `{"last": "week"}`, `{"today": true}` as `[from, to)`.
fn relative(terms: &Terms<'_>, json: &Json, pointer: &str) -> Result<Option<(Date, Date)>, Refusal> {
    let Some(members) = json.as_object() else { return Ok(None) };
    let Some((word, unit)) =
        members.iter().find(|(word, _)| ["this", "last", "next", "today"].contains(&word.as_str()))
    else {
        return Ok(None);
    };
    let today = terms.today.ok_or_else(|| bad(pointer, "relative dates cannot be used here"))?;
    if word == "today" {
        return Ok(Some((today, today.saturating_add(1.day()))));
    }
    let unit = unit.as_str().unwrap_or_default();
    let shift: i64 = match word.as_str() {
        "last" => -1,
        "next" => 1,
        _ => 0,
    };
    let monday = today.saturating_sub(i64::from(today.weekday().to_monday_zero_offset()).days());
    let quarter = jiff::civil::date(today.year(), (today.month() - 1) / 3 * 3 + 1, 1);
    let (start, span) = match unit {
        "day" => (today, 1.day()),
        "week" => (monday, 1.week()),
        "month" => (today.first_of_month(), 1.month()),
        "quarter" => (quarter, 3.months()),
        "year" => (today.first_of_year(), 1.year()),
        _ => return Err(bad(pointer, format!("`{unit}` is not day, week, month, quarter or year"))),
    };
    let from = if shift < 0 {
        start.saturating_sub(span)
    } else if shift > 0 {
        start.saturating_add(span)
    } else {
        start
    };
    Ok(Some((from, from.saturating_add(span))))
}

/// Slots a plain text search looks into: the display, the key and other short texts.
pub fn searchable(object: &Object) -> Vec<usize> {
    let mut slots: Vec<usize> =
        object.key.into_iter().chain((object.display >= slot::OWN).then_some(object.display)).collect();
    let texts = object
        .own_fields()
        .filter(|(_, field)| matches!(field.kind, FieldKind::Text { max_length, .. } if max_length <= 500))
        .map(|(slot, _)| slot);
    for slot in texts.take(8) {
        if !slots.contains(&slot) {
            slots.push(slot);
        }
    }
    slots
}
