//! Promotion: what a tenant has changed, written as a pack that extends the packs it changed. Another tenant that
//! installs it gets the same definitions. Pure bytes: where they go is the shell's business.

use super::path::{self, AFTER, CHINESE};
use super::{Change, Composed, Composite, compose};
use crate::definition::Kind;
use crate::diagnostic::Diagnostics;
use crate::pack::{Pack, order, texts};
use crate::record::Name;
use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// How the new pack is called.
#[derive(Clone, Debug)]
pub struct Label<'a> {
    pub name: &'a str,
    pub version: &'a str,
    pub title: &'a str,
    pub title_chinese: &'a str,
}

/// The files of the new pack, by path inside it, and what is not in them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Promoted {
    pub files: BTreeMap<String, Vec<u8>>,
    pub left_out: Vec<LeftOut>,
}

/// A change that no pack can carry.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LeftOut {
    pub kind: Kind,
    pub name: Name,
    pub path: String,
    pub reason: Reason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its place is gone from the packs; it has no effect here either.
    Dormant,
    /// A whole definition of a pack was taken out; a pack can only take out parts of another one's definition.
    DefinitionTakenOut,
}

/// Writes the changes as a pack that requires all the tenant's packs in their versions.
pub fn promote(packs: &[Pack], overlay: &[Change], label: &Label<'_>) -> Promoted {
    let packs = order::ordered(packs.to_vec(), &mut Diagnostics::default());
    let plain = compose(&packs, &[], &mut Diagnostics::default());
    let full = compose(&packs, overlay, &mut Diagnostics::default());
    let mut promoted = Promoted::default();
    let mut chinese: BTreeMap<String, Option<String>> = BTreeMap::from([
        ("pack/title".to_owned(), Some(label.title_chinese.to_owned())),
        ("pack/description".to_owned(), Some(label.title_chinese.to_owned())),
    ]);
    let keys: BTreeSet<(Kind, Name)> = overlay.iter().map(Change::key).collect();
    for key in keys {
        let changes: Vec<&Change> = overlay.iter().filter(|change| change.key() == key).collect();
        let file = Writing { plain: &plain, full: &full, key: &key, left_out: &mut promoted.left_out }.file(&changes);
        let Some(json) = file else { continue };
        texts_of(&key, &plain, &full, &mut chinese);
        promoted.files.insert(format!("{}/{}.json", key.0.folder(), key.1), document(&json));
    }
    let requires: Map<String, Json> =
        packs.iter().map(|pack| (pack.name.clone(), json!(format!("^{}", pack.version)))).collect();
    let manifest = json!({
        "name": label.name,
        "version": label.version,
        "title": label.title,
        "description": label.title,
        "requires": requires,
    });
    promoted.files.insert("pack.json".to_owned(), document(&manifest));
    promoted.files.insert("i18n/zh-CN.json".to_owned(), document(&json!(chinese)));
    promoted
}

fn document(json: &Json) -> Vec<u8> {
    format!("{json:#}\n").into_bytes()
}

/// The Chinese texts a definition's new texts need: as they are, or `null` where the tenant has none.
fn texts_of(key: &(Kind, Name), plain: &Composed, full: &Composed, chinese: &mut BTreeMap<String, Option<String>>) {
    let Some(after) = full.documents.get(key) else { return };
    let base = format!("{}/{}", key.0.as_str(), key.1);
    let before = plain.documents.get(key);
    let english = |composite: &Composite| texts::english_of(key.0, &key.1, &composite.json);
    let was = before.map(english).unwrap_or_default();
    let now: BTreeMap<&String, &str> = after.chinese().collect();
    for (inside, text) in english(after) {
        if was.get(&inside) != Some(&text) {
            chinese.insert(format!("{base}/{inside}"), now.get(&inside).map(|text| (*text).to_owned()));
        }
    }
    let former: BTreeMap<&String, &str> = before.into_iter().flat_map(Composite::chinese).collect();
    for (inside, text) in now {
        if former.get(inside) != Some(&text) {
            chinese.insert(format!("{base}/{inside}"), Some(text.to_owned()));
        }
    }
}

/// The changes to one definition on their way into a file.
struct Writing<'a> {
    plain: &'a Composed,
    full: &'a Composed,
    key: &'a (Kind, Name),
    left_out: &'a mut Vec<LeftOut>,
}

impl Writing<'_> {
    /// The file; none where nothing of it can be written.
    fn file(&mut self, changes: &[&Change]) -> Option<Json> {
        let whole = changes.iter().find(|change| change.path.is_empty());
        match (self.plain.documents.get(self.key), self.full.documents.get(self.key), whole) {
            (Some(packaged), Some(changed), _) => self.extension(packaged, changed, changes),
            (None, Some(own), Some(_)) => Some(self.own(own)),
            (Some(_), None, Some(whole)) => {
                self.leave(whole, Reason::DefinitionTakenOut);
                None
            }
            _ => {
                changes.iter().for_each(|change| self.leave(change, Reason::Dormant));
                None
            }
        }
    }

    fn leave(&mut self, change: &Change, reason: Reason) {
        let Change { kind, name, path, .. } = change;
        self.left_out.push(LeftOut { kind: *kind, name: name.clone(), path: path.clone(), reason });
    }

    /// A definition of the tenant's own, with its identity; the order of its members is part of it.
    fn own(&self, own: &Composite) -> Json {
        let mut file = own.plain();
        if let Some(members) = file.as_object_mut() {
            members.insert("uid".to_owned(), json!(own.uid));
        }
        file
    }

    fn extension(&mut self, packaged: &Composite, changed: &Composite, changes: &[&Change]) -> Option<Json> {
        let mut parts = Json::Object(Map::new());
        let mut removed: Vec<&str> = Vec::new();
        let mut order = Map::new();
        for change in changes {
            if self.full.dormant.contains(change) || change.path.is_empty() {
                self.leave(change, Reason::Dormant);
                continue;
            }
            match (&change.value, path::split(&change.path)) {
                (None, _) if path::get(&packaged.json, &change.path).is_some() => removed.push(&change.path),
                // What the pack has taken out itself is out.
                (None, _) => {}
                (Some(after), Some((item, last))) if last == AFTER => {
                    drop(order.insert(item.to_owned(), after.clone()))
                }
                (Some(_), _) if path::is_within(&change.path, &path::below("", CHINESE)) => {}
                (Some(value), _) => put(&mut parts, &changed.json, &change.path, value),
            }
        }
        let mut file = envelope(self.key);
        file.insert("extends".to_owned(), json!(true));
        if !removed.is_empty() {
            file.insert("remove".to_owned(), json!(removed));
        }
        if let Json::Object(parts) = parts {
            file.extend(parts);
        }
        if !order.is_empty() {
            file.insert("order".to_owned(), Json::Object(order));
        }
        Some(Json::Object(file))
    }
}

fn envelope((kind, name): &(Kind, Name)) -> Map<String, Json> {
    Map::from_iter([("kind".to_owned(), json!(kind.as_str())), ("name".to_owned(), json!(&**name))])
}

/// Puts a value where it will stand, with as much around it as it takes to say where: `like` is the whole definition.
fn put(parts: &mut Json, like: &Json, place: &str, value: &Json) {
    let mut around = String::new();
    let segments = path::segments(place);
    for segment in &segments[..segments.len().saturating_sub(1)] {
        around = path::below(&around, segment);
        if path::get(parts, &around).is_some() {
            continue;
        }
        let empty = match path::get(like, &around) {
            Some(Json::Array(_)) => Json::Array(Vec::new()),
            _ => Json::Object(Map::new()),
        };
        let is_item =
            path::split(&around).and_then(|(list, _)| path::get(like, list)).is_some_and(|list| list.is_array());
        path::set(parts, &around, if is_item { json!({"id": segment}) } else { empty });
    }
    path::set(parts, place, value.clone());
}
