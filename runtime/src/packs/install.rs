//! Installing packs: compile them, make the tables, write what they bring along. A start with unchanged packs writes
//! nothing.

use super::seed;
use super::source::{Source, Unreadable};
use crate::app::App;
use crate::service::{self, command};
use crate::store::{InstalledPack, StoreError};
use futures_util::StreamExt;
use packwork_engine::decision::Command;
use packwork_engine::definition::rate_table::RateTableDefinition;
use packwork_engine::definition::seed::SeedDefinition;
use packwork_engine::definition::{Definition, Kind};
use packwork_engine::diagnostic::{Diagnostic, Diagnostics, Severity};
use packwork_engine::model::{Model, Settings};
use packwork_engine::pack::Pack;
use packwork_engine::refusal::Refusal;
use serde_json::{Map, Value as Json};
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
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Service(#[from] service::Error),
}

fn errors(found: &[Diagnostic]) -> usize {
    found.iter().filter(|finding| finding.severity == Severity::Error).count()
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
    let mut found = Diagnostics::default();
    let packs: Vec<Pack> = source.read()?.iter().map(|files| Pack::read(files, &mut found)).collect();
    let (model, compiled) = Model::compile(packs, settings);
    found.extend(compiled);
    let unsound = found.has_errors();
    match model {
        Some(model) if !unsound => Ok(model),
        _ => Err(Error::Definitions(found.into_sorted())),
    }
}

/// Makes the tables of the model in force and writes what its packs bring along.
pub async fn install(app: &App, seeds: Seeds, progress: &dyn Progress) -> Result<(), Error> {
    let model = app.model();
    let scope = app.system();
    app.store.prepare(&scope, &model).await?;
    if !installed(app, &model, Seeds::Product).await? {
        for seed in seeds_of(&model, Seeds::Product) {
            seed::plant(app, &model, seed, progress).await?;
        }
        for (_, definition) in model.definitions.values() {
            if let Definition::RateTable(table) = definition {
                add_rates(app, &model, table, progress).await?;
            }
        }
        mark(app, &model, Seeds::Product).await?;
    }
    if seeds == Seeds::Demo && !installed(app, &model, Seeds::Demo).await? {
        for seed in seeds_of(&model, Seeds::Demo) {
            seed::plant(app, &model, seed, progress).await?;
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
    Ok(app.store.seed_marks(&app.system(), marks(seeds)).await?.contains(&model.hash))
}

async fn mark(app: &App, model: &Model, seeds: Seeds) -> Result<(), Error> {
    Ok(app.store.mark_seeded(&app.system(), marks(seeds), std::slice::from_ref(&model.hash), app.clock.now()).await?)
}

/// Seeds in the order of their packs, then of their ranks.
fn seeds_of(model: &Model, which: Seeds) -> Vec<&SeedDefinition> {
    let place = |pack: &str| model.packs.iter().position(|known| *known.name == *pack);
    let mut seeds: Vec<_> = model
        .definitions
        .iter()
        .filter_map(|((kind, _), (pack, definition))| match definition {
            Definition::Seed(seed) if *kind == Kind::Seed && seed.demo == (which == Seeds::Demo) => {
                Some((place(pack), seed))
            }
            _ => None,
        })
        .collect();
    seeds.sort_by(|a, b| (a.0, a.1.rank, &a.1.name).cmp(&(b.0, b.1.rank, &b.1.name)));
    seeds.into_iter().map(|(_, seed)| &**seed).collect()
}

/// Rows added at once.
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
    let mut added = Vec::new();
    let mut results = futures_util::stream::iter(rows)
        .map(|row| async move {
            let id = id_of(&row);
            let command = Command::AddRate { table: table.name.as_str().into(), row };
            let result = command::run_at(app, model, &app.system(), command, app.clock.now(), None).await;
            (id, result)
        })
        .buffered(TOGETHER);
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
