//! Applying a plan: its rows become commands, a chunk at a time, each carried out at most once.

use super::details::{Details, Doing, Duplicates, Outcome, Row, RowError, RowResult, letters};
use super::{caller_of, finish, import_of, mapping};
use crate::app::App;
use crate::jobs::{Ending, Hold, Turn, Work};
use crate::service::records::accepting;
use crate::service::session::Caller;
use crate::service::{Answer, Error, command, refuse};
use crate::store::{Applied, Bulk, Chunk, ChunkWork, Held, Import, Item, Job, Kept, KeptOfChunk, Stage};
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
pub fn moment_of(applied_at: Moment, row: i64) -> Moment {
    Moment::from_micros(applied_at.micros() + row)
}

/// A chunk's document.
pub fn document<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::Broken(format!("a chunk of an import: {error}")))
}

pub fn written<T: serde::Serialize>(document: &T) -> String {
    serde_json::to_string(document).expect("rows are plain data with text keys")
}

/// The command of a unit, under which those of its rows are noted. See `docs/decisions/0074`.
pub fn command_of_unit(import: Uuid, first_row: i64, doing: Doing) -> Uuid {
    command_of_row(import, &format!("{} a unit", doing.status()), u64::try_from(first_row).unwrap_or(0))
}

/// The most chunks of new records that are carried out in one transaction: pages of indexes that all of them touch are
/// written once. People's commands wait for as long.
const CHUNKS_MAX: usize = 4;
/// Units of one chunk each, before there are larger ones: small files go step by step.
const UNITS_ALONE: usize = 4;
/// A unit that took longer is not followed by a larger one.
const UNIT_MS: i64 = 250;

/// What is kept between the units of one process.
struct Pace {
    /// Units carried out.
    units: usize,
    /// Chunks the next unit takes: one at first, more while they are quick.
    chunks: usize,
    /// Read and understood while the unit before was carried out.
    ahead: Vec<Planned>,
}

/// A chunk that is to be applied.
struct Planned {
    first_row: i64,
    rows: Vec<Row>,
}

impl Planned {
    fn of(chunk: Chunk) -> Answer<Planned> {
        Ok(Planned { first_row: chunk.first_row, rows: document(&chunk.rows)? })
    }

    fn changes(&self) -> bool {
        self.rows.iter().any(|row| row.outcome == Outcome::Update)
    }
}

async fn unit(app: &Arc<App>, job: &Job, hold: &Hold) -> Answer<Turn> {
    let import = import_of(app, job).await?;
    let caller = caller_of(app, job).await?;
    let mut pace = app.jobs.kept(job.id).unwrap_or(Pace { units: 0, chunks: 1, ahead: Vec::new() });
    if pace.ahead.is_empty() {
        let chunks = app.store.chunks_at(&caller.scope, import.id, Stage::Planned, 1).await?;
        pace.ahead = chunks.into_iter().map(Planned::of).collect::<Answer<_>>()?;
    }
    let Some(last) = pace.ahead.last().map(|chunk| chunk.first_row) else { return Ok(Turn::Done) };
    let started = app.clock.now();
    let work = work(app, job, hold, &caller, &import, std::mem::take(&mut pace.ahead)).await?;
    let model = app.model();
    let ahead = chunks_after(app, &caller, &import, last, pace.chunks * 2);
    let (held, ahead) = tokio::join!(app.store.carry_out_chunks(&caller.scope, &model, work), ahead);
    let held = held?;
    pace.ahead = ahead?;
    let took_ms = (app.clock.now().micros() - started.micros()) / 1_000;
    pace.units += 1;
    pace.chunks = match took_ms {
        _ if pace.units < UNITS_ALONE => 1,
        ..UNIT_MS => (pace.chunks * 2).min(CHUNKS_MAX),
        _ => (pace.chunks / 2).max(1),
    };
    pace.ahead.truncate(pace.chunks);
    app.jobs.keep(job.id, pace);
    Ok(held.into())
}

/// The next chunks: one that changes records goes alone, since each of these is locked.
async fn chunks_after(app: &App, caller: &Caller, import: &Import, row: i64, count: usize) -> Answer<Vec<Planned>> {
    let mut found: Vec<Planned> = Vec::new();
    let mut row = row;
    for _ in 0..count.min(CHUNKS_MAX) {
        let Some(chunk) = app.store.chunk_after(&caller.scope, import.id, row + 1, None).await? else { break };
        row = chunk.first_row;
        let planned = Planned::of(chunk)?;
        if planned.changes() && !found.is_empty() {
            break;
        }
        let alone = planned.changes();
        found.push(planned);
        if alone {
            break;
        }
    }
    Ok(found)
}

/// What is to be carried out: the commands of all rows, and what becomes of them.
async fn work(
    app: &App,
    job: &Job,
    hold: &Hold,
    caller: &Caller,
    import: &Import,
    mut chunks: Vec<Planned>,
) -> Answer<ChunkWork> {
    let mut details = Details::of(import)?;
    let model = app.model();
    let object = crate::service::records::object(&model, caller, &import.object)?;
    mapping::check_rights(caller, &object, details.mode)?;
    let at = Moment::from_micros(details.applied_at.unwrap_or_else(|| app.clock.now().micros()));
    let rows = || chunks.iter().flat_map(|chunk| &chunk.rows);
    let ids: Vec<Uuid> = rows().filter_map(|row| row.id).collect();
    let first = chunks.first().map_or(0, |chunk| chunk.first_row);
    let last = chunks.last().map_or(0, |chunk| chunk.first_row);
    details.done += rows().count() as i64;
    let visible = app.store.visible(&caller.scope, &model, &import.object, ids).await?;
    let mut commands = Vec::new();
    for row in chunks.iter_mut().flat_map(|chunk| &mut chunk.rows) {
        let input = std::mem::take(&mut row.input);
        let object = import.object.clone();
        let command = match (row.outcome, row.id) {
            (Outcome::Create, _) => {
                accepting(details.duplicates == Duplicates::Create, Command::Create { object, input })
            }
            (Outcome::Update, Some(id)) if !visible.contains(&id) => {
                row.errors = RowError::of_refusal(&gone(&import.object, id), &details.mapping);
                continue;
            }
            (Outcome::Update, Some(id)) => Command::Update { object, id, version: row.version, input },
            (Outcome::Update, None) => {
                let after = row.after.unwrap_or(0);
                let earlier = command_id(import.id, after, Doing::Applying);
                let id = IdSource::new(earlier, moment_of(at, after)).take();
                Command::Update { object, id, version: None, input }
            }
            _ => continue,
        };
        let context = Context {
            command: command_id(import.id, row.number, Doing::Applying),
            moment: moment_of(at, row.number),
            actor: caller.scope.actor.clone(),
        };
        commands.push(item(&model, context, command));
    }
    Ok(ChunkWork {
        import: import.id,
        stage: Stage::Applied,
        bulk: bulk(command_of_unit(import.id, first, Doing::Applying), at, commands),
        step: hold.step(job, (last + 1).to_string(), details.done, details.rows),
        results: Box::new(move |executed| {
            let mut executed = executed.iter();
            let mut details = details.clone();
            let chunks = chunks.iter().map(|chunk| kept(chunk, &mut executed, &mut details)).collect();
            Kept { chunks, details: details.json() }
        }),
    })
}

/// What became of a chunk's rows; counts what was planned otherwise.
fn kept(
    chunk: &Planned,
    executed: &mut std::slice::Iter<'_, Result<Applied, Box<Refusal>>>,
    details: &mut Details,
) -> KeptOfChunk {
    let mut results = Vec::with_capacity(chunk.rows.len());
    let asked = |row: &&Row| matches!(row.outcome, Outcome::Create | Outcome::Update);
    for row in chunk.rows.iter().filter(asked) {
        // Those whose records the caller does not see were not asked.
        let result = match row.errors.is_empty() {
            true => executed.next().map(|executed| result(row, executed, details)),
            false => Some(RowResult { errors: row.errors.clone(), ..RowResult::of(row.number) }),
        };
        let Some(result) = result else { continue };
        match result.errors.is_empty() {
            true => details.counts.applied += 1,
            false => {
                *details.counts.of(row.outcome) -= 1;
                details.counts.error += 1;
            }
        }
        results.push(result);
    }
    let failed = results.iter().any(|result| !result.errors.is_empty());
    let outcomes = chunk.rows.iter().map(|row| row.outcome).chain(failed.then_some(Outcome::Error));
    KeptOfChunk { first_row: chunk.first_row, outcomes: letters(outcomes), results: written(&results) }
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
    let mut result = RowResult::of(row.number);
    match done {
        Ok(applied) => {
            result.id = applied.subject.as_ref().map(|(_, id)| *id);
            result.version = applied.version.or(row.version);
        }
        Err(refusal) => result.errors = RowError::of_refusal(refusal, &details.mapping),
    }
    result
}
