//! Records: read, created, changed, moved through their lifecycle, each answered as people see it.

pub mod actions;
pub mod cursor;
pub mod duplicates;
pub mod expand;
pub mod history;
pub mod list;
pub mod restore;
pub mod settled;
pub mod sums;
pub mod upsert;

use super::command::{self, Done};
use super::session::Caller;
use super::view::text::Text;
use super::view::{Beside, Page};
use super::{Answer, Error, refuse};
use crate::app::App;
use crate::store::{Idempotency, TitlesOf};
use packwork_engine::access::Action;
use packwork_engine::codes::Code;
use packwork_engine::decision::{Command, Decision, Write};
use packwork_engine::model::Model;
use packwork_engine::object::{Object, Source};
use packwork_engine::record::Record;
use packwork_engine::refusal::{FieldError, Refusal};
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;
use uuid::Uuid;

/// A record as answered, with its version for the ETag.
#[derive(Debug)]
pub struct View {
    pub id: Uuid,
    pub version: i64,
    /// The record as text of JSON.
    pub body: Vec<u8>,
    /// The answer to a repeated request, kept from the first time.
    pub replayed: bool,
}

/// An object the caller may know of.
pub fn object(model: &Model, caller: &Caller, name: &str) -> Result<Arc<Object>, Refusal> {
    let known = model.object(name).filter(|object| caller.rights().may(&object.name, Action::Read));
    match known {
        Some(object) => Ok(object.clone()),
        // What may not be read looks like what does not exist; only those who may know are told the difference.
        None if model.object(name).is_some() => Err(refuse(Code::Forbidden, format!("you may not read `{name}`"))
            .with("object", name)
            .with("action", "read")),
        None => Err(unknown_object(model, name)),
    }
}

fn unknown_object(model: &Model, name: &str) -> Refusal {
    let refusal = refuse(Code::UnknownObject, format!("there is no object `{name}`")).with("object", name);
    match packwork_engine::suggest::nearest(name, model.objects.keys().map(|name| &**name)) {
        Some(near) => refusal.with("suggestion", near),
        None => refusal,
    }
}

/// Finds a record's id from what a caller wrote: the id itself, or the record's key.
pub async fn id(app: &App, model: &Model, caller: &Caller, object: &Object, written: &str) -> Answer<Uuid> {
    if let Ok(id) = Uuid::parse_str(written) {
        return Ok(id);
    }
    let found = match object.key {
        Some(_) => app.store.by_key(&caller.scope, model, &object.name, written).await?,
        None => None,
    };
    found.ok_or_else(|| not_found(object, written).into())
}

pub fn not_found(object: &Object, id: &str) -> Refusal {
    refuse(Code::NotFound, format!("there is no `{}` with id or key `{id}`", object.name))
        .with("object", &*object.name)
        .with("id", id)
}

/// One live record within the caller's rows.
pub async fn load(app: &App, model: &Model, caller: &Caller, object: &Object, id: Uuid) -> Answer<Arc<Record>> {
    let record = app.store.get(&caller.scope, model, &object.name, id).await?;
    record.filter(|record| !record.is_deleted()).ok_or_else(|| not_found(object, &id.to_string()).into())
}

/// What asking for one record gives.
#[derive(Debug)]
pub enum Got {
    View(View),
    /// The caller has this version already.
    Known(i64),
}

/// One record, with relations beside it; nothing but its version where the caller knows that one.
pub async fn get(
    app: &App,
    caller: &Caller,
    object_name: &str,
    written_id: &str,
    expand: &[expand::Expand],
    known: &[i64],
) -> Answer<Got> {
    let model = app.model();
    let object = object(&model, caller, object_name)?;
    let expansions = expand::read(app, &model, caller, &object, expand)?;
    let id = id(app, &model, caller, &object, written_id).await?;
    let found = app.store.get_titled(&caller.scope, &model, &object.name, id).await?;
    let found = found.filter(|(record, _)| !record.is_deleted());
    let (record, titles) = found.ok_or_else(|| not_found(&object, &id.to_string()))?;
    // Of some records more changes than their version says.
    if known.contains(&record.version()) && !object.moves_alone() {
        return Ok(Got::Known(record.version()));
    }
    let mut expanded = expand::load(app, &model, caller, &object, std::slice::from_ref(&record), &expansions).await?;
    Ok(Got::View(view(app, &model, caller, &object, (record, titles), expanded.remove(&id)).await?))
}

/// A record with all that stands beside it.
async fn view(
    app: &App,
    model: &Arc<Model>,
    caller: &Caller,
    object: &Arc<Object>,
    (record, titles): (Arc<Record>, TitlesOf),
    expanded: Option<Map<String, Json>>,
) -> Answer<View> {
    let (id, version) = (record.id(), record.version());
    let page = Page::load_knowing(app, model, caller, object, (vec![record.clone()], titles), None, true).await?;
    let record = page.only_record().unwrap_or(record);
    let actions = actions::of(app, model, caller, object, &record).await?;
    let mut beside = Beside { actions: Some(actions), ..Beside::default() };
    let members = &mut beside.members;
    if !object.plans.is_empty() {
        members.insert("_settlement".into(), settled::of_record(app, model, caller, object, &record).await?);
    }
    members.insert("_trace".into(), super::explain::traces(app, model, caller, object, &record).await?);
    if let Some(expanded) = expanded {
        members.insert("_expanded".into(), Json::Object(expanded));
    }
    let mut text = Text::with_capacity(4_096);
    page.write(model, caller, &record, &beside, &mut text);
    Ok(View { id, version, body: text.finish(), replayed: false })
}

/// Values of a record to be written whole.
pub struct Given {
    pub input: Map<String, Json>,
    /// It is created though it looks like others, where a rule only warns.
    pub accepts_duplicates: bool,
    pub key: Option<Idempotency>,
}

/// The command, accepting what it warns of where asked to.
pub fn accepting(accepts_duplicates: bool, command: Command) -> Command {
    if accepts_duplicates { Command::AcceptingDuplicates(Box::new(command)) } else { command }
}

pub async fn create(app: &App, caller: &Caller, object_name: &str, given: Given) -> Answer<View> {
    let Given { input, accepts_duplicates, key } = given;
    let model = app.model();
    let object = known(&model, object_name)?;
    may(caller, &object, Action::Create, "create")?;
    may_write(caller, &object, &input)?;
    let command = match object.source {
        Source::Definition => accepting(accepts_duplicates, Command::Create { object: object.name.clone(), input }),
        Source::RateTable => Command::AddRate { table: object.name.clone(), row: input },
    };
    let done = command::run(app, &model, caller, command, key).await?;
    answer(app, &model, caller, &object, done, None).await
}

pub async fn update(
    app: &App,
    caller: &Caller,
    object_name: &str,
    written_id: &str,
    version: i64,
    input: Map<String, Json>,
    key: Option<Idempotency>,
) -> Answer<View> {
    let model = app.model();
    let object = object(&model, caller, object_name)?;
    if let Some(view) = before(app, &model, caller, &object, key.as_ref()).await? {
        return Ok(view);
    }
    let id = id(app, &model, caller, &object, written_id).await?;
    let before = load(app, &model, caller, &object, id).await?;
    may(caller, &object, Action::Update, "update")?;
    may_write(caller, &object, &input)?;
    let command = match object.source {
        Source::Definition => {
            Command::Update { object: object.name.clone(), id, version: Some(version), input: input.clone() }
        }
        Source::RateTable => close_row(&object, &before, version, &input)?,
    };
    match command::run(app, &model, caller, command, key).await {
        Ok(done) => answer(app, &model, caller, &object, done, Some(id)).await,
        Err(Error::Refused(refusal)) if refusal.code == Code::StaleVersion => {
            Err(stale(app, &model, caller, &object, *refusal, before.id(), &input).await?.into())
        }
        Err(error) => Err(error),
    }
}

/// Rows of rate tables are closed and added, never edited: the one change is their end.
fn close_row(object: &Object, row: &Record, version: i64, input: &Map<String, Json>) -> Result<Command, Refusal> {
    if row.version() != version {
        let detail = format!("the row has version {}, not {version}", row.version());
        return Err(refuse(Code::StaleVersion, detail).with("version", row.version()));
    }
    let end = match input.get("valid_to") {
        Some(Json::String(text)) if input.len() == 1 => text.parse().ok(),
        _ => None,
    };
    match end {
        Some(valid_to) => Ok(Command::CloseRate { table: object.name.clone(), row: row.id(), valid_to }),
        None => Err(immutable(object)),
    }
}

pub fn immutable(object: &Object) -> Refusal {
    let detail = "rows are closed (`valid_to`, a date) and added, never edited or deleted";
    refuse(Code::RowsImmutable, detail).with("table", &*object.name)
}

/// Tells all three values of every field that both changed, as the caller sees them.
async fn stale(
    app: &App,
    model: &Arc<Model>,
    caller: &Caller,
    object: &Arc<Object>,
    mut refusal: Refusal,
    id: Uuid,
    input: &Map<String, Json>,
) -> Answer<Refusal> {
    let record = load(app, model, caller, object, id).await?;
    let version = record.version();
    let page = Page::load(app, model, caller, object, vec![record.clone()], None, true).await?;
    let record = page.only_record().unwrap_or(record);
    let theirs = page.json(model, caller, &record);
    let told = refusal.params.get("fields").and_then(Json::as_object).cloned().unwrap_or_default();
    let mut fields = Map::new();
    for (name, values) in told {
        let (Some((_, field)), Some(theirs)) = (object.field(&name), theirs.get(&name)) else { continue };
        let base = super::view::stored_json(field, &values["base"]);
        let yours = input.get(&name).unwrap_or(&values["yours"]);
        fields.insert(name, json!({"base": base, "yours": yours, "theirs": theirs}));
    }
    refusal.params.insert("version", json!(version));
    refusal.params.insert("fields", Json::Object(fields));
    Ok(refusal)
}

/// Deletes a record; whether the request is a repeat.
pub async fn delete(
    app: &App,
    caller: &Caller,
    object_name: &str,
    written_id: &str,
    version: i64,
    key: Option<Idempotency>,
) -> Answer<bool> {
    let model = app.model();
    let object = object(&model, caller, object_name)?;
    if let Some(key) = &key
        && command::reply_before(app, caller, key).await?.is_some()
    {
        return Ok(true);
    }
    let id = id(app, &model, caller, &object, written_id).await?;
    load(app, &model, caller, &object, id).await?;
    may(caller, &object, Action::Delete, "delete")?;
    if object.source == Source::RateTable {
        return Err(immutable(&object).into());
    }
    let command = Command::Delete { object: object.name.clone(), id, version: Some(version) };
    let done = command::run(app, &model, caller, command, key).await?;
    Ok(matches!(done, Done::Before { .. }))
}

/// A transition as asked for.
pub struct Asked {
    pub name: String,
    pub version: Option<i64>,
    pub input: Map<String, Json>,
    pub key: Option<Idempotency>,
}

pub async fn transition(app: &App, caller: &Caller, object_name: &str, written_id: &str, asked: Asked) -> Answer<View> {
    let model = app.model();
    let object = object(&model, caller, object_name)?;
    if let Some(view) = before(app, &model, caller, &object, asked.key.as_ref()).await? {
        return Ok(view);
    }
    let id = id(app, &model, caller, &object, written_id).await?;
    load(app, &model, caller, &object, id).await?;
    let lifecycle = object.lifecycle.as_ref();
    if lifecycle.and_then(|lifecycle| lifecycle.transition(&asked.name)).is_none() {
        return Err(unknown_transition(&object, &asked.name).into());
    }
    may(caller, &object, Action::Transition(&asked.name), &asked.name)?;
    may_write(caller, &object, &asked.input)?;
    let command = Command::Transition {
        object: object.name.clone(),
        id,
        version: asked.version,
        transition: asked.name,
        input: asked.input,
    };
    let done = command::run(app, &model, caller, command, asked.key).await?;
    answer(app, &model, caller, &object, done, Some(id)).await
}

fn unknown_transition(object: &Object, name: &str) -> Refusal {
    let known: Vec<&str> =
        object.lifecycle.iter().flat_map(|lifecycle| lifecycle.transitions.iter()).map(|step| &*step.name).collect();
    let refusal = refuse(Code::UnknownTransition, format!("`{}` has no transition `{name}`", object.name))
        .with("transition", name);
    refusal.with("known", known)
}

pub fn known(model: &Model, name: &str) -> Result<Arc<Object>, Refusal> {
    model.object(name).cloned().ok_or_else(|| unknown_object(model, name))
}

pub fn may(caller: &Caller, object: &Object, action: Action<'_>, name: &str) -> Result<(), Refusal> {
    if caller.rights().may(&object.name, action) {
        return Ok(());
    }
    Err(refuse(Code::Forbidden, format!("you may not `{name}` records of `{}`", object.name))
        .with("object", &*object.name)
        .with("action", name))
}

/// What is hidden from a caller they cannot fill either: to them there is no such field.
pub fn may_write(caller: &Caller, object: &Object, input: &Map<String, Json>) -> Result<(), Refusal> {
    let hidden = input.keys().filter(|name| object.field(name).is_some() && !caller.rights().shows(&object.name, name));
    let errors: Vec<FieldError> = hidden
        .map(|name| {
            let message = format!("`{}` has no field `{name}`", object.name);
            FieldError::new(Code::UnknownField, format!("/{name}"), message).with("field", name.as_str())
        })
        .collect();
    if errors.is_empty() { Ok(()) } else { Err(Refusal::of_fields(errors)) }
}

/// The answer to a request that came before: asked first, since what it did may stand in the way of doing it again.
async fn before(
    app: &App,
    model: &Arc<Model>,
    caller: &Caller,
    object: &Arc<Object>,
    key: Option<&Idempotency>,
) -> Answer<Option<View>> {
    let Some(key) = key else { return Ok(None) };
    match command::done_before(app, caller, key).await? {
        Some(done) => Ok(Some(answer(app, model, caller, object, done, None).await?)),
        None => Ok(None),
    }
}

/// The record a command was about, as it stands afterwards; the stored answer where the command was a repeat.
async fn answer(
    app: &App,
    model: &Arc<Model>,
    caller: &Caller,
    object: &Arc<Object>,
    done: Done,
    about: Option<Uuid>,
) -> Answer<View> {
    match done {
        Done::Now { command, decision, keyed } => {
            let id = decision.subject.as_ref().map(|(_, id)| *id).or(about);
            let Some(id) = id else { return Err(Error::Broken("a decided command names no record".into())) };
            let shown = shown(app, model, caller, object, id, Some(&decision)).await?;
            // Without a key nobody can ask for it again.
            if keyed {
                app.store.save_reply_soon(&caller.scope, command, shown.body.clone()).await?;
            }
            Ok(shown)
        }
        Done::Before { reply: Some(json), .. } => {
            let id = json["id"].as_str().and_then(|id| Uuid::parse_str(id).ok()).or(about).unwrap_or_default();
            let version = json["version"].as_i64().unwrap_or(0);
            Ok(View { id, version, body: json.to_string().into_bytes(), replayed: true })
        }
        Done::Before { reply: None, subject } => {
            let Some(id) = subject.map(|(_, id)| id).or(about) else {
                return Err(Error::Broken("a repeated command names no record".into()));
            };
            Ok(View { replayed: true, ..shown(app, model, caller, object, id, None).await? })
        }
    }
}

/// The record as it was written; what the caller made they are shown once, even where their rows do not reach it.
async fn shown(
    app: &App,
    model: &Arc<Model>,
    caller: &Caller,
    object: &Arc<Object>,
    id: Uuid,
    decision: Option<&Decision>,
) -> Answer<View> {
    if let Some(record) = written(decision, id) {
        return view(app, model, caller, object, (record, TitlesOf::new()), None).await;
    }
    let found = app.store.get_titled(&caller.scope, model, &object.name, id).await?;
    let (record, titles) = found.ok_or_else(|| not_found(object, &id.to_string()))?;
    view(app, model, caller, object, (record, titles), None).await
}

fn written(decision: Option<&Decision>, id: Uuid) -> Option<Arc<Record>> {
    // The last one: what follows a change may change the record again.
    decision?.writes.iter().rev().find_map(|write| match write {
        Write::Insert(record) | Write::Update { record, .. } if record.id() == id => Some(record.clone()),
        _ => None,
    })
}

/// Where one computed field comes from.
pub async fn explain(app: &App, caller: &Caller, object_name: &str, written_id: &str, field: &str) -> Answer<Json> {
    let model = app.model();
    let object = object(&model, caller, object_name)?;
    let id = id(app, &model, caller, &object, written_id).await?;
    let mut records = [load(app, &model, caller, &object, id).await?];
    super::live::fill(app, &model, caller, &object, &mut records, None).await?;
    let [record] = records;
    let visible = object.field(field).filter(|_| caller.rights().shows(&object.name, field));
    let Some((at, _)) = visible else {
        let detail = format!("`{}` has no field `{field}`", object.name);
        return Err(refuse(Code::NotFound, detail).with("object", &*object.name).with("id", field).into());
    };
    super::explain::field(app, &model, caller, &object, at, &record).await
}
