//! Completed work orders of one month, written straight into their table: each is a copy of a real one with its own
//! id, number, service, quantity, partner and time. Pseudo-random from a fixed seed.

use crate::settle::PERIOD;
use anyhow::{Context, Result};
use jiff::civil::Date;
use serde_json::{Value as Json, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row, SqliteConnection};
use std::path::Path;
use uuid::Uuid;

const SEED: u64 = 20_260_301;
const ROWS_PER_STATEMENT: u32 = 500;
/// The zone of the tenant, Asia/Shanghai, has had this offset since 1991.
const ZONE_OFFSET_MICROS: i64 = 8 * 3_600 * 1_000_000;
const DAY_MICROS: i64 = 86_400 * 1_000_000;

/// A file with the settings the product uses.
pub async fn connect(path: &Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .statement_cache_capacity(400)
        .row_buffer_size(512)
        .pragma("cache_size", "-16000")
        .pragma("temp_store", "memory");
    options.connect().await.with_context(|| format!("opening `{}`", path.display()))
}

/// Numbers that look random and are the same every time (SplitMix64).
pub struct Numbers(u64);

impl Numbers {
    pub fn seeded(seed: u64) -> Numbers {
        Numbers(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap_or(0)
    }

    /// A UUIDv7 of a millisecond.
    pub fn id(&mut self, millis: i64) -> Uuid {
        let high = (u64::try_from(millis).unwrap_or(0) << 16) | 0x7000 | (self.next() & 0x0fff);
        let low = (self.next() >> 2) | (1 << 63);
        Uuid::from_u64_pair(high, low)
    }
}

/// What one work order has of its own.
pub struct Order {
    pub id: Uuid,
    pub service: usize,
    pub partner: usize,
    pub pattern: usize,
    /// In hundredths.
    pub quantity: i64,
    pub finished_at: i64,
    pub day: Date,
}

/// Draws the orders of the month: a third are inspections, which have tiers for joint partners.
pub fn draw(count: u32, services: usize, partners: usize, patterns: usize) -> Vec<Order> {
    let mut numbers = Numbers::seeded(SEED);
    let first: Date = format!("{PERIOD}-01").parse().expect("the period is a month");
    let days = usize::try_from(first.days_in_month()).unwrap_or(28);
    let zero = jiff::civil::date(1970, 1, 1);
    let mut orders = Vec::new();
    for _ in 0..count {
        let day = first.saturating_add(jiff::Span::new().days(i64::try_from(numbers.below(days)).unwrap_or(0)));
        let since = i64::from(day.since(zero).map_or(0, |span| span.get_days()));
        let of_day = i64::try_from(numbers.next() % DAY_MICROS.unsigned_abs()).unwrap_or(0);
        let finished_at = since * DAY_MICROS + of_day - ZONE_OFFSET_MICROS;
        let half = if numbers.below(10) == 0 { 50 } else { 0 };
        orders.push(Order {
            id: numbers.id(finished_at / 1_000),
            service: if numbers.below(3) == 0 { 0 } else { numbers.below(services) },
            partner: numbers.below(partners),
            pattern: numbers.below(patterns),
            quantity: 100 * i64::try_from(1 + numbers.below(8)).unwrap_or(1) + half,
            finished_at,
            day,
        });
    }
    orders
}

/// Writes the orders and folds the log into the file.
pub async fn insert(path: &Path, patterns: &[Uuid], count: u32) -> Result<Json> {
    let mut connection = connect(path).await?;
    // Inspections first: the drawing prefers them.
    let services: Vec<Uuid> =
        ids(&mut connection, "SELECT f_id FROM o_service_item ORDER BY f_code <> 'inspection', f_code").await?;
    let partners: Vec<(Uuid, String)> = {
        let rows = sqlx::query("SELECT f_id, f_mode FROM o_partner ORDER BY f_code").fetch_all(&mut connection).await;
        let rows = rows.context("reading partners")?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, sqlx::Error>>()?
    };
    let columns: Vec<String> = {
        let rows = sqlx::query("SELECT name FROM pragma_table_info('o_work_order')").fetch_all(&mut connection).await;
        rows.context("reading columns")?.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?
    };
    let own = |column: &str| match column {
        "f_id" => Some("v.column1"),
        "f_number" => Some("v.column2"),
        "f_service" => Some("v.column3"),
        "f_partner" => Some("v.column4"),
        "f_mode" => Some("v.column5"),
        "f_quantity" => Some("v.column6"),
        "f_started_at" | "f_finished_at" | "f_created_at" | "f_updated_at" => Some("v.column7"),
        "f_started_at_day" | "f_finished_at_day" => Some("v.column8"),
        "f_state" => Some("'completed'"),
        "f_version" => Some("4"),
        _ => None,
    };
    let selected: Vec<String> =
        columns.iter().map(|column| own(column).map_or_else(|| format!("t.{column}"), str::to_owned)).collect();
    let orders = draw(count, services.len(), partners.len(), patterns.len());
    let mut written = 0_u32;
    for chunk in orders.chunks(ROWS_PER_STATEMENT as usize) {
        let rows = vec!["(?, ?, ?, ?, ?, ?, ?, ?, ?)"; chunk.len()].join(", ");
        let text = format!(
            "INSERT INTO o_work_order ({}) SELECT {} FROM (VALUES {rows}) AS v JOIN o_work_order AS t ON t.f_id = v.column9",
            columns.join(", "),
            selected.join(", "),
        );
        let mut query = sqlx::query(AssertSqlSafe(text));
        for order in chunk {
            written += 1;
            let (partner, mode) = &partners[order.partner];
            query = query
                .bind(order.id)
                .bind(format!("WO-202603-L{written:06}"))
                .bind(services[order.service])
                .bind(partner)
                .bind(mode)
                .bind(order.quantity)
                .bind(order.finished_at)
                .bind(order.day.to_string())
                .bind(patterns[order.pattern]);
        }
        query.execute(&mut connection).await.context("writing work orders")?;
    }
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await.context("folding the log in")?;
    let joint = orders.iter().filter(|order| order.service == 0 && partners[order.partner].1 == "joint").count();
    let sizes = sqlx::query(
        "SELECT (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size), sqlite_version(),
         (SELECT count(DISTINCT f_tier) FROM o_work_order)",
    );
    let sizes = sizes.fetch_one(&mut connection).await.context("reading the size of the file")?;
    let figures = json!({
        "orders": written,
        "partners": partners.len(),
        "tiered": joint,
        "tiers": sizes.try_get::<i64, _>(2)?,
        "file_bytes": sizes.try_get::<i64, _>(0)?,
        "sqlite": sizes.try_get::<String, _>(1)?,
    });
    connection.close().await.context("closing the file")?;
    Ok(figures)
}

async fn ids(connection: &mut SqliteConnection, text: &'static str) -> Result<Vec<Uuid>> {
    let rows = sqlx::query(text).fetch_all(connection).await.context("reading ids")?;
    Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
}
