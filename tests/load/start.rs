//! How long a server takes from its start as a process to its first answer, on a database that stands, with all packs.

use crate::part::{self, Folder, TENANT};
use crate::records::client::{Connection, Request};
use crate::words::Words;
use crate::{process, records};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value as Json, json};
use std::time::Duration;
use tokio::time::Instant;

struct Asked {
    times: u32,
    json: bool,
}

pub fn run(words: &[&str]) -> Result<()> {
    let mut asked = Asked { times: 10, json: false };
    let mut words = Words::of(words);
    while let Some(word) = words.next() {
        match word {
            "--times" => asked.times = words.number(word)?,
            "--json" => asked.json = true,
            other => bail!("`{other}` is not known: load start [--times N] [--json]"),
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting tokio")?;
    let figures = runtime.block_on(measure(asked.times))?;
    match asked.json {
        true => println!("{figures}"),
        false => println!(
            "from the start of the process to the first answer: {} ms at best, {} ms in the middle of {} times; {} MiB after it",
            figures["best_ms"],
            figures["middle_ms"],
            asked.times,
            figures["rss_kib"].as_u64().unwrap_or(0) / 1_024
        ),
    }
    Ok(())
}

async fn measure(times: u32) -> Result<Json> {
    let folder = Folder::new()?;
    let data = folder.0.join("data");
    let at = part::text(&data)?;
    part::run("records/prepare", &[at, TENANT, "1000"])?;
    let mut taken: Vec<Duration> = Vec::new();
    let mut rss_kib = 0;
    for _ in 0..times {
        let begun = Instant::now();
        let server = records::server::Server::start("records/product", &[at, TENANT])?;
        let mut connection = Connection::open(server.port, None).await?;
        let (status, _) = connection.ask(&Request::get("/api/v1/me".into())).await?;
        taken.push(begun.elapsed());
        // Nobody is signed in; the answer went through the whole of it all the same.
        ensure!(status == 401, "the first request was answered with {status}");
        rss_kib = process::rss_kib(server.process());
    }
    taken.sort_unstable();
    let millis = |at: usize| taken.get(at).map_or(0, |taken| u64::try_from(taken.as_millis()).unwrap_or(u64::MAX));
    Ok(json!({"times": times, "best_ms": millis(0), "middle_ms": millis(taken.len() / 2), "rss_kib": rss_kib}))
}
