//! The rows the hand-written program writes, as both databases have them.

use std::collections::BTreeMap;
use uuid::Uuid;

/// Amounts in ten-thousandths, quantity and rate in millionths.
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

pub struct Statement {
    pub id: Uuid,
    pub payer: Uuid,
    pub payee: Uuid,
    pub at: i64,
}

pub struct Entry {
    pub id: Uuid,
    pub account: &'static str,
    pub payer: Uuid,
    pub payee: Uuid,
    pub sums: Sums,
    pub run: Uuid,
    pub at: i64,
}

#[derive(Default)]
pub struct Sums {
    pub debit: i64,
    pub credit: i64,
}

/// By account, payer and payee.
pub type Accounts = BTreeMap<(&'static str, Uuid, Uuid), Sums>;

/// Adds a line to its accounts: cost against payable, input tax against payable.
pub fn post(accounts: &mut Accounts, line: &Line) {
    accounts.entry(("settlement_cost", line.payer, line.payee)).or_default().debit += line.net;
    accounts.entry(("partner_payable", line.payer, line.payee)).or_default().credit += line.net + line.tax;
    if line.tax != 0 {
        accounts.entry(("input_vat", line.payer, line.payee)).or_default().debit += line.tax;
    }
}

/// What one transaction writes.
#[derive(Default)]
pub struct Batch {
    pub statements: Vec<Statement>,
    pub lines: Vec<Line>,
    pub entries: Vec<Entry>,
}
