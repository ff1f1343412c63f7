//! The hand-written program: what a competent programmer writes for exactly this settlement and nothing else. One
//! connection, the product's driver and settings; constants stand in the SQL. It does not look for lines that are
//! posted already and could not correct any.

mod rows;
mod rules;
mod sql;

use super::{PLAN, orders};
use crate::part::database;
use crate::process::Stretch;
use anyhow::{Context, Result};
use futures_util::TryStreamExt;
use packwork::clock::Clock;
use packwork::packs::{install, source::Source};
use packwork_engine::model::Settings;
use rows::{Entry, Line, Statement};
use rules::{Books, Fact, Place, Running};
use serde_json::{Value as Json, json};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

const FACTS_PER_TRANSACTION: usize = 5_000;
const ROWS_PER_STATEMENT: usize = 500;

#[derive(Default)]
struct Spent {
    reading: Duration,
    deciding: Duration,
    writing: Duration,
    committing: Duration,
}

pub async fn run(folder: &Path) -> Result<Json> {
    // Only for the digest that traces carry; a program of one's own would have its version here.
    let settings = Settings { zone: "Asia/Shanghai".into(), currency: "CNY".into() };
    let model = install::compile(&Source::Embedded, &settings).context("compiling the packs")?;
    let digest = model.plans.get(PLAN).context("the packs have no such plan")?.digest.to_string();
    let mut connection = orders::connect(&database(folder)).await?;
    let mut spent = Spent::default();
    let stretch = Stretch::begin();
    let lines = settle(&mut connection, &digest, &mut spent).await?;
    let measured = stretch.end();
    connection.close().await.context("closing the file")?;
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

async fn settle(connection: &mut SqliteConnection, digest: &str, spent: &mut Spent) -> Result<usize> {
    let mut ids = orders::Numbers::seeded(Clock::system().now().micros().unsigned_abs());
    let run = ids.id(Clock::system().now().millis());
    let from = Instant::now();
    let books = Books::read(connection, digest).await?;
    let mut facts: Vec<Fact> = Vec::new();
    {
        let mut rows = sqlx::query(sql::FACTS).fetch(&mut *connection);
        while let Some(row) = rows.try_next().await.context("reading facts")? {
            facts.push(Fact::read(&row).context("reading a fact")?);
        }
    }
    let mut drafts: BTreeMap<(Uuid, Uuid), Uuid> = BTreeMap::new();
    let open: Vec<(Uuid, Uuid, Uuid)> =
        sqlx::query_as(sql::DRAFTS).fetch_all(&mut *connection).await.context("reading drafts")?;
    drafts.extend(open.into_iter().map(|(payer, payee, id)| ((payer, payee), id)));
    spent.reading += from.elapsed();

    let mut running = Running::new();
    let mut written = 0;
    for facts in facts.chunks(FACTS_PER_TRANSACTION) {
        let from = Instant::now();
        let at = Clock::system().now();
        let mut lines: Vec<Line> = Vec::with_capacity(facts.len());
        let mut statements: Vec<Statement> = Vec::new();
        let mut entries: BTreeMap<(&'static str, Uuid, Uuid), Entry> = BTreeMap::new();
        for fact in facts {
            let statement = *drafts.entry((fact.department, fact.partner)).or_insert_with(|| {
                let id = ids.id(at.millis());
                statements.push(Statement { id, payer: fact.department, payee: fact.partner, at: at.micros() });
                id
            });
            let place = Place { id: ids.id(at.millis()), statement, run, at: at.micros() };
            let line = books.settle(&mut running, fact, place)?;
            rows::post(&mut entries, &line);
            lines.push(line);
        }
        spent.deciding += from.elapsed();
        let from = Instant::now();
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.context("beginning")?;
        for statement in &statements {
            statement.insert(&mut transaction).await?;
        }
        for lines in lines.chunks(ROWS_PER_STATEMENT) {
            let text = sql::many(sql::INSERT_LINES, sql::LINE, lines.len());
            let mut query = sqlx::query(AssertSqlSafe(text));
            for line in lines {
                query = line.bind(query);
            }
            query.execute(&mut *transaction).await.context("writing lines")?;
        }
        for ((account, payer, payee), entry) in &entries {
            entry.insert(&mut transaction, ids.id(at.millis()), account, *payer, *payee, run, at.micros()).await?;
        }
        spent.writing += from.elapsed();
        let from = Instant::now();
        transaction.commit().await.context("committing")?;
        spent.committing += from.elapsed();
        written += lines.len();
    }
    Ok(written)
}
