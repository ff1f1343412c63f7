//! What the hand-written program writes on SQLite: statements of many rows.

use super::rows::{Batch, Entry, Line, Statement};
use super::sql;
use anyhow::{Context, Result};
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Sqlite, SqliteConnection};

const ROWS_PER_STATEMENT: usize = 500;

pub async fn write(connection: &mut SqliteConnection, batch: &Batch) -> Result<()> {
    for statement in &batch.statements {
        insert_statement(connection, statement).await.context("opening a statement")?;
    }
    for lines in batch.lines.chunks(ROWS_PER_STATEMENT) {
        let text = sql::many(sql::INSERT_LINES, sql::LINE, lines.len());
        let mut query = sqlx::query(AssertSqlSafe(text));
        for line in lines {
            query = bind(query, line);
        }
        query.execute(&mut *connection).await.context("writing lines")?;
    }
    for entry in &batch.entries {
        insert_entry(connection, entry).await.context("writing an entry")?;
    }
    Ok(())
}

async fn insert_statement(connection: &mut SqliteConnection, statement: &Statement) -> Result<(), sqlx::Error> {
    let query = sqlx::query(sql::INSERT_STATEMENT).bind(statement.id).bind(statement.payer).bind(statement.payee);
    query.bind(statement.at).execute(connection).await.map(|_| ())
}

fn bind<'q>(query: Query<'q, Sqlite, SqliteArguments>, line: &'q Line) -> Query<'q, Sqlite, SqliteArguments> {
    query
        .bind(line.id)
        .bind(line.fact)
        .bind(line.payer)
        .bind(line.payee)
        .bind(line.date.as_str())
        .bind(line.group.as_deref())
        .bind(line.group.as_ref().map(|_| crate::settle::PERIOD))
        .bind(line.quantity)
        .bind(line.gross)
        .bind(line.net)
        .bind(line.tax)
        .bind(line.tax_rate)
        .bind(line.tax_kind)
        .bind(line.dimensions.as_str())
        .bind(line.trace.as_str())
        .bind(line.statement)
        .bind(line.run)
        .bind(line.at)
}

async fn insert_entry(connection: &mut SqliteConnection, entry: &Entry) -> Result<(), sqlx::Error> {
    let query = sqlx::query(sql::INSERT_ENTRY).bind(entry.id).bind(entry.account);
    let query = query.bind(entry.sums.debit).bind(entry.sums.credit).bind(entry.payer).bind(entry.payee);
    query.bind(entry.run).bind(entry.at).execute(connection).await.map(|_| ())
}
