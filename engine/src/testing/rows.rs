//! Filters in memory: whether one holds for a record. What a database answers with a condition; a test compares them.

use super::memory::Memory;
use crate::location::Place;
use crate::model::Model;
use crate::object::{Field, FieldKind};
use crate::query::{Comparison, Filter};
use crate::record::{Record, slot};
use crate::value::Value;
use std::cmp::Ordering;
use std::sync::Arc;

/// Whether a filter holds for a record.
pub fn holds(memory: &Memory, model: &Model, filter: &Filter, record: &Record) -> bool {
    let holds = |filter: &Filter| holds(memory, model, filter, record);
    match filter {
        Filter::All => true,
        Filter::Nothing => false,
        Filter::And(filters) => filters.iter().all(holds),
        Filter::Or(filters) => filters.iter().any(holds),
        Filter::Not(filter) => !holds(filter),
        Filter::Compare { path, comparison } => {
            at(memory, model, record, &path.slots, |field, value, _| compares(field, value, comparison))
        }
        Filter::Any { path, object, filter } => at(memory, model, record, &path.slots, |_, value, owner| {
            let rows: Vec<Arc<Record>> = match value {
                Value::List(ids) => {
                    let ids = ids.iter().filter_map(Value::as_id);
                    ids.filter_map(|id| memory.get(object, id)).filter(|row| !row.is_deleted()).cloned().collect()
                }
                _ => owner.map(|owner| memory.children(object, owner.id())).unwrap_or_default(),
            };
            rows.iter().any(|row| self::holds(memory, model, filter, row))
        }),
        Filter::Search { slots, text } => slots.iter().any(|slot| contains(record.values[*slot].as_text(), text)),
    }
}

/// Asks about the field at the end of a path: null, and nobody's, where a reference on the way is empty.
fn at(
    memory: &Memory,
    model: &Model,
    record: &Record,
    slots: &[usize],
    ask: impl FnOnce(&Field, &Value, Option<&Record>) -> bool,
) -> bool {
    let mut object = model.object(&record.object);
    let mut at = Some(record);
    for (index, slot) in slots.iter().enumerate() {
        let Some(field) = object.and_then(|object| object.fields.get(*slot)) else { return false };
        if index + 1 == slots.len() {
            return ask(field, at.map_or(&Value::Null, |record| &record.values[*slot]), at);
        }
        let FieldKind::Id { to, .. } = &field.kind else { return false };
        object = to.first().and_then(|to| model.object(to));
        at = at.and_then(|record| memory.get(to.first()?, record.values[*slot].as_id()?)).map(|record| &**record);
    }
    at.is_some_and(|record| !record.values[slot::ID].is_null())
}

/// Null satisfies nothing but `IsNull`, `NotEqual` and `NotIn`.
fn compares(field: &Field, value: &Value, comparison: &Comparison) -> bool {
    if matches!(field.kind, FieldKind::Choices { .. } | FieldKind::Ids { .. }) {
        return compares_members(value, comparison);
    }
    let ordered = |other: &Value, wanted: &[Ordering]| order(value, other).is_some_and(|is| wanted.contains(&is));
    let equal = |other: &Value| if other.is_null() { value.is_null() } else { ordered(other, &[Ordering::Equal]) };
    let from = |other: &Value| ordered(other, &[Ordering::Greater, Ordering::Equal]);
    match comparison {
        Comparison::Equal(other) => equal(other),
        Comparison::NotEqual(other) => !equal(other),
        Comparison::Greater(other) => ordered(other, &[Ordering::Greater]),
        Comparison::GreaterOrEqual(other) => from(other),
        Comparison::Less(other) => ordered(other, &[Ordering::Less]),
        Comparison::LessOrEqual(other) => ordered(other, &[Ordering::Less, Ordering::Equal]),
        Comparison::In(others) => others.iter().any(|other| !other.is_null() && equal(other)),
        Comparison::NotIn(others) => !others.iter().any(|other| !other.is_null() && equal(other)),
        Comparison::Contains(part) => contains(value.as_text(), part),
        Comparison::StartsWith(start) => {
            value.as_text().is_some_and(|text| text.to_ascii_lowercase().starts_with(&start.to_ascii_lowercase()))
        }
        Comparison::IsNull(null) => value.is_null() == *null,
        Comparison::Between(low, high) => from(low) && ordered(high, &[Ordering::Less, Ordering::Equal]),
        Comparison::Within(low, high) => from(low) && ordered(high, &[Ordering::Less]),
        Comparison::Near(near) => Place::of(value).is_some_and(|place| near.holds(&place)),
    }
}

/// How two values of one type stand to each other; amounts of another currency are neither more nor less.
fn order(value: &Value, other: &Value) -> Option<Ordering> {
    match (value, other) {
        (Value::Null, _) | (_, Value::Null) => None,
        (Value::Money(value), Value::Money(other)) if value.currency != other.currency => None,
        _ => match (value.as_decimal(), other.as_decimal()) {
            (Some(value), Some(other)) => Some(value.cmp(&other)),
            _ => Some(value.cmp(other)),
        },
    }
}

fn compares_members(value: &Value, comparison: &Comparison) -> bool {
    let members: &[Value] = match value {
        Value::List(members) => members,
        _ => &[],
    };
    let has = |other: &Value| match other {
        Value::List(others) => others.iter().any(|other| members.contains(other)),
        other => members.contains(other),
    };
    match comparison {
        Comparison::IsNull(null) => members.is_empty() == *null,
        Comparison::Equal(other) => has(other),
        Comparison::NotEqual(other) => !has(other),
        Comparison::In(others) => others.iter().any(has),
        Comparison::NotIn(others) => !others.iter().any(has),
        Comparison::Contains(text) => members.iter().any(|member| match member {
            Value::Id(id) => id.to_string() == **text,
            member => member.as_text() == Some(text),
        }),
        _ => false,
    }
}

/// ASCII letters only, as in both databases.
fn contains(text: Option<&str>, part: &str) -> bool {
    text.is_some_and(|text| text.to_ascii_lowercase().contains(&part.to_ascii_lowercase()))
}
