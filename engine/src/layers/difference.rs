//! What is different between two sets of definitions, property by property, and what of it breaks something that uses
//! it.

use super::path;
use super::renames::{self, Renames};
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

/// Everything that differs between two states of the definitions, by kind and name. What has another name is told by
/// its present one: a definition by its `/name`, a field by its `…/was`.
pub fn differences(old: &Composed, new: &Composed) -> Vec<Difference> {
    let renamed = renames::of_objects(&old.documents, &new.documents);
    let mut found = Vec::new();
    for ((kind, name), was) in &old.documents {
        let present = renamed.get(&**name).filter(|_| *kind == Kind::Object);
        let key = (*kind, present.map_or_else(|| name.clone(), |present| present.as_str().into()));
        match new.documents.get(&key) {
            None => found.push(whole(&key, Some(was), None)),
            Some(now) if now.hash != was.hash || present.is_some() => of_one(&key, was, now, &mut found),
            Some(_) => {}
        }
    }
    let was_there = |(kind, name): &(Kind, Name)| {
        let is_renamed = *kind == Kind::Object && renamed.values().any(|present| **present == **name);
        is_renamed || old.documents.contains_key(&(*kind, name.clone()))
    };
    for (key, now) in new.documents.iter().filter(|(key, _)| !was_there(key)) {
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
    let fields = if *kind == Kind::Object { renames::of_fields(&was.json, &now.json) } else { Renames::new() };
    for (former, present) in &fields {
        let place = path::below("/fields", present);
        found.push(Difference {
            kind: *kind,
            name: name.clone(),
            path: path::below(&place, "was"),
            from: Some(Json::from(former.as_str())),
            to: Some(Json::from(present.as_str())),
            by: now.origin(&place).pack().cloned().unwrap_or_else(|| super::TENANT.into()),
        });
    }
    let before = renames::with_present_names(&was.json, &fields);
    let says_former_name = |place: &str| {
        let segments = path::segments(place);
        let of_field = segments.len() == 3 && segments[0] == "fields" && segments[2] == "was";
        *kind == Kind::Object && (segments == ["was"] || of_field)
    };
    let mut changes = Vec::new();
    edit::compare(&before, &now.json, "", false, &mut changes);
    for (place, to) in changes.into_iter().filter(|(place, _)| !says_former_name(place)) {
        let origin = if to.is_some() { now.origin(&place) } else { was.origin(&place) };
        let origin = if to.is_none() && now.origins.contains_key(&place) { now.origin(&place) } else { origin };
        let shown = |value: Json| match value.to_string().len() {
            0..=SHOWN_BYTES_MAX => value,
            _ => Json::String("…".into()),
        };
        found.push(Difference {
            kind: *kind,
            name: name.clone(),
            from: path::get(&before, &place).map(shown),
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
    for Lost { target, retyped, by_name } in lost(model, new) {
        let what = match &target.member {
            Some(member) => format!("{}/{}/fields/{member}", target.kind.as_str(), target.name),
            None => format!("{}/{}", target.kind.as_str(), target.name),
        };
        let uses = model.where_used(&target).filter(|used| !by_name || used.target.member.is_none());
        for used in uses {
            let Some(place) = still_there(model, new, used) else { continue };
            let own = |member: &Name| path::is_within(&place, &path::below("/fields", member));
            // Lists, keys and indexes of the object itself take whatever type its field has.
            const OF_ANY_TYPE: &[&str] = &["/list", "/key", "/display", "/unique", "/indexes"];
            let any_type = || retyped && OF_ANY_TYPE.iter().any(|outer| path::is_within(&place, outer));
            let of_itself = used.by == (target.kind, target.name.clone());
            let itself = of_itself && (any_type() || target.member.as_ref().is_none_or(own));
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

/// What goes, or changes its type.
struct Lost {
    target: Target,
    retyped: bool,
    /// It has another name: only those who call it by the former one lose it.
    by_name: bool,
}

fn lost(model: &Model, new: &Composed) -> Vec<Lost> {
    let renamed = renames::of_objects(&model.documents, &new.documents);
    let mut lost = Vec::new();
    for ((kind, name), was) in &model.documents {
        let present = renamed.get(&**name).filter(|_| *kind == Kind::Object);
        let key = (*kind, present.map_or_else(|| name.clone(), |present| present.as_str().into()));
        let now = new.documents.get(&key);
        if now.is_none() || present.is_some() {
            let target = Target::definition(*kind, name);
            lost.push(Lost { target, retyped: false, by_name: present.is_some() });
        }
        let Some(now) = now.filter(|now| *kind == Kind::Object && now.hash != was.hash) else { continue };
        for member in path::names(&was.json["fields"]) {
            let (old, new) = (&was.json["fields"][member], &now.json["fields"][member]);
            let retyped = !new.is_null() && !is_held(old, new, &renamed);
            if new.is_null() || retyped {
                lost.push(Lost { target: Target::field(name, member), retyped, by_name: false });
            }
        }
    }
    lost
}

/// Whether values of a field may go on as those of the field as it is now, and so may whoever uses it. Whether each of
/// them fits (digits after the point, length, options) is counted in the tables.
fn is_held(old: &Json, new: &Json, renamed: &Renames) -> bool {
    let (from, to) = (of_type(old), of_type(new));
    let pair = if from < to { (from, to) } else { (to, from) };
    let held = from == to || matches!(pair, ("decimal", "integer") | ("long_text", "text"));
    let targets = |field: &Json| match &field["to"] {
        Json::String(one) => vec![one.clone()],
        Json::Array(several) => several.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    let now = targets(new);
    let present = |target: &String| renamed.get(target).unwrap_or(target).clone();
    held && targets(old).iter().all(|target| now.contains(&present(target)))
}

fn of_type(field: &Json) -> &str {
    field["type"].as_str().unwrap_or("text")
}

/// The name path of a use, where the new definitions still say the same: wherever it stands in a list without names.
fn still_there(model: &Model, new: &Composed, used: &Use) -> Option<String> {
    let was = model.documents.get(&used.by)?;
    let now = new.documents.get(&used.by)?;
    let says_same = stands_in(&was.json, &now.json, &path::segments(&used.pointer), used.target.member.as_deref());
    says_same.then(|| path::of_pointer(&was.json, &used.pointer))
}

/// Whether what a pointer leads to in the old document is in the new one.
fn stands_in(was: &Json, now: &Json, pointer: &[String], member: Option<&str>) -> bool {
    let Some((segment, rest)) = pointer.split_first() else { return was == now };
    match (was, now) {
        (Json::Object(old), Json::Object(new)) => match (old.get(segment), new.get(segment)) {
            // A filter names its field by the member itself, whatever it is compared with.
            (Some(_), Some(_)) if rest.is_empty() && member.is_some_and(|member| names(segment, member)) => true,
            (Some(old), Some(new)) => stands_in(old, new, rest, member),
            // What is not written leads no further.
            (None, _) => was == now,
            (Some(_), None) => false,
        },
        (Json::Array(old), Json::Array(new)) => {
            let Some(item) = segment.parse::<usize>().ok().and_then(|index| old.get(index)) else { return was == now };
            match path::key(item) {
                Some(key) => {
                    let mut same = new.iter().filter(|other| path::key(other) == Some(key));
                    same.any(|other| stands_in(item, other, rest, member))
                }
                None => new.iter().any(|other| stands_in(item, other, rest, member)),
            }
        }
        _ => false,
    }
}

/// Whether a path of fields (`sender.level`) names a field.
fn names(path: &str, member: &str) -> bool {
    path.trim_start_matches('-').split('.').any(|name| name == member)
}
