//! A settlement line: what one party owes another for one fact, and everything that says why.

use super::tax::TaxKind;
use super::trace::Trace;
use crate::moment::{Date, Moment};
use crate::record::{Name, is_same_name};
use crate::value::Value;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use uuid::Uuid;

/// A payer or payee: any record of an object with the trait `party`.
#[derive(Clone, Debug, Eq, PartialOrd, Ord)]
pub struct Party {
    pub object: Name,
    pub id: Uuid,
}

impl PartialEq for Party {
    fn eq(&self, other: &Party) -> bool {
        self.id == other.id && is_same_name(&self.object, &other.object)
    }
}

impl Hash for Party {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.object.hash(state);
        self.id.hash(state);
    }
}

/// The values a line is told apart by, by name.
pub type Dimensions = BTreeMap<Name, Value>;

/// One posted line. Amounts carry their sign; a reversal mirrors the stored amounts of the line it takes back.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub id: Uuid,
    pub plan: Name,
    /// The plan's line id.
    pub line: Name,
    pub fact_object: Name,
    pub fact: Uuid,
    pub payer: Party,
    pub payee: Party,
    pub business_date: Date,
    /// The period the line is posted in.
    pub period: Name,
    /// The period the fact belongs to by its business date.
    pub service_period: Name,
    /// The closed period this line makes up for.
    pub corrects: Option<Name>,
    /// The line this one takes back.
    pub reverses: Option<Uuid>,
    /// Digest of the cumulation group, and the cumulation period, where tiers count over several facts.
    pub group: Option<Name>,
    pub group_period: Option<Name>,
    pub quantity: Decimal,
    pub gross: Decimal,
    pub net: Decimal,
    pub tax: Decimal,
    pub tax_rate: Decimal,
    pub tax_kind: TaxTreatment,
    pub currency: Name,
    pub dimensions: Arc<Dimensions>,
    pub trace: Arc<Trace>,
    pub statement: Option<Uuid>,
    pub run: Option<Uuid>,
    pub posted_at: Moment,
}

/// The reason of a line that takes a reversal back: what was taken back stands again.
pub const RESTATED: &str = "restated";

impl Line {
    /// Whether the line stands again for one that was taken back.
    pub fn restates(&self) -> bool {
        self.reverses.is_some() && self.trace.reason.as_deref() == Some(RESTATED)
    }

    /// What is charged before tax is added or taken out.
    pub fn charged(&self) -> Decimal {
        self.tax_kind.charged(self.gross, self.net)
    }

    /// Whether the line only takes another back: it owes nothing by itself.
    pub fn takes_back(&self) -> bool {
        self.reverses.is_some() && !self.restates()
    }
}

/// How a line was taxed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaxTreatment {
    Inclusive,
    Exclusive,
    Exempt,
    Zero,
    /// Payer and payee belong to one legal entity.
    NotTaxed,
}

impl TaxTreatment {
    pub fn kind(self) -> TaxKind {
        match self {
            TaxTreatment::Inclusive => TaxKind::Inclusive,
            TaxTreatment::Exclusive => TaxKind::Exclusive,
            TaxTreatment::Exempt => TaxKind::Exempt,
            TaxTreatment::Zero => TaxKind::Zero,
            TaxTreatment::NotTaxed => TaxKind::NotTaxed,
        }
    }

    /// Which of its amounts a line was charged by: tax comes on top of the net, or is within the gross.
    pub fn charged(self, gross: Decimal, net: Decimal) -> Decimal {
        match self {
            TaxTreatment::Exclusive => net,
            TaxTreatment::Inclusive | TaxTreatment::Exempt | TaxTreatment::Zero | TaxTreatment::NotTaxed => gross,
        }
    }
}

/// What identifies the statement a line belongs on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StatementKey {
    pub statement: Name,
    pub payer: Party,
    pub payee: Party,
    pub period: String,
    pub currency: Name,
}

/// The newest statement under a key; a draft, where there is one.
#[derive(Clone, Debug, PartialEq)]
pub struct StatementHead {
    pub id: Uuid,
    /// The greatest under the key, 1 for the first; the next statement has the one after it.
    pub ordinal: i64,
    pub status: StatementStatus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatementStatus {
    Draft,
    Issued,
    Confirmed,
    Paid,
    /// Taken back by a statement of its own.
    Reversed,
}

impl StatementStatus {
    pub const ALL: [StatementStatus; 5] = [
        StatementStatus::Draft,
        StatementStatus::Issued,
        StatementStatus::Confirmed,
        StatementStatus::Paid,
        StatementStatus::Reversed,
    ];

    pub fn named(name: &str) -> Option<StatementStatus> {
        StatementStatus::ALL.into_iter().find(|status| status.as_str() == name)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            StatementStatus::Draft => "draft",
            StatementStatus::Issued => "issued",
            StatementStatus::Confirmed => "confirmed",
            StatementStatus::Paid => "paid",
            StatementStatus::Reversed => "reversed",
        }
    }
}

/// One ledger entry. A unit's entries balance per currency, without tolerance.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub id: Uuid,
    pub posting: Name,
    pub account: Name,
    pub debit: Decimal,
    pub credit: Decimal,
    pub currency: Name,
    pub period: String,
    pub payer: Party,
    pub payee: Party,
    pub run: Option<Uuid>,
    pub posted_at: Moment,
}
