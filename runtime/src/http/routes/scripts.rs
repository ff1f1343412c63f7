//! `/scripts`: what scripts cost and may do, stopping them, running them again with their last inputs.

use crate::app::App;
use crate::http::extract::{JsonObject, Members, Query, SignedIn};
use crate::http::problem::Problem;
use crate::http::route::{Route, route};
use crate::service::scripts::{self, Said};
use axum::Json;
use axum::extract::State;
use axum::http::Method;
use packwork_engine::codes::Code;
use packwork_engine::refusal::{FieldError, Refusal};
use packwork_engine::script::Capability;
use serde_json::{Map, Value as Body};
use std::collections::BTreeSet;
use std::sync::Arc;

pub(super) fn routes() -> Vec<Route> {
    let tag = "scripts";
    vec![
        route(Method::GET, "/scripts", tag, list)
            .answers("Scripts", "Scripts, what they cost, what packs ask leave for"),
        route(Method::GET, "/scripts/inputs", tag, inputs)
            .query(&["script"])
            .answers("Rows", "The last inputs of a script"),
        route(Method::POST, "/scripts/stop", tag, stop)
            .takes("StopScript")
            .answers("Script", "Stop a script on every node"),
        route(Method::POST, "/scripts/start", tag, start)
            .takes("StartScript")
            .answers("Script", "Let a stopped script run again"),
        route(Method::POST, "/scripts/grants", tag, grant)
            .takes("ScriptGrants")
            .answers("Granted", "Grant a pack what its scripts ask leave for, or take it back"),
        route(Method::POST, "/scripts/replay", tag, replay)
            .takes("ReplayScript")
            .answers("Replayed", "Run a script again with its last inputs"),
    ]
}

async fn list(State(app): State<Arc<App>>, SignedIn(caller): SignedIn) -> Result<Json<Body>, Problem> {
    Ok(Json(scripts::list(&app, &caller).await?))
}

async fn inputs(State(app): State<Arc<App>>, SignedIn(caller): SignedIn, query: Query) -> Result<Json<Body>, Problem> {
    query.only(&["script"])?;
    let script = query
        .text("script")
        .ok_or_else(|| Problem::new(Code::Required, "`script` is needed").with("field", "script"))?;
    Ok(Json(scripts::inputs(&app, &caller, script).await?))
}

async fn stop(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    JsonObject(members): JsonObject,
) -> Result<Json<Body>, Problem> {
    let mut members = Members::of(members);
    let (script, reason) = (members.required_text("script"), members.required_text("reason"));
    members.finish()?;
    Ok(Json(scripts::stop(&app, &caller, &script, &reason).await?))
}

async fn start(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    JsonObject(members): JsonObject,
) -> Result<Json<Body>, Problem> {
    let mut members = Members::of(members);
    let script = members.required_text("script");
    members.finish()?;
    Ok(Json(scripts::start(&app, &caller, &script).await?))
}

async fn grant(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    JsonObject(mut members): JsonObject,
) -> Result<Json<Body>, Problem> {
    let (grant, revoke) = (capabilities(&mut members, "grant")?, capabilities(&mut members, "revoke")?);
    let mut members = Members::of(members);
    let pack = members.required_text("pack");
    members.finish()?;
    Ok(Json(scripts::grant(&app, &caller, Said { pack, grant, revoke }).await?))
}

fn capabilities(members: &mut Map<String, Body>, name: &str) -> Result<BTreeSet<Capability>, Problem> {
    let listed = match members.remove(name) {
        None | Some(Body::Null) => Vec::new(),
        Some(Body::Array(items)) => items,
        Some(other) => vec![other],
    };
    let mut named = BTreeSet::new();
    for (index, item) in listed.iter().enumerate() {
        match item.as_str().and_then(Capability::named) {
            Some(capability) => drop(named.insert(capability)),
            None => {
                let shown = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
                let message = format!("there is no capability `{shown}`");
                let error = FieldError::new(Code::UnknownCapability, format!("/{name}/{index}"), message);
                return Err(Refusal::of_fields(vec![error.with("capability", shown)]).into());
            }
        }
    }
    Ok(named)
}

async fn replay(
    State(app): State<Arc<App>>,
    SignedIn(caller): SignedIn,
    JsonObject(members): JsonObject,
) -> Result<Json<Body>, Problem> {
    let mut members = Members::of(members);
    let (script, source) = (members.required_text("script"), members.text("source"));
    members.finish()?;
    Ok(Json(scripts::replay(&app, &caller, &script, source.as_deref()).await?))
}
