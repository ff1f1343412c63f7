//! What happened to a record, page by page, and the record as it stood at a moment: folded from its events.

use super::{View, id, load, not_found, object};
use crate::app::App;
use crate::service::session::{Caller, USER};
use crate::service::view::{Page, Titles};
use crate::service::{Answer, texts};
use crate::store::{FOLDED_MAX, StoredEvent};
use packwork_engine::decision::EventKind;
use packwork_engine::model::Model;
use packwork_engine::moment::{Date, Moment};
use packwork_engine::money::Money;
use packwork_engine::object::{FieldKind, Object};
use packwork_engine::record::{Name, Record, slot};
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// A page of a record's events, newest first.
pub async fn history(
    app: &App,
    caller: &Caller,
    object_name: &str,
    written_id: &str,
    limit: u32,
    after: Option<&str>,
) -> Answer<Json> {
    let model = app.model();
    let object = object(&model, caller, object_name)?;
    let id = id(app, &model, caller, &object, written_id).await?;
    load(app, &model, caller, &object, id).await?;
    let list = format!("history {object_name} {id}");
    let before = match after {
        None => None,
        Some(text) => {
            app.cursors.read(&list, text)?.first().and_then(Value::as_decimal).and_then(|seq| seq.try_into().ok())
        }
    };
    let mut events = app.store.history(&caller.scope, &object.name, id, limit + 1, before).await?;
    let more = events.len() > limit as usize;
    events.truncate(limit as usize);
    let next =
        events.last().filter(|_| more).map(|event| app.cursors.write(&list, &[Value::Decimal(event.seq.into())]));
    let user: Name = USER.into();
    let actors: BTreeSet<_> = events.iter().filter_map(|event| Some((user.clone(), event.actor?))).collect();
    let titles = Titles::load(app, &model, caller, actors).await?;
    let data: Vec<Json> = events.into_iter().map(|event| shown(&model, caller, &object, &titles, event)).collect();
    Ok(json!({"data": data, "next_cursor": next}))
}

fn shown(model: &Model, caller: &Caller, object: &Object, titles: &Titles, event: StoredEvent) -> Json {
    let changes: BTreeMap<String, Json> = event
        .changes
        .into_iter()
        .filter(|(field, _)| caller.rights().shows(&object.name, field))
        .map(|(name, change)| {
            let child = object.field(&name).and_then(|(_, field)| match &field.kind {
                FieldKind::Items { to } => Some(to.clone()),
                _ => None,
            });
            let seen = |json: Json| match &child {
                Some(child) => rows_seen(caller, child, json),
                None => json,
            };
            (name, json!({"old": seen(change.old), "new": seen(change.new)}))
        })
        .collect();
    let mut shown = json!({
        "id": event.id,
        "at": event.at.to_string(),
        "actor": event.actor.map(|actor| titles.reference(USER, actor)),
        "kind": event.kind.as_str(),
        "command": event.command,
        "version": event.version,
        "model": event.model,
        "changes": changes,
    });
    if let Some(transition) = event.transition {
        shown["transition_title"] = json!(texts::transition_title(model, caller.locale, object, &transition));
        shown["transition"] = json!(transition);
    }
    shown
}

/// Owned rows without the fields that are hidden from the caller.
fn rows_seen(caller: &Caller, child: &Name, rows: Json) -> Json {
    let Json::Array(rows) = rows else { return rows };
    let seen = |row: Json| match row {
        Json::Object(members) => {
            Json::Object(members.into_iter().filter(|(name, _)| caller.rights().shows(child, name)).collect())
        }
        other => other,
    };
    Json::Array(rows.into_iter().map(seen).collect())
}

/// The record as it stood at a moment.
pub async fn at(app: &App, caller: &Caller, object_name: &str, written_id: &str, moment: Moment) -> Answer<View> {
    let model = app.model();
    let object = object(&model, caller, object_name)?;
    let id = id(app, &model, caller, &object, written_id).await?;
    let absent = || not_found(&object, written_id);
    // Whether the caller may see the record is asked of the record as it is; one in the recycle bin had a life too.
    let now = app.store.get(&caller.scope, &model, &object.name, id).await?.ok_or_else(absent)?;
    let mut events = app.store.history(&caller.scope, &object.name, id, FOLDED_MAX, None).await?;
    events.reverse();
    events.retain(|event| event.at <= moment);
    let Some(past) = Past::fold(&object, &now, &events) else { return Err(absent().into()) };
    if past.record.is_deleted() {
        return Err(absent().into());
    }
    let record = Arc::new(past.record);
    let version = record.version();
    // What a record does not keep is not known of the past.
    let kept = object.fields.iter().filter(|field| field.is_stored()).map(|field| field.name.to_string()).collect();
    let only = object.moves_alone().then_some(kept);
    let page = Page::load(app, &model, caller, &object, vec![record.clone()], only, false).await?;
    let mut shown = page.json(&model, caller, &record);
    for (name, child, rows) in past.rows {
        let Some(child) = model.object(&child).filter(|_| caller.rights().shows(&object.name, &name)) else { continue };
        let rows: Vec<Arc<Record>> = rows.iter().map(|row| Arc::new(row_of(child, id, row))).collect();
        let page = Page::load(app, &model, caller, child, rows.clone(), None, false).await?;
        let rows = rows.iter().map(|row| Json::Object(page.json(&model, caller, row))).collect();
        shown.insert(name, Json::Array(rows));
    }
    shown.insert("_at".into(), json!(moment.to_string()));
    Ok(View { id, version, body: Json::Object(shown).to_string().into_bytes(), replayed: false })
}

/// A record put together from its events.
struct Past {
    record: Record,
    /// Owned rows: field, object, rows as the events tell them.
    rows: Vec<(String, Name, Vec<Json>)>,
}

impl Past {
    fn fold(object: &Object, now: &Record, events: &[StoredEvent]) -> Option<Past> {
        let (first, last) = (events.first()?, events.last()?);
        if first.kind != EventKind::Created {
            return None;
        }
        let mut latest: BTreeMap<&str, &Json> = BTreeMap::new();
        for event in events {
            latest.extend(event.changes.iter().map(|(name, change)| (name.as_str(), &change.new)));
        }
        let mut values = vec![Value::Null; object.fields.len()];
        values[slot::ID] = now.values[slot::ID].clone();
        values[slot::VERSION] = Value::Decimal(last.version.into());
        values[slot::CREATED_AT] = Value::Moment(first.at);
        values[slot::CREATED_BY] = first.actor.map_or(Value::Null, Value::Id);
        values[slot::UPDATED_AT] = Value::Moment(last.at);
        values[slot::UPDATED_BY] = last.actor.map_or(Value::Null, Value::Id);
        let mut rows = Vec::new();
        for (name, json) in latest {
            let Some((slot, field)) = object.field(name) else { continue };
            match &field.kind {
                FieldKind::Items { to } => {
                    rows.push((name.to_owned(), to.clone(), json.as_array().cloned().unwrap_or_default()));
                }
                kind => values[slot] = typed(kind, json),
            }
        }
        let missing = object.own_fields().filter_map(|(_, field)| match &field.kind {
            FieldKind::Items { to } if rows.iter().all(|(name, _, _)| **name != *field.name) => {
                Some((field.name.to_string(), to.clone(), Vec::new()))
            }
            _ => None,
        });
        let missing: Vec<_> = missing.collect();
        rows.extend(missing);
        Some(Past { record: Record { object: object.name.clone(), values }, rows })
    }
}

fn row_of(object: &Object, parent: Uuid, row: &Json) -> Record {
    let mut values: Vec<Value> = object
        .fields
        .iter()
        .map(|field| row.get(&*field.name).map_or(Value::Null, |json| typed(&field.kind, json)))
        .collect();
    if values[slot::ID].is_null() {
        values[slot::ID] = Value::Id(Uuid::nil());
    }
    values[slot::PARENT] = Value::Id(parent);
    Record { object: object.name.clone(), values }
}

/// A stored JSON form back as a value. What does not fit any more, since the field was changed, is left out.
fn typed(kind: &FieldKind, json: &Json) -> Value {
    let number = |json: &Json| json.as_str().and_then(|text| text.parse::<Decimal>().ok());
    let money = |json: &Json| {
        let currency = json.get("currency")?.as_str()?;
        Some(Value::Money(Money::new(number(json.get("amount")?)?, currency)))
    };
    let id = |json: &Json| json.as_str().and_then(|text| Uuid::parse_str(text).ok()).map(Value::Id);
    let value = match kind {
        FieldKind::Text { .. } | FieldKind::Choice { .. } => json.as_str().map(Value::text),
        FieldKind::Decimal { .. } => number(json).map(Value::Decimal),
        FieldKind::Money { .. } => money(json),
        FieldKind::Rollup { .. } => money(json).or_else(|| number(json).map(Value::Decimal)),
        FieldKind::Boolean => json.as_bool().map(Value::Bool),
        FieldKind::Date => json.as_str().and_then(|text| text.parse::<Date>().ok()).map(Value::Date),
        FieldKind::Moment => json.as_str().and_then(Moment::parse).map(Value::Moment),
        FieldKind::Id { .. } => id(json),
        FieldKind::Ids { .. } => json.as_array().map(|ids| Value::List(ids.iter().filter_map(id).collect())),
        FieldKind::Choices { .. } | FieldKind::Files { .. } => {
            let texts = |items: &Vec<Json>| items.iter().filter_map(Json::as_str).map(Value::text).collect();
            json.as_array().map(|items| Value::List(texts(items)))
        }
        FieldKind::Location => packwork_engine::location::read(json).ok(),
        FieldKind::Json => Some(Value::from_json(json)),
        FieldKind::Items { .. } => None,
    };
    value.unwrap_or_default()
}
