//! Imports of records from files: uploaded, planned row by row, applied in chunks, taken back. The steps that take long
//! are jobs; here stands what people ask for.

pub mod apply;
mod csv;
mod details;
mod encoding;
mod errors;
mod mapping;
pub mod plan;
pub mod revert;
mod rows;
pub mod sheet;
pub mod template;

mod view;
mod xlsx;

pub use errors::{ErrorFile, errors};
pub use rows::PIECE_BYTES;
pub use view::{list, rows_of, show};

use super::session::{self, Caller};
use super::{Answer, Error, Locale, records, refuse};
use crate::app::App;
use crate::jobs::{Ending, Hold};
use crate::store::{Held, Import, Job, JobEnd, NewJob};
use details::{Counts, Details, Doing, Mapping, Mode, Target};
use encoding::Encoding;
use packwork_engine::access::Action;
use packwork_engine::codes::Code;
use packwork_engine::moment::Moment;
use packwork_engine::object::{Object, Source};
use packwork_engine::refusal::{FieldError, Refusal};
use rows::{Cell, Reading, Rows, bad_file};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// The largest file that is taken.
pub const FILE_BYTES_MAX: usize = 200 * 1024 * 1024;
/// How long files and plans are kept.
const KEPT_DAYS: i64 = 30;
/// Letters of a column's name.
const COLUMN_LETTERS_MAX: usize = 200;

/// A file on its way in, piece by piece.
pub struct Upload {
    object: Arc<Object>,
    id: Uuid,
    name: String,
    at: Moment,
    size: usize,
    pieces: i64,
    waiting: Vec<u8>,
    head: Vec<u8>,
}

/// How much of a file is looked at to tell what it is.
const HEAD_BYTES: usize = 64 * 1024;

impl Upload {
    /// Begins an upload for who may import this object.
    pub async fn begin(app: &App, caller: &Caller, object: &str, name: &str) -> Answer<Upload> {
        let model = app.model();
        let object = records::object(&model, caller, object)?;
        match object.source {
            // Rows of a rate table are taken from a file by its own editor: service/rates.rs.
            Source::RateTable => may_act(caller, &object, Action::Create, "create")?,
            Source::Definition => mapping::check_rights(caller, &object, Mode::Create)
                .or_else(|create| mapping::check_rights(caller, &object, Mode::Update).map_err(|_| create))?,
        }
        let at = app.clock.now();
        app.store
            .drop_old_imports(&caller.scope, Moment::from_micros(at.micros() - KEPT_DAYS * 86_400_000_000))
            .await?;
        let name: String = name.chars().filter(|letter| !letter.is_control()).take(200).collect();
        Ok(Upload {
            object,
            id: app.entropy.uuid(at),
            name,
            at,
            size: 0,
            pieces: 0,
            waiting: Vec::new(),
            head: Vec::new(),
        })
    }

    pub async fn take(&mut self, app: &App, caller: &Caller, bytes: &[u8]) -> Answer<()> {
        self.size += bytes.len();
        if self.size > FILE_BYTES_MAX {
            app.store.drop_pieces(&caller.scope, self.id).await?;
            return Err(too_large().into());
        }
        let wanted = HEAD_BYTES.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..wanted]);
        self.waiting.extend_from_slice(bytes);
        while self.waiting.len() >= PIECE_BYTES {
            let rest = self.waiting.split_off(PIECE_BYTES);
            let piece = std::mem::replace(&mut self.waiting, rest);
            self.keep(app, caller, piece).await?;
        }
        Ok(())
    }

    async fn keep(&mut self, app: &App, caller: &Caller, piece: Vec<u8>) -> Answer<()> {
        app.store.append_piece(&caller.scope, self.id, self.pieces, piece, self.at).await?;
        self.pieces += 1;
        Ok(())
    }

    /// Ends the upload: the file must be one that can be read.
    pub async fn finish(mut self, app: &App, caller: &Caller) -> Answer<Json> {
        let last = std::mem::take(&mut self.waiting);
        if !last.is_empty() {
            self.keep(app, caller, last).await?;
        }
        match self.import(app, caller).await {
            Ok(import) => {
                app.store.insert_import(&caller.scope, &import).await?;
                view::show(app, caller, &import).await
            }
            Err(error) => {
                app.store.drop_pieces(&caller.scope, self.id).await?;
                Err(error)
            }
        }
    }

    async fn import(&self, app: &App, caller: &Caller) -> Answer<Import> {
        let reading = rows::sniff(&self.head)?;
        let mut details = Details { name: self.name.clone(), size: self.size as i64, ..Details::default() };
        details.read_as(&reading);
        if let Reading::Xlsx { .. } = reading {
            details.sheets = xlsx::sheets(app, &caller.scope, self.id).await?;
            details.sheet = details.sheets.first().cloned();
        }
        details.columns = header(app, caller, self.id, &reading).await?;
        details.mapping = mapping::proposed(app, &app.model(), caller, &self.object, &details.columns).await?;
        (details.mode, details.by) = proposed_mode(caller, &self.object, &details.mapping);
        Ok(Import {
            id: self.id,
            object: self.object.name.clone(),
            status: "uploaded".into(),
            created_at: self.at,
            created_by: caller.id,
            revision: 1,
            details: details.json(),
        })
    }
}

/// A file beyond [`FILE_BYTES_MAX`].
pub fn too_large() -> Refusal {
    refuse(Code::BodyTooLarge, format!("the file is larger than {FILE_BYTES_MAX} bytes"))
        .with("limit", "FILE_BYTES_MAX")
        .with("limit_bytes", FILE_BYTES_MAX)
}

/// By key where the file has it, as far as the caller may.
fn proposed_mode(caller: &Caller, object: &Object, mapping: &Mapping) -> (Mode, Option<String>) {
    let key = object.key.map(|key| &*object.fields[key].name);
    let mapped = key.filter(|key| mapping.values().flatten().any(|target| target.field == *key));
    let may = |action| caller.rights().may(&object.name, action);
    match (mapped, may(Action::Create), may(Action::Update)) {
        (Some(key), true, true) => (Mode::Upsert, Some(key.to_owned())),
        (Some(key), false, true) => (Mode::Update, Some(key.to_owned())),
        (mapped, ..) => (Mode::Create, mapped.map(str::to_owned)),
    }
}

/// The first row: the names of the columns. There must be a second one.
async fn header(app: &App, caller: &Caller, import: Uuid, reading: &Reading) -> Answer<Vec<String>> {
    let mut rows = Rows::open(app, &caller.scope, import, reading).await?;
    let empty = || bad_file("empty", "the file is empty");
    let first = rows.next(app, &caller.scope).await?.ok_or_else(empty)?;
    let cells = match first.cells {
        Ok(cells) => cells,
        Err(fault) => {
            let reason = match &fault {
                rows::Fault::TooManyCells(_) => "too_many_columns",
                _ => "bad_header",
            };
            let detail = format!("the header cannot be read: {}", fault.message());
            return Err(bad_file(reason, detail).with("limit_columns", rows::COLUMNS_MAX).into());
        }
    };
    let mut names = Vec::with_capacity(cells.len());
    for (at, cell) in cells.into_iter().enumerate() {
        match cell {
            Cell::Text(text) if text.trim().is_empty() => names.push(format!("#{}", at + 1)),
            Cell::Text(text) => names.push(text.trim().chars().take(COLUMN_LETTERS_MAX).collect()),
            Cell::Wrong(fault) => {
                let detail = format!("the name of column {} cannot be read: {}", at + 1, fault.message());
                return Err(bad_file("bad_header", detail).with("column", at + 1).into());
            }
        }
    }
    let mut seen = BTreeSet::new();
    if let Some(twice) = names.iter().find(|name| !seen.insert(name.as_str())) {
        let detail = format!("two columns are called `{twice}`");
        return Err(bad_file("duplicate_columns", detail).with("column", twice.as_str()).into());
    }
    if rows.next(app, &caller.scope).await?.is_none() {
        return Err(bad_file("header_only", "the file has a header and no rows").into());
    }
    Ok(names)
}

/// An import of the caller's own; administrators see all.
pub async fn get(app: &App, caller: &Caller, written: &str) -> Answer<Import> {
    let import = match Uuid::parse_str(written) {
        Ok(id) => app.store.import(&caller.scope, id).await?,
        Err(_) => None,
    };
    let own = import.filter(|import| import.created_by == caller.id || caller.rights().everything);
    let missing = || refuse(Code::NotFound, format!("there is no import `{written}`")).with("object", "import");
    let import = own.ok_or_else(|| missing().with("id", written))?;
    records::object(&app.model(), caller, &import.object)?;
    Ok(import)
}

/// What `plan` is asked with.
#[derive(Debug, Default)]
pub struct AskedPlan {
    pub mapping: Option<Map<String, Json>>,
    pub mode: Option<String>,
    pub by: Option<String>,
    pub duplicates: Option<String>,
    pub encoding: Option<String>,
    pub sheet: Option<String>,
    pub date_format: Option<String>,
}

pub async fn start_plan(app: &App, caller: &Caller, id: &str, asked: AskedPlan) -> Answer<Json> {
    let mut import = get(app, caller, id).await?;
    allowed(&import, &["uploaded", "planned", "cancelled", "failed"])?;
    let mut details = Details::of(&import)?;
    if details.counts.applied > 0 {
        return Err(not_now(&import, "rows of it were applied already").into());
    }
    let model = app.model();
    let object = records::object(&model, caller, &import.object)?;
    reread(app, caller, &import, &mut details, &asked).await?;
    details.mode = choice("mode", asked.mode.as_deref())?.unwrap_or(details.mode);
    details.duplicates = choice("duplicates", asked.duplicates.as_deref())?.unwrap_or_default();
    if let Some(written) = &asked.mapping {
        details.mapping = read_mapping(written)?;
        details.by = None;
    }
    details.by = asked.by.clone().or(details.by);
    if details.by.is_none() {
        details.by = proposed_mode(caller, &object, &details.mapping).1;
    }
    details.date_format = asked.date_format.clone();
    mapping::check_rights(caller, &object, details.mode)?;
    mapping::check(&model, caller, &object, &details.columns, &details.mapping, &details, true)?;
    let digest = mapping::digest(&details.columns);
    let kept = serde_json::to_value(&details.mapping).expect("a mapping has text keys");
    app.store.save_mapping(&caller.scope, &object.name, &digest, &kept, app.clock.now()).await?;
    details.counts = Counts::default();
    details.rows = None;
    begin(app, caller, &mut import, details, Doing::Planning, true).await
}

/// Another encoding or sheet than the one that was guessed: the columns may be others.
async fn reread(app: &App, caller: &Caller, import: &Import, details: &mut Details, asked: &AskedPlan) -> Answer<()> {
    let mut reading = details.reading();
    match &mut reading {
        Reading::Csv { .. } => {
            if let Some(name) = &asked.encoding {
                let known: Vec<&str> = Encoding::ALL.into_iter().map(Encoding::as_str).collect();
                let encoding = Encoding::named(name).ok_or_else(|| {
                    refuse(Code::BadParameter, format!("the encoding `{name}` is not known"))
                        .with("parameter", "encoding")
                        .with("known", known)
                })?;
                let head = app.store.piece(&caller.scope, import.id, 0).await?.unwrap_or_default();
                reading = rows::csv_reading(encoding, &head[..head.len().min(HEAD_BYTES)]);
            }
        }
        Reading::Xlsx { sheet } => {
            if let Some(name) = &asked.sheet {
                *sheet = Some(name.clone());
            }
        }
    }
    if app.store.piece(&caller.scope, import.id, 0).await?.is_none() {
        return Err(not_now(import, "its file is no longer kept; upload it again").into());
    }
    if reading != details.reading() {
        details.columns = header(app, caller, import.id, &reading).await?;
        details.read_as(&reading);
        if asked.mapping.is_none() {
            let model = app.model();
            let object = records::object(&model, caller, &import.object)?;
            details.mapping = mapping::proposed(app, &model, caller, &object, &details.columns).await?;
        }
    }
    Ok(())
}

fn choice<T: serde::de::DeserializeOwned>(name: &'static str, text: Option<&str>) -> Result<Option<T>, Refusal> {
    text.map(|text| {
        serde_json::from_value(json!(text))
            .map_err(|_| refuse(Code::BadParameter, format!("`{name}` cannot be `{text}`")).with("parameter", name))
    })
    .transpose()
}

fn read_mapping(written: &Map<String, Json>) -> Result<Mapping, Refusal> {
    let mut mapping = Mapping::new();
    let mut errors = Vec::new();
    for (column, target) in written {
        let read = match target {
            Json::Null => Some(None),
            Json::String(field) => Some(Some(Target { field: field.clone(), ..Target::default() })),
            Json::Object(members)
                if members.keys().all(|name| matches!(name.as_str(), "field" | "by" | "thousands")) =>
            {
                serde_json::from_value(target.clone()).ok().map(Some)
            }
            _ => None,
        };
        match read {
            Some(read) => drop(mapping.insert(column.clone(), read)),
            None => {
                let pointer = format!("/mapping/{}", column.replace('~', "~0").replace('/', "~1"));
                let message = "a column is mapped as {\"field\": name, \"by\"?: field, \"thousands\"?: true}, or null";
                errors.push(FieldError::new(Code::BadMapping, pointer, message).with("column", column.as_str()));
            }
        }
    }
    if errors.is_empty() { Ok(mapping) } else { Err(Refusal::of_fields(errors)) }
}

pub async fn start_apply(app: &App, caller: &Caller, id: &str) -> Answer<Json> {
    let mut import = get(app, caller, id).await?;
    allowed(&import, &["planned"])?;
    let mut details = Details::of(&import)?;
    let object = records::object(&app.model(), caller, &import.object)?;
    mapping::check_rights(caller, &object, details.mode)?;
    details.applied_at = Some(app.clock.now().micros());
    begin(app, caller, &mut import, details, Doing::Applying, false).await
}

pub async fn start_revert(app: &App, caller: &Caller, id: &str) -> Answer<Json> {
    let mut import = get(app, caller, id).await?;
    allowed(&import, &["applied", "cancelled", "failed"])?;
    let mut details = Details::of(&import)?;
    if details.counts.applied == 0 || details.doing == Some(Doing::Reverting) {
        return Err(not_now(&import, "nothing of it is applied, or taking it back has begun: resume it").into());
    }
    let object = records::object(&app.model(), caller, &import.object)?;
    may_revert(caller, &object, &details)?;
    details.counts.kept = 0;
    begin(app, caller, &mut import, details, Doing::Reverting, false).await
}

/// Taking back what was made deletes records; taking back changes changes them.
fn may_revert(caller: &Caller, object: &Object, details: &Details) -> Result<(), Refusal> {
    if details.counts.create > 0 {
        may_act(caller, object, Action::Delete, "delete")?;
    }
    if details.counts.update > 0 {
        may_act(caller, object, Action::Update, "update")?;
    }
    Ok(())
}

/// Goes on with what was cancelled or failed.
pub async fn resume(app: &App, caller: &Caller, id: &str) -> Answer<Json> {
    let mut import = get(app, caller, id).await?;
    allowed(&import, &["cancelled", "failed"])?;
    let mut details = Details::of(&import)?;
    let Some(doing) = details.doing else { return Err(not_now(&import, "nothing was begun").into()) };
    let afresh = doing == Doing::Planning;
    if afresh {
        details.counts = Counts::default();
        details.rows = None;
    }
    begin(app, caller, &mut import, details, doing, afresh).await
}

pub async fn cancel(app: &App, caller: &Caller, id: &str) -> Answer<Json> {
    let import = get(app, caller, id).await?;
    allowed(&import, &["planning", "applying", "reverting"])?;
    if let Some(job) = app.store.job_of(&caller.scope, import.id).await? {
        app.store.cancel_job(&caller.scope, job.id).await?;
        app.jobs.added();
    }
    view::show(app, caller, &import).await
}

async fn begin(
    app: &App,
    caller: &Caller,
    import: &mut Import,
    mut details: Details,
    doing: Doing,
    afresh: bool,
) -> Answer<Json> {
    let at = app.clock.now();
    details.done = match (afresh, details.doing == Some(doing)) {
        (false, true) => details.done,
        _ => 0,
    };
    details.doing = Some(doing);
    details.problem = None;
    let kind = match doing {
        Doing::Planning => plan::KIND,
        Doing::Applying => apply::KIND,
        Doing::Reverting => revert::KIND,
    };
    let job = NewJob {
        id: app.entropy.uuid(at),
        kind,
        subject: Some(import.id),
        actor: caller.id,
        input: json!({"import": import.id, "locale": caller.locale.as_str()}),
        total: details.rows,
        at,
    };
    import.status = doing.status().into();
    import.details = details.json();
    app.store.start_import(&caller.scope, import, &job, afresh).await?;
    app.jobs.added();
    let import = app.store.import(&caller.scope, import.id).await?.unwrap_or_else(|| import.clone());
    view::show(app, caller, &import).await
}

fn allowed(import: &Import, statuses: &[&str]) -> Result<(), Refusal> {
    match statuses.contains(&import.status.as_str()) {
        true => Ok(()),
        false => Err(not_now(import, &format!("it is {}, not {}", import.status, statuses.join(" or ")))),
    }
}

fn not_now(import: &Import, why: &str) -> Refusal {
    refuse(Code::ImportState, format!("this cannot be done with the import: {why}"))
        .with("status", import.status.as_str())
}

fn may_act(caller: &Caller, object: &Object, action: Action<'_>, name: &'static str) -> Result<(), Refusal> {
    if caller.rights().may(&object.name, action) {
        return Ok(());
    }
    Err(refuse(Code::Forbidden, format!("you may not `{name}` records of `{}`", object.name))
        .with("object", &*object.name)
        .with("action", name))
}

/// The import a job is about.
async fn import_of(app: &App, job: &Job) -> Answer<Import> {
    let id = job.subject.ok_or_else(|| Error::Broken("a job of an import names none".into()))?;
    let import = app.store.import(&app.system(), id).await?;
    import.ok_or_else(|| Error::Broken(format!("the import `{id}` of a job is gone")))
}

/// Who a job works for: a user who may not sign in any more stops their imports.
async fn caller_of(app: &App, job: &Job) -> Answer<Caller> {
    let locale = job.input["locale"].as_str().and_then(Locale::named).unwrap_or_default();
    let caller = session::of_job(app, job.actor, locale).await?;
    caller.ok_or_else(|| refuse(Code::Unauthenticated, "whoever asked for it may not sign in any more").into())
}

/// Ends a job and says how its import stands.
async fn finish(app: &App, job: &Job, hold: &Hold, end: Ending, doing: Doing) -> Answer<Held> {
    let mut import = import_of(app, job).await?;
    let mut details = Details::of(&import)?;
    let status = match &end {
        Ending::Done => doing.done(),
        Ending::Cancelled => "cancelled",
        Ending::Failed(_) => "failed",
    };
    if matches!((&end, doing), (Ending::Done, Doing::Planning)) {
        details.rows = Some(details.done);
    }
    import.status = status.into();
    details.problem = end.problem();
    import.details = details.json();
    let ended =
        JobEnd { job: job.id, holder: hold.holder, status: end.status(), problem: end.problem(), at: app.clock.now() };
    Ok(app.store.end_import(&app.system(), &import, ended).await?)
}

/// Whether a job works on it.
pub fn is_working(import: &Import) -> bool {
    matches!(import.status.as_str(), "planning" | "applying" | "reverting")
}
