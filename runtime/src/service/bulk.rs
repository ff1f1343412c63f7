//! Many operations on records of one object in one request.

use super::command::{self, DoneTogether, Together};
use super::records::{accepting, duplicates, immutable, known, may, may_write, not_found};
use super::session::Caller;
use super::{Answer, Error, refuse};
use crate::app::App;
use crate::store::{Applied, Idempotency};
use packwork_engine::access::Action;
use packwork_engine::codes::Code;
use packwork_engine::decide::unique_value;
use packwork_engine::decision::{Command, Decision, Write};
use packwork_engine::facts::{Facts, Need};
use packwork_engine::model::Model;
use packwork_engine::object::{Object, Source};
use packwork_engine::query::Filter;
use packwork_engine::record::Name;
use packwork_engine::refusal::{FieldError, Refusal};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// The most operations of one request: a second or so of the writer.
pub const OPERATIONS_MAX: usize = 1_000;

/// One operation as asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    Create { data: Map<String, Json>, accepts_duplicates: bool },
    Update { id: String, version: Option<i64>, data: Map<String, Json> },
    Upsert { by: String, data: Map<String, Json>, accepts_duplicates: bool },
    Delete { id: String, version: Option<i64> },
    Transition { id: String, name: String, version: Option<i64>, input: Map<String, Json> },
}

impl Operation {
    fn id(&self) -> Option<&str> {
        match self {
            Operation::Update { id, .. } | Operation::Delete { id, .. } | Operation::Transition { id, .. } => Some(id),
            Operation::Create { .. } | Operation::Upsert { .. } => None,
        }
    }
}

pub type OperationResult = Result<Applied, Box<Refusal>>;

pub type Reply = Arc<dyn Fn(&[OperationResult]) -> Json + Send + Sync>;

/// A request of many operations. What could not even be read is refused already.
pub struct Asked {
    pub operations: Vec<Result<Operation, Box<Refusal>>>,
    pub atomic: bool,
    pub idempotency: Option<Idempotency>,
    /// Makes the reply of the results; kept for repeats of the key.
    pub reply: Reply,
}

/// The reply, and whether it is one from before.
pub async fn bulk(app: &App, caller: &Caller, object_name: &str, asked: Asked) -> Answer<(Json, bool)> {
    let model = app.model();
    let object = known(&model, object_name)?;
    if let Some(key) = &asked.idempotency
        && let Some(reply) = command::reply_before(app, caller, key).await?
    {
        return Ok((reply.unwrap_or_default(), true));
    }
    if asked.operations.len() > OPERATIONS_MAX {
        let message = format!("at most {OPERATIONS_MAX} operations in one request");
        let error = FieldError::new(Code::OutOfRange, "/operations", message);
        return Err(Refusal::of_fields(vec![error.with("maximum", OPERATIONS_MAX)]).into());
    }
    let found = Found::load(app, &model, caller, &object, &asked.operations).await?;
    let mut commands = Vec::with_capacity(asked.operations.len());
    let mut refused: BTreeMap<usize, Box<Refusal>> = BTreeMap::new();
    let count = asked.operations.len();
    for (at, operation) in asked.operations.into_iter().enumerate() {
        match operation.and_then(|operation| command(caller, &object, &found, operation).map_err(Box::new)) {
            Ok(command) => commands.push(command),
            Err(refusal) if asked.atomic => {
                // What stands before it may be refused too, but nothing is written either way.
                return Err(Error::Refused(Box::new(refusal.with("operation", at))));
            }
            Err(refusal) => {
                refused.insert(at, refusal);
            }
        }
    }
    let (reply, refused) = (asked.reply, Arc::new(refused));
    let (of_reply, of_refused) = (reply.clone(), refused.clone());
    let key = asked.idempotency.clone();
    let how = Together {
        idempotency: asked.idempotency,
        atomic: asked.atomic,
        reply: Box::new(move |outcomes| of_reply(&all_results(count, &of_refused, &duplicates::all_unnamed(outcomes)))),
        check: found.check(caller, &object),
        ..Together::at(app.clock.now())
    };
    let done = command::run_together(app, &model, &caller.scope, commands, how).await;
    match duplicates::as_seen(app, &model, caller, done).await? {
        DoneTogether::Each(mut outcomes) => {
            let looked_up = duplicates::all_told(app, &model, caller, &mut outcomes).await?;
            let reply = reply(&all_results(count, &refused, &outcomes));
            if looked_up {
                duplicates::keep_reply(app, caller, key.as_ref(), &reply).await?;
            }
            Ok((reply, false))
        }
        DoneTogether::Before(reply) => Ok((reply, true)),
    }
}

/// Results in the order of the operations: those refused before, and those that became commands.
fn all_results(
    count: usize,
    refused: &BTreeMap<usize, Box<Refusal>>,
    outcomes: &[OperationResult],
) -> Vec<OperationResult> {
    let mut outcomes = outcomes.iter();
    let result = |at| match refused.get(&at) {
        Some(refusal) => Some(Err(refusal.clone())),
        None => outcomes.next().cloned(),
    };
    (0..count).filter_map(result).collect()
}

/// The records the operations name, as far as the caller may see them.
struct Found {
    keys: BTreeMap<String, Uuid>,
    visible: Arc<BTreeSet<Uuid>>,
}

impl Found {
    async fn load(
        app: &App,
        model: &Model,
        caller: &Caller,
        object: &Object,
        operations: &[Result<Operation, Box<Refusal>>],
    ) -> Answer<Found> {
        let mut ids = BTreeSet::new();
        let mut need = Need::default();
        let mut upserted: BTreeSet<(Name, Name, packwork_engine::value::Value)> = BTreeSet::new();
        for operation in operations.iter().flatten() {
            match (operation.id().map(|id| (id, Uuid::parse_str(id))), operation) {
                (Some((_, Ok(id))), _) => {
                    ids.insert(id);
                }
                (Some((key, Err(_))), _) if object.key.is_some() => {
                    need.keys.insert((object.name.clone(), key.to_owned()));
                }
                // Whoever sees all rows sees whichever record holds the value.
                (_, Operation::Upsert { by, data, .. }) if caller.rights().rows(&object.name) != Filter::All => {
                    if let Some(Ok((field, value))) = data.get(by).map(|value| unique_value(object, by, value)) {
                        upserted.insert((object.name.clone(), field.name.clone(), value));
                    }
                }
                _ => {}
            }
        }
        need.holders = upserted;
        let mut facts = Facts::default();
        if !need.is_empty() {
            app.store.fetch(&caller.scope, model, &need, &mut facts).await?;
        }
        let keys: BTreeMap<String, Uuid> =
            facts.keys.into_iter().filter_map(|((_, key), id)| Some((key, id?))).collect();
        ids.extend(keys.values().copied());
        ids.extend(facts.holders.into_values().flatten());
        let visible = app.store.visible(&caller.scope, model, &object.name, ids.into_iter().collect()).await?;
        Ok(Found { keys, visible: Arc::new(visible) })
    }

    fn id(&self, object: &Object, written: &str) -> Result<Uuid, Refusal> {
        let id = Uuid::parse_str(written).ok().or_else(|| self.keys.get(written).copied());
        id.filter(|id| self.visible.contains(id)).ok_or_else(|| not_found(object, written))
    }

    /// What an upsert does is known once it is decided: the caller must be allowed to, and to see the record.
    fn check(&self, caller: &Caller, object: &Object) -> command::Check {
        upsert_check(caller, object, self.visible.clone())
    }
}

/// Refuses upserts that turn out to do what the caller may not do, or to a record they may not see.
pub fn upsert_check(caller: &Caller, object: &Object, visible: Arc<BTreeSet<Uuid>>) -> command::Check {
    let all_rows = caller.rights().rows(&object.name) == Filter::All;
    let (may_create, may_update) =
        (may(caller, object, Action::Create, "create"), may(caller, object, Action::Update, "update"));
    let made: Mutex<BTreeSet<Uuid>> = Mutex::default();
    Arc::new(move |command: &Command, decision: &Decision| {
        let Command::Upsert { object, field, value, .. } = command.plain() else { return Ok(()) };
        let Some((_, id)) = &decision.subject else { return Ok(()) };
        let creates = |write: &Write| matches!(write, Write::Insert(record) if record.id() == *id);
        if decision.writes.iter().any(creates) {
            made.lock().unwrap_or_else(PoisonError::into_inner).insert(*id);
            return may_create.clone().map_err(Box::new);
        }
        may_update.clone().map_err(Box::new)?;
        if all_rows || visible.contains(id) || made.lock().unwrap_or_else(PoisonError::into_inner).contains(id) {
            return Ok(());
        }
        // The record is none of the caller's: to them the value is simply taken.
        let message = format!("another `{object}` has the same `{field}`");
        let error = FieldError::new(Code::NotUnique, format!("/{field}"), message).with("field", &**field);
        Err(Box::new(Refusal::of_fields(vec![error.with("value", value.clone())])))
    })
}

/// The command of an operation, where the caller may.
fn command(caller: &Caller, object: &Arc<Object>, found: &Found, operation: Operation) -> Result<Command, Refusal> {
    let name = object.name.clone();
    let of_rates = object.source == Source::RateTable;
    Ok(match operation {
        Operation::Create { data, accepts_duplicates } => {
            may(caller, object, Action::Create, "create")?;
            may_write(caller, object, &data)?;
            match of_rates {
                true => Command::AddRate { table: name, row: data },
                false => accepting(accepts_duplicates, Command::Create { object: name, input: data }),
            }
        }
        _ if of_rates => return Err(immutable(object)),
        Operation::Update { id, version, data } => {
            let id = found.id(object, &id)?;
            may(caller, object, Action::Update, "update")?;
            may_write(caller, object, &data)?;
            Command::Update { object: name, id, version, input: data }
        }
        Operation::Upsert { by, mut data, accepts_duplicates } => {
            may_write(caller, object, &data)?;
            let Some(value) = data.remove(&by) else {
                let message = format!("`{by}` names the record and is missing in its data");
                let error = FieldError::new(Code::Required, format!("/{by}"), message);
                return Err(Refusal::of_fields(vec![error.with("field", by)]));
            };
            unique_value(object, &by, &value)?;
            accepting(accepts_duplicates, Command::Upsert { object: name, field: by.into(), value, input: data })
        }
        Operation::Delete { id, version } => {
            let id = found.id(object, &id)?;
            may(caller, object, Action::Delete, "delete")?;
            Command::Delete { object: name, id, version }
        }
        Operation::Transition { id, name: transition, version, input } => {
            let id = found.id(object, &id)?;
            let lifecycle = object.lifecycle.as_ref();
            if lifecycle.and_then(|lifecycle| lifecycle.transition(&transition)).is_none() {
                let detail = format!("`{}` has no transition `{transition}`", object.name);
                return Err(refuse(Code::UnknownTransition, detail).with("transition", transition));
            }
            may(caller, object, Action::Transition(&transition), &transition)?;
            may_write(caller, object, &input)?;
            Command::Transition { object: name, id, version, transition, input }
        }
    })
}
