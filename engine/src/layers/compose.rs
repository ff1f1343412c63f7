//! Composing: packs in the order of their dependencies, extensions merged by name and id, the tenant's changes on top.

use super::path::{self, AFTER, CHINESE};
use super::{Change, Composite, Document, Origin, TENANT, content};
use crate::codes::Code;
use crate::definition::Kind;
use crate::diagnostic::Diagnostics;
use crate::pack::{Pack, order, texts};
use crate::record::Name;
use crate::suggest;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Every definition with all its layers.
#[derive(Clone, Debug, Default)]
pub struct Composed {
    pub documents: BTreeMap<(Kind, Name), Composite>,
    /// Changes of the tenant whose place is gone: kept, and without effect.
    pub dormant: Vec<Change>,
}

/// Composes packs that stand in the order of their dependencies, and the tenant's changes.
pub fn compose(packs: &[Pack], overlay: &[Change], diagnostics: &mut Diagnostics) -> Composed {
    let closures = order::closures(packs);
    let mut composed = Composed::default();
    for pack in packs {
        let mut texts = texts::Coverage::of(pack);
        for document in &pack.documents {
            if document.extends() {
                let requires = closures.get(pack.name.as_str());
                let mut extension = Extension { pack, document, requires, closures: &closures, diagnostics };
                extension.merge(&mut composed, &mut texts);
            } else {
                define(pack, document, &mut composed, &mut texts, diagnostics);
            }
        }
        texts.finish(&mut composed.documents, diagnostics);
    }
    for composite in composed.documents.values_mut() {
        composite.hash = content::of_document(&composite.json);
    }
    for change in overlay {
        if !apply(&mut composed.documents, change) {
            composed.dormant.push(change.clone());
        }
    }
    let changed: BTreeSet<(Kind, Name)> = overlay.iter().map(Change::key).collect();
    for key in &changed {
        if let Some(composite) = composed.documents.get_mut(key) {
            composite.hash = content::of_document(&composite.json);
        }
    }
    composed
}

fn define(
    pack: &Pack,
    document: &Document,
    composed: &mut Composed,
    texts: &mut texts::Coverage<'_>,
    diagnostics: &mut Diagnostics,
) {
    let key = (document.kind, document.name.clone());
    if let Some(former) = composed.documents.get(&key) {
        let message = format!("{} `{}` is defined in `{}` too", document.kind.as_str(), document.name, former.file);
        diagnostics.error(Code::DuplicateDefinition, &document.file, "/name", message).hint(
            "give it another name; to add to the other definition, require its pack and write `\"extends\": true`",
        );
        return;
    }
    texts.added(document.kind, &document.name, None, &document.json);
    let text = |member: &str| document.json.get(member).and_then(Json::as_str);
    let first_name = text("was").unwrap_or(&document.name);
    let origin = Origin::Pack { pack: pack.name.as_str().into(), file: document.file.clone() };
    composed.documents.insert(
        key,
        Composite {
            pack: pack.name.as_str().into(),
            file: document.file.clone(),
            uid: text("uid").map_or_else(|| content::uid(&pack.name, document.kind, first_name), str::to_owned),
            json: document.json.clone(),
            hash: String::new(),
            origins: BTreeMap::from([(String::new(), origin)]),
        },
    );
}

/// One definition that adds to another pack's.
struct Extension<'a> {
    pack: &'a Pack,
    document: &'a Document,
    requires: Option<&'a BTreeSet<&'a str>>,
    closures: &'a BTreeMap<&'a str, BTreeSet<&'a str>>,
    diagnostics: &'a mut Diagnostics,
}

/// Members of the envelope that are not merged.
const ENVELOPE: &[&str] = &["$schema", "kind", "name", "extends", "remove", "order", "uid", "was"];

impl Extension<'_> {
    fn merge(&mut self, composed: &mut Composed, texts: &mut texts::Coverage<'_>) {
        let document = self.document;
        let key = (document.kind, document.name.clone());
        let Some(composite) = composed.documents.get_mut(&key) else {
            let known: Vec<&str> =
                composed.documents.keys().filter(|(kind, _)| *kind == document.kind).map(|(_, name)| &**name).collect();
            let message = format!("there is no {} `{}` to extend", document.kind.as_str(), document.name);
            self.diagnostics
                .error(Code::UnknownReference, &document.file, "/name", message)
                .hint(suggest::hint(&document.name, known));
            return;
        };
        let home = composite.pack.clone();
        if *home != *self.pack.name && !self.requires.is_some_and(|required| required.contains(&*home)) {
            let message = format!(
                "{} `{}` belongs to pack `{home}`, which `{}` does not require",
                document.kind.as_str(),
                document.name,
                self.pack.name
            );
            self.diagnostics
                .error(Code::UndeclaredDependency, &document.file, "/name", message)
                .hint(format!("add `{home}` to `requires` in {}/pack.json", self.pack.name));
            return;
        }
        let before = composite.json.clone();
        let mut json = (*composite.json).clone();
        for (index, removed) in list(&document.json, "remove").iter().enumerate() {
            let place = removed.as_str().unwrap_or_default();
            let pointer = format!("/remove/{index}");
            if !self.may_change(composite, place, &Json::Null, &json, &pointer) {
                continue;
            }
            if path::remove(&mut json, place) {
                mark(&mut composite.origins, place, self.origin());
            } else {
                let message = format!("there is nothing at `{place}` to take out");
                self.diagnostics.error(Code::UnknownReference, &document.file, pointer, message);
            }
        }
        for (name, value) in document.json.as_object().into_iter().flatten() {
            if !ENVELOPE.contains(&name.as_str()) {
                self.put(composite, &mut json, "", name, value);
            }
        }
        for (place, after) in document.json.get("order").and_then(Json::as_object).into_iter().flatten() {
            if !path::set(&mut json, &path::below(place, AFTER), after.clone()) {
                let message = format!("`{place}` cannot stand after {after}: one of them is not there");
                let pointer = path::below("/order", place);
                self.diagnostics.error(Code::UnknownReference, &document.file, pointer, message);
            }
        }
        texts.added(document.kind, &document.name, Some(&before), &json);
        composite.json = Arc::new(json);
    }

    fn origin(&self) -> Origin {
        Origin::Extension { pack: self.pack.name.as_str().into(), file: self.document.file.clone() }
    }

    /// Puts a member: new ones as they are, objects and lists with ids member by member, the rest by replacing.
    fn put(&mut self, composite: &mut Composite, json: &mut Json, parent: &str, name: &str, value: &Json) {
        let place = path::below(parent, name);
        let Some(there) = path::get(json, &place) else {
            if self.may_change(composite, &place, value, json, &place) {
                path::set(json, &place, value.clone());
                mark(&mut composite.origins, &place, self.origin());
            }
            return;
        };
        match (&there, value) {
            (Json::Object(_), Json::Object(members)) => {
                for (name, value) in members {
                    self.put(composite, json, &place, name, value);
                }
            }
            (Json::Array(old), Json::Array(new)) if path::is_keyed(old) && path::is_keyed(new) => {
                for (name, item) in new.iter().filter_map(|item| Some((path::key(item)?, item))) {
                    self.put(composite, json, &place, name, item);
                }
            }
            (old, new) if old == new => {}
            _ => {
                if self.may_change(composite, &place, value, json, &place) {
                    path::set(json, &place, value.clone());
                    mark(&mut composite.origins, &place, self.origin());
                }
            }
        }
    }

    /// Two extensions that do not know of each other must not set one property differently, nor add to what the
    /// other one added.
    fn may_change(
        &mut self,
        composite: &Composite,
        place: &str,
        value: &Json,
        json: &Json,
        path_in_file: &str,
    ) -> bool {
        let Origin::Extension { pack: other, file } = composite.origin(place) else { return true };
        let known = **other == *self.pack.name
            || self.closures.get(self.pack.name.as_str()).is_some_and(|required| required.contains(&**other));
        if known || path::get(json, place).as_ref() == Some(value) {
            return true;
        }
        let message =
            format!("`{file}` sets `{place}` of {} `{}` too", composite_kind(self.document), self.document.name);
        let pointer = path::to_pointer(&self.document.json, path_in_file);
        self.diagnostics
            .error(Code::ExtensionConflict, &self.document.file, pointer, message)
            .hint(format!("let one pack require the other (`{other}`), or use another name"));
        false
    }
}

fn composite_kind(document: &Document) -> &'static str {
    document.kind.as_str()
}

fn list<'j>(json: &'j Json, member: &str) -> &'j [Json] {
    json.get(member).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Notes where a place and all below it come from.
fn mark(origins: &mut BTreeMap<String, Origin>, place: &str, origin: Origin) {
    origins.retain(|known, _| known == place || !path::is_within(known, place));
    origins.insert(place.to_owned(), origin);
}

/// Applies one change of the tenant; false where its place is gone.
fn apply(documents: &mut BTreeMap<(Kind, Name), Composite>, change: &Change) -> bool {
    let origin = Origin::Tenant { author: change.author, at: change.at, reason: change.reason.clone() };
    if change.path.is_empty() {
        return match &change.value {
            None => documents.remove(&change.key()).is_some(),
            Some(json) if !documents.contains_key(&change.key()) => {
                let composite = Composite {
                    pack: TENANT.into(),
                    file: format!("{TENANT}/{}/{}.json", change.kind.folder(), change.name),
                    uid: change.uid.clone(),
                    json: Arc::new(json.clone()),
                    hash: String::new(),
                    origins: BTreeMap::from([(String::new(), origin)]),
                };
                documents.insert(change.key(), composite);
                true
            }
            Some(_) => false,
        };
    }
    let Some(composite) = documents.get_mut(&change.key()) else { return false };
    let json = Arc::make_mut(&mut composite.json);
    let done = match &change.value {
        Some(value) => path::set(json, &change.path, value.clone()),
        // What the pack has taken out itself is out.
        None => {
            path::remove(json, &change.path)
                || path::split(&change.path).is_some_and(|(parent, _)| path::get(json, parent).is_some())
        }
    };
    if done {
        mark(&mut composite.origins, &change.path, origin);
    }
    done
}

/// Puts a pack's Chinese texts into a document.
pub fn set_chinese(composite: &mut Composite, texts: BTreeMap<&str, &String>, origin: Option<Origin>) {
    let json = Arc::make_mut(&mut composite.json);
    let Json::Object(members) = json else { return };
    let home = members.entry(CHINESE).or_insert_with(|| Json::Object(Map::new()));
    if let Json::Object(home) = home {
        for (place, text) in texts {
            home.insert(place.to_owned(), Json::String(text.clone()));
            if let Some(origin) = &origin {
                mark(&mut composite.origins, &path::below(&path::below("", CHINESE), place), origin.clone());
            }
        }
    }
}
