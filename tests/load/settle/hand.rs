//! The hand-written program: what a competent programmer writes for exactly this settlement and nothing else. One
//! connection, the product's driver and settings; constants stand in the SQL. It does not look for lines that are
//! posted already and could not correct any.

mod postgres;
mod rows;
mod rules;
mod sql;
mod sqlite;

use super::connection::Connection;
use super::{PLAN, orders};
use crate::process::Stretch;
use anyhow::{Context, Result};
use packwork::clock::Clock;
use packwork::packs::{install, source::Source};
use packwork_engine::model::Settings;
use rows::{Accounts, Batch, Entry, Statement};
use rules::{Books, Fact, FactRow, Place, Running};
use serde_json::{Value as Json, json};
use sqlx::Connection as _;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

const FACTS_PER_TRANSACTION: usize = 5_000;

#[derive(Default)]
struct Spent {
    reading: Duration,
    deciding: Duration,
    writing: Duration,
    committing: Duration,
}

pub async fn run(at: &str) -> Result<Json> {
    // Only for the digest that traces carry; a program of one's own would have its version here.
    let settings = Settings { zone: "Asia/Shanghai".into(), currency: "CNY".into() };
    let model = install::compile(&Source::Embedded, &settings).context("compiling the packs")?;
    let digest = model.plans.get(PLAN).context("the packs have no such plan")?.digest.to_string();
    let mut connection = Connection::open(at).await?;
    let mut spent = Spent::default();
    let stretch = Stretch::begin();
    let lines = settle(&mut connection, &digest, &mut spent).await?;
    let measured = stretch.end();
    connection.close().await?;
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Ok(json!({
        "first": measured,
        "lines": lines,
        "peak_rss_kib": crate::process::peak_rss_kib(),
        "reading_ms": millis(spent.reading),
        "deciding_ms": millis(spent.deciding),
        "writing_ms": millis(spent.writing),
        "committing_ms": millis(spent.committing),
    }))
}

async fn settle(connection: &mut Connection, digest: &str, spent: &mut Spent) -> Result<usize> {
    let mut ids = orders::Numbers::seeded(Clock::system().now().micros().unsigned_abs());
    let run = ids.id(Clock::system().now().millis());
    let from = Instant::now();
    let books = Books::read(connection, digest).await?;
    let facts: Vec<FactRow> = connection.rows("reading facts", sql::texts(connection).facts).await?;
    let facts: Vec<Fact> = facts.into_iter().map(Fact::of).collect();
    let open: Vec<(Uuid, Uuid, Uuid)> = connection.rows("reading drafts", sql::DRAFTS).await?;
    let mut drafts: BTreeMap<(Uuid, Uuid), Uuid> =
        open.into_iter().map(|(payer, payee, id)| ((payer, payee), id)).collect();
    spent.reading += from.elapsed();

    let mut running = Running::new();
    let mut written = 0;
    for facts in facts.chunks(FACTS_PER_TRANSACTION) {
        let from = Instant::now();
        let at = Clock::system().now();
        let mut batch = Batch::default();
        let mut accounts = Accounts::new();
        for fact in facts {
            let statement = *drafts.entry((fact.department, fact.partner)).or_insert_with(|| {
                let id = ids.id(at.millis());
                batch.statements.push(Statement { id, payer: fact.department, payee: fact.partner, at: at.micros() });
                id
            });
            let place = Place { id: ids.id(at.millis()), statement, run, at: at.micros() };
            let line = books.settle(&mut running, fact, place)?;
            rows::post(&mut accounts, &line);
            batch.lines.push(line);
        }
        for ((account, payer, payee), sums) in accounts {
            batch.entries.push(Entry { id: ids.id(at.millis()), account, payer, payee, sums, run, at: at.micros() });
        }
        spent.deciding += from.elapsed();
        write(connection, &batch, spent).await?;
        written += batch.lines.len();
    }
    Ok(written)
}

async fn write(connection: &mut Connection, batch: &Batch, spent: &mut Spent) -> Result<()> {
    let from = Instant::now();
    let committing = match connection {
        Connection::Sqlite(connection) => {
            let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.context("beginning")?;
            sqlite::write(&mut transaction, batch).await?;
            let written = Instant::now();
            transaction.commit().await.context("committing")?;
            written
        }
        Connection::Postgres(connection) => {
            let mut transaction = connection.begin().await.context("beginning")?;
            postgres::write(&mut transaction, batch).await?;
            let written = Instant::now();
            transaction.commit().await.context("committing")?;
            written
        }
    };
    spent.writing += committing.duration_since(from);
    spent.committing += committing.elapsed();
    Ok(())
}
