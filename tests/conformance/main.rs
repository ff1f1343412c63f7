//! Runs a file of settlement cases against the engine: `conformance FILE.json`. Prints every difference and ends with
//! `N passed, N failed`; fails when any case failed.

use anyhow::{Context, Result};
use packwork_tests::conformance;
use std::process::ExitCode;

fn main() -> Result<ExitCode> {
    let file = std::env::args().nth(1).context("say which file: conformance FILE.json")?;
    let text = std::fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
    let report = conformance::run(&text).with_context(|| format!("reading the cases of {file}"))?;
    print!("{report}");
    Ok(if report.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
