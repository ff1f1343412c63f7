//! Plans: what publishing would change, in words and as data, sealed by a hash. Making one writes nothing but the plan.

use super::{cases, may_configure, running, tables, words};
use crate::app::App;
use crate::packs::archive;
use crate::packs::shelf::{Candidate, InForce, Loaded, numbers, shelf_versions};
use crate::packs::source::{Files, name_of};
use crate::service::session::Caller;
use crate::service::{Answer, Error, chain, refuse};
use crate::store::{PackVersion, StoredPlan, TablePlan};
use packwork_engine::codes::Code;
use packwork_engine::definition::Kind;
use packwork_engine::diagnostic::{Diagnostics, Severity};
use packwork_engine::layers::difference::{Difference, broken, differences};
use packwork_engine::layers::upgrade::{Conflict, Policy, Resolving, rebase};
use packwork_engine::layers::{Change, Composed, content};
use packwork_engine::model::Model;
use packwork_engine::pack::{Pack, order};
use packwork_engine::script::Rules;
use packwork_engine::suggest;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a plan makes of the definitions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Target {
    pub cause: String,
    pub packs: Vec<PackVersion>,
    pub overlay: Vec<Change>,
}

/// What somebody wants in force.
pub(super) struct Wanted {
    pub(super) cause: &'static str,
    pub(super) packs: Vec<Loaded>,
    /// Packs that are taken out.
    pub(super) removed: BTreeSet<String>,
    pub(super) overlay: Vec<Change>,
    pub(super) conflicts: Vec<Conflict>,
    /// What reading the packs found.
    pub(super) read: Diagnostics,
    /// Who signed the packs that are new here, by their names.
    pub(super) signers: BTreeMap<String, String>,
}

/// Plans the publication of everything the caller has edited.
pub async fn of_draft(app: &Arc<App>, caller: &Caller) -> Answer<Json> {
    may_configure(caller)?;
    app.catch_up().await?;
    let current = app.in_force();
    let mut overlay = current.overlay.clone();
    for draft in super::draft::all(app, caller).await? {
        if current.model.documents.get(&draft.key()).map(|composite| &composite.hash) != draft.base.as_ref() {
            return Err(stale(vec![draft.address()]).into());
        }
        overlay.retain(|change| change.key() != draft.key());
        overlay.extend(draft.changes);
    }
    let wanted = Wanted {
        cause: "definitions",
        packs: current.packs(),
        removed: current.removed.clone(),
        overlay,
        conflicts: Vec::new(),
        read: Diagnostics::default(),
        signers: BTreeMap::new(),
    };
    make(app, caller, &current, wanted).await
}

/// A pack on its way into a tenant.
#[derive(Clone, Debug)]
pub enum Given {
    Files(Files),
    /// A pack of this server's own.
    Own(String),
    /// The bytes of a `.pwpack`.
    Archive(Vec<u8>),
}

/// What is asked of the packs.
#[derive(Debug, Default)]
pub struct OfPacks {
    /// New packs, or new versions.
    pub packs: Vec<Given>,
    pub remove: Vec<String>,
    /// Who wins where the tenant and a pack have both changed a property, by its address.
    pub resolutions: BTreeMap<String, Policy>,
}

/// Plans an installation, an upgrade or a removal of packs under the tenant's changes.
pub async fn of_packs(app: &Arc<App>, caller: &Caller, asked: OfPacks) -> Answer<Json> {
    may_configure(caller)?;
    app.catch_up().await?;
    let current = app.in_force();
    let mut read = Diagnostics::default();
    let mut packs = current.packs();
    let mut removed = current.removed.clone();
    let mut signers = BTreeMap::new();
    for given in asked.packs {
        let loaded = match given {
            Given::Files(files) => {
                let loaded = Loaded::read(files, &mut read);
                app.trust.may_be_unsigned(&loaded.pack.name).map_err(Error::Refused)?;
                loaded
            }
            Given::Own(name) => Loaded::read(own(app, &name)?, &mut read),
            Given::Archive(bytes) => {
                let archive = archive::read(&bytes, &app.trust).map_err(Error::Refused)?;
                signers.extend(archive.signer.map(|signer| (archive.name, signer)));
                Loaded::read(archive.files, &mut read)
            }
        };
        removed.remove(&loaded.pack.name);
        packs.retain(|known| known.pack.name != loaded.pack.name);
        packs.push(loaded);
    }
    for name in asked.remove {
        if !packs.iter().any(|known| known.pack.name == name) {
            return Err(refuse(Code::NotFound, format!("there is no pack `{name}`")).with("id", name).into());
        }
        packs.retain(|known| known.pack.name != name);
        removed.insert(name);
    }
    packs.sort_by(|a, b| a.pack.name.cmp(&b.pack.name));
    let (overlay, conflicts) = rebased(&current, &packs, asked.resolutions);
    make(app, caller, &current, Wanted { cause: "packs", packs, removed, overlay, conflicts, read, signers }).await
}

/// The files of a pack that this server brings along.
fn own(app: &App, name: &str) -> Answer<Files> {
    let mut packs = app.source.read().map_err(|error| Error::Broken(chain(&error)))?;
    match packs.iter().position(|files| name_of(files) == name) {
        Some(at) => Ok(packs.swap_remove(at)),
        None => {
            let known: Vec<String> = packs.iter().map(name_of).collect();
            let hint = suggest::hint(name, known.iter().map(String::as_str));
            let detail = format!("this server brings no pack `{name}`; {hint}");
            Err(refuse(Code::NotFound, detail).with("id", name).into())
        }
    }
}

/// The tenant's changes over other packs.
pub(super) fn rebased(
    current: &InForce,
    packs: &[Loaded],
    said: BTreeMap<String, Policy>,
) -> (Vec<Change>, Vec<Conflict>) {
    let without = |packs: &[Loaded]| Candidate { packs: packs.to_vec(), overlay: Vec::new() }.composed();
    let packages: Vec<&Pack> = packs.iter().map(|loaded| &loaded.pack).collect();
    let policies = packages.iter().flat_map(|pack| &pack.policies).map(|(pattern, policy)| (pattern.as_str(), *policy));
    let resolving = Resolving { said, policies: policies.collect() };
    let rebased = rebase(&current.overlay, &without(&current.packs()), &without(packs), &resolving);
    (rebased.changes, rebased.conflicts)
}

/// Compares, checks, counts, runs the cases, and seals what came of it.
pub(super) async fn make(app: &Arc<App>, caller: &Caller, current: &InForce, wanted: Wanted) -> Answer<Json> {
    let candidate = Candidate { packs: wanted.packs, overlay: wanted.overlay };
    let old = Composed { documents: current.model.documents.clone(), dormant: current.model.dormant.clone() };
    let new = candidate.composed();
    let differing = differences(&old, &new);
    let mut breaks: Vec<Json> = broken(&current.model, &new).iter().map(|broken| json!(broken)).collect();
    let (model, findings) = match candidate.compile(&app.settings, wanted.read) {
        Ok((model, findings)) => (Some(Arc::new(model)), findings),
        Err(findings) => (None, findings),
    };
    // Also where the new definitions do not compile: whoever mends them should not learn of it afterwards.
    let under_way = app.store.under_way(&caller.scope, &current.model.documents, &new.documents).await?;
    breaks.extend(running::told(&under_way));
    let tables_plan = match &model {
        Some(model) => app.store.plan_tables(&caller.scope, Some(&current.model), model).await?,
        None => TablePlan::default(),
    };
    let mut cases = Json::Null;
    if let Some(model) = model.clone().filter(|_| differing.iter().any(matters)) {
        let before = current.model.clone();
        let packs = touched(&candidate, &differing, &old, &new);
        let run = tokio::task::spawn_blocking(move || cases::differing(&before, &model, &packs));
        cases = run.await.map_err(Error::task)?;
    }
    let entities: BTreeMap<String, Json> = differing
        .iter()
        .map(|one| {
            let key = (one.kind, one.name.clone());
            let hash = |composed: &Composed| composed.documents.get(&key).map(|composite| composite.hash.clone());
            (address(one.kind, &one.name), json!({"from": hash(&old), "to": hash(&new)}))
        })
        .collect();
    let errors: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    let asked: Vec<&Conflict> = wanted.conflicts.iter().filter(|one| one.resolution == Policy::Ask).collect();
    let mut blocked: Vec<&str> = Vec::new();
    blocked.extend((!breaks.is_empty()).then_some("breaking_change"));
    blocked.extend((!errors.is_empty()).then_some("definitions"));
    blocked.extend((!asked.is_empty()).then_some("conflicts"));
    blocked.extend(tables::blocked(&tables_plan));
    let packs = shelf_versions(&candidate.packs, &wanted.removed);
    let conflicts: Vec<Json> = wanted.conflicts.iter().map(conflict).collect();
    let changes: Vec<Json> = differing
        .iter()
        .map(|one| {
            let mut shown = json!(one);
            shown["words"] = words::sentences(one, &current.model, model.as_deref());
            shown
        })
        .collect();
    let capabilities = model.as_deref().map(|model| asked_for(model, &current.scripts)).unwrap_or_default();
    let document = json!({
        "format": 1,
        "capabilities": capabilities,
        "cause": wanted.cause,
        "from": {"version": current.number, "hash": current.model.hash},
        "to": {"hash": model.as_ref().map(|model| model.hash.clone())},
        "packs": pack_changes(&current.versions(), &packs),
        "signers": wanted.signers,
        "entities": entities,
        "changes": changes,
        "conflicts": conflicts,
        "broken": breaks,
        "findings": errors,
        "database": tables::shown(&tables_plan),
        "cases": cases,
        "blocked": blocked,
    });
    let hash = content::of(&document);
    let target = Target { cause: wanted.cause.into(), packs, overlay: candidate.overlay };
    let contents = candidate.packs.iter().map(Loaded::content).collect();
    app.store.keep_packs(&caller.scope, contents).await?;
    let stored = StoredPlan {
        hash: hash.clone(),
        document: document.clone(),
        target: json!(target),
        applied_as: None,
        author: caller.id,
        at: app.clock.now(),
    };
    app.store.keep_plan(&caller.scope, &stored).await?;
    let mut answer = document;
    answer["plan"] = json!(hash);
    Ok(answer)
}

/// What packs ask leave for, and whether it is granted already.
fn asked_for(model: &Model, rules: &Rules) -> Vec<Json> {
    let packs = model.packs.iter();
    packs
        .flat_map(|pack| pack.capabilities.iter().map(|capability| (&pack.name, *capability)))
        .map(|(pack, capability)| {
            let words = json!({"zh-CN": capability.title("zh-CN"), "en": capability.title("en")});
            let granted = rules.has(pack, capability);
            json!({"pack": &**pack, "capability": capability.as_str(), "words": words, "granted": granted})
        })
        .collect()
}

/// The packs whose cases may come to something else: those a difference is in, and all that require them.
fn touched(candidate: &Candidate, differing: &[Difference], old: &Composed, new: &Composed) -> BTreeSet<String> {
    let home = |composed: &Composed, one: &Difference| {
        composed.documents.get(&(one.kind, one.name.clone())).map(|composite| composite.pack.to_string())
    };
    let homes: BTreeSet<String> = differing
        .iter()
        .filter(|one| matters(one))
        .flat_map(|one| [home(old, one), home(new, one), Some(one.by.to_string())])
        .flatten()
        .collect();
    let packs = order::ordered(candidate.packs_only(), &mut Diagnostics::default());
    let closures = order::closures(&packs);
    let reached =
        |name: &&str| homes.contains(*name) || closures[*name].iter().any(|required| homes.contains(*required));
    closures.keys().copied().filter(reached).map(str::to_owned).collect()
}

/// Whether a difference may change what a case comes to: texts do not.
fn matters(difference: &Difference) -> bool {
    let last = difference.path.rsplit('/').next().unwrap_or_default();
    let text = ["title", "description", "help", "plural", "message", "guard_message", "$after"].contains(&last)
        || difference.path.starts_with(&format!("/{}", packwork_engine::layers::path::CHINESE));
    !text && !matches!(difference.kind, Kind::Menu | Kind::Report | Kind::Dashboard)
}

fn pack_changes(old: &[PackVersion], new: &[PackVersion]) -> Json {
    let standing = |packs: &[PackVersion], name: &str| {
        packs
            .iter()
            .find(|pack| pack.name == name && !pack.is_removed())
            .map(|pack| (pack.version.clone(), pack.hash.clone()))
    };
    let names: BTreeSet<&str> = old.iter().chain(new).map(|pack| pack.name.as_str()).collect();
    let changed = names.into_iter().filter_map(|name| {
        let (from, to) = (standing(old, name), standing(new, name));
        let versions = (from.as_ref().map(|(version, _)| version), to.as_ref().map(|(version, _)| version));
        let mut change = json!({"name": name, "from": versions.0, "to": versions.1});
        if let (Some(from), Some(to)) = versions
            && numbers(to) < numbers(from)
        {
            change["older"] = json!(true);
        }
        (from != to).then_some(change)
    });
    Json::Array(changed.collect())
}

fn conflict(conflict: &Conflict) -> Json {
    let mut shown = json!(conflict);
    shown["property"] = json!(conflict.address());
    shown
}

pub(super) fn address(kind: Kind, name: &str) -> String {
    format!("{}/{name}", kind.as_str())
}

/// The refusal that names what has moved since a plan or a draft was made.
pub(in crate::service) fn stale(moved: Vec<String>) -> packwork_engine::refusal::Refusal {
    let named = if moved.is_empty() { "the packs".to_owned() } else { moved.join(", ") };
    refuse(Code::StalePlan, format!("meanwhile somebody changed {named}; look at it and plan again"))
        .with("entities", json!(moved))
        .with("entity", named)
}
