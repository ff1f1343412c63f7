//! Other names: which field or object of the old definitions is which of the new ones. What is new says `was`; on the
//! way back to the old ones, what goes says it.

use super::edit;
use super::path::{self, AFTER, CHINESE};
use super::{Change, Composite};
use crate::definition::Kind;
use crate::record::Name;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Former names to present ones.
pub type Renames = BTreeMap<String, String>;

/// What is there, with the name it says it had before.
type Names<'j> = BTreeMap<&'j str, Option<&'j str>>;

fn between(old: &Names<'_>, new: &Names<'_>) -> Renames {
    let mut renamed = Renames::new();
    for (name, was) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
        if let Some(former) = was.filter(|former| old.contains_key(former) && !new.contains_key(former)) {
            renamed.insert(former.to_owned(), (*name).to_owned());
        }
    }
    for (name, was) in old.iter().filter(|(name, _)| !new.contains_key(*name)) {
        if let Some(first) = was.filter(|first| new.contains_key(first) && !old.contains_key(first)) {
            renamed.entry((*name).to_owned()).or_insert_with(|| first.to_owned());
        }
    }
    renamed
}

/// Fields of one object that have another name now.
pub fn of_fields(old: &Json, new: &Json) -> Renames {
    fn names(json: &Json) -> Names<'_> {
        let fields = json["fields"].as_object().into_iter().flatten();
        fields.map(|(name, field)| (name.as_str(), field["was"].as_str())).collect()
    }
    between(&names(old), &names(new))
}

/// Objects that have another name now.
pub fn of_objects(old: &BTreeMap<(Kind, Name), Composite>, new: &BTreeMap<(Kind, Name), Composite>) -> Renames {
    fn names(documents: &BTreeMap<(Kind, Name), Composite>) -> Names<'_> {
        let objects = documents.iter().filter(|((kind, _), _)| *kind == Kind::Object);
        objects.map(|((_, name), composite)| (&**name, composite.json["was"].as_str())).collect()
    }
    between(&names(old), &names(new))
}

/// States whose records stand in others now. What is new says `was`, of several where it takes the place of several; on the
/// way back, what goes says it, and gives its records to the first of them.
pub fn of_states(old: &Json, new: &Json) -> Renames {
    fn states(json: &Json) -> BTreeMap<&str, Vec<&str>> {
        fn texts(list: &Json) -> Vec<&str> {
            list.as_array().into_iter().flatten().filter_map(Json::as_str).collect()
        }
        let states = json["states"].as_object().into_iter().flatten();
        states.map(|(name, state)| (name.as_str(), texts(&state["was"]))).collect()
    }
    let (before, now) = (states(old), states(new));
    let mut moved = Renames::new();
    for (state, was) in now.iter().filter(|(state, _)| !before.contains_key(*state)) {
        let gone = was.iter().filter(|was| before.contains_key(*was) && !now.contains_key(*was));
        moved.extend(gone.map(|was| ((*was).to_owned(), (*state).to_owned())));
    }
    for (state, was) in before.iter().filter(|(state, _)| !now.contains_key(*state)) {
        if let Some(back) = was.iter().find(|was| now.contains_key(*was) && !before.contains_key(*was)) {
            moved.entry((*state).to_owned()).or_insert_with(|| (*back).to_owned());
        }
    }
    moved
}

/// An old object as it reads with the present names of its fields, so that only what else differs differs.
pub fn with_present_names(old: &Json, renamed: &Renames) -> Json {
    let mut json = old.clone();
    for (collection, is_text) in [("fields", false), (CHINESE, true)] {
        let Some(members) = json.get_mut(collection).and_then(Json::as_object_mut) else { continue };
        *members = std::mem::take(members)
            .into_iter()
            .map(|(name, value)| (if is_text { of_text(&name, renamed) } else { present(&name, renamed) }, value))
            .collect();
    }
    json
}

/// A change of the tenant to an object whose fields have other names now. Expressions of the tenant's own fields follow.
pub fn follow(change: &mut Change, renamed: &Renames) {
    let mut segments = path::segments(&change.path);
    let last = segments.last().cloned().unwrap_or_default();
    match segments.first().map(String::as_str) {
        Some("fields") => rename(segments.get_mut(1), |name| present(name, renamed)),
        Some("list") => rename(segments.get_mut(2), |name| {
            let (sign, name) = name.strip_prefix('-').map_or(("", name), |name| ("-", name));
            format!("{sign}{}", present(name, renamed))
        }),
        Some(CHINESE) => rename(segments.get_mut(1), |name| of_text(name, renamed)),
        _ => {}
    }
    let member = match segments.first().map(String::as_str) {
        Some("list") => segments.get(1).cloned().unwrap_or_default(),
        _ => last.clone(),
    };
    match &mut change.value {
        Some(Json::String(name)) if last == AFTER => *name = present(name, renamed),
        Some(value) => edit::reword(value, &member, renamed),
        None => {}
    }
    change.path = segments.iter().fold(String::new(), |path, segment| path::below(&path, segment));
}

fn rename(segment: Option<&mut String>, to: impl Fn(&str) -> String) {
    if let Some(segment) = segment {
        *segment = to(segment);
    }
}

fn present(name: &str, renamed: &Renames) -> String {
    renamed.get(name).cloned().unwrap_or_else(|| name.to_owned())
}

/// The path of a text inside an object: `fields/reason/title`.
fn of_text(text: &str, renamed: &Renames) -> String {
    match text.strip_prefix("fields/").and_then(|rest| rest.split_once('/')) {
        Some((field, rest)) => format!("fields/{}/{rest}", present(field, renamed)),
        None => text.to_owned(),
    }
}
