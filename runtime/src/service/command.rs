//! Carrying out commands: decide inside the store's transaction, or only decide. The one path through which
//! anything changes.

use super::records::duplicates;
use super::session::{Caller, USER};
use super::{Answer, Error, refuse};
use crate::app::App;
use crate::auth::token::hex;
use crate::store::{Ahead, Applied, Bulk, BulkDone, Decide, Execute, Executed, Idempotency, Item, Scope, posting_lock};
use packwork_engine::codes::Code;
use packwork_engine::decide::{decide, foresee};
use packwork_engine::decision::{Command, Context, Decision, Outcome, Write};
use packwork_engine::facts::{Facts, ROUNDS_MAX};
use packwork_engine::model::Model;
use packwork_engine::moment::Moment;
use packwork_engine::refusal::Refusal;
use packwork_engine::settlement::plan::Plan;
use serde_json::{Map, Value as Json};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use uuid::Uuid;

/// What a command did, or did when it was sent the first time.
#[derive(Debug)]
pub enum Done {
    Now { command: Uuid, decision: Box<Decision>, keyed: bool },
    Before { subject: Option<(Arc<str>, Uuid)>, reply: Option<Json> },
}

/// Carries out a command for a caller.
pub async fn run(
    app: &App,
    model: &Arc<Model>,
    caller: &Caller,
    command: Command,
    idempotency: Option<Idempotency>,
) -> Answer<Done> {
    let how = How { idempotency, ..How::at(app.clock.now()) };
    let done = carry_out(app, model, &caller.scope, command, how).await;
    duplicates::as_seen(app, model, caller, done).await
}

/// The same where the reply is known beforehand and kept with the command.
pub async fn run_replying(
    app: &App,
    model: &Arc<Model>,
    caller: &Caller,
    command: Command,
    idempotency: Option<Idempotency>,
    reply: Json,
) -> Answer<Done> {
    let how = How { idempotency, reply: Some(reply), ..How::at(app.clock.now()) };
    carry_out(app, model, &caller.scope, command, how).await
}

/// How one command is carried out.
struct How {
    at: Moment,
    idempotency: Option<Idempotency>,
    check: Check,
    reply: Option<Json>,
    ahead: Option<Ahead>,
}

impl How {
    fn at(at: Moment) -> How {
        How { at, idempotency: None, check: Arc::new(|_, _| Ok(())), reply: None, ahead: None }
    }
}

/// The same with a last look at what was decided.
pub async fn run_checked(
    app: &App,
    model: &Arc<Model>,
    caller: &Caller,
    command: Command,
    idempotency: Option<Idempotency>,
    check: Check,
) -> Answer<Done> {
    let how = How { idempotency, check, ..How::at(app.clock.now()) };
    let done = carry_out(app, model, &caller.scope, command, how).await;
    duplicates::as_seen(app, model, caller, done).await
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
    carry_out(app, model, scope, command, How { idempotency, ..How::at(at) }).await
}

/// The same with what was read for it before its turn.
pub async fn run_ahead(
    app: &App,
    model: &Arc<Model>,
    scope: &Scope,
    command: Command,
    at: Moment,
    ahead: Option<Ahead>,
) -> Answer<Done> {
    carry_out(app, model, scope, command, How { ahead, ..How::at(at) }).await
}

async fn carry_out(app: &App, model: &Arc<Model>, scope: &Scope, command: Command, how: How) -> Answer<Done> {
    let How { at, idempotency, check, reply, ahead } = how;
    let id = app.entropy.uuid(app.clock.now());
    let keyed = idempotency.is_some();
    let context = Context { command: id, moment: at, actor: scope.actor.clone() };
    let locks = locks(model, &command);
    let decided = model.clone();
    let decide = checked(decided, Arc::new(command), context, check);
    let request = Execute { command_id: id, at, idempotency, locks, reply, ahead, decide };
    match app.store.execute(scope, model, request).await? {
        Executed::Applied(decision) => {
            if decision.writes.iter().any(writes_user) {
                app.callers.forget();
            }
            Ok(Done::Now { command: id, decision, keyed })
        }
        Executed::Refused(refusal) => Err(Error::Refused(refusal)),
        Executed::Replayed { subject, reply, .. } => Ok(Done::Before { subject, reply }),
        Executed::Mismatch => Err(mismatch()),
    }
}

/// Asks the engine, then looks at what it decided.
fn checked(model: Arc<Model>, command: Arc<Command>, context: Context, check: Check) -> Decide {
    Box::new(move |facts: &Facts| match decide(&model, facts, &command, &context) {
        Outcome::Decided(decision) => match check(&command, &decision) {
            Ok(()) => Outcome::Decided(decision),
            Err(refusal) => Outcome::Refused(refusal),
        },
        other => other,
    })
}

/// One command of many.
pub fn item(model: &Arc<Model>, command: Arc<Command>, context: Context, check: Check) -> Item {
    let (of_model, foreseen) = (model.clone(), command.clone());
    Item {
        decide: checked(model.clone(), command, context, check),
        foresee: Box::new(move |facts, need| foresee(&of_model, facts, &foreseen, need)),
    }
}

fn writes_user(write: &Write) -> bool {
    let object = match write {
        Write::Insert(record) | Write::Update { record, .. } => &record.object,
        Write::Remove { object, .. } => object,
    };
    &**object == USER
}

pub fn mismatch() -> Error {
    refuse(Code::IdempotencyMismatch, "the idempotency key was used before, with another request").into()
}

/// What a command must have for itself, in order: its record, the plans that settle it, the calendars they post into.
pub fn locks(model: &Model, command: &Command) -> Vec<String> {
    let of_plans = |plans: &[Arc<str>]| {
        let calendars = plans.iter().filter_map(|plan| model.plans.get(plan)).map(|plan| posting_lock(&plan.calendar));
        plans.iter().map(|plan| format!("settle/{plan}")).chain(calendars).collect::<Vec<String>>()
    };
    let of_record = |object: &str, record: Option<Uuid>| {
        let mut locks = of_plans(model.object(object).map(|object| object.plans.as_slice()).unwrap_or_default());
        locks.extend(record.map(|id| format!("record/{object}/{id}")));
        locks
    };
    let mut locks = match command.plain() {
        Command::Create { .. } | Command::AcceptingDuplicates(_) => Vec::new(),
        Command::Update { object, id, .. }
        | Command::Delete { object, id, .. }
        | Command::Restore { object, id, .. }
        | Command::Complete { object, id }
        | Command::Transition { object, id, .. } => of_record(object, Some(*id)),
        Command::Upsert { object, field, value, .. } => {
            let mut locks = of_plans(model.object(object).map(|object| object.plans.as_slice()).unwrap_or_default());
            locks.push(format!("unique/{object}/{field}/{value}"));
            locks
        }
        Command::Attach(file) => of_record(&file.object, file.record),
        Command::Detach { of, .. } => {
            of.as_ref().map(|(object, record)| of_record(object, Some(*record))).unwrap_or_default()
        }
        Command::Settle(unit) | Command::SettleBy(unit, _) => of_plans(std::slice::from_ref(&unit.plan)),
        Command::ChangeRates(asked) => {
            let undoes = |change: &Map<String, Json>| change.get("op").and_then(Json::as_str) == Some("undo");
            // No line is posted while it is told whether one rests on the row.
            let plans =
                asked.changes.iter().any(undoes).then(|| model.plans.keys().map(|plan| format!("settle/{plan}")));
            std::iter::once(format!("table/{}", asked.table)).chain(plans.into_iter().flatten()).collect()
        }
        Command::Statement(statement) => {
            let states = |plan: &&Plan| plan.statement.as_ref() == Some(&statement.form);
            let plans: Vec<Arc<str>> = model.plans.values().filter(states).map(|plan| plan.name.clone()).collect();
            let mut locks = of_plans(&plans);
            locks.extend(model.statements.get(&statement.form).map(|form| posting_lock(&form.calendar)));
            // One definition's statements take turns: their numbers, debts and positions hang together.
            locks.push(format!("statement/{}", statement.form));
            locks
        }
        Command::AddRate { table, .. } | Command::CloseRate { table, .. } => vec![format!("table/{table}")],
    };
    locks.sort();
    locks.dedup();
    locks
}

/// The reply to an earlier request with this key: `Some(None)` where it was carried out and its reply is not kept.
pub async fn reply_before(app: &App, caller: &Caller, key: &Idempotency) -> Answer<Option<Option<Json>>> {
    match done_before(app, caller, key).await? {
        Some(Done::Before { reply, .. }) => Ok(Some(reply)),
        _ => Ok(None),
    }
}

/// The command an earlier request with this key was carried out as.
pub async fn command_of(app: &App, caller: &Caller, key: &Idempotency) -> Answer<Option<Uuid>> {
    match app.store.reply_before(&caller.scope, key).await? {
        Some(Executed::Replayed { command_id, .. }) => Ok(Some(command_id)),
        _ => Ok(None),
    }
}

/// What an earlier request with this key did.
pub async fn done_before(app: &App, caller: &Caller, key: &Idempotency) -> Answer<Option<Done>> {
    match app.store.reply_before(&caller.scope, key).await? {
        None => Ok(None),
        Some(Executed::Replayed { subject, reply, .. }) => Ok(Some(Done::Before { subject, reply })),
        Some(_) => Err(mismatch()),
    }
}

/// How many commands are carried out together.
pub struct Together {
    pub at: Moment,
    pub idempotency: Option<Idempotency>,
    /// All, or none and the first refusal.
    pub atomic: bool,
    /// Makes the reply that is kept for repeats of the key.
    pub reply: Reply,
    /// A last look at what was decided: rights that depend on what a command turned out to do.
    pub check: Check,
}

pub type OutcomeOfOne = Result<Applied, Box<Refusal>>;
pub type Outcomes = Vec<OutcomeOfOne>;
pub type Reply = Box<dyn Fn(&[OutcomeOfOne]) -> Json + Send + Sync>;
pub type Check = Arc<dyn Fn(&Command, &Decision) -> Result<(), Box<Refusal>> + Send + Sync>;

impl Together {
    /// Each for itself, without a key.
    pub fn at(at: Moment) -> Together {
        let reply = Box::new(|_: &[Result<Applied, Box<Refusal>>]| Json::Null);
        Together { at, idempotency: None, atomic: false, reply, check: Arc::new(|_, _| Ok(())) }
    }
}

/// What became of commands carried out together.
#[derive(Debug)]
pub enum DoneTogether {
    Each(Outcomes),
    /// The request came before; this was its reply.
    Before(Json),
}

/// Carries out many commands in one transaction, each as if it came alone, in this order.
pub async fn run_together(
    app: &App,
    model: &Arc<Model>,
    scope: &Scope,
    commands: Vec<Command>,
    how: Together,
) -> Answer<DoneTogether> {
    let mut all_locks: Vec<String> = commands.iter().flat_map(|command| locks(model, command)).collect();
    all_locks.sort();
    all_locks.dedup();
    let items = commands.into_iter().map(|command| {
        let id = app.entropy.uuid(app.clock.now());
        let context = Context { command: id, moment: how.at, actor: scope.actor.clone() };
        item(model, Arc::new(command), context, how.check.clone())
    });
    let items = items.collect();
    let request = Bulk {
        command_id: app.entropy.uuid(app.clock.now()),
        at: how.at,
        idempotency: how.idempotency,
        locks: all_locks,
        atomic: how.atomic,
        items,
        reply: how.reply,
    };
    match app.store.execute_bulk(scope, model, request).await? {
        BulkDone::Done(outcomes) => {
            let of_user = |applied: &Applied| applied.subject.as_ref().is_some_and(|(object, _)| &**object == USER);
            if outcomes.iter().flatten().any(of_user) {
                app.callers.forget();
            }
            Ok(DoneTogether::Each(outcomes))
        }
        BulkDone::Refused(at, refusal) => Err(Error::Refused(Box::new(refusal.with("operation", at)))),
        BulkDone::Replayed(reply) => Ok(DoneTogether::Before(reply.unwrap_or_default())),
        BulkDone::Mismatch => Err(mismatch()),
    }
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
        idempotency: Some(Idempotency { key: key.to_owned(), digest: digest(asked), lasting: true }),
        locks: Vec::new(),
        reply: None,
        ahead: None,
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

/// The digest of what a request asks for.
pub fn digest(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}
