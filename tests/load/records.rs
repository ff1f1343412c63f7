//! The records API over HTTP: the product's server and a hand-written one for the same object, over copies of the same
//! data, driven in turns by one client. The figures are ratios of rates in one run on one machine.

pub mod client;
mod hand;
mod import;
mod product;
mod report;
mod rows;
pub mod server;
mod work;

use crate::part::{self, Folder, TENANT};
use crate::words::Words;
use anyhow::{Context, Result, bail};
use client::{Connection, Request};
use packwork_tests::postgres;
use serde_json::{Value as Json, json};
use server::Server;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use work::{Side, Work};

/// How long a server is driven before its first round of a kind of work, unmeasured.
const WARM_UP: Duration = Duration::from_millis(500);
/// Between the start of the servers and the look at what they hold.
const REST: Duration = Duration::from_secs(3);

struct Asked {
    database: String,
    rows: u64,
    /// Of one stint: each round drives the product so long, then the other.
    seconds: u32,
    rounds: u32,
    json: bool,
    only: Vec<Work>,
    imports: bool,
    /// Goes on driving the product alone, for a profiler.
    profile: bool,
}

pub fn run(words: &[&str]) -> Result<()> {
    if let ["sql", database] = words {
        report::statements(hand::statements(database)?);
        return Ok(());
    }
    let asked = asked(words)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting tokio")?;
    runtime.block_on(measure(&asked))
}

fn asked(words: &[&str]) -> Result<Asked> {
    let mut asked = Asked {
        database: "sqlite".into(),
        rows: 1_000_000,
        seconds: 3,
        rounds: 3,
        json: false,
        only: Work::ALL.to_vec(),
        imports: true,
        profile: false,
    };
    let mut words = Words::of(words);
    while let Some(word) = words.next() {
        match word {
            "--database" => asked.database = words.database(word)?.to_owned(),
            "--rows" => asked.rows = words.number(word)?.into(),
            "--seconds" => asked.seconds = words.number(word)?,
            "--rounds" => asked.rounds = words.number(word)?,
            "--json" => asked.json = true,
            "--profile" => asked.profile = true,
            "--only" => {
                let named = |name: &str| Work::named(name).with_context(|| format!("there is no work `{name}`"));
                let (imports, others): (Vec<&str>, Vec<&str>) =
                    words.text(word)?.split(',').partition(|name| *name == import::NAME);
                asked.imports = !imports.is_empty();
                asked.only = others.into_iter().map(named).collect::<Result<_>>()?;
            }
            other => bail!("`{other}` is not known; `load` alone lists what is"),
        }
    }
    Ok(asked)
}

/// One part of the measurement, in this process.
pub async fn part(what: &str, rest: &[&str]) -> Result<Json> {
    match (what, rest) {
        ("prepare", [at, tenant, rows]) => {
            product::prepare(at, tenant, rows.parse().context("reading the number of rows")?).await
        }
        ("product", [at, tenant]) => served(product::serve(at, Some(tenant)).await),
        ("hand", [at, tenant]) => served(hand::serve(at, tenant).await),
        _ => bail!("there is no part `{what}` with these arguments"),
    }
}

/// Whoever started a server reads its standard output, not its log.
fn served(done: Result<()>) -> Result<Json> {
    Ok(done.map_or_else(|error| json!({"error": format!("{error:#}")}), |()| Json::Null))
}

/// Where each server has its data.
struct Places {
    product: [String; 2],
    hand: [String; 2],
    folder: Folder,
    base: Option<Base>,
}

/// A database of a PostgreSQL server, made for the measurement.
struct Base {
    server: String,
    name: String,
}

impl Places {
    async fn prepare(asked: &Asked) -> Result<Places> {
        let folder = Folder::new()?;
        let rows = asked.rows.to_string();
        if asked.database == "sqlite" {
            let (product, hand) = (folder.0.join("product"), folder.0.join("hand"));
            part::run("records/prepare", &[part::text(&product)?, TENANT, &rows])?;
            part::copy(&product, &hand)?;
            let place =
                |path: &std::path::Path| Ok::<_, anyhow::Error>([part::text(path)?.to_owned(), TENANT.to_owned()]);
            return Ok(Places { product: place(&product)?, hand: place(&hand)?, folder, base: None });
        }
        let server = postgres::durable()?;
        let name = format!("packwork_load_{}", std::process::id());
        let base = Base { server, name };
        postgres::execute(&base.server, &format!("CREATE DATABASE {}", base.name)).await?;
        let at = postgres::of_database(&base.server, &base.name);
        for tenant in ["product", "hand"] {
            part::run("records/prepare", &[&at, tenant, &rows])?;
        }
        let place = |tenant: &str| [at.clone(), tenant.to_owned()];
        Ok(Places { product: place("product"), hand: place("hand"), folder, base: Some(base) })
    }

    async fn clear(self) -> Result<()> {
        match &self.base {
            Some(base) => postgres::execute(&base.server, &format!("DROP DATABASE {} WITH (FORCE)", base.name)).await,
            None => Ok(()),
        }
    }
}

async fn measure(asked: &Asked) -> Result<()> {
    progress(asked, &format!("preparing {} rows on {}", asked.rows, asked.database));
    let places = Places::prepare(asked).await?;
    let figures = drive_all(asked, &places).await;
    places.clear().await?;
    let figures = figures?;
    match asked.json {
        true => println!("{figures}"),
        false => report::run(&figures),
    }
    Ok(())
}

async fn drive_all(asked: &Asked, places: &Places) -> Result<Json> {
    let start = |part: &str, [at, tenant]: &[String; 2]| Server::start(part, &[at, tenant]);
    let product = start("records/product", &places.product)?;
    let hand = start("records/hand", &places.hand)?;
    // Idle is who has had nothing to do for a while, not who has just started.
    tokio::time::sleep(REST).await;
    let idle = [product.rss_kib(), hand.rss_kib()];
    let token = sign_in(&product).await?;
    let mut pair = Pair { asked, product, hand, token, numbers: Arc::default() };
    if asked.profile {
        return pair.profile().await;
    }
    let mut works = Vec::new();
    for work in asked.only.iter().copied() {
        works.push(pair.work(work).await?);
    }
    if asked.imports {
        progress(asked, "importing a file");
        let [at, _] = &places.product;
        let plain = import::Plain { database: &asked.database, at, folder: &places.folder.0 };
        let rounds = import::measure(&pair.product, &pair.token, &plain, asked.rounds).await?;
        works.push(import::row(&rounds));
    }
    let peak = [pair.product.peak_rss_kib(), pair.hand.peak_rss_kib()];
    let sides = |[product, hand]: [u64; 2]| json!({"product": product, "hand": hand});
    Ok(json!({
        "database": asked.database, "rows": asked.rows, "seconds": asked.seconds, "rounds": asked.rounds,
        "idle_rss_kib": sides(idle), "peak_rss_kib": sides(peak), "works": works,
    }))
}

async fn sign_in(product: &Server) -> Result<String> {
    let body = json!({"user": product::LOGIN, "password": product::PASSWORD}).to_string();
    let mut connection = Connection::open(product.port, None).await?;
    let (status, body) = connection.ask(&Request::post("/api/v1/session", body, None)).await?;
    let answer: Json = serde_json::from_slice(body).context("reading the answer to signing in")?;
    let token = answer["token"].as_str().with_context(|| format!("signing in was answered with {status}: {answer}"))?;
    Ok(token.to_owned())
}

/// The two servers and who drives them.
struct Pair<'a> {
    asked: &'a Asked,
    product: Server,
    hand: Server,
    token: String,
    numbers: Arc<AtomicU64>,
}

impl Pair<'_> {
    async fn work(&mut self, work: Work) -> Result<Json> {
        progress(self.asked, work.described());
        let mut ours = Connection::open(self.product.port, Some(&self.token)).await?;
        let mut theirs = Connection::open(self.hand.port, None).await?;
        work::same_answers(work, &mut ours, &mut theirs, self.asked.rows).await?;
        for side in [Side::Product, Side::Hand] {
            self.drive(work, side, WARM_UP).await?;
        }
        let mut rounds: Vec<[Json; 2]> = Vec::new();
        for round in 0..self.asked.rounds {
            // Whoever goes first finds the machine in another state; so they take turns in that too.
            let time = Duration::from_secs(self.asked.seconds.into());
            let (product, hand) = if round % 2 == 0 {
                let product = self.drive(work, Side::Product, time).await?;
                (product, self.drive(work, Side::Hand, time).await?)
            } else {
                let hand = self.drive(work, Side::Hand, time).await?;
                (self.drive(work, Side::Product, time).await?, hand)
            };
            rounds.push([product, hand]);
        }
        Ok(report::work(work, &rounds))
    }

    async fn drive(&self, work: Work, side: Side, time: Duration) -> Result<Json> {
        let (server, token) = match side {
            Side::Product => (&self.product, Some(self.token.as_str())),
            Side::Hand => (&self.hand, None),
        };
        let rows = self.asked.rows;
        let request = Arc::new(move |number| work.request(side, number, rows));
        let cpu_ms = server.cpu_ms();
        let driven = client::drive(server.port, token, work.connections(), time, &self.numbers, request).await?;
        let cpu_ms = server.cpu_ms().saturating_sub(cpu_ms);
        Ok(json!({
            "rate": driven.per_second() * work.counts(),
            "p50_us": driven.percentile(50), "p99_us": driven.percentile(99),
            "requests": driven.requests,
            "cpu_us": cpu_ms * 1_000 / driven.requests.max(1),
            "rss_kib": server.rss_kib(),
        }))
    }

    /// Drives the product alone, so that a profiler can look at its process.
    async fn profile(&mut self) -> Result<Json> {
        let time = Duration::from_secs(self.asked.seconds.into());
        for work in self.asked.only.iter().copied() {
            eprintln!(
                "{}: process {} of the product, {} of the other",
                work.name(),
                self.product.process(),
                self.hand.process()
            );
            eprintln!("product {}", self.drive(work, Side::Product, time).await?);
            eprintln!("hand    {}", self.drive(work, Side::Hand, time).await?);
        }
        Ok(Json::Null)
    }
}

fn progress(asked: &Asked, what: &str) {
    if !asked.json {
        eprintln!("… {what}");
    }
}
