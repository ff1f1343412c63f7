//! Settlement cases against the engine: each case's input becomes definitions as people write them, read, checked and
//! compiled by the engine; its functions give the answer, which is compared with what the case expects. Nothing is
//! computed here. A case that cannot be mapped has failed.

mod agreements;
mod chains;
mod commissions;
mod compare;
mod ledger;
mod money;
pub mod planned;
mod prices;
mod read;
mod runs;
mod settled;
mod tables;
mod tiers;
pub mod world;

use anyhow::{Result, bail};
use compare::Difference;
use read::Input;
use serde_json::Value as Json;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

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
pub struct Report {
    pub passed: Vec<String>,
    pub failed: Vec<Failure>,
}

pub struct Failure {
    pub id: String,
    pub model: String,
    /// Some family knows the case's model, and got it wrong.
    pub is_mapped: bool,
    /// Why there is no answer to compare, or every member that differs.
    pub differences: Vec<Difference>,
}

/// Runs all cases of a file: a list, as JSON.
pub fn run(text: &str) -> Result<Report> {
    let Json::Array(cases) = serde_json::from_str(text.trim_start_matches('\u{feff}'))? else {
        bail!("the file is no list of cases")
    };
    let mut report = Report { passed: Vec::new(), failed: Vec::new() };
    for (index, case) in cases.iter().enumerate() {
        let text = |member: &str| case.get(member).and_then(Json::as_str).map(str::to_owned);
        let id = text("id").unwrap_or_else(|| format!("case {index}"));
        let model = text("model").unwrap_or_default();
        let differences = differences(&model, case);
        match differences.is_empty() {
            true => report.passed.push(id),
            false => report.failed.push(Failure { is_mapped: family(&model).is_some(), id, model, differences }),
        }
    }
    Ok(report)
}

/// What differs between the engine's answer and the expected one.
fn differences(model: &str, case: &Json) -> Vec<Difference> {
    let (Some(input), Some(expected)) = (case.get("input"), case.get("expected")) else {
        return vec![Difference::failed("the case has no `input` or no `expected`")];
    };
    let Some(family) = family(model) else {
        return vec![Difference::failed(format!("no family is called `{model}`"))];
    };
    let answer = catch_unwind(AssertUnwindSafe(|| family(&Input::of(input))));
    match answer {
        Ok(Ok(got)) => compare::compare(expected, &got),
        Ok(Err(error)) => vec![Difference::failed(format!("{error:#}"))],
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            vec![Difference::failed(format!("the engine panicked: {}", text.unwrap_or_default()))]
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
        writeln!(out, "{} passed, {} failed", self.passed.len(), self.failed.len())
    }
}
