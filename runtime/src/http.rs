//! The HTTP contract (`docs/http.md`): requests to use cases and back. Takes no decision and knows no SQL.

mod again;
pub mod extract;
pub mod gate;
pub mod json;
pub mod openapi;
pub mod problem;
pub mod route;
pub mod routes;

use crate::app::App;
use axum::Router;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Response};
use packwork_engine::codes::Code;
use problem::Problem;
use std::sync::Arc;

/// Where the API stands.
pub const BASE: &str = "/api/v1";

/// The whole application as one service.
pub fn router(app: &Arc<App>) -> Router {
    let api = route::mount(Router::new(), routes::table());
    let outside = route::mount(Router::new(), routes::outside());
    Router::new()
        .nest(BASE, api.fallback(no_route))
        .merge(outside)
        .fallback(beside)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(axum::middleware::from_fn_with_state(app.clone(), gate::gate))
        .with_state(app.clone())
}

async fn no_route(method: Method, uri: Uri) -> Problem {
    Problem::new(Code::NoSuchRoute, format!("there is no `{method} {}`", uri.path())).with("path", uri.path())
}

async fn method_not_allowed(method: Method) -> Problem {
    Problem::method_not_allowed(method.as_str())
}

/// Everything that is no API is the UI; a mistyped address of the API must not answer with a page.
async fn beside(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if uri.path().starts_with("/api/") || uri.path() == "/api" {
        return no_route(method, uri).await.into_response();
    }
    crate::ui::serve(&method, &uri, &headers).into_response()
}
