//! Settling a month of work orders with the product and with a hand-written program, on two copies of one SQLite file or
//! of one PostgreSQL database. What came out must be equal.

mod compare;
pub mod connection;
mod copies;
mod hand;
pub mod orders;
mod phases;
pub mod prepare;
mod product;
mod report;

use crate::part;
use crate::words::Words;
use anyhow::{Context, Result, bail};
use copies::{Copies, HAND, PHASES, PRODUCT};
use serde_json::Value as Json;

pub const PLAN: &str = "internal_settlement";
pub const PERIOD: &str = "2026-03";

struct Asked {
    database: String,
    orders: u32,
    partners: usize,
    /// Each round measures both programs on fresh copies; the best of each counts.
    rounds: u32,
    json: bool,
}

pub fn run(words: &[&str]) -> Result<()> {
    let asked = asked(words)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting tokio")?;
    let figures = runtime.block_on(measure(&asked))?;
    match asked.json {
        true => println!("{figures}"),
        false => report::run(&figures),
    }
    Ok(())
}

async fn measure(asked: &Asked) -> Result<Json> {
    let copies = Copies::of(&asked.database)?;
    let figures = measure_on(asked, &copies).await;
    let cleared = copies.clear().await;
    let figures = figures?;
    cleared?;
    Ok(figures)
}

async fn measure_on(asked: &Asked, copies: &Copies) -> Result<Json> {
    progress(asked, &format!("preparing {} work orders on {}", asked.orders, asked.database));
    let base = copies.base().await?;
    let prepared = start("prepare", &base, &[&asked.orders.to_string(), &asked.partners.to_string()])?;
    let mut product: Vec<Json> = Vec::new();
    let mut hand: Vec<Json> = Vec::new();
    let mut compared = Json::Null;
    for round in 1..=asked.rounds {
        let of_product = copies.fresh(PRODUCT).await?;
        progress(asked, &format!("round {round} of {}: the product", asked.rounds));
        product.push(start("settle", &of_product, &[])?);
        let of_hand = copies.fresh(HAND).await?;
        progress(asked, &format!("round {round} of {}: the hand-written program", asked.rounds));
        hand.push(start("hand", &of_hand, &[])?);
        progress(asked, "comparing what they wrote");
        compared = compare::run(&of_product, &of_hand).await?;
    }
    progress(asked, "one late order");
    let late = start("late", &copies.at(PRODUCT)?, &[])?;
    progress(asked, "where the product's time goes");
    let phases = start("phases", &copies.fresh(PHASES).await?, &[])?;
    Ok(report::figures(&report::Measured {
        database: &asked.database,
        prepared,
        product,
        hand,
        compared,
        late,
        phases,
    }))
}

fn asked(words: &[&str]) -> Result<Asked> {
    let mut asked =
        Asked { database: "sqlite".into(), orders: 100_000, partners: prepare::PARTNERS, rounds: 3, json: false };
    let mut words = Words::of(words);
    while let Some(word) = words.next() {
        match word {
            "--database" => asked.database = words.database(word)?.to_owned(),
            "--orders" => asked.orders = words.number(word)?,
            "--partners" => {
                asked.partners = usize::try_from(words.number(word)?).context("reading the number of partners")?
            }
            "--rounds" => asked.rounds = words.number(word)?,
            "--json" => asked.json = true,
            other => bail!(
                "`{other}` is not known: load settle [--database sqlite|postgres] [--orders N] [--partners N] [--rounds N] [--json]"
            ),
        }
    }
    Ok(asked)
}

/// One part of the measurement, in this process.
pub async fn part(what: &str, rest: &[&str]) -> Result<Json> {
    match (what, rest) {
        ("prepare", [at, orders, partners]) => {
            let orders = orders.parse().context("reading the number of orders")?;
            prepare::run(at, orders, partners.parse().context("reading the number of partners")?).await
        }
        ("settle", [at]) => product::run(at).await,
        ("late", [at]) => product::late(at).await,
        ("hand", [at]) => hand::run(at).await,
        ("phases", [at]) => phases::run(at).await,
        _ => bail!("there is no part `{what}` with these arguments"),
    }
}

fn start(what: &str, at: &str, rest: &[&str]) -> Result<Json> {
    let mut words = vec![at];
    words.extend(rest);
    part::run(&format!("settle/{what}"), &words)
}

fn progress(asked: &Asked, what: &str) {
    if !asked.json {
        eprintln!("… {what}");
    }
}
