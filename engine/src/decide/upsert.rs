//! Creating a record, or changing the one that has a value in a unique field.

use super::Halt;
use super::records::{changeable, create, object_of, update};
use crate::codes::Code;
use crate::decision::Decision;
use crate::env::Reader;
use crate::object::input::{self, Keys, NotYet, Read};
use crate::object::{Field, Object};
use crate::record::Name;
use crate::refusal::Refusal;
use crate::value::Value;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

/// Unique fields hold no references: nothing is looked up to read one.
struct NoKeys;

impl Keys for NoKeys {
    fn find(&self, _: &[Name], _: &str) -> Result<Option<Uuid>, NotYet> {
        Ok(None)
    }
}

pub fn upsert(
    reader: &Reader<'_>,
    object: &Name,
    field: &Name,
    value: &Json,
    input: &Map<String, Json>,
) -> Result<Decision, Halt> {
    let object = object_of(reader, object)?;
    changeable(object)?;
    let (field, value) = unique_value(object, field, value)?;
    let key = (object.name.clone(), field.name.clone(), value.clone());
    let Some(holder) = reader.facts.holders.get(&key) else {
        reader.need(|need| {
            need.holders.insert(key);
        });
        return Err(Halt::Missing);
    };
    let mut input = input.clone();
    input.insert(field.name.to_string(), value.to_json());
    match holder {
        Some(id) => {
            // What a new record starts with is no change of one that is there.
            input.remove("template");
            update(reader, &object.name, *id, None, &input)
        }
        None => create(reader, &object.name, &input),
    }
}

/// A value of a unique field, read as the field reads input.
pub fn unique_value<'o>(object: &'o Object, name: &str, json: &Json) -> Result<(&'o Field, Value), Refusal> {
    let unique = |slot: usize, field: &Field| (field.unique || object.key == Some(slot)) && field.is_writable();
    let Some((_, field)) = object.field(name).filter(|(slot, field)| unique(*slot, field)) else {
        let known: Vec<&str> =
            object.own_fields().filter(|(slot, field)| unique(*slot, field)).map(|(_, field)| &*field.name).collect();
        let detail = format!("`{name}` is no unique field of `{}`", object.name);
        return Err(Refusal::new(Code::BadParameter, detail).with("parameter", "by").with("known", known));
    };
    match input::read(field, json, "", &format!("/{name}"), &NoKeys) {
        Read::Value(Value::Null) | Read::Waiting => {
            let error = crate::refusal::FieldError::new(
                Code::Required,
                format!("/{name}"),
                format!("a value of `{name}` names the record"),
            );
            Err(Refusal::of_fields(vec![error.with("field", name)]))
        }
        Read::Value(value) => Ok((field, value)),
        Read::Wrong(error) => Err(Refusal::of_fields(vec![*error])),
    }
}
