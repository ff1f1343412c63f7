//! The shape of a definition against its kind's schema: everything that is wrong, in words, and the
//! wrong parts taken out so that the rest can still be checked.

use crate::codes::Code;
use crate::definition::Kind;
use crate::diagnostic::Diagnostics;
use crate::suggest;
use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::OnceLock;

struct Shape {
    schema: Json,
    validator: Validator,
}

/// Reports what does not fit and removes it from the document.
pub fn check(kind: Kind, json: &mut Json, file: &str, diagnostics: &mut Diagnostics) {
    let shape = shape_of(kind);
    let mut wrong: Vec<String> = Vec::new();
    for error in shape.validator.iter_errors(json) {
        report(&shape.schema, &error, file, diagnostics, &mut wrong);
    }
    // Deepest first, so that list positions stay right while parts are taken out.
    wrong.sort_by(|a, b| b.cmp(a));
    for pointer in &wrong {
        remove(json, pointer);
    }
}

fn shape_of(kind: Kind) -> &'static Shape {
    static SHAPES: OnceLock<BTreeMap<Kind, Shape>> = OnceLock::new();
    let shapes = SHAPES.get_or_init(|| {
        Kind::ALL
            .iter()
            .map(|kind| {
                let schema = kind.json_schema();
                let validator =
                    jsonschema::draft202012::new(&schema).expect("the schemas of the written types are valid schemas");
                (*kind, Shape { schema, validator })
            })
            .collect()
    });
    &shapes[&kind]
}

fn report(
    schema: &Json,
    error: &ValidationError<'_>,
    file: &str,
    diagnostics: &mut Diagnostics,
    wrong: &mut Vec<String>,
) {
    let pointer = error.instance_path().as_str().to_owned();
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known = known_properties(schema, error.schema_path().as_str());
            for name in unexpected {
                let place = format!("{pointer}/{}", escaped(name));
                diagnostics
                    .error(Code::UnknownProperty, file, place.clone(), format!("there is no property `{name}` here"))
                    .hint(suggest::hint(name, known.iter().map(String::as_str)));
                wrong.push(place);
            }
        }
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            diagnostics.error(Code::MissingProperty, file, pointer, format!("the property `{name}` is missing"));
        }
        ValidationErrorKind::Enum { options } => {
            let options: Vec<&str> = options.as_array().into_iter().flatten().filter_map(Json::as_str).collect();
            let given = error.instance().as_str().unwrap_or_default();
            diagnostics
                .error(
                    Code::BadProperty,
                    file,
                    pointer.clone(),
                    format!("{} is not one of the values it can have", shown(error.instance())),
                )
                .hint(suggest::hint(given, options.iter().copied()));
            wrong.push(pointer);
        }
        ValidationErrorKind::Type { .. } => {
            diagnostics.error(Code::BadProperty, file, pointer.clone(), error.to_string());
            wrong.push(pointer);
        }
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            // One of several forms was meant: the one that goes wrong deepest inside is the likeliest.
            let likeliest = context.iter().filter(|errors| !errors.is_empty()).max_by_key(|errors| {
                errors.iter().map(|error| error.instance_path().as_str().matches('/').count()).max().unwrap_or(0)
            });
            let deeper = likeliest
                .filter(|errors| errors.iter().any(|error| error.instance_path().as_str().len() > pointer.len()));
            match deeper {
                Some(errors) => errors.iter().for_each(|error| report(schema, error, file, diagnostics, wrong)),
                None => {
                    let wanted: Vec<String> = context.iter().flatten().map(ToString::to_string).collect();
                    diagnostics
                        .error(
                            Code::BadProperty,
                            file,
                            pointer.clone(),
                            format!("{} is none of the forms it can have", shown(error.instance())),
                        )
                        .hint(wanted.join("; or "));
                    wrong.push(pointer);
                }
            }
        }
        _ => {
            diagnostics.error(Code::BadProperty, file, pointer.clone(), error.to_string());
            wrong.push(pointer);
        }
    }
}

/// The properties a schema knows, at the place of an `additionalProperties` that refused one.
fn known_properties(schema: &Json, path: &str) -> Vec<String> {
    let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let properties = schema.pointer(parent).and_then(|place| place.get("properties")).and_then(Json::as_object);
    properties.map(|known| known.keys().cloned().collect()).unwrap_or_default()
}

fn shown(json: &Json) -> String {
    let text = json.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn remove(json: &mut Json, pointer: &str) {
    let Some((parent, last)) = pointer.rsplit_once('/') else { return };
    let last = last.replace("~1", "/").replace("~0", "~");
    match json.pointer_mut(parent) {
        Some(Json::Object(members)) => {
            members.shift_remove(&last);
        }
        Some(Json::Array(items)) => {
            if let Ok(index) = last.parse::<usize>()
                && index < items.len()
            {
                items.remove(index);
            }
        }
        _ => {}
    }
}
