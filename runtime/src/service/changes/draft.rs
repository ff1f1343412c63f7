//! Drafts: what an administrator is editing, one change per property, kept until it is published or given up. Also the
//! questions asked while editing: where a property comes from, and where something is used.

use super::may_configure;
use super::plan::{address, stale};
use crate::app::App;
use crate::packs::shelf::{Candidate, InForce};
use crate::service::session::Caller;
use crate::service::{Answer, Locale, refuse};
use crate::store::Draft as Stored;
use packwork_engine::codes::Code;
use packwork_engine::definition::Kind;
use packwork_engine::diagnostic::{Diagnostics, Severity};
use packwork_engine::layers::edit::{Edit, Editor, OWN_PREFIX, edit};
use packwork_engine::layers::{Change, Composite, Origin, content, path};
use packwork_engine::model::Model;
use packwork_engine::model::uses::Target;
use packwork_engine::record::Name;
use packwork_engine::refusal::{FieldError, Refusal};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One definition somebody is editing.
pub(super) struct Draft {
    kind: Kind,
    name: Name,
    /// Hash of the definition the edit began with; none for a new one.
    pub(super) base: Option<String>,
    pub(super) changes: Vec<Change>,
}

impl Draft {
    pub(super) fn key(&self) -> (Kind, Name) {
        (self.kind, self.name.clone())
    }

    pub(super) fn address(&self) -> String {
        address(self.kind, &self.name)
    }
}

pub(super) async fn all(app: &App, caller: &Caller) -> Answer<Vec<Draft>> {
    let drafts = app.store.drafts(&caller.scope).await?;
    let read = |draft: Stored| {
        Some(Draft {
            kind: Kind::named(&draft.kind)?,
            name: draft.name.into(),
            base: draft.base,
            changes: draft.changes,
        })
    };
    Ok(drafts.into_iter().filter_map(read).collect())
}

fn unknown(kind: &str, name: &str) -> Refusal {
    refuse(Code::UnknownDefinition, format!("there is no {kind} `{name}`")).with("kind", kind).with("name", name)
}

/// The packaged definition, without the tenant's changes.
fn packaged(current: &InForce, key: &(Kind, Name)) -> Option<Composite> {
    let candidate = Candidate { packs: current.packs(), overlay: Vec::new() };
    candidate.composed().documents.remove(key)
}

/// Takes an edited definition into the caller's draft: what differs from the packaged one, property by property.
pub async fn put(
    app: &Arc<App>,
    caller: &Caller,
    kind_name: &str,
    name: &str,
    document: Json,
    reason: &str,
) -> Answer<Json> {
    may_configure(caller)?;
    app.catch_up().await?;
    let kind = Kind::named(kind_name).ok_or_else(|| unknown(kind_name, name))?;
    let current = app.in_force();
    let mut key = (kind, Name::from(name));
    let editor = Editor { author: caller.id, at: app.clock.now(), reason, chinese: caller.locale == Locale::Chinese };
    let (edit, base) = match packaged(&current, &key) {
        Some(packaged) => {
            let before = current.model.documents.get(&key).map(|composite| composite.hash.clone());
            let drafted = all(app, caller).await?.into_iter().find(|draft| draft.key() == key);
            if let Some(draft) = drafted.as_ref().filter(|draft| draft.base != before) {
                return Err(stale(vec![draft.address()]).into());
            }
            let former: Vec<Change> = match drafted {
                Some(draft) => draft.changes,
                None => current.overlay.iter().filter(|change| change.key() == key).cloned().collect(),
            };
            let version = current.version_of(&packaged.pack).unwrap_or_default();
            (edit(&packaged, kind, &key.1, version, document, &former, &editor), before)
        }
        None => {
            let mut renamed = BTreeMap::new();
            if !key.1.starts_with(OWN_PREFIX) {
                key.1 = format!("{OWN_PREFIX}{name}").into();
                renamed.insert(name.to_owned(), key.1.to_string());
            }
            let before = current.model.documents.get(&key).map(|composite| composite.hash.clone());
            (own(&key, document, &editor, renamed), before)
        }
    };
    let stored = Stored {
        kind: kind_name.to_owned(),
        name: key.1.to_string(),
        base,
        changes: edit.changes.clone(),
        at: app.clock.now(),
    };
    app.store.set_draft(&caller.scope, kind_name, &key.1, Some(&stored)).await?;
    let mut overlay: Vec<Change> = current.overlay.iter().filter(|change| change.key() != key).cloned().collect();
    overlay.extend(edit.changes.iter().cloned());
    let candidate = Candidate { packs: current.packs(), overlay };
    let findings = match candidate.compile(&app.settings, Diagnostics::default()) {
        Ok(_) => Vec::new(),
        Err(found) => found.into_iter().filter(|finding| finding.severity == Severity::Error).collect(),
    };
    Ok(
        json!({"kind": kind_name, "name": &*key.1, "changes": edit.changes, "renamed": edit.renamed, "findings": findings}),
    )
}

/// Definitions that are tried out.
pub enum Drafted {
    /// What the caller is editing.
    Mine,
    /// Whole definitions, in place of those of their kind and name.
    Given(Vec<Json>),
}

/// Kinds that can be tried out on what is stored: they change no table.
const TRIED: [Kind; 6] =
    [Kind::SettlementPlan, Kind::Schedule, Kind::Chain, Kind::Accumulator, Kind::Posting, Kind::Statement];

/// The model as it would be with drafts in force. Nothing is kept of it.
pub async fn candidate(app: &Arc<App>, caller: &Caller, drafted: &Drafted) -> Answer<Arc<Model>> {
    may_configure(caller)?;
    app.catch_up().await?;
    let current = app.in_force();
    let mut overlay = current.overlay.clone();
    let mut put = |key: (Kind, Name), changes: Vec<Change>| {
        if !TRIED.contains(&key.0) {
            let detail = format!("a draft of {} cannot be tried out: only of how things are settled", key.0.as_str());
            let known: Vec<&str> = TRIED.iter().map(|kind| kind.as_str()).collect();
            return Err(refuse(Code::BadParameter, detail).with("parameter", "definitions").with("known", known));
        }
        overlay.retain(|change| change.key() != key);
        overlay.extend(changes);
        Ok(())
    };
    match drafted {
        Drafted::Mine => {
            for draft in all(app, caller).await? {
                put(draft.key(), draft.changes)?;
            }
        }
        Drafted::Given(documents) => {
            for (at, document) in documents.iter().enumerate() {
                let text = |member: &str| document.get(member).and_then(Json::as_str);
                let (Some(kind), Some(name)) = (text("kind").and_then(Kind::named), text("name")) else {
                    let message = "a definition has a `kind` and a `name`";
                    let error = FieldError::new(Code::WrongType, format!("/definitions/{at}"), message);
                    return Err(Refusal::of_fields(vec![error]).into());
                };
                let key = (kind, Name::from(name));
                let editor = Editor {
                    author: caller.id,
                    at: app.clock.now(),
                    reason: "",
                    chinese: caller.locale == Locale::Chinese,
                };
                let changes = match packaged(&current, &key) {
                    Some(packaged) => {
                        let version = current.version_of(&packaged.pack).unwrap_or_default();
                        edit(&packaged, kind, &key.1, version, document.clone(), &[], &editor).changes
                    }
                    None => own(&key, document.clone(), &editor, BTreeMap::new()).changes,
                };
                put(key, changes)?;
            }
        }
    }
    let candidate = Candidate { packs: current.packs(), overlay };
    match candidate.compile(&app.settings, Diagnostics::default()) {
        Ok((model, _)) => Ok(Arc::new(model)),
        Err(found) => Err(super::refused(crate::packs::install::Error::Definitions(found))),
    }
}

/// A definition of the tenant's own: one change that holds it whole.
fn own(key: &(Kind, Name), mut document: Json, editor: &Editor<'_>, renamed: BTreeMap<String, String>) -> Edit {
    if let Some(members) = document.as_object_mut() {
        members.retain(|member, _| !matches!(member.as_str(), "$schema" | "extends" | "remove" | "order" | "uid"));
        members.insert("kind".into(), json!(key.0.as_str()));
        members.insert("name".into(), json!(&*key.1));
    }
    let change = Change {
        kind: key.0,
        name: key.1.clone(),
        uid: content::uid(packwork_engine::layers::TENANT, key.0, &key.1),
        path: String::new(),
        value: Some(document),
        base: None,
        pack_version: String::new(),
        author: editor.author,
        at: editor.at,
        reason: editor.reason.to_owned(),
    };
    Edit { changes: vec![change], renamed }
}

/// What the caller is editing.
pub async fn list(app: &App, caller: &Caller) -> Answer<Json> {
    may_configure(caller)?;
    let drafts = app.store.drafts(&caller.scope).await?;
    let data: Vec<Json> = drafts
        .iter()
        .map(|draft| json!({"kind": draft.kind, "name": draft.name, "changes": draft.changes, "at": draft.at}))
        .collect();
    Ok(json!({"data": data}))
}

/// Gives up everything the caller is editing.
pub async fn discard(app: &App, caller: &Caller) -> Answer<()> {
    may_configure(caller)?;
    Ok(app.store.clear_drafts(&caller.scope).await?)
}

/// Takes one property back to what the packs say, in the caller's draft.
pub async fn revert(app: &Arc<App>, caller: &Caller, kind_name: &str, name: &str, place: &str) -> Answer<Json> {
    may_configure(caller)?;
    app.catch_up().await?;
    let kind = Kind::named(kind_name).ok_or_else(|| unknown(kind_name, name))?;
    let key = (kind, Name::from(name));
    let current = app.in_force();
    let drafted = all(app, caller).await?.into_iter().find(|draft| draft.key() == key);
    let base = current.model.documents.get(&key).map(|composite| composite.hash.clone());
    let before = match drafted {
        Some(draft) => draft.changes,
        None => current.overlay.iter().filter(|change| change.key() == key).cloned().collect(),
    };
    let (gone, kept): (Vec<Change>, Vec<Change>) =
        before.into_iter().partition(|change| path::is_within(&change.path, place));
    if gone.is_empty() {
        let detail = format!("nothing is changed at `{place}` of {kind_name} `{name}`");
        return Err(refuse(Code::NotFound, detail).with("id", place).into());
    }
    let stored =
        Stored { kind: kind_name.to_owned(), name: name.to_owned(), base, changes: kept.clone(), at: app.clock.now() };
    app.store.set_draft(&caller.scope, kind_name, name, Some(&stored)).await?;
    Ok(json!({"kind": kind_name, "name": name, "changes": kept, "reverted": gone}))
}

/// Where every property of a definition comes from.
pub fn provenance(app: &App, caller: &Caller, kind_name: &str, name: &str) -> Answer<Json> {
    may_configure(caller)?;
    let kind = Kind::named(kind_name).ok_or_else(|| unknown(kind_name, name))?;
    let key = (kind, Name::from(name));
    let current = app.in_force();
    let composite = current.model.documents.get(&key).ok_or_else(|| unknown(kind_name, name))?;
    let version = |pack: &str| current.version_of(pack);
    let told = |origin: &Origin| match origin {
        Origin::Pack { pack, file } => {
            json!({"layer": "pack", "pack": &**pack, "version": version(pack), "file": file})
        }
        Origin::Extension { pack, file } => {
            json!({"layer": "extension", "pack": &**pack, "version": version(pack), "file": file})
        }
        Origin::Tenant { author, at, reason } => {
            json!({"layer": "tenant", "author": author, "at": at, "reason": reason})
        }
    };
    let packaged = packaged(&current, &key);
    let data: Vec<Json> = composite
        .provenance()
        .into_iter()
        .map(|(place, origin)| {
            let mut shown = json!({"path": place, "value": path::get(&composite.json, &place), "origin": told(origin)});
            if matches!(origin, Origin::Tenant { .. }) {
                shown["packaged"] = json!(packaged.as_ref().and_then(|packaged| path::get(&packaged.json, &place)));
            }
            shown
        })
        .collect();
    let removed = current.overlay.iter().filter(|change| change.key() == key && change.value.is_none());
    let removed: Vec<Json> = removed
        .map(|change| {
            json!({
                "path": change.path,
                "packaged": packaged.as_ref().and_then(|packaged| path::get(&packaged.json, &change.path)),
                "origin": {"layer": "tenant", "author": change.author, "at": change.at, "reason": change.reason},
            })
        })
        .collect();
    Ok(
        json!({"kind": kind_name, "name": name, "uid": composite.uid, "pack": &*composite.pack, "data": data, "removed": removed}),
    )
}

/// Every place that uses a definition, or one field of it.
pub fn where_used(app: &App, caller: &Caller, kind_name: &str, name: &str, member: Option<&str>) -> Answer<Json> {
    may_configure(caller)?;
    let kind = Kind::named(kind_name).ok_or_else(|| unknown(kind_name, name))?;
    let model = app.model();
    if !model.documents.contains_key(&(kind, name.into())) {
        return Err(unknown(kind_name, name).into());
    }
    let target = Target { kind, name: name.into(), member: member.map(Into::into) };
    let data: Vec<Json> = model
        .where_used(&target)
        .map(|used| {
            let json = model.documents.get(&used.by).map(|composite| composite.json.clone()).unwrap_or_default();
            let title = model.texts.get(caller.locale.as_str(), &format!("{}/title", address(used.by.0, &used.by.1)));
            json!({
                "kind": used.by.0, "name": &*used.by.1, "title": title, "file": used.file,
                "path": path::of_pointer(&json, &used.pointer), "pointer": used.pointer,
                "member": used.target.member.as_deref(),
            })
        })
        .collect();
    Ok(json!({"data": data}))
}

/// The versions of the definitions, newest first.
pub async fn versions(app: &App, caller: &Caller, limit: u32) -> Answer<Json> {
    may_configure(caller)?;
    let versions = app.store.versions(&caller.scope, limit).await?;
    let data: Vec<Json> = versions
        .iter()
        .map(|version| {
            json!({
                "number": version.number, "hash": version.hash, "cause": version.cause, "plan": version.plan,
                "author": version.author, "at": version.at, "changes": version.overlay.len(),
                "packs": version.packs.iter().filter(|pack| !pack.is_removed()).collect::<Vec<_>>(),
            })
        })
        .collect();
    Ok(json!({"data": data}))
}
