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

/// Which entries; what is `None` does not restrict.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EntryQuery {
    pub period: Option<String>,
    pub posting: Option<String>,
    pub account: Option<String>,
    /// `seq` of the last entry of the former page.
    pub after: Option<i64>,
    pub limit: u32,
}

/// An entry with its place in the ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredEntry {
    pub seq: i64,
    pub entry: Entry,
}

impl Store {
    /// Entries in the order they were written.
    pub async fn entries(&self, scope: &Scope, query: &EntryQuery) -> Result<Vec<StoredEntry>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let mut sql = Sql::new(connection.dialect());
        sql.push(
            "SELECT e.seq, e.id, e.posting, e.account, e.debit, e.credit, e.currency, e.period, e.payer_object, e.payer,
             e.payee_object, e.payee, e.run, e.posted_at FROM ledger_entry AS e WHERE ",
        );
        push_visible(&mut sql, scope, "e");
        for (name, text) in [("period", &query.period), ("posting", &query.posting), ("account", &query.account)] {
            if let Some(text) = text {
                sql.push(" AND e.").push(name).push(" = ").bind(Datum::text(text));
            }
        }
        if let Some(after) = query.after {
            sql.push(" AND e.seq > ").bind(Datum::Int(after));
        }
        sql.push(" ORDER BY e.seq LIMIT ").bind(Datum::Int(i64::from(query.limit)));
        let amount = Kind::Decimal(AMOUNT_SCALE);
        let kinds = [
            Kind::Int,
            Kind::Id,
            Kind::Text,
            Kind::Text,
            amount,
            amount,
            Kind::Text,
            Kind::Text,
            Kind::Text,
            Kind::Id,
            Kind::Text,
            Kind::Id,
            Kind::Id,
            Kind::Int,
        ];
        let rows = connection.rows("listing ledger entries", sql, &kinds).await?;
        let read = |row| {
            let mut row = Columns::of("ledger_entry", row);
            let seq = row.int()?;
            let entry = Entry {
                id: row.id()?,
                posting: row.text()?,
                account: row.text()?,
                debit: row.amount()?,
                credit: row.amount()?,
                currency: row.text()?,
                period: row.text()?.to_string(),
                payer: row.party()?,
                payee: row.party()?,
                run: row.optional_id(),
                posted_at: row.moment()?,
            };
            Ok(StoredEntry { seq, entry })
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
