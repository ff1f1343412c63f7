//! What is different between two sets of definitions, property by property, and what of it breaks something that uses
//! it.

use super::path;
use super::{Composed, Composite, edit};
use crate::definition::Kind;
use crate::model::Model;
use crate::model::uses::{Target, Use};
use crate::record::Name;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// One property that differs. A path of nothing is the whole definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    pub kind: Kind,
    pub name: Name,
    pub path: String,
    /// `None`: was not there.
    pub from: Option<Json>,
    /// `None`: is taken out.
    pub to: Option<Json>,
    /// The pack it comes from now, or came from; `tenant` for the tenant's own.
    pub by: Name,
}

/// Everything that differs between two states of the definitions, by kind and name.
pub fn differences(old: &Composed, new: &Composed) -> Vec<Difference> {
    let mut found = Vec::new();
    for (key, was) in &old.documents {
        match new.documents.get(key) {
            None => found.push(whole(key, Some(was), None)),
            Some(now) if now.hash != was.hash => of_one(key, was, now, &mut found),
            Some(_) => {}
        }
    }
    for (key, now) in new.documents.iter().filter(|(key, _)| !old.documents.contains_key(key)) {
        found.push(whole(key, None, Some(now)));
    }
    found.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    found
}

fn whole((kind, name): &(Kind, Name), was: Option<&Composite>, now: Option<&Composite>) -> Difference {
    let by = now.or(was).map(|composite| composite.pack.clone()).unwrap_or_else(|| "".into());
    // A document may be thousands of records: its title says enough.
    let told = |composite: &Composite| composite.json.get("title").cloned().unwrap_or(Json::Bool(true));
    Difference { kind: *kind, name: name.clone(), path: String::new(), from: was.map(told), to: now.map(told), by }
}

/// Longest value that a difference shows.
const SHOWN_BYTES_MAX: usize = 2_000;

fn of_one((kind, name): &(Kind, Name), was: &Composite, now: &Composite, found: &mut Vec<Difference>) {
    let mut changes = Vec::new();
    edit::compare(&was.json, &now.json, "", false, &mut changes);
    for (place, to) in changes {
        let origin = if to.is_some() { now.origin(&place) } else { was.origin(&place) };
        let origin = if to.is_none() && now.origins.contains_key(&place) { now.origin(&place) } else { origin };
        let shown = |value: Json| match value.to_string().len() {
            0..=SHOWN_BYTES_MAX => value,
            _ => Json::String("…".into()),
        };
        found.push(Difference {
            kind: *kind,
            name: name.clone(),
            from: path::get(&was.json, &place).map(shown),
            to: to.map(shown),
            by: origin.pack().cloned().unwrap_or_else(|| super::TENANT.into()),
            path: place,
        });
    }
}

/// Something that is taken out or changes its type, and a place that still uses it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Broken {
    /// What goes: `object/work_order/fields/reason`.
    pub what: String,
    /// Whether it changes its type rather than goes.
    pub retyped: bool,
    pub by_kind: Kind,
    pub by_name: Name,
    pub file: String,
    /// Name path of the place.
    pub path: String,
}

/// Places of the new definitions that use what the old ones have and the new ones have not, or have differently.
pub fn broken(model: &Model, new: &Composed) -> Vec<Broken> {
    let mut found = Vec::new();
    for (target, retyped) in lost(model, new) {
        let what = match &target.member {
            Some(member) => format!("{}/{}/fields/{member}", target.kind.as_str(), target.name),
            None => format!("{}/{}", target.kind.as_str(), target.name),
        };
        for used in model.where_used(&target) {
            let Some(place) = still_there(model, new, used) else { continue };
            let own = |member: &Name| path::is_within(&place, &path::below("/fields", member));
            let itself = used.by == (target.kind, target.name.clone()) && target.member.as_ref().is_none_or(own);
            if !itself {
                found.push(Broken {
                    what: what.clone(),
                    retyped,
                    by_kind: used.by.0,
                    by_name: used.by.1.clone(),
                    file: used.file.clone(),
                    path: place,
                });
            }
        }
    }
    found.sort_by(|a, b| (&a.what, a.by_kind, &a.by_name, &a.path).cmp(&(&b.what, b.by_kind, &b.by_name, &b.path)));
    found.dedup();
    found
}

/// What goes, and what changes its type (`true`).
fn lost(model: &Model, new: &Composed) -> Vec<(Target, bool)> {
    let mut lost = Vec::new();
    for ((kind, name), was) in &model.documents {
        match new.documents.get(&(*kind, name.clone())) {
            None => lost.push((Target::definition(*kind, name), false)),
            Some(now) if *kind == Kind::Object && now.hash != was.hash => {
                for member in path::names(&was.json["fields"]) {
                    let (old, new) = (&was.json["fields"][member], &now.json["fields"][member]);
                    let retyped = !new.is_null() && !is_held(old, new);
                    if new.is_null() || retyped {
                        lost.push((Target::field(name, member), retyped));
                    }
                }
            }
            Some(_) => {}
        }
    }
    lost
}

/// Whether every value of a field is one of the field as it is now, so that whoever uses it may go on.
fn is_held(old: &Json, new: &Json) -> bool {
    let (from, to) = (of_type(old), of_type(new));
    let held = from == to || matches!((from, to), ("integer", "decimal") | ("text", "long_text"));
    let targets = |field: &Json| match &field["to"] {
        Json::String(one) => vec![one.clone()],
        Json::Array(several) => several.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let now = targets(new);
    held && targets(old).iter().all(|target| now.contains(target)) && scale(old) <= scale(new)
}

fn of_type(field: &Json) -> &str {
    field["type"].as_str().unwrap_or("text")
}

/// Digits after the point, where a field has its own.
fn scale(field: &Json) -> Option<u64> {
    let usual = match of_type(field) {
        "integer" => 0,
        "decimal" | "money" => 2,
        "percent" => 4,
        _ => return field["scale"].as_u64(),
    };
    Some(field["scale"].as_u64().unwrap_or(usual))
}

/// The name path of a use, where the new definitions still say the same there.
fn still_there(model: &Model, new: &Composed, used: &Use) -> Option<String> {
    let was = model.documents.get(&used.by)?;
    let now = new.documents.get(&used.by)?;
    let place = path::of_pointer(&was.json, &used.pointer);
    (path::get(&was.json, &place) == path::get(&now.json, &place)).then_some(place)
}
