//! `packwork pack test`: the cases of packs on the bare engine, or through a whole application over SQLite or PostgreSQL.

use super::{Beside, gather};
use crate::auth::Secret;
use crate::cli::progress::Meter;
use crate::packs::cases::{self, Bench, On, Outcome, junit};
use crate::packs::words;
use crate::service::Locale;
use crate::telemetry;
use anyhow::{Context, bail};
use packwork_engine::diagnostic::Severity;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Some cases differ. That nothing could be run at all is a plain failure.
const DIFFER: u8 = 2;

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Ground {
    Engine,
    Sqlite,
    Postgres,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Test {
    folder: PathBuf,
    /// What the cases run on: the bare engine, or a whole application over a database of its own for each case
    #[arg(long, value_enum, default_value = "engine")]
    on: Ground,
    /// With --on postgres: a database beside which those of the cases are made, and dropped again
    #[arg(long, env = "PACKWORK_DATABASE", value_name = "postgres://…", hide_env_values = true)]
    database: Option<String>,
    /// Only cases whose pack/name contains this
    #[arg(long, alias = "only", value_name = "TEXT")]
    filter: Option<String>,
    /// Also write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Language of what is printed
    #[arg(long, env = "PACKWORK_LOCALE", value_enum, default_value = "en")]
    lang: Locale,
    /// Print the results as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    beside: Beside,
}

impl Test {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<ExitCode> {
        telemetry::start("warn");
        let stop = Arc::new(AtomicBool::new(false));
        let work = {
            let stop = stop.clone();
            tokio::task::spawn_blocking(move || self.work(&stop))
        };
        // What was made for the cases is cleared away before the process ends.
        let interrupted = tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                stop.store(true, Ordering::SeqCst);
            }
        });
        let done = work.await.context("running the cases")?;
        interrupted.abort();
        done
    }

    fn on(&self) -> anyhow::Result<On> {
        Ok(match (self.on, &self.database) {
            (Ground::Engine, _) => On::Engine,
            (Ground::Sqlite, _) => On::Sqlite,
            (Ground::Postgres, Some(database)) => On::Postgres(Secret::new(database.clone())),
            (Ground::Postgres, None) => {
                bail!(
                    "--on postgres needs --database (or PACKWORK_DATABASE): a database beside which new ones are made"
                )
            }
        })
    }

    fn work(&self, stop: &AtomicBool) -> anyhow::Result<ExitCode> {
        let on = self.on()?;
        let gathered = gather(&self.folder, &self.beside)?;
        let meter = Meter::start();
        let bench = Bench::new(gathered.files.clone(), &on, &meter);
        meter.finish();
        let bench = match bench {
            Err(cases::Error::Definitions(found)) => {
                for finding in found.iter().filter(|finding| finding.severity == Severity::Error) {
                    eprintln!("{}", words::line(self.lang, finding));
                }
                bail!("the packs have errors; their cases cannot run");
            }
            other => other?,
        };
        let asked = bench.cases(|pack, case| {
            let address = format!("{pack}/{}", case.name);
            gathered.own.iter().any(|own| own == pack)
                && self.filter.as_ref().is_none_or(|filter| address.contains(filter.as_str()))
        });
        let mut outcomes = Vec::new();
        for (pack, case) in asked {
            if stop.load(Ordering::SeqCst) {
                bail!("interrupted after {} case(s)", outcomes.len());
            }
            let outcome = bench.run(pack, case)?;
            if !self.json {
                print(self.lang, &outcome);
            }
            outcomes.push(outcome);
        }
        let failed = outcomes.iter().filter(|outcome| !outcome.passed).count();
        let passed = outcomes.len() - failed;
        if let Some(file) = &self.junit {
            std::fs::write(file, junit::document(&outcomes))
                .with_context(|| format!("writing `{}`", file.display()))?;
        }
        match self.json {
            true => println!("{:#}", json!({"on": on.as_str(), "passed": passed, "failed": failed, "cases": outcomes})),
            false if self.lang == Locale::Chinese => println!("{passed} 个通过，{failed} 个未通过"),
            false => println!("{passed} passed, {failed} failed"),
        }
        Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(DIFFER) })
    }
}

/// One line for what holds; for what does not, the first difference and how it came to it.
fn print(lang: Locale, outcome: &Outcome) {
    let (ok, fail, happened) = match lang {
        Locale::Chinese => ("通过  ", "未通过", "经过："),
        Locale::English => ("ok    ", "FAIL  ", "what happened:"),
    };
    let Some(first) = outcome.differences.first() else {
        return println!("{ok}{}/{}", outcome.pack, outcome.name);
    };
    println!("{fail}{}/{}: {}", outcome.pack, outcome.name, outcome.title);
    println!("        {first}");
    match (outcome.differences.len(), lang) {
        (1, _) => {}
        (all, Locale::Chinese) => println!("        另有 {} 处不同（--json 可看全部）", all - 1),
        (all, Locale::English) => println!("        and {} more (--json shows all)", all - 1),
    }
    println!("      {happened}");
    for event in &outcome.trace {
        println!("        {event}");
    }
}
