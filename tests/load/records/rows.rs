//! The rows both servers work on: every value follows from a row's number, so that either side of a request knows what
//! stands there. Written straight into the tables, by one statement for each object.

use anyhow::{Context, Result};
use serde_json::{Value as Json, json};
use sqlx::{AssertSqlSafe, PgConnection, SqliteConnection};
use uuid::Uuid;

pub const ACCOUNTS: u64 = 1_000;
pub const ARTICLES: u64 = 200;
/// Days over which the sales were signed, whatever their number.
pub const DAYS: u64 = 1_000;
/// The first of these days, also as days since 1970.
const FIRST_DAY: &str = "2023-01-01";
const FIRST_DAY_NUMBER: u64 = 19_358;

/// What an id of one object begins with: milliseconds, as in any UUIDv7.
const SALES_MS: u64 = 1_767_225_600_000;
const ACCOUNTS_MS: u64 = 1_735_689_600_000;
const ARTICLES_MS: u64 = 1_735_776_000_000;

const CHANNELS: [&str; 4] = ["shop", "phone", "web", "partner"];
const STAGES: [&str; 4] = ["open", "won", "lost", "parked"];
const NOTE: &str = "Delivered as agreed; the customer asks for a call before the next visit.";

fn id(ms: u64, number: u64) -> Uuid {
    let high = ((ms + number) << 16) | 0x7000 | (number % 4_096);
    Uuid::from_u64_pair(high, (0x8 << 60) | number)
}

pub fn sale(number: u64) -> Uuid {
    id(SALES_MS, number)
}

/// A day by its number from the first.
pub fn day(number: u64) -> String {
    let first: jiff::civil::Date = FIRST_DAY.parse().expect("the constant is a day");
    let days = i64::try_from(number).unwrap_or(0);
    first.checked_add(jiff::Span::new().days(days)).map_or_else(|_| FIRST_DAY.into(), |day| day.to_string())
}

/// The fields of a sale that does not stand in the table yet. Signed later than any that does: pages and sums of the
/// standing ones stay the same on both sides.
pub fn fresh(code: &str, number: u64) -> Json {
    let cents = |cents: u64| format!("{}.{:02}", cents / 100, cents % 100);
    let money = |amount: u64| json!({"amount": cents(amount), "currency": "CNY"});
    let pick = |of: &[&'static str; 4], shift: u64| of[usize::try_from((number / shift) % 4).unwrap_or(0)];
    json!({
        "code": code,
        "subject": format!("Service contract {number}"),
        "channel": pick(&CHANNELS, 1),
        "stage": pick(&STAGES, 4),
        "account": id(ACCOUNTS_MS, number * 31 % ACCOUNTS),
        "article": id(ARTICLES_MS, number * 17 % ARTICLES),
        "quantity": cents(number % 900 + 100),
        "discount": format!("0.{:04}", number % 20 * 100),
        "price": money(number % 5_000 + 1_000),
        "amount": money(number % 90_000 + 1_000),
        "signed_on": day(DAYS + number % DAYS),
        "due_on": day(DAYS + number % DAYS + 30),
        "delivered_at": format!("{}T12:00:00Z", day(DAYS + number % DAYS + 20)),
        "urgent": number.is_multiple_of(10),
        "note": NOTE,
    })
}

const SALE_COLUMNS: &str = "f_id, f_version, f_created_at, f_created_by, f_updated_at, f_updated_by, f_owner, f_code,
    f_subject, f_channel, f_stage, f_account, f_article, f_quantity, f_discount, f_price, c_price, f_amount, c_amount,
    f_signed_on, f_due_on, f_delivered_at, f_delivered_at_day, f_urgent, f_note";
const PARTY_COLUMNS: &str = "f_id, f_version, f_created_at, f_updated_at, f_code, f_name";
const CREATED_AT: u64 = SALES_MS * 1_000;

/// `CASE` of the four options by an expression that gives 0 to 3.
fn choice(of: &[&str; 4], by: &str) -> String {
    format!("CASE {by} WHEN 0 THEN '{}' WHEN 1 THEN '{}' WHEN 2 THEN '{}' ELSE '{}' END", of[0], of[1], of[2], of[3])
}

fn choices() -> (String, String) {
    (choice(&CHANNELS, "i % 4"), choice(&STAGES, "i / 4 % 4"))
}

pub async fn fill_sqlite(connection: &mut SqliteConnection, rows: u64) -> Result<()> {
    let id = |ms: u64, number: &str| {
        format!("unhex(printf('%012x7%03x8%015x', {ms} + {number}, ({number}) % 4096, {number}))")
    };
    let numbers =
        |count: u64| format!("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {count})");
    for (table, ms, count) in [("o_account", ACCOUNTS_MS, ACCOUNTS), ("o_article", ARTICLES_MS, ARTICLES)] {
        let text = format!(
            "INSERT INTO {table} ({PARTY_COLUMNS}) {} SELECT {}, 1, {CREATED_AT}, {CREATED_AT}, printf('C%05d', i),
             printf('{table} number %d', i) FROM n",
            numbers(count),
            id(ms, "i")
        );
        sqlx::query(AssertSqlSafe(text)).execute(&mut *connection).await.with_context(|| format!("filling {table}"))?;
    }
    let (channel, stage) = choices();
    let day = format!("(i * {DAYS} / {rows})");
    let date = |more: u64| format!("date('{FIRST_DAY}', '+' || ({day} + {more}) || ' days')");
    let clerk = "(SELECT f_id FROM o_user WHERE f_login = 'clerk')";
    let text = format!(
        "INSERT INTO o_sale ({SALE_COLUMNS}) {numbers}
         SELECT {id}, 1, {CREATED_AT} + i, {clerk}, {CREATED_AT} + i, {clerk}, {clerk}, printf('S%08d', i),
           'Service contract ' || i, {channel}, {stage}, {account}, {article}, i % 900 + 100, i % 20 * 100,
           i % 5000 + 1000, 'CNY', i % 90000 + 1000, 'CNY', {signed}, {due},
           ({FIRST_DAY_NUMBER} + {day} + 20) * 86400000000 + 43200000000, {delivered}, i % 10 = 0, '{NOTE}' FROM n",
        numbers = numbers(rows),
        id = id(SALES_MS, "i"),
        account = id(ACCOUNTS_MS, &format!("i * 31 % {ACCOUNTS}")),
        article = id(ARTICLES_MS, &format!("i * 17 % {ARTICLES}")),
        signed = date(0),
        due = date(30),
        delivered = date(20),
    );
    sqlx::query(AssertSqlSafe(text)).execute(connection).await.context("filling o_sale")?;
    Ok(())
}

pub async fn fill_postgres(connection: &mut PgConnection, rows: u64) -> Result<()> {
    let id = |ms: u64, number: &str| {
        format!(
            "(lpad(to_hex({ms} + {number}), 12, '0') || '7' || lpad(to_hex(({number}) % 4096), 3, '0') || '8'
              || lpad(to_hex({number}), 15, '0'))::uuid"
        )
    };
    let numbers = |count: u64| format!("generate_series(0::bigint, {count} - 1) AS n(i)");
    for (table, ms, count) in [("o_account", ACCOUNTS_MS, ACCOUNTS), ("o_article", ARTICLES_MS, ARTICLES)] {
        let text = format!(
            "INSERT INTO {table} ({PARTY_COLUMNS}) SELECT {}, 1, {CREATED_AT}, {CREATED_AT}, 'C' || lpad(i::text, 5, '0'),
             '{table} number ' || i FROM {}",
            id(ms, "i"),
            numbers(count)
        );
        sqlx::query(AssertSqlSafe(text)).execute(&mut *connection).await.with_context(|| format!("filling {table}"))?;
    }
    let (channel, stage) = choices();
    let day = format!("(i * {DAYS} / {rows})");
    let date = |more: u64| format!("DATE '{FIRST_DAY}' + ({day} + {more})::int");
    let clerk = "(SELECT f_id FROM o_user WHERE f_login = 'clerk')";
    let text = format!(
        "INSERT INTO o_sale ({SALE_COLUMNS})
         SELECT {id}, 1, {CREATED_AT} + i, {clerk}, {CREATED_AT} + i, {clerk}, {clerk}, 'S' || lpad(i::text, 8, '0'),
           'Service contract ' || i, {channel}, {stage}, {account}, {article}, (i % 900 + 100) / 100.0,
           i % 20 / 100.0, (i % 5000 + 1000) / 100.0, 'CNY', (i % 90000 + 1000) / 100.0, 'CNY', {signed}, {due},
           ({FIRST_DAY_NUMBER} + {day} + 20) * 86400000000 + 43200000000, {delivered}, i % 10 = 0, '{NOTE}'
         FROM {numbers}",
        numbers = numbers(rows),
        id = id(SALES_MS, "i"),
        account = id(ACCOUNTS_MS, &format!("i * 31 % {ACCOUNTS}")),
        article = id(ARTICLES_MS, &format!("i * 17 % {ARTICLES}")),
        signed = date(0),
        due = date(30),
        delivered = date(20),
    );
    sqlx::query(AssertSqlSafe(text)).execute(&mut *connection).await.context("filling o_sale")?;
    sqlx::query("VACUUM ANALYZE").execute(connection).await.context("analysing")?;
    Ok(())
}
