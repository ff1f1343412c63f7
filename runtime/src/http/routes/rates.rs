//! `/settlement/rate-tables`: rows of rate tables listed by validity and knowledge, looked over, changed.

use super::records::{LIST, REPLAYED, asked as asked_list, json as answer};
use crate::app::App;
use crate::http::extract::{IdempotencyKey, LargeJsonObject, Members, Query, SignedIn, wrong_type};
use crate::http::problem::Problem;
use crate::http::route::{Route, route};
use crate::service::rates::change::{self, Mode, Source};
use crate::service::rates::{self, AskedRows, findings};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use packwork_engine::codes::Code;
use packwork_engine::moment::Moment;
use packwork_engine::refusal::{FieldError, Refusal};
use rust_decimal::Decimal;
use serde_json::{Map, Value as Body};
use std::sync::Arc;

const ROWS: &[&str] = &[
    "valid_at",
    "recorded_at",
    "versions",
    "filter",
    "sort",
    "fields",
    "expand",
    "search",
    "limit",
    "cursor",
    "count",
];

pub(super) fn routes() -> Vec<Route> {
    let tag = "settlement";
    vec![
        route(Method::GET, "/settlement/rate-tables", tag, tables).answers("Rows", "Rate tables"),
        route(Method::GET, "/settlement/rate-tables/{table}", tag, one)
            .answers("RateTable", "What the rows of a rate table are made of"),
        route(Method::GET, "/settlement/rate-tables/{table}/rows", tag, rows)
            .query(ROWS)
            .answers("Page", "A page of its rows, by the day they hold on and by when they were known"),
        route(Method::GET, "/settlement/rate-tables/{table}/lint", tag, lint)
            .query(&["cliff"])
            .answers("RateFindings", "What is wrong with its rows"),
        route(Method::POST, "/settlement/rate-tables/{table}/changes", tag, change)
            .takes("RateChangesInput")
            .answers("RateChanges", "Plan or carry out changes of its rows")
            .long(),
    ]
}

async fn tables(State(app): State<Arc<App>>, SignedIn(caller): SignedIn) -> Result<Json<Body>, Problem> {
    Ok(Json(rates::tables(&app, &caller)?))
}

async fn one(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(table): Path<String>,
) -> Result<Json<Body>, Problem> {
    Ok(Json(rates::one(&app, &caller, &table).await?))
}

async fn rows(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(table): Path<String>,
    query: Query,
) -> Result<Response, Problem> {
    query.only(ROWS)?;
    let bad = |parameter: &'static str, what: &str| {
        Problem::new(Code::BadParameter, format!("`{parameter}` is {what}")).with("parameter", parameter)
    };
    let day = |text: &str| text.parse().map_err(|_| bad("valid_at", "a date such as 2026-07-01"));
    let valid_at = query.text("valid_at").map(day).transpose()?;
    let no_moment = || bad("recorded_at", "a moment such as 2026-07-01T00:00:00Z");
    let moment = |text: &str| Moment::parse(text).ok_or_else(no_moment);
    let recorded_at = query.text("recorded_at").map(moment).transpose()?;
    let all = match query.text("versions") {
        None => false,
        Some("all") if recorded_at.is_none() => true,
        Some(_) => return Err(bad("versions", "`all`, and not together with `recorded_at`")),
    };
    let mut members = query.into_members()?;
    members.retain(|name, _| LIST.contains(&name.as_str()));
    let asked = AskedRows { list: asked_list(members)?, valid_at, recorded_at, all };
    Ok(answer(rates::rows(&app, &caller, &table, asked).await?.text(&caller)))
}

async fn lint(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(table): Path<String>,
    query: Query,
) -> Result<Json<Body>, Problem> {
    query.only(&["cliff"])?;
    let cliff = query.text("cliff").map(share).transpose()?;
    Ok(Json(findings::of_table(&app, &caller, &table, cliff).await?))
}

fn share(text: &str) -> Result<Decimal, Problem> {
    text.parse()
        .ok()
        .filter(|share: &Decimal| share.is_sign_positive())
        .ok_or_else(|| Problem::new(Code::BadParameter, "`cliff` is a share such as 0.5").with("parameter", "cliff"))
}

async fn change(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(table): Path<String>,
    key: IdempotencyKey,
    LargeJsonObject(mut body): LargeJsonObject,
) -> Result<Response, Problem> {
    let key = key.of(&body);
    let source = source(&mut body)?;
    let revision = match body.remove("revision") {
        None | Some(Body::Null) => None,
        Some(Body::Number(number)) if number.as_i64().is_some() => number.as_i64(),
        Some(_) => return Err(Refusal::of_fields(vec![wrong_type("/revision", "a whole number")]).into()),
    };
    let accepts_findings = match body.remove("accept_findings") {
        None | Some(Body::Null) => false,
        Some(Body::Bool(accepts)) => accepts,
        Some(_) => return Err(Refusal::of_fields(vec![wrong_type("/accept_findings", "true or false")]).into()),
    };
    let mut members = Members::of(body);
    let mode = members.text("mode");
    let cliff = members.text("cliff");
    members.finish()?;
    let mode = match mode.as_deref() {
        None | Some("plan") => Mode::Plan,
        Some("apply") => Mode::Apply,
        Some(other) => {
            let error = FieldError::new(Code::NotAnOption, "/mode", "`mode` is `plan` or `apply`");
            let error = error.with("field", "mode").with("value", other).with("options", vec!["plan", "apply"]);
            return Err(Refusal::of_fields(vec![error]).into());
        }
    };
    let cliff = cliff.as_deref().map(share).transpose()?;
    let asked = change::Asked { source, mode, revision, accepts_findings, cliff, key };
    let (shown, replayed) = change::change(&app, &caller, &table, asked).await?;
    let mut response = Json(shown).into_response();
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Exactly one of `changes`, `rows`, `text` and `import`.
pub(super) fn source(body: &mut Map<String, Body>) -> Result<Source, Problem> {
    let wrong = |pointer: &str, what: &'static str| Problem::from(Refusal::of_fields(vec![wrong_type(pointer, what)]));
    let sheet = match body.remove("sheet") {
        None | Some(Body::Null) => None,
        Some(Body::String(name)) => Some(name),
        Some(_) => return Err(wrong("/sheet", "a text")),
    };
    let given: Vec<(&str, Body)> = ["changes", "rows", "text", "import"]
        .into_iter()
        .filter_map(|name| body.remove(name).filter(|value| !value.is_null()).map(|value| (name, value)))
        .collect();
    let [(name, value)] = <[(&str, Body); 1]>::try_from(given).map_err(|_| Problem::from(change::no_source()))?;
    match (name, value) {
        ("changes", Body::Array(items)) => Ok(Source::Changes(items)),
        ("rows", Body::Array(items)) => Ok(Source::Rows(items)),
        ("text", Body::String(text)) => Ok(Source::Text(text)),
        ("import", Body::String(import)) => Ok(Source::Upload { import, sheet }),
        ("changes", _) => Err(wrong("/changes", "a list of changes")),
        ("rows", _) => Err(wrong("/rows", "a list of rows")),
        ("text", _) => Err(wrong("/text", "a text")),
        (_, _) => Err(wrong("/import", "the id of an upload")),
    }
}
