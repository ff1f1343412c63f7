//! `/settlement`: plans, runs, lines, periods, the ledger's trial balance.

use super::exports::streamed;
use super::records::REPLAYED;
use crate::app::App;
use crate::http::extract::{IdempotencyKey, JsonObject, LargeJsonObject, Members, Query, SignedIn, wrong_type};
use crate::http::problem::Problem;
use crate::http::route::{Route, route};
use crate::service::changes::draft::Drafted;
use crate::service::exports;
use crate::service::settlement::lineset::Basis;
use crate::service::settlement::{self, attribution, close, compare, dimensions, ledger, lines, run};
use crate::store::EntryQuery;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use packwork_engine::codes::Code;
use packwork_engine::decision::Pin;
use packwork_engine::refusal::Refusal;
use serde_json::{Map, Value as Body};
use std::sync::Arc;
use uuid::Uuid;

const LINES: &[&str] = &["plan", "period", "party", "fact", "statement", "run", "limit", "cursor"];
const ATTRIBUTION: &[&str] = &["by", "period"];
const ENTRIES: &[&str] = &["period", "posting", "account", "format", "limit", "cursor"];
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
        route(Method::POST, "/settlement/runs/{id}/cancel", tag, cancel_run)
            .answers("Run", "Ask a run to stop; what it posted stands"),
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
        route(Method::GET, "/settlement/entries", tag, entries)
            .query(ENTRIES)
            .answers("Rows", "Ledger entries in the order they were written; with `format` as a file"),
        route(Method::GET, "/settlement/balances", tag, balances)
            .query(ATTRIBUTION)
            .answers("Rows", "Debits, credits and balances by account and dimensions of lines"),
        route(Method::GET, "/settlement/dimensions", tag, list_dimensions)
            .answers("Rows", "Dimensions of lines, by which balances and attribution can be asked for"),
        route(Method::GET, "/settlement/attribution", tag, attribution_by)
            .query(ATTRIBUTION)
            .answers("Rows", "Income, cost and profit by dimensions of lines"),
    ]
}

async fn start(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    IdempotencyKey { key, .. }: IdempotencyKey,
    LargeJsonObject(body): LargeJsonObject,
) -> Result<Response, Problem> {
    if let Some(mode) = body.get("mode").and_then(Body::as_str).and_then(compared) {
        let asked = comparison(mode, body)?;
        return Ok(Json(compare::compare(&app, &caller, asked).await?).into_response());
    }
    let mut members = Members::of(body);
    let plan = members.required_text("plan");
    let period = members.required_text("period");
    let mode = members.text("mode");
    let pin = members.text("pin");
    members.finish()?;
    let pin = match pin.as_deref() {
        None | Some("as_recorded") => Pin::AsRecorded,
        Some("latest") => Pin::Latest,
        Some(_) => {
            let problem = Problem::new(Code::BadParameter, "`pin` is `as_recorded` or `latest`");
            return Err(problem.with("parameter", "pin"));
        }
    };
    let mode = run::Mode::named(mode.as_deref().unwrap_or("commit")).ok_or_else(|| {
        let detail = "`mode` is `commit`, `preview`, `simulate` or `compare`";
        Problem::new(Code::BadParameter, detail).with("parameter", "mode")
    })?;
    let asked = run::Asked { plan, period, mode, pin, key };
    let (shown, replayed) = run::start(&app, &caller, asked).await?;
    Ok(maybe_replayed(shown, replayed))
}

/// The modes that set two sets of lines side by side.
fn compared(mode: &str) -> Option<&'static str> {
    ["simulate", "compare"].into_iter().find(|known| *known == mode)
}

fn comparison(mode: &'static str, mut body: Map<String, Body>) -> Result<compare::Asked, Problem> {
    let wrong = |pointer: &str, what: &'static str| Problem::from(Refusal::of_fields(vec![wrong_type(pointer, what)]));
    let mut rates = Vec::new();
    match body.remove("rates") {
        None | Some(Body::Null) => {}
        Some(Body::Object(tables)) => {
            for (table, source) in tables {
                let Body::Object(mut source) = source else { return Err(wrong("/rates", "drafts by rate table")) };
                rates.push((table, super::rates::source(&mut source)?));
                Members::of(source).finish()?;
            }
        }
        Some(_) => return Err(wrong("/rates", "drafts by rate table")),
    }
    let definitions = match body.remove("definitions") {
        None | Some(Body::Null) => None,
        Some(Body::String(text)) if text == "draft" => Some(Drafted::Mine),
        Some(Body::Array(documents)) => Some(Drafted::Given(documents)),
        Some(_) => return Err(wrong("/definitions", "`draft` or a list of definitions")),
    };
    let periods = match body.remove("periods") {
        None | Some(Body::Null) => Vec::new(),
        Some(Body::Array(periods)) => {
            let names: Option<Vec<String>> = periods.iter().map(|name| name.as_str().map(str::to_owned)).collect();
            names.ok_or_else(|| wrong("/periods", "a list of names"))?
        }
        Some(_) => return Err(wrong("/periods", "a list of names")),
    };
    let mut members = Members::of(body);
    let plan = members.required_text("plan");
    let period = members.text("period");
    let left = members.text("left");
    let right = members.text("right");
    members.text("mode");
    members.finish()?;
    let basis = |name: &'static str, written: Option<String>, usual: Basis| match written {
        None => Ok(usual),
        Some(text) => Basis::named(&text).ok_or_else(|| {
            let known: Vec<&str> = Basis::ALL.iter().map(|basis| basis.as_str()).collect();
            let detail = format!("`{name}` is one of {}", known.join(", "));
            Problem::new(Code::BadParameter, detail).with("parameter", name).with("known", known)
        }),
    };
    let usual = if mode == "simulate" { Basis::AsRecorded } else { Basis::Posted };
    let asked = compare::Asked {
        mode,
        plan,
        periods: period.into_iter().chain(periods).collect(),
        left: basis("left", left, usual)?,
        right: basis("right", right, Basis::Latest)?,
        rates,
        definitions,
    };
    let drafts = !asked.rates.is_empty() || asked.definitions.is_some();
    match (mode, drafts) {
        ("simulate", false) => Err(Problem::new(Code::Required, "a simulation has draft `rates` or `definitions`")),
        ("compare", true) => {
            let detail = "drafts are tried out with the mode `simulate`";
            Err(Problem::new(Code::BadParameter, detail).with("parameter", "mode"))
        }
        _ => Ok(asked),
    }
}

/// Marks an answer that was given before.
pub(super) fn maybe_replayed(shown: Body, replayed: bool) -> Response {
    let mut response = Json(shown).into_response();
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

async fn entries(State(app): State<Arc<App>>, SignedIn(caller): SignedIn, query: Query) -> Result<Response, Problem> {
    query.only(ENTRIES)?;
    let text = |name: &str| query.text(name).map(str::to_owned);
    let (period, posting, account) = (text("period"), text("posting"), text("account"));
    let asked = EntryQuery { period, posting, account, after: None, limit: query.limit(50)? };
    match text("format") {
        None => Ok(Json(ledger::entries(&app, &caller, asked, query.text("cursor")).await?).into_response()),
        Some(format) => {
            let asked = exports::Asked { of: exports::Of::Entries(asked), format, titles: true };
            Ok(streamed(exports::begin(&app, &caller, asked).await?))
        }
    }
}

/// The names of a list, as `by=service_item,customer` gives them.
fn names(query: &Query) -> Vec<String> {
    let names = query.text("by").unwrap_or_default().split(',').map(str::trim).filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

async fn balances(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    query: Query,
) -> Result<Json<Body>, Problem> {
    query.only(ATTRIBUTION)?;
    Ok(Json(ledger::balances(&app, &caller, names(&query), query.text("period")).await?))
}

async fn list_dimensions(State(app): State<Arc<App>>, SignedIn(caller): SignedIn) -> Result<Json<Body>, Problem> {
    Ok(Json(dimensions::all(&app, &caller)?))
}

async fn attribution_by(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    query: Query,
) -> Result<Json<Body>, Problem> {
    query.only(ATTRIBUTION)?;
    Ok(Json(attribution::by(&app, &caller, names(&query), query.text("period")).await?))
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

async fn cancel_run(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Body>), Problem> {
    Ok((StatusCode::ACCEPTED, Json(run::cancel(&app, &caller, uuid(&id)?).await?)))
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
