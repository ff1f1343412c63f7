//! Settlement lines: posted, taken back, summed.

use super::{Scope, Store, StoreError};
use packwork_engine::record::Name;
use packwork_engine::settlement::line::{Line, StatementStatus};
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A line as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredLine {
    /// Place in the tenant's ledger; later lines have greater ones.
    pub seq: i64,
    /// A charge that no line takes back.
    pub standing: bool,
    pub line: Line,
}

/// Which lines; what is `None` does not restrict.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineQuery {
    pub plan: Option<Name>,
    pub period: Option<String>,
    /// Payer or payee.
    pub party: Option<Uuid>,
    pub fact: Option<Uuid>,
    pub statement: Option<Uuid>,
    pub run: Option<Uuid>,
    /// Only charges that no line takes back.
    pub standing: bool,
    /// `seq` of the last line of the former page.
    pub after: Option<i64>,
    pub limit: u32,
}

/// What line totals are grouped by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineGroup {
    Dimension(String),
    Plan,
    Period,
    Payer,
    Payee,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineMeasure {
    Gross,
    Net,
    Tax,
    /// Standing lines.
    Count,
}

#[derive(Clone, Debug, PartialEq)]
pub struct LineTotal {
    pub group: Value,
    pub currency: Name,
    pub value: Decimal,
}

/// How far a fact is settled: its standing lines, by the status of the statement they are on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FactStatus {
    pub lines: u64,
    /// How many of them are on statements of which status; `None`: on no statement.
    pub statuses: Vec<(Option<StatementStatus>, u64)>,
    /// `(gross, net, tax)` by currency.
    pub sums: BTreeMap<Name, (Decimal, Decimal, Decimal)>,
}

impl Store {
    /// Lines in the order they were posted.
    pub async fn lines(&self, _scope: &Scope, _query: &LineQuery) -> Result<Vec<StoredLine>, StoreError> {
        Err(StoreError::Unfinished)
    }

    pub async fn line(&self, _scope: &Scope, _id: Uuid) -> Result<Option<StoredLine>, StoreError> {
        Err(StoreError::Unfinished)
    }

    /// Sums of all lines, charges and what takes them back.
    pub async fn line_totals(&self, _scope: &Scope, _group: &LineGroup, _measure: LineMeasure, _period: Option<&str>) -> Result<Vec<LineTotal>, StoreError> {
        Err(StoreError::Unfinished)
    }

    /// Facts without standing lines are absent.
    pub async fn fact_status(&self, _scope: &Scope, _object: &str, _facts: &[Uuid]) -> Result<BTreeMap<Uuid, FactStatus>, StoreError> {
        Err(StoreError::Unfinished)
    }
}
