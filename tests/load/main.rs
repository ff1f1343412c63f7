//! Measurements in ratios: the product beside programs written by hand for exactly one task, in one run on one machine.
//!
//! `load settle` settles a month of work orders, `load records` drives the records API over HTTP, `load start` starts
//! the server over and over, `load compile` compiles and checks generated packs, `load lookups` asks large rate tables,
//! `load micro` measures the engine alone, in memory. Each part of a measurement runs in a
//! process of its own (`load --child PART …`), so that its time and memory are its own.

mod compile;
mod lookups;
mod micro;
mod part;
mod process;
mod records;
mod settle;
mod start;
mod words;

use anyhow::{Context, Result, bail};
use std::process::ExitCode;

/// The product's, for both sides.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const USAGE: &str = "load settle [--database sqlite|postgres] [--orders N] [--partners N] [--rounds N] [--json]
load records [--database sqlite|postgres] [--rows N] [--seconds N] [--rounds N] [--json] [--only create,read,page,import,…]
load start [--times N] [--json]
load compile [--objects N] [--definitions N] [--times N] [--json]
load lookups [--keys N] [--json]
load micro [--orders N] [--parties N] [--json]";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match &words[..] {
        ["--child", part, rest @ ..] => child(part, rest),
        ["settle", rest @ ..] => settle::run(rest),
        ["records", rest @ ..] => records::run(rest),
        ["start", rest @ ..] => start::run(rest),
        ["compile", rest @ ..] => compile::run(rest),
        ["lookups", rest @ ..] => lookups::run(rest),
        ["micro", rest @ ..] => micro::run(rest),
        [other, ..] => Err(anyhow::anyhow!("`{other}` is not known; there is\n{USAGE}")),
        [] => Err(anyhow::anyhow!("say what to measure:\n{USAGE}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// One part of a measurement, in this process. Its figures go to standard output as one line of JSON.
fn child(part: &str, rest: &[&str]) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting tokio")?;
    let figures = runtime.block_on(async {
        match part.split_once('/') {
            Some(("settle", part)) => settle::part(part, rest).await,
            Some(("records", part)) => records::part(part, rest).await,
            Some(("compile", part)) => compile::part(part, rest),
            _ => bail!("there is no part `{part}`"),
        }
    })?;
    println!("{figures}");
    Ok(())
}
