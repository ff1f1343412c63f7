//! `packwork pack`: what consultants need while writing one.

mod publish;

use crate::packs::source::{Files, Source, read_packs};
use anyhow::Context;
use packwork_engine::diagnostic::{Diagnostic, Diagnostics, Severity};
use packwork_engine::model::{Model, Settings};
use packwork_engine::moment::Moment;
use packwork_engine::pack::{Pack as Written, places, text_of};
use packwork_engine::testing::bare::Bare;
use packwork_engine::testing::case::{cases_of, run_case};
use packwork_engine::testing::seed::seeded;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Make, check and test packs, bring them into a tenant.
#[derive(clap::Subcommand)]
pub(super) enum Pack {
    /// Say everything that is wrong with a pack, or with a folder of packs
    Check(Check),
    /// Run the cases of a pack, or of a folder of packs
    Test(Test),
    /// Make a new pack that passes check and test
    New(publish::New),
    /// Say what installing or upgrading packs would change
    Plan(publish::Plan),
    /// Put a plan into force
    Apply(publish::Apply),
    /// Take a pack out; its data is kept
    Remove(publish::Remove),
    /// List the packs of a tenant
    List(publish::List),
    /// Bring back a former version of the definitions
    Rollback(publish::Rollback),
}

#[derive(clap::Args)]
pub(super) struct Check {
    folder: PathBuf,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(super) struct Test {
    folder: PathBuf,
    /// Only cases whose name contains this
    #[arg(long, alias = "only", value_name = "TEXT")]
    filter: Option<String>,
}

/// When the packs count as installed: before any case begins.
const INSTALLED_AT: &str = "2015-01-01T00:00:00Z";

impl Pack {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Pack::Check(check) => check.run(),
            Pack::Test(test) => test.run(),
            Pack::New(new) => new.run(),
            Pack::Plan(plan) => plan.run().await,
            Pack::Apply(apply) => apply.run().await,
            Pack::Remove(remove) => remove.run().await,
            Pack::List(list) => list.run().await,
            Pack::Rollback(rollback) => rollback.run().await,
        }
    }
}

/// The packs of a folder together with those of the binary they may require.
struct Gathered {
    files: Vec<Files>,
    /// Names of the packs in the folder.
    own: BTreeSet<String>,
}

fn gather(folder: &Path) -> anyhow::Result<Gathered> {
    let mut files = read_packs(folder).with_context(|| format!("reading packs from `{}`", folder.display()))?;
    if files.is_empty() {
        anyhow::bail!("`{}` holds no pack: a pack is a folder with a pack.json", folder.display());
    }
    let own: BTreeSet<String> = files.iter().map(name_of).collect();
    let embedded = Source::Embedded.read()?;
    files.extend(embedded.into_iter().filter(|files| !own.contains(&name_of(files))));
    Ok(Gathered { files, own })
}

fn name_of(files: &Files) -> String {
    let manifest = files.get("pack.json").and_then(|bytes| serde_json::from_slice::<serde_json::Value>(bytes).ok());
    manifest.and_then(|manifest| manifest["name"].as_str().map(str::to_owned)).unwrap_or_default()
}

fn findings(gathered: &Gathered) -> Vec<Diagnostic> {
    let mut found = Diagnostics::default();
    let packs = gathered.files.iter().map(|files| Written::read(files, &mut found)).collect();
    let (_, compiled) = Model::compile(packs, &Settings::default());
    found.extend(compiled);
    let of_folder = |finding: &Diagnostic| {
        let pack = finding.file.split('/').next().unwrap_or_default();
        gathered.own.contains(pack) || finding.severity == Severity::Error
    };
    let mut found: Vec<Diagnostic> = found.into_sorted().into_iter().filter(of_folder).collect();
    let packs: BTreeMap<String, &Files> = gathered.files.iter().map(|files| (name_of(files), files)).collect();
    places::locate(&mut found, |file| {
        let (pack, inside) = file.split_once('/').unwrap_or(("", file));
        packs.get(pack)?.get(inside).and_then(|bytes| text_of(bytes).ok())
    });
    found
}

impl Check {
    fn run(self) -> anyhow::Result<ExitCode> {
        let found = findings(&gather(&self.folder)?);
        let errors = found.iter().filter(|finding| finding.severity == Severity::Error).count();
        if self.json {
            println!("{:#}", json!({"errors": errors, "warnings": found.len() - errors, "findings": found}));
        } else {
            for finding in &found {
                println!("{finding}");
            }
            println!("{errors} error(s), {} warning(s)", found.len() - errors);
        }
        Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Test {
    fn run(self) -> anyhow::Result<ExitCode> {
        let gathered = gather(&self.folder)?;
        let mut found = Diagnostics::default();
        let packs = gathered.files.iter().map(|files| Written::read(files, &mut found)).collect();
        let (model, compiled) = Model::compile(packs, &Settings::default());
        found.extend(compiled);
        let unsound = found.has_errors();
        let Some(model) = model.filter(|_| !unsound) else {
            for finding in found.into_sorted().iter().filter(|finding| finding.severity == Severity::Error) {
                println!("{finding}");
            }
            anyhow::bail!("the packs have errors; their cases cannot run");
        };
        let model = Arc::new(model);
        let installed = Moment::parse(INSTALLED_AT).context("the moment of installation")?;
        let seeded = seeded(&model, installed)?;
        let (mut run, mut failed) = (0, 0);
        for (pack, case) in cases_of(&model) {
            let asked = self.filter.as_ref().is_none_or(|filter| case.name.contains(filter.as_str()));
            if !asked || !gathered.own.contains(pack) {
                continue;
            }
            let report = run_case(&mut Bare::over(model.clone(), &seeded), &model, pack, case);
            run += 1;
            if report.passed {
                println!("ok    {pack}/{}", report.name);
            } else {
                failed += 1;
                println!("FAIL  {pack}/{}: {}", report.name, case.title.as_deref().unwrap_or_default());
                for difference in &report.differences {
                    println!("        {difference}");
                }
            }
        }
        println!("{} passed, {failed} failed", run - failed);
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
