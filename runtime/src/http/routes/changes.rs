//! `/definitions/plan` and what stands around it: drafts, plans, applying, going back; `/packs/plan` and `/packs/apply`.

use crate::app::App;
use crate::http::extract::{JsonObject, LargeJsonObject, Members, Query, SignedIn, wrong_type};
use crate::http::problem::Problem;
use crate::http::route::{Route, route};
use crate::packs::shelf;
use crate::service::changes::apply::{self, Accept};
use crate::service::changes::draft;
use crate::service::changes::plan::{self, Given, OfPacks};
use crate::service::changes::promote;
use crate::service::changes::reloads;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{Method, StatusCode};
use base64::Engine;
use packwork_engine::codes::Code;
use packwork_engine::refusal::Refusal;
use serde_json::{Map, Value as Body};
use std::sync::Arc;

const USED: &[&str] = &["kind", "name", "member"];

pub(super) fn routes() -> Vec<Route> {
    let tag = "definitions";
    vec![
        route(Method::PUT, "/definitions/{kind}/{name}", tag, put)
            .query(&["reason"])
            .takes("Definition")
            .answers("Edit", "Take an edited definition into the caller's draft"),
        route(Method::POST, "/definitions/{kind}/{name}/revert", tag, revert)
            .takes("Revert")
            .answers("Edit", "Take one property back to what the packs say"),
        route(Method::GET, "/definitions/{kind}/{name}/provenance", tag, provenance)
            .answers("Rows", "Where every property comes from"),
        route(Method::GET, "/definitions/where-used", tag, where_used)
            .query(USED)
            .answers("Rows", "Every place that uses a definition or a field"),
        route(Method::GET, "/definitions/draft", tag, drafts).answers("Rows", "What the caller is editing"),
        route(Method::DELETE, "/definitions/draft", tag, discard).answers("", "Give up what the caller is editing"),
        route(Method::GET, "/definitions/versions", tag, versions).query(&["limit"]).answers("Rows", "Publications"),
        route(Method::POST, "/definitions/plan", tag, plan_draft)
            .answers("ChangePlan", "What publishing the draft would change")
            .long(),
        route(Method::POST, "/definitions/apply", tag, apply_plan)
            .takes("ApplyRequest")
            .answers("Applied", "Publish a plan")
            .long(),
        route(Method::POST, "/definitions/rollback", tag, rollback)
            .takes("RollbackRequest")
            .answers("Applied", "Bring back a former version")
            .long(),
        route(Method::POST, "/packs/plan", tag, plan_packs)
            .takes("PlanRequest")
            .answers("ChangePlan", "What installing, upgrading or removing packs would change")
            .long(),
        route(Method::POST, "/packs/export", tag, export)
            .takes("PackExportRequest")
            .answers("PackExport", "What the tenant has changed, as a pack of its own")
            .long(),
        route(Method::GET, "/packs/{name}/files", tag, files).answers("PackFiles", "The files of an installed pack"),
        route(Method::GET, "/packs/reload", tag, reload)
            .query(&["after"])
            .answers("Reload", "What became of the last edit in the folder of packs; with `after`, of the next one"),
        route(Method::POST, "/packs/apply", tag, apply_plan)
            .takes("ApplyRequest")
            .answers("Applied", "Put a plan of packs into force")
            .long(),
    ]
}

async fn put(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path((kind, name)): Path<(String, String)>,
    query: Query,
    JsonObject(document): JsonObject,
) -> Result<Json<Body>, Problem> {
    query.only(&["reason"])?;
    let reason = query.text("reason").unwrap_or_default().to_owned();
    Ok(Json(draft::put(&app, &caller, &kind, &name, Body::Object(document), &reason).await?))
}

async fn revert(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path((kind, name)): Path<(String, String)>,
    JsonObject(members): JsonObject,
) -> Result<Json<Body>, Problem> {
    let place = text(&members, "path")?;
    Ok(Json(draft::revert(&app, &caller, &kind, &name, &place).await?))
}

async fn provenance(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path((kind, name)): Path<(String, String)>,
) -> Result<Json<Body>, Problem> {
    Ok(Json(draft::provenance(&app, &caller, &kind, &name)?))
}

async fn where_used(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    query: Query,
) -> Result<Json<Body>, Problem> {
    query.only(USED)?;
    let asked = |name: &'static str| {
        query.text(name).ok_or_else(|| Problem::new(Code::Required, format!("`{name}` is needed")).with("field", name))
    };
    Ok(Json(draft::where_used(&app, &caller, asked("kind")?, asked("name")?, query.text("member"))?))
}

async fn drafts(State(app): State<Arc<App>>, SignedIn(caller): SignedIn) -> Result<Json<Body>, Problem> {
    Ok(Json(draft::list(&app, &caller).await?))
}

async fn discard(State(app): State<Arc<App>>, SignedIn(caller): SignedIn) -> Result<StatusCode, Problem> {
    draft::discard(&app, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn versions(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    query: Query,
) -> Result<Json<Body>, Problem> {
    query.only(&["limit"])?;
    Ok(Json(draft::versions(&app, &caller, query.limit(50)?).await?))
}

async fn plan_draft(State(app): State<Arc<App>>, SignedIn(caller): SignedIn) -> Result<Json<Body>, Problem> {
    Ok(Json(plan::of_draft(&app, &caller).await?))
}

async fn plan_packs(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    LargeJsonObject(mut members): LargeJsonObject,
) -> Result<Json<Body>, Problem> {
    let mut asked = OfPacks::default();
    let list = |value: Option<Body>, pointer: &str| match value {
        None => Ok(Vec::new()),
        Some(Body::Array(items)) => Ok(items),
        Some(_) => Err(wrong(pointer, "a list")),
    };
    for (index, pack) in list(members.remove("packs"), "/packs")?.iter().enumerate() {
        let own = pack.get("name").and_then(Body::as_str);
        let given = match pack.get("archive") {
            None if own.is_some() => Ok(Given::Own(own.unwrap_or_default().to_owned())),
            Some(archive) => {
                let bytes = archive.as_str().and_then(|text| base64::prelude::BASE64_STANDARD.decode(text).ok());
                bytes
                    .map(Given::Archive)
                    .ok_or_else(|| wrong(&format!("/packs/{index}/archive"), "an archive in Base64"))
            }
            None => {
                let files = pack.get("files").and_then(shelf::from_json);
                files.map(Given::Files).ok_or_else(|| wrong(&format!("/packs/{index}/files"), "files by name"))
            }
        };
        asked.packs.push(given?);
    }
    for (index, name) in list(members.remove("remove"), "/remove")?.iter().enumerate() {
        let name = name.as_str().ok_or_else(|| wrong(&format!("/remove/{index}"), "a name"))?;
        asked.remove.push(name.to_owned());
    }
    if let Some(resolutions) = members.remove("resolutions") {
        asked.resolutions = serde_json::from_value(resolutions)
            .map_err(|_| wrong("/resolutions", "`pack`, `tenant` or `ask` by property"))?;
    }
    nothing_else(&members)?;
    Ok(Json(plan::of_packs(&app, &caller, asked).await?))
}

async fn export(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    JsonObject(members): JsonObject,
) -> Result<Json<Body>, Problem> {
    let mut members = Members::of(members);
    let name = members.required_text("name");
    let version = members.text("version");
    let title = members.text("title");
    members.finish()?;
    Ok(Json(promote::export(&app, &caller, promote::Asked { name, version, title }).await?))
}

async fn files(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    Path(name): Path<String>,
) -> Result<Json<Body>, Problem> {
    Ok(Json(promote::files(&app, &caller, &name).await?))
}

async fn reload(State(app): State<Arc<App>>, SignedIn(caller): SignedIn, query: Query) -> Result<Json<Body>, Problem> {
    query.only(&["after"])?;
    let after = match query.text("after") {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| {
            Problem::new(Code::BadParameter, "`after` is the number of a reload").with("parameter", "after")
        })?),
    };
    Ok(Json(reloads::state(&app, &caller, after).await?))
}

async fn apply_plan(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    JsonObject(mut members): JsonObject,
) -> Result<Json<Body>, Problem> {
    let hash = text(&members, "plan")?;
    members.remove("plan");
    let accept = accept(&mut members)?;
    nothing_else(&members)?;
    Ok(Json(apply::apply(&app, &caller, &hash, accept).await?))
}

async fn rollback(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    JsonObject(mut members): JsonObject,
) -> Result<Json<Body>, Problem> {
    let to = match members.remove("to") {
        None | Some(Body::Null) => None,
        Some(number) => Some(number.as_i64().ok_or_else(|| wrong("/to", "the number of a version"))?),
    };
    let accept = accept(&mut members)?;
    nothing_else(&members)?;
    Ok(Json(apply::rollback(&app, &caller, to, accept).await?))
}

fn accept(members: &mut Map<String, Body>) -> Result<Accept, Problem> {
    match members.remove("accept") {
        None | Some(Body::Null) => Ok(Accept::default()),
        Some(Body::Object(accept)) => {
            let accepts = |name: &str| accept.get(name).and_then(Body::as_bool).unwrap_or_default();
            Ok(Accept { cases: accepts("cases"), capabilities: accepts("capabilities") })
        }
        Some(_) => Err(wrong("/accept", "an object")),
    }
}

fn text(members: &Map<String, Body>, name: &'static str) -> Result<String, Problem> {
    match members.get(name) {
        Some(Body::String(text)) => Ok(text.clone()),
        Some(_) => Err(wrong(&format!("/{name}"), "a text")),
        None => Err(Problem::new(Code::Required, format!("`{name}` is needed")).with("field", name)),
    }
}

fn nothing_else(members: &Map<String, Body>) -> Result<(), Problem> {
    match members.keys().next() {
        None => Ok(()),
        Some(name) => {
            Err(Problem::new(Code::UnknownField, format!("there is no member `{name}`")).with("field", name.clone()))
        }
    }
}

fn wrong(pointer: &str, expected: &'static str) -> Problem {
    Refusal::of_fields(vec![wrong_type(pointer, expected)]).into()
}
