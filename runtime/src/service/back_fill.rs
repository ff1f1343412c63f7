//! Completing records that are older than their definition, as a job after a publication: a few hundred at a time, each
//! as a command of its own with its event, so that histories tell and nothing is done twice.

use super::imports::apply::{bulk, item};
use super::{Answer, Error, refuse};
use crate::app::App;
use crate::jobs::{Hold, Turn, Work};
use crate::store::{BACK_FILL, BackFill, Job};
use futures_util::future::BoxFuture;
use packwork_engine::codes::Code;
use packwork_engine::decision::{Command, Context};
use packwork_engine::ids::command_of_row;
use packwork_engine::model::Model;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

pub const KIND: &str = BACK_FILL;

/// Records completed in one transaction.
const TOGETHER: u32 = 200;

pub struct Complete;

impl Work for Complete {
    fn unit<'a>(&'a self, app: &'a Arc<App>, job: &'a Job, hold: &'a Hold) -> BoxFuture<'a, Answer<Turn>> {
        Box::pin(unit(app, job, hold))
    }
}

/// How far a job is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Place {
    after: Option<Uuid>,
    refused: i64,
    /// The first record that was refused, and why.
    first: Option<(Uuid, String)>,
}

async fn unit(app: &Arc<App>, job: &Job, hold: &Hold) -> Answer<Turn> {
    let broken = |error: serde_json::Error| Error::Broken(format!("the job {}: {error}", job.id));
    let mut back_fill: BackFill = serde_json::from_value(job.input.clone()).map_err(broken)?;
    let place: Place = match &job.cursor {
        Some(cursor) => serde_json::from_str(cursor).map_err(broken)?,
        None => Place::default(),
    };
    let model = app.model();
    keep_known(&mut back_fill, &model);
    let scope = app.system();
    let ids = match back_fill.columns.is_empty() {
        true => Vec::new(),
        false => app.store.incomplete(&scope, &back_fill, place.after, TOGETHER).await?,
    };
    let Some(last) = ids.last().copied() else { return ended(&back_fill, &place) };
    let at = app.clock.now();
    // A unit that is done again begins at the same row.
    let first = u64::try_from(job.done).unwrap_or(0);
    let of = |(row, id): (u64, &Uuid)| {
        let context = Context { command: command_of_row(job.id, "row", row), moment: at, actor: scope.actor.clone() };
        item(&model, context, Command::Complete { object: back_fill.object.as_str().into(), id: *id })
    };
    let unit = command_of_row(job.id, "unit", first);
    let commands = bulk(unit, at, (first..).zip(&ids).map(of).collect());
    let done = job.done + ids.len() as i64;
    let (hold, job) = (*hold, job.clone());
    let step = move |executed: &[Result<_, Box<packwork_engine::refusal::Refusal>>]| {
        let mut place = Place { after: Some(last), ..place.clone() };
        for (id, result) in ids.iter().zip(executed) {
            let Err(refusal) = result else { continue };
            place.refused += 1;
            let reason = refusal.errors.first().map_or(&refusal.detail, |error| &error.message);
            place.first.get_or_insert_with(|| (*id, reason.clone()));
        }
        let cursor = serde_json::to_string(&place).expect("a place is plain data");
        let mut step = hold.step(&job, cursor, done, job.total.map(|total| total.max(done)));
        if let Some((id, reason)) = &place.first {
            step.detail = format!("{} refused; {id}: {reason}", place.refused);
        }
        step
    };
    Ok(app.store.carry_out_unit(&scope, &model, commands, Box::new(step)).await?.into())
}

/// What a later publication took out needs no completing.
fn keep_known(back_fill: &mut BackFill, model: &Model) {
    let root = back_fill.object.clone();
    back_fill.columns.retain(|name, columns| {
        let Some(object) = model.object(name) else { return false };
        let is_there = |column: &String| {
            column.strip_prefix("f_").and_then(|field| object.field(field)).is_some_and(|(_, field)| field.is_stored())
        };
        columns.retain(is_there);
        let belongs = *name == root || object.owned_by.as_deref() == Some(root.as_str());
        belongs && !columns.is_empty()
    });
    if model.object(&root).is_none() {
        back_fill.columns.clear();
    }
}

fn ended(back_fill: &BackFill, place: &Place) -> Answer<Turn> {
    let Some((id, reason)) = &place.first else { return Ok(Turn::Done) };
    let (rows, object) = (place.refused, &back_fill.object);
    let detail = format!("{rows} records of `{object}` could not be completed; the first is {id}: {reason}");
    Err(refuse(Code::BackFillIncomplete, detail)
        .with("object", object.as_str())
        .with("rows", rows)
        .with("record", id.to_string())
        .with("reason", reason.as_str())
        .into())
}
