//! Taking an import back, last row first: what it made is deleted, what it changed gets its old values, as long as
//! nobody touched it since.

use super::apply::{Asked, bulk, command_id, command_of_unit, document, item, moment_of, written};
use super::details::{Details, Doing, Outcome, Row, RowResult};
use super::{caller_of, finish, import_of};
use crate::app::App;
use crate::jobs::{Ending, Hold, Turn, Work};
use crate::service::Answer;
use crate::store::{ChunkWork, Held, Job, Kept, KeptOfChunk, Stage};
use futures_util::future::BoxFuture;
use packwork_engine::decision::{Change, Command, Context};
use packwork_engine::facts::{Facts, Need};
use packwork_engine::moment::Moment;
use packwork_engine::object::input::{self, Keys, NotYet, Read};
use packwork_engine::object::{Field, Object};
use packwork_engine::record::{Name, Record};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

pub const KIND: &str = "import_revert";

pub struct Revert;

impl Work for Revert {
    fn unit<'a>(&'a self, app: &'a Arc<App>, job: &'a Job, hold: &'a Hold) -> BoxFuture<'a, Answer<Turn>> {
        Box::pin(unit(app, job, hold))
    }

    fn end<'a>(&'a self, app: &'a Arc<App>, job: &'a Job, hold: &'a Hold, end: Ending) -> BoxFuture<'a, Answer<Held>> {
        Box::pin(finish(app, job, hold, end, Doing::Reverting))
    }
}

/// What is done about one row.
enum Way {
    /// Nothing was applied, or nothing is left to take back.
    Nothing,
    Kept,
    /// The command with this place among those asked; whether something stays besides.
    Asked(usize, bool),
}

async fn unit(app: &Arc<App>, job: &Job, hold: &Hold) -> Answer<Turn> {
    let import = import_of(app, job).await?;
    let mut details = Details::of(&import)?;
    let caller = caller_of(app, job).await?;
    let model = app.model();
    let object = crate::service::records::object(&model, &caller, &import.object)?;
    super::may_revert(&caller, &object, &details)?;
    let Some(chunk) = app.store.last_chunk(&caller.scope, import.id, Stage::Applied).await? else {
        return Ok(Turn::Done);
    };
    let rows: Vec<Row> = document(&chunk.rows)?;
    let rows: BTreeMap<i64, Row> = rows.into_iter().map(|row| (row.number, row)).collect();
    let mut results: Vec<RowResult> = chunk.results.as_deref().map(document).transpose()?.unwrap_or_default();
    results.sort_by_key(|result| std::cmp::Reverse(result.number));
    // The moment of a row's command is its own.
    let applied_at = Moment::from_micros(details.applied_at.unwrap_or_default());
    let touched: Vec<(Uuid, Moment)> =
        results.iter().filter_map(|result| Some((result.id?, moment_of(applied_at, result.number)))).collect();
    let changes = app.store.changes_at(&caller.scope, &touched).await?;
    let records = records(app, &import.object, touched.into_iter().map(|(id, _)| id)).await?;
    let mut commands: Vec<Asked> = Vec::new();
    let mut ways = Vec::new();
    for result in &results {
        let (Some(id), Some(row)) = (result.id, rows.get(&result.number)) else {
            ways.push(Way::Nothing);
            continue;
        };
        let context = Context {
            command: command_id(import.id, result.number, Doing::Reverting),
            moment: app.clock.now(),
            actor: caller.scope.actor.clone(),
        };
        let now = records.get(&id).and_then(Option::as_ref).filter(|record| !record.is_deleted());
        ways.push(match (row.outcome, now) {
            (_, None) => Way::Kept,
            (Outcome::Create, Some(now)) if Some(now.version()) != result.version && !moved(&results, id) => Way::Kept,
            (Outcome::Create, Some(now)) => {
                // A later row of the same file may have changed it, which was taken back just before.
                let version = if moved(&results, id) { now.version() + 1 } else { now.version() };
                let command = Command::Delete { object: import.object.clone(), id, version: Some(version) };
                commands.push(item(&model, context, command));
                Way::Asked(commands.len() - 1, false)
            }
            (_, Some(now)) => {
                let empty = BTreeMap::new();
                let changed = changes.get(&(id, moment_of(applied_at, result.number))).unwrap_or(&empty);
                let (input, stays) = former(&object, now, changed);
                match input.is_empty() {
                    true if stays => Way::Kept,
                    true => Way::Nothing,
                    false => {
                        let (object, version) = (import.object.clone(), Some(now.version()));
                        commands.push(item(&model, context, Command::Update { object, id, version, input }));
                        Way::Asked(commands.len() - 1, stays)
                    }
                }
            }
        });
    }
    details.done += rows.len() as i64;
    let step = hold.step(job, chunk.first_row.to_string(), details.done, details.rows);
    let (first_row, outcomes) = (chunk.first_row, chunk.outcomes.clone());
    let work = ChunkWork {
        import: import.id,
        stage: Stage::Reverted,
        bulk: bulk(command_of_unit(import.id, chunk.first_row, Doing::Reverting), app.clock.now(), commands),
        step,
        results: Box::new(move |executed| {
            let mut details = details.clone();
            let mut results = results.clone();
            for (result, way) in results.iter_mut().zip(&ways) {
                result.kept = match way {
                    Way::Nothing => false,
                    Way::Kept => true,
                    Way::Asked(at, stays) => *stays || executed[*at].is_err(),
                };
                details.counts.kept += i64::from(result.kept);
            }
            let kept = KeptOfChunk { first_row, outcomes: outcomes.clone(), results: written(&results) };
            Kept { chunks: vec![kept], details: details.json() }
        }),
    };
    Ok(app.store.carry_out_chunks(&caller.scope, &model, work).await?.into())
}

/// Whether another row of the chunk is about the same record.
fn moved(results: &[RowResult], id: Uuid) -> bool {
    results.iter().filter(|result| result.id == Some(id)).count() > 1
}

async fn records(
    app: &App,
    object: &Name,
    ids: impl Iterator<Item = Uuid>,
) -> Answer<BTreeMap<Uuid, Option<Arc<Record>>>> {
    let need = Need { records: ids.map(|id| (object.clone(), id)).collect(), ..Need::default() };
    let mut facts = Facts::default();
    app.store.fetch(&app.system(), &app.model(), &need, &mut facts).await?;
    Ok(facts.records.into_iter().map(|((_, id), record)| (id, record)).collect())
}

/// The old values of what a command changed and nobody changed since; and whether something stays as it is.
fn former(object: &Object, now: &Record, changes: &BTreeMap<String, Change>) -> (Map<String, Json>, bool) {
    let mut input = Map::new();
    let mut stays = false;
    for (name, change) in changes {
        // What is computed follows by itself.
        let Ok((slot, field)) = input::writable(object, name) else { continue };
        if reads_as(field, &change.new, now, slot) {
            input.insert(name.clone(), change.old.clone());
        } else {
            stays = true;
        }
    }
    (input, stays)
}

struct NoKeys;

impl Keys for NoKeys {
    fn find(&self, _: &[Name], _: &str) -> Result<Option<Uuid>, NotYet> {
        Ok(None)
    }
}

fn reads_as(field: &Field, json: &Json, now: &Record, slot: usize) -> bool {
    let value = &now.values[slot];
    value.to_json() == *json || matches!(input::read(field, json, "", "", &NoKeys), Read::Value(read) if read == *value)
}
