//! Applying a plan: its rows become commands, a chunk at a time, each carried out at most once.

use super::details::{Details, Doing, Outcome, Row, RowError, RowResult, letters};
use super::{caller_of, finish, import_of, mapping};
use crate::app::App;
use crate::jobs::{Ending, Hold, Turn, Work};
use crate::service::{Answer, Error, command, refuse};
use crate::store::{ChunkWork, Execute, Executed, Held, Job, Kept, Stage, Together};
use futures_util::future::BoxFuture;
use packwork_engine::codes::Code;
use packwork_engine::decide::decide;
use packwork_engine::decision::{Command, Context, Decision, Outcome as Decided, Write};
use packwork_engine::facts::Need;
use packwork_engine::ids::IdSource;
use packwork_engine::model::Model;
use packwork_engine::moment::Moment;
use packwork_engine::object::{FieldKind, Object};
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

pub const KIND: &str = "import_apply";

pub struct Apply;

impl Work for Apply {
    fn unit<'a>(&'a self, app: &'a Arc<App>, job: &'a Job, hold: &'a Hold) -> BoxFuture<'a, Answer<Turn>> {
        Box::pin(unit(app, job, hold))
    }

    fn end<'a>(&'a self, app: &'a Arc<App>, job: &'a Job, hold: &'a Hold, end: Ending) -> BoxFuture<'a, Answer<Held>> {
        Box::pin(finish(app, job, hold, end, Doing::Applying))
    }
}

/// The command of a row: the same however often the import is resumed.
pub fn command_id(import: Uuid, row: i64, doing: Doing) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(import.as_bytes());
    hash.update(doing.status().as_bytes());
    hash.update(row.to_be_bytes());
    let digest = hash.finalize();
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[6] = 0x80 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    Uuid::from_bytes(bytes)
}

/// A chunk's document.
pub fn document<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::Broken(format!("a chunk of an import: {error}")))
}

pub fn written<T: serde::Serialize>(document: &T) -> String {
    serde_json::to_string(document).expect("rows are plain data with text keys")
}

/// Rows of such an import may read what others of it wrote.
pub fn together(object: &Object, details: &Details) -> Together {
    let own = details.mapping.values().flatten().filter_map(|target| object.field(&target.field)).any(|(_, field)| {
        matches!(&field.kind, FieldKind::Id { to, .. } | FieldKind::Ids { to } if to.contains(&object.name))
    });
    if own || !object.plans.is_empty() { Together::InTurn } else { Together::Apart }
}

async fn unit(app: &Arc<App>, job: &Job, hold: &Hold) -> Answer<Turn> {
    let import = import_of(app, job).await?;
    let mut details = Details::of(&import)?;
    let caller = caller_of(app, job).await?;
    let model = app.model();
    let object = crate::service::records::object(&model, &caller, &import.object)?;
    mapping::check_rights(&caller, &object, details.mode)?;
    let Some(chunk) = app.store.chunk_at(&caller.scope, import.id, Stage::Planned, false).await? else {
        return Ok(Turn::Done);
    };
    let rows: Vec<Row> = document(&chunk.rows)?;
    let at = Moment::from_micros(details.applied_at.unwrap_or_else(|| app.clock.now().micros()));
    let ids: Vec<Uuid> = rows.iter().filter_map(|row| row.id).collect();
    let visible: BTreeSet<Uuid> =
        app.store.visible(&caller.scope, &model, &import.object, ids).await?.into_iter().collect();
    let mut commands = Vec::new();
    let mut asked: Vec<Row> = Vec::new();
    let mut unseen: Vec<RowResult> = Vec::new();
    for row in &rows {
        let context = Context {
            command: command_id(import.id, row.number, Doing::Applying),
            moment: at,
            actor: caller.scope.actor.clone(),
        };
        match (row.outcome, row.id) {
            (Outcome::Create, _) => {
                let command = Command::Create { object: import.object.clone(), input: row.input.clone() };
                commands.push(execute(&model, context, command));
            }
            (Outcome::Update, Some(id)) if !visible.contains(&id) => {
                unseen.push(RowResult {
                    number: row.number,
                    id: None,
                    version: None,
                    errors: RowError::of_refusal(&gone(&import.object, id), &details.mapping),
                    kept: false,
                });
                continue;
            }
            (Outcome::Update, Some(id)) => {
                let version = row.version.unwrap_or(0);
                let (object, input) = (import.object.clone(), row.input.clone());
                commands.push(execute(&model, context, Command::Update { object, id, version, input }));
            }
            (Outcome::Update, None) => {
                let earlier = command_id(import.id, row.after.unwrap_or(0), Doing::Applying);
                let id = IdSource::new(earlier, at).take();
                commands.push(update_now(&model, context, import.object.clone(), id, row));
            }
            _ => continue,
        }
        asked.push(row.clone());
    }
    let in_turn = rows.iter().any(|row| row.after.is_some());
    let together = if in_turn { Together::InTurn } else { together(&object, &details) };
    details.done += rows.len() as i64;
    let step = hold.step(job, (chunk.first_row + 1).to_string(), details.done, details.rows);
    let work = ChunkWork {
        import: import.id,
        first_row: chunk.first_row,
        stage: Stage::Applied,
        together,
        commands,
        step,
        results: Box::new(move |executed| {
            let mut results = unseen.clone();
            let mut details = details.clone();
            for (row, executed) in asked.iter().zip(executed) {
                results.push(result(row, executed, &details));
            }
            for result in &results {
                match result.errors.is_empty() {
                    true => details.counts.applied += 1,
                    false => {
                        let planned = rows.iter().find(|row| row.number == result.number).map(|row| row.outcome);
                        *details.counts.of(planned.unwrap_or(Outcome::Error)) -= 1;
                        details.counts.error += 1;
                    }
                }
            }
            let failed = results.iter().any(|result| !result.errors.is_empty());
            let outcomes = rows.iter().map(|row| row.outcome).chain(failed.then_some(Outcome::Error));
            Kept { outcomes: letters(outcomes), results: written(&results), details: details.json() }
        }),
    };
    Ok(app.store.carry_out_chunk(&caller.scope, &model, work).await?.into())
}

pub fn execute(model: &Arc<Model>, context: Context, command: Command) -> Execute {
    let locks = command::locks(model, &command);
    let model = model.clone();
    Execute {
        command_id: context.command,
        at: context.moment,
        idempotency: None,
        locks,
        decide: Box::new(move |facts| decide(&model, facts, &command, &context)),
    }
}

/// Changes a record an earlier row makes, whatever version it has by then.
fn update_now(model: &Arc<Model>, context: Context, object: Name, id: Uuid, row: &Row) -> Execute {
    let (model, input) = (model.clone(), row.input.clone());
    Execute {
        command_id: context.command,
        at: context.moment,
        idempotency: None,
        locks: Vec::new(),
        decide: Box::new(move |facts| {
            let key = (object.clone(), id);
            match facts.records.get(&key) {
                None => Decided::Needs(Need { records: BTreeSet::from([key]), ..Need::default() }),
                Some(None) => Decided::Refused(Box::new(gone(&object, id))),
                Some(Some(record)) => {
                    let (object, version, input) = (object.clone(), record.version(), input.clone());
                    decide(&model, facts, &Command::Update { object, id, version, input }, &context)
                }
            }
        }),
    }
}

fn gone(object: &Name, id: Uuid) -> Refusal {
    refuse(Code::NotFound, format!("there is no {object} `{id}`")).with("object", &**object).with("id", id.to_string())
}

fn result(row: &Row, executed: &Executed, details: &Details) -> RowResult {
    let mut result = RowResult { number: row.number, id: None, version: None, errors: Vec::new(), kept: false };
    match executed {
        Executed::Applied(decision) => {
            result.id = decision.subject.as_ref().map(|(_, id)| *id);
            result.version = version(decision).or(row.version);
        }
        Executed::Replayed { subject, .. } => {
            result.id = subject.as_ref().map(|(_, id)| *id);
            result.version = row.version.map_or(Some(1), |version| Some(version + 1));
        }
        Executed::Refused(refusal) => result.errors = RowError::of_refusal(refusal, &details.mapping),
        Executed::Mismatch => {
            let refusal = refuse(Code::IdempotencyMismatch, "the row's command was used for something else");
            result.errors = RowError::of_refusal(&refusal, &details.mapping);
        }
    }
    result
}

fn version(decision: &Decision) -> Option<i64> {
    let (_, id) = decision.subject.as_ref()?;
    decision.writes.iter().find_map(|write| match write {
        Write::Insert(record) | Write::Update { record, .. } if record.id() == *id => Some(record.version()),
        _ => None,
    })
}
