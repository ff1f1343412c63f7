//! Carrying out commands: decide inside the store's transaction, or only decide. The one path through which
//! anything changes.

use super::session::Caller;
use super::{Answer, Error, refuse};
use crate::app::App;
use crate::auth::token::hex;
use crate::store::{Execute, Executed, Idempotency, Scope, posting_lock};
use packwork_engine::codes::Code;
use packwork_engine::decide::decide;
use packwork_engine::decision::{Command, Context, Decision, Outcome};
use packwork_engine::facts::{Facts, ROUNDS_MAX};
use packwork_engine::model::Model;
use packwork_engine::moment::Moment;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use uuid::Uuid;

/// What a command did, or did when it was sent the first time.
#[derive(Debug)]
pub enum Done {
    Now { command: Uuid, decision: Box<Decision> },
    Before { subject: Option<(Arc<str>, Uuid)>, reply: Option<Json> },
}

/// Carries out a command for a caller.
pub async fn run(
    app: &App,
    model: &Arc<Model>,
    caller: &Caller,
    command: Command,
    key: Option<String>,
) -> Answer<Done> {
    let at = app.clock.now();
    let idempotency = key.map(|key| Idempotency { key, digest: digest(&format!("{command:?}")) });
    run_at(app, model, &caller.scope, command, at, idempotency).await
}

/// The same at a given moment: seeds of a demonstration happened in the past.
pub async fn run_at(
    app: &App,
    model: &Arc<Model>,
    scope: &Scope,
    command: Command,
    at: Moment,
    idempotency: Option<Idempotency>,
) -> Answer<Done> {
    let id = app.entropy.uuid(app.clock.now());
    let context = Context { command: id, moment: at, actor: scope.actor.clone() };
    let locks = locks(model, &command);
    let decided = model.clone();
    let request = Execute {
        command_id: id,
        at,
        idempotency,
        locks,
        decide: Box::new(move |facts| decide(&decided, facts, &command, &context)),
    };
    match app.store.execute(scope, model, request).await? {
        Executed::Applied(decision) => Ok(Done::Now { command: id, decision }),
        Executed::Refused(refusal) => Err(Error::Refused(refusal)),
        Executed::Replayed { subject, reply, .. } => Ok(Done::Before { subject, reply }),
        Executed::Mismatch => Err(mismatch()),
    }
}

fn mismatch() -> Error {
    refuse(Code::IdempotencyMismatch, "the idempotency key was used before, with another request").into()
}

/// What a command must have for itself, in order: its record, the plans that settle it, the calendars they post into.
fn locks(model: &Model, command: &Command) -> Vec<String> {
    let of_plans = |plans: &[Arc<str>]| {
        let calendars = plans.iter().filter_map(|plan| model.plans.get(plan)).map(|plan| posting_lock(&plan.calendar));
        plans.iter().map(|plan| format!("settle/{plan}")).chain(calendars).collect::<Vec<String>>()
    };
    let mut locks = match command {
        Command::Create { .. } => Vec::new(),
        Command::Update { object, id, .. }
        | Command::Delete { object, id, .. }
        | Command::Restore { object, id, .. }
        | Command::Transition { object, id, .. } => {
            let mut locks = of_plans(model.object(object).map(|object| object.plans.as_slice()).unwrap_or_default());
            locks.push(format!("record/{object}/{id}"));
            locks
        }
        Command::Settle(unit) => of_plans(std::slice::from_ref(&unit.plan)),
        Command::AddRate { table, .. } | Command::CloseRate { table, .. } => vec![format!("table/{table}")],
    };
    locks.sort();
    locks.dedup();
    locks
}

/// Decides a command and writes nothing.
pub async fn decide_only(app: &App, model: &Arc<Model>, scope: &Scope, command: &Command) -> Answer<Box<Decision>> {
    let now = app.clock.now();
    let context = Context { command: app.entropy.uuid(now), moment: now, actor: scope.actor.clone() };
    let mut facts = Facts::default();
    for _ in 0..=ROUNDS_MAX {
        match decide(model, &facts, command, &context) {
            Outcome::Decided(decision) => return Ok(decision),
            Outcome::Refused(refusal) => return Err(Error::Refused(refusal)),
            Outcome::Needs(need) => app.store.fetch(scope, model, &need, &mut facts).await?,
        }
    }
    Err(refuse(Code::TooManyRounds, "the command needed too many rounds of reading").with("limit", ROUNDS_MAX).into())
}

/// Takes an idempotency key for work that is not one command. `Some` is what was answered the first time.
pub async fn claim(
    app: &App,
    model: &Arc<Model>,
    caller: &Caller,
    key: Option<&str>,
    asked: &str,
) -> Answer<(Option<Uuid>, Option<Json>)> {
    let Some(key) = key else { return Ok((None, None)) };
    let at = app.clock.now();
    let id = app.entropy.uuid(at);
    let request = Execute {
        command_id: id,
        at,
        idempotency: Some(Idempotency { key: key.to_owned(), digest: digest(asked) }),
        locks: Vec::new(),
        decide: Box::new(|_| Outcome::Decided(Box::default())),
    };
    match app.store.execute(&caller.scope, model, request).await? {
        Executed::Applied(_) => Ok((Some(id), None)),
        Executed::Refused(refusal) => Err(Error::Refused(refusal)),
        // Without a saved reply the first attempt broke off: the work is done again, which its own checks make safe.
        Executed::Replayed { command_id, reply, .. } => Ok((Some(command_id), reply)),
        Executed::Mismatch => Err(mismatch()),
    }
}

fn digest(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}
