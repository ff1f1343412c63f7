//! `/statements`.

use super::settlement::{maybe_replayed, uuid};
use crate::app::App;
use crate::http::extract::{IdempotencyKey, IfMatch, JsonObject, Members, Query, SignedIn, required_version};
use crate::http::problem::Problem;
use crate::http::route::{Route, route};
use crate::service::explain;
use crate::service::settlement::{self, statements};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use packwork_engine::codes::Code;
use packwork_engine::settlement::line::StatementStatus;
use serde_json::Value as Body;
use std::sync::Arc;

const LIST: &[&str] = &["payee", "payer", "period", "status", "limit", "cursor"];

pub(super) fn routes() -> Vec<Route> {
    let tag = "statements";
    vec![
        route(Method::GET, "/statements", tag, list).query(LIST).answers("Statements", "Statements, newest first"),
        route(Method::GET, "/statements/{id}", tag, one).answers("Statement", "One statement with its first lines"),
        route(Method::POST, "/statements/{id}/{step}", tag, step)
            .takes("StatementStep")
            .answers("Statement", "Issue, confirm or pay a statement"),
        route(Method::GET, "/statements/{id}/explain", tag, explain_one)
            .answers("Explanation", "What a statement is made of"),
    ]
}

async fn list(State(app): State<Arc<App>>, SignedIn(caller): SignedIn, query: Query) -> Result<Json<Body>, Problem> {
    query.only(LIST)?;
    let status = match query.text("status") {
        None => None,
        Some(text) => Some(status(text)?),
    };
    let asked = statements::Asked {
        payer: settlement::party(&app, &caller, query.text("payer")).await?,
        payee: settlement::party(&app, &caller, query.text("payee")).await?,
        period: query.text("period").map(str::to_owned),
        status,
        limit: query.limit(50)?,
        cursor: query.text("cursor").map(str::to_owned),
    };
    Ok(Json(statements::list(&app, &caller, asked).await?))
}

fn status(text: &str) -> Result<StatementStatus, Problem> {
    let known = [StatementStatus::Draft, StatementStatus::Issued, StatementStatus::Confirmed, StatementStatus::Paid];
    known.into_iter().find(|status| status.as_str() == text).ok_or_else(|| {
        Problem::new(Code::BadParameter, "`status` is `draft`, `issued`, `confirmed` or `paid`")
            .with("parameter", "status")
    })
}

async fn one(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<Body>, Problem> {
    Ok(Json(statements::one(&app, &caller, uuid(&id)?).await?))
}

async fn step(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path((id, name)): Path<(String, String)>,
    if_match: IfMatch,
    IdempotencyKey { key, .. }: IdempotencyKey,
    JsonObject(mut body): JsonObject,
) -> Result<Response, Problem> {
    let step = statements::Step::named(&name).ok_or_else(|| {
        Problem::new(
            Code::UnknownTransition,
            format!("statements have no step `{name}`; there are issue, confirm and pay"),
        )
        .with("transition", name.as_str())
    })?;
    let version = required_version(&if_match, &mut body)?;
    Members::of(body).finish()?;
    let taken = statements::take(&app, &caller, uuid(&id)?, step, version, key).await;
    let (shown, replayed) = taken.map_err(|error| {
        let problem = Problem::from(error);
        if if_match.0.is_some() { problem.of_precondition() } else { problem }
    })?;
    Ok(maybe_replayed(shown, replayed))
}

async fn explain_one(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<Body>, Problem> {
    let row = statements::load(&app, &caller, uuid(&id)?).await?;
    Ok(Json(explain::statement(&app, &caller, &row).await?))
}
