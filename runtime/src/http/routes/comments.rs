//! `/records/{object}/{id}/comments` and `/mentions`.

use super::records::marked;
use crate::app::App;
use crate::http::extract::{IdempotencyKey, JsonObject, Members, Query, SignedIn};
use crate::http::problem::Problem;
use crate::http::route::{Route, route};
use crate::service::comments;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value as Body};
use std::sync::Arc;

/// Comments and mentions of a page where nobody asked for more or fewer.
const LIMIT: u32 = 50;
const PAGE: &[&str] = &["limit", "cursor"];

pub(super) fn routes() -> Vec<Route> {
    let (all, one) = ("/records/{object}/{id}/comments", "/records/{object}/{id}/comments/{comment}");
    let tag = "comments";
    vec![
        route(Method::GET, all, tag, list).query(PAGE).answers("Rows", "Comments on a record, newest first"),
        route(Method::POST, all, tag, add).takes("CommentInput").answers("Comment", "Comment on a record"),
        route(Method::PATCH, one, tag, edit).takes("CommentInput").answers("Comment", "Change one's comment"),
        route(Method::DELETE, one, tag, delete).answers("", "Delete a comment"),
        route(Method::GET, "/mentions", tag, mentions).query(PAGE).answers("Rows", "Comments that mention the caller"),
        route(Method::POST, "/mentions/read", tag, read).answers("", "All mentions so far are read"),
    ]
}

async fn list(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path((object, id)): Path<(String, String)>,
    query: Query,
) -> Result<Json<Body>, Problem> {
    query.only(PAGE)?;
    let limit = query.limit(LIMIT)?;
    Ok(Json(comments::list(&app, &caller, &object, &id, limit, query.text("cursor")).await?))
}

fn text(body: Map<String, Body>) -> Result<String, Problem> {
    let mut members = Members::of(body);
    let text = members.required_text("text");
    members.finish()?;
    Ok(text)
}

async fn add(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path((object, id)): Path<(String, String)>,
    key: IdempotencyKey,
    JsonObject(body): JsonObject,
) -> Result<Response, Problem> {
    let key = key.of(&body);
    let (comment, replayed) = match comments::before(&app, &caller, key.as_ref()).await? {
        Some(comment) => (comment, true),
        None => comments::add(&app, &caller, &object, &id, &text(body)?, key).await?,
    };
    Ok(marked((StatusCode::CREATED, Json(comment)).into_response(), replayed))
}

async fn edit(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path((object, id, comment)): Path<(String, String, String)>,
    key: IdempotencyKey,
    JsonObject(body): JsonObject,
) -> Result<Response, Problem> {
    let key = key.of(&body);
    let (comment, replayed) = match comments::before(&app, &caller, key.as_ref()).await? {
        Some(before) => (before, true),
        None => comments::edit(&app, &caller, (&object, &id, &comment), &text(body)?, key).await?,
    };
    Ok(marked(Json(comment).into_response(), replayed))
}

async fn delete(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path((object, id, comment)): Path<(String, String, String)>,
    key: IdempotencyKey,
) -> Result<Response, Problem> {
    let key = key.of(&Map::new());
    let replayed = match comments::before(&app, &caller, key.as_ref()).await? {
        Some(_) => true,
        None => comments::delete(&app, &caller, (&object, &id, &comment), key).await?,
    };
    Ok(marked(StatusCode::NO_CONTENT.into_response(), replayed))
}

async fn mentions(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    query: Query,
) -> Result<Json<Body>, Problem> {
    query.only(PAGE)?;
    let limit = query.limit(LIMIT)?;
    Ok(Json(comments::mentions(&app, &caller, limit, query.text("cursor")).await?))
}

async fn read(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    key: IdempotencyKey,
) -> Result<Response, Problem> {
    let replayed = comments::read_mentions(&app, &caller, key.of(&Map::new())).await?;
    Ok(marked(StatusCode::NO_CONTENT.into_response(), replayed))
}
