//! Runs a file of settlement cases against the engine: `conformance FILE.json`. With `--http` each case's definitions are
//! published in a tenant of its own behind HTTP instead, in a temporary folder. Prints every difference and ends with
//! `N passed, N failed`; fails when any case failed.

use anyhow::{Context, Result, bail};
use packwork_tests::app::On;
use packwork_tests::conformance::{self, Place};
use std::process::ExitCode;

fn main() -> Result<ExitCode> {
    let (options, files): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let place = match options.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => Place::Engine,
        ["--http"] => Place::Http(On::Sqlite),
        other => bail!("there is no option {}", other.join(" ")),
    };
    let file = files.first().context("say which file: conformance [--http] FILE.json")?;
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {file}"))?;
    let report = conformance::run_in(place, &text).with_context(|| format!("reading the cases of {file}"))?;
    print!("{report}");
    Ok(if report.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
