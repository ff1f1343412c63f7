//! Refusals and failures as `application/problem+json` (RFC 9457). The one place that knows status codes.
//! Causes of our own failures go to the log, never into the body.

use crate::service::messages;
use crate::service::{self, Locale};
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use packwork_engine::codes::{Class, Code};
use packwork_engine::model::Model;
use packwork_engine::refusal::Refusal;
use serde_json::{Value as Json, json};

/// A refusal on its way out. It becomes a body at the gate, which knows the language and the request's id.
#[derive(Clone, Debug)]
pub struct Problem {
    pub refusal: Box<Refusal>,
    status: Option<StatusCode>,
    /// What failed on our side, for the log.
    pub cause: Option<Box<str>>,
}

impl Problem {
    pub fn new(code: Code, detail: impl Into<String>) -> Problem {
        Refusal::new(code, detail).into()
    }

    pub fn with(mut self, name: &'static str, value: impl Into<Json>) -> Problem {
        self.refusal.params.insert(name, value.into());
        self
    }

    /// `If-Match` was sent: a stale version is a failed precondition.
    pub fn of_precondition(mut self) -> Problem {
        if self.refusal.code == Code::StaleVersion {
            self.status = Some(StatusCode::PRECONDITION_FAILED);
        }
        self
    }

    /// What stands in the way is another record, not the request.
    pub fn of_restoring(mut self) -> Problem {
        if self.refusal.code == Code::NotUnique {
            self.status = Some(StatusCode::CONFLICT);
        }
        self
    }

    pub fn method_not_allowed(method: &str) -> Problem {
        let mut problem = Problem::new(Code::NoSuchRoute, format!("`{method}` is not allowed at this address"));
        problem.status = Some(StatusCode::METHOD_NOT_ALLOWED);
        problem
    }

    pub fn status(&self) -> StatusCode {
        self.status.unwrap_or_else(|| status_of(self.refusal.code))
    }

    /// The body in the caller's language.
    pub fn body(&self, model: &Model, locale: Locale) -> Json {
        let refusal = &self.refusal;
        let errors: Vec<Json> = refusal
            .errors
            .iter()
            .map(|error| {
                let mut told = json!({
                    "pointer": error.pointer,
                    "code": error.code,
                    "message": messages::text(model, locale, error.code, &error.message, &error.params),
                    "params": error.params,
                });
                if let Some(title) = messages::field_title(model, locale, &|name| error.params.get(name).cloned()) {
                    told["title"] = title.into();
                }
                told
            })
            .collect();
        json!({
            "type": format!("/docs/codes/{}", refusal.code),
            "code": refusal.code,
            "title": refusal.code.title(locale.as_str()),
            "status": self.status().as_u16(),
            "detail": messages::text(model, locale, refusal.code, &refusal.detail, &refusal.params),
            "params": refusal.params,
            "errors": errors,
        })
    }

    /// The whole answer in the caller's language.
    pub fn render(&self, model: &Model, locale: Locale, trace_id: &str) -> Response {
        let refusal = &self.refusal;
        let status = self.status();
        let mut body = self.body(model, locale);
        body["trace_id"] = json!(trace_id);
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = refusal.params.get("retry_after_seconds").and_then(Json::as_i64) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

fn status_of(code: Code) -> StatusCode {
    match code.class() {
        Class::Malformed => StatusCode::BAD_REQUEST,
        Class::Invalid if code == Code::BadFileType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Class::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Class::NotFound => StatusCode::NOT_FOUND,
        Class::Forbidden => StatusCode::FORBIDDEN,
        Class::Unauthenticated => StatusCode::UNAUTHORIZED,
        Class::Conflict => StatusCode::CONFLICT,
        Class::Precondition => StatusCode::PRECONDITION_REQUIRED,
        Class::Limit => match code {
            Code::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Code::PageTooLarge => StatusCode::BAD_REQUEST,
            Code::ScriptLimit => StatusCode::UNPROCESSABLE_ENTITY,
            _ => StatusCode::TOO_MANY_REQUESTS,
        },
        Class::Internal => match code {
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        },
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        Problem { refusal: Box::new(refusal), status: None, cause: None }
    }
}

impl From<service::Error> for Problem {
    fn from(error: service::Error) -> Problem {
        let unavailable = error.is_unavailable();
        match error {
            service::Error::Refused(refusal) => Problem { refusal, status: None, cause: None },
            failure => {
                let told = match unavailable {
                    true => Problem::new(Code::Unavailable, "the service is not ready, try again"),
                    false => {
                        Problem::new(Code::Internal, "something failed on our side; the log has it under the trace id")
                    }
                };
                Problem { cause: Some(service::chain(&failure).into()), ..told }
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status();
        response.extensions_mut().insert(self);
        response
    }
}
