//! The contract as OpenAPI 3.1: the table of routes, the static shapes, and the tenant's own objects with the schemas
//! of their records.

use super::BASE;
use super::route::{Access, Route};
use super::routes;
use packwork_engine::model::Model;
use packwork_engine::object::Object;
use packwork_engine::object::schema::record_schema;
use serde_json::{Map, Value as Json, json};

/// Shapes that are the same for every tenant.
const COMPONENTS: &str = include_str!("openapi/components.json");

/// The document for a model.
pub fn document(model: &Model) -> Json {
    let mut schemas: Map<String, Json> =
        serde_json::from_str(COMPONENTS).expect("the shapes are a JSON object; a test reads them");
    for object in model.objects.values() {
        schemas.insert(component(object), record(object));
    }
    let mut paths = Map::new();
    for route in routes::table() {
        if route.path.starts_with("/records/{object}") {
            for object in model.objects.values().filter(|object| object.owned_by.is_none()) {
                add(&mut paths, BASE, &route, Some(object));
            }
        } else {
            add(&mut paths, BASE, &route, None);
        }
    }
    for route in routes::outside() {
        add(&mut paths, "", &route, None);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Packwork",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "See docs/http.md for the words behind these shapes.",
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"cookie": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": super::gate::SESSION_COOKIE},
            },
        },
    })
}

fn component(object: &Object) -> String {
    format!("record_{}", object.name)
}

/// A record as answered: its fields and what stands beside them.
fn record(object: &Object) -> Json {
    let mut schema = record_schema(object);
    if let Some(members) = schema.as_object_mut() {
        members.remove("$schema");
        members.remove("required");
    }
    json!({"allOf": [{"$ref": "#/components/schemas/RecordHead"}, schema]})
}

fn add(paths: &mut Map<String, Json>, base: &str, route: &Route, object: Option<&Object>) {
    let path = match object {
        Some(object) => route.path.replace("{object}", &object.name),
        None => route.path.to_owned(),
    };
    let shape = |name: &str| match (name, object) {
        ("Record" | "RecordInput", Some(object)) => {
            json!({"$ref": format!("#/components/schemas/{}", component(object))})
        }
        ("Records", Some(object)) => json!({
            "allOf": [
                {"$ref": "#/components/schemas/Page"},
                {"properties": {"data": {"type": "array", "items": {"$ref": format!("#/components/schemas/{}", component(object))}}}},
            ]
        }),
        _ => json!({"$ref": format!("#/components/schemas/{name}")}),
    };
    let inside: Vec<Json> = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    let asked = route.query.iter().map(|name| json!({"name": name, "in": "query", "schema": {"type": "string"}}));
    let parameters: Vec<Json> = inside.into_iter().chain(asked).collect();
    let status = match (route.method.as_str(), route.answer, object) {
        (_, "", _) => "204",
        ("POST", "Record", Some(_)) if !route.path.contains("{id}") => "201",
        _ => "200",
    };
    let mut answer = json!({"description": route.summary});
    if !route.answer.is_empty() {
        answer["content"] = json!({"application/json": {"schema": shape(route.answer)}});
    }
    let problem = json!({
        "description": "A problem with its code",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    });
    let mut operation = json!({
        "tags": [object.map_or(route.tag, |object| &object.name)],
        "summary": route.summary,
        "operationId": operation_id(route, &path),
        "parameters": parameters,
        "responses": {status: answer, "default": problem},
    });
    if !route.body.is_empty() {
        operation["requestBody"] =
            json!({"required": true, "content": {"application/json": {"schema": shape(route.body)}}});
    }
    if route.access == Access::Anyone {
        operation["security"] = json!([]);
    }
    let at = paths.entry(format!("{base}{path}")).or_insert_with(|| json!({}));
    at[route.method.as_str().to_ascii_lowercase()] = operation;
}

/// `GET /records/customer/{id}` -> `get_records_customer_id`.
fn operation_id(route: &Route, path: &str) -> String {
    let words = path.split(['/', '{', '}', '-', '.']).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.collect();
    format!("{}_{}", route.method.as_str().to_ascii_lowercase(), words.join("_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_a_route_names_is_there() {
        let shapes: Map<String, Json> = serde_json::from_str(COMPONENTS).expect("the shapes are a JSON object");
        for route in routes::table().iter().chain(&routes::outside()) {
            for name in [route.body, route.answer] {
                let own = matches!(name, "" | "Record" | "RecordInput" | "Records");
                assert!(own || shapes.contains_key(name), "{} {} names `{name}`", route.method, route.path);
            }
            assert!(!route.summary.is_empty(), "{} {} says nothing", route.method, route.path);
        }
    }
}
