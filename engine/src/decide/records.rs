//! Creating, updating, deleting and restoring a record.

use super::Halt;
use super::draft::Draft;
use super::{duplicates, merge};
use crate::codes::Code;
use crate::decision::{Decision, EventKind, Write};
use crate::env::Reader;
use crate::ids::IdSource;
use crate::moment::Date;
use crate::object::template::Template;
use crate::object::{Field, FieldKind, Object, OnDelete, Source};
use crate::record::{Name, Record, slot};
use crate::refusal::Refusal;
use crate::settlement::settle;
use crate::suggest;
use crate::value::Value;
use serde_json::{Map, Value as Json};
use std::sync::Arc;
use uuid::Uuid;

pub fn create(reader: &Reader<'_>, object: &Name, input: &Map<String, Json>) -> Result<Decision, Halt> {
    let mut ids = IdSource::new(reader.context.command, reader.context.moment);
    let (draft, template) = judged(reader, object, input, &mut ids)?;
    let mut decision = Decision::default();
    let date = business_date(reader, template, &draft.values);
    draft.finish(&mut decision, &mut ids, EventKind::Created, None, date)?;
    Ok(decision)
}

/// Whether a record could be created. What it would write is left out where that cannot be refused any more.
pub fn creatable(reader: &Reader<'_>, object: &Name, input: &Map<String, Json>) -> Result<Decision, Halt> {
    let mut ids = IdSource::new(reader.context.command, reader.context.moment);
    let (draft, template) = judged(reader, object, input, &mut ids)?;
    let mut decision = Decision::default();
    if !draft.is_settled() {
        let date = business_date(reader, template, &draft.values);
        draft.finish(&mut decision, &mut ids, EventKind::Created, None, date)?;
    }
    Ok(decision)
}

/// A new record with its defaults and computed values, found to be in order.
fn judged<'r, 'a>(
    reader: &'r Reader<'a>,
    object: &Name,
    input: &Map<String, Json>,
    ids: &mut IdSource,
) -> Result<(Draft<'r, 'a>, Option<&'a Template>), Halt>
where
    'a: 'r,
{
    let object = object_of(reader, object)?;
    changeable(object)?;
    let mut draft = Draft::new(reader, object, ids.take());
    let template = template_of(reader, object, input)?;
    let actor = &reader.context.actor;
    draft.values[slot::OWNER] = actor.id.map_or(Value::Null, Value::Id);
    draft.values[slot::DEPARTMENT] = actor.department.map_or(Value::Null, Value::Id);
    draft.values[slot::TEMPLATE] = template.map_or(Value::Null, |template| Value::Text(template.name.clone()));
    if let Some(lifecycle) = &object.lifecycle {
        draft.values[slot::STATE] = Value::Text(lifecycle.initial.clone());
    }
    draft.read(input, &["template"]);
    draft.defaults(template);
    draft.numbers(reader.today());
    judge(&mut draft, template)?;
    Ok((draft, template))
}

pub fn update(
    reader: &Reader<'_>,
    object: &Name,
    id: Uuid,
    version: Option<i64>,
    input: &Map<String, Json>,
) -> Result<Decision, Halt> {
    let object = object_of(reader, object)?;
    changeable(object)?;
    let former = existing(reader, object, id)?;
    editable(object, &former)?;
    let mut draft = Draft::of(reader, object, former.clone());
    let echoed: Vec<&str> = input
        .keys()
        .map(String::as_str)
        .filter(|name| *name != "owner" && *name != "department" && super::draft::is_echo(object, name))
        .collect();
    let stale = merge::Stale::of(reader, object, &former, version)?;
    let merged = stale.as_ref().map(|stale| stale.merge_items(&draft, input)).transpose()?;
    draft.read(merged.as_ref().unwrap_or(input), &echoed);
    if let Some(stale) = &stale {
        stale.merge(&mut draft, input)?;
    }
    draft.fill_required(Some(input));
    changed(reader, object, &former, draft)
}

/// A record in a final state is not edited any more.
pub fn editable(object: &Object, record: &Record) -> Result<(), Refusal> {
    let state = record.state().and_then(|state| object.lifecycle.as_ref()?.state(state));
    match state.filter(|state| state.is_final) {
        None => Ok(()),
        Some(state) => {
            let detail = format!("a record in the state `{}` cannot be edited", state.name);
            Err(Refusal::new(Code::TransitionNotAllowed, detail).with("state", &*state.name))
        }
    }
}

/// Judges a changed record and writes it.
pub fn changed(
    reader: &Reader<'_>,
    object: &Object,
    former: &Arc<Record>,
    mut draft: Draft<'_, '_>,
) -> Result<Decision, Halt> {
    let template = former.template().and_then(|name| reader.model.templates.get(name));
    judge(&mut draft, template)?;
    let date = business_date(reader, template, &draft.values);
    let mut decision = Decision::default();
    let mut ids = IdSource::new(reader.context.command, reader.context.moment);
    let record = draft.finish(&mut decision, &mut ids, EventKind::Updated, None, date)?;
    settle::after_change(reader, object, former, &record, &mut decision, &mut ids)?;
    Ok(decision)
}

pub fn delete(reader: &Reader<'_>, object: &Name, id: Uuid, version: Option<i64>) -> Result<Decision, Halt> {
    let object = object_of(reader, object)?;
    changeable(object)?;
    let former = existing(reader, object, id)?;
    expect(&former, version)?;
    let cleared = referring(reader, object, id)?;
    let mut draft = Draft::of(reader, object, former.clone());
    draft.values[slot::DELETED_AT] = Value::Moment(reader.context.moment);
    let mut rows = Vec::new();
    for to in items(object) {
        rows.extend(draft.former_children(to)?);
    }
    let mut decision = Decision::default();
    let mut ids = IdSource::new(reader.context.command, reader.context.moment);
    for (object, record) in &cleared {
        clear(reader, object, record, id, &mut decision, &mut ids)?;
    }
    finish_plain(reader, object, &former, draft, EventKind::Deleted, decision, ids, rows)
}

fn items(object: &Object) -> impl Iterator<Item = &Name> {
    object.own_fields().filter_map(|(_, field)| match &field.kind {
        FieldKind::Items { to } => Some(to),
        _ => None,
    })
}

/// The most records whose references one deletion empties.
pub const CLEARED_MAX: usize = 1_000;

/// Whether a reference is emptied when the record it leads to is deleted, rather than standing in the way.
pub fn is_cleared(object: &Object, field: &Field) -> bool {
    let clears = matches!(&field.kind, FieldKind::Id { on_delete: OnDelete::Clear, .. });
    clears && !field.required && object.owned_by.is_none() && object.source == Source::Definition
}

/// The records that lose their reference; refused where others keep theirs.
fn referring<'a>(reader: &Reader<'a>, object: &Object, id: Uuid) -> Result<Vec<(&'a Object, Arc<Record>)>, Halt> {
    let key = (object.name.clone(), id);
    let Some(referrers) = reader.facts.referrers.get(&key) else {
        // Goes on without them, so that the same round asks for everything else; nothing is decided while they are missing.
        reader.need(|need| {
            need.referrers.insert(key);
        });
        return Ok(Vec::new());
    };
    let in_use = |referrers: &[String]| {
        let detail = format!("it is referred to by {}", referrers.join(", "));
        Refusal::new(Code::InUse, detail).with("referrers", referrers.to_vec())
    };
    let keeps = |referrer: &&String| {
        let field = referrer.split_once('.').and_then(|(name, field)| {
            let object = reader.model.objects.get(name)?;
            Some((object, object.field(field)?.1))
        });
        !field.is_some_and(|(object, field)| is_cleared(object, field))
    };
    let kept: Vec<String> = referrers.iter().filter(keeps).cloned().collect();
    if !kept.is_empty() {
        return Err(in_use(&kept).into());
    }
    if referrers.is_empty() {
        return Ok(Vec::new());
    }
    let Some(records) = reader.facts.referring.get(&key) else {
        reader.need(|need| {
            need.referring.insert(key);
        });
        return Ok(Vec::new());
    };
    if records.len() > CLEARED_MAX {
        return Err(in_use(referrers).with("limit", CLEARED_MAX).into());
    }
    let of = |record: &Arc<Record>| Some((&**reader.model.objects.get(&record.object)?, record.clone()));
    Ok(records.iter().filter_map(of).collect())
}

/// Empties what leads to a record that goes.
fn clear(
    reader: &Reader<'_>,
    object: &Object,
    record: &Arc<Record>,
    gone: Uuid,
    decision: &mut Decision,
    ids: &mut IdSource,
) -> Result<(), Halt> {
    let mut draft = Draft::of(reader, object, record.clone());
    for (slot, field) in object.own_fields() {
        if is_cleared(object, field) && draft.values[slot] == Value::Id(gone) {
            draft.values[slot] = Value::Null;
        }
    }
    let template = record.template().and_then(|name| reader.model.templates.get(name));
    let date = business_date(reader, template, &draft.values);
    draft.formulas(date);
    draft.verdict()?;
    let changed = draft.finish(decision, ids, EventKind::Updated, None, date)?;
    settle::after_change(reader, object, record, &changed, decision, ids)
}

pub fn restore(reader: &Reader<'_>, object: &Name, id: Uuid, version: Option<i64>) -> Result<Decision, Halt> {
    let object = object_of(reader, object)?;
    changeable(object)?;
    let former = match reader.record(&object.name, id)? {
        Some(record) if record.is_deleted() => record,
        Some(_) => return Err(Refusal::new(Code::TransitionNotAllowed, "the record is not deleted").into()),
        None => return Err(not_found(object, id).into()),
    };
    expect(&former, version)?;
    if let (Some(lifecycle), Some(state)) = (&object.lifecycle, former.state())
        && !lifecycle.has(state)
    {
        let detail = format!("the record was in the state `{state}`, which is gone");
        return Err(Refusal::new(Code::TransitionNotAllowed, detail).with("state", state).into());
    }
    let mut draft = Draft::of(reader, object, former.clone());
    draft.values[slot::DELETED_AT] = Value::Null;
    draft.check_references();
    let mut rows = Vec::new();
    for to in items(object) {
        let key = (to.clone(), id);
        match reader.facts.deleted_children.get(&key) {
            Some(found) => rows.extend(found.iter().cloned()),
            None => reader.need(|need| {
                need.deleted_children.insert(key);
            }),
        }
    }
    draft.verdict()?;
    duplicates::check(&draft)?;
    let ids = IdSource::new(reader.context.command, reader.context.moment);
    finish_plain(reader, object, &former, draft, EventKind::Restored, Decision::default(), ids, rows)
}

/// Deletes or restores; `rows` are the owned ones that go or come along.
#[expect(clippy::too_many_arguments, reason = "the one place both ends meet")]
fn finish_plain(
    reader: &Reader<'_>,
    object: &Object,
    former: &Arc<Record>,
    draft: Draft<'_, '_>,
    kind: EventKind,
    mut decision: Decision,
    mut ids: IdSource,
    rows: Vec<Arc<Record>>,
) -> Result<Decision, Halt> {
    let deleted_at = draft.values[slot::DELETED_AT].clone();
    for row in rows {
        let mut values = row.values.clone();
        values[slot::DELETED_AT] = deleted_at.clone();
        values[slot::VERSION] = Value::Decimal((row.version() + 1).into());
        let record = Arc::new(Record { object: row.object.clone(), values });
        decision.writes.push(Write::Update {
            record,
            expected: row.version(),
            changed: vec![slot::VERSION, slot::DELETED_AT],
        });
    }
    let record = draft.finish(&mut decision, &mut ids, kind, None, reader.today())?;
    settle::after_change(reader, object, former, &record, &mut decision, &mut ids)?;
    Ok(decision)
}

/// Formulas, required fields, rules and constraints; all errors at once.
fn judge(draft: &mut Draft<'_, '_>, template: Option<&Template>) -> Result<(), Halt> {
    let date = business_date(draft.reader, template, &draft.values);
    draft.formulas(date);
    draft.check_required(template.map_or(&[], |template| &template.required));
    let object = draft.object;
    draft.check_rules(&object.rules, date);
    if let Some(template) = template {
        draft.check_rules(&template.rules, date);
    }
    draft.check_constraints();
    draft.verdict()?;
    duplicates::check(draft)
}

/// The date prices are read for: the field the template names, else today.
pub fn business_date(reader: &Reader<'_>, template: Option<&Template>, values: &[Value]) -> Date {
    let named = template.and_then(|template| template.business_date).map(|slot| &values[slot]);
    match named {
        Some(Value::Date(date)) => *date,
        Some(Value::Moment(moment)) => moment.date_in(&reader.model.zone),
        _ => reader.today(),
    }
}

pub fn object_of<'a>(reader: &Reader<'a>, name: &Name) -> Result<&'a Object, Halt> {
    reader.model.objects.get(name).map(|object| &**object).ok_or_else(|| {
        let hint = suggest::hint(name, reader.model.objects.keys().map(|name| &**name));
        Refusal::new(Code::UnknownObject, format!("there is no object `{name}`; {hint}")).with("object", &**name).into()
    })
}

/// Rows of rate tables have commands of their own, owned rows are written with their parent.
pub fn changeable(object: &Object) -> Result<(), Refusal> {
    match (&object.source, &object.owned_by) {
        (Source::RateTable, _) => Err(Refusal::new(
            Code::RowsImmutable,
            format!("rows of `{}` are closed and added, never edited", object.name),
        )),
        (_, Some(owner)) => {
            Err(Refusal::new(Code::ReadOnly, format!("`{}` is written with its `{owner}`", object.name))
                .with("object", &**owner))
        }
        _ => Ok(()),
    }
}

/// The record, if it exists and is not deleted.
pub fn existing(reader: &Reader<'_>, object: &Object, id: Uuid) -> Result<Arc<Record>, Halt> {
    match reader.record(&object.name, id)? {
        Some(record) if !record.is_deleted() => Ok(record),
        _ => Err(not_found(object, id).into()),
    }
}

fn not_found(object: &Object, id: Uuid) -> Refusal {
    Refusal::new(Code::NotFound, format!("there is no {} `{id}`", object.name))
        .with("object", &*object.name)
        .with("id", id.to_string())
}

fn template_of<'a>(
    reader: &Reader<'a>,
    object: &Object,
    input: &Map<String, Json>,
) -> Result<Option<&'a Template>, Halt> {
    let Some(given) = input.get("template").filter(|given| !given.is_null()) else { return Ok(None) };
    let name = given.as_str().unwrap_or_default();
    match reader.model.templates.get(name).filter(|template| template.object == object.name) {
        Some(template) => Ok(Some(template)),
        None => {
            let known: Vec<&str> = reader
                .model
                .templates
                .values()
                .filter(|template| template.object == object.name)
                .map(|template| &*template.name)
                .collect();
            let message = format!("`{}` has no template `{name}`; {}", object.name, suggest::hint(name, known));
            let error = crate::refusal::FieldError::new(Code::NotAnOption, "/template", message).with("value", name);
            Err(Refusal::of_fields(vec![error]).into())
        }
    }
}

/// The version given, where one was, must be the record's.
fn expect(former: &Record, version: Option<i64>) -> Result<(), Refusal> {
    match version {
        Some(version) if version != former.version() => Err(stale(former, version)),
        _ => Ok(()),
    }
}

pub fn stale(former: &Record, version: i64) -> Refusal {
    Refusal::new(
        Code::StaleVersion,
        format!("version {version} is not the newest; the record is at version {}", former.version()),
    )
    .with("version", former.version())
    .with("given", version)
}
