//! Jobs as their owners see them.

use super::session::Caller;
use super::{Answer, messages, refuse};
use crate::app::App;
use crate::store::Job;
use packwork_engine::codes::Code;
use packwork_engine::moment::Moment;
use serde_json::{Value as Json, json};
use uuid::Uuid;

/// A job of the caller's own; administrators see all.
pub async fn get(app: &App, caller: &Caller, written: &str) -> Answer<Json> {
    let job = match Uuid::parse_str(written) {
        Ok(id) => app.store.job(&caller.scope, id).await?,
        Err(_) => None,
    };
    match job.filter(|job| job.actor == caller.id || caller.rights().everything) {
        Some(job) => Ok(shown(app, caller, &job)),
        None => Err(refuse(Code::NotFound, format!("there is no job `{written}`"))
            .with("object", "job")
            .with("id", written)
            .into()),
    }
}

fn shown(app: &App, caller: &Caller, job: &Job) -> Json {
    json!({
        "id": job.id,
        "kind": job.kind,
        "status": job.status.as_str(),
        "done": job.done,
        "total": job.total,
        "detail": job.detail,
        "problem": job.problem.as_ref().map(|problem| problem_json(app, caller, problem)),
        "created_at": job.created_at.to_string(),
        "started_at": job.started_at.map(|at: Moment| at.to_string()),
        "finished_at": job.finished_at.map(|at: Moment| at.to_string()),
    })
}

/// A kept problem in the caller's language.
pub fn problem_json(app: &App, caller: &Caller, problem: &Json) -> Json {
    let code = problem["code"].as_str().unwrap_or_default();
    let detail = problem["detail"].as_str().unwrap_or_default();
    let text = messages::stored_text(&app.model(), caller.locale, code, detail, &problem["params"]);
    json!({"code": code, "detail": text, "params": problem["params"]})
}
