//! Requests that are one command are carried out once more where other definitions came into force under them: refused, they
//! have done nothing.

use super::extract::{BODY_BYTES_MAX, read};
use super::problem::Problem;
use crate::app::App;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use packwork_engine::codes::Code;
use std::sync::Arc;

/// Publications that may overtake one request.
const TIMES_MAX: u32 = 3;

pub(super) async fn carry_out(request: Request, next: Next) -> Response {
    let Some(app) = request.extensions().get::<Arc<App>>().cloned() else { return next.run(request).await };
    let (parts, body) = request.into_parts();
    let body = match read(body, BODY_BYTES_MAX).await {
        Ok(body) => Bytes::from(body),
        Err(problem) => return problem.into_response(),
    };
    let mut times = 0;
    loop {
        let request = Request::from_parts(parts.clone(), Body::from(body.clone()));
        let response = next.clone().run(request).await;
        let problem = response.extensions().get::<Problem>();
        let overtaken = problem.is_some_and(|problem| problem.refusal.code == Code::DefinitionsChanged);
        if !overtaken || times == TIMES_MAX {
            return response;
        }
        times += 1;
        app.published().await;
        if let Err(error) = app.catch_up().await {
            return Problem::from(error).into_response();
        }
    }
}
