//! `/statements`.

use super::settlement::{maybe_replayed, uuid};
use crate::app::App;
use crate::http::extract::{IdempotencyKey, IfMatch, JsonObject, Members, Query, SignedIn, required_version};
use crate::http::problem::Problem;
use crate::http::route::{Route, route};
use crate::service::explain;
use crate::service::session::Caller;
use crate::service::settlement::statements::steps::{self, Asked};
use crate::service::settlement::{self, statements};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use packwork_engine::codes::Code;
use packwork_engine::decision::StatementStep;
use packwork_engine::settlement::line::StatementStatus;
use packwork_engine::settlement::statement::DisputeOutcome;
use serde_json::Value as Body;
use std::sync::Arc;
use uuid::Uuid;

const LIST: &[&str] = &["payee", "payer", "period", "status", "limit", "cursor"];

const POSITIONS: &[&str] = &["period", "party"];

pub(super) fn routes() -> Vec<Route> {
    let tag = "statements";
    vec![
        route(Method::GET, "/statements", tag, list).query(LIST).answers("Statements", "Statements, newest first"),
        route(Method::GET, "/statements/positions", tag, positions).query(POSITIONS).answers(
            "Positions",
            "Net positions of a period: what pairs of parties owe each other, both directions together",
        ),
        route(Method::GET, "/statements/{id}", tag, one).answers("Statement", "One statement with its first lines"),
        route(Method::POST, "/statements/{id}/{step}", tag, step)
            .takes("StatementStep")
            .answers("Statement", "Issue, confirm, pay or reverse a statement, or write its debt off"),
        route(Method::POST, "/statements/{id}/disputes", tag, dispute)
            .takes("DisputeInput")
            .answers("Statement", "Dispute lines of an issued statement"),
        route(Method::POST, "/statements/{id}/disputes/{dispute}/{outcome}", tag, settle)
            .takes("DisputeEnd")
            .answers("Statement", "Settle a dispute: accept the line as it is, or uphold the objection"),
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

async fn positions(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    query: Query,
) -> Result<Json<Body>, Problem> {
    query.only(POSITIONS)?;
    let Some(period) = query.text("period") else {
        return Err(Problem::new(Code::BadParameter, "`period` names a period").with("parameter", "period"));
    };
    let party = settlement::party(&app, &caller, query.text("party")).await?;
    Ok(Json(statements::positions::positions(&app, &caller, period.to_owned(), party).await?))
}

fn status(text: &str) -> Result<StatementStatus, Problem> {
    StatementStatus::named(text).ok_or_else(|| {
        let known: Vec<&str> = StatementStatus::ALL.iter().map(|status| status.as_str()).collect();
        let detail = format!("`status` is one of {}", known.join(", "));
        Problem::new(Code::BadParameter, detail).with("parameter", "status")
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
    let version = required_version(&if_match, &mut body)?;
    let mut members = Members::of(body);
    let step = match name.as_str() {
        "issue" => StatementStep::Issue,
        "confirm" => StatementStep::Confirm,
        "pay" => StatementStep::Pay,
        "reverse" => StatementStep::Reverse { reason: members.required_text("reason"), period: members.text("period") },
        "write_off" => StatementStep::WriteOff { reason: members.required_text("reason") },
        _ => {
            let detail =
                format!("statements have no step `{name}`; there are issue, confirm, pay, reverse and write_off");
            return Err(Problem::new(Code::UnknownTransition, detail).with("transition", name.as_str()));
        }
    };
    members.finish()?;
    answer(&app, &caller, &id, &if_match, Asked { step, version, key }).await
}

async fn dispute(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
    if_match: IfMatch,
    IdempotencyKey { key, .. }: IdempotencyKey,
    JsonObject(mut body): JsonObject,
) -> Result<Response, Problem> {
    let version = required_version(&if_match, &mut body)?;
    let bad = || Problem::new(Code::BadParameter, "`lines` is a list of ids of lines").with("parameter", "lines");
    let listed = body.remove("lines");
    let listed = listed.as_ref().and_then(Body::as_array).ok_or_else(bad)?;
    let lines = listed.iter().map(|id| id.as_str().and_then(|id| Uuid::parse_str(id).ok()));
    let lines: Vec<Uuid> = lines.collect::<Option<_>>().ok_or_else(bad)?;
    let mut members = Members::of(body);
    let reason = members.required_text("reason");
    members.finish()?;
    let step = StatementStep::Dispute { lines, reason };
    answer(&app, &caller, &id, &if_match, Asked { step, version, key }).await
}

async fn settle(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path((id, dispute, outcome)): Path<(String, String, String)>,
    if_match: IfMatch,
    IdempotencyKey { key, .. }: IdempotencyKey,
    JsonObject(mut body): JsonObject,
) -> Result<Response, Problem> {
    let outcome = match outcome.as_str() {
        "accept" => DisputeOutcome::Accepted,
        "uphold" => DisputeOutcome::Upheld,
        other => {
            let detail = format!("a dispute is not settled by `{other}`; there are accept and uphold");
            return Err(Problem::new(Code::UnknownTransition, detail).with("transition", other));
        }
    };
    let version = required_version(&if_match, &mut body)?;
    let mut members = Members::of(body);
    let note = members.text("note");
    members.finish()?;
    let step = StatementStep::Settle { dispute: uuid(&dispute)?, outcome, note };
    answer(&app, &caller, &id, &if_match, Asked { step, version, key }).await
}

/// Takes a step and answers with the statement as it stands afterwards.
async fn answer(app: &App, caller: &Caller, id: &str, if_match: &IfMatch, asked: Asked) -> Result<Response, Problem> {
    let (shown, replayed) = steps::take(app, caller, uuid(id)?, asked).await.map_err(|error| {
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
