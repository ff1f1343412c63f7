//! `/definitions`, `/objects`, `/schemas`, `/packs`: what the tenant's packs say.

use crate::app::App;
use crate::http::extract::SignedIn;
use crate::http::problem::Problem;
use crate::http::route::{Route, route};
use crate::service::definitions;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::Method;
use serde_json::Value as Body;
use std::sync::Arc;

pub(super) fn routes() -> Vec<Route> {
    let tag = "definitions";
    vec![
        route(Method::GET, "/definitions", tag, list).answers("Rows", "All definitions in force"),
        route(Method::GET, "/definitions/{kind}/{name}", tag, one).answers("Definition", "One definition as written"),
        route(Method::GET, "/objects/{object}", tag, object).answers("ObjectView", "An object as the UI draws it"),
        route(Method::GET, "/schemas/{object}", tag, schema).answers("Schema", "JSON Schema of an object's records"),
        route(Method::GET, "/packs", tag, packs).answers("Rows", "Installed packs"),
    ]
}

async fn list(State(app): State<Arc<App>>, SignedIn(caller): SignedIn) -> Json<Body> {
    Json(definitions::list(&app, &caller))
}

async fn one(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path((kind, name)): Path<(String, String)>,
) -> Result<Json<Body>, Problem> {
    Ok(Json(definitions::one(&app, &caller, &kind, &name)?))
}

async fn object(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(object): Path<String>,
) -> Result<Json<Body>, Problem> {
    Ok(Json(definitions::object(&app, &caller, &object)?))
}

async fn schema(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(object): Path<String>,
) -> Result<Json<Body>, Problem> {
    Ok(Json(definitions::schema(&app, &caller, &object)?))
}

async fn packs(State(app): State<Arc<App>>, SignedIn(caller): SignedIn) -> Json<Body> {
    Json(definitions::packs(&app, &caller))
}
