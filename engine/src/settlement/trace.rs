//! The trace of a line: everything its amount was made of, compact, versioned, replayable. Text is made
//! from it when it is read.

use crate::moment::Date;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The newest version of the stored form.
pub const TRACE_VERSION: u32 = 1;

/// Why a line has its amount.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// Version of this stored form.
    pub v: u32,
    /// Digest of the plan's definition.
    pub plan: String,
    /// Look-ups in the order they were made, by step name (`tax` for the tax's own).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lookups: Vec<LookupTrace>,
    /// The quantity priced, and what counted before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceTrace>,
    /// Roundings in the order they were made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rounded: Vec<RoundedTrace>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<TaxTrace>,
    /// Why the line exists: absent for the normal case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LookupTrace {
    pub step: String,
    pub table: String,
    /// The table's revision when it was read.
    pub revision: i64,
    pub row: String,
    pub row_record: Uuid,
    pub date: Date,
    /// What was looked up, by column, as people write it.
    pub inputs: BTreeMap<String, String>,
    /// What the row gave.
    pub values: BTreeMap<String, serde_json::Value>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PriceTrace {
    pub quantity: Decimal,
    /// Of cumulated quantities: what the group had before this fact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// `[quantity, rate, amount]` per tier touched.
    pub parts: Vec<PartTrace>,
    /// How much further the next tier begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_next: Option<Decimal>,
    /// The amount before rounding.
    pub amount: Decimal,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartTrace {
    pub quantity: Decimal,
    pub rate: Decimal,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flat: Option<Decimal>,
    pub amount: Decimal,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundedTrace {
    /// `line` or `tax`.
    pub point: String,
    pub before: Decimal,
    pub after: Decimal,
    pub mode: String,
    pub places: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaxTrace {
    pub kind: String,
    pub rate: Decimal,
    pub gross: Decimal,
    pub net: Decimal,
    pub tax: Decimal,
}
