//! Completed work orders of one month, written straight into their table: each is a copy of a real one with its own
//! id, number, service, quantity, partner and time. Pseudo-random from a fixed seed.

use crate::settle::PERIOD;
use crate::settle::connection::Connection;
use anyhow::{Context, Result};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use sqlx::{AssertSqlSafe, PgConnection, SqliteConnection};
use uuid::Uuid;

const SEED: u64 = 20_260_301;
const ROWS_PER_STATEMENT: usize = 500;
/// The zone of the tenant, Asia/Shanghai, has had this offset since 1991.
const ZONE_OFFSET_MICROS: i64 = 8 * 3_600 * 1_000_000;
const DAY_MICROS: i64 = 86_400 * 1_000_000;

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

/// An order and what it refers to, as its table has it.
struct Row<'o> {
    order: &'o Order,
    number: String,
    service: Uuid,
    partner: Uuid,
    mode: &'o str,
    pattern: Uuid,
}

/// Writes the orders; then the database may settle down, as it would have between a month's orders and its settlement.
pub async fn insert(at: &str, patterns: &[Uuid], count: u32) -> Result<Json> {
    let mut connection = Connection::open(at).await?;
    if let Connection::Sqlite(connection) = &mut connection {
        // What is prepared can be prepared again: a million orders need not wait for the disk.
        let hasty = sqlx::raw_sql("PRAGMA synchronous = OFF; PRAGMA cache_size = -400000");
        hasty.execute(connection).await.context("making haste")?;
    }
    // Inspections first: the drawing prefers them.
    let services: Vec<(Uuid,)> = connection
        .rows("reading services", "SELECT f_id FROM o_service_item ORDER BY f_code <> 'inspection', f_code")
        .await?;
    let partners: Vec<(Uuid, String)> =
        connection.rows("reading partners", "SELECT f_id, f_mode FROM o_partner ORDER BY f_code").await?;
    let columns = match &connection {
        Connection::Sqlite(_) => "SELECT name FROM pragma_table_info('o_work_order')",
        Connection::Postgres(_) => {
            "SELECT column_name::text FROM information_schema.columns
             WHERE table_schema = current_schema() AND table_name = 'o_work_order' ORDER BY ordinal_position"
        }
    };
    let columns: Vec<(String,)> = connection.rows("reading columns", columns).await?;
    let columns: Vec<&str> = columns.iter().map(|(column,)| &**column).collect();
    let orders = draw(count, services.len(), partners.len(), patterns.len());
    let mut written = 0_u32;
    for chunk in orders.chunks(ROWS_PER_STATEMENT) {
        let mut rows: Vec<Row<'_>> = Vec::with_capacity(chunk.len());
        for order in chunk {
            written += 1;
            let (number, (partner, mode)) = (format!("WO-202603-L{written:06}"), &partners[order.partner]);
            let ((service,), pattern) = (services[order.service], patterns[order.pattern]);
            rows.push(Row { order, number, service, partner: *partner, mode, pattern });
        }
        match &mut connection {
            Connection::Sqlite(connection) => insert_sqlite(connection, &columns, &rows).await,
            Connection::Postgres(connection) => insert_postgres(connection, &columns, &rows).await,
        }
        .context("writing work orders")?;
    }
    let (database_bytes, version) = settle_down(&mut connection).await?;
    let joint = orders.iter().filter(|order| order.service == 0 && partners[order.partner].1 == "joint").count();
    let (tiers,): (i64,) = connection.row("counting tiers", "SELECT count(DISTINCT f_tier) FROM o_work_order").await?;
    connection.close().await?;
    Ok(json!({
        "orders": written,
        "partners": partners.len(),
        "tiered": joint,
        "tiers": tiers,
        "database_bytes": database_bytes,
        "version": version,
    }))
}

/// Inserts what orders have of their own from `values`, a table `v` with columns as SQLite names them; the rest is the
/// pattern's.
fn statement(columns: &[&str], values: &str) -> String {
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
    format!(
        "INSERT INTO o_work_order ({}) SELECT {} FROM {values} JOIN o_work_order AS t ON t.f_id = v.column9",
        columns.join(", "),
        selected.join(", "),
    )
}

async fn insert_sqlite(
    connection: &mut SqliteConnection,
    columns: &[&str],
    rows: &[Row<'_>],
) -> Result<(), sqlx::Error> {
    let values = vec!["(?, ?, ?, ?, ?, ?, ?, ?, ?)"; rows.len()].join(", ");
    let mut query = sqlx::query(AssertSqlSafe(statement(columns, &format!("(VALUES {values}) AS v"))));
    for row in rows {
        query = query
            .bind(row.order.id)
            .bind(&row.number)
            .bind(row.service)
            .bind(row.partner)
            .bind(row.mode)
            .bind(row.order.quantity)
            .bind(row.order.finished_at)
            .bind(row.order.day.to_string())
            .bind(row.pattern);
    }
    query.execute(connection).await.map(|_| ())
}

async fn insert_postgres(connection: &mut PgConnection, columns: &[&str], rows: &[Row<'_>]) -> Result<(), sqlx::Error> {
    fn of<'r, T>(rows: &'r [Row<'_>], value: impl Fn(&'r Row<'_>) -> T) -> Vec<T> {
        rows.iter().map(value).collect()
    }
    let values = "unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::numeric[], $7::bigint[],
                         $8::text[]::date[], $9::uuid[])
                  AS v(column1, column2, column3, column4, column5, column6, column7, column8, column9)";
    let query = sqlx::query(AssertSqlSafe(statement(columns, values)))
        .bind(of(rows, |row| row.order.id))
        .bind(of(rows, |row| &*row.number))
        .bind(of(rows, |row| row.service))
        .bind(of(rows, |row| row.partner))
        .bind(of(rows, |row| row.mode))
        .bind(of(rows, |row| Decimal::new(row.order.quantity, 2)))
        .bind(of(rows, |row| row.order.finished_at))
        .bind(of(rows, |row| row.order.day.to_string()))
        .bind(of(rows, |row| row.pattern));
    query.execute(connection).await.map(|_| ())
}

/// Folds the log into the file, or tells the planner what the tables hold. How many bytes that came to, and the version
/// of the database.
async fn settle_down(connection: &mut Connection) -> Result<(i64, String)> {
    let size = match connection {
        Connection::Sqlite(connection) => {
            let fold = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(connection);
            fold.await.context("folding the log in")?;
            "SELECT (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM pragma_page_size),
             sqlite_version()"
        }
        Connection::Postgres(connection) => {
            sqlx::query("VACUUM ANALYZE").execute(connection).await.context("analysing")?;
            "SELECT pg_database_size(current_database()), current_setting('server_version')"
        }
    };
    connection.row("reading the size", size).await
}
