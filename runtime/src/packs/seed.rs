//! Seeds: records a pack brings along, written through ordinary commands, each once.

use super::install::{Error, Progress};
use super::when::{self, When};
use crate::app::App;
use crate::service::command::{self, Done};
use crate::service::{self};
use futures_util::StreamExt;
use packwork_engine::codes::Code;
use packwork_engine::decision::Command;
use packwork_engine::definition::seed::{SeedDefinition, SeedMode};
use packwork_engine::model::Model;
use packwork_engine::moment::{Date, Moment};
use packwork_engine::object::Object;
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use serde_json::{Map, Value as Json};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// Commands under way at once: as many as one group commit takes.
const TOGETHER: usize = 64;

/// One record of a seed, ready to be written.
struct Row {
    /// What it is marked by: its key, or its place.
    mark: String,
    key: Option<String>,
    fields: Map<String, Json>,
    created: Option<Moment>,
    steps: Vec<Step>,
}

/// A transition that follows a record's creation.
struct Step {
    transition: String,
    at: Moment,
    input: Map<String, Json>,
}

/// Writes the records of a seed that are not there yet; a managed seed brings the others up to date.
pub async fn plant(app: &App, model: &Arc<Model>, seed: &SeedDefinition, progress: &dyn Progress) -> Result<(), Error> {
    let Some(object) = model.object(&seed.object).cloned() else { return Ok(()) };
    let scope = app.system();
    let done = app.store.seed_marks(&scope, &seed.name).await?;
    let now = app.clock.now();
    let today = now.date_in(&model.zone);
    let rows = rows(model, &object, seed, today)?;
    let fresh = |row: &Row| seed.mode == SeedMode::Managed || !done.contains(&row.mark);
    let mut waiting: Vec<Row> =
        rows.into_iter().filter(|row| fresh(row) && row.created.is_none_or(|moment| moment <= now)).collect();
    let total = waiting.len();
    let mut marks: Vec<String> = Vec::new();
    let mut follow: Vec<(Uuid, Row)> = Vec::new();
    // Records that refer to others of the same seed wait for those: each round writes what it can.
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut refused: Vec<(Row, Refusal)> = Vec::new();
        let mut results =
            futures_util::stream::iter(waiting).map(|row| write(app, model, &object, seed, row)).buffered(TOGETHER);
        while let Some((row, result)) = results.next().await {
            match result {
                Ok(id) => {
                    marks.push(row.mark.clone());
                    progress.step(&seed.name, marks.len(), total);
                    if let Some(id) = id.filter(|_| !row.steps.is_empty()) {
                        follow.push((id, row));
                    }
                }
                Err(service::Error::Refused(refusal)) => refused.push((row, *refusal)),
                Err(failure) => return Err(failure.into()),
            }
        }
        if refused.len() == before {
            return give_up(app, seed, &marks, refused, now).await;
        }
        waiting = refused.into_iter().map(|(row, _)| row).collect();
    }
    live(app, model, &object, seed, follow, now, progress).await?;
    Ok(app.store.mark_seeded(&scope, &seed.name, &marks, now).await?)
}

/// Demonstration data that does not fit is left out and said; a product cannot do without its own records.
async fn give_up(
    app: &App,
    seed: &SeedDefinition,
    marks: &[String],
    refused: Vec<(Row, Refusal)>,
    now: Moment,
) -> Result<(), Error> {
    app.store.mark_seeded(&app.system(), &seed.name, marks, now).await?;
    for (row, refusal) in refused.iter().take(5) {
        tracing::warn!(seed = %seed.name, record = %row.mark, code = %refusal.code, detail = %refusal.detail, errors = ?refusal.errors, "a record of a seed was refused");
    }
    match refused.into_iter().next() {
        Some((row, refusal)) if !seed.demo => {
            Err(Error::Seed { seed: seed.name.clone(), record: row.mark, refusal: Box::new(refusal) })
        }
        _ => Ok(()),
    }
}

async fn write(
    app: &App,
    model: &Arc<Model>,
    object: &Arc<Object>,
    seed: &SeedDefinition,
    row: Row,
) -> (Row, service::Answer<Option<Uuid>>) {
    let result = write_one(app, model, object, seed, &row).await;
    (row, result)
}

async fn write_one(
    app: &App,
    model: &Arc<Model>,
    object: &Arc<Object>,
    seed: &SeedDefinition,
    row: &Row,
) -> service::Answer<Option<Uuid>> {
    let scope = app.system();
    let there = match &row.key {
        Some(key) => app.store.by_key(&scope, model, &object.name, key).await?,
        None => None,
    };
    let command = match there {
        // Somebody made it by hand, or an earlier installation did: `create_once` leaves it alone.
        Some(_) if seed.mode == SeedMode::CreateOnce => return Ok(None),
        Some(id) => {
            let Some(record) = app.store.get(&scope, model, &object.name, id).await? else { return Ok(None) };
            Command::Update {
                object: object.name.clone(),
                id,
                version: Some(record.version()),
                input: row.fields.clone(),
            }
        }
        None => Command::Create { object: object.name.clone(), input: row.fields.clone() },
    };
    let at = row.created.unwrap_or_else(|| app.clock.now());
    match command::run_at(app, model, &scope, command, at, None).await? {
        Done::Now { decision, .. } => Ok(decision.subject.map(|(_, id)| id)),
        Done::Before { subject, .. } => Ok(subject.map(|(_, id)| id)),
    }
}

/// Lets records live: their transitions, wave by wave. Steps that settle run in the order of time, so that tiers count
/// as they would have; all others run together.
async fn live(
    app: &App,
    model: &Arc<Model>,
    object: &Arc<Object>,
    seed: &SeedDefinition,
    mut records: Vec<(Uuid, Row)>,
    now: Moment,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let facts: BTreeSet<Name> = object
        .plans
        .iter()
        .filter_map(|plan| model.plans.get(plan))
        .filter_map(|plan| Some(plan.in_state()?.state.clone()))
        .collect();
    let settles = |step: &Step| {
        let lifecycle = object.lifecycle.as_ref();
        lifecycle
            .and_then(|lifecycle| lifecycle.transition(&step.transition))
            .is_some_and(|found| facts.contains(&found.to))
    };
    let total: usize = records.iter().map(|(_, row)| row.steps.iter().filter(|step| step.at <= now).count()).sum();
    let mut done = 0;
    let mut left_out = 0;
    for wave in 0.. {
        let mut steps: Vec<(Uuid, Step)> = Vec::new();
        for (id, row) in &mut records {
            if wave == 0 {
                row.steps.reverse();
            }
            if let Some(step) = row.steps.pop().filter(|step| step.at <= now) {
                steps.push((*id, step));
            }
        }
        if steps.is_empty() {
            break;
        }
        steps.sort_by_key(|(id, step)| (step.at, *id));
        let (in_turn, together): (Vec<_>, Vec<_>) = steps.into_iter().partition(|(_, step)| settles(step));
        let mut results = futures_util::stream::iter(together)
            .map(|(id, step)| take(app, model, object, id, step))
            .buffered(TOGETHER);
        while let Some(result) = results.next().await {
            left_out += usize::from(!result?);
            done += 1;
            progress.step(&format!("{} (history)", seed.name), done, total);
        }
        for (id, step) in in_turn {
            left_out += usize::from(!take(app, model, object, id, step).await?);
            done += 1;
            progress.step(&format!("{} (history)", seed.name), done, total);
        }
    }
    if left_out > 0 {
        tracing::warn!(seed = %seed.name, left_out, "steps of demonstration data were refused and left out");
    }
    Ok(())
}

async fn take(app: &App, model: &Arc<Model>, object: &Arc<Object>, id: Uuid, step: Step) -> Result<bool, Error> {
    let transition = step.transition.clone();
    let command = Command::Transition {
        object: object.name.clone(),
        id,
        version: None,
        transition: step.transition,
        input: step.input,
    };
    match command::run_at(app, model, &app.system(), command, step.at, None).await {
        Ok(_) => Ok(true),
        Err(service::Error::Refused(refusal)) => {
            tracing::debug!(%transition, record = %id, code = %refusal.code, detail = %refusal.detail, "a step was refused");
            Ok(false)
        }
        Err(failure) => Err(failure.into()),
    }
}

fn rows(model: &Model, object: &Object, seed: &SeedDefinition, today: Date) -> Result<Vec<Row>, Error> {
    let key_field = object.key.map(|at| object.fields[at].name.clone());
    seed.records
        .iter()
        .enumerate()
        .map(|(index, written)| row(model, seed, key_field.as_deref(), index, written, today))
        .collect()
}

fn row(
    model: &Model,
    seed: &SeedDefinition,
    key_field: Option<&str>,
    index: usize,
    written: &indexmap::IndexMap<String, Json>,
    today: Date,
) -> Result<Row, Error> {
    let bad = |detail: String| Error::Seed {
        seed: seed.name.clone(),
        record: index.to_string(),
        refusal: Box::new(Refusal::new(Code::BadProperty, detail)),
    };
    let moment = |json: &Json| {
        let text = json.as_str().unwrap_or_default();
        match when::read(text, today, &model.zone) {
            Some(When::At(moment)) => Ok(moment),
            Some(When::Day(date)) => Ok(Moment::start_of(date, &model.zone)),
            None => Moment::parse(text).ok_or_else(|| bad(format!("`{text}` is no moment"))),
        }
    };
    let created = written.get("$created").map(moment).transpose()?;
    let mut steps = Vec::new();
    for step in written.get("$do").and_then(Json::as_array).into_iter().flatten() {
        let mut input = step.get("with").cloned().unwrap_or_else(|| Json::Object(Map::new()));
        when::resolve(&mut input, today, &model.zone);
        steps.push(Step {
            transition: step.get("transition").and_then(Json::as_str).unwrap_or_default().to_owned(),
            at: moment(step.get("at").unwrap_or(&Json::Null))?,
            input: input.as_object().cloned().unwrap_or_default(),
        });
    }
    let mut fields = Json::Object(
        written
            .iter()
            .filter(|(name, _)| !name.starts_with('$'))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    );
    when::resolve(&mut fields, today, &model.zone);
    let fields = fields.as_object().cloned().unwrap_or_default();
    let key = key_field.and_then(|field| fields.get(field)).and_then(Json::as_str).map(str::to_owned);
    Ok(Row { mark: key.clone().unwrap_or_else(|| format!("#{index}")), key, fields, created, steps })
}
