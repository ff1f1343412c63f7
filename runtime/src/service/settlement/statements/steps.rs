//! Steps of statements: who may take them, and the one command they become.

use super::{load, one};
use crate::app::App;
use crate::service::command::{self, Done};
use crate::service::session::Caller;
use crate::service::settlement::may;
use crate::service::{Answer, Error, texts};
use crate::store::Idempotency;
use packwork_engine::codes::Code;
use packwork_engine::decision::{Command, StatementCommand, StatementStep};
use packwork_engine::settlement::line::StatementStatus;
use serde_json::Value as Json;
use uuid::Uuid;

/// A step as it is asked for: by its name, with what it takes.
pub struct Asked {
    pub step: StatementStep,
    pub version: i64,
    pub key: Option<String>,
}

/// Takes a statement a step further, disputes its lines or takes it back.
pub async fn take(app: &App, caller: &Caller, id: Uuid, asked: Asked) -> Answer<(Json, bool)> {
    let row = load(app, caller, id).await?;
    let enough = asked.step.rights();
    if !enough.iter().any(|right| caller.rights().may_settle(*right)) {
        may(caller, enough[0], asked.step.name())?;
    }
    let model = app.model();
    let idempotency = asked.key.map(|key| {
        let digest = command::digest(&format!("statement {id} {:?} {}", asked.step, asked.version));
        Idempotency { key, digest, lasting: true }
    });
    let form = row.key.statement.clone();
    let command = Command::Statement(StatementCommand { id, form, version: asked.version, step: asked.step });
    match command::run(app, &model, caller, command, idempotency).await {
        Ok(Done::Before { reply: Some(reply), .. }) => Ok((reply, true)),
        Ok(Done::Before { reply: None, .. }) => Ok((one(app, caller, id).await?, true)),
        Ok(Done::Now { command, keyed, .. }) => {
            let shown = one(app, caller, id).await?;
            if keyed {
                app.store.save_reply(&caller.scope, command, &shown).await?;
            }
            Ok((shown, false))
        }
        Err(error) => Err(in_words(caller, error)),
    }
}

/// Names of statuses and steps as the caller reads them.
fn in_words(caller: &Caller, error: Error) -> Error {
    let Error::Refused(mut refusal) = error else { return error };
    if refusal.code == Code::StatementState {
        let status = refusal.params.get("status").and_then(Json::as_str).and_then(StatementStatus::named);
        let action = refusal.params.get("action").and_then(Json::as_str).and_then(|name| title(caller, name));
        if let (Some(status), Some(action)) = (status, action) {
            *refusal = refusal.with("status", texts::statement_status(caller.locale, status)).with("action", action);
        }
    }
    Error::Refused(refusal)
}

fn title(caller: &Caller, step: &str) -> Option<&'static str> {
    let locale = caller.locale;
    Some(match step {
        "issue" => texts::issue(locale),
        "confirm" => texts::confirm(locale),
        "pay" => texts::pay(locale),
        "reverse" => texts::reverse(locale),
        "write_off" => texts::write_off(locale),
        "dispute" => texts::dispute(locale),
        _ => return None,
    })
}
