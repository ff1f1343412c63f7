//! The load measurement: settling a month of work orders with the product and with a hand-written program, on two
//! copies of one SQLite file. What came out must be equal; the figures are ratios of one run on one machine.
//!
//! `load [--orders N] [--rounds N] [--json]` measures; `load micro [--json]` measures the engine alone, in memory.
//! `load --child WHAT DIR …` is the measurement's own: each part runs in a process of its own, so that its time and
//! memory are its own.

mod compare;
mod hand;
mod micro;
mod orders;
mod phases;
mod prepare;
mod process;
mod product;
mod report;

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

const PLAN: &str = "internal_settlement";
const PERIOD: &str = "2026-03";
const TENANT: &str = "main";

struct Asked {
    orders: u32,
    /// Each round measures both programs on fresh copies; the best of each counts.
    rounds: u32,
    json: bool,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match &words[..] {
        ["--child", what, folder, rest @ ..] => child(what, Path::new(folder), rest),
        ["micro"] => micro::run().map(|figures| report::micro(&figures)),
        ["micro", "--json"] => micro::run().map(|figures| println!("{figures}")),
        rest => asked(rest).and_then(|asked| measure(&asked)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn asked(words: &[&str]) -> Result<Asked> {
    let mut asked = Asked { orders: 100_000, rounds: 3, json: false };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut number = || -> Result<u32> {
            let text = words.next().with_context(|| format!("`{word}` needs a number"))?;
            text.parse().with_context(|| format!("`{text}` is no number for `{word}`"))
        };
        match *word {
            "--orders" => asked.orders = number()?.max(1),
            "--rounds" => asked.rounds = number()?.max(1),
            "--json" => asked.json = true,
            other => bail!("`{other}` is not known: load [--orders N] [--rounds N] [--json] | load micro [--json]"),
        }
    }
    Ok(asked)
}

/// One part of the measurement, in this process. Its figures go to standard output as one line of JSON.
fn child(what: &str, folder: &Path, rest: &[&str]) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting tokio")?;
    let figures = runtime.block_on(async {
        match (what, rest) {
            ("prepare", [orders]) => {
                prepare::run(folder, orders.parse().context("reading the number of orders")?).await
            }
            ("settle", []) => product::run(folder).await,
            ("hand", []) => hand::run(folder).await,
            ("phases", []) => phases::run(folder).await,
            _ => bail!("there is no part `{what}` with these arguments"),
        }
    })?;
    println!("{figures}");
    Ok(())
}

fn measure(asked: &Asked) -> Result<()> {
    let folder = Folder::new()?;
    let base = folder.0.join("base");
    progress(asked, &format!("preparing {} work orders", asked.orders));
    let prepared = start("prepare", &base, &[&asked.orders.to_string()])?;
    let mut product: Vec<Json> = Vec::new();
    let mut hand: Vec<Json> = Vec::new();
    let mut compared = Json::Null;
    for round in 1..=asked.rounds {
        let (of_product, of_hand) = (folder.0.join("product"), folder.0.join("hand"));
        copy(&base, &of_product)?;
        copy(&base, &of_hand)?;
        progress(asked, &format!("round {round} of {}: the product", asked.rounds));
        product.push(start("settle", &of_product, &[])?);
        progress(asked, &format!("round {round} of {}: the hand-written program", asked.rounds));
        hand.push(start("hand", &of_hand, &[])?);
        progress(asked, "comparing what they wrote");
        compared = compare::run(&database(&of_product), &database(&of_hand))?;
    }
    progress(asked, "where the product's time goes");
    let of_phases = folder.0.join("product");
    copy(&base, &of_phases)?;
    let phases = start("phases", &of_phases, &[])?;
    let figures = report::figures(&prepared, &product, &hand, &compared, &phases);
    match asked.json {
        true => println!("{figures}"),
        false => report::run(&figures),
    }
    Ok(())
}

fn progress(asked: &Asked, what: &str) {
    if !asked.json {
        eprintln!("… {what}");
    }
}

/// Runs a part in a process of its own and reads its figures.
fn start(what: &str, folder: &Path, rest: &[&str]) -> Result<Json> {
    let program = std::env::current_exe().context("finding this program")?;
    let mut command = Command::new(program);
    command.arg("--child").arg(what).arg(folder).args(rest).stderr(Stdio::inherit());
    let output = command.output().with_context(|| format!("starting the part `{what}`"))?;
    if !output.status.success() {
        bail!("the part `{what}` failed");
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("reading the figures of `{what}`"))
}

fn database(folder: &Path) -> PathBuf {
    folder.join("tenants").join(format!("{TENANT}.db"))
}

/// A fresh copy of a data folder's database.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        std::fs::remove_dir_all(to).context("removing an earlier copy")?;
    }
    std::fs::create_dir_all(to.join("tenants")).context("making a folder for a copy")?;
    std::fs::copy(database(from), database(to)).context("copying the database")?;
    // Written back now rather than under the first program that syncs.
    std::fs::File::open(database(to)).and_then(|file| file.sync_all()).context("syncing the copy")
}

/// A folder that goes with the measurement.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Folder> {
        let path = std::env::temp_dir().join(format!("packwork-load-{}", std::process::id()));
        std::fs::create_dir_all(&path).context("making a temporary folder")?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
