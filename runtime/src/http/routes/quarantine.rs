//! `/quarantine`: what left the definitions and is kept, and deleting it for good.

use crate::app::App;
use crate::http::extract::{JsonObject, SignedIn, wrong_type};
use crate::http::problem::Problem;
use crate::http::route::{Route, route};
use crate::service::quarantine::{self, AGE_DAYS_MAX};
use axum::Json;
use axum::extract::State;
use axum::http::Method;
use packwork_engine::codes::Code;
use packwork_engine::refusal::Refusal;
use serde_json::Value as Body;
use std::sync::Arc;

pub(super) fn routes() -> Vec<Route> {
    let tag = "definitions";
    vec![
        route(Method::GET, "/quarantine", tag, list).answers("Rows", "What left the definitions and is kept"),
        route(Method::POST, "/quarantine/purge", tag, purge)
            .takes("PurgeRequest")
            .answers("Rows", "Delete for good what has been kept for longer")
            .long(),
    ]
}

async fn list(State(app): State<Arc<App>>, SignedIn(caller): SignedIn) -> Result<Json<Body>, Problem> {
    Ok(Json(quarantine::list(&app, &caller).await?))
}

async fn purge(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    JsonObject(mut members): JsonObject,
) -> Result<Json<Body>, Problem> {
    let days = match members.remove("older_than_days") {
        None => {
            return Err(Problem::new(Code::Required, "`older_than_days` is needed").with("field", "older_than_days"));
        }
        Some(days) => days.as_i64().filter(|days| (0..=AGE_DAYS_MAX).contains(days)).ok_or_else(|| {
            let wrong = wrong_type("/older_than_days", "a whole number of days");
            Problem::from(Refusal::of_fields(vec![wrong]))
        })?,
    };
    if let Some(name) = members.keys().next() {
        return Err(
            Problem::new(Code::UnknownField, format!("there is no member `{name}`")).with("field", name.clone())
        );
    }
    Ok(Json(quarantine::purge(&app, &caller, days).await?))
}
