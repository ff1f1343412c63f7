//! Applying a plan: its rows become commands, a chunk at a time, each carried out at most once.

use super::details::{Details, Doing, Duplicates, Outcome, Row, RowError, RowResult, letters};
use super::{caller_of, finish, import_of, mapping};
use crate::app::App;
use crate::jobs::{Ending, Hold, Turn, Work};
use crate::service::records::accepting;
use crate::service::{Answer, Error, command, refuse};
use crate::store::{Applied, Bulk, ChunkWork, Held, Item, Job, Kept, Stage};
use futures_util::future::BoxFuture;
use packwork_engine::codes::Code;
use packwork_engine::decision::{Command, Context};
use packwork_engine::ids::{IdSource, command_of_row};
use packwork_engine::model::Model;
use packwork_engine::moment::Moment;
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use serde::de::DeserializeOwned;
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
    command_of_row(import, doing.status(), u64::try_from(row).unwrap_or(0))
}

/// A row's moment: records made of a file stand in the order of its rows.
fn moment_of(applied_at: Moment, row: i64) -> Moment {
    Moment::from_micros(applied_at.micros() + row)
}

/// A chunk's document.
pub fn document<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::Broken(format!("a chunk of an import: {error}")))
}

pub fn written<T: serde::Serialize>(document: &T) -> String {
    serde_json::to_string(document).expect("rows are plain data with text keys")
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
    let visible = app.store.visible(&caller.scope, &model, &import.object, ids).await?;
    let mut commands = Vec::new();
    let mut asked: Vec<Row> = Vec::new();
    let mut unseen: Vec<RowResult> = Vec::new();
    for row in &rows {
        let context = Context {
            command: command_id(import.id, row.number, Doing::Applying),
            moment: moment_of(at, row.number),
            actor: caller.scope.actor.clone(),
        };
        match (row.outcome, row.id) {
            (Outcome::Create, _) => {
                let command = Command::Create { object: import.object.clone(), input: row.input.clone() };
                let command = accepting(details.duplicates == Duplicates::Create, command);
                commands.push(item(&model, context, command));
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
                let version = row.version;
                let (object, input) = (import.object.clone(), row.input.clone());
                commands.push(item(&model, context, Command::Update { object, id, version, input }));
            }
            (Outcome::Update, None) => {
                let after = row.after.unwrap_or(0);
                let earlier = command_id(import.id, after, Doing::Applying);
                let id = IdSource::new(earlier, moment_of(at, after)).take();
                let (object, input) = (import.object.clone(), row.input.clone());
                commands.push(item(&model, context, Command::Update { object, id, version: None, input }));
            }
            _ => continue,
        }
        asked.push(row.clone());
    }
    details.done += rows.len() as i64;
    let step = hold.step(job, (chunk.first_row + 1).to_string(), details.done, details.rows);
    let work = ChunkWork {
        import: import.id,
        first_row: chunk.first_row,
        stage: Stage::Applied,
        bulk: bulk(command_id(import.id, chunk.first_row, Doing::Planning), at, commands),
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

/// One row's command, and what must not change under it.
pub struct Asked {
    item: Item,
    locks: Vec<String>,
}

pub fn item(model: &Arc<Model>, context: Context, command: Command) -> Asked {
    let locks = command::locks(model, &command);
    Asked { item: command::item(model, Arc::new(command), context, Arc::new(|_, _| Ok(()))), locks }
}

/// A chunk's commands: each for itself, in their order.
pub fn bulk(id: Uuid, at: Moment, asked: Vec<Asked>) -> Bulk {
    let mut locks: Vec<String> = asked.iter().flat_map(|asked| asked.locks.iter().cloned()).collect();
    locks.sort();
    locks.dedup();
    let items = asked.into_iter().map(|asked| asked.item).collect();
    let reply = Box::new(|_: &[Result<Applied, Box<Refusal>>]| serde_json::Value::Null);
    Bulk { command_id: id, at, idempotency: None, locks, atomic: false, items, reply }
}

fn gone(object: &Name, id: Uuid) -> Refusal {
    refuse(Code::NotFound, format!("there is no {object} `{id}`")).with("object", &**object).with("id", id.to_string())
}

fn result(row: &Row, done: &Result<Applied, Box<Refusal>>, details: &Details) -> RowResult {
    let mut result = RowResult { number: row.number, id: None, version: None, errors: Vec::new(), kept: false };
    match done {
        Ok(applied) => {
            result.id = applied.subject.as_ref().map(|(_, id)| *id);
            result.version = applied.version.or(row.version);
        }
        Err(refusal) => result.errors = RowError::of_refusal(refusal, &details.mapping),
    }
    result
}
