//! Whether both programs wrote the same: lines, statements, ledger. A difference is an error.

use super::connection::{self, Connection};
use crate::part::{self, database};
use anyhow::{Context, Result, bail};
use futures_util::TryStreamExt;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use sqlx::{AssertSqlSafe, Connection as _, Executor, PgConnection, SqliteConnection};
use std::path::Path;

/// As text: numbers are whole on SQLite and have digits after the point on PostgreSQL.
const TOTALS: &str = "
SELECT count(*), CAST(sum(quantity) AS TEXT), CAST(sum(gross) AS TEXT), CAST(sum(net) AS TEXT), CAST(sum(tax) AS TEXT),
       sum(length(CAST(trace AS TEXT))), sum(length(CAST(dimensions AS TEXT))) FROM settlement_line
UNION ALL
SELECT count(*), CAST(sum(quantity) AS TEXT), CAST(sum(gross) AS TEXT), CAST(sum(net) AS TEXT), CAST(sum(tax) AS TEXT),
       sum(length(CAST(trace AS TEXT))), sum(length(CAST(dimensions AS TEXT))) FROM hand.settlement_line";

const TRACES: &str = "
SELECT count(*) FROM settlement_line AS a JOIN hand.settlement_line AS b ON b.fact = a.fact AND b.plan = a.plan
WHERE a.trace <> b.trace";

/// Everything but ids, the run, the moment and the trace. Lines meet by their fact alone: by the pair that pays, one
/// party's lines would all meet one another.
const DIFFERENT_LINES: &str = "
SELECT count(*) FROM settlement_line AS a
LEFT JOIN hand.settlement_line AS b ON b.fact = a.fact AND b.plan = a.plan AND b.line = a.line
WHERE (b.payer = a.payer AND b.payee = a.payee AND b.business_date = a.business_date AND b.period = a.period
 AND b.service_period = a.service_period AND b.group_digest IS NOT DISTINCT FROM a.group_digest
 AND b.group_period IS NOT DISTINCT FROM a.group_period AND b.quantity = a.quantity AND b.gross = a.gross
 AND b.net = a.net AND b.tax = a.tax AND b.tax_rate = a.tax_rate AND b.tax_kind = a.tax_kind
 AND b.currency = a.currency AND b.dimensions = a.dimensions AND b.standing = a.standing) IS NOT TRUE";

const STATEMENTS: [&str; 2] = [
    "SELECT s.payer, s.payee, s.period, s.currency, s.ordinal, s.status, count(*), sum(l.gross), sum(l.net), sum(l.tax)
     FROM statement AS s JOIN settlement_line AS l ON l.statement = s.id GROUP BY 1, 2, 3, 4, 5, 6",
    "SELECT s.payer, s.payee, s.period, s.currency, s.ordinal, s.status, count(*), sum(l.gross), sum(l.net), sum(l.tax)
     FROM hand.statement AS s JOIN hand.settlement_line AS l ON l.statement = s.id GROUP BY 1, 2, 3, 4, 5, 6",
];

const LEDGER: [&str; 2] = [
    "SELECT account, period, payer, payee, currency, sum(debit), sum(credit) FROM ledger_entry GROUP BY 1, 2, 3, 4, 5",
    "SELECT account, period, payer, payee, currency, sum(debit), sum(credit) FROM hand.ledger_entry GROUP BY 1, 2, 3, 4, 5",
];

type Totals = (i64, String, String, String, String, i64, i64);

pub async fn run(product: &str, hand: &str) -> Result<Json> {
    let mut connection = Connection::open(product).await?;
    match &mut connection {
        Connection::Sqlite(connection) => attach(connection, hand).await?,
        Connection::Postgres(connection) => bring(connection, hand).await?,
    }
    let compared = compare(&mut connection).await?;
    if let Connection::Postgres(connection) = &mut connection {
        connection.execute("DROP SCHEMA hand CASCADE").await.context("clearing the copy away")?;
    }
    connection.close().await?;
    Ok(compared)
}

/// The other file, as the schema `hand`.
async fn attach(connection: &mut SqliteConnection, hand: &str) -> Result<()> {
    let path = database(Path::new(hand));
    let attach = sqlx::query("ATTACH ? AS hand").bind(part::text(&path)?);
    attach.execute(connection).await.context("attaching the other file")?;
    Ok(())
}

/// Copies what the hand-written program wrote into the schema `hand` beside the product's: no statement of PostgreSQL
/// reads two databases.
async fn bring(connection: &mut PgConnection, hand: &str) -> Result<()> {
    let mut theirs = connection::postgres(hand).await?;
    connection.execute("CREATE SCHEMA hand").await.context("making a schema")?;
    for table in ["settlement_line", "statement", "ledger_entry"] {
        let create = format!("CREATE UNLOGGED TABLE hand.{table} (LIKE {table} INCLUDING INDEXES)");
        connection.execute(AssertSqlSafe(create)).await.with_context(|| format!("making {table}"))?;
        let mut rows = theirs.copy_out_raw(&format!("COPY {table} TO STDOUT")).await?;
        let mut sink = connection.copy_in_raw(&format!("COPY hand.{table} FROM STDIN")).await?;
        while let Some(row) = rows.try_next().await.with_context(|| format!("reading {table}"))? {
            sink.send(row).await.with_context(|| format!("copying {table}"))?;
        }
        sink.finish().await.with_context(|| format!("copying {table}"))?;
        let analyse = AssertSqlSafe(format!("ANALYZE hand.{table}"));
        connection.execute(analyse).await.with_context(|| format!("analysing {table}"))?;
    }
    theirs.close().await.context("closing")
}

async fn compare(connection: &mut Connection) -> Result<Json> {
    let totals: Vec<Totals> = connection.rows("adding up", TOTALS).await?;
    let [ours, theirs] = &totals[..] else { bail!("there are no totals of both") };
    for (name, ours, theirs) in [
        ("lines", &ours.0.to_string(), &theirs.0.to_string()),
        ("quantity", &ours.1, &theirs.1),
        ("gross", &ours.2, &theirs.2),
        ("net", &ours.3, &theirs.3),
        ("tax", &ours.4, &theirs.4),
    ] {
        if ours != theirs {
            bail!("the {name} differ: the product has {ours}, the hand-written program {theirs}");
        }
    }
    for (name, ours, theirs) in [("traces", ours.5, theirs.5), ("dimensions", ours.6, theirs.6)] {
        // A number may be written as 2 or as 2.00, a record by its key or its id; more is another content.
        if ours.abs_diff(theirs) * 10 > ours.unsigned_abs() {
            bail!("the {name} differ in length: the product's have {ours} bytes, the hand-written program's {theirs}");
        }
    }
    let (lines,): (i64,) = connection.row("comparing lines", DIFFERENT_LINES).await?;
    if lines > 0 {
        bail!("{lines} lines differ");
    }
    let (different,): (i64,) = connection.row("comparing traces", TRACES).await?;
    differences(connection, STATEMENTS, "statements").await?;
    differences(connection, LEDGER, "ledger accounts").await?;
    let counts = "SELECT (SELECT count(*) FROM statement), (SELECT count(*) FROM ledger_entry),
                  (SELECT count(*) FROM hand.ledger_entry)";
    let (statements, entries, entries_hand): (i64, i64, i64) = connection.row("counting", counts).await?;
    let mut gross: Decimal = ours.2.parse().context("reading a sum")?;
    if let Connection::Sqlite(_) = connection {
        gross *= Decimal::new(1, 4);
    }
    Ok(json!({
        "lines": ours.0,
        "gross": gross.normalize().to_string(),
        "trace_bytes": ours.5,
        "trace_bytes_hand": theirs.5,
        "traces_written_differently": different,
        "statements": statements,
        "entries": entries,
        "entries_hand": entries_hand,
    }))
}

async fn differences(connection: &mut Connection, [ours, theirs]: [&str; 2], name: &'static str) -> Result<()> {
    let only = |these: &str, those: &str| {
        format!(
            "(SELECT count(*) FROM
              (SELECT * FROM ({these}) AS these EXCEPT SELECT * FROM ({those}) AS those) AS only_these)"
        )
    };
    let text = format!("SELECT {} + {}", only(ours, theirs), only(theirs, ours));
    let compared = connection.row("comparing sums", AssertSqlSafe(text)).await;
    let (count,): (i64,) = compared.with_context(|| format!("comparing {name}"))?;
    if count > 0 {
        bail!("{count} {name} differ");
    }
    Ok(())
}
