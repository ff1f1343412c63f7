//! `/exports`: lists and reports as files.

use crate::app::App;
use crate::http::extract::{JsonObject, Members, SignedIn};
use crate::http::problem::Problem;
use crate::http::route::{Route, route};
use crate::service::chain;
use crate::service::exports::{self, Asked, AskedList, Of};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, Method, header};
use axum::response::Response;
use futures_util::stream;
use packwork_engine::codes::Code;
use serde_json::Value as Json;
use std::sync::Arc;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route(Method::POST, "/exports", "exports", export)
            .takes("Export")
            .answers("File", "A list or a report as CSV, XLSX or NDJSON, streamed")
            .long(),
    ]
}

async fn export(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    JsonObject(mut body): JsonObject,
) -> Result<Response, Problem> {
    let sort = names(body.remove("sort"), "sort")?.unwrap_or_default();
    let fields = names(body.remove("fields"), "fields")?;
    let filter = body.remove("filter");
    let titles = match body.remove("titles") {
        None | Some(Json::Null) => true,
        Some(Json::Bool(titles)) => titles,
        Some(_) => return Err(bad("titles", "true or false")),
    };
    let report = body.contains_key("report");
    let mut members = Members::of(body);
    let format = members.required_text("format");
    let of = match report {
        true => Of::Report { name: members.required_text("report"), filter },
        false => {
            let (object, search) = (members.required_text("object"), members.text("search"));
            Of::List(AskedList { object, filter, sort, fields, search })
        }
    };
    members.finish()?;
    Ok(streamed(exports::begin(&app, &caller, Asked { of, format, titles }).await?))
}

/// A file that is sent while it is made.
pub(super) fn streamed(file: exports::Export) -> Response {
    let (media_type, name) = (file.media_type(), file.name().to_owned());
    let pieces = stream::unfold(Some(file), |file| async move {
        let mut file = file?;
        match file.next().await {
            Ok(Some(bytes)) => Some((Ok(Bytes::from(bytes)), Some(file))),
            Ok(None) => None,
            Err(error) => {
                tracing::error!(error = %chain(&error), "an export broke off");
                Some((Err(std::io::Error::other("the file could not be finished")), None))
            }
        }
    });
    download(Body::from_stream(pieces), media_type, &name)
}

fn names(value: Option<Json>, parameter: &'static str) -> Result<Option<Vec<String>>, Problem> {
    match value {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.split(',').map(|name| name.trim().to_owned()).collect())),
        Some(Json::Array(items)) => {
            let names: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
            names.map(Some).ok_or_else(|| bad(parameter, "a list of names"))
        }
        Some(_) => Err(bad(parameter, "a list of names")),
    }
}

fn bad(parameter: &'static str, expected: &str) -> Problem {
    Problem::new(Code::BadParameter, format!("`{parameter}` is {expected}")).with("parameter", parameter)
}

/// A file to be saved, whatever letters its name has.
pub(super) fn download(body: Body, media_type: &'static str, name: &str) -> Response {
    let mut response = Response::new(body);
    let plain: String =
        name.chars().map(|letter| if letter.is_ascii_graphic() && letter != '"' { letter } else { '_' }).collect();
    let encoded: String = name
        .bytes()
        .map(|byte| match byte.is_ascii_alphanumeric() || b"-._".contains(&byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect();
    let disposition = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}
