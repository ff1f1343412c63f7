//! `/session` and `/me`.

use crate::app::App;
use crate::auth::Secret;
use crate::http::extract::{JsonObject, Members, SignedIn};
use crate::http::gate::{Asked, Peer, Presented, SESSION_COOKIE};
use crate::http::problem::Problem;
use crate::http::route::{Route, route};
use crate::service::session;
use axum::extract::State;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde_json::json;
use std::sync::Arc;

pub(super) fn routes() -> Vec<Route> {
    vec![
        route(Method::POST, "/session", "session", sign_in).takes("SignIn").answers("Session", "Sign in").for_anyone(),
        route(Method::DELETE, "/session", "session", sign_out).answers("", "Sign out"),
        route(Method::GET, "/me", "session", me).answers("Me", "Who is signed in, and their navigation"),
    ]
}

async fn sign_in(
    State(app): State<Arc<App>>,
    asked: Asked,
    Extension(peer): Extension<Peer>,
    JsonObject(body): JsonObject,
) -> Result<Response, Problem> {
    let mut members = Members::of(body);
    let login = members.required_text("user");
    let password = Secret::new(members.required_text("password"));
    let tenant = members.text("tenant");
    members.finish()?;
    // One server holds one tenant: another one's name is as wrong as another password.
    if tenant.is_some_and(|tenant| tenant != app.store.tenant()) {
        return Err(Problem::new(packwork_engine::codes::Code::BadCredentials, "user or password is wrong"));
    }
    let signed_in = session::sign_in(&app, &login, password, &peer.0, asked.chosen).await?;
    let token = signed_in.token.expose();
    let body = json!({
        "token": token,
        "csrf": signed_in.caller.csrf,
        "expires_at": signed_in.expires_at.to_string(),
        "user": session::me(&app, &signed_in.caller),
    });
    let mut response = Json(body).into_response();
    set_cookie(&mut response, &format!("{SESSION_COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax"));
    Ok(response)
}

async fn sign_out(State(app): State<Arc<App>>, presented: Option<Extension<Presented>>) -> Result<Response, Problem> {
    if let Some(Extension(Presented(token))) = presented {
        session::sign_out(&app, &token).await?;
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    set_cookie(&mut response, &format!("{SESSION_COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"));
    Ok(response)
}

async fn me(State(app): State<Arc<App>>, SignedIn(caller): SignedIn) -> Json<serde_json::Value> {
    Json(session::me(&app, &caller))
}

fn set_cookie(response: &mut Response, cookie: &str) {
    if let Ok(mut value) = HeaderValue::from_str(cookie) {
        value.set_sensitive(true);
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
}
