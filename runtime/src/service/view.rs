//! Records as JSON: values in their field's form, references with titles. Reads titles in one batch per object.

pub mod text;

use super::session::Caller;
use super::{Answer, live};
use crate::app::App;
use crate::store::{RowsQuery, TitlesOf};
use packwork_engine::model::Model;
use packwork_engine::object::{Field, FieldKind, Object, form};
use packwork_engine::query::Sort;
use packwork_engine::record::{Name, Record, slot};
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use text::{Bracket, Text};
use uuid::Uuid;

/// Titles of records, by object and id.
#[derive(Debug, Default)]
pub struct Titles {
    found: BTreeMap<(Name, Uuid), String>,
}

impl Titles {
    pub async fn load(app: &App, model: &Model, caller: &Caller, mut wanted: BTreeSet<(Name, Uuid)>) -> Answer<Titles> {
        wanted.retain(|(name, _)| tells(model, caller, name));
        if wanted.is_empty() {
            return Ok(Titles::default());
        }
        Ok(Titles { found: app.store.titles(&caller.scope, model, &wanted).await? })
    }

    pub fn find(&self, object: &Name, id: Uuid) -> Option<String> {
        self.found.get(&(object.clone(), id)).cloned()
    }

    pub fn of(&self, object: &str, id: Uuid) -> String {
        self.find(&object.into(), id).unwrap_or_else(|| short(id))
    }

    /// `Ref` of the contract.
    pub fn reference(&self, object: &str, id: Uuid) -> Json {
        json!({"object": object, "id": id, "title": self.of(object, id)})
    }

    /// A reference to a record of one object, or of whichever of several it was found in.
    pub fn among(&self, object: Option<&Name>, several: &[Name], id: Uuid) -> Json {
        match object {
            Some(object) => self.reference(object, id),
            None => self.any(several, id),
        }
    }

    /// A reference that may lead to one of several objects.
    pub fn any(&self, objects: &[Name], id: Uuid) -> Json {
        self.led_to(objects, id).map_or(Json::Null, |object| self.reference(object, id))
    }

    fn write(&self, objects: &[Name], id: Uuid, text: &mut Text) {
        let Some(object) = self.led_to(objects, id) else {
            text.null();
            return;
        };
        text.open(Bracket::Object).name("object").string(object).name("id").shown(id).name("title");
        match self.found.get(&(object.clone(), id)) {
            Some(title) => text.string(title),
            None => text.string(&short(id)),
        };
        text.close(Bracket::Object);
    }

    /// Which of several objects an id belongs to: where it was found, or the first.
    fn led_to<'n>(&self, objects: &'n [Name], id: Uuid) -> Option<&'n Name> {
        match objects {
            [] => None,
            [object] => Some(object),
            [first, ..] => {
                let found = |object: &&Name| self.found.contains_key(&((*object).clone(), id));
                Some(objects.iter().find(found).unwrap_or(first))
            }
        }
    }
}

/// Whether a caller reads what names the records of an object.
fn tells(model: &Model, caller: &Caller, name: &Name) -> bool {
    let hides = |object: &Object| caller.rights().hides(&object.name, &object.fields[object.display].name);
    !model.object(name).is_some_and(|object| hides(object))
}

fn short(id: Uuid) -> String {
    id.to_string().chars().take(8).collect()
}

/// Records of one object with everything that is shown of them.
pub struct Page {
    pub object: Arc<Object>,
    pub records: Vec<Arc<Record>>,
    /// Owned rows by (slot of the `items` field, parent).
    pub children: BTreeMap<(usize, Uuid), Vec<Arc<Record>>>,
    titles: Titles,
    only: Option<BTreeSet<String>>,
}

impl Page {
    /// Loads what the records refer to. `only` names the fields to show; owned rows are loaded when asked for.
    pub async fn load(
        app: &App,
        model: &Model,
        caller: &Caller,
        object: &Arc<Object>,
        records: Vec<Arc<Record>>,
        only: Option<BTreeSet<String>>,
        with_items: bool,
    ) -> Answer<Page> {
        Page::load_knowing(app, model, caller, object, (records, TitlesOf::new()), only, with_items).await
    }

    /// The same where some titles are known already.
    pub async fn load_knowing(
        app: &App,
        model: &Model,
        caller: &Caller,
        object: &Arc<Object>,
        (mut records, known): (Vec<Arc<Record>>, TitlesOf),
        only: Option<BTreeSet<String>>,
        with_items: bool,
    ) -> Answer<Page> {
        live::fill(app, model, caller, object, &mut records, only.as_ref()).await?;
        let mut children: BTreeMap<(usize, Uuid), Vec<Arc<Record>>> = BTreeMap::new();
        if with_items {
            for (at, field) in object.own_fields() {
                let shown = only.as_ref().is_none_or(|only| only.contains(&*field.name));
                let FieldKind::Items { to } = &field.kind else { continue };
                if !shown || !caller.rights().shows(&object.name, &field.name) {
                    continue;
                }
                for record in &records {
                    children.insert((at, record.id()), Vec::new());
                }
                let query = RowsQuery {
                    object: to.clone(),
                    parents: records.iter().map(|record| record.id()).collect(),
                    sort: vec![Sort::by(slot::POSITION, false)],
                    ..RowsQuery::default()
                };
                let mut rows = app.store.rows_of(&caller.scope, model, &query).await?;
                if let Some(child) = model.object(to) {
                    live::fill(app, model, caller, child, &mut rows, None).await?;
                }
                for row in rows {
                    let of_parent = row.parent().and_then(|parent| children.get_mut(&(at, parent)));
                    if let Some(rows) = of_parent {
                        rows.push(row);
                    }
                }
            }
        }
        let mut wanted = BTreeSet::new();
        for record in &records {
            collect(object, record, &mut wanted);
        }
        for rows in children.values() {
            for row in rows {
                if let Some(child) = model.object(&row.object) {
                    collect(child, row, &mut wanted);
                }
            }
        }
        wanted.retain(|of| !known.contains_key(of));
        let mut titles = Titles::load(app, model, caller, wanted).await?;
        titles.found.extend(known.into_iter().filter(|((name, _), _)| tells(model, caller, name)));
        Ok(Page { object: object.clone(), records, children, titles, only })
    }

    /// The record it was loaded for, where that was one, with what is computed on reading.
    pub fn only_record(&self) -> Option<Arc<Record>> {
        self.records.first().cloned()
    }

    /// A record as answered, as a tree: where something is done with it before it is sent.
    pub fn json(&self, model: &Model, caller: &Caller, record: &Record) -> Map<String, Json> {
        self.json_with(model, caller, record, &Beside::default())
    }

    /// The same with what stands beside it.
    pub fn json_with(&self, model: &Model, caller: &Caller, record: &Record, beside: &Beside) -> Map<String, Json> {
        let mut text = Text::with_capacity(2_048);
        self.write(model, caller, record, beside, &mut text);
        serde_json::from_slice(&text.finish()).unwrap_or_default()
    }

    /// A record as answered.
    pub fn write(&self, model: &Model, caller: &Caller, record: &Record, beside: &Beside, text: &mut Text) {
        text.open(Bracket::Object);
        self.write_own(caller, &self.object, record, &beside.refs, text);
        for (at, field) in self.object.own_fields() {
            let FieldKind::Items { to } = &field.kind else { continue };
            let (Some(rows), Some(child)) = (self.children.get(&(at, record.id())), model.object(to)) else { continue };
            if self.shows(caller, &self.object, field) {
                text.name(&field.name).open(Bracket::Array);
                for row in rows {
                    text.open(Bracket::Object);
                    self.write_own(caller, child, row, &Map::new(), text);
                    text.close(Bracket::Object);
                }
                text.close(Bracket::Array);
            }
        }
        if let Some(actions) = &beside.actions {
            text.name("_actions").written(actions);
        }
        for (name, value) in &beside.members {
            text.name(name).json(value);
        }
        text.close(Bracket::Object);
    }

    /// The members of a record that follow from it alone.
    fn write_own(
        &self,
        caller: &Caller,
        object: &Object,
        record: &Record,
        more_refs: &Map<String, Json>,
        text: &mut Text,
    ) {
        let mut leads = Vec::new();
        for (at, field) in object.fields.iter().enumerate() {
            if !is_shown(at, field) || !self.shows(caller, object, field) {
                continue;
            }
            text.name(&field.name);
            if at == slot::VERSION {
                text.number(record.version());
                continue;
            }
            let value = record.values.get(at).unwrap_or(&Value::Null);
            write_field(field, value, text);
            match (&field.kind, value) {
                (FieldKind::Id { to, .. }, Value::Id(_)) if !to.is_empty() => leads.push((field, to, value)),
                (FieldKind::Ids { to }, Value::List(ids)) if !ids.is_empty() => leads.push((field, to, value)),
                _ => {}
            }
        }
        let hidden = |at: usize| caller.rights().hides(&object.name, &object.fields[at].name);
        text.name("_title").string(&title(object, record, &hidden));
        text.name("_refs").open(Bracket::Object);
        for (field, to, value) in leads {
            text.name(&field.name);
            match value {
                Value::Id(id) => self.titles.write(to, *id, text),
                Value::List(ids) => {
                    text.open(Bracket::Array);
                    for id in ids.iter().filter_map(Value::as_id) {
                        self.titles.write(to, id, text);
                    }
                    text.close(Bracket::Array);
                }
                _ => {
                    text.null();
                }
            }
        }
        for (name, reference) in more_refs {
            text.name(name).json(reference);
        }
        text.close(Bracket::Object);
    }

    fn shows(&self, caller: &Caller, object: &Object, field: &Field) -> bool {
        let asked = match &self.only {
            Some(only) if object.name == self.object.name => {
                only.contains(&*field.name) || matches!(&*field.name, "id" | "version" | "state")
            }
            _ => true,
        };
        asked && caller.rights().shows(&object.name, &field.name)
    }
}

/// What stands beside a record's own members.
#[derive(Debug, Default)]
pub struct Beside {
    /// Further references, by the path they were asked for.
    pub refs: Map<String, Json>,
    pub members: Map<String, Json>,
    /// What the caller may do with it, written already.
    pub actions: Option<Text>,
}

/// Whether a slot is one that people see.
fn is_shown(at: usize, field: &Field) -> bool {
    let hidden = matches!(at, slot::DELETED_AT | slot::TRACE | slot::PARENT | slot::POSITION) || field.day_of.is_some();
    !hidden && field.is_value()
}

/// The slots that a record is shown from.
pub fn shown_slots(object: &Object) -> BTreeSet<usize> {
    let fields = object.fields.iter().enumerate();
    let mut slots = fields.filter(|(at, field)| is_shown(*at, field)).map(|(at, _)| at).collect();
    packwork_engine::live::with_reads(object, &mut slots);
    slots
}

/// The ids a record refers to, with the objects they may belong to.
fn collect(object: &Object, record: &Record, wanted: &mut BTreeSet<(Name, Uuid)>) {
    for (field, value) in object.fields.iter().zip(&record.values) {
        match (&field.kind, value) {
            (FieldKind::Id { to, .. }, Value::Id(id)) => wanted.extend(to.iter().map(|to| (to.clone(), *id))),
            (FieldKind::Ids { to }, Value::List(ids)) => {
                for id in ids.iter().filter_map(Value::as_id) {
                    wanted.extend(to.iter().map(|to| (to.clone(), id)));
                }
            }
            _ => {}
        }
    }
}

/// What names a record to people, to whom some of its slots may be hidden.
fn title(object: &Object, record: &Record, hidden: &dyn Fn(usize) -> bool) -> String {
    let shown = |at: usize| match record.values.get(at) {
        None | Some(Value::Null) => None,
        Some(_) if hidden(at) => None,
        Some(value) => Some(match object.fields.get(at).map(|field| field_json(field, value)) {
            Some(Json::String(text)) => text,
            Some(other) => other.to_string(),
            None => String::new(),
        }),
    };
    shown(object.display).or_else(|| shown(object.key?)).unwrap_or_else(|| short(record.id()))
}

/// [`field_json`] as text.
fn write_field(field: &Field, value: &Value, text: &mut Text) {
    match (&field.kind, value) {
        (_, Value::Null) => text.null(),
        (FieldKind::Decimal { scale, .. } | FieldKind::Rollup { scale, .. }, Value::Decimal(number)) => {
            text.shown(digits(*number, *scale))
        }
        (FieldKind::Money { scale, .. } | FieldKind::Rollup { scale, .. }, Value::Money(money)) => {
            text.open(Bracket::Object).name("amount").shown(digits(money.amount, *scale));
            text.name("currency").string(&money.currency).close(Bracket::Object)
        }
        (FieldKind::Json, _) => text.json(&field_json(field, value)),
        (_, Value::Text(written)) => text.string(written),
        (_, Value::Bool(flag)) => text.boolean(*flag),
        (_, Value::Date(date)) => text.shown(date),
        (_, Value::Moment(moment)) => text.shown(moment),
        (_, Value::Id(id)) => text.shown(id),
        _ => text.json(&field_json(field, value)),
    };
}

/// A value in its field's form: decimals with the field's digits, as strings.
pub fn field_json(field: &Field, value: &Value) -> Json {
    match (&field.kind, value) {
        (_, Value::Null) => Json::Null,
        (FieldKind::Decimal { scale, .. } | FieldKind::Rollup { scale, .. }, Value::Decimal(number)) => {
            Json::String(scaled(*number, *scale))
        }
        (FieldKind::Money { scale, .. } | FieldKind::Rollup { scale, .. }, Value::Money(money)) => {
            json!({"amount": scaled(money.amount, *scale), "currency": &*money.currency})
        }
        (FieldKind::Json, _) => form::document_json(value),
        _ => value.to_json(),
    }
}

/// A stored JSON form of a value as people see it: decimals with the field's digits.
pub fn stored_json(field: &Field, json: &Json) -> Json {
    match (&field.kind, json) {
        (FieldKind::Decimal { scale, .. } | FieldKind::Rollup { scale, money: None, .. }, Json::String(text)) => {
            text.parse().map_or_else(|_| json.clone(), |number| json!(scaled(number, *scale)))
        }
        (FieldKind::Money { scale, .. } | FieldKind::Rollup { scale, .. }, Json::Object(money)) => {
            let amount = money.get("amount").and_then(Json::as_str).and_then(|text| text.parse().ok());
            match amount {
                Some(amount) => json!({"amount": scaled(amount, *scale), "currency": money.get("currency")}),
                None => json.clone(),
            }
        }
        _ => json.clone(),
    }
}

/// With at least `scale` digits after the point; more only where the value has them.
pub fn scaled(number: Decimal, scale: u32) -> String {
    digits(number, scale).to_string()
}

fn digits(number: Decimal, scale: u32) -> Decimal {
    let mut number = number.normalize();
    if number.scale() < scale {
        number.rescale(scale);
    }
    number
}
