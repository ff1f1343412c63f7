//! `chain`: how the parties of one fact share in it.

use super::settlement_plan::LookupDefinition;
use super::{DecimalText, Expression, Literal, RateText, written};
use crate::settlement::chain::Freeze;
use crate::settlement::rounding::Rounding;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

written! {
    /// How the parties of one fact share in it, from the seller upward.
    pub struct ChainDefinition {
        /// The object of its parties, with the trait `party`; needed where a plan pays the chain.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub party: Option<String>,
        /// The parties, bottom-up: a list the fact has (`record.sellers`), or who stands above a party (`party.upline`),
        /// climbed from the line's payee.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub path: Option<Expression>,
        /// Paid levels, the seller being the first (default 2). More may be unlawful where the law forbids multi-level distribution.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub levels: Option<usize>,
        /// When parties and their figures are fixed (default `on_record`: when the fact is settled first).
        #[serde(skip_serializing_if = "Option::is_none")]
        pub freeze: Option<Freeze>,
        /// The rule: exactly one.
        pub method: ChainMethodDefinition,
        /// Parties that are passed over, by reason; those above move up.
        #[serde(skip_serializing_if = "IndexMap::is_empty")]
        pub skip: IndexMap<String, Expression>,
        /// What may be given away.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub pool: Option<PoolDefinition>,
        /// The most all payouts together may be.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub limit: Option<LimitDefinition>,
        /// Paid beside the pool to a party as highly rated as the highest below it.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        pub peer_bonus: Vec<PeerBonusDefinition>,
        /// Who keeps what nobody of the chain gets: `object/key`.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub remainder: Option<Literal>,
        /// How the payouts are rounded, so that together they are exactly what is given away.
        pub round: PoolRoundDefinition,
    }
}

/// Exactly one of `differential`, `levels`, `shares` and `price_gap`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct ChainMethodDefinition {
    /// 级差: each party gets its rate less the highest rate below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub differential: Option<DifferentialDefinition>,
    /// The n-th party gets the n-th rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub levels: Option<LevelRatesDefinition>,
    /// Fixed shares of the whole, which is divided up to the last unit between the parties and the remainder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shares: Option<LevelRatesDefinition>,
    /// Each party gets the difference between the price below it and its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_gap: Option<PriceGapDefinition>,
}

/// Each party gets its own rate less the highest rate below it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct DifferentialDefinition {
    /// The rate of a party, from a table with the value `rate`.
    pub rate: LookupDefinition,
}

/// Each party gets the difference between the price below it and its own.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct PriceGapDefinition {
    /// The price of a party, from a table with the value `price`.
    pub price: LookupDefinition,
}

/// A rate for each level of the chain.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct LevelRatesDefinition {
    /// From the seller upward.
    pub rates: Vec<RateText>,
    /// Multiplies every rate (half commission in a trial, for one).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<DecimalText>,
}

/// What is given away: a share of a base.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct PoolDefinition {
    /// What the rates are shares of; the plan's line says it where this does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Expression>,
    /// The share of the base that is given away at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap_rate: Option<RateText>,
}

/// The most all payouts of a fact together may be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct LimitDefinition {
    /// The share of what was paid that all payouts together may not exceed.
    pub share: RateText,
    /// What was paid; a fact that would exceed its share is left out of a run. Without it nothing is checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<Expression>,
}

/// What a party gets that is as highly rated as the highest below it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct PeerBonusDefinition {
    /// Name of the bonus among those of the chain; its line is called after it.
    pub id: String,
    /// How far the party's rate may lie below the highest (default 0).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<RateText>,
    /// The share of the base that one peer gets.
    pub rate: RateText,
    /// How many peers of one chain get it (default 1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generations: Option<usize>,
    /// Who pays it, `object/key`; whoever keeps the remainder where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
}

/// How payouts are rounded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct PoolRoundDefinition {
    /// What is rounded together: `pool`, all payouts of a fact, so that they add up.
    pub at: PoolRoundAt,
    /// How one payout is rounded.
    pub mode: Rounding,
}

impl Default for PoolRoundDefinition {
    fn default() -> Self {
        PoolRoundDefinition { at: PoolRoundAt::Pool, mode: Rounding::HalfUp }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PoolRoundAt {
    /// All payouts of a fact together.
    Pool,
}
