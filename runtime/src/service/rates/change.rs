//! Changes of a rate table: planned with everything that is wrong said at its row, or carried out, all or none.

use super::{findings, may_edit, rows_of, table};
use crate::app::App;
use crate::service::command::{self, Done};
use crate::service::imports::sheet::{From, Sheet};
use crate::service::records::may_write;
use crate::service::session::Caller;
use crate::service::{Answer, Error, messages, refuse};
use crate::store::Idempotency;
use packwork_engine::codes::Code;
use packwork_engine::decision::{Command, Decision, RATE_CHANGES_MAX, RateChanges, Write};
use packwork_engine::facts::Collection;
use packwork_engine::model::Model;
use packwork_engine::object::Object;
use packwork_engine::record::slot;
use packwork_engine::refusal::{FieldError, Refusal};
use packwork_engine::settlement::plan::{RateTable, TEXT_SEPARATOR};
use packwork_engine::settlement::rate::lint::{Finding, Severity};
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Errors of one answer; their number is told whole.
const ERRORS_MAX: usize = 1_000;
/// How often a change is planned again where others change the table meanwhile.
const TRIES: usize = 3;

/// Where changes come from.
pub enum Source {
    /// As the engine takes them.
    Changes(Vec<Json>),
    /// Rows to add.
    Rows(Vec<Json>),
    /// Copied out of a spreadsheet, with a header.
    Text(String),
    /// An uploaded CSV or XLSX file.
    Upload { import: String, sheet: Option<String> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Plan,
    Apply,
}

pub struct Asked {
    pub source: Source,
    pub mode: Mode,
    /// The revision the caller saw; another one by now is refused.
    pub revision: Option<i64>,
    /// Rows that contradict each other are saved all the same.
    pub accepts_findings: bool,
    pub cliff: Option<Decimal>,
    pub key: Option<Idempotency>,
}

/// Changes in the engine's form, with the lines of the file they come from, and what could not be read.
struct Read {
    changes: Vec<Map<String, Json>>,
    lines: Option<Vec<i64>>,
    errors: Vec<FieldError>,
}

/// Changes that were decided, and what the table would look like.
pub struct Planned {
    pub decision: Box<Decision>,
    pub rows: Arc<Collection>,
}

pub async fn change(app: &App, caller: &Caller, name: &str, asked: Asked) -> Answer<(Json, bool)> {
    let model = app.model();
    let (table, object) = table(&model, caller, name)?;
    if let Some(key) = &asked.key
        && asked.mode == Mode::Apply
        && let Some(reply) = command::reply_before(app, caller, key).await?
    {
        return Ok((reply.unwrap_or_default(), true));
    }
    let read = read(app, &model, caller, table, &object, asked.source).await?;
    rights(caller, &object, &read.changes)?;
    let mut last = None;
    for _ in 0..TRIES {
        let base = rows_of(app, &model, &app.system(), &table.name).await?;
        let changes = RateChanges {
            table: table.name.clone(),
            revision: Some(asked.revision.unwrap_or(base.revision)),
            changes: read.changes.clone(),
        };
        let decided = match read.errors.is_empty() {
            true => decide(app, &model, caller, &object, &changes).await,
            false => Err(Error::from(Refusal::of_fields(read.errors.clone()))),
        };
        let decision = match decided {
            Ok(decision) => decision,
            Err(Error::Refused(refusal)) if asked.mode == Mode::Plan && !refusal.errors.is_empty() => {
                return Ok((wrong(&model, caller, table, &base, &read, &refusal.errors), false));
            }
            Err(Error::Refused(refusal)) => return Err(with_lines(*refusal, &read).into()),
            Err(failure) => return Err(failure),
        };
        let after = base.after(&table.name, &decision.writes);
        let cliff = asked.cliff.unwrap_or(findings::CLIFF);
        let found = findings::look(app, &model, table, &after, cliff).await?;
        let own = concerned(&decision, &found.found);
        let contradicts = own.iter().any(|finding| finding.severity == Severity::Error);
        let mut reply = json!({
            "table": &*table.name,
            "mode": "plan",
            "revision": base.revision,
            "counts": counts(&read.changes),
            "total": read.changes.len(),
            "errors": [],
            "errors_total": 0,
            "findings": findings::told(&model, caller, &own),
            "applicable": !contradicts || asked.accepts_findings,
        });
        if asked.mode == Mode::Plan {
            return Ok((reply, false));
        }
        if contradicts && !asked.accepts_findings {
            return Err(contradiction(table, &own).into());
        }
        reply["mode"] = json!("apply");
        let changes = Command::ChangeRates(changes);
        match command::run_replying(app, &model, caller, changes, asked.key.clone(), reply.clone()).await {
            Ok(Done::Now { .. }) => {
                let rows = rows_of(app, &model, &app.system(), &table.name).await?;
                reply["revision"] = json!(rows.revision);
                return Ok((reply, false));
            }
            Ok(Done::Before { reply, .. }) => return Ok((reply.unwrap_or_default(), true)),
            Err(Error::Refused(refusal)) if refusal.code == Code::StaleVersion && asked.revision.is_none() => {
                last = Some(refusal);
            }
            Err(Error::Refused(refusal)) => return Err(with_lines(*refusal, &read).into()),
            Err(failure) => return Err(failure),
        }
    }
    Err(last.map_or_else(|| Error::Broken("a change of rates was not tried".into()), Error::Refused))
}

/// Draft rows over the table as it stands, for who asks what they would do: they must be without errors.
pub async fn planned(app: &App, model: &Arc<Model>, caller: &Caller, name: &str, source: Source) -> Answer<Planned> {
    let (table, object) = table(model, caller, name)?;
    let read = read(app, model, caller, table, &object, source).await?;
    if !read.errors.is_empty() {
        return Err(Refusal::of_fields(read.errors).into());
    }
    rights(caller, &object, &read.changes)?;
    let base = rows_of(app, model, &app.system(), &table.name).await?;
    let changes = RateChanges { table: table.name.clone(), revision: Some(base.revision), changes: read.changes };
    let decision = decide(app, model, caller, &object, &changes).await?;
    let rows = Arc::new(base.after(&table.name, &decision.writes));
    Ok(Planned { decision, rows })
}

/// Decides over rows the caller may see: one they may not is not there.
async fn decide(
    app: &App,
    model: &Arc<Model>,
    caller: &Caller,
    object: &Object,
    changes: &RateChanges,
) -> Answer<Box<Decision>> {
    let command = Command::ChangeRates(changes.clone());
    let decision = command::decide_only(app, model, &caller.scope, &command).await?;
    let superseded = decision.writes.iter().filter_map(|write| match write {
        Write::Update { record, .. } => Some(record.id()),
        Write::Insert(_) | Write::Remove { .. } => None,
    });
    let superseded: Vec<Uuid> = superseded.collect();
    let visible = app.store.visible(&caller.scope, model, &object.name, superseded.clone()).await?;
    match superseded.iter().find(|id| !visible.contains(id)) {
        None => Ok(decision),
        Some(id) => Err(crate::service::records::not_found(object, &id.to_string()).into()),
    }
}

fn rights(caller: &Caller, object: &Object, changes: &[Map<String, Json>]) -> Answer<()> {
    let op = |change: &Map<String, Json>| change.get("op").and_then(Json::as_str).unwrap_or("add").to_owned();
    let ops: BTreeSet<String> = changes.iter().map(op).collect();
    let adds = ops.contains("add") || ops.contains("change") || changes.is_empty();
    may_edit(caller, object, adds, ops.iter().any(|op| op != "add"))?;
    for change in changes {
        for member in ["row", "set"] {
            if let Some(Json::Object(values)) = change.get(member) {
                may_write(caller, object, values)?;
            }
        }
    }
    Ok(())
}

async fn read(
    app: &App,
    model: &Model,
    caller: &Caller,
    table: &RateTable,
    object: &Object,
    source: Source,
) -> Answer<Read> {
    let from = match &source {
        Source::Changes(items) => return listed(items, "/changes", |change| change),
        Source::Rows(items) => {
            return listed(items, "/rows", |row| Map::from_iter([("row".to_owned(), Json::Object(row))]));
        }
        Source::Text(text) => From::Text(text),
        Source::Upload { import, sheet } => From::Upload { import, sheet: sheet.as_deref() },
    };
    let sheet = Sheet::read(app, caller, object, from, RATE_CHANGES_MAX).await?;
    let is_open = |field: &str| table.columns.iter().any(|column| *column.name == *field);
    let special = |field: &str, text: &str| {
        if is_open(field) && text == "*" {
            return Some(None);
        }
        let schedule = table.values.iter().any(|value| *value.name == *field && value.schedule_slot.is_some());
        if schedule && model.schedules.contains_key(text) {
            return Some(Some(json!({"schedule": text})));
        }
        let texts = table
            .columns
            .iter()
            .any(|column| *column.name == *field && column.kind == packwork_engine::settlement::plan::ColumnKind::Text);
        (texts && text.contains(TEXT_SEPARATOR)).then(|| Some(json!(text.split(TEXT_SEPARATOR).collect::<Vec<_>>())))
    };
    let mut read = Read { changes: Vec::new(), lines: Some(Vec::new()), errors: Vec::new() };
    let mut lines = Vec::new();
    for row in sheet.values(app, model, caller, object, special).await? {
        let at = read.changes.len();
        read.errors.extend(row.errors.into_iter().map(|error| {
            let pointer = format!("/changes/{at}/row{}", error.pointer);
            FieldError { pointer, ..error.of(&object.name) }.with("change", at)
        }));
        read.changes
            .push(Map::from_iter([("op".to_owned(), json!("add")), ("row".to_owned(), Json::Object(row.values))]));
        lines.push(row.number);
    }
    read.lines = Some(lines);
    Ok(read)
}

/// Items of a list that must be objects.
fn listed(items: &[Json], pointer: &str, change: impl Fn(Map<String, Json>) -> Map<String, Json>) -> Answer<Read> {
    if items.len() > RATE_CHANGES_MAX {
        let message = format!("at most {RATE_CHANGES_MAX} changes in one request");
        let error = FieldError::new(Code::OutOfRange, pointer, message);
        return Err(Refusal::of_fields(vec![error.with("maximum", RATE_CHANGES_MAX)]).into());
    }
    let mut changes = Vec::with_capacity(items.len());
    let mut errors = Vec::new();
    for (at, item) in items.iter().enumerate() {
        match item {
            Json::Object(members) => changes.push(change(members.clone())),
            _ => {
                let error = FieldError::new(Code::WrongType, format!("{pointer}/{at}"), "must be an object");
                errors.push(error.with("expected", "an object").with("change", at));
                changes.push(Map::new());
            }
        }
    }
    Ok(Read { changes, lines: None, errors })
}

fn counts(changes: &[Map<String, Json>]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for change in changes {
        *counts.entry(change.get("op").and_then(Json::as_str).unwrap_or("add").to_owned()).or_default() += 1;
    }
    counts
}

/// The answer to a plan that cannot be carried out.
fn wrong(
    model: &Model,
    caller: &Caller,
    table: &RateTable,
    base: &Collection,
    read: &Read,
    errors: &[FieldError],
) -> Json {
    let shown: Vec<Json> = errors
        .iter()
        .take(ERRORS_MAX)
        .map(|error| {
            json!({
                "pointer": error.pointer,
                "change": error.params.get("change"),
                "line": line_of(read, error),
                "code": error.code,
                "message": messages::text(model, caller.locale, error.code, &error.message, &error.params),
                "params": error.params,
            })
        })
        .collect();
    json!({
        "table": &*table.name,
        "mode": "plan",
        "revision": base.revision,
        "counts": counts(&read.changes),
        "total": read.changes.len(),
        "errors": shown,
        "errors_total": errors.len(),
        "findings": [],
        "applicable": false,
    })
}

/// The line of the file or text an error is about.
fn line_of(read: &Read, error: &FieldError) -> Option<i64> {
    let at = error.params.get("change").and_then(Json::as_u64)?;
    read.lines.as_ref()?.get(usize::try_from(at).ok()?).copied()
}

fn with_lines(mut refusal: Refusal, read: &Read) -> Refusal {
    for error in &mut refusal.errors {
        if let Some(line) = line_of(read, error) {
            error.params.insert("line", json!(line));
        }
    }
    refusal.errors.truncate(ERRORS_MAX);
    refusal
}

/// Findings about rows that were written.
fn concerned(decision: &Decision, found: &[Finding]) -> Vec<Finding> {
    let written: BTreeSet<Uuid> = decision
        .writes
        .iter()
        .filter_map(|write| match write {
            Write::Insert(record) => record.values[slot::ID].as_id(),
            _ => None,
        })
        .collect();
    let is_own = |finding: &&Finding| {
        [&finding.row, &finding.other].into_iter().flatten().any(|row| written.contains(&row.record))
    };
    found.iter().filter(is_own).cloned().collect()
}

/// Rows that no look-up could choose between are not saved unasked.
fn contradiction(table: &RateTable, found: &[Finding]) -> Refusal {
    let errors = found.iter().filter(|finding| finding.severity == Severity::Error).take(ERRORS_MAX).map(|finding| {
        let row = finding.row.as_ref().map_or("", |row| &*row.id);
        FieldError {
            pointer: format!("/rows/{}{}", row.replace('~', "~0").replace('/', "~1"), finding.place),
            code: finding.code,
            message: finding.message.clone(),
            params: finding.params.clone(),
        }
    });
    let refusal = Refusal::of_fields(errors.collect());
    refusal.with("table", &*table.name).with("hint", "accept_findings")
}

/// What a request has instead of a source.
pub fn no_source() -> Refusal {
    refuse(Code::Required, "one of `changes`, `rows`, `text` and `import` is required")
}
