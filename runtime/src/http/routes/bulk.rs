//! `/records/{object}/bulk`: many operations in one request.

use super::records::REPLAYED;
use crate::app::App;
use crate::http::extract::{IdempotencyKey, LargeJsonObject, Members, SignedIn, wrong_type};
use crate::http::problem::Problem;
use crate::http::route::{Route, route};
use crate::service::bulk::{self, Operation, OperationResult};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use packwork_engine::codes::Code;
use packwork_engine::refusal::{FieldError, Refusal};
use serde_json::{Map, Value as Body, json};
use std::sync::Arc;

const OPERATIONS: [&str; 5] = ["create", "update", "upsert", "delete", "transition"];

pub(super) fn routes() -> Vec<Route> {
    let path = "/records/{object}/bulk";
    vec![route(Method::POST, path, "records", post).takes("Bulk").answers("BulkResults", "Many operations at once")]
}

async fn post(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(object): Path<String>,
    key: IdempotencyKey,
    LargeJsonObject(mut body): LargeJsonObject,
) -> Result<Response, Problem> {
    let idempotency = key.of(&body);
    let operations = match body.remove("operations") {
        Some(Body::Array(operations)) => operations,
        None => Vec::new(),
        Some(_) => return Err(Refusal::of_fields(vec![wrong_type("/operations", "a list of operations")]).into()),
    };
    let atomic = match body.remove("atomic") {
        None | Some(Body::Null) => false,
        Some(Body::Bool(atomic)) => atomic,
        Some(_) => return Err(Refusal::of_fields(vec![wrong_type("/atomic", "true or false")]).into()),
    };
    Members::of(body).finish()?;
    if operations.is_empty() {
        let error = FieldError::new(Code::Required, "/operations", "`operations` is required");
        return Err(Refusal::of_fields(vec![error.with("field", "operations")]).into());
    }
    let operations = operations.into_iter().map(|operation| self::operation(operation).map_err(Box::new)).collect();
    let (model, locale) = (app.model(), caller.locale);
    let reply = Arc::new(move |results: &[OperationResult]| {
        let shown: Vec<Body> = results
            .iter()
            .map(|result| match result {
                Ok(applied) => json!({
                    "status": if applied.created { 201 } else { 200 },
                    "id": applied.subject.as_ref().map(|(_, id)| id),
                    "version": applied.version,
                }),
                Err(refusal) => {
                    let problem = Problem::from((**refusal).clone());
                    json!({"status": problem.status().as_u16(), "problem": problem.body(&model, locale)})
                }
            })
            .collect();
        let failed = results.iter().filter(|result| result.is_err()).count();
        json!({"results": shown, "succeeded": results.len() - failed, "failed": failed})
    });
    let asked = bulk::Asked { operations, atomic, idempotency, reply };
    let (reply, replayed) = bulk::bulk(&app, &caller, &object, asked).await?;
    let mut response = Json(reply).into_response();
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn operation(written: Body) -> Result<Operation, Refusal> {
    let Body::Object(mut written) = written else {
        return Err(Refusal::of_fields(vec![wrong_type("", "an object")]));
    };
    let mut versioned = |name: &'static str| match written.remove(name) {
        None | Some(Body::Null) => Ok(None),
        Some(Body::Number(number)) if number.as_i64().is_some() => Ok(number.as_i64()),
        Some(_) => Err(Refusal::of_fields(vec![wrong_type("/version", "a whole number")])),
    };
    let version = versioned("version")?;
    let mut members = Members::of(written);
    let duplicates = members.text("duplicates");
    let accepts_duplicates = match duplicates.as_deref() {
        None => false,
        Some("accept") => true,
        Some(other) => {
            let error = FieldError::new(Code::NotAnOption, "/duplicates", "`duplicates` is `accept` or not there");
            return Err(Refusal::of_fields(vec![error.with("field", "duplicates").with("value", other)]));
        }
    };
    let op = members.required_text("op");
    let operation = match op.as_str() {
        "create" => Operation::Create { data: members.object("data"), accepts_duplicates },
        "update" => Operation::Update { id: members.required_text("id"), version, data: members.object("data") },
        "upsert" => {
            Operation::Upsert { by: members.required_text("by"), data: members.object("data"), accepts_duplicates }
        }
        "delete" => Operation::Delete { id: members.required_text("id"), version },
        "transition" => Operation::Transition {
            id: members.required_text("id"),
            name: members.required_text("name"),
            version,
            input: members.object("input"),
        },
        "" => Operation::Create { data: Map::new(), accepts_duplicates },
        other => {
            let hint = packwork_engine::suggest::hint(other, OPERATIONS);
            let error = FieldError::new(Code::NotAnOption, "/op", format!("there is no operation `{other}`; {hint}"));
            return Err(Refusal::of_fields(vec![error.with("field", "op").with("value", other)]));
        }
    };
    members.finish().map_err(|problem| *problem.refusal)?;
    Ok(operation)
}
