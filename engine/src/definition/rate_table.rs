//! `rate_table`: dated prices, rates and factors by typed columns.

use super::object::OptionDefinition;
use super::{Expression, written};
use crate::settlement::table::Policy;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

written! {
    /// Dated prices, rates or factors by typed columns. Its rows are records: closed and added, never edited.
    pub struct RateTableDefinition {
        /// What several matching rows mean (default `unique`: the most specific one; two equally specific ones are an error).
        pub hit: Policy,
        /// What no matching row means (default `error`); `pending` leaves the record usable and blocks only its settlement.
        pub no_match: NoMatch,
        /// The columns a row states or leaves open (`"*"`).
        pub columns: IndexMap<String, ColumnDefinition>,
        /// What a row gives.
        pub values: IndexMap<String, RateValueDefinition>,
        /// Columns in order of weight: a row that states an earlier one beats a row that does not. Where not given, the row
        /// that states more columns wins; an empty list lets no row beat another, so that any two that match are an error.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub specificity: Option<Vec<String>>,
        /// Of `priority` and `output_order`: the values of a value column from the most wanted; several are compared in order.
        #[serde(skip_serializing_if = "IndexMap::is_empty")]
        pub priority: IndexMap<String, Vec<serde_json::Value>>,
        /// The first rows, created once at installation. Each has an `id`, its columns, its values and
        /// `valid: [from inclusive, to exclusive | null]`. Where the order of rows decides (`first`, `rule_order`, ties of
        /// `priority`), `row_rank` says where a row stands; without it a row comes after those added before.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        pub rows: Vec<IndexMap<String, serde_json::Value>>,
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoMatch {
    /// The record is refused.
    #[default]
    Error,
    /// The record stays usable; its settlement waits for a price.
    Pending,
}

/// One column: exactly one of `dimension`, `classification`, `choice`, `number`, `text` and `boolean`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct ColumnDefinition {
    /// English title; the Chinese one stands in `i18n/zh-CN.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Records of a dimension's object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dimension: Option<String>,
    /// Values of a classification, `dimension.classification`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classification: Option<String>,
    /// Fixed values: a list of names, or a map with titles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choice: Option<ChoiceValues>,
    /// Numbers: a row states one (`5`) or those it holds for (`>= 1000`, `[500..1000)`, `!= 5`, `not(5, [7..9])`); a comma joins
    /// conditions that must both hold, `or` those of which one is enough.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub number: bool,
    /// Free texts: a row states one, a list of which one must be met, or `not(GB | IE)` for any but these.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub text: bool,
    /// Yes or no.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub boolean: bool,
    /// Where `rate()` takes the column's input from; the record's field of the column's name where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Expression>,
}

/// Fixed values: a list of names, or a map of names with titles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ChoiceValues {
    Names(Vec<String>),
    Options(IndexMap<String, OptionDefinition>),
}

impl ChoiceValues {
    pub fn names(&self) -> Vec<&str> {
        match self {
            ChoiceValues::Names(names) => names.iter().map(String::as_str).collect(),
            ChoiceValues::Options(options) => options.keys().map(String::as_str).collect(),
        }
    }
}

/// One value a row gives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct RateValueDefinition {
    /// English title; the Chinese one stands in `i18n/zh-CN.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What the value is (default `money`).
    #[serde(rename = "type")]
    pub value_type: RateValueType,
    /// Of money: what one price is for (`unit`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per: Option<String>,
    /// Of money: the ISO 4217 code; the tenant's currency where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Digits after the point (money 4, percent 6, decimal 6).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RateValueType {
    /// An amount in `currency`.
    #[default]
    Money,
    /// A price, or `{"schedule": name}`: a price can become tiered without touching the plan.
    MoneyOrSchedule,
    /// A share: 0.15, or 15%.
    Percent,
    /// A factor.
    Decimal,
    /// A text, such as the name of a schedule.
    Text,
}
