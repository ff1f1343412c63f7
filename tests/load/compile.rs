//! How long definitions take: reading a pack, compiling a model of 200 objects with 4,000 fields and 500 scripts, and all
//! of `pack check` over 1,000 definitions on a disk, from the start of its process to its last finding.

mod packs;

use crate::part::{self, Folder};
use crate::words::Words;
use anyhow::{Context, Result, bail, ensure};
use packwork::packs::{check, source};
use packwork_engine::diagnostic::{Diagnostic, Diagnostics, Severity};
use packwork_engine::model::{Model, Settings};
use packwork_engine::pack::Pack;
use serde_json::{Value as Json, json};
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

struct Asked {
    objects: u32,
    definitions: u32,
    times: u32,
    json: bool,
}

pub fn run(words: &[&str]) -> Result<()> {
    let mut asked = Asked { objects: 200, definitions: 1_000, times: 10, json: false };
    let mut words = Words::of(words);
    while let Some(word) = words.next() {
        match word {
            "--objects" => asked.objects = words.number(word)?,
            "--definitions" => asked.definitions = words.number(word)?,
            "--times" => asked.times = words.number(word)?,
            "--json" => asked.json = true,
            other => bail!("`{other}` is not known: load compile [--objects N] [--definitions N] [--times N] [--json]"),
        }
    }
    let compiled = compile(asked.objects, asked.times)?;
    // A quarter and a half of it: what grows faster than the definitions shows.
    let smaller = [4, 2].map(|part| compile((asked.objects / part).max(1), asked.times));
    let smaller = smaller.into_iter().collect::<Result<Vec<Json>>>()?;
    let good = checked(asked.definitions, asked.times, packs::Flaws::None)?;
    let flawed = checked(asked.definitions, asked.times, packs::Flaws::EveryTenth)?;
    if asked.json {
        println!("{}", json!({"compile": compiled, "smaller": smaller, "check": good, "check_flawed": flawed}));
        return Ok(());
    }
    for figures in smaller.iter().chain([&compiled]) {
        println!(
            "{} objects, {} fields, {} scripts: read in {} µs, compiled in {} µs (best of {}); the first of the process {} µs",
            figures["objects"],
            figures["fields"],
            figures["scripts"],
            figures["read_us"],
            figures["compile_us"],
            figures["times"],
            figures["first_us"],
        );
    }
    for figures in [&good, &flawed] {
        println!(
            "pack check of {} definitions with {} finding(s): {} µs from start to end of the process (best of {}; middle {})",
            figures["definitions"], figures["findings"], figures["best_us"], figures["times"], figures["middle_us"],
        );
    }
    Ok(())
}

/// Parts of the measurement that are processes of their own.
pub fn part(part: &str, rest: &[&str]) -> Result<Json> {
    match (part, rest) {
        ("check", [folder]) => {
            let found = look(Path::new(folder))?;
            Ok(json!({"findings": found.len()}))
        }
        _ => bail!("there is no part `compile/{part}`"),
    }
}

/// What `packwork pack check` does with a folder.
fn look(folder: &Path) -> Result<Vec<Diagnostic>> {
    let gathered = check::gather(folder, &source::Source::Embedded)?;
    Ok(check::findings(&gathered))
}

fn compile(objects: u32, times: u32) -> Result<Json> {
    let files = packs::objects(objects);
    let (mut read, mut compiled, mut first) = (Vec::new(), Vec::new(), Duration::ZERO);
    let mut counted = (0, 0);
    for round in 0..times {
        let begun = Instant::now();
        let mut found = Diagnostics::default();
        let pack = Pack::read(&files, &mut found);
        let reading = begun.elapsed();
        let begun = Instant::now();
        let (model, more) = Model::compile(vec![pack], &Settings::default());
        let compiling = begun.elapsed();
        found.extend(more);
        let errors = found.into_sorted().into_iter().find(|finding| finding.severity == Severity::Error);
        ensure!(
            errors.is_none(),
            "what was generated is wrong: {}",
            errors.map(|error| error.to_string()).unwrap_or_default()
        );
        let model = model.context("the model of the generated pack")?;
        let own = model.objects.values().map(|object| object.own_fields().count()).sum::<usize>();
        counted = (own, packs::SCRIPTS_OF_FOUR as usize * model.objects.len() / 4);
        if round == 0 {
            first = reading + compiling;
        }
        read.push(reading);
        compiled.push(compiling);
    }
    Ok(json!({
        "objects": objects,
        "fields": counted.0,
        "scripts": counted.1,
        "times": times,
        "read_us": best(&read),
        "compile_us": best(&compiled),
        "first_us": micros(first),
    }))
}

fn checked(definitions: u32, times: u32, flaws: packs::Flaws) -> Result<Json> {
    let folder = Folder::new()?;
    let pack = folder.0.join("load");
    let files = packs::of_all_kinds(definitions, flaws);
    for (file, bytes) in &files {
        let path = pack.join(file);
        std::fs::create_dir_all(path.parent().context("a file of a pack lies in a folder")?)?;
        std::fs::write(&path, bytes).with_context(|| format!("writing `{}`", path.display()))?;
    }
    let mut taken = Vec::new();
    let mut figures = Json::Null;
    for _ in 0..times {
        let begun = Instant::now();
        figures = part::run("compile/check", &[part::text(&folder.0)?])?;
        taken.push(begun.elapsed());
    }
    taken.sort_unstable();
    let wrong = figures["findings"].as_u64().unwrap_or(0);
    ensure!((wrong == 0) == matches!(flaws, packs::Flaws::None), "{wrong} finding(s) in what was generated");
    Ok(json!({
        "definitions": files.keys().filter(|file| packs::is_definition(file)).count(),
        "findings": wrong,
        "times": times,
        "best_us": best(&taken),
        "middle_us": taken.get(taken.len() / 2).map(|taken| micros(*taken)),
    }))
}

fn best(taken: &[Duration]) -> u64 {
    taken.iter().min().map_or(0, |taken| micros(*taken))
}

fn micros(taken: Duration) -> u64 {
    u64::try_from(taken.as_micros()).unwrap_or(u64::MAX)
}
