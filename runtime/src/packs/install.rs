//! Installing packs: compile them, make the tables, write what they bring along. A start with unchanged packs writes
//! nothing.

use super::seed;
use super::shelf::{self, Candidate, InForce, Loaded};
use super::source::{Source, Unreadable};
use crate::app::App;
use crate::service::{self, command};
use crate::store::{InstalledPack, Published, Scope, Store, StoreError, UnderWay, Version};
use futures_util::StreamExt;
use packwork_engine::codes::Code;
use packwork_engine::decision::Command;
use packwork_engine::definition::rate_table::RateTableDefinition;
use packwork_engine::definition::{Definition, Kind};
use packwork_engine::diagnostic::{Diagnostic, Diagnostics, Severity};
use packwork_engine::layers::upgrade::{Policy, Resolving, rebase};
use packwork_engine::layers::{Change, content};
use packwork_engine::model::{Model, Settings};
use packwork_engine::moment::Moment;
use packwork_engine::refusal::Refusal;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("the packs have {} error(s):\n{}", errors(.0), listed(.0))]
    Definitions(Vec<Diagnostic>),
    #[error("the record `{record}` of the seed `{seed}` was refused with {}: {}", .refusal.code, .refusal.detail)]
    Seed { seed: String, record: String, refusal: Box<Refusal> },
    #[error("the row `{row}` of the rate table `{table}` was refused with {}: {}", .refusal.code, .refusal.detail)]
    Rate { table: String, row: String, refusal: Box<Refusal> },
    #[error("the contents of pack `{name}` {version} are not kept in this tenant any more")]
    Missing { name: String, version: String },
    #[error("the packs cannot be brought into force ({}):\n{}", .0.code, places(.0))]
    UnderWay(Box<Refusal>),
    #[error("other processes keep publishing; start again")]
    Busy,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Service(#[from] service::Error),
}

fn errors(found: &[Diagnostic]) -> usize {
    found.iter().filter(|finding| finding.severity == Severity::Error).count()
}

fn places(refusal: &Refusal) -> String {
    refusal.errors.iter().map(|error| format!("{}: {}", error.pointer, error.message)).collect::<Vec<_>>().join("\n")
}

/// Findings shown with the error; `pack check` shows all.
const LISTED_MAX: usize = 20;

fn listed(found: &[Diagnostic]) -> String {
    let errors = found.iter().filter(|finding| finding.severity == Severity::Error);
    errors.take(LISTED_MAX).map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Which records of the packs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seeds {
    /// Those the product needs.
    Product,
    /// Also the demonstration's.
    Demo,
}

/// Told how far an installation is.
pub trait Progress: Sync {
    fn step(&self, what: &str, done: usize, of: usize);
}

/// Says nothing.
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _: &str, _: usize, _: usize) {}
}

/// Reads and compiles packs; errors in them are all reported at once.
pub fn compile(source: &Source, settings: &Settings) -> Result<Model, Error> {
    let (packs, read) = shelf::read(source, &BTreeSet::new())?;
    let candidate = Candidate { packs, overlay: Vec::new() };
    candidate.compile(settings, read).map(|(model, _)| model).map_err(Error::Definitions)
}

/// How often a start gives way to other processes that publish at the same time.
const ATTEMPTS_MAX: u32 = 5;

/// Brings the packs of a source into force, under what the tenant has changed and with the packs that were applied.
pub async fn bring_into_force(
    store: &Store,
    source: &Source,
    settings: &Settings,
    now: Moment,
) -> Result<InForce, Error> {
    for _ in 0..ATTEMPTS_MAX {
        if let Some(in_force) = attempt(store, source, settings, now).await? {
            return Ok(in_force);
        }
    }
    Err(Error::Busy)
}

/// What a start would bring into force.
pub struct Coming {
    /// The newest publication; none for a new tenant.
    head: Option<Version>,
    former: Option<Candidate>,
    /// The packs and the tenant's changes over them.
    candidate: Candidate,
    removed: BTreeSet<String>,
    read: Diagnostics,
}

impl Coming {
    /// Looks at the packs of a source and at what was published; changes nothing.
    pub async fn look(store: &Store, source: &Source) -> Result<Coming, Error> {
        let scope = Scope::system(store.tenant());
        let head = store.version(&scope, None).await?;
        let installed = head.iter().flat_map(|head| &head.packs).filter(|pack| !pack.is_removed());
        let (given, read) = shelf::read(source, &installed.map(|pack| pack.name.clone()).collect())?;
        let Some(head) = head else {
            let candidate = Candidate { packs: given, overlay: Vec::new() };
            return Ok(Coming { head: None, former: None, candidate, removed: BTreeSet::new(), read });
        };
        let removed: BTreeSet<String> =
            head.packs.iter().filter(|pack| pack.is_removed()).map(|pack| pack.name.clone()).collect();
        let applied = shelf::stored(store, &scope, &head).await?;
        let packs = shelf::gathered(source, given, applied.clone(), &removed);
        let former = Candidate { packs: applied.clone(), overlay: head.overlay.clone() };
        let overlay = match shelf::shelf_versions(&packs, &removed) == head.packs {
            true => head.overlay.clone(),
            false => rebased(&head, applied, &packs),
        };
        let candidate = Candidate { packs, overlay };
        Ok(Coming { head: Some(head), former: Some(former), candidate, removed, read })
    }

    fn is_in_force(&self) -> bool {
        let packs = shelf::shelf_versions(&self.candidate.packs, &self.removed);
        self.head.as_ref().is_some_and(|head| head.packs == packs)
    }

    pub fn compile(&self, settings: &Settings) -> Result<Model, Error> {
        let compiled = self.candidate.compile(settings, self.read.clone());
        compiled.map(|(model, _)| model).map_err(Error::Definitions)
    }

    /// The definitions in force before, where others will be and they still compile.
    pub fn former(&self, settings: &Settings) -> Option<Model> {
        let former = self.former.as_ref().filter(|_| !self.is_in_force())?;
        former.compile(settings, Diagnostics::default()).ok().map(|(model, _)| model)
    }
}

/// The tenant's changes over other packs, by the packs' policies.
fn rebased(head: &Version, applied: Vec<Loaded>, packs: &[Loaded]) -> Vec<Change> {
    let former = Candidate { packs: applied, overlay: Vec::new() };
    let plain = Candidate { packs: packs.to_vec(), overlay: Vec::new() };
    let policies: Vec<(&str, Policy)> = packs
        .iter()
        .flat_map(|loaded| loaded.pack.policies.iter().map(|(pattern, policy)| (pattern.as_str(), *policy)))
        .collect();
    let resolving = Resolving { said: BTreeMap::new(), policies };
    let rebased = rebase(&head.overlay, &former.composed(), &plain.composed(), &resolving);
    for conflict in &rebased.conflicts {
        tracing::warn!(property = conflict.address(), kept = ?conflict.resolution, "the tenant and a pack have both changed a property");
    }
    rebased.changes
}

/// The definitions that were published last, else those of the source: what the tables stand for.
pub async fn published(store: &Store, source: &Source, settings: &Settings) -> Result<Model, Error> {
    let scope = Scope::system(store.tenant());
    let Some(head) = store.version(&scope, None).await? else { return compile(source, settings) };
    let packs = shelf::stored(store, &scope, &head).await?;
    let candidate = Candidate { packs, overlay: head.overlay };
    let (model, _) = candidate.compile(settings, Diagnostics::default()).map_err(Error::Definitions)?;
    model.govern(&head.scripts);
    Ok(model)
}

/// `None` where another process published meanwhile.
async fn attempt(store: &Store, source: &Source, settings: &Settings, now: Moment) -> Result<Option<InForce>, Error> {
    let scope = Scope::system(store.tenant());
    let coming = Coming::look(store, source).await?;
    let model = coming.compile(settings)?;
    if let Some(head) = coming.head.as_ref().filter(|_| coming.is_in_force()) {
        store.prepare(&scope, &model, now).await?;
        return Ok(Some(InForce::of(head, model, coming.candidate)));
    }
    let former = coming.former(settings);
    let Coming { head, candidate, removed, .. } = coming;
    store.keep_packs(&scope, candidate.packs.iter().map(Loaded::content).collect()).await?;
    let scripts = head.as_ref().map(|head| head.scripts.clone()).unwrap_or_default();
    for (pack, capability) in model.ungranted(&scripts) {
        tracing::warn!(pack = %pack, capability = capability.as_str(), "a pack asks leave for what its scripts do; `packwork script grant` gives it");
    }
    let version = Version {
        scripts,
        number: head.map_or(0, |head| head.number) + 1,
        hash: model.hash.clone(),
        packs: shelf::shelf_versions(&candidate.packs, &removed),
        overlay: candidate.overlay.clone(),
        manifest: shelf::manifest(&model),
        cause: "start".into(),
        plan: None,
        author: None,
        at: now,
    };
    Ok(match store.publish(&scope, former.as_ref(), &model, &version).await? {
        Published::Done { .. } => Some(InForce::of(&version, model, candidate)),
        Published::Overtaken => None,
        Published::Standing(under_way) => return Err(standing(&under_way)),
    })
}

/// Neither a start nor an edited file takes the ground from under what is under way.
fn standing(under_way: &[UnderWay]) -> Error {
    let refusal = service::changes::running::refusal(under_way)
        .unwrap_or_else(|| service::refuse(Code::BreakingChange, "something under way stands in the way"));
    Error::UnderWay(Box::new(refusal))
}

/// Writes what the packs in force bring along, each record once.
pub async fn install(app: &App, seeds: Seeds, progress: &dyn Progress) -> Result<(), Error> {
    let model = app.model();
    let scope = app.system();
    if !installed(app, &model, Seeds::Product).await? {
        for seed in model.seeds(false) {
            seed::plant(app, &model, &seed, progress).await?;
        }
        for (_, definition) in model.definitions.values() {
            if let Definition::RateTable(table) = definition {
                add_rates(app, &model, table, progress).await?;
            }
        }
        mark(app, &model, Seeds::Product).await?;
    }
    if seeds == Seeds::Demo && !installed(app, &model, Seeds::Demo).await? {
        for seed in model.seeds(true) {
            seed::plant(app, &model, &seed, progress).await?;
        }
        mark(app, &model, Seeds::Demo).await?;
    }
    let now = app.clock.now();
    let before = app.store.installed_packs(&scope).await?;
    let packs: Vec<InstalledPack> = model
        .packs
        .iter()
        .map(|pack| {
            let same = before.iter().find(|known| known.name == pack.name && known.hash == pack.hash);
            same.cloned().unwrap_or_else(|| InstalledPack {
                name: pack.name.clone(),
                version: pack.version.clone(),
                hash: pack.hash.clone(),
                installed_at: now,
            })
        })
        .collect();
    if packs != before {
        app.store.set_installed_packs(&scope, &packs).await?;
    }
    Ok(())
}

/// Where it is kept which contents of the packs have been written.
fn marks(seeds: Seeds) -> &'static str {
    match seeds {
        Seeds::Product => "installed",
        Seeds::Demo => "installed_demo",
    }
}

async fn installed(app: &App, model: &Model, seeds: Seeds) -> Result<bool, Error> {
    Ok(app.store.seed_marks(&app.system(), marks(seeds)).await?.contains(&brought_along(model)))
}

async fn mark(app: &App, model: &Model, seeds: Seeds) -> Result<(), Error> {
    let mark = brought_along(model);
    Ok(app.store.mark_seeded(&app.system(), marks(seeds), std::slice::from_ref(&mark), app.clock.now()).await?)
}

/// Digest of everything the packs bring along.
pub(crate) fn brought_along(model: &Model) -> String {
    let of_records = model.documents.iter().filter(|((kind, _), _)| matches!(kind, Kind::Seed | Kind::RateTable));
    let hashes: Vec<&str> = of_records.map(|(_, composite)| composite.hash.as_str()).collect();
    content::of(&serde_json::json!(hashes))
}

/// Rows added at once, where their order does not matter.
const TOGETHER: usize = 64;

/// Adds the rows of a table's definition, each once; later changes to prices are the tenant's own.
async fn add_rates(
    app: &App,
    model: &Arc<Model>,
    table: &RateTableDefinition,
    progress: &dyn Progress,
) -> Result<(), Error> {
    let scope = app.system();
    let marked = format!("rate_table/{}", table.name);
    let done = app.store.seed_marks(&scope, &marked).await?;
    let id_of = |row: &Map<String, Json>| row.get("id").and_then(Json::as_str).unwrap_or_default().to_owned();
    let rows: Vec<Map<String, Json>> = table.rows.iter().map(|row| row.clone().into_iter().collect()).collect();
    let rows: Vec<_> = rows.into_iter().filter(|row| !done.contains(&id_of(row))).collect();
    let total = rows.len();
    // A row comes after those added before: where the first that holds wins, each waits for the one above it.
    let together = if table.hit.is_ordered() { 1 } else { TOGETHER };
    let mut added = Vec::new();
    let mut results = futures_util::stream::iter(rows)
        .map(|row| async move {
            let id = id_of(&row);
            let command = Command::AddRate { table: table.name.as_str().into(), row };
            let result = command::run_at(app, model, &app.system(), command, app.clock.now(), None).await;
            (id, result)
        })
        .buffered(together);
    while let Some((id, result)) = results.next().await {
        match result {
            Ok(_) => added.push(id),
            Err(service::Error::Refused(refusal)) => {
                return Err(Error::Rate { table: table.name.clone(), row: id, refusal });
            }
            Err(failure) => return Err(failure.into()),
        }
        progress.step(&table.name, added.len(), total);
    }
    Ok(app.store.mark_seeded(&scope, &marked, &added, app.clock.now()).await?)
}
