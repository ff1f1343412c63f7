//! Applying sealed plans, and going back to a former version. One transaction holds tables and version; what packs bring
//! along follows, each record once, and is finished by the next start where a process ended early.

use super::plan::{Target, Wanted, address, make, stale};
use super::{may_configure, running};
use crate::app::App;
use crate::packs::install::{self, Seeds, Silent};
use crate::packs::shelf::{self, Candidate, InForce};
use crate::service::session::Caller;
use crate::service::{Answer, Error, refuse};
use crate::store::{BACK_FILL, Offer, Published, UnderWay, Version};
use packwork_engine::codes::Code;
use packwork_engine::diagnostic::Diagnostics;
use packwork_engine::model::Model;
use packwork_engine::refusal::{FieldError, Refusal};
use packwork_engine::script::{Capability, Rules};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// What whoever applies a plan accepts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Accept {
    /// Cases that come to something else now.
    pub cases: bool,
    /// What the packs' scripts ask leave for.
    pub capabilities: bool,
}

/// Puts a plan into force.
pub async fn apply(app: &Arc<App>, caller: &Caller, hash: &str, accept: Accept) -> Answer<Json> {
    may_configure(caller)?;
    let _publishing = app.publishing.lock().await;
    app.catch_up().await?;
    let Some(plan) = app.store.plan(&caller.scope, hash).await? else {
        return Err(refuse(Code::UnknownPlan, format!("there is no plan `{hash}`")).with("plan", hash).into());
    };
    let current = app.in_force();
    if let Some(number) = plan.applied_as {
        // A repeat of what was done: the records that packs bring along may still be missing.
        install::install(app, Seeds::Product, &Silent).await.map_err(super::refused)?;
        return done(app, number, &current.model, Vec::new()).await;
    }
    let document = &plan.document;
    if document["from"]["version"] != current.number {
        return Err(stale(moved(app, caller, document, &current).await?).into());
    }
    if let Some(refusal) = blocked(document, accept) {
        return Err(refusal.into());
    }
    let target: Target = serde_json::from_value(plan.target)
        .map_err(|error| Error::Broken(format!("the plan `{hash}` cannot be read: {error}")))?;
    let number = current.number + 1;
    let mut version = Version {
        number,
        hash: String::new(),
        packs: target.packs,
        overlay: target.overlay,
        manifest: BTreeMap::new(),
        cause: target.cause,
        plan: Some(hash.to_owned()),
        author: caller.id,
        at: app.clock.now(),
        scripts: granted(&current.scripts, document),
    };
    let next = in_force(app, &mut version).await?;
    if json!(next.model.hash) != document["to"]["hash"] {
        return Err(Error::Broken(format!("the plan `{hash}` gives another model than it says")));
    }
    let jobs = match app.store.publish(&caller.scope, Some(&current.model), &next.model, &version).await? {
        Published::Done { jobs } => jobs,
        Published::Overtaken => return Err(stale(Vec::new()).into()),
        // Since the plan was made people have gone on.
        Published::Standing(under_way) => return Err(standing(&under_way)),
    };
    let model = next.model.clone();
    app.put_in_force(next);
    if !jobs.is_empty() {
        app.jobs.added();
    }
    if version.cause == "definitions" {
        app.store.clear_drafts(&caller.scope).await?;
    }
    install::install(app, Seeds::Product, &Silent).await.map_err(super::refused)?;
    done(app, number, &model, jobs).await
}

/// The rules about scripts with what whoever applies the plan has accepted. What a pack asks for no more, or one that is gone
/// had, is not kept: it has to be asked for again.
fn granted(rules: &Rules, document: &Json) -> Rules {
    let mut rules = rules.clone();
    rules.granted.clear();
    for asked in document["capabilities"].as_array().into_iter().flatten() {
        let capability = asked["capability"].as_str().and_then(Capability::named);
        if let (Some(pack), Some(capability)) = (asked["pack"].as_str(), capability) {
            rules.granted.entry(pack.to_owned()).or_default().insert(capability);
        }
    }
    rules
}

/// What is in force, and the jobs that complete records: those of this publication, and of one that was broken off.
async fn done(app: &App, number: i64, model: &Model, mut jobs: Vec<Uuid>) -> Answer<Json> {
    let open = app.store.open_jobs(&app.system(), BACK_FILL).await?;
    jobs.extend(open.into_iter().filter(|job| !jobs.contains(job)).collect::<Vec<_>>());
    Ok(json!({"applied": true, "model": {"version": number, "hash": model.hash}, "jobs": jobs}))
}

/// Compiles what a version says; its hash and manifest are filled in.
pub(crate) async fn in_force(app: &Arc<App>, version: &mut Version) -> Answer<InForce> {
    let packs = shelf::stored(&app.store, &app.system(), version).await.map_err(super::refused)?;
    let candidate = Candidate { packs, overlay: version.overlay.clone() };
    let settings = app.settings.clone();
    let compiled = tokio::task::spawn_blocking(move || {
        let model = candidate.compile(&settings, Diagnostics::default());
        (candidate, model)
    });
    let (candidate, compiled) = compiled.await.map_err(Error::task)?;
    let (model, _) = compiled.map_err(|found| super::refused(install::Error::Definitions(found)))?;
    version.hash.clone_from(&model.hash);
    version.manifest = shelf::manifest(&model);
    Ok(InForce::of(version, model, candidate))
}

/// Definitions of a plan that are not any more as they were when it was made, else all that moved since.
async fn moved(app: &Arc<App>, caller: &Caller, document: &Json, current: &InForce) -> Answer<Vec<String>> {
    let now: BTreeMap<String, &str> = current
        .model
        .documents
        .iter()
        .map(|((kind, name), composite)| (address(*kind, name), composite.hash.as_str()))
        .collect();
    let of_plan = document["entities"].as_object().into_iter().flatten();
    let touched: Vec<String> = of_plan
        .filter(|(entity, hashes)| hashes["from"].as_str() != now.get(*entity).copied())
        .map(|(entity, _)| entity.clone())
        .collect();
    if !touched.is_empty() {
        return Ok(touched);
    }
    let number = document["from"]["version"].as_i64();
    let Some(then) = app.store.version(&caller.scope, number).await? else { return Ok(Vec::new()) };
    let gone = then.manifest.keys().filter(|entity| !now.contains_key(*entity)).cloned();
    let changed = now.iter().filter(|(entity, hash)| then.manifest.get(*entity).map(String::as_str) != Some(**hash));
    Ok(changed.map(|(entity, _)| entity.clone()).chain(gone).collect())
}

/// Why something under way keeps a publication from being made.
pub(in crate::service) fn standing(under_way: &[UnderWay]) -> Error {
    match running::refusal(under_way) {
        Some(refusal) => refusal.into(),
        None => Error::Broken("nothing stands in the way of what was refused".into()),
    }
}

/// Why a plan cannot be applied as it is.
pub(super) fn blocked(document: &Json, accept: Accept) -> Option<Refusal> {
    let list = |member: &str| document[member].as_array().cloned().unwrap_or_default();
    let text = |json: &Json, member: &str| json[member].as_str().unwrap_or_default().to_owned();
    let broken = list("broken");
    if !broken.is_empty() {
        let what: std::collections::BTreeSet<String> = broken.iter().map(|one| text(one, "what")).collect();
        let what: Vec<String> = what.into_iter().collect();
        let detail = format!("{} is still used in {} place(s)", what.join(", "), broken.len());
        let mut refusal = refuse(Code::BreakingChange, detail).with("what", json!(what)).with("places", broken.len());
        refusal.errors = broken
            .iter()
            .map(|one| {
                let pointer = format!("/{}/{}{}", text(one, "by_kind"), text(one, "by_name"), text(one, "path"));
                let what = text(one, "what");
                match one["retyped"] == true {
                    true => {
                        let offer = Offer::NewField.words(false);
                        FieldError::new(Code::BreakingChange, pointer, format!("uses {what} as it was; {offer}"))
                            .with("offer", offer)
                    }
                    false => match one["words"]["en"].as_str() {
                        Some(words) => FieldError::new(Code::BreakingChange, pointer, words)
                            .with("words", one["words"]["zh-CN"].clone()),
                        None => FieldError::new(Code::BreakingChange, pointer, format!("uses {what}")),
                    },
                }
            })
            .collect();
        return Some(refusal);
    }
    let mut asked = list("capabilities");
    asked.retain(|asked| asked["granted"] == false);
    if !asked.is_empty() && !accept.capabilities {
        let named: Vec<String> = asked
            .iter()
            .map(|asked| {
                format!(
                    "{}: {}",
                    asked["pack"].as_str().unwrap_or_default(),
                    asked["capability"].as_str().unwrap_or_default()
                )
            })
            .collect();
        let detail = format!("the packs ask leave for what is not granted ({}); grant it", named.join(", "));
        return Some(
            refuse(Code::PlanBlocked, detail)
                .with("blocked", json!(["capabilities"]))
                .with("capabilities", json!(asked)),
        );
    }
    let reasons = list("blocked");
    let differ = document["cases"]["differ"].as_array().map_or(0, Vec::len);
    if !reasons.is_empty() {
        let named: Vec<&str> = reasons.iter().filter_map(Json::as_str).collect();
        let detail = format!("the plan cannot be applied: {}", named.join(", "));
        return Some(
            refuse(Code::PlanBlocked, detail)
                .with("blocked", json!(named))
                .with("findings", document["findings"].clone())
                .with("conflicts", document["conflicts"].clone()),
        );
    }
    if differ > 0 && !accept.cases {
        let detail =
            format!("{differ} of {} cases differ; accept them or mend the definitions", document["cases"]["run"]);
        return Some(
            refuse(Code::PlanBlocked, detail)
                .with("blocked", json!(["cases"]))
                .with("cases", document["cases"]["differ"].clone()),
        );
    }
    None
}

/// Brings back the packs and changes of a former version, as a new version. Nothing was destroyed by what came after it:
/// what had left the model waits in the quarantine.
pub async fn rollback(app: &Arc<App>, caller: &Caller, to: Option<i64>, accept: Accept) -> Answer<Json> {
    may_configure(caller)?;
    app.catch_up().await?;
    let current = app.in_force();
    let to = match to {
        Some(to) => to,
        None => before(app, caller, &current).await?,
    };
    let unknown = || refuse(Code::NotFound, format!("there is no version {to} before this one")).with("id", to);
    if to >= current.number || to < 1 {
        return Err(unknown().into());
    }
    let version = app.store.version(&caller.scope, Some(to)).await?.ok_or_else(unknown)?;
    let packs = shelf::stored(&app.store, &app.system(), &version).await.map_err(super::refused)?;
    let wanted = Wanted {
        cause: "rollback",
        packs,
        removed: version.packs.iter().filter(|pack| pack.is_removed()).map(|pack| pack.name.clone()).collect(),
        overlay: version.overlay,
        conflicts: Vec::new(),
        read: Diagnostics::default(),
        signers: BTreeMap::new(),
    };
    let plan = make(app, caller, &current, wanted).await?;
    let hash = plan["plan"].as_str().unwrap_or_default().to_owned();
    apply(app, caller, &hash, accept).await
}

/// The newest version with other packs or changes: rules about scripts are not what is brought back.
async fn before(app: &App, caller: &Caller, current: &InForce) -> Answer<i64> {
    const LOOKED_AT: u32 = 50;
    let packs = current.versions();
    let versions = app.store.versions(&caller.scope, LOOKED_AT).await?;
    let other = versions.iter().find(|version| {
        version.number < current.number && (version.packs != packs || version.overlay != current.overlay)
    });
    Ok(other.map_or(current.number - 1, |version| version.number))
}

/// Reads a version that another process has published.
pub(crate) async fn load(app: &Arc<App>, number: Option<i64>) -> Answer<Option<InForce>> {
    let Some(mut version) = app.store.version(&app.system(), number).await? else { return Ok(None) };
    in_force(app, &mut version).await.map(Some)
}
