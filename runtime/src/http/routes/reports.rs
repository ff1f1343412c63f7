//! `/reports`, `/dashboards`.

use crate::app::App;
use crate::http::extract::{JsonObject, Members, SignedIn};
use crate::http::problem::Problem;
use crate::http::route::{Route, route};
use crate::service::{dashboards, reports};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::Method;
use serde_json::Value as Body;
use std::sync::Arc;

pub(super) fn routes() -> Vec<Route> {
    let tag = "reports";
    vec![
        route(Method::GET, "/reports", tag, all).answers("Reports", "The reports the caller may run"),
        route(Method::POST, "/reports/{name}/run", tag, run)
            .takes("RunReport")
            .answers("Report", "A report with its figures"),
        route(Method::GET, "/dashboards/{name}", tag, dashboard).answers("Dashboard", "A dashboard with its figures"),
    ]
}

async fn all(State(app): State<Arc<App>>, SignedIn(caller): SignedIn) -> Json<Body> {
    Json(reports::all(&app, &caller))
}

async fn run(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(name): Path<String>,
    JsonObject(mut body): JsonObject,
) -> Result<Json<Body>, Problem> {
    let filter = body.remove("filter");
    Members::of(body).finish()?;
    Ok(Json(reports::run(&app, &caller, &name, filter).await?.json(&name)))
}

async fn dashboard(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(name): Path<String>,
) -> Result<Json<Body>, Problem> {
    Ok(Json(dashboards::one(&app, &caller, &name).await?))
}
