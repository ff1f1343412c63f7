//! `schedule`: tiers of price or rate over a quantity.

use super::{DecimalText, RateText, written};
use crate::settlement::schedule::{Beyond, Bounds, Mode, Negative, ZeroUsage};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

written! {
    /// Tiers over a quantity. A tier reaches up to its bound; the last one is open.
    pub struct ScheduleDefinition {
        /// How the tiers turn a quantity into an amount.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub mode: Option<Mode>,
        /// What the tiers' figures are, for people: `price` (default) or `rate`.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub unit: Option<String>,
        /// Whether a quantity on a bound belongs to the lower tier (default) or to the upper one.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub bounds: Option<Bounds>,
        /// What quantity zero costs (default nothing; the first flat amount in volume and percentage modes).
        #[serde(skip_serializing_if = "Option::is_none")]
        pub zero_usage: Option<ZeroUsage>,
        /// What a negative quantity means (default: the mirror image).
        #[serde(skip_serializing_if = "Option::is_none")]
        pub negative: Option<Negative>,
        /// Of package: units that are free before the first package.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub free_units: Option<DecimalText>,
        /// What a quantity beyond a bounded last tier means; without it the last tier is open.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub beyond: Option<Beyond>,
        /// Of percentage: transactions of the period that are free, from the first on.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub free_events: Option<DecimalText>,
        /// Of percentage: the amount of the period that is free. With both, whichever is reached first ends the allowance.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub free_amount: Option<DecimalText>,
        /// Of percentage: the least one transaction costs, its flat amount included.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub minimum: Option<DecimalText>,
        /// Of percentage: the most one transaction costs, its flat amount included.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub maximum: Option<DecimalText>,
        /// The tiers, from the lowest bound upward.
        pub tiers: Vec<TierDefinition>,
    }
}

/// One tier. `up_to: null` is the open end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct TierDefinition {
    /// Where the tier ends; `null` for the last, open one.
    pub up_to: Option<DecimalText>,
    /// Price of one unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price: Option<DecimalText>,
    /// The same as `price`, as billing systems call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<DecimalText>,
    /// A share of the quantity: `0.02`, or `2%`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<RateText>,
    /// Added once the tier is entered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flat: Option<DecimalText>,
    /// Units in a block or package; a started one counts whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block: Option<DecimalText>,
    /// Of block modes: the tier's width in blocks, instead of `up_to`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_blocks: Option<DecimalText>,
    /// Quick deduction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deduct: Option<DecimalText>,
}
