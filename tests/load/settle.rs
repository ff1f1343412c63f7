//! Settling a month of work orders with the product and with a hand-written program, on two copies of one SQLite file.
//! What came out must be equal.

mod compare;
mod hand;
pub mod orders;
mod phases;
pub mod prepare;
mod product;
mod report;

use crate::part::{self, Folder};
use crate::words::Words;
use anyhow::{Context, Result, bail};
use serde_json::Value as Json;
use std::path::Path;

pub const PLAN: &str = "internal_settlement";
pub const PERIOD: &str = "2026-03";

struct Asked {
    orders: u32,
    partners: usize,
    /// Each round measures both programs on fresh copies; the best of each counts.
    rounds: u32,
    json: bool,
}

pub fn run(words: &[&str]) -> Result<()> {
    let asked = asked(words)?;
    let folder = Folder::new()?;
    let base = folder.0.join("base");
    progress(&asked, &format!("preparing {} work orders", asked.orders));
    let prepared = start("prepare", &base, &[&asked.orders.to_string(), &asked.partners.to_string()])?;
    let mut product: Vec<Json> = Vec::new();
    let mut hand: Vec<Json> = Vec::new();
    let mut compared = Json::Null;
    for round in 1..=asked.rounds {
        let (of_product, of_hand) = (folder.0.join("product"), folder.0.join("hand"));
        part::copy(&base, &of_product)?;
        part::copy(&base, &of_hand)?;
        progress(&asked, &format!("round {round} of {}: the product", asked.rounds));
        product.push(start("settle", &of_product, &[])?);
        progress(&asked, &format!("round {round} of {}: the hand-written program", asked.rounds));
        hand.push(start("hand", &of_hand, &[])?);
        progress(&asked, "comparing what they wrote");
        compared = compare::run(&part::database(&of_product), &part::database(&of_hand))?;
    }
    progress(&asked, "one late order");
    let late = start("late", &folder.0.join("product"), &[])?;
    progress(&asked, "where the product's time goes");
    let of_phases = folder.0.join("product");
    part::copy(&base, &of_phases)?;
    let phases = start("phases", &of_phases, &[])?;
    let figures = report::figures(&prepared, &product, &hand, &compared, &late, &phases);
    match asked.json {
        true => println!("{figures}"),
        false => report::run(&figures),
    }
    Ok(())
}

fn asked(words: &[&str]) -> Result<Asked> {
    let mut asked = Asked { orders: 100_000, partners: prepare::PARTNERS, rounds: 3, json: false };
    let mut words = Words::of(words);
    while let Some(word) = words.next() {
        match word {
            "--orders" => asked.orders = words.number(word)?,
            "--partners" => {
                asked.partners = usize::try_from(words.number(word)?).context("reading the number of partners")?
            }
            "--rounds" => asked.rounds = words.number(word)?,
            "--json" => asked.json = true,
            other => bail!("`{other}` is not known: load settle [--orders N] [--partners N] [--rounds N] [--json]"),
        }
    }
    Ok(asked)
}

/// One part of the measurement, in this process.
pub async fn part(what: &str, rest: &[&str]) -> Result<Json> {
    match (what, rest) {
        ("prepare", [folder, orders, partners]) => {
            let orders = orders.parse().context("reading the number of orders")?;
            prepare::run(Path::new(folder), orders, partners.parse().context("reading the number of partners")?).await
        }
        ("settle", [folder]) => product::run(Path::new(folder)).await,
        ("late", [folder]) => product::late(Path::new(folder)).await,
        ("hand", [folder]) => hand::run(Path::new(folder)).await,
        ("phases", [folder]) => phases::run(Path::new(folder)).await,
        _ => bail!("there is no part `{what}` with these arguments"),
    }
}

fn start(what: &str, folder: &Path, rest: &[&str]) -> Result<Json> {
    let mut words = vec![part::text(folder)?];
    words.extend(rest);
    part::run(&format!("settle/{what}"), &words)
}

fn progress(asked: &Asked, what: &str) {
    if !asked.json {
        eprintln!("… {what}");
    }
}
