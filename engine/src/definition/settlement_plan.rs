//! `settlement_plan`: which facts are settled and which lines they should have.

use super::{Expression, Operand, written};
use crate::settlement::rounding::Rounding;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

written! {
    /// Which facts are settled, when, and which lines each should have. A run compares the lines that should
    /// exist with those posted and posts the difference.
    pub struct SettlementPlanDefinition {
        /// The facts: records of an object in a state.
        pub on: FactsDefinition,
        /// What one fact is (default the record).
        pub each: Each,
        /// The fact's date or moment that decides prices and period.
        pub business_date: String,
        pub period_calendar: String,
        /// What divides a run into units that succeed or fail alone (default: the first line's payee).
        #[serde(skip_serializing_if = "Option::is_none")]
        pub for_each: Option<Expression>,
        /// Named steps before the lines: look-ups and formulas, in order.
        #[serde(rename = "let", skip_serializing_if = "IndexMap::is_empty")]
        pub steps: IndexMap<String, StepDefinition>,
        pub lines: Vec<LineDefinition>,
        /// The posting that turns lines into ledger entries.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub posting: Option<String>,
        /// The statement the lines appear on.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub statement: Option<String>,
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct FactsDefinition {
    pub object: String,
    /// The state in which a record is a fact.
    pub state: String,
    /// Only facts for which this holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Expression>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Each {
    #[default]
    Record,
}

/// A look-up in a rate table, or a formula.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum StepDefinition {
    Formula(Expression),
    Lookup(LookupDefinition),
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct LookupDefinition {
    /// The rate table.
    pub lookup: String,
    /// An expression for each column; a column left out takes its `from`.
    pub with: IndexMap<String, Expression>,
    /// Values taken when no row matches, by value name, or one value for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_match: Option<serde_json::Value>,
}

/// A line each fact should have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct LineDefinition {
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Only while this holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Expression>,
    pub payer: Option<Operand>,
    pub payee: Option<Operand>,
    pub amount: Option<AmountDefinition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax: Option<TaxDefinition>,
    pub round: RoundDefinition,
    /// What income, cost and profit are grouped by later.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub dimensions: IndexMap<String, Expression>,
}

/// A formula, or a price applied to a quantity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum AmountDefinition {
    Formula(Expression),
    Apply(ApplyDefinition),
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct ApplyDefinition {
    /// A price: a constant or a schedule, as the row gives it; or the name of a schedule in quotes.
    pub apply: Expression,
    /// The quantity.
    pub to: Expression,
    /// Tiers count the quantity over several facts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cumulate: Option<CumulateDefinition>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct CumulateDefinition {
    /// `payee`, `payer`, the name of a look-up step (its row), or an expression.
    pub by: Vec<Expression>,
    /// The period calendar over which the quantity adds up.
    pub period: String,
}

/// The line's tax. Within one legal entity nothing is taxed, whatever stands here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct TaxDefinition {
    /// The rate table whose value `rate` is the tax rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lookup: Option<String>,
    #[serde(rename = "with", skip_serializing_if = "IndexMap::is_empty")]
    pub with: IndexMap<String, Expression>,
    /// The rate itself, instead of a look-up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Operand>,
    pub mode: TaxMode,
    /// How the tax is rounded (default half_up, two digits).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round: Option<Rounding>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaxMode {
    #[default]
    Inclusive,
    Exclusive,
    Exempt,
    Zero,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct RoundDefinition {
    pub at: RoundAt,
    pub mode: Rounding,
}

impl Default for RoundDefinition {
    fn default() -> Self {
        RoundDefinition { at: RoundAt::Line, mode: Rounding::HalfUp }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoundAt {
    Line,
}
