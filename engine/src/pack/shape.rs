//! The shape of a definition against its kind's schema: everything that is wrong, in words, and the
//! wrong parts taken out so that the rest can still be checked.

use super::manifest::Manifest;
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

impl Shape {
    fn of(schema: Json) -> Shape {
        let validator =
            jsonschema::draft202012::new(&schema).expect("the schemas of the written types are valid schemas");
        Shape { schema, validator }
    }
}

/// Reports what does not fit a kind of definition and removes it from the document.
pub fn check(kind: Kind, json: &mut Json, file: &str, diagnostics: &mut Diagnostics) {
    check_shape(shape_of(kind), json, file, diagnostics);
}

/// The same for `pack.json`.
pub fn check_manifest(json: &mut Json, file: &str, diagnostics: &mut Diagnostics) {
    static SHAPE: OnceLock<Shape> = OnceLock::new();
    check_shape(SHAPE.get_or_init(|| Shape::of(Manifest::schema())), json, file, diagnostics);
}

fn check_shape(shape: &Shape, json: &mut Json, file: &str, diagnostics: &mut Diagnostics) {
    let mut wrong: Vec<String> = Vec::new();
    for error in shape.validator.iter_errors(json) {
        report(&shape.schema, &error, file, diagnostics, &mut wrong);
    }
    take_out(json, wrong);
}

/// Deepest and last first, so that list positions stay right while parts are taken out.
fn take_out(json: &mut Json, mut wrong: Vec<String>) {
    let place = |pointer: &String| -> Vec<(usize, String)> {
        pointer.split('/').map(|segment| (segment.parse().unwrap_or(usize::MAX), segment.to_owned())).collect()
    };
    wrong.sort_by_cached_key(|pointer| std::cmp::Reverse(place(pointer)));
    wrong.dedup();
    for pointer in &wrong {
        remove(json, pointer);
    }
}

fn shape_of(kind: Kind) -> &'static Shape {
    static SHAPES: OnceLock<BTreeMap<Kind, Shape>> = OnceLock::new();
    let shapes = SHAPES.get_or_init(|| Kind::ALL.iter().map(|kind| (*kind, Shape::of(kind.json_schema()))).collect());
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
        ValidationErrorKind::AnyOf { .. } | ValidationErrorKind::OneOfNotValid { .. }
            if !words_of(schema, error.schema_path().as_str()).is_empty() =>
        {
            let words = words_of(schema, error.schema_path().as_str());
            let given = error.instance().as_str().unwrap_or_default();
            diagnostics
                .error(
                    Code::BadProperty,
                    file,
                    pointer.clone(),
                    format!("{} is not one of the values it can have", shown(error.instance())),
                )
                .hint(suggest::hint(given, words.iter().copied()));
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

/// The words of which one had to be there: those of an enumeration whose words are described one by one. None where
/// other forms are possible too.
fn words_of<'s>(schema: &'s Json, path: &str) -> Vec<&'s str> {
    fn of_forms<'s>(schema: &'s Json, forms: &'s [Json]) -> Option<Vec<&'s str>> {
        let words: Option<Vec<Vec<&str>>> = forms.iter().map(|form| of_form(schema, form)).collect();
        words.map(|words| words.concat())
    }
    fn of_form<'s>(schema: &'s Json, form: &'s Json) -> Option<Vec<&'s str>> {
        if let Some(place) = form["$ref"].as_str() {
            return of_form(schema, schema.pointer(place.trim_start_matches('#'))?);
        }
        match form {
            Json::Object(members) if members.get("type").is_some_and(|of| of == "null") => Some(Vec::new()),
            Json::Object(members) if members.contains_key("const") => members["const"].as_str().map(|word| vec![word]),
            Json::Object(members) => match (members.get("enum"), members.get("oneOf")) {
                (Some(Json::Array(words)), _) => words.iter().map(Json::as_str).collect(),
                (None, Some(Json::Array(forms))) => of_forms(schema, forms),
                _ => None,
            },
            _ => None,
        }
    }
    let forms = schema.pointer(path).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    of_forms(schema, forms).unwrap_or_default()
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
