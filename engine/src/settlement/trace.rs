//! The trace of a line: everything its amount was made of, compact, versioned, replayable. Text is made
//! from it when it is read.

use crate::moment::Date;
use crate::record::Name;
use rust_decimal::Decimal;
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// The newest version of the stored form.
pub const TRACE_VERSION: u32 = 1;

/// The point of the one rounding of a statement's tax.
pub const DOCUMENT: &str = "document";

/// One of a few words: ours where a trace is made, whatever stands there where one is read.
pub type Word = Cow<'static, str>;

/// Why a line has its amount.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// Version of this stored form.
    pub v: u32,
    /// Digest of the plan's definition.
    pub plan: Name,
    /// Look-ups in the order they were made, by step name (`tax` for the tax's own).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lookups: Vec<LookupTrace>,
    /// The quantity priced, and what counted before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<PriceTrace>,
    /// Totals of accumulators that were read, by step name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub totals: Vec<TotalTrace>,
    /// How a chain divided the base among its parties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Box<ChainTrace>>,
    /// What was entitled, and what of it was posted before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Box<DueTrace>>,
    /// A cap or minimum, on the line that makes up for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjusted: Option<Box<AdjustTrace>>,
    /// The lines of another fact that are taken back in part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirrored: Option<Box<MirrorTrace>>,
    /// Roundings in the order they were made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rounded: Vec<RoundedTrace>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax: Option<TaxTrace>,
    /// Of a line that waits for its statement: the last day of its hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_until: Option<Date>,
    /// Why the line exists: absent for the normal case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Word>,
}

/// A look-up on a day.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "Stored")]
pub struct LookupTrace {
    pub date: Date,
    /// What was asked and found, shared by all who ask the same.
    pub found: Arc<FoundTrace>,
    /// Of the rate of a conversion: what it was applied to. By way of a third currency it stands at the last rate.
    pub converted: Option<Box<ConvertedTrace>>,
}

/// What a look-up asked and found, on whatever day.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundTrace {
    pub step: Name,
    pub table: Name,
    /// The table's revision when it was read.
    pub revision: i64,
    pub row: Name,
    pub row_record: Uuid,
    /// What was looked up, by column, as people write it.
    pub inputs: BTreeMap<Name, String>,
    /// What the row gave.
    pub values: Arc<BTreeMap<Name, serde_json::Value>>,
}

/// A look-up as it is stored.
#[derive(Deserialize)]
struct Stored {
    step: Name,
    table: Name,
    revision: i64,
    row: Name,
    row_record: Uuid,
    date: Date,
    inputs: BTreeMap<Name, String>,
    values: Arc<BTreeMap<Name, serde_json::Value>>,
    #[serde(default)]
    converted: Option<Box<ConvertedTrace>>,
}

impl From<Stored> for LookupTrace {
    fn from(stored: Stored) -> LookupTrace {
        let Stored { step, table, revision, row, row_record, date, inputs, values, converted } = stored;
        let found = Arc::new(FoundTrace { step, table, revision, row, row_record, inputs, values });
        LookupTrace { date, found, converted }
    }
}

impl Serialize for LookupTrace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let FoundTrace { step, table, revision, row, row_record, inputs, values } = &*self.found;
        let mut stored = serializer.serialize_struct("LookupTrace", 8 + usize::from(self.converted.is_some()))?;
        stored.serialize_field("step", step)?;
        stored.serialize_field("table", table)?;
        stored.serialize_field("revision", revision)?;
        stored.serialize_field("row", row)?;
        stored.serialize_field("row_record", row_record)?;
        stored.serialize_field("date", &self.date)?;
        stored.serialize_field("inputs", inputs)?;
        stored.serialize_field("values", values)?;
        if let Some(converted) = &self.converted {
            stored.serialize_field("converted", converted)?;
        }
        stored.end()
    }
}

/// An amount in one currency and in another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConvertedTrace {
    pub amount: Decimal,
    pub from: String,
    pub to: String,
    /// The value of the rows that is the rate, and what all of them come to.
    pub value: String,
    pub rate: Decimal,
    /// Before and after the rounding.
    pub before: Decimal,
    pub after: Decimal,
    pub mode: Word,
    pub places: u32,
}

/// Stands behind the name of a conversion's step, at its rate to the currency between.
pub const THROUGH: &str = "/through";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PriceTrace {
    pub quantity: Decimal,
    /// Of cumulated quantities: what the group had before this fact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Decimal>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Name>,
    /// `[quantity, rate, amount]` per tier touched.
    pub parts: Vec<PartTrace>,
    /// What earlier lines of a closed period are short of their sum's price, negative where they are above: this one makes up
    /// for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_up: Option<Decimal>,
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
    /// `line`, `tax` or [`DOCUMENT`].
    pub point: Word,
    pub before: Decimal,
    pub after: Decimal,
    pub mode: Word,
    pub places: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaxTrace {
    pub kind: Word,
    pub rate: Decimal,
    pub gross: Decimal,
    pub net: Decimal,
    pub tax: Decimal,
}

/// What an accumulator came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TotalTrace {
    pub step: String,
    pub accumulator: String,
    /// The period it adds up in.
    pub period: String,
    /// The first day that no longer counted.
    pub until: Date,
    /// How many facts or lines counted.
    pub count: usize,
    pub total: Decimal,
}

/// A base divided along a chain, and which part of it the line is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainTrace {
    pub chain: String,
    pub base: Decimal,
    pub pool: Decimal,
    /// What nobody of the chain got.
    pub remainder: Decimal,
    pub part: ChainPart,
    /// How the pool was rounded, where not half up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounding: Option<Word>,
    /// All parties from the seller upward, as they stood when the fact was first settled.
    pub members: Vec<MemberTrace>,
}

impl ChainTrace {
    /// What a party may read of it: its own place, not what others get nor what is left.
    pub fn seen_by(&self, party: Uuid) -> ChainTrace {
        let members: Vec<MemberTrace> = self.members.iter().filter(|member| member.party == party).cloned().collect();
        let part = match &self.part {
            ChainPart::Member(_) => ChainPart::Member(0),
            other => other.clone(),
        };
        ChainTrace { members, part, pool: Decimal::ZERO, remainder: Decimal::ZERO, ..self.clone() }
    }
}

/// Whose part of a distribution a line is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChainPart {
    /// By place, from 0.
    Member(usize),
    /// A bonus beside the pool, by its id.
    Bonus(String),
    Remainder,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberTrace {
    pub object: String,
    pub party: Uuid,
    /// Its rate or price, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figure: Option<Decimal>,
    /// The share of the base that is the party's; of price gaps the gap.
    pub step: Decimal,
    pub amount: Decimal,
    /// Why it gets nothing, or not all: `skipped`, `peer`, `outranked`, `beyond_levels`, `capped`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Of `skipped`: the name of the condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

/// Cumulated entitlement against what stands posted: the line is the difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueTrace {
    pub period: String,
    pub entitled: Decimal,
    pub posted: Decimal,
    /// From which part of the volume on the reached rate holds, where not from zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retroactive_from: Option<String>,
    /// Growth over the compared volume, where the tier is found by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<Decimal>,
}

/// What a cap cut, or what was missing to a minimum.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdjustTrace {
    pub id: String,
    /// `cap` or `minimum`.
    pub kind: Word,
    /// The cap or the minimum, after it was prorated.
    pub limit: Decimal,
    /// What counted toward it before.
    pub used: Decimal,
    /// The amount as it would be without it.
    pub amount: Decimal,
    /// Days in use and days of the period, where the minimum was prorated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<[Decimal; 2]>,
}

/// Which line is mirrored, and how far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorTrace {
    pub line: Uuid,
    pub object: String,
    pub fact: Uuid,
    /// What the original was made from, and what of it is taken back, before this fact and with it.
    pub of: Decimal,
    pub before: Decimal,
    pub until: Decimal,
    /// The amount of the original line.
    pub amount: Decimal,
    /// The original split has amounts of both signs (a line and its cap), each of which were taken back in proportion. Lines
    /// posted before that was so were split by size alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_sign: bool,
}
