//! `/settlement/schedules` and `/settlement/accumulators`: how prices are made, tried out without posting anything.

use crate::app::App;
use crate::http::extract::{JsonObject, Members, SignedIn, wrong_type};
use crate::http::problem::Problem;
use crate::http::route::{Route, route};
use crate::service::settlement::schedules::{self, Asked, QUANTITIES_MAX};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::Method;
use packwork_engine::codes::Code;
use packwork_engine::refusal::{FieldError, Refusal};
use rust_decimal::Decimal;
use serde_json::{Map, Value as Body};
use std::sync::Arc;

pub(super) fn routes() -> Vec<Route> {
    let tag = "settlement";
    vec![
        route(Method::GET, "/settlement/schedules", tag, all).answers("Rows", "Schedules"),
        route(Method::GET, "/settlement/schedules/{schedule}", tag, one)
            .answers("Schedule", "One schedule with its tiers"),
        route(Method::POST, "/settlement/schedules/{schedule}/apply", tag, apply)
            .takes("ScheduleApplyInput")
            .answers("ScheduleApplied", "What a schedule makes of some quantities; nothing is posted"),
        route(Method::GET, "/settlement/accumulators/{accumulator}/periods/{period}", tag, window)
            .answers("AccumulatorPeriod", "Until when a period of an accumulator counts, and when it is worked out"),
    ]
}

async fn all(State(app): State<Arc<App>>, SignedIn(caller): SignedIn) -> Result<Json<Body>, Problem> {
    Ok(Json(schedules::all(&app, &caller)?))
}

async fn one(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(schedule): Path<String>,
) -> Result<Json<Body>, Problem> {
    Ok(Json(schedules::one(&app, &caller, &schedule)?))
}

async fn window(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path((accumulator, period)): Path<(String, String)>,
) -> Result<Json<Body>, Problem> {
    Ok(Json(schedules::window(&app, &caller, &accumulator, &period)?))
}

async fn apply(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(schedule): Path<String>,
    JsonObject(mut body): JsonObject,
) -> Result<Json<Body>, Problem> {
    let quantities = numbers(&mut body, "quantities")?;
    let used = numbers(&mut body, "used")?;
    let cumulate = match body.remove("cumulate") {
        None | Some(Body::Null) => false,
        Some(Body::Bool(cumulate)) => cumulate,
        Some(_) => return Err(Refusal::of_fields(vec![wrong_type("/cumulate", "true or false")]).into()),
    };
    Members::of(body).finish()?;
    let Some(quantities) = quantities.filter(|quantities| !quantities.is_empty()) else {
        let error = FieldError::new(Code::Required, "/quantities", "`quantities` is required");
        return Err(Refusal::of_fields(vec![error.with("field", "quantities")]).into());
    };
    if used.as_ref().is_some_and(|used| used.len() != quantities.len()) {
        return Err(Refusal::of_fields(vec![wrong_type("/used", "a number for each quantity")]).into());
    }
    Ok(Json(schedules::apply(&app, &caller, &schedule, &Asked { quantities, used, cumulate })?))
}

/// A list of decimals, written as texts; at most so many.
fn numbers(body: &mut Map<String, Body>, name: &str) -> Result<Option<Vec<Decimal>>, Problem> {
    let wrong =
        |pointer: String, what: &'static str| Problem::from(Refusal::of_fields(vec![wrong_type(&pointer, what)]));
    let items = match body.remove(name) {
        None | Some(Body::Null) => return Ok(None),
        Some(Body::Array(items)) if items.len() <= QUANTITIES_MAX => items,
        Some(_) => return Err(wrong(format!("/{name}"), "a list of at most 1000 decimals")),
    };
    let number = |(index, item): (usize, &Body)| {
        let number = item.as_str().and_then(|text| text.parse().ok());
        number.ok_or_else(|| wrong(format!("/{name}/{index}"), "a decimal such as \"12.50\""))
    };
    items.iter().enumerate().map(number).collect::<Result<_, _>>().map(Some)
}
