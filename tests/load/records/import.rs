//! A file of records into the product: uploaded, planned and applied over HTTP, as anybody imports it. Beside it the
//! same file into a plain table without an index by the database's own means: `sqlite3 .import`, or `COPY`. That table
//! has no types, no references, no history, and nobody looks at the rows first.

use super::client::{Connection, Request};
use super::rows;
use super::server::Server;
use crate::part;
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value as Json, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor, PgConnection};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio::time::Instant;

pub const NAME: &str = "import";
/// Hundredths of the rate of the database's own means.
const GOAL: u64 = 10;
/// Rows of one file.
const ROWS: u64 = 100_000;
const COLUMNS: [&str; 15] = [
    "code",
    "subject",
    "channel",
    "stage",
    "account",
    "article",
    "quantity",
    "discount",
    "price",
    "amount",
    "signed_on",
    "due_on",
    "delivered_at",
    "urgent",
    "note",
];
/// How often the product is asked how far it is.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// The file of a round.
fn file(round: u32) -> String {
    let mut text = COLUMNS.join(",");
    text.push('\n');
    for row in 0..ROWS {
        let sale = rows::fresh(&format!("I{round:02}-{row:09}"), row);
        let cells = COLUMNS.map(|column| match (column, &sale[column]) {
            // People write keys, not ids.
            ("account", _) => format!("C{:05}", row * 31 % rows::ACCOUNTS),
            ("article", _) => format!("C{:05}", row * 17 % rows::ARTICLES),
            (_, Json::String(text)) => text.clone(),
            (_, Json::Object(money)) => money["amount"].as_str().unwrap_or_default().to_owned(),
            (_, other) => other.to_string(),
        });
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

/// Where the plain table stands.
pub struct Plain<'a> {
    pub database: &'a str,
    /// Of PostgreSQL.
    pub at: &'a str,
    /// Of SQLite.
    pub folder: &'a Path,
}

/// Both in turns; of each the best round counts.
pub async fn measure(product: &Server, token: &str, plain: &Plain<'_>, rounds: u32) -> Result<Vec<[Json; 2]>> {
    let mut figures = Vec::new();
    for round in 0..rounds {
        let file = file(round);
        let ours = by_product(product, token, &file).await?;
        let theirs = match plain.database {
            "sqlite" => by_sqlite(plain.folder, &file)?,
            _ => by_postgres(plain.at, &file).await?,
        };
        figures.push([ours, theirs]);
    }
    Ok(figures)
}

pub fn row(rounds: &[[Json; 2]]) -> Json {
    super::report::row(NAME, "import 100,000 rows of 15 columns", 1, GOAL, rounds)
}

fn told(elapsed: Duration, cpu_ms: u64, more: Json) -> Json {
    let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX).max(1);
    let mut told = json!({
        "rate": ROWS * 1_000_000 / micros, "p50_us": micros, "p99_us": micros, "requests": 1, "cpu_us": cpu_ms * 1_000,
    });
    if let (Json::Object(told), Json::Object(more)) = (&mut told, more) {
        told.extend(more);
    }
    told
}

async fn by_product(product: &Server, token: &str, file: &str) -> Result<Json> {
    let cpu_ms = product.cpu_ms();
    let started = Instant::now();
    let mut connection = Connection::open(product.port, Some(token)).await?;
    let uploaded =
        ask(&mut connection, Request::post("/api/v1/imports?object=sale&name=sales.csv", file.to_owned(), None))
            .await?;
    let path = format!("/api/v1/imports/{}", uploaded["id"].as_str().context("an import without an id")?);
    let sent = started.elapsed();
    let plan = json!({"mode": "create", "by": "code"}).to_string();
    ask(&mut connection, Request::post(&format!("{path}/plan"), plan, None)).await?;
    until(&mut connection, &path, "planned").await?;
    let planned = started.elapsed();
    ask(&mut connection, Request::post(&format!("{path}/apply"), "{}".into(), None)).await?;
    let applied = until(&mut connection, &path, "applied").await?;
    let elapsed = started.elapsed();
    ensure!(applied["counts"]["applied"] == ROWS, "not all rows were applied: {applied:#}");
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let parts =
        json!({"upload_ms": millis(sent), "plan_ms": millis(planned - sent), "apply_ms": millis(elapsed - planned)});
    Ok(told(elapsed, product.cpu_ms().saturating_sub(cpu_ms), parts))
}

async fn ask(connection: &mut Connection, request: Request) -> Result<Json> {
    let (status, body) = connection.ask(&request).await?;
    let json: Json = serde_json::from_slice(body).context("reading an answer")?;
    ensure!((200..300).contains(&status), "{} was answered with {status}: {json:#}", request.path);
    Ok(json)
}

async fn until(connection: &mut Connection, path: &str, wanted: &str) -> Result<Json> {
    loop {
        let import = ask(connection, Request::get(path.to_owned())).await?;
        match import["status"].as_str() {
            Some(status) if status == wanted => return Ok(import),
            Some("planning" | "applying") => tokio::time::sleep(ASK_EVERY).await,
            _ => bail!("the import ended as {import:#}"),
        }
    }
}

fn columns() -> String {
    COLUMNS.map(|column| format!("{column} TEXT")).join(", ")
}

/// A database of its own, written as durably as the product writes.
fn by_sqlite(folder: &Path, file: &str) -> Result<Json> {
    let path = folder.join("plain.csv");
    std::fs::write(&path, file).context("writing the file")?;
    let database = folder.join("plain.db");
    for name in ["plain.db", "plain.db-wal", "plain.db-shm"] {
        let _ = std::fs::remove_file(folder.join(name));
    }
    let script = format!(
        "PRAGMA journal_mode = WAL;\nPRAGMA synchronous = FULL;\nCREATE TABLE plain ({});\n\
         .import --csv --skip 1 '{}' plain\nSELECT count(*) FROM plain;\n",
        columns(),
        part::text(&path)?
    );
    let started = Instant::now();
    let child = Command::new("sqlite3").arg(&database).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.context("starting `sqlite3`: install it (Debian: apt-get install sqlite3)")?;
    child.stdin.take().context("sqlite3 takes no input")?.write_all(script.as_bytes()).context("telling sqlite3")?;
    let output = child.wait_with_output().context("waiting for sqlite3")?;
    let elapsed = started.elapsed();
    let counted = String::from_utf8_lossy(&output.stdout).lines().last().map(str::to_owned).unwrap_or_default();
    ensure!(output.status.success() && counted == ROWS.to_string(), "sqlite3 imported `{counted}` rows");
    Ok(told(elapsed, 0, json!({})))
}

async fn by_postgres(at: &str, file: &str) -> Result<Json> {
    let mut connection = PgConnection::connect(at).await.context("connecting")?;
    let script = format!("DROP TABLE IF EXISTS plain; CREATE TABLE plain ({})", columns());
    connection.execute(sqlx::raw_sql(AssertSqlSafe(script))).await.context("making the plain table")?;
    let started = Instant::now();
    let mut copy = connection.copy_in_raw("COPY plain FROM STDIN WITH (FORMAT csv, HEADER)").await.context("COPY")?;
    copy.send(file.as_bytes()).await.context("sending the file")?;
    let copied = copy.finish().await.context("ending COPY")?;
    let elapsed = started.elapsed();
    ensure!(copied == ROWS, "COPY took {copied} rows");
    connection.close().await.context("closing")?;
    Ok(told(elapsed, 0, json!({})))
}
