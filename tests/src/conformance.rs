//! Settlement cases against the engine: each case's input becomes definitions as people write them, read, checked and
//! compiled by the engine; its functions give the answer, which is compared with what the case expects. Nothing is
//! computed here. A case that cannot be mapped has failed.
//!
//! The same cases run over HTTP: then the definitions are published in a tenant and its answers are compared.

mod agreements;
mod asked;
mod chains;
mod commissions;
mod compare;
mod documents;
mod ledger;
mod money;
mod payments;
mod place;
pub mod planned;
mod prices;
mod read;
mod runs;
mod settled;
mod tables;
mod tenant;
mod tiers;
pub mod world;

use anyhow::{Result, bail};
use compare::Difference;
use place::EngineOnly;
pub use place::{Place, within};
use read::Input;
use serde_json::Value as Json;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Turns the input of one family of cases into the members the cases expect.
type Family = fn(&Input<'_>) -> Result<Json>;

/// All families, by the model a case names.
fn family(model: &str) -> Option<Family> {
    let groups = [
        tiers::FAMILIES,
        tables::FAMILIES,
        money::FAMILIES,
        prices::FAMILIES,
        agreements::FAMILIES,
        commissions::FAMILIES,
        chains::FAMILIES,
        ledger::FAMILIES,
        runs::FAMILIES,
        settled::FAMILIES,
    ];
    groups.into_iter().flatten().find(|(name, _)| *name == model).map(|(_, family)| *family)
}

/// What became of a file of cases.
#[derive(Default)]
pub struct Report {
    pub passed: Vec<String>,
    pub failed: Vec<Failure>,
    /// Over HTTP: cases that nothing in the API expresses, with the reason.
    pub left_out: Vec<(String, String)>,
}

pub struct Failure {
    pub id: String,
    pub model: String,
    /// Some family knows the case's model, and got it wrong.
    pub is_mapped: bool,
    /// Why there is no answer to compare, or every member that differs.
    pub differences: Vec<Difference>,
}

/// Runs all cases of a file on the engine: a list, as JSON.
pub fn run(text: &str) -> Result<Report> {
    run_in(Place::Engine, text)
}

/// Runs all cases of a file in a place.
pub fn run_in(place: Place, text: &str) -> Result<Report> {
    let Json::Array(cases) = serde_json::from_str(text.trim_start_matches('\u{feff}'))? else {
        bail!("the file is no list of cases")
    };
    let outcomes = outcomes(place, &cases);
    let mut report = Report::default();
    for ((index, case), outcome) in cases.iter().enumerate().zip(outcomes) {
        let text = |member: &str| case.get(member).and_then(Json::as_str).map(str::to_owned);
        let id = text("id").unwrap_or_else(|| format!("case {index}"));
        let model = text("model").unwrap_or_default();
        match outcome {
            Outcome::LeftOut(why) => report.left_out.push((id, why)),
            Outcome::Compared(differences) if differences.is_empty() => report.passed.push(id),
            Outcome::Compared(differences) => {
                report.failed.push(Failure { is_mapped: family(&model).is_some(), id, model, differences });
            }
        }
    }
    Ok(report)
}

/// Threads that try cases over HTTP: each waits for its own database.
const THREADS: usize = 2;

/// What came of cases, in their order.
fn outcomes(place: Place, cases: &[Json]) -> Vec<Outcome> {
    let of = |case: &Json| outcome(place, case.get("model").and_then(Json::as_str).unwrap_or_default(), case);
    if place == Place::Engine {
        return cases.iter().map(of).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mine = std::iter::from_fn(|| {
            let index = next.fetch_add(1, Ordering::Relaxed);
            cases.get(index).map(|case| (index, of(case)))
        });
        mine.collect::<Vec<_>>()
    };
    let mut done: Vec<(usize, Outcome)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a case that panics is caught")).collect()
    });
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

/// What came of a case.
enum Outcome {
    Compared(Vec<Difference>),
    /// Why it was not tried.
    LeftOut(String),
}

/// What differs between the answer of a place and the expected one.
fn outcome(place: Place, model: &str, case: &Json) -> Outcome {
    let failed = |why: String| Outcome::Compared(vec![Difference::failed(why)]);
    let (Some(input), Some(expected)) = (case.get("input"), case.get("expected")) else {
        return failed("the case has no `input` or no `expected`".to_owned());
    };
    let Some(family) = family(model) else {
        return failed(format!("no family is called `{model}`"));
    };
    let asked = || catch_unwind(AssertUnwindSafe(|| family(&Input::of(input))));
    let (answer, tenants) = within(place, asked);
    match answer {
        Ok(Ok(_)) if place != Place::Engine && tenants == 0 => {
            Outcome::LeftOut("only functions of the engine are asked".to_owned())
        }
        Ok(Ok(got)) => {
            let differences = compare::compare(expected, &got);
            // A family answers over HTTP what it can read there, and nothing in the place of the rest.
            match differences.first() {
                Some(first) if place != Place::Engine && differences.iter().all(Difference::is_missing) => {
                    Outcome::LeftOut(format!("nothing in the API gives {}", first.path()))
                }
                _ => Outcome::Compared(differences),
            }
        }
        Ok(Err(error)) if error.downcast_ref::<EngineOnly>().is_some() => Outcome::LeftOut(format!("{error:#}")),
        Ok(Err(error)) => failed(format!("{error:#}")),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            failed(format!("the engine panicked: {}", text.unwrap_or_default()))
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for failure in &self.failed {
            writeln!(out, "{} ({})", failure.id, failure.model)?;
            for difference in &failure.differences {
                writeln!(out, "  {difference}")?;
            }
        }
        for (id, why) in &self.left_out {
            writeln!(out, "{id} is left out: {why}")?;
        }
        writeln!(out, "{} passed, {} failed", self.passed.len(), self.failed.len())
    }
}
