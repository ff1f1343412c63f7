//! Upgrades: the tenant's changes against a new version of the packages, three ways per property. Nothing is lost:
//! what both have changed is listed with both values.

use super::path;
use super::renames;
use super::{Change, Composed, Composite, content};
use crate::definition::Kind;
use crate::record::Name;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Who wins where the tenant and the pack have both changed a property.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// The pack's value counts.
    Pack,
    /// The tenant's value stays.
    #[default]
    Tenant,
    /// Somebody has to say.
    Ask,
}

/// One property that both have changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conflict {
    pub kind: Kind,
    pub name: Name,
    pub path: String,
    /// What the pack had when the tenant changed it; `None` where it had nothing.
    pub base: Option<Json>,
    /// `None`: taken out.
    pub tenant: Option<Json>,
    pub pack: Option<Json>,
    pub policy: Policy,
    /// Who wins; `ask` as long as nobody has said.
    pub resolution: Policy,
}

impl Conflict {
    /// How the property is named in resolutions: `object/work_order/fields/reason/title`.
    pub fn address(&self) -> String {
        format!("{}/{}{}", self.kind.as_str(), self.name, self.path)
    }
}

/// The tenant's changes over new packages.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rebased {
    pub changes: Vec<Change>,
    pub conflicts: Vec<Conflict>,
    /// Changes that are not needed any more: the pack says the same now, or wins.
    pub dropped: Vec<Change>,
}

/// How conflicts are resolved: by what somebody said about the property, else by policy.
#[derive(Clone, Debug, Default)]
pub struct Resolving<'a> {
    pub said: BTreeMap<String, Policy>,
    /// Patterns of paths with `*` for any one name.
    pub policies: Vec<(&'a str, Policy)>,
}

impl Resolving<'_> {
    fn policy(&self, address: &str) -> Policy {
        self.policies
            .iter()
            .find(|(pattern, _)| matches(pattern, address))
            .map(|(_, policy)| *policy)
            .unwrap_or_default()
    }
}

fn matches(pattern: &str, address: &str) -> bool {
    let (pattern, address): (Vec<&str>, Vec<&str>) = (pattern.split('/').collect(), address.split('/').collect());
    pattern.len() == address.len() && pattern.iter().zip(&address).all(|(one, other)| *one == "*" || one == other)
}

/// Brings the tenant's changes to new packages; `old` and `new` are composed without them.
pub fn rebase(overlay: &[Change], old: &Composed, new: &Composed, resolving: &Resolving<'_>) -> Rebased {
    let by_uid: BTreeMap<(Kind, &str), &Name> =
        new.documents.iter().map(|((kind, name), composite)| ((*kind, composite.uid.as_str()), name)).collect();
    let before: BTreeMap<(Kind, &str), &Composite> =
        old.documents.iter().map(|((kind, _), composite)| ((*kind, composite.uid.as_str()), composite)).collect();
    let mut rebased = Rebased::default();
    for change in overlay {
        let mut change = change.clone();
        let former =
            Former { path: change.path.clone(), composite: before.get(&(change.kind, change.uid.as_str())).copied() };
        if let Some(name) = by_uid.get(&(change.kind, change.uid.as_str())) {
            change.name = (*name).clone();
        }
        let Some(composite) = new.documents.get(&change.key()) else {
            // The tenant's own, or gone with its pack: kept until it comes back.
            rebased.changes.push(change);
            continue;
        };
        if let (Kind::Object, Some(was)) = (change.kind, former.composite) {
            let renamed = renames::of_fields(&was.json, &composite.json);
            if !renamed.is_empty() {
                renames::follow(&mut change, &renamed);
            }
        }
        // A definition that another pack has taken over is known by that pack's identity from now on.
        change.uid.clone_from(&composite.uid);
        let now =
            if change.path.is_empty() { Some(composite.plain()) } else { path::get(&composite.json, &change.path) };
        let hash = now.as_ref().map(content::of);
        let same = match (&now, &change.value) {
            // A definition of the tenant's own that a pack brings along now, identity and all.
            (Some(now), Some(own)) if change.path.is_empty() => content::of_document(now) == content::of_document(own),
            (now, value) => now == value,
        };
        if hash == change.base {
            rebased.changes.push(change);
        } else if same {
            rebased.dropped.push(change);
        } else {
            decide(change, now, hash, &former, resolving, &mut rebased);
        }
    }
    rebased
}

/// Where the changed property stood before.
struct Former<'c> {
    path: String,
    composite: Option<&'c Composite>,
}

fn decide(
    mut change: Change,
    now: Option<Json>,
    hash: Option<String>,
    former: &Former<'_>,
    resolving: &Resolving<'_>,
    rebased: &mut Rebased,
) {
    let mut conflict = Conflict {
        kind: change.kind,
        name: change.name.clone(),
        path: change.path.clone(),
        base: former.composite.and_then(|before| path::get(&before.json, &former.path)),
        tenant: change.value.clone(),
        pack: now,
        policy: Policy::Tenant,
        resolution: Policy::Tenant,
    };
    conflict.policy = resolving.policy(&conflict.address());
    conflict.resolution = resolving.said.get(&conflict.address()).copied().unwrap_or(conflict.policy);
    if conflict.resolution == Policy::Pack {
        rebased.dropped.push(change);
    } else {
        // Somebody has seen the pack's new value: it is no conflict again until it changes once more.
        change.base = hash;
        rebased.changes.push(change);
    }
    rebased.conflicts.push(conflict);
}
