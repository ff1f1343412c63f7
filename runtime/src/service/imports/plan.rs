//! Planning: every row of the file is read, its references are found, and the engine decides what it would do; nothing
//! is written but the plan. Look-ups are made for many rows at once.

use super::apply::{command_id, written};
use super::details::{Details, Doing, Duplicates, Mode, Outcome, Row, RowError, letters};
use super::mapping::{self, Column};
use super::rows::{Cell, Fault, ROWS_MAX, RawRow, Rows, bad_file};
use super::{caller_of, finish, import_of};
use crate::app::App;
use crate::jobs::{Ending, Hold, Turn, Work};
use crate::service::records::accepting;
use crate::service::session::Caller;
use crate::service::{Answer, refuse};
use crate::store::{Chunk, Held, Import, Job, Scope, Stage};
use futures_util::future::BoxFuture;
use packwork_engine::codes::Code;
use packwork_engine::decide::{decide, foresee, foretell};
use packwork_engine::decision::{Command, Context, Decision, Outcome as Decided, Write};
use packwork_engine::facts::{Facts, Need, ROUNDS_MAX};
use packwork_engine::model::Model;
use packwork_engine::moment::Moment;
use packwork_engine::object::{FieldKind, Object, cell};
use packwork_engine::record::{Name, Record};
use packwork_engine::refusal::{FieldError, Refusal};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::resume_unwind;
use std::sync::Arc;
use uuid::Uuid;

pub const KIND: &str = "import_plan";
/// Rows that are planned, applied and reverted together: people's commands go between.
const CHUNK_ROWS: usize = 1_000;
/// Found references that are remembered from chunk to chunk.
const REMEMBERED_MAX: usize = 50_000;
/// Records rows refer to that are remembered, whole.
const REFERRED_MAX: usize = 10_000;

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

#[derive(Clone, Debug)]
enum Found {
    /// The engine finds it by its key.
    Key,
    Id(Uuid),
    Several,
    Nothing,
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

    /// The row that had this value first, if it was another.
    fn first_with(&mut self, column: usize, text: &str, row: i64) -> Option<i64> {
        if text.is_empty() {
            return None;
        }
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let first = *self.seen.entry((column, hasher.finish())).or_insert(row);
        (first != row).then_some(first)
    }

    /// The texts of the mapped columns.
    fn texts(&self, raw: &RawRow) -> Result<Vec<String>, Box<RowError>> {
        let cells = raw.cells.as_ref().map_err(|fault| Box::new(RowError::of_fault(fault, None)))?;
        let of_file = self.details.columns.len();
        let full = |cell: &Cell| !matches!(cell, Cell::Text(text) if text.trim().is_empty());
        let more = cells.iter().skip(of_file).any(full);
        let fewer = cells.len() < of_file && self.details.format == "csv";
        if more || fewer {
            return Err(Box::new(RowError::of_fault(&Fault::Ragged { cells: cells.len(), columns: of_file }, None)));
        }
        let text = |column: &Column| match cells.get(column.at) {
            None => Ok(String::new()),
            Some(Cell::Text(text)) => Ok(text.trim().to_owned()),
            Some(Cell::Wrong(fault)) => Err(Box::new(RowError::of_fault(fault, Some(column.name.clone())))),
        };
        self.columns.iter().map(text).collect()
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

    fn draft(&self, raw: &RawRow) -> Draft {
        let row = Row {
            number: raw.number,
            outcome: Outcome::Error,
            id: None,
            version: None,
            after: None,
            input: Map::new(),
            errors: Vec::new(),
        };
        let mut draft = Draft { row, texts: Vec::new(), existing: None };
        match self.texts(raw) {
            Ok(texts) => draft.texts = texts,
            Err(error) => {
                draft.row.errors.push(*error);
                return draft;
            }
        }
        for (column, text) in self.columns.iter().zip(&draft.texts) {
            let field = &self.object.fields[column.slot];
            match cell::read(field, text, &column.style, &self.model.zone) {
                Ok(json) => drop(draft.row.input.insert(field.name.to_string(), json)),
                Err(error) => {
                    draft.row.input.insert(field.name.to_string(), Json::from(text.as_str()));
                    draft.row.errors.push(RowError::of_field(&error, &self.details.mapping));
                }
            }
        }
        draft
    }

    async fn plan(&mut self, app: &App, mut drafts: Vec<Draft>) -> Answer<Vec<Row>> {
        self.resolve(app, &mut drafts).await?;
        self.find(app, &mut drafts).await?;
        self.decide(app, &mut drafts).await?;
        Ok(drafts.into_iter().map(|draft| draft.row).collect())
    }

    /// Puts the ids of referenced records in place of what names them.
    async fn resolve(&mut self, app: &App, drafts: &mut [Draft]) -> Answer<()> {
        if self.found.len() > REMEMBERED_MAX {
            self.found.clear();
        }
        for at in 0..self.columns.len() {
            let object = self.object.clone();
            let field = &object.fields[self.columns[at].slot];
            let (FieldKind::Id { to, .. } | FieldKind::Ids { to }) = &field.kind else { continue };
            let several = matches!(field.kind, FieldKind::Ids { .. });
            let items = |text: &str| -> Vec<String> {
                match several {
                    true => cell::list(text).map(str::to_owned).collect(),
                    false => vec![text.to_owned()],
                }
            };
            let mut unknown: BTreeSet<String> = BTreeSet::new();
            for text in drafts.iter().filter_map(|draft| draft.texts.get(at)).flat_map(|text| items(text)) {
                let known =
                    text.is_empty() || Uuid::parse_str(&text).is_ok() || self.found.contains_key(&(at, text.clone()));
                if !known {
                    unknown.insert(text);
                }
            }
            self.look_up(app, at, to, unknown).await?;
            for draft in drafts.iter_mut().filter(|draft| draft.texts.get(at).is_some_and(|text| !text.is_empty())) {
                let mut values = Vec::new();
                for text in items(&draft.texts[at]) {
                    match self.found.get(&(at, text.clone())) {
                        Some(Found::Id(id)) => values.push(Json::from(id.to_string())),
                        Some(Found::Several) => {
                            let message = format!("several records are called `{text}`: name one by its key or id");
                            let error = FieldError::new(Code::BadReference, format!("/{}", field.name), message)
                                .with("field", &*field.name)
                                .with("value", text.as_str())
                                .with("several", true);
                            draft.row.errors.push(RowError::of_field(&error, &self.details.mapping));
                            values.push(Json::from(text));
                        }
                        _ => values.push(Json::from(text)),
                    }
                }
                let value = if several { Json::Array(values) } else { values.pop().unwrap_or(Json::Null) };
                draft.row.input.insert(field.name.to_string(), value);
            }
        }
        Ok(())
    }

    /// Finds what texts of one column lead to: by the field the mapping names, else by key, else by title.
    async fn look_up(&mut self, app: &App, at: usize, to: &[Name], texts: BTreeSet<String>) -> Answer<()> {
        if texts.is_empty() {
            return Ok(());
        }
        let by = self.columns[at].target.by.clone();
        let names: Vec<Name> = texts.iter().map(|text| Name::from(text.as_str())).collect();
        let mut ids: BTreeMap<String, BTreeSet<Uuid>> = BTreeMap::new();
        let mut keyed: BTreeSet<String> = BTreeSet::new();
        for target in to.iter().filter_map(|to| self.model.object(to)) {
            let is_text = |slot: usize| matches!(target.fields[slot].kind, FieldKind::Text { .. });
            let named = by.as_deref().and_then(|by| target.field(by)).map(|(slot, _)| slot);
            // A key finds what a title finds, and rows beyond the caller's own: as in a request.
            if let Some(key) = target.key.filter(|key| is_text(*key) && (by.is_none() || named == Some(*key))) {
                let found = app.store.find(&app.system(), &self.model, &target.name, key, names.clone()).await?;
                keyed.extend(found.into_iter().map(|(text, _)| text.to_string()));
            }
            let other = match &by {
                Some(_) => named.filter(|slot| Some(*slot) != target.key),
                None => Some(target.display).filter(|slot| Some(*slot) != target.key),
            };
            if let Some(slot) = other
                .filter(|slot| is_text(*slot) && self.caller.rights().shows(&target.name, &target.fields[*slot].name))
            {
                for (text, id) in
                    app.store.find(&self.caller.scope, &self.model, &target.name, slot, names.clone()).await?
                {
                    ids.entry(text.to_string()).or_default().insert(id);
                }
            }
        }
        for text in texts {
            let found = match ids.get(&text) {
                _ if keyed.contains(&text) => Found::Key,
                Some(ids) if ids.len() == 1 => ids.first().map_or(Found::Nothing, |id| Found::Id(*id)),
                Some(_) => Found::Several,
                None => Found::Nothing,
            };
            // What is not there may be made by a row further down: it is asked again.
            if self.made.is_none() || !matches!(found, Found::Nothing) {
                self.found.insert((at, text), found);
            }
        }
        Ok(())
    }

    /// Finds the records the rows are about, and rows about the same one.
    async fn find(&mut self, app: &App, drafts: &mut [Draft]) -> Answer<()> {
        let mut there: BTreeMap<(usize, Name), Uuid> = BTreeMap::new();
        for column in self.seen_columns() {
            let texts: BTreeSet<Name> = drafts
                .iter()
                .filter_map(|draft| draft.texts.get(column))
                .filter(|text| !text.is_empty())
                .map(|text| Name::from(text.as_str()))
                .collect();
            let slot = self.columns[column].slot;
            let found = app
                .store
                .find(&app.system(), &self.model, &self.object.name, slot, texts.into_iter().collect())
                .await?;
            there.extend(found.into_iter().map(|(text, id)| ((column, text), id)));
        }
        let ids: Vec<Uuid> = there.values().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let visible = app.store.visible(&self.caller.scope, &self.model, &self.object.name, ids).await?;
        for draft in drafts.iter_mut().filter(|draft| !draft.texts.is_empty()) {
            self.find_one(draft, &there, &visible);
        }
        Ok(())
    }

    fn find_one(&mut self, draft: &mut Draft, there: &BTreeMap<(usize, Name), Uuid>, visible: &BTreeSet<Uuid>) {
        let number = draft.row.number;
        let existing_by =
            |column: usize, draft: &Draft| there.get(&(column, Name::from(draft.texts[column].as_str()))).copied();
        let mut first = None;
        if let Some(by) = self.by {
            let text = draft.texts[by].clone();
            first = self.first_with(by, &text, number);
            draft.existing = existing_by(by, draft);
            if text.is_empty() && self.details.mode != Mode::Create {
                draft.row.errors.push(self.error(by, Code::Required, "the row does not say which record it is about"));
            }
            let hidden = draft.existing.is_some_and(|id| !visible.contains(&id));
            if hidden {
                draft.row.errors.push(self.error(by, Code::Forbidden, "the record is not within your rows"));
                draft.existing = None;
            } else if draft.existing.is_none()
                && first.is_none()
                && self.details.mode == Mode::Update
                && !text.is_empty()
            {
                let message = format!("there is no record `{text}`");
                draft.row.errors.push(self.error(by, Code::NotFound, &message));
            }
        }
        self.duplicate(draft, first);
        // Other unique values must be free, in the file and in the tables.
        for column in self.uniques.clone() {
            let text = draft.texts[column].clone();
            if Some(column) == self.by && self.details.duplicates != Duplicates::Create {
                continue;
            }
            let of_file = if Some(column) == self.by { first } else { self.first_with(column, &text, number) };
            let taken = existing_by(column, draft).is_some_and(|id| Some(id) != draft.existing);
            if of_file.is_some() || taken {
                let message = format!("another record has `{text}`");
                draft.row.errors.push(self.error(column, Code::NotUnique, &message));
            }
        }
    }

    /// What becomes of a row whose record is there already, or in an earlier row.
    fn duplicate(&self, draft: &mut Draft, first: Option<i64>) {
        let exists = draft.existing.is_some() && self.details.mode == Mode::Create;
        if first.is_none() && !exists {
            return;
        }
        let Some(by) = self.by else { return };
        match self.details.duplicates {
            Duplicates::Skip if draft.row.errors.is_empty() => draft.row.outcome = Outcome::Duplicate,
            Duplicates::Update if first.is_some() && draft.existing.is_none() => draft.row.after = first,
            Duplicates::Create => draft.existing = None,
            Duplicates::Skip | Duplicates::Update => {}
            Duplicates::Error => {
                let message = match first {
                    Some(row) => format!("row {row} has `{}` too", draft.texts[by]),
                    None => format!("there is a record `{}` already", draft.texts[by]),
                };
                draft.row.errors.push(self.error(by, Code::DuplicateRow, &message));
            }
        }
    }

    fn error(&self, column: usize, code: Code, message: &str) -> RowError {
        let field = &self.columns[column].target.field;
        let error = FieldError::new(code, format!("/{field}"), message).with("field", field.as_str());
        RowError::of_field(&error, &self.details.mapping)
    }

    /// Asks the engine what each row would do.
    async fn decide(&mut self, app: &App, drafts: &mut [Draft]) -> Answer<()> {
        self.forget();
        // An empty cell clears what is there; of a record that is not there yet it says nothing, and the default counts.
        for draft in drafts.iter_mut().filter(|draft| draft.existing.is_none() && draft.row.after.is_none()) {
            draft.row.input.retain(|_, value| !value.is_null());
        }
        let existing: BTreeSet<(Name, Uuid)> =
            drafts.iter().filter_map(|draft| Some((self.object.name.clone(), draft.existing?))).collect();
        self.fetch(app, Need { records: existing, ..Need::default() }).await?;
        if self.made.is_none() {
            let mut open: Vec<&mut Draft> = drafts.iter_mut().filter_map(open).collect();
            return self.decide_all(app, &mut open).await;
        }
        // Later rows may lead to what earlier ones make: one after the other.
        for draft in drafts.iter_mut().filter_map(open) {
            self.know_made();
            self.decide_all(app, &mut [draft]).await?;
        }
        Ok(())
    }

    /// Keeps what rows refer to, as long as it is not much: most files refer to the same records over and over. What the
    /// rows are about is read anew.
    fn forget(&mut self) {
        let former = std::mem::take(&mut self.facts);
        self.facts.collections = former.collections;
        if self.made.is_none() && former.records.len() <= REFERRED_MAX && former.keys.len() <= REMEMBERED_MAX {
            (self.facts.records, self.facts.keys) = (former.records, former.keys);
            self.facts.records.retain(|(object, _), _| *object != self.object.name);
            self.facts.keys.retain(|(object, _), _| *object != self.object.name);
        }
    }

    fn know_made(&mut self) {
        for (key, record) in self.made.iter().flatten() {
            self.facts.keys.insert((self.object.name.clone(), key.clone()), Some(record.id()));
            self.facts.records.insert((self.object.name.clone(), record.id()), Some(record.clone()));
        }
    }

    async fn decide_all(&mut self, app: &App, drafts: &mut [&mut Draft]) -> Answer<()> {
        let commands: Vec<_> = drafts.iter_mut().map(|draft| self.command(draft)).collect();
        let decided = self.decide_commands(app, drafts, &commands).await;
        for (draft, command) in drafts.iter_mut().zip(commands) {
            if let Ok(command) = command {
                draft.row.input = input_of(command);
            }
        }
        decided
    }

    async fn decide_commands(&mut self, app: &App, drafts: &mut [&mut Draft], commands: &[Asked]) -> Answer<()> {
        self.look_ahead(app, commands).await?;
        let mut open: Vec<usize> = (0..drafts.len()).collect();
        for _ in 0..=ROUNDS_MAX {
            let mut need = Need::default();
            let mut asking = Vec::new();
            let (now, of) = (app.clock.now(), &*drafts);
            let outcomes = in_parallel(&open, |at| self.outcome(of[*at].row.number, &commands[*at], now));
            for (at, outcome) in open.into_iter().zip(outcomes) {
                let draft = &mut *drafts[at];
                match outcome {
                    Decided::Needs(wanted) => {
                        asking.push(at);
                        need.merge(wanted);
                    }
                    Decided::Decided(decision) => self.decided(draft, &decision),
                    Decided::Refused(refusal) => self.refused(draft, &refusal),
                }
            }
            if asking.is_empty() {
                return Ok(());
            }
            // Numbers are only taken when a command is carried out; any will do to see whether it can be.
            for counter in std::mem::take(&mut need.numbers) {
                self.facts.numbers.insert(counter, 1);
            }
            self.fetch(app, need).await?;
            open = asking;
        }
        for at in open {
            let refusal = refuse(Code::TooManyRounds, "the row needed too many rounds of reading");
            self.refused(drafts[at], &refusal);
        }
        Ok(())
    }

    /// Keys first, then the records they lead to: each row is asked once then.
    async fn look_ahead(&mut self, app: &App, commands: &[Asked]) -> Answer<()> {
        for _ in 0..2 {
            let mut need = Need::default();
            for command in commands.iter().flatten() {
                foresee(&self.model, &self.facts, command, &mut need);
            }
            if need.is_empty() {
                break;
            }
            self.fetch(app, need).await?;
        }
        Ok(())
    }

    async fn fetch(&mut self, app: &App, need: Need) -> Answer<()> {
        let scope: Scope = app.system();
        Ok(app.store.fetch(&scope, &self.model, &need, &mut self.facts).await?)
    }

    fn outcome(&self, row: i64, command: &Asked, now: Moment) -> Decided {
        let context = Context {
            command: command_id(self.import.id, row, Doing::Applying),
            moment: now,
            actor: self.caller.scope.actor.clone(),
        };
        match (command, &self.made) {
            (Err(refusal), _) => Decided::Refused(refusal.clone()),
            (Ok(command), None) => foretell(&self.model, &self.facts, command, &context),
            // Later rows may refer to the record as it would be.
            (Ok(command), Some(_)) => decide(&self.model, &self.facts, command, &context),
        }
    }

    /// What the row asks for. Its input goes with it, and comes back by [`input_of`].
    fn command(&self, draft: &mut Draft) -> Asked {
        let object = self.object.name.clone();
        let Some(id) = draft.existing else {
            let input = std::mem::take(&mut draft.row.input);
            return Ok(accepting(self.details.duplicates == Duplicates::Create, Command::Create { object, input }));
        };
        match self.facts.records.get(&(object.clone(), id)) {
            Some(Some(record)) => {
                let input = std::mem::take(&mut draft.row.input);
                Ok(Command::Update { object, id, version: Some(record.version()), input })
            }
            _ => Err(Box::new(refuse(Code::NotFound, format!("there is no {object} `{id}` any more")))),
        }
    }

    fn decided(&mut self, draft: &mut Draft, decision: &Decision) {
        // A row that cannot be read is not saved by what is left of it.
        if !draft.row.errors.is_empty() {
            return;
        }
        let key = (self.object.name.clone(), draft.existing.unwrap_or_default());
        draft.row.outcome = match draft.existing {
            None => Outcome::Create,
            Some(_) if decision.writes.is_empty() => Outcome::Skip,
            Some(id) => {
                draft.row.id = Some(id);
                draft.row.version =
                    self.facts.records.get(&key).and_then(Option::as_ref).map(|record| record.version());
                Outcome::Update
            }
        };
        if draft.row.outcome == Outcome::Skip {
            draft.row.id = draft.existing;
        }
        let (Some(made), Some(key)) = (&mut self.made, self.object.key) else { return };
        for write in &decision.writes {
            if let Write::Insert(record) = write
                && let Some(key) = record.values[key].as_text().filter(|_| record.object == self.object.name)
            {
                made.insert(key.to_owned(), record.clone());
            }
        }
    }

    fn refused(&self, draft: &mut Draft, refusal: &Refusal) {
        let told: BTreeSet<Option<String>> = draft.row.errors.iter().map(|error| error.field.clone()).collect();
        // A cell that could not be read is wrong for that reason alone.
        let errors = RowError::of_refusal(refusal, &self.details.mapping);
        draft
            .row
            .errors
            .extend(errors.into_iter().filter(|error| error.field.is_none() || !told.contains(&error.field)));
        draft.row.outcome = Outcome::Error;
    }
}

/// What a row asks for, where it can be asked for.
type Asked = Result<Command, Box<Refusal>>;

fn input_of(command: Command) -> Map<String, Json> {
    match command {
        Command::AcceptingDuplicates(command) => input_of(*command),
        Command::Create { input, .. } | Command::Update { input, .. } => input,
        _ => Map::new(),
    }
}

/// Fewer rows than this are not worth a thread.
const PARALLEL_MIN: usize = 64;

/// Answers in their order, found by all processors.
fn in_parallel<T: Sync, R: Send>(items: &[T], answer: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(threads).max(PARALLEL_MIN);
    if share >= items.len() {
        return items.iter().map(answer).collect();
    }
    let of = |items: &[T]| items.iter().map(&answer).collect::<Vec<R>>();
    std::thread::scope(|scope| {
        let shares: Vec<_> = items.chunks(share).map(|items| scope.spawn(|| of(items))).collect();
        let joined = shares.into_iter().map(|share| share.join().unwrap_or_else(|panic| resume_unwind(panic)));
        joined.flatten().collect()
    })
}

/// A row that is still to be decided. One that changes what an earlier row makes is decided when it is applied.
fn open(draft: &mut Draft) -> Option<&mut Draft> {
    if draft.row.after.is_some() && draft.row.errors.is_empty() {
        draft.row.outcome = Outcome::Update;
        return None;
    }
    (!draft.texts.is_empty() && draft.row.outcome != Outcome::Duplicate).then_some(draft)
}

/// Rows of such a file may lead to records that earlier rows make.
fn refers_to_itself(object: &Object, details: &Details) -> bool {
    let fields = details.mapping.values().flatten().filter_map(|target| object.field(&target.field));
    fields
        .map(|(_, field)| &field.kind)
        .any(|kind| matches!(kind, FieldKind::Id { to, .. } | FieldKind::Ids { to } if to.contains(&object.name)))
}
