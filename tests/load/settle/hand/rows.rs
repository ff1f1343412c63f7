//! The rows the hand-written program writes.

use super::sql;
use anyhow::{Context, Result};
use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Sqlite, SqliteConnection};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Amounts in ten-thousandths, quantity and rate in millionths, as the tables keep them.
pub struct Line {
    pub id: Uuid,
    pub fact: Uuid,
    pub payer: Uuid,
    pub payee: Uuid,
    pub date: String,
    pub group: Option<String>,
    pub quantity: i64,
    pub gross: i64,
    pub net: i64,
    pub tax: i64,
    pub tax_rate: i64,
    pub tax_kind: &'static str,
    pub dimensions: String,
    pub trace: String,
    pub statement: Uuid,
    pub run: Uuid,
    pub at: i64,
}

impl Line {
    pub fn bind<'q>(&'q self, query: Query<'q, Sqlite, SqliteArguments>) -> Query<'q, Sqlite, SqliteArguments> {
        query
            .bind(self.id)
            .bind(self.fact)
            .bind(self.payer)
            .bind(self.payee)
            .bind(self.date.as_str())
            .bind(self.group.as_deref())
            .bind(self.group.as_ref().map(|_| crate::settle::PERIOD))
            .bind(self.quantity)
            .bind(self.gross)
            .bind(self.net)
            .bind(self.tax)
            .bind(self.tax_rate)
            .bind(self.tax_kind)
            .bind(self.dimensions.as_str())
            .bind(self.trace.as_str())
            .bind(self.statement)
            .bind(self.run)
            .bind(self.at)
    }
}

pub struct Statement {
    pub id: Uuid,
    pub payer: Uuid,
    pub payee: Uuid,
    pub at: i64,
}

impl Statement {
    pub async fn insert(&self, connection: &mut SqliteConnection) -> Result<()> {
        let query = sqlx::query(sql::INSERT_STATEMENT).bind(self.id).bind(self.payer).bind(self.payee).bind(self.at);
        query.execute(connection).await.context("opening a statement")?;
        Ok(())
    }
}

#[derive(Default)]
pub struct Entry {
    debit: i64,
    credit: i64,
}

/// Adds a line to its accounts: cost against payable, input tax against payable.
pub fn post(entries: &mut BTreeMap<(&'static str, Uuid, Uuid), Entry>, line: &Line) {
    entries.entry(("settlement_cost", line.payer, line.payee)).or_default().debit += line.net;
    entries.entry(("partner_payable", line.payer, line.payee)).or_default().credit += line.net + line.tax;
    if line.tax != 0 {
        entries.entry(("input_vat", line.payer, line.payee)).or_default().debit += line.tax;
    }
}

impl Entry {
    #[expect(clippy::too_many_arguments, reason = "one per column")]
    pub async fn insert(
        &self,
        connection: &mut SqliteConnection,
        id: Uuid,
        account: &str,
        payer: Uuid,
        payee: Uuid,
        run: Uuid,
        at: i64,
    ) -> Result<()> {
        let query = sqlx::query(sql::INSERT_ENTRY).bind(id).bind(account).bind(self.debit).bind(self.credit);
        let query = query.bind(payer).bind(payee).bind(run).bind(at);
        query.execute(connection).await.context("writing an entry")?;
        Ok(())
    }
}
