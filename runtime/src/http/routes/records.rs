//! `/records/{object}`: lists, single records, changes, transitions.

use crate::app::App;
use crate::http::extract::{
    IdempotencyKey, IfMatch, IfNoneMatch, JsonObject, Members, Query, SignedIn, limit_of, required_version, version,
};
use crate::http::problem::Problem;
use crate::http::route::{Route, route};
use crate::service::records::expand::Expand;
use crate::service::records::{self, Given, View, list, sums};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use packwork_engine::codes::Code;
use packwork_engine::moment::Moment;
use packwork_engine::query::sums::Written;
use serde_json::{Map, Value as Body, json};
use std::sync::Arc;

pub(super) const LIST: &[&str] =
    &["filter", "sort", "fields", "expand", "search", "limit", "cursor", "count", "deleted"];
const WRITE: &[&str] = &["duplicates"];
const GET: &[&str] = &["expand", "at"];
/// Records of a page where nobody asked for more or fewer.
const LIMIT: u32 = 50;
pub(super) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replay");

/// Says where an answer is the one kept from the first time.
pub(super) fn marked(mut response: Response, replayed: bool) -> Response {
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

pub(super) fn routes() -> Vec<Route> {
    let tag = "records";
    vec![
        route(Method::GET, "/records/{object}", tag, get_list).query(LIST).answers("Records", "A page of records"),
        route(Method::POST, "/records/{object}/query", tag, post_list)
            .takes("ListQuery")
            .answers("Records", "The same, with the members in the body"),
        route(Method::POST, "/records/{object}/aggregate", tag, aggregate)
            .takes("Aggregate")
            .answers("Rows", "Sums and counts by groups"),
        route(Method::POST, "/records/{object}", tag, create)
            .query(WRITE)
            .takes("RecordInput")
            .answers("Record", "Create a record")
            .one_command(),
        route(Method::POST, "/records/{object}/duplicates", tag, duplicates)
            .takes("DuplicatesQuery")
            .answers("Duplicates", "Records that look like one"),
        route(Method::PUT, "/records/{object}/by/{field}/{value}", tag, upsert)
            .query(WRITE)
            .takes("RecordInput")
            .answers("Record", "Create a record, or change the one with this value in a unique field")
            .one_command(),
        route(Method::POST, "/records/{object}/{id}/restore", tag, restore)
            .answers("Record", "Bring a record back from the recycle bin")
            .one_command(),
        route(Method::GET, "/records/{object}/{id}", tag, get)
            .query(GET)
            .answers("Record", "One record with its actions"),
        route(Method::PATCH, "/records/{object}/{id}", tag, update)
            .takes("RecordInput")
            .answers("Record", "Change a record (merge patch)")
            .one_command(),
        route(Method::DELETE, "/records/{object}/{id}", tag, delete).answers("", "Delete a record").one_command(),
        route(Method::POST, "/records/{object}/{id}/transitions/{name}", tag, transition)
            .takes("Transition")
            .answers("Record", "Run a transition")
            .one_command(),
        route(Method::GET, "/records/{object}/{id}/history", tag, history)
            .query(&["limit", "cursor"])
            .answers("Rows", "What happened to a record"),
        route(Method::GET, "/records/{object}/{id}/explain/{field}", tag, explain)
            .answers("Explanation", "Where a computed field comes from"),
    ]
}

async fn get_list(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(object): Path<String>,
    query: Query,
) -> Result<Response, Problem> {
    query.only(LIST)?;
    let asked = asked(query.into_members()?)?;
    Ok(json(list::list(&app, &caller, &object, asked).await?.text(&caller)))
}

async fn post_list(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(object): Path<String>,
    JsonObject(members): JsonObject,
) -> Result<Response, Problem> {
    let asked = asked(members)?;
    Ok(json(list::list(&app, &caller, &object, asked).await?.text(&caller)))
}

/// A body that is JSON already.
pub(super) fn json(text: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

pub(super) fn asked(mut members: Map<String, Body>) -> Result<list::Asked, Problem> {
    let limit = members.remove("limit").map_or(Ok(LIMIT), |limit| limit_of(&limit))?;
    let names = |value: Option<Body>, parameter: &'static str| match value {
        None | Some(Body::Null) => Ok(None),
        Some(Body::String(text)) => Ok(Some(text.split(',').map(|name| name.trim().to_owned()).collect())),
        Some(Body::Array(items)) => {
            let names: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
            names.map(Some).ok_or_else(|| bad(parameter, "a list of names"))
        }
        Some(_) => Err(bad(parameter, "a list of names")),
    };
    let sort = names(members.remove("sort"), "sort")?.unwrap_or_default();
    let fields = names(members.remove("fields"), "fields")?;
    let expand = expansions(members.remove("expand"))?;
    let deleted = match members.remove("deleted") {
        None | Some(Body::Null) => false,
        Some(Body::Bool(deleted)) => deleted,
        Some(Body::String(text)) if text == "true" => true,
        Some(Body::String(text)) if text == "false" => false,
        Some(_) => return Err(bad("deleted", "`true` or `false`")),
    };
    let filter = members.remove("filter");
    let mut rest = Members::of(members);
    let search = rest.text("search");
    let cursor = rest.text("cursor");
    let count = rest.text("count");
    rest.finish()?;
    let count = match count.as_deref() {
        None | Some("none") => list::Count::None,
        Some("capped") => list::Count::Capped,
        Some("exact") => list::Count::Exact,
        Some(_) => return Err(bad("count", "`none`, `capped` or `exact`")),
    };
    Ok(list::Asked { filter, sort, fields, expand, search, limit, cursor, count, deleted })
}

/// `a,b`, a list of names, or `{"items": {"limit": 5, "fields": ["product"], "sort": ["position"]}}`.
fn expansions(asked: Option<Body>) -> Result<Vec<Expand>, Problem> {
    let named = |name: &str| Expand { name: name.trim().to_owned(), ..Expand::default() };
    match asked {
        None | Some(Body::Null) => Ok(Vec::new()),
        Some(Body::String(text)) => Ok(text.split(',').filter(|name| !name.trim().is_empty()).map(named).collect()),
        Some(Body::Array(items)) => {
            let names: Option<Vec<Expand>> = items.iter().map(|item| item.as_str().map(named)).collect();
            names.ok_or_else(|| bad("expand", "a list of names, or an object"))
        }
        Some(Body::Object(members)) => members.into_iter().map(|(name, how)| expansion(&name, how)).collect(),
        Some(_) => Err(bad("expand", "a list of names, or an object")),
    }
}

fn expansion(name: &str, how: Body) -> Result<Expand, Problem> {
    let wrong = || bad("expand", "an object of {\"fields\": [..], \"limit\": 20, \"sort\": [..]} by relation");
    let names = |value: Body| -> Result<Vec<String>, Problem> {
        let items = value.as_array().cloned().ok_or_else(wrong)?;
        items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
    };
    let mut expand = Expand { name: name.to_owned(), ..Expand::default() };
    match how {
        Body::Bool(true) => {}
        Body::Object(members) => {
            for (member, value) in members {
                match member.as_str() {
                    "fields" => expand.fields = Some(names(value)?),
                    "sort" => expand.sort = names(value)?,
                    "limit" => {
                        let limit = value.as_u64().ok_or_else(wrong)?;
                        expand.limit = Some(u32::try_from(limit).unwrap_or(u32::MAX));
                    }
                    _ => return Err(wrong()),
                }
            }
        }
        _ => return Err(wrong()),
    }
    Ok(expand)
}

fn bad(parameter: &'static str, expected: &str) -> Problem {
    Problem::new(Code::BadParameter, format!("`{parameter}` is {expected}")).with("parameter", parameter)
}

async fn aggregate(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(object): Path<String>,
    JsonObject(mut body): JsonObject,
) -> Result<Json<Body>, Problem> {
    let group_by = match body.remove("group_by") {
        None | Some(Body::Null) => Vec::new(),
        Some(Body::String(name)) => vec![name],
        Some(Body::Array(items)) => {
            let names: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
            names.ok_or_else(|| bad("group_by", "a list of names"))?
        }
        Some(_) => return Err(bad("group_by", "a list of names")),
    };
    let sort = match body.remove("sort") {
        None | Some(Body::Null) => Vec::new(),
        Some(Body::String(name)) => vec![name],
        Some(Body::Array(items)) => {
            let names: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
            names.ok_or_else(|| bad("sort", "a list of names"))?
        }
        Some(_) => return Err(bad("sort", "a list of names")),
    };
    let limit = match body.remove("limit") {
        None | Some(Body::Null) => None,
        Some(limit) => Some(sums::limit(limit.as_u64().ok_or_else(|| bad("limit", "a number"))?)?),
    };
    let filter = body.remove("filter");
    let mut members = Members::of(body);
    let measures = members.object("measures");
    let having = members.object("having");
    members.finish()?;
    let written = Written { group_by, measures, having, sort };
    let sums::Summed { data, truncated } =
        sums::aggregate(&app, &caller, &object, sums::AskedSums { filter, written, limit }).await?;
    Ok(Json(json!({"data": data, "truncated": truncated})))
}

async fn create(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(object): Path<String>,
    key: IdempotencyKey,
    query: Query,
    JsonObject(input): JsonObject,
) -> Result<Response, Problem> {
    let given = given(&query, key, input)?;
    let view = records::create(&app, &caller, &object, given).await?;
    Ok(made(&object, view))
}

fn given(query: &Query, key: IdempotencyKey, input: Map<String, Body>) -> Result<Given, Problem> {
    query.only(WRITE)?;
    let accepts_duplicates = match query.text("duplicates") {
        None => false,
        Some("accept") => true,
        Some(_) => return Err(bad("duplicates", "`accept`, or not there")),
    };
    let key = key.of(&input);
    Ok(Given { input, accepts_duplicates, key })
}

async fn duplicates(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(object): Path<String>,
    JsonObject(body): JsonObject,
) -> Result<Json<Body>, Problem> {
    let mut members = Members::of(body);
    let data = members.object("data");
    let id = members.text("id");
    members.finish()?;
    Ok(Json(records::duplicates::find(&app, &caller, &object, id.as_deref(), data).await?))
}

/// A record that was not there before.
fn made(object: &str, view: View) -> Response {
    let location = format!("{}/records/{object}/{}", crate::http::BASE, view.id);
    let mut response = one(view, StatusCode::CREATED);
    if let Ok(value) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

async fn get(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path((object, id)): Path<(String, String)>,
    IfNoneMatch(known): IfNoneMatch,
    query: Query,
) -> Result<Response, Problem> {
    query.only(GET)?;
    if let Some(text) = query.text("at") {
        let moment = Moment::parse(text).ok_or_else(|| bad("at", "a moment such as 2026-06-30T15:30:00Z"))?;
        return Ok(one(records::history::at(&app, &caller, &object, &id, moment).await?, StatusCode::OK));
    }
    let expand = expansions(query.text("expand").map(Body::from))?;
    let etag = |version: i64| HeaderValue::from_str(&format!("\"{version}\"")).ok();
    // What stands beside a record changes without its version.
    let known = if expand.is_empty() { known } else { Vec::new() };
    match records::get(&app, &caller, &object, &id, &expand, &known).await? {
        records::Got::View(view) => Ok(one(view, StatusCode::OK)),
        records::Got::Known(version) => {
            let mut response = StatusCode::NOT_MODIFIED.into_response();
            response.headers_mut().extend(etag(version).map(|value| (header::ETAG, value)));
            Ok(response)
        }
    }
}

async fn update(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path((object, id)): Path<(String, String)>,
    if_match: IfMatch,
    key: IdempotencyKey,
    JsonObject(mut input): JsonObject,
) -> Result<Response, Problem> {
    let key = key.of(&input);
    let version = required_version(&if_match, &mut input)?;
    let changed = records::update(&app, &caller, &object, &id, version, input, key).await;
    Ok(one(changed.map_err(|error| precondition(error, &if_match))?, StatusCode::OK))
}

async fn delete(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path((object, id)): Path<(String, String)>,
    if_match: IfMatch,
    key: IdempotencyKey,
    JsonObject(mut body): JsonObject,
) -> Result<Response, Problem> {
    let key = key.of(&body);
    let version = required_version(&if_match, &mut body)?;
    Members::of(body).finish()?;
    let deleted = records::delete(&app, &caller, &object, &id, version, key).await;
    let replayed = deleted.map_err(|error| precondition(error, &if_match))?;
    Ok(marked(StatusCode::NO_CONTENT.into_response(), replayed))
}

async fn transition(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path((object, id, name)): Path<(String, String, String)>,
    if_match: IfMatch,
    key: IdempotencyKey,
    JsonObject(mut body): JsonObject,
) -> Result<Response, Problem> {
    let key = key.of(&body);
    let version = version(&if_match, &mut body)?;
    let mut members = Members::of(body);
    let input = members.object("input");
    members.finish()?;
    let asked = records::Asked { name, version, input, key };
    let moved = records::transition(&app, &caller, &object, &id, asked).await;
    Ok(one(moved.map_err(|error| precondition(error, &if_match))?, StatusCode::OK))
}

async fn history(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path((object, id)): Path<(String, String)>,
    query: Query,
) -> Result<Json<Body>, Problem> {
    query.only(&["limit", "cursor"])?;
    let limit = query.limit(LIMIT)?;
    Ok(Json(records::history::history(&app, &caller, &object, &id, limit, query.text("cursor")).await?))
}

async fn upsert(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path((object, field, value)): Path<(String, String, String)>,
    key: IdempotencyKey,
    query: Query,
    JsonObject(input): JsonObject,
) -> Result<Response, Problem> {
    let given = given(&query, key, input)?;
    let (view, created) = records::upsert::upsert(&app, &caller, &object, (&field, &value), given).await?;
    Ok(if created { made(&object, view) } else { one(view, StatusCode::OK) })
}

async fn restore(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path((object, id)): Path<(String, String)>,
    if_match: IfMatch,
    key: IdempotencyKey,
    JsonObject(mut body): JsonObject,
) -> Result<Response, Problem> {
    let key = key.of(&body);
    let version = version(&if_match, &mut body)?;
    Members::of(body).finish()?;
    let restored = records::restore::restore(&app, &caller, &object, &id, version, key).await;
    Ok(one(restored.map_err(|error| precondition(error, &if_match).of_restoring())?, StatusCode::OK))
}

async fn explain(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path((object, id, field)): Path<(String, String, String)>,
) -> Result<Json<Body>, Problem> {
    Ok(Json(records::explain(&app, &caller, &object, &id, &field).await?))
}

fn precondition(error: crate::service::Error, if_match: &IfMatch) -> Problem {
    let problem = Problem::from(error);
    if if_match.0.is_some() { problem.of_precondition() } else { problem }
}

fn one(view: View, status: StatusCode) -> Response {
    let mut response = json(view.body);
    *response.status_mut() = status;
    if let Ok(value) = HeaderValue::from_str(&format!("\"{}\"", view.version)) {
        response.headers_mut().insert(header::ETAG, value);
    }
    marked(response, view.replayed)
}
