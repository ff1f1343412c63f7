//! Row rules in memory: whether a filter holds for a record. What a database answers with a condition.

use super::memory::Memory;
use crate::model::Model;
use crate::object::FieldKind;
use crate::query::{Comparison, Filter};
use crate::record::{Record, slot};
use crate::value::Value;

/// Whether a filter holds for a record.
pub fn holds(memory: &Memory, model: &Model, filter: &Filter, record: &Record) -> bool {
    let holds = |filter: &Filter| holds(memory, model, filter, record);
    match filter {
        Filter::All => true,
        Filter::Nothing => false,
        Filter::And(filters) => filters.iter().all(holds),
        Filter::Or(filters) => filters.iter().any(holds),
        Filter::Not(filter) => !holds(filter),
        Filter::Compare { path, comparison } => compares(&value_at(memory, model, record, &path.slots), comparison),
        Filter::Search { slots, text } => {
            let wanted = text.to_lowercase();
            slots
                .iter()
                .any(|slot| record.values[*slot].as_text().is_some_and(|text| text.to_lowercase().contains(&wanted)))
        }
    }
}

fn value_at(memory: &Memory, model: &Model, record: &Record, slots: &[usize]) -> Value {
    match slots {
        [] => record.values[slot::ID].clone(),
        [slot] => record.values[*slot].clone(),
        [slot, rest @ ..] => {
            let target = model.object(&record.object).and_then(|object| match &object.fields[*slot].kind {
                FieldKind::Id { to, .. } => to.first(),
                _ => None,
            });
            let referenced = target.zip(record.values[*slot].as_id()).and_then(|(to, id)| memory.get(to, id));
            referenced.map_or(Value::Null, |referenced| value_at(memory, model, referenced, rest))
        }
    }
}

/// Null satisfies nothing but `IsNull`, `NotEqual` and `NotIn`.
fn compares(value: &Value, comparison: &Comparison) -> bool {
    let known = !value.is_null();
    let text = || value.as_text().unwrap_or_default();
    match comparison {
        Comparison::Equal(other) => known && value == other,
        Comparison::NotEqual(other) => value != other,
        Comparison::Greater(other) => known && value > other,
        Comparison::GreaterOrEqual(other) => known && value >= other,
        Comparison::Less(other) => known && value < other,
        Comparison::LessOrEqual(other) => known && value <= other,
        Comparison::In(others) => known && others.contains(value),
        Comparison::NotIn(others) => !others.contains(value),
        Comparison::Contains(part) => known && text().to_lowercase().contains(&part.to_lowercase()),
        Comparison::StartsWith(start) => known && text().starts_with(&**start),
        Comparison::IsNull(null) => known != *null,
        Comparison::Between(from, to) => known && from <= value && value <= to,
        Comparison::Within(from, to) => known && from <= value && value < to,
    }
}
