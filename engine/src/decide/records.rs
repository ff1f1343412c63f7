//! Creating, updating, deleting and restoring a record.

use super::Halt;
use super::draft::Draft;
use crate::codes::Code;
use crate::decision::{Decision, EventKind};
use crate::env::Reader;
use crate::ids::IdSource;
use crate::moment::Date;
use crate::object::template::Template;
use crate::object::{Object, Source};
use crate::record::{Name, Record, slot};
use crate::refusal::Refusal;
use crate::settlement::settle;
use crate::suggest;
use crate::value::Value;
use serde_json::{Map, Value as Json};
use std::sync::Arc;
use uuid::Uuid;

pub fn create(reader: &Reader<'_>, object: &Name, input: &Map<String, Json>) -> Result<Decision, Halt> {
    let object = object_of(reader, object)?;
    changeable(object)?;
    let mut ids = IdSource::new(reader.context.command, reader.context.moment);
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
    let mut decision = Decision::default();
    judge(&mut draft, template)?;
    let date = business_date(reader, template, &draft.values);
    draft.finish(&mut decision, &mut ids, EventKind::Created, None, date)?;
    Ok(decision)
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
    let final_state =
        former.state().and_then(|state| object.lifecycle.as_ref()?.state(state)).filter(|state| state.is_final);
    if let Some(state) = final_state {
        let detail = format!("a record in the state `{}` cannot be edited", state.name);
        return Err(Refusal::new(Code::TransitionNotAllowed, detail).with("state", &*state.name).into());
    }
    let mut draft = Draft::of(reader, object, former.clone());
    let echoed: Vec<&str> = input
        .keys()
        .map(String::as_str)
        .filter(|name| *name != "owner" && *name != "department" && super::draft::is_echo(object, name))
        .collect();
    draft.read(input, &echoed);
    check_version(&draft, object, &former, version, input)?;
    let template = former.template().and_then(|name| reader.model.templates.get(name));
    judge(&mut draft, template)?;
    let date = business_date(reader, template, &draft.values);
    let mut decision = Decision::default();
    let mut ids = IdSource::new(reader.context.command, reader.context.moment);
    let record = draft.finish(&mut decision, &mut ids, EventKind::Updated, None, date)?;
    settle::after_change(reader, object, &former, &record, &mut decision, &mut ids)?;
    Ok(decision)
}

pub fn delete(reader: &Reader<'_>, object: &Name, id: Uuid, version: Option<i64>) -> Result<Decision, Halt> {
    let object = object_of(reader, object)?;
    changeable(object)?;
    let former = existing(reader, object, id)?;
    expect(&former, version)?;
    let key = (object.name.clone(), id);
    match reader.facts.referrers.get(&key) {
        // Goes on without them, so that the same round asks for everything else; nothing is decided while they are missing.
        None => reader.need(|need| {
            need.referrers.insert(key);
        }),
        Some(referrers) if !referrers.is_empty() => {
            let detail = format!("it is referred to by {}", referrers.join(", "));
            return Err(Refusal::new(Code::InUse, detail).with("referrers", referrers.clone()).into());
        }
        Some(_) => {}
    }
    let mut draft = Draft::of(reader, object, former.clone());
    draft.values[slot::DELETED_AT] = Value::Moment(reader.context.moment);
    finish_plain(reader, object, &former, draft, EventKind::Deleted)
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
    let mut draft = Draft::of(reader, object, former.clone());
    draft.values[slot::DELETED_AT] = Value::Null;
    finish_plain(reader, object, &former, draft, EventKind::Restored)
}

fn finish_plain(
    reader: &Reader<'_>,
    object: &Object,
    former: &Arc<Record>,
    draft: Draft<'_, '_>,
    kind: EventKind,
) -> Result<Decision, Halt> {
    let mut decision = Decision::default();
    let mut ids = IdSource::new(reader.context.command, reader.context.moment);
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
    draft.verdict()
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

/// The version given must be the record's. Where it is older, the change still goes through when it touches nothing
/// that somebody else changed since; the caller's own reading of the rest stays out of it.
fn check_version(
    draft: &Draft<'_, '_>,
    object: &Object,
    former: &Record,
    version: Option<i64>,
    input: &Map<String, Json>,
) -> Result<(), Halt> {
    let Some(version) = version.filter(|version| *version != former.version()) else { return Ok(()) };
    let mut refusal = stale(former, version);
    let mut fields = Map::new();
    for name in input.keys() {
        if let Some((slot, _)) = object.field(name)
            && draft.values[slot] != former.values[slot]
        {
            fields.insert(
                name.clone(),
                serde_json::json!({"yours": draft.values[slot].to_json(), "theirs": former.values[slot].to_json()}),
            );
        }
    }
    refusal.params.insert("fields", Json::Object(fields));
    Err(refusal.into())
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
