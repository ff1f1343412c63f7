//! The cases of the packs: where they come from, and what they run against.

pub mod http;

use crate::app::{Industry, On, files_of};
use anyhow::{Context, Result, bail};
use packwork::packs::cases::installed_at;
use packwork::packs::source::read_packs;
use packwork_engine::definition::case::CaseDefinition;
use packwork_engine::diagnostic::Diagnostics;
use packwork_engine::model::{Model, Settings};
use packwork_engine::pack::Pack;
use packwork_engine::testing::bare::Bare;
use packwork_engine::testing::case::{CaseReport, World, cases_of, run_case};
use packwork_engine::testing::memory::Memory;
use packwork_engine::testing::seed::seeded;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// The folder of the product's packs.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packs")
}

/// All packs of the folder, compiled once per process.
pub fn model() -> Arc<Model> {
    static MODEL: OnceLock<Arc<Model>> = OnceLock::new();
    MODEL.get_or_init(|| Arc::new(compile().expect("the product's packs compile"))).clone()
}

fn compile() -> Result<Model> {
    let mut diagnostics = Diagnostics::default();
    let files = read_packs(&folder()).context("reading the packs")?;
    let mut packs: Vec<Pack> = files.iter().map(|files| Pack::read(files, &mut diagnostics)).collect();
    packs.retain(|pack| !pack.on_request);
    let (model, found) = Model::compile(packs, &Settings::default());
    diagnostics.extend(found);
    match model.filter(|_| !diagnostics.has_errors()) {
        Some(model) => Ok(model),
        None => {
            let found: Vec<String> = diagnostics.into_sorted().iter().map(ToString::to_string).collect();
            bail!("{}", found.join("\n"))
        }
    }
}

/// The bare engine over a copy of the seeded store; seeding happens once per process.
pub fn bare() -> Bare {
    static SEEDED: OnceLock<Memory> = OnceLock::new();
    let model = model();
    let seeded = SEEDED.get_or_init(|| seeded(&model, installed_at()).expect("what the packs bring along is accepted"));
    Bare::over(model.clone(), seeded)
}

/// Runs every case of a pack, each in a world of its own, and says on one line how it went. Fails with all differences.
pub fn check<W: World>(pack: &str, world: impl FnMut() -> W) {
    check_in(&model(), pack, world);
}

/// Runs the cases of industry packs on the bare engine, beside the product's packs.
pub fn check_industry_bare(industry: Industry) {
    let model = industry_model(industry);
    let seeded = seeded(&model, installed_at()).expect("what the packs bring along is accepted");
    for (pack, _) in industry {
        check_in(&model, pack, || Bare::over(model.clone(), &seeded));
    }
}

/// The bare engine with industry packs beside the product's.
pub fn industry_bare(industry: Industry) -> Bare {
    let model = industry_model(industry);
    let seeded = seeded(&model, installed_at()).expect("what the packs bring along is accepted");
    Bare::over(model, &seeded)
}

/// Runs the cases of industry packs through HTTP.
pub fn check_industry(on: On, industry: Industry) {
    let model = industry_model(industry);
    for (pack, _) in industry {
        check_in(&model, pack, || http::world_with(on, industry));
    }
}

/// The product's packs with industry packs: not even a warning.
fn industry_model(industry: Industry) -> Arc<Model> {
    let mut read = Diagnostics::default();
    let packs = files_of(industry).iter().map(|files| Pack::read(files, &mut read)).collect();
    let (model, found) = Model::compile(packs, &Settings::default());
    read.extend(found);
    let found: Vec<String> = read.into_sorted().iter().map(ToString::to_string).collect();
    assert_eq!(found, Vec::<String>::new(), "findings of {industry:?}");
    Arc::new(model.expect("packs without findings compile"))
}

fn check_in<W: World>(model: &Model, pack: &str, mut world: impl FnMut() -> W) {
    let cases: Vec<(&str, &CaseDefinition)> = cases_of(model).into_iter().filter(|(of, _)| *of == pack).collect();
    assert!(!cases.is_empty(), "the pack `{pack}` has no cases");
    let mut failed = Vec::new();
    for (pack, case) in &cases {
        let report = run_case(&mut world(), model, pack, case);
        println!("{} {pack}/{}", if report.passed { "ok  " } else { "FAIL" }, report.name);
        if !report.passed {
            failed.push(told(&report, case));
        }
    }
    assert!(failed.is_empty(), "{} of {} cases of `{pack}` failed:\n{}", failed.len(), cases.len(), failed.join("\n"));
}

fn told(report: &CaseReport, case: &CaseDefinition) -> String {
    let title = case.title.as_deref().unwrap_or_default();
    format!("packs/{}/cases/{}.json: {title}\n  {}", report.pack, report.name, report.differences.join("\n  "))
}
