//! Running the cases of packs: on the bare engine, or through a whole application over a database of its own. Knows what
//! came of them, not how it is printed.

pub mod ground;
pub mod junit;
pub mod served;

use super::install::{self, Progress};
use super::source::Files;
use crate::auth::Secret;
use crate::clock::Clock;
use ground::Ground;
use packwork_engine::definition::case::CaseDefinition;
use packwork_engine::diagnostic::{Diagnostic, Diagnostics};
use packwork_engine::model::{Model, Settings};
use packwork_engine::moment::Moment;
use packwork_engine::pack::Pack;
use packwork_engine::testing::bare::Bare;
use packwork_engine::testing::case::{World, cases_of, run_case};
use packwork_engine::testing::memory::Memory;
use packwork_engine::testing::seed::seeded;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// When packs count as installed: before any case begins.
pub const INSTALLED_AT: &str = "2015-01-01T00:00:00Z";

pub fn installed_at() -> Moment {
    Moment::parse(INSTALLED_AT).expect("the constant is a moment")
}

/// What cases run on.
#[derive(Clone, Debug)]
pub enum On {
    Engine,
    /// A file in a temporary folder for each case.
    Sqlite,
    /// A database for each case, made beside the one that is named and dropped again.
    Postgres(Secret),
}

impl On {
    pub fn as_str(&self) -> &'static str {
        match self {
            On::Engine => "engine",
            On::Sqlite => "sqlite",
            On::Postgres(_) => "postgres",
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the packs have errors; their cases cannot run")]
    Definitions(Vec<Diagnostic>),
    #[error("what the packs bring along was refused: {0}")]
    Seed(String),
    #[error("installing the packs")]
    Install(#[source] Box<install::Error>),
    #[error(transparent)]
    Ground(#[from] ground::Error),
}

/// What came of a case.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    pub pack: String,
    pub name: String,
    pub title: String,
    pub passed: bool,
    /// What was expected and not found, in the order of the case.
    pub differences: Vec<String>,
    /// What happened until the first difference.
    pub trace: Vec<String>,
    #[serde(rename = "elapsed_ms", serialize_with = "milliseconds")]
    pub elapsed: Duration,
}

fn milliseconds<S: serde::Serializer>(elapsed: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}

/// Packs whose cases can run.
pub struct Bench {
    packs: Vec<Files>,
    model: Arc<Model>,
    world: Made,
}

/// What worlds are made from.
enum Made {
    Bare(Box<Memory>),
    Served(Box<Ground>),
}

impl Bench {
    /// Compiles the packs, and installs them once. Blocks: not for threads that serve requests.
    pub fn new(packs: Vec<Files>, on: &On, progress: &dyn Progress) -> Result<Bench, Error> {
        let mut found = Diagnostics::default();
        let read = packs.iter().map(|files| Pack::read(files, &mut found)).collect();
        let (model, compiled) = Model::compile(read, &Settings::default());
        found.extend(compiled);
        let unsound = found.has_errors();
        let Some(model) = model.filter(|_| !unsound) else { return Err(Error::Definitions(found.into_sorted())) };
        let model = Arc::new(model);
        let world = match on {
            On::Engine => {
                let memory = seeded(&model, installed_at()).map_err(|error| Error::Seed(error.to_string()))?;
                Made::Bare(Box::new(memory))
            }
            _ => Made::Served(Box::new(Ground::lay(on, packs.clone(), progress)?)),
        };
        Ok(Bench { packs, model, world })
    }

    pub fn packs(&self) -> &[Files] {
        &self.packs
    }

    /// The cases for which `asked` says yes, by pack and name.
    pub fn cases(&self, asked: impl Fn(&str, &CaseDefinition) -> bool) -> Vec<(&str, &CaseDefinition)> {
        cases_of(&self.model).into_iter().filter(|(pack, case)| asked(pack, case)).collect()
    }

    /// Runs one case in a world of its own.
    pub fn run(&self, pack: &str, case: &CaseDefinition) -> Result<Outcome, Error> {
        let clock = Clock::system();
        let began = clock.now();
        let mut world: Box<dyn World> = match &self.world {
            Made::Bare(memory) => Box::new(Bare::over(self.model.clone(), memory)),
            Made::Served(ground) => Box::new(ground.world()?),
        };
        let report = run_case(world.as_mut(), &self.model, pack, case);
        let elapsed = clock.now().micros() - began.micros();
        Ok(Outcome {
            pack: report.pack,
            name: report.name,
            title: case.title.clone().unwrap_or_default(),
            passed: report.passed,
            differences: report.differences,
            trace: report.trace,
            elapsed: Duration::from_micros(u64::try_from(elapsed).unwrap_or_default()),
        })
    }
}
