//! The JSON Schema of an object's records: served to clients, and what patterns and constraints are checked with.

use super::{Field, FieldKind, Object};
use crate::codes::Code;
use crate::record::slot;
use crate::refusal::FieldError;
use crate::value::Value;
use jsonschema::error::ValidationErrorKind;
use serde_json::{Map, Value as Json, json};

/// The schema of a record as people write it.
pub fn record_schema(object: &Object) -> Json {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (_, field) in object.own_fields() {
        properties.insert(field.name.to_string(), field_schema(field));
        if field.required && field.is_writable() {
            required.push(Json::from(&*field.name));
        }
    }
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": &*object.name,
        "type": "object",
        "properties": properties,
        "required": required,
    });
    if let (Some(schema), Some(constraints)) = (schema.as_object_mut(), &object.constraints) {
        schema.insert("allOf".into(), json!([constraints]));
    }
    schema
}

fn field_schema(field: &Field) -> Json {
    let decimal = |scale: u32| json!({"type": "string", "format": "decimal", "x-scale": scale, "pattern": "^-?[0-9]+(\\.[0-9]+)?$"});
    let id = || json!({"type": "string", "format": "uuid"});
    let mut schema = match &field.kind {
        FieldKind::Text { max_length, pattern } => {
            let mut schema = json!({"type": "string", "maxLength": max_length});
            if let Some(pattern) = pattern {
                schema["pattern"] = format!("^(?:{pattern})$").into();
            }
            schema
        }
        FieldKind::Decimal { scale, .. } => decimal(*scale),
        FieldKind::Rollup { scale, money: None, .. } => decimal(*scale),
        FieldKind::Money { scale, .. } | FieldKind::Rollup { scale, money: Some(_), .. } => {
            json!({"type": "object", "properties": {"amount": decimal(*scale), "currency": {"type": "string", "pattern": "^[A-Z]{3}$"}}})
        }
        FieldKind::Boolean => json!({"type": "boolean"}),
        FieldKind::Date => json!({"type": "string", "format": "date"}),
        FieldKind::Moment => json!({"type": "string", "format": "date-time"}),
        FieldKind::Choice { options } => {
            json!({"enum": options.iter().map(|option| &*option.name).collect::<Vec<_>>()})
        }
        FieldKind::Choices { options } => {
            json!({"type": "array", "items": {"enum": options.iter().map(|option| &*option.name).collect::<Vec<_>>()}})
        }
        FieldKind::Id { .. } => id(),
        FieldKind::Ids { .. } => json!({"type": "array", "items": id()}),
        FieldKind::Items { to } => json!({"type": "array", "items": {"type": "object", "x-object": &**to}}),
        FieldKind::Location => {
            let degrees = json!({"type": ["string", "number"]});
            json!({
                "type": "object",
                "properties": {"latitude": degrees, "longitude": degrees},
                "required": ["latitude", "longitude"],
                "additionalProperties": false
            })
        }
        FieldKind::Files { multiple: true, .. } => json!({"type": "array", "items": id()}),
        FieldKind::Files { .. } => json!({"type": "array", "items": id(), "maxItems": 1}),
        FieldKind::Json => json!({}),
    };
    if !field.is_writable() {
        schema["readOnly"] = true.into();
    }
    schema
}

/// Checks patterns and constraints; fields that are empty are absent to the schema.
pub fn violations(object: &Object, values: &[Value]) -> Vec<FieldError> {
    let validator = object.validator.get_or_init(|| {
        let has_pattern =
            object.fields.iter().any(|field| matches!(&field.kind, FieldKind::Text { pattern: Some(_), .. }));
        let needed = has_pattern || object.constraints.is_some();
        needed.then(|| jsonschema::draft202012::new(&loose(record_schema(object))).ok()).flatten()
    });
    let Some(validator) = validator else { return Vec::new() };
    let mut document = Map::new();
    for (index, field) in object.fields.iter().enumerate().skip(slot::OWN) {
        let value = values.get(index).unwrap_or(&Value::Null);
        if !value.is_null() && !matches!(field.kind, FieldKind::Items { .. }) {
            document.insert(field.name.to_string(), value.to_json());
        }
    }
    let document = Json::Object(document);
    validator
        .iter_errors(&document)
        .map(|error| {
            let place = error.instance_path().as_str().to_owned();
            match error.kind() {
                ValidationErrorKind::Required { property } => {
                    let name = property.as_str().unwrap_or_default();
                    FieldError::new(Code::Required, format!("{place}/{name}"), format!("`{name}` is required"))
                        .with("field", name)
                }
                _ => {
                    let field = place.trim_start_matches('/').split('/').next().unwrap_or_default().to_owned();
                    FieldError::new(Code::ConstraintBroken, place, error.masked().to_string()).with("field", field)
                }
            }
        })
        .collect()
}

/// Required fields and read-only ones are the engine's own business; only patterns and constraints are asked here.
fn loose(mut schema: Json) -> Json {
    if let Some(members) = schema.as_object_mut() {
        members.remove("required");
    }
    schema
}
