//! Dimensions of lines as people see them: which there are, what they are called, and what their values say.

use super::ledger;
use crate::app::App;
use crate::service::session::{Caller, USER};
use crate::service::view::Titles;
use crate::service::{Answer, refuse};
use packwork_engine::codes::Code;
use packwork_engine::model::Model;
use packwork_engine::object::FieldKind;
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use packwork_engine::suggest;
use packwork_engine::value::Value;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Every dimension some plan writes on its lines.
fn written(model: &Model) -> BTreeSet<&str> {
    let lines = model.plans.values().flat_map(|plan| &plan.lines);
    lines.flat_map(|line| &line.dimensions).map(|(name, _)| &**name).collect()
}

/// What views of lines can be by.
pub fn all(app: &App, caller: &Caller) -> Answer<Json> {
    ledger::may_read(caller, "dimensions")?;
    let model = app.model();
    let row = |name: &str| json!({"name": name, "title": title(&model, caller, name)});
    Ok(json!({"data": written(&model).into_iter().map(row).collect::<Vec<_>>()}))
}

/// What a dimension is called: as the classification, dimension, object or field it is named after.
fn title(model: &Model, caller: &Caller, name: &str) -> String {
    let classes = model.dimensions.iter().filter(|(_, dimension)| dimension.classifications.contains_key(name));
    let class = classes.map(|(dimension, _)| format!("dimension/{dimension}/classifications/{name}/title"));
    let writing = model
        .plans
        .values()
        .filter(|plan| plan.lines.iter().any(|line| line.dimensions.iter().any(|(written, _)| &**written == name)));
    let fields = writing.map(|plan| format!("object/{}/fields/{name}/title", plan.object));
    let named = [format!("dimension/{name}/title"), format!("object/{name}/title")];
    let mut keys = class.chain(named).chain(fields);
    keys.find_map(|key| model.texts.find(caller.locale.as_str(), &key)).unwrap_or_else(|| name.replace('_', " "))
}

/// Refuses dimensions that no plan writes on its lines.
pub(super) fn known(model: &Model, by: &[String]) -> Result<(), Refusal> {
    let bad = |detail: String| refuse(Code::BadParameter, detail).with("parameter", "by");
    let known = written(model);
    match by.iter().find(|name| !known.contains(name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let hint = suggest::hint(name, known.iter().copied());
            let known: Vec<&str> = known.into_iter().collect();
            Err(bad(format!("no plan writes the dimension `{name}`; {hint}")).with("known", known))
        }
    }
}

/// The object a dimension's values are records of.
pub fn object(model: &Model, fact: &str, name: &str) -> Option<Name> {
    if let Some(dimension) = model.dimensions.get(name) {
        return Some(dimension.of.clone());
    }
    if model.objects.contains_key(name) {
        return Some(name.into());
    }
    let field = model.object(fact).and_then(|object| object.field(name)).map(|(_, field)| field);
    match field.map(|field| &field.kind) {
        Some(FieldKind::Id { to, .. }) => to.first().cloned(),
        // What is neither a dimension nor a field of the fact is a person: the salesperson, the technician.
        _ => Some(USER.into()),
    }
}

/// The record a dimension's value is, if it is one.
pub fn record(model: &Model, fact: &str, name: &str, value: &Value) -> Option<(Name, Uuid)> {
    let id = value.as_id()?;
    Some((object(model, fact, name)?, id))
}

/// What people read for a value of a dimension that is no record: a class, a choice.
pub fn text_of(model: &Model, caller: &Caller, fact: Option<&str>, name: &str, value: &str) -> String {
    let locale = caller.locale.as_str();
    let classes = model.dimensions.values().filter_map(|dimension| dimension.classifications.get(name));
    let of_class =
        classes.into_iter().find_map(|class| model.texts.find(locale, &format!("{}/{value}/title", class.text)));
    let of_field = || {
        let (_, field) = model.object(fact?)?.field(name)?;
        model.texts.find(locale, &format!("{}/{value}/title", field.options_text))
    };
    of_class.or_else(of_field).unwrap_or_else(|| value.to_owned())
}

/// A value of a dimension as people see it.
pub fn json_of(model: &Model, caller: &Caller, titles: &Titles, fact: &str, name: &str, value: &Value) -> Json {
    match value {
        Value::Id(id) => match object(model, fact, name) {
            Some(object) => titles.reference(&object, *id),
            None => json!(id),
        },
        Value::Text(text) => json!(text_of(model, caller, Some(fact), name, text)),
        other => other.to_json(),
    }
}
