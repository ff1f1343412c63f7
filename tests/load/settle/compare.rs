//! Whether both programs wrote the same: lines, statements, ledger. A difference is an error.

use super::orders;
use anyhow::{Context, Result, bail};
use serde_json::{Value as Json, json};
use sqlx::{Row, SqliteConnection};
use std::path::Path;

const TOTALS: &str = "
SELECT count(*), sum(quantity), sum(gross), sum(net), sum(tax), sum(length(trace)), sum(length(dimensions)) FROM settlement_line
UNION ALL
SELECT count(*), sum(quantity), sum(gross), sum(net), sum(tax), sum(length(trace)), sum(length(dimensions)) FROM hand.settlement_line";

const TRACES: &str = "
SELECT count(*) FROM settlement_line AS a JOIN hand.settlement_line AS b ON b.fact = a.fact AND b.plan = a.plan
WHERE a.trace <> b.trace";

/// Everything but ids, the run, the moment and the trace.
const DIFFERENT_LINES: &str = "
SELECT count(*) FROM settlement_line AS a WHERE NOT EXISTS
 (SELECT 1 FROM hand.settlement_line AS b WHERE b.fact = a.fact AND b.plan = a.plan AND b.line = a.line
 AND b.payer = a.payer AND b.payee = a.payee AND b.business_date = a.business_date AND b.period = a.period
 AND b.service_period = a.service_period AND b.group_digest IS a.group_digest AND b.group_period IS a.group_period
 AND b.quantity = a.quantity AND b.gross = a.gross AND b.net = a.net AND b.tax = a.tax AND b.tax_rate = a.tax_rate
 AND b.tax_kind = a.tax_kind AND b.currency = a.currency AND b.dimensions = a.dimensions AND b.standing = a.standing)";

const STATEMENTS: [&str; 2] = [
    "SELECT s.payer, s.payee, s.period, s.currency, s.ordinal, s.status, count(*), sum(l.gross), sum(l.net), sum(l.tax)
     FROM main.statement AS s JOIN main.settlement_line AS l ON l.statement = s.id GROUP BY 1, 2, 3, 4, 5, 6",
    "SELECT s.payer, s.payee, s.period, s.currency, s.ordinal, s.status, count(*), sum(l.gross), sum(l.net), sum(l.tax)
     FROM hand.statement AS s JOIN hand.settlement_line AS l ON l.statement = s.id GROUP BY 1, 2, 3, 4, 5, 6",
];

const LEDGER: [&str; 2] = [
    "SELECT account, period, payer, payee, currency, sum(debit), sum(credit) FROM main.ledger_entry GROUP BY 1, 2, 3, 4, 5",
    "SELECT account, period, payer, payee, currency, sum(debit), sum(credit) FROM hand.ledger_entry GROUP BY 1, 2, 3, 4, 5",
];

pub fn run(product: &Path, hand: &Path) -> Result<Json> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting tokio")?;
    runtime.block_on(compare(product, hand))
}

async fn compare(product: &Path, hand: &Path) -> Result<Json> {
    let mut connection = orders::connect(product).await?;
    let path = hand.to_str().context("the temporary folder has a name that is no text")?;
    sqlx::query("ATTACH ? AS hand").bind(path).execute(&mut connection).await.context("attaching the other file")?;
    let totals = sqlx::query(TOTALS).fetch_all(&mut connection).await.context("adding up")?;
    let total = |row: usize, column: usize| totals[row].try_get::<i64, _>(column);
    for (column, name) in ["lines", "quantity", "gross", "net", "tax"].into_iter().enumerate() {
        if total(0, column)? != total(1, column)? {
            bail!(
                "the {name} differ: the product has {}, the hand-written program {}",
                total(0, column)?,
                total(1, column)?
            );
        }
    }
    for (column, name) in [(5, "traces"), (6, "dimensions")] {
        // A number may be written as 2 or as 2.00, a record by its key or its id; more is another content.
        let (ours, theirs) = (total(0, column)?, total(1, column)?);
        if ours.abs_diff(theirs) * 10 > ours.unsigned_abs() {
            bail!("the {name} differ in length: the product's have {ours} bytes, the hand-written program's {theirs}");
        }
    }
    let lines: i64 = sqlx::query_scalar(DIFFERENT_LINES).fetch_one(&mut connection).await.context("comparing lines")?;
    if lines > 0 {
        bail!("{lines} lines differ");
    }
    let different: i64 = sqlx::query_scalar(TRACES).fetch_one(&mut connection).await.context("comparing traces")?;
    differences(&mut connection, STATEMENTS, "statements").await?;
    differences(&mut connection, LEDGER, "ledger accounts").await?;
    let count =
        |table: &str| format!("SELECT (SELECT count(*) FROM main.{table}), (SELECT count(*) FROM hand.{table})");
    let entries = sqlx::query(sqlx::AssertSqlSafe(count("ledger_entry"))).fetch_one(&mut connection).await?;
    let statements = sqlx::query(sqlx::AssertSqlSafe(count("statement"))).fetch_one(&mut connection).await?;
    Ok(json!({
        "lines": total(0, 0)?,
        "gross": rust_decimal::Decimal::new(total(0, 2)?, 4).normalize().to_string(),
        "trace_bytes": total(0, 5)?,
        "trace_bytes_hand": total(1, 5)?,
        "traces_written_differently": different,
        "statements": statements.try_get::<i64, _>(0)?,
        "entries": entries.try_get::<i64, _>(0)?,
        "entries_hand": entries.try_get::<i64, _>(1)?,
    }))
}

async fn differences(connection: &mut SqliteConnection, [ours, theirs]: [&str; 2], name: &str) -> Result<()> {
    let text = format!(
        "SELECT (SELECT count(*) FROM (SELECT * FROM ({ours}) EXCEPT SELECT * FROM ({theirs})))
              + (SELECT count(*) FROM (SELECT * FROM ({theirs}) EXCEPT SELECT * FROM ({ours})))"
    );
    let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(text))
        .fetch_one(connection)
        .await
        .with_context(|| format!("comparing {name}"))?;
    if count > 0 {
        bail!("{count} {name} differ");
    }
    Ok(())
}
