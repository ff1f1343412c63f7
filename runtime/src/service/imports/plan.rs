//! Planning: every row of the file is read, its references are found, and the engine decides what it would do; nothing
//! is written but the plan. Look-ups are made for many rows at once.

mod deciding;
mod matching;
mod reading;
mod references;

use super::apply::written;
use super::details::{Details, Doing, Row, letters};
use super::mapping::{self, Column};
use super::rows::{Cell, ROWS_MAX, Rows, bad_file};
use super::{caller_of, finish, import_of};
use crate::app::App;
use crate::jobs::{Ending, Hold, Turn, Work};
use crate::service::Answer;
use crate::service::session::Caller;
use crate::store::{Chunk, Held, Import, Job, Stage};
use futures_util::future::BoxFuture;
use packwork_engine::facts::Facts;
use packwork_engine::model::Model;
use packwork_engine::object::{FieldKind, Object};
use packwork_engine::record::Record;
use references::Found;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

pub const KIND: &str = "import_plan";
/// Rows that are planned, applied and reverted together: people's commands go between.
const CHUNK_ROWS: usize = 1_000;
/// Found references that are remembered from chunk to chunk.
const REMEMBERED_MAX: usize = 50_000;

pub struct Plan;

impl Work for Plan {
    fn unit<'a>(&'a self, app: &'a Arc<App>, job: &'a Job, hold: &'a Hold) -> BoxFuture<'a, Answer<Turn>> {
        Box::pin(unit(app, job, hold))
    }

    fn end<'a>(&'a self, app: &'a Arc<App>, job: &'a Job, hold: &'a Hold, end: Ending) -> BoxFuture<'a, Answer<Held>> {
        Box::pin(finish(app, job, hold, end, Doing::Planning))
    }
}

/// What planning keeps between its units.
struct State {
    import: Import,
    details: Details,
    caller: Caller,
    model: Arc<Model>,
    object: Arc<Object>,
    columns: Vec<Column>,
    /// The column records are found by.
    by: Option<usize>,
    /// Columns of unique texts.
    uniques: Vec<usize>,
    rows: Rows,
    /// Values of unique columns by column and digest, with the row that had them first.
    seen: BTreeMap<(usize, u64), i64>,
    /// What texts of reference columns lead to.
    found: BTreeMap<(usize, String), Found>,
    /// Records the file makes, where later rows may refer to them: by key.
    made: Option<BTreeMap<String, Arc<Record>>>,
    facts: Facts,
}

/// A row on its way to a plan.
struct Draft {
    row: Row,
    texts: Vec<String>,
    existing: Option<Uuid>,
}

async fn unit(app: &Arc<App>, job: &Job, hold: &Hold) -> Answer<Turn> {
    let mut state = match app.jobs.kept::<State>(job.id) {
        Some(state) => state,
        None => State::open(app, job).await?,
    };
    let Some(drafts) = state.read(app).await? else { return Ok(Turn::Done) };
    let rows = state.plan(app, drafts).await?;
    for row in &rows {
        *state.details.counts.of(row.outcome) += 1;
    }
    let last = rows.last().map_or(0, |row| row.number);
    state.details.done += rows.len() as i64;
    state.details.rows = Some(state.details.done);
    if state.details.done > ROWS_MAX {
        let detail = format!("the file has more than {ROWS_MAX} rows");
        return Err(bad_file("too_many_rows", detail).with("limit", "ROWS_MAX").with("limit_rows", ROWS_MAX).into());
    }
    let chunk = Chunk {
        first_row: rows.first().map_or(0, |row| row.number),
        stage: Stage::Planned,
        outcomes: letters(rows.iter().map(|row| row.outcome)),
        rows: written(&rows),
        results: None,
    };
    state.import.details = state.details.json();
    let step = hold.step(job, last.to_string(), state.details.done, None);
    let held = app.store.plan_chunk(&state.caller.scope, &state.import, &chunk, &step).await?;
    app.jobs.keep(job.id, state);
    Ok(held.into())
}

impl State {
    async fn open(app: &Arc<App>, job: &Job) -> Answer<State> {
        let import = import_of(app, job).await?;
        let details = Details::of(&import)?;
        let caller = caller_of(app, job).await?;
        let model = app.model();
        let object = crate::service::records::object(&model, &caller, &import.object)?;
        mapping::check_rights(&caller, &object, details.mode)?;
        let columns = mapping::columns(&model, &object, &details);
        let by = columns.iter().position(|column| Some(&column.target.field) == details.by.as_ref());
        let is_unique = |column: &Column| {
            let field = &object.fields[column.slot];
            matches!(field.kind, FieldKind::Text { .. }) && (field.unique || object.key == Some(column.slot))
        };
        let uniques = (0..columns.len()).filter(|at| is_unique(&columns[*at])).collect();
        let rows = Rows::open(app, &caller.scope, import.id, &details.reading()).await?;
        let made = (refers_to_itself(&object, &details) && object.key.is_some()).then(BTreeMap::new);
        let planned: i64 = job.cursor.as_deref().and_then(|cursor| cursor.parse().ok()).unwrap_or(1);
        let mut state = State {
            import,
            details,
            caller,
            model,
            object,
            columns,
            by,
            uniques,
            rows,
            seen: BTreeMap::new(),
            found: BTreeMap::new(),
            made,
            facts: Facts::default(),
        };
        state.skip(app, planned).await?;
        Ok(state)
    }

    /// Goes over the rows that are planned already, remembering their keys. The header is row 1.
    async fn skip(&mut self, app: &App, planned: i64) -> Answer<()> {
        let mut at = 0;
        while at < planned {
            let Some(raw) = self.rows.next(app, &self.caller.scope).await? else { return Ok(()) };
            at = raw.number;
            if at > 1
                && let Ok(texts) = self.texts(&raw)
            {
                for column in self.seen_columns() {
                    self.first_with(column, &texts[column], at);
                }
                if self.made.is_some() {
                    // Rows before that made records later ones refer to: they are decided again, and not counted.
                    let mut draft = self.draft(&raw);
                    self.resolve(app, std::slice::from_mut(&mut draft)).await?;
                    self.find(app, std::slice::from_mut(&mut draft)).await?;
                    let mut drafts = [draft];
                    self.decide(app, &mut drafts).await?;
                }
            }
        }
        Ok(())
    }

    fn seen_columns(&self) -> BTreeSet<usize> {
        self.by.into_iter().chain(self.uniques.iter().copied()).collect()
    }

    /// The next rows with content, `None` at the end of the file.
    async fn read(&mut self, app: &App) -> Answer<Option<Vec<Draft>>> {
        let mut drafts = Vec::with_capacity(CHUNK_ROWS);
        while drafts.len() < CHUNK_ROWS {
            let Some(raw) = self.rows.next(app, &self.caller.scope).await? else { break };
            let blank = |cell: &Cell| matches!(cell, Cell::Text(text) if text.trim().is_empty());
            if raw.number == 1 || raw.cells.as_ref().is_ok_and(|cells| cells.iter().all(blank)) {
                continue;
            }
            drafts.push(self.draft(&raw));
        }
        Ok((!drafts.is_empty()).then_some(drafts))
    }

    async fn plan(&mut self, app: &App, mut drafts: Vec<Draft>) -> Answer<Vec<Row>> {
        self.resolve(app, &mut drafts).await?;
        self.find(app, &mut drafts).await?;
        self.decide(app, &mut drafts).await?;
        Ok(drafts.into_iter().map(|draft| draft.row).collect())
    }
}

/// Rows of such a file may lead to records that earlier rows make.
fn refers_to_itself(object: &Object, details: &Details) -> bool {
    let fields = details.mapping.values().flatten().filter_map(|target| object.field(&target.field));
    fields
        .map(|(_, field)| &field.kind)
        .any(|kind| matches!(kind, FieldKind::Id { to, .. } | FieldKind::Ids { to } if to.contains(&object.name)))
}
