//! Ledger entries and what they add up to.

use super::apply::insert_rows;
use super::connection::Connection;
use super::line::{AMOUNT_SCALE, Columns, push_visible, stored_number};
use super::sql::{Datum, Kind, Sql};
use super::{Scope, Store, StoreError};
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use packwork_engine::settlement::line::Entry;
use rust_decimal::Decimal;

/// Sums of one account in one currency.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialRow {
    pub posting: Name,
    pub account: Name,
    pub currency: Name,
    pub debit: Decimal,
    pub credit: Decimal,
}

impl Store {
    /// Debits and credits by account, of a period or of all.
    pub async fn trial_balance(&self, scope: &Scope, period: Option<&str>) -> Result<Vec<TrialRow>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let mut sql = Sql::new(connection.dialect());
        sql.push("SELECT e.posting, e.account, e.currency, sum(e.debit), sum(e.credit) FROM ledger_entry AS e WHERE ");
        push_visible(&mut sql, scope, "e");
        if let Some(period) = period {
            sql.push(" AND e.period = ").bind(Datum::text(period));
        }
        sql.push(" GROUP BY 1, 2, 3 ORDER BY 1, 2, 3");
        let amount = Kind::Decimal(AMOUNT_SCALE);
        let kinds = [Kind::Text, Kind::Text, Kind::Text, amount, amount];
        let rows = connection.rows("adding up the ledger", sql, &kinds).await?;
        let read = |row| {
            let mut row = Columns::of("ledger_entry", row);
            Ok(TrialRow {
                posting: row.text()?,
                account: row.text()?,
                currency: row.text()?,
                debit: row.amount()?,
                credit: row.amount()?,
            })
        };
        rows.into_iter().map(read).collect()
    }
}

pub(super) async fn insert(connection: &mut Connection, entries: &[Entry]) -> Result<Option<Refusal>, StoreError> {
    let mut rows = Vec::with_capacity(entries.len());
    for entry in entries {
        match encode(entry) {
            Ok(row) => rows.push(row),
            Err(refusal) => return Ok(Some(refusal)),
        }
    }
    let into = "ledger_entry (id, posting, account, debit, credit, currency, period, payer_object, payer, payee_object,
                payee, run, posted_at)";
    insert_rows(connection, "writing ledger entries", "", into, rows).await?;
    Ok(None)
}

fn encode(entry: &Entry) -> Result<Vec<Datum>, Refusal> {
    Ok(vec![
        Datum::Id(entry.id),
        Datum::Text(entry.posting.clone()),
        Datum::Text(entry.account.clone()),
        stored_number("debit", entry.debit, AMOUNT_SCALE)?,
        stored_number("credit", entry.credit, AMOUNT_SCALE)?,
        Datum::Text(entry.currency.clone()),
        Datum::text(&entry.period),
        Datum::Text(entry.payer.object.clone()),
        Datum::Id(entry.payer.id),
        Datum::Text(entry.payee.object.clone()),
        Datum::Id(entry.payee.id),
        Datum::optional_id(entry.run),
        Datum::Int(entry.posted_at.micros()),
    ])
}
