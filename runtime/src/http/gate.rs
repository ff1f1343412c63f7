//! What every request passes: its id, who is calling, the CSRF check, the watchdog, and the rendering of problems.

use super::again;
use super::problem::Problem;
use super::route::Access;
use crate::app::App;
use crate::auth::{Token, token};
use crate::service::Locale;
use crate::service::session::{self, Caller};
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, header};
use axum::middleware::Next;
use axum::response::IntoResponse;
use futures_util::FutureExt;
use packwork_engine::codes::Code;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument;

pub const SESSION_COOKIE: &str = "packwork_session";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const CSRF: HeaderName = HeaderName::from_static("x-csrf-token");

/// The language and id of a request, for handlers that need them.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The language of `Accept-Language`, where it names one of ours.
    pub chosen: Option<Locale>,
    pub request_id: Arc<str>,
}

/// The address a request came from, as far as it is known.
#[derive(Clone, Debug)]
pub struct Peer(pub String);

/// The token a request came with, for signing out.
#[derive(Clone, Debug)]
pub struct Presented(pub Token);

pub async fn gate(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response<Body> {
    let id = request_id(&app, request.headers());
    let (method, uri) = (request.method().clone(), request.uri().clone());
    // Lines of a request that went well say everything in one; who looks closer sees which line belongs to which request.
    let span = tracing::debug_span!("request", id = %id, %method, path = uri.path());
    let started = tokio::time::Instant::now();
    async move {
        let mut locale = accepted(request.headers());
        let answered = AssertUnwindSafe(pass(&app, &mut locale, &id, &mut request, next)).catch_unwind().await;
        let mut response = answered.unwrap_or_else(|_| {
            tracing::error!(%id, %method, path = uri.path(), "a handler panicked");
            Problem::new(Code::Internal, "something failed on our side; the log has it under the trace id")
                .into_response()
        });
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            if let Some(cause) = &problem.cause {
                tracing::error!(%id, error = cause, "a request failed");
            }
            let mut rendered = problem.render(&app.model(), locale.unwrap_or_default(), &id);
            for (name, value) in response.headers() {
                if !rendered.headers().contains_key(name) {
                    rendered.headers_mut().insert(name, value.clone());
                }
            }
            response = rendered;
        }
        finish(&mut response, &id);
        let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(%id, %method, path = uri.path(), status = response.status().as_u16(), millis, "answered");
        response
    }
    .instrument(span)
    .await
}

async fn pass(
    app: &Arc<App>,
    locale: &mut Option<Locale>,
    id: &Arc<str>,
    request: &mut Request,
    next: Next,
) -> Response<Body> {
    let chosen = *locale;
    let presented = presented(request.headers());
    if presented.is_some()
        && let Err(error) = app.catch_up().await
    {
        return Problem::from(error).into_response();
    }
    if let Some((token, carrier)) = presented {
        match session::resolve(app, &token, *locale).await {
            Ok(Some(caller)) => {
                locale.get_or_insert(caller.locale);
                if carrier == Carrier::Cookie && changes(request) && !carries_csrf(request.headers(), &token) {
                    return Problem::new(Code::CsrfMissing, "send the session's `csrf` value as X-CSRF-Token")
                        .into_response();
                }
                request.extensions_mut().insert(Presented(token));
                request.extensions_mut().insert(caller);
            }
            Ok(None) => {}
            Err(error) => return Problem::from(error).into_response(),
        }
    }
    request.extensions_mut().insert(app.clone());
    request.extensions_mut().insert(Asked { chosen, request_id: id.clone() });
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_string());
    request.extensions_mut().insert(Peer(peer.unwrap_or_else(|| "local".into())));
    let taken = std::mem::replace(request, Request::new(Body::empty()));
    next.run(taken).await
}

/// What stands before one route.
#[derive(Clone, Copy, Debug)]
pub struct Guard {
    pub access: Access,
    pub patience: Duration,
    pub one_command: bool,
}

pub async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response<Body> {
    if guard.access == Access::SignedIn && request.extensions().get::<Arc<Caller>>().is_none() {
        return Problem::new(Code::Unauthenticated, "sign in first: POST /api/v1/session").into_response();
    }
    let answering = async move {
        match guard.one_command {
            true => again::carry_out(request, next).await,
            false => next.run(request).await,
        }
    };
    match tokio::time::timeout(guard.patience, answering).await {
        Ok(response) => response,
        Err(_) => Problem::new(Code::Unavailable, "the request took too long and was given up")
            .with("limit_seconds", guard.patience.as_secs())
            .into_response(),
    }
}

/// The caller's id for a request where it can stand in a log, else one of ours.
fn request_id(app: &App, headers: &HeaderMap) -> Arc<str> {
    let fits = |text: &&str| !text.is_empty() && text.len() <= 64 && text.bytes().all(is_id_byte);
    match headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(fits) {
        Some(text) => text.into(),
        None => app.entropy.uuid(app.clock.now()).to_string().into(),
    }
}

fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Carrier {
    Bearer,
    Cookie,
}

fn presented(headers: &HeaderMap) -> Option<(Token, Carrier)> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        let text = value.to_str().ok()?.strip_prefix("Bearer ")?;
        return Some((Token::parse(text.trim())?, Carrier::Bearer));
    }
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == SESSION_COOKIE).then(|| Token::parse(value)).flatten().map(|token| (token, Carrier::Cookie))
        })
}

fn changes(request: &Request) -> bool {
    let reading = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    // Signing in carries no session of its own; an old cookie must not stand in its way.
    let signing_in = *request.method() == Method::POST && request.uri().path().ends_with("/api/v1/session");
    !reading && !signing_in
}

fn carries_csrf(headers: &HeaderMap, session: &Token) -> bool {
    headers.get(CSRF).and_then(|value| value.to_str().ok()).is_some_and(|sent| token::same(sent, &session.csrf()))
}

/// The first language of `Accept-Language` we speak, by weight.
fn accepted(headers: &HeaderMap) -> Option<Locale> {
    let text = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?;
    let mut best: Option<(u32, Locale)> = None;
    for item in text.split(',') {
        let mut parts = item.split(';');
        let Some(locale) = parts.next().and_then(Locale::named) else { continue };
        let weight = parts.find_map(|part| part.trim().strip_prefix("q=")).map_or(1_000, thousandths);
        if best.is_none_or(|(seen, _)| weight > seen) {
            best = Some((weight, locale));
        }
    }
    best.map(|(_, locale)| locale)
}

/// `0.8` -> 800; what cannot be read weighs nothing.
fn thousandths(text: &str) -> u32 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = format!("{fraction:0<3}");
    let whole: u32 = whole.parse().unwrap_or(0);
    whole * 1_000 + fraction.get(..3).and_then(|digits| digits.parse::<u32>().ok()).unwrap_or(0)
}

fn finish(response: &mut Response<Body>, id: &str) {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_known_language_wins() {
        let check = |text: &'static str, expect: Option<Locale>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_static(text));
            assert_eq!(accepted(&headers), expect, "{text}");
        };
        check("zh-CN", Some(Locale::Chinese));
        check("fr, en;q=0.5, zh;q=0.8", Some(Locale::Chinese));
        check("en-GB,zh;q=0.9", Some(Locale::English));
        check("fr", None);
    }
}
