//! Taking requests apart: the caller, JSON bodies, query parameters, versions. What does not fit is a refusal
//! that names its place.

use super::gate::Asked;
use super::json;
use super::problem::Problem;
use crate::app::App;
use crate::service::attachments;
use crate::service::command;
use crate::service::session::Caller;
use crate::store::Idempotency;
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header;
use axum::http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use packwork_engine::codes::Code;
use packwork_engine::refusal::{FieldError, Refusal};
use packwork_engine::suggest;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The largest body that is read: far above any record, far below what hurts.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// The same for a request of a thousand operations.
pub const LARGE_BODY_BYTES_MAX: usize = 16 * BODY_BYTES_MAX;

/// Who is calling; routes that need nobody do not ask for it.
pub struct SignedIn(pub Arc<Caller>);

impl FromRequestParts<Arc<App>> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<SignedIn, Problem> {
        let caller = parts.extensions.get::<Arc<Caller>>().cloned();
        caller.map(SignedIn).ok_or_else(|| Problem::new(Code::Unauthenticated, "sign in first: POST /api/v1/session"))
    }
}

impl FromRequestParts<Arc<App>> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Asked, Problem> {
        let asked = parts.extensions.get::<Asked>().cloned();
        asked.ok_or_else(|| Problem::new(Code::Internal, "the request did not pass the gate"))
    }
}

/// A JSON object, as sent. An empty body is an empty object.
pub struct JsonObject(pub Map<String, Json>);

impl FromRequest<Arc<App>> for JsonObject {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<JsonObject, Problem> {
        JsonObject::read(request, BODY_BYTES_MAX).await
    }
}

/// A JSON object of many operations.
pub struct LargeJsonObject(pub Map<String, Json>);

impl FromRequest<Arc<App>> for LargeJsonObject {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &Arc<App>) -> Result<LargeJsonObject, Problem> {
        JsonObject::read(request, LARGE_BODY_BYTES_MAX).await.map(|object| LargeJsonObject(object.0))
    }
}

impl JsonObject {
    async fn read(request: Request, bytes_max: usize) -> Result<JsonObject, Problem> {
        let bytes = read(request.into_body(), bytes_max).await?;
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(JsonObject(Map::new()));
        }
        match json::parse(&bytes) {
            Ok(Json::Object(members)) => Ok(JsonObject(members)),
            Ok(_) => Err(Problem::new(Code::MalformedJson, "the body must be a JSON object")
                .with("line", 1)
                .with("column", 1)),
            Err(error) => Err(Problem::new(Code::MalformedJson, format!("the body is not valid JSON: {error}"))
                .with("line", error.line())
                .with("column", error.column())),
        }
    }
}

pub(super) async fn read(body: Body, bytes_max: usize) -> Result<Vec<u8>, Problem> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(collected) => Ok(collected.to_bytes().to_vec()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            Err(Problem::new(Code::BodyTooLarge, format!("the body is larger than {bytes_max} bytes"))
                .with("limit", "BODY_BYTES_MAX")
                .with("limit_bytes", bytes_max))
        }
        Err(error) => Err(Problem::new(Code::MalformedJson, format!("the body could not be read: {error}"))),
    }
}

/// The query string, by name.
pub struct Query(BTreeMap<String, String>);

impl FromRequestParts<Arc<App>> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<App>) -> Result<Query, Problem> {
        match axum::extract::Query::<Vec<(String, String)>>::from_request_parts(parts, state).await {
            Ok(pairs) => Ok(Query(pairs.0.into_iter().filter(|(_, value)| !value.is_empty()).collect())),
            Err(error) => Err(Problem::new(Code::BadParameter, format!("the query string cannot be read: {error}"))),
        }
    }
}

impl Query {
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Refuses parameters the route does not know: a misspelt filter must not answer with everything.
    pub fn only(&self, known: &[&str]) -> Result<(), Problem> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(Problem::new(Code::BadParameter, format!("there is no parameter `{name}`"))
                .with("parameter", name.as_str())
                .with("known", known.to_vec())),
        }
    }

    pub fn limit(&self, default: u32) -> Result<u32, Problem> {
        match self.text("limit") {
            None => Ok(default),
            Some(text) => limit_of(&Json::String(text.to_owned())),
        }
    }

    /// The members of a list request, in the form its POST takes them.
    pub fn into_members(self) -> Result<Map<String, Json>, Problem> {
        let mut members = Map::new();
        for (name, value) in self.0 {
            let value = match name.as_str() {
                "filter" => json::parse(value.as_bytes()).map_err(|error| {
                    Problem::new(Code::BadFilter, format!("the filter is not JSON: {error}"))
                        .with("column", error.column())
                })?,
                _ => Json::String(value),
            };
            members.insert(name, value);
        }
        Ok(members)
    }
}

/// The most records of one page.
pub const PAGE_MAX: u32 = 200;

pub fn limit_of(value: &Json) -> Result<u32, Problem> {
    let number = match value {
        Json::Number(number) => number.as_u64(),
        Json::String(text) => text.parse().ok(),
        _ => None,
    };
    match number {
        Some(limit @ 1..=200) => Ok(u32::try_from(limit).unwrap_or(PAGE_MAX)),
        Some(limit) if limit > u64::from(PAGE_MAX) => {
            Err(Problem::new(Code::PageTooLarge, format!("a page has at most {PAGE_MAX} records"))
                .with("limit", "PAGE_MAX")
                .with("limit_max", PAGE_MAX))
        }
        _ => Err(Problem::new(Code::BadParameter, "`limit` is a number from 1 to 200").with("parameter", "limit")),
    }
}

/// What `If-Match` says; absent where the header is.
pub struct IfMatch(pub Option<i64>);

impl FromRequestParts<Arc<App>> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<IfMatch, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else { return Ok(IfMatch(None)) };
        let text = value.to_str().unwrap_or("").trim().trim_start_matches("W/").trim_matches('"');
        match text.parse() {
            Ok(version) => Ok(IfMatch(Some(version))),
            Err(_) => Err(Problem::new(Code::BadParameter, "`If-Match` holds the version of an ETag, such as \"3\"")
                .with("parameter", "If-Match")),
        }
    }
}

/// The versions a caller has already, from `If-None-Match`. What is no version of ours matches nothing.
pub struct IfNoneMatch(pub Vec<i64>);

impl FromRequestParts<Arc<App>> for IfNoneMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<IfNoneMatch, Problem> {
        let values = parts.headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let tags = values.flat_map(|value| value.split(','));
        let versions = tags.filter_map(|tag| tag.trim().trim_start_matches("W/").trim_matches('"').parse().ok());
        Ok(IfNoneMatch(versions.collect()))
    }
}

/// The version a change is about: from `If-Match`, else from the member `version`, which is taken out.
pub fn version(header: &IfMatch, members: &mut Map<String, Json>) -> Result<Option<i64>, Problem> {
    let written = match members.remove("version") {
        None | Some(Json::Null) => None,
        Some(Json::Number(number)) if number.as_i64().is_some() => number.as_i64(),
        Some(Json::String(text)) if text.parse::<i64>().is_ok() => text.parse().ok(),
        Some(_) => return Err(Refusal::of_fields(vec![wrong_type("/version", "a whole number")]).into()),
    };
    Ok(header.0.or(written))
}

pub fn required_version(header: &IfMatch, members: &mut Map<String, Json>) -> Result<i64, Problem> {
    version(header, members)?.ok_or_else(|| {
        Problem::new(Code::VersionRequired, "say which version you change: `If-Match: \"3\"` or the member `version`")
    })
}

/// The key that makes a repeated request safe.
pub struct IdempotencyKey {
    pub key: Option<String>,
    /// Method and address: the same key sent elsewhere is another request.
    asked: String,
}

impl IdempotencyKey {
    /// The key of an upload, whose content is part of what it asks for.
    pub fn keyed(self) -> Option<attachments::Keyed> {
        let asked = self.asked;
        self.key.map(|key| attachments::Keyed { key, asked })
    }

    /// The key with the digest of what the request asks for.
    pub fn of(self, body: &Map<String, Json>) -> Option<Idempotency> {
        let asked = self.asked;
        self.key.map(|key| {
            let digest = command::digest(&format!("{asked} {}", Json::Object(body.clone())));
            Idempotency { key, digest, lasting: false }
        })
    }
}

/// Longer keys are refused rather than cut.
const KEY_BYTES_MAX: usize = 200;

impl FromRequestParts<Arc<App>> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<IdempotencyKey, Problem> {
        let Some(value) = parts.headers.get("idempotency-key") else {
            return Ok(IdempotencyKey { key: None, asked: String::new() });
        };
        let asked = format!("{} {}", parts.method, parts.uri);
        match value.to_str() {
            Ok(text) if !text.is_empty() && text.len() <= KEY_BYTES_MAX => {
                Ok(IdempotencyKey { key: Some(text.to_owned()), asked })
            }
            _ => Err(Problem::new(Code::BadParameter, "`Idempotency-Key` has 1 to 200 visible characters")
                .with("parameter", "Idempotency-Key")),
        }
    }
}

/// Members of a body with a fixed shape: taken one by one, then what is left over is refused.
pub struct Members {
    left: Map<String, Json>,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
}

impl Members {
    pub fn of(members: Map<String, Json>) -> Members {
        Members { left: members, known: Vec::new(), errors: Vec::new() }
    }

    pub fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        match self.left.remove(name) {
            None | Some(Json::Null) => None,
            Some(Json::String(text)) => Some(text),
            Some(_) => {
                self.errors.push(wrong_type(&format!("/{name}"), "a text"));
                None
            }
        }
    }

    pub fn required_text(&mut self, name: &'static str) -> String {
        let errors = self.errors.len();
        let text = self.text(name).unwrap_or_default();
        if text.is_empty() && self.errors.len() == errors {
            let error = FieldError::new(Code::Required, format!("/{name}"), format!("`{name}` is required"));
            self.errors.push(error.with("field", name));
        }
        text
    }

    pub fn object(&mut self, name: &'static str) -> Map<String, Json> {
        self.known.push(name);
        match self.left.remove(name) {
            None | Some(Json::Null) => Map::new(),
            Some(Json::Object(members)) => members,
            Some(_) => {
                self.errors.push(wrong_type(&format!("/{name}"), "an object"));
                Map::new()
            }
        }
    }

    /// Ends the reading: every member that is wrong or unknown, at once.
    pub fn finish(mut self) -> Result<(), Problem> {
        for name in self.left.keys() {
            let error = FieldError::new(Code::UnknownField, format!("/{name}"), format!("there is no member `{name}`"));
            let error = error.with("field", name.as_str());
            self.errors.push(match suggest::nearest(name, self.known.iter().copied()) {
                Some(near) => error.with("suggestion", near),
                None => error,
            });
        }
        if self.errors.is_empty() { Ok(()) } else { Err(Refusal::of_fields(self.errors).into()) }
    }
}

pub fn wrong_type(pointer: &str, expected: &'static str) -> FieldError {
    FieldError::new(Code::WrongType, pointer, format!("must be {expected}")).with("expected", expected)
}
