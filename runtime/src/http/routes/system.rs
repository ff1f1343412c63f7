//! Health, readiness, and the contract itself as OpenAPI.

use crate::app::App;
use crate::http::openapi;
use crate::http::problem::Problem;
use crate::http::route::{Route, route};
use axum::Json;
use axum::extract::State;
use axum::http::Method;
use packwork_engine::codes::Code;
use serde_json::{Value as Body, json};
use std::sync::Arc;

pub(super) fn routes() -> Vec<Route> {
    vec![route(Method::GET, "/openapi.json", "system", contract).answers("Schema", "This document").for_anyone()]
}

pub(super) fn outside() -> Vec<Route> {
    vec![
        route(Method::GET, "/healthz", "system", alive).answers("Health", "The process answers").for_anyone(),
        route(Method::GET, "/readyz", "system", ready).answers("Health", "The database answers too").for_anyone(),
    ]
}

async fn contract(State(app): State<Arc<App>>) -> Json<Body> {
    Json(openapi::document(&app.model()))
}

async fn alive() -> Json<Body> {
    Json(json!({"status": "ok"}))
}

async fn ready(State(app): State<Arc<App>>) -> Result<Json<Body>, Problem> {
    match app.store.ping().await {
        Ok(()) => Ok(Json(json!({"status": "ok"}))),
        Err(error) => {
            tracing::error!(error = %crate::service::chain(&error), "the database does not answer");
            Err(Problem::new(Code::Unavailable, "the database does not answer"))
        }
    }
}
