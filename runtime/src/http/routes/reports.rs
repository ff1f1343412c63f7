//! `/dashboards`.

use crate::app::App;
use crate::http::extract::SignedIn;
use crate::http::problem::Problem;
use crate::http::route::{Route, route};
use crate::service::dashboards;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::Method;
use serde_json::Value as Body;
use std::sync::Arc;

pub(super) fn routes() -> Vec<Route> {
    vec![route(Method::GET, "/dashboards/{name}", "reports", one).answers("Dashboard", "A dashboard with its figures")]
}

async fn one(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(name): Path<String>,
) -> Result<Json<Body>, Problem> {
    Ok(Json(dashboards::one(&app, &caller, &name).await?))
}
