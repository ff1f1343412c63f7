//! `/jobs/{id}`: how far long work is.

use crate::app::App;
use crate::http::extract::SignedIn;
use crate::http::problem::Problem;
use crate::http::route::{Route, route};
use crate::service::jobs;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::Method;
use serde_json::Value as Body;
use std::sync::Arc;

pub(super) fn routes() -> Vec<Route> {
    vec![route(Method::GET, "/jobs/{id}", "jobs", get).answers("Job", "How far a job is")]
}

async fn get(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<Body>, Problem> {
    Ok(Json(jobs::get(&app, &caller, &id).await?))
}
