//! `/imports`: files of records on their way in.

use crate::app::App;
use crate::http::extract::{JsonObject, Members, Query, SignedIn};
use crate::http::problem::Problem;
use crate::http::route::{Route, route};
use crate::service::imports::{self, AskedPlan, Upload};
use crate::service::session::Caller;
use crate::service::{Answer, chain};
use axum::Json;
use axum::body::{Body as Bytes, Bytes as Piece};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http_body_util::BodyExt;
use packwork_engine::codes::Code;
use serde_json::Value as Body;
use std::sync::Arc;
use std::time::Duration;

const UPLOAD: &[&str] = &["object", "name"];
const LIST: &[&str] = &["object", "limit", "cursor"];
const ROWS: &[&str] = &["outcome", "limit", "cursor"];
const LIMIT: u32 = 50;
/// How often a job of another process is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(super) fn routes() -> Vec<Route> {
    let tag = "imports";
    vec![
        route(Method::POST, "/imports", tag, upload).query(UPLOAD).answers("Import", "Upload a file").long(),
        route(Method::GET, "/imports", tag, list).query(LIST).answers("Rows", "Imports, newest first"),
        route(Method::GET, "/imports/template", tag, template)
            .query(&["object", "format"])
            .answers("File", "An empty file with the columns an import may have"),
        route(Method::GET, "/imports/{id}", tag, get).answers("Import", "How an import stands"),
        route(Method::POST, "/imports/{id}/plan", tag, plan)
            .takes("ImportPlan")
            .answers("Import", "Say what each row would do"),
        route(Method::GET, "/imports/{id}/rows", tag, rows)
            .query(ROWS)
            .answers("Rows", "Rows with what becomes of them"),
        route(Method::POST, "/imports/{id}/apply", tag, apply).answers("Import", "Do what was planned"),
        route(Method::POST, "/imports/{id}/cancel", tag, cancel).answers("Import", "Stop after the chunk it is at"),
        route(Method::POST, "/imports/{id}/resume", tag, resume).answers("Import", "Go on with what was stopped"),
        route(Method::POST, "/imports/{id}/revert", tag, revert).answers("Import", "Take back what was applied"),
        route(Method::GET, "/imports/{id}/errors.csv", tag, errors).answers("File", "The rows that were not applied"),
        route(Method::GET, "/imports/{id}/events", tag, events).answers("Events", "How far it is, as it goes on"),
    ]
}

async fn upload(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    query: Query,
    headers: HeaderMap,
    mut body: Bytes,
) -> Result<Response, Problem> {
    query.only(UPLOAD)?;
    let Some(object) = query.text("object") else { return Err(missing("object")) };
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > imports::FILE_BYTES_MAX as u64) {
        return Err(imports::too_large().into());
    }
    let mut upload = Upload::begin(&app, &caller, object, query.text("name").unwrap_or_default()).await?;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Problem::new(Code::BadFile, format!("the upload broke off: {error}")).with("reason", "broken_off")
        })?;
        if let Ok(bytes) = frame.into_data() {
            upload.take(&app, &caller, &bytes).await?;
        }
    }
    let shown = upload.finish(&app, &caller).await?;
    let location = format!("{}/imports/{}", crate::http::BASE, shown["id"].as_str().unwrap_or_default());
    let mut response = (StatusCode::CREATED, Json(shown)).into_response();
    if let Ok(value) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    Ok(response)
}

fn missing(parameter: &'static str) -> Problem {
    Problem::new(Code::BadParameter, format!("`{parameter}` is required")).with("parameter", parameter)
}

async fn list(State(app): State<Arc<App>>, SignedIn(caller): SignedIn, query: Query) -> Result<Json<Body>, Problem> {
    query.only(LIST)?;
    let limit = query.limit(LIMIT)?;
    Ok(Json(imports::list(&app, &caller, query.text("object"), limit, query.text("cursor")).await?))
}

async fn get(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<Body>, Problem> {
    let import = imports::get(&app, &caller, &id).await?;
    Ok(Json(imports::show(&app, &caller, &import).await?))
}

async fn plan(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
    JsonObject(body): JsonObject,
) -> Result<Response, Problem> {
    let has_mapping = body.get("mapping").is_some_and(|mapping| !mapping.is_null());
    let mut members = Members::of(body);
    let mapping = members.object("mapping");
    let asked = AskedPlan {
        mapping: has_mapping.then_some(mapping),
        mode: members.text("mode"),
        by: members.text("by"),
        duplicates: members.text("duplicates"),
        encoding: members.text("encoding"),
        sheet: members.text("sheet"),
        date_format: members.text("date_format"),
    };
    members.finish()?;
    accepted(imports::start_plan(&app, &caller, &id, asked).await)
}

fn accepted(answer: Answer<Body>) -> Result<Response, Problem> {
    Ok((StatusCode::ACCEPTED, Json(answer?)).into_response())
}

async fn rows(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
    query: Query,
) -> Result<Json<Body>, Problem> {
    query.only(ROWS)?;
    let limit = query.limit(LIMIT)?;
    let import = imports::get(&app, &caller, &id).await?;
    let rows = imports::rows_of(&app, &caller, &import, query.text("outcome"), limit, query.text("cursor")).await?;
    Ok(Json(rows))
}

async fn apply(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    accepted(imports::start_apply(&app, &caller, &id).await)
}

async fn cancel(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    accepted(imports::cancel(&app, &caller, &id).await)
}

async fn resume(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    accepted(imports::resume(&app, &caller, &id).await)
}

async fn revert(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    accepted(imports::start_revert(&app, &caller, &id).await)
}

async fn template(State(app): State<Arc<App>>, SignedIn(caller): SignedIn, query: Query) -> Result<Response, Problem> {
    query.only(&["object", "format"])?;
    let Some(object) = query.text("object") else { return Err(missing("object")) };
    let format = query.text("format").unwrap_or("csv");
    let file = imports::template::file(&app, &caller, object, format)?;
    Ok(super::exports::download(Bytes::from(file.bytes), file.media_type, &file.name))
}

async fn errors(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let import = imports::get(&app, &caller, &id).await?;
    let name = format!("errors-{id}.csv");
    let file = imports::errors(&app, &caller, import).await?;
    let pieces = stream::unfold(Some(file), |file| async move {
        let mut file = file?;
        match file.next().await {
            Ok(Some(text)) => Some((Ok(Piece::from(text)), Some(file))),
            Ok(None) => None,
            Err(error) => {
                tracing::error!(error = %chain(&error), "an error file broke off");
                Some((Err(std::io::Error::other("the file could not be finished")), None))
            }
        }
    });
    Ok(super::exports::download(Bytes::from_stream(pieces), "text/csv; charset=utf-8", &name))
}

/// Where somebody follows an import.
struct Follower {
    app: Arc<App>,
    caller: Arc<Caller>,
    id: String,
    seen: i64,
    turns: tokio::sync::watch::Receiver<u64>,
    ended: bool,
}

async fn events(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    imports::get(&app, &caller, &id).await?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    let turns = app.jobs.follow();
    let follower = Follower { app, caller, id, seen: last.unwrap_or(0), turns, ended: false };
    let pieces = stream::unfold(follower, |mut follower| async move {
        let text = follower.next().await?;
        Some((Ok::<_, std::io::Error>(Piece::from(text)), follower))
    });
    let mut response = Response::new(Bytes::from_stream(pieces));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    Ok(response)
}

impl Follower {
    /// The next event; nothing more once the job has ended.
    async fn next(&mut self) -> Option<String> {
        loop {
            if self.ended {
                return None;
            }
            self.turns.mark_unchanged();
            let import = match imports::get(&self.app, &self.caller, &self.id).await {
                Ok(import) => import,
                Err(error) => {
                    tracing::error!(error = %chain(&error), "following an import broke off");
                    return None;
                }
            };
            self.ended = !imports::is_working(&import);
            if import.revision > self.seen {
                self.seen = import.revision;
                let shown = imports::show(&self.app, &self.caller, &import).await.ok()?;
                return Some(format!("id: {}\nevent: progress\ndata: {shown}\n\n", import.revision));
            }
            if self.ended {
                // Seen already: said once more, so that whoever comes back hears that it is over.
                let shown = imports::show(&self.app, &self.caller, &import).await.ok()?;
                return Some(format!("id: {}\nevent: progress\ndata: {shown}\n\n", import.revision));
            }
            let _ = tokio::time::timeout(LOOK_EVERY, self.turns.changed()).await;
        }
    }
}
