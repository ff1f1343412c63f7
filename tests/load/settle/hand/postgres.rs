//! What the hand-written program writes on PostgreSQL: a stream of rows into each table, in the text form of COPY.

use super::rows::{Batch, Entry, Line, Statement};
use crate::settle::PERIOD;
use anyhow::{Context, Result};
use rust_decimal::Decimal;
use sqlx::PgConnection;
use std::fmt::Write;

const COPY_STATEMENTS: &str = "
COPY statement (id, version, definition, payer_object, payer, payee_object, payee, period, currency, ordinal, status,
                created_at)
FROM STDIN";

const COPY_LINES: &str = "
COPY settlement_line (id, plan, line, fact_object, fact, payer_object, payer, payee_object, payee, business_date,
                      period, service_period, group_digest, group_period, quantity, gross, net, tax, tax_rate,
                      tax_kind, currency, dimensions, trace, statement, run, posted_at, standing)
FROM STDIN";

const COPY_ENTRIES: &str = "
COPY ledger_entry (id, posting, account, debit, credit, currency, period, payer_object, payer, payee_object, payee, run,
                   posted_at)
FROM STDIN";

/// The server takes in the rows of one piece while the next is written down.
const ROWS_PER_PIECE: usize = 100;
const NULL: &str = "\\N";

pub async fn write(connection: &mut PgConnection, batch: &Batch) -> Result<()> {
    if !batch.statements.is_empty() {
        copy(connection, COPY_STATEMENTS, &batch.statements, statement).await.context("opening statements")?;
    }
    copy(connection, COPY_LINES, &batch.lines, line).await.context("writing lines")?;
    copy(connection, COPY_ENTRIES, &batch.entries, entry).await.context("writing entries")
}

async fn copy<T>(
    connection: &mut PgConnection,
    into: &'static str,
    rows: &[T],
    push: fn(&mut String, &T) -> std::fmt::Result,
) -> Result<()> {
    let mut sink = connection.copy_in_raw(into).await?;
    let mut text = String::new();
    for rows in rows.chunks(ROWS_PER_PIECE) {
        text.clear();
        for row in rows {
            push(&mut text, row)?;
            text.push('\n');
        }
        sink.send(text.as_bytes()).await?;
    }
    sink.finish().await?;
    Ok(())
}

fn statement(text: &mut String, statement: &Statement) -> std::fmt::Result {
    let Statement { id, payer, payee, at } = statement;
    write!(text, "{id}\t1\tpartner_month\tdepartment\t{payer}\tpartner\t{payee}\t{PERIOD}\tCNY\t1\tdraft\t{at}")
}

fn line(text: &mut String, line: &Line) -> std::fmt::Result {
    let Line { id, fact, payer, payee, date, tax_kind, .. } = line;
    let group = line.group.as_deref().unwrap_or(NULL);
    let group_period = if line.group.is_some() { PERIOD } else { NULL };
    let (quantity, tax_rate) = (Decimal::new(line.quantity, 6), Decimal::new(line.tax_rate, 6));
    let (gross, net, tax) = (amount(line.gross), amount(line.net), amount(line.tax));
    write!(
        text,
        "{id}\tinternal_settlement\tservice_fee\twork_order\t{fact}\tdepartment\t{payer}\tpartner\t{payee}\t{date}\t\
         {PERIOD}\t{PERIOD}\t{group}\t{group_period}\t{quantity}\t{gross}\t{net}\t{tax}\t{tax_rate}\t{tax_kind}\tCNY\t"
    )?;
    push_json(text, &line.dimensions);
    text.push('\t');
    push_json(text, &line.trace);
    let Line { statement, run, at, .. } = line;
    write!(text, "\t{statement}\t{run}\t{at}\ttrue")
}

fn entry(text: &mut String, entry: &Entry) -> std::fmt::Result {
    let Entry { id, account, payer, payee, sums, run, at } = entry;
    let (debit, credit) = (amount(sums.debit), amount(sums.credit));
    write!(
        text,
        "{id}\tinternal_settlement\t{account}\t{debit}\t{credit}\tCNY\t{PERIOD}\tdepartment\t{payer}\tpartner\t{payee}\t\
         {run}\t{at}"
    )
}

fn amount(ten_thousandths: i64) -> Decimal {
    Decimal::new(ten_thousandths, 4)
}

/// JSON has no tabs and no ends of lines of its own; its backslashes COPY would take for itself.
fn push_json(text: &mut String, json: &str) {
    for (place, part) in json.split('\\').enumerate() {
        text.push_str(if place > 0 { "\\\\" } else { "" });
        text.push_str(part);
    }
}
