//! `/tasks`.

use crate::app::App;
use crate::http::extract::{Query, SignedIn};
use crate::http::problem::Problem;
use crate::http::route::{Route, route};
use crate::service::tasks;
use axum::Json;
use axum::extract::State;
use axum::http::Method;
use serde_json::Value as Body;
use std::sync::Arc;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route(Method::GET, "/tasks", "tasks", list)
            .query(&["box"])
            .answers("Tasks", "Open to-dos of the caller's roles"),
    ]
}

async fn list(State(app): State<Arc<App>>, SignedIn(caller): SignedIn, query: Query) -> Result<Json<Body>, Problem> {
    query.only(&["box"])?;
    Ok(Json(tasks::list(&app, &caller, query.text("box").unwrap_or("todo")).await?))
}
