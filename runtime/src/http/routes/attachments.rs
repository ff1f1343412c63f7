//! `/records/{object}/{id}/attachments` and `/attachments/{id}`: files come and go as raw bodies, in blocks.

use super::records::marked;
use crate::app::App;
use crate::http::extract::{IdempotencyKey, Query, SignedIn};
use crate::http::problem::Problem;
use crate::http::route::{Route, route};
use crate::service::attachments::{self, Asked};
use crate::service::session::Caller;
use axum::Json;
use axum::body::Body as Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use packwork_engine::codes::Code;
use serde_json::{Map, Value as Body};
use std::sync::Arc;

const UPLOAD: &[&str] = &["name", "field"];
const UPLOAD_AHEAD: &[&str] = &["object", "name", "field"];

pub(super) fn routes() -> Vec<Route> {
    let (all, one, tag) = ("/records/{object}/{id}/attachments", "/attachments/{id}", "attachments");
    let ahead = "Send a file for a record that is still to be made (raw body)";
    vec![
        route(Method::GET, all, tag, list).answers("Rows", "Files attached to a record"),
        route(Method::POST, all, tag, add).query(UPLOAD).answers("Attachment", "Attach a file (raw body)").long(),
        route(Method::POST, "/attachments", tag, add_ahead).query(UPLOAD_AHEAD).answers("Attachment", ahead).long(),
        route(Method::GET, one, tag, get).answers("", "The bytes of a file").long(),
        route(Method::DELETE, one, tag, delete).answers("", "Remove a file"),
    ]
}

async fn list(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path((object, id)): Path<(String, String)>,
) -> Result<Json<Body>, Problem> {
    Ok(Json(attachments::list(&app, &caller, &object, &id).await?))
}

async fn add(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path((object, record)): Path<(String, String)>,
    query: Query,
    key: IdempotencyKey,
    body: Bytes,
) -> Result<Response, Problem> {
    query.only(UPLOAD)?;
    take(&app, &caller, object, Some(record), &query, key, body).await
}

async fn add_ahead(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    query: Query,
    key: IdempotencyKey,
    body: Bytes,
) -> Result<Response, Problem> {
    query.only(UPLOAD_AHEAD)?;
    let object = query.text("object").unwrap_or_default().to_owned();
    take(&app, &caller, object, None, &query, key, body).await
}

async fn take(
    app: &App,
    caller: &Caller,
    object: String,
    record: Option<String>,
    query: &Query,
    key: IdempotencyKey,
    body: Bytes,
) -> Result<Response, Problem> {
    let name = query.text("name").unwrap_or_default().to_owned();
    let field = query.text("field").map(str::to_owned);
    let asked = Asked { object, record, name, field };
    let (attachment, replayed) = attachments::add(app, caller, asked, key.keyed(), body.into_data_stream()).await?;
    Ok(marked((StatusCode::CREATED, Json(attachment)).into_response(), replayed))
}

async fn get(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let attachment = attachments::find(&app, &caller, &id).await?;
    let tag = format!("\"{}\"", attachment.sha256);
    let same = headers.get(header::IF_NONE_MATCH).is_some_and(|sent| sent.as_bytes() == tag.as_bytes());
    let mut response = if same {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let bytes = app.files.read(attachment.id).await.map_err(|error| {
            tracing::error!(%error, attachment = %attachment.id, "the file of an attachment cannot be read");
            Problem::new(Code::Internal, "something failed on our side; the log has it under the trace id")
        })?;
        Response::new(Bytes::from_stream(bytes))
    };
    let mut put = |name, text: &str| {
        if let Ok(value) = HeaderValue::from_str(text) {
            response.headers_mut().insert(name, value);
        }
    };
    put(header::ETAG, &tag);
    put(header::CACHE_CONTROL, "private, no-cache");
    if !same {
        put(header::CONTENT_TYPE, &attachment.media_type);
        put(header::CONTENT_LENGTH, &attachment.size.to_string());
        put(header::CONTENT_DISPOSITION, &disposition(&attachment.name));
        put(header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'");
    }
    Ok(response)
}

/// Always to be saved, never shown by the browser as a page of ours (RFC 6266, RFC 8187).
fn disposition(name: &str) -> String {
    let mut plain = String::new();
    let mut encoded = String::new();
    for letter in name.chars() {
        let safe = letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-' | ' ');
        plain.push(if safe { letter } else { '_' });
    }
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

async fn delete(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
    key: IdempotencyKey,
) -> Result<Response, Problem> {
    let replayed = attachments::delete(&app, &caller, &id, key.of(&Map::new())).await?;
    Ok(marked(StatusCode::NO_CONTENT.into_response(), replayed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_never_leave_their_header() {
        assert_eq!(
            disposition("报\"价\r\n.pdf"),
            "attachment; filename=\"_____.pdf\"; filename*=UTF-8''%E6%8A%A5%22%E4%BB%B7%0D%0A.pdf"
        );
    }
}
