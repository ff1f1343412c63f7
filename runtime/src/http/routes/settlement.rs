//! `/settlement`: plans, runs, lines, periods, the ledger's trial balance.

use super::records::REPLAYED;
use crate::app::App;
use crate::http::extract::{IdempotencyKey, JsonObject, Members, Query, SignedIn};
use crate::http::problem::Problem;
use crate::http::route::{Route, route};
use crate::service::settlement::{self, attribution, close, lines, run};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use packwork_engine::codes::Code;
use serde_json::Value as Body;
use std::sync::Arc;
use uuid::Uuid;

const LINES: &[&str] = &["plan", "period", "party", "fact", "statement", "run", "limit", "cursor"];
const ATTRIBUTION: &[&str] = &["by", "period"];
const EXPLAIN: &[&str] = &["replay"];
const RUNS: &[&str] = &["plan", "period", "limit", "cursor"];

pub(super) fn routes() -> Vec<Route> {
    let tag = "settlement";
    vec![
        route(Method::POST, "/settlement/runs", tag, start)
            .takes("RunInput")
            .answers("Run", "Run a plan over a period")
            .long(),
        route(Method::GET, "/settlement/runs", tag, runs).query(RUNS).answers("Rows", "Runs, newest first"),
        route(Method::GET, "/settlement/runs/{id}", tag, one_run).answers("Run", "One run"),
        route(Method::GET, "/settlement/plans", tag, plans).answers("Rows", "Settlement plans"),
        route(Method::GET, "/settlement/lines", tag, list_lines)
            .query(LINES)
            .answers("Lines", "Lines in the order they were posted"),
        route(Method::GET, "/settlement/lines/{id}", tag, one_line).answers("Line", "One line"),
        route(Method::GET, "/settlement/lines/{id}/explain", tag, explain_line)
            .query(EXPLAIN)
            .answers("Explanation", "Why a line has its amount, and with `replay` whether it comes out again"),
        route(Method::GET, "/settlement/periods", tag, periods)
            .query(&["calendar"])
            .answers("Rows", "Periods, newest first"),
        route(Method::POST, "/settlement/periods/{period}/close", tag, close_period)
            .takes("CloseInput")
            .answers("Period", "Close a period")
            .long(),
        route(Method::GET, "/settlement/trial-balance", tag, trial_balance)
            .query(&["period"])
            .answers("TrialBalance", "Debits and credits by account"),
        route(Method::GET, "/settlement/attribution", tag, attribution_by)
            .query(ATTRIBUTION)
            .answers("Rows", "Income, cost and profit by dimensions of lines"),
    ]
}

async fn start(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    IdempotencyKey { key, .. }: IdempotencyKey,
    JsonObject(body): JsonObject,
) -> Result<Response, Problem> {
    let mut members = Members::of(body);
    let plan = members.required_text("plan");
    let period = members.required_text("period");
    let mode = members.text("mode");
    members.finish()?;
    let mode = run::Mode::named(mode.as_deref().unwrap_or("commit"))
        .ok_or_else(|| Problem::new(Code::BadParameter, "`mode` is `commit` or `preview`").with("parameter", "mode"))?;
    let asked = run::Asked { plan, period, mode, key };
    let (shown, replayed) = run::start(&app, &caller, asked).await?;
    Ok(maybe_replayed(shown, replayed))
}

/// Marks an answer that was given before.
pub(super) fn maybe_replayed(shown: Body, replayed: bool) -> Response {
    let mut response = Json(shown).into_response();
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

async fn attribution_by(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    query: Query,
) -> Result<Json<Body>, Problem> {
    query.only(ATTRIBUTION)?;
    let names = query.text("by").unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
    let by = names.map(str::to_owned).collect();
    Ok(Json(attribution::by(&app, &caller, by, query.text("period")).await?))
}

async fn runs(State(app): State<Arc<App>>, SignedIn(caller): SignedIn, query: Query) -> Result<Json<Body>, Problem> {
    query.only(RUNS)?;
    Ok(Json(run::list(&app, &caller, query.text("plan"), query.text("period"), query.limit(50)?).await?))
}

async fn one_run(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<Body>, Problem> {
    Ok(Json(run::one(&app, &caller, uuid(&id)?).await?))
}

async fn plans(State(app): State<Arc<App>>, SignedIn(caller): SignedIn) -> Result<Json<Body>, Problem> {
    Ok(Json(settlement::plans(&app, &caller)?))
}

async fn list_lines(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    query: Query,
) -> Result<Json<Body>, Problem> {
    query.only(LINES)?;
    let id = |name: &str| query.text(name).map(uuid).transpose();
    let asked = lines::Asked {
        plan: query.text("plan").map(str::to_owned),
        period: query.text("period").map(str::to_owned),
        party: settlement::party(&app, &caller, query.text("party")).await?,
        fact: id("fact")?,
        statement: id("statement")?,
        run: id("run")?,
        limit: query.limit(50)?,
        cursor: query.text("cursor").map(str::to_owned),
    };
    Ok(Json(lines::list(&app, &caller, asked).await?))
}

async fn one_line(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<Body>, Problem> {
    Ok(Json(lines::one(&app, &caller, uuid(&id)?).await?))
}

async fn explain_line(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
    query: Query,
) -> Result<Json<Body>, Problem> {
    query.only(EXPLAIN)?;
    let again = match query.text("replay") {
        None | Some("false") => lines::Again::No,
        Some("true") => lines::Again::Replayed,
        Some(_) => {
            let problem = Problem::new(Code::BadParameter, "`replay` is `true` or `false`");
            return Err(problem.with("parameter", "replay"));
        }
    };
    Ok(Json(lines::explained(&app, &caller, uuid(&id)?, again).await?))
}

async fn periods(State(app): State<Arc<App>>, SignedIn(caller): SignedIn, query: Query) -> Result<Json<Body>, Problem> {
    query.only(&["calendar"])?;
    Ok(Json(settlement::periods(&app, &caller, query.text("calendar").unwrap_or(CALENDAR)).await?))
}

/// The calendar where none is named.
const CALENDAR: &str = "month";

async fn close_period(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(period): Path<String>,
    IdempotencyKey { key, .. }: IdempotencyKey,
    JsonObject(body): JsonObject,
) -> Result<Response, Problem> {
    let mut members = Members::of(body);
    let calendar = members.text("calendar");
    members.finish()?;
    let (shown, replayed) = close::close(&app, &caller, calendar.as_deref().unwrap_or(CALENDAR), &period, key).await?;
    Ok(maybe_replayed(shown, replayed))
}

async fn trial_balance(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    query: Query,
) -> Result<Json<Body>, Problem> {
    query.only(&["period"])?;
    Ok(Json(settlement::trial_balance(&app, &caller, query.text("period")).await?))
}

pub(super) fn uuid(text: &str) -> Result<Uuid, Problem> {
    Uuid::parse_str(text).map_err(|_| Problem::new(Code::NotFound, format!("`{text}` is no id")).with("id", text))
}
