//! Editing: an edited definition against the packaged one, as one change per property. What the tenant adds to a
//! collection of fields gets a name that no pack can have.

use super::path::{self, AFTER, CHINESE};
use super::{Change, Composite, content};
use crate::definition::Kind;
use crate::moment::Moment;
use crate::pack::texts;
use crate::record::Name;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Names of fields that a tenant adds start so; no pack may use them.
pub const OWN_PREFIX: &str = "x_";

/// Who edits, and why.
#[derive(Clone, Debug)]
pub struct Editor<'a> {
    pub author: Option<Uuid>,
    pub at: Moment,
    pub reason: &'a str,
    /// Texts of the edited document are Chinese.
    pub chinese: bool,
}

/// What an edit comes to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edit {
    /// All changes of the tenant to this definition, the former ones that still hold included.
    pub changes: Vec<Change>,
    /// Names the system has changed, as given -> as they are.
    pub renamed: BTreeMap<String, String>,
}

/// Members whose order people see.
const ORDERED: &[&str] = &["fields", "options", "states", "transitions", "columns", "values", "choice", "defaults"];

/// The changes that lead from the packaged definition to the edited document. `former` are the changes in force so
/// far: what did not move keeps its author and reason.
pub fn edit(
    packaged: &Composite,
    kind: Kind,
    name: &Name,
    version: &str,
    mut edited: Json,
    former: &[Change],
    editor: &Editor<'_>,
) -> Edit {
    let mut renamed = BTreeMap::new();
    let mut base = (*packaged.json).clone();
    if kind == Kind::Object {
        rename_own(&base, &mut edited, &mut renamed);
    }
    if let Some(members) = edited.as_object_mut() {
        members.retain(|member, _| !matches!(member.as_str(), "$schema" | "extends" | "remove" | "order"));
        for member in ["$schema", "kind", "name", "uid", "was"] {
            match base.get(member) {
                Some(value) => drop(members.insert(member.to_owned(), value.clone())),
                None => drop(members.shift_remove(member)),
            }
        }
    }
    if editor.chinese {
        in_chinese(kind, name, &base, &mut edited, former);
    }
    // Chinese texts that are not given stand as they stood.
    if edited.get(CHINESE).is_none()
        && let Some(members) = edited.as_object_mut()
    {
        let texts = chinese_of(&base, former);
        members.insert(CHINESE.to_owned(), texts);
    }
    if base.get(CHINESE).is_none()
        && let Some(members) = base.as_object_mut()
    {
        members.insert(CHINESE.to_owned(), Json::Object(serde_json::Map::new()));
    }
    let mut found = Vec::new();
    compare(&base, &edited, "", false, &mut found);
    let changes = found
        .into_iter()
        .map(|(place, value)| {
            let base = path::get(&base, &place).map(|value| content::of(&value));
            let before = former.iter().find(|change| change.path == place && change.value == value);
            before.cloned().unwrap_or_else(|| Change {
                kind,
                name: name.clone(),
                uid: packaged.uid.clone(),
                path: place,
                value,
                base,
                pack_version: version.to_owned(),
                author: editor.author,
                at: editor.at,
                reason: editor.reason.to_owned(),
            })
        })
        .collect();
    Edit { changes, renamed }
}

/// Gives fields that no pack has a name of the tenant's own, wherever the document names them.
fn rename_own(base: &Json, edited: &mut Json, renamed: &mut BTreeMap<String, String>) {
    let known: BTreeSet<String> = path::names(&base["fields"]).into_iter().map(str::to_owned).collect();
    let Some(fields) = edited.get_mut("fields").and_then(Json::as_object_mut) else { return };
    let given: Vec<String> = fields.keys().cloned().collect();
    for field in given.iter().filter(|field| !known.contains(*field) && !field.starts_with(OWN_PREFIX)) {
        let mut own = format!("{OWN_PREFIX}{field}");
        while given.contains(&own) || renamed.values().any(|name| *name == own) {
            own.push('_');
        }
        renamed.insert(field.clone(), own);
    }
    if renamed.is_empty() {
        return;
    }
    *fields = std::mem::take(fields)
        .into_iter()
        .map(|(field, value)| (renamed.get(&field).cloned().unwrap_or(field), value))
        .collect();
    reword(edited, "", renamed);
}

/// Members of an object that hold names of its fields.
const NAMING: &[&str] = &["display", "key", "columns", "sort", "filters", "field", "unique", "of", "sum", "currency"];
/// Members that hold expressions.
const EXPRESSIONS: &[&str] = &["formula", "default_formula", "require", "when"];

pub(super) fn reword(json: &mut Json, member: &str, renamed: &BTreeMap<String, String>) {
    match json {
        Json::Object(members) => {
            for (name, value) in members.iter_mut() {
                // Inside `unique` the names of the combinations are free.
                let inside = if NAMING.contains(&member) { member } else { name.as_str() };
                let inside = inside.to_owned();
                reword(value, &inside, renamed);
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| reword(item, member, renamed)),
        Json::String(text) if NAMING.contains(&member) => {
            let (sign, name) = text.strip_prefix('-').map_or(("", text.as_str()), |name| ("-", name));
            if let Some(own) = renamed.get(name) {
                *text = format!("{sign}{own}");
            }
        }
        Json::String(text) if EXPRESSIONS.contains(&member) => *text = reworded(text, renamed),
        _ => {}
    }
}

/// An expression with names of fields replaced, outside of texts in quotes.
fn reworded(text: &str, renamed: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    let mut quoted = None;
    for letter in text.chars().chain(std::iter::once(' ')) {
        let in_word = letter.is_ascii_alphanumeric() || letter == '_';
        if quoted.is_none() && in_word {
            word.push(letter);
            continue;
        }
        if !word.is_empty() {
            // `customer.remark` is another object's field.
            let foreign = out.strip_suffix('.').is_some_and(|owner| !owner.ends_with("record"));
            match renamed.get(&word).filter(|_| !foreign) {
                Some(own) => out.push_str(own),
                None => out.push_str(&word),
            }
            word.clear();
        }
        match quoted {
            Some(quote) if letter == quote => quoted = None,
            None if matches!(letter, '"' | '\'' | '`') => quoted = Some(letter),
            _ => {}
        }
        out.push(letter);
    }
    out.pop();
    out
}

/// The Chinese texts as they stand with the tenant's changes.
fn chinese_of(base: &Json, former: &[Change]) -> Json {
    let mut texts = base.get(CHINESE).cloned().unwrap_or_else(|| Json::Object(serde_json::Map::new()));
    for change in former {
        if let Some(place) = change.path.strip_prefix(&format!("/{CHINESE}")) {
            match &change.value {
                Some(value) => drop(path::set(&mut texts, place, value.clone())),
                None => drop(path::remove(&mut texts, place)),
            }
        }
    }
    texts
}

/// Texts that were edited in Chinese are changes of the Chinese texts; the English ones stay.
fn in_chinese(kind: Kind, name: &Name, base: &Json, edited: &mut Json, former: &[Change]) {
    let mut texts = chinese_of(base, former);
    let english_now = |place: &str| {
        let mine = former.iter().find(|change| change.path == place).and_then(|change| change.value.clone());
        mine.or_else(|| path::get(base, place))
    };
    let Json::Object(texts_members) = &mut texts else { return };
    for inside in texts::paths_of(kind, name, edited) {
        let place = format!("/{inside}");
        let Some(Json::String(text)) = path::get(edited, &place) else { continue };
        let english = english_now(&place);
        // Where there is no Chinese, the English text was shown.
        if texts_members.contains_key(&inside) || english.as_ref().and_then(Json::as_str) != Some(&text) {
            texts_members.insert(inside, Json::String(text.clone()));
        }
        if let Some(english) = english {
            path::set(edited, &place, english);
        }
    }
    if let Some(members) = edited.as_object_mut() {
        members.insert(CHINESE.to_owned(), texts);
    }
}

/// Collects what is different: set, taken out, moved.
pub(super) fn compare(base: &Json, edited: &Json, at: &str, ordered: bool, found: &mut Vec<(String, Option<Json>)>) {
    match (base, edited) {
        (Json::Object(old), Json::Object(new)) => {
            for name in old.keys().filter(|name| !new.contains_key(*name)) {
                found.push((path::below(at, name), None));
            }
            for (name, value) in new {
                let place = path::below(at, name);
                match old.get(name) {
                    None => found.push((place, Some(value.clone()))),
                    Some(was) => compare(was, value, &place, ORDERED.contains(&name.as_str()), found),
                }
            }
            if ordered {
                moves(&path::names(base), &path::names(edited), at, found);
            }
        }
        (Json::Array(old), Json::Array(new)) if path::is_keyed(old) && path::is_keyed(new) => {
            let (before, after) = (path::names(base), path::names(edited));
            for name in before.iter().filter(|name| !after.contains(name)) {
                found.push((path::below(at, name), None));
            }
            for (name, item) in after.iter().zip(new) {
                let place = path::below(at, name);
                match old.iter().find(|was| path::key(was) == Some(name)) {
                    None => found.push((place, Some(item.clone()))),
                    Some(was) => compare(was, item, &place, false, found),
                }
            }
            moves(&before, &after, at, found);
        }
        (old, new) if old == new => {}
        (_, new) => found.push((at.to_owned(), Some(new.clone()))),
    }
}

/// Says of as few items as possible which other one they stand after.
fn moves(before: &[&str], after: &[&str], at: &str, found: &mut Vec<(String, Option<Json>)>) {
    // How the items stand without any move: new ones at the end.
    let mut plain: Vec<&str> = before.iter().filter(|name| after.contains(name)).copied().collect();
    plain.extend(after.iter().filter(|name| !before.contains(name)));
    if plain == after {
        return;
    }
    let place: Vec<usize> =
        after.iter().map(|name| plain.iter().position(|known| known == name).unwrap_or_default()).collect();
    let kept = longest_rising(&place);
    for (index, name) in after.iter().enumerate() {
        if !kept.contains(&index) {
            let follows = if index == 0 { "" } else { after[index - 1] };
            found.push((path::below(&path::below(at, name), AFTER), Some(Json::from(follows))));
        }
    }
}

/// The positions of a longest rising run of numbers.
fn longest_rising(numbers: &[usize]) -> BTreeSet<usize> {
    let mut best: Vec<(usize, Option<usize>)> = Vec::with_capacity(numbers.len());
    for (index, number) in numbers.iter().enumerate() {
        let former = (0..index).filter(|before| numbers[*before] < *number).max_by_key(|before| best[*before].0);
        best.push((former.map_or(1, |former| best[former].0 + 1), former));
    }
    let mut kept = BTreeSet::new();
    let mut at = (0..numbers.len()).max_by_key(|index| best[*index].0);
    while let Some(index) = at {
        kept.insert(index);
        at = best[index].1;
    }
    kept
}
