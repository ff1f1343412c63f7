//! `settlement_plan`: which facts are settled and which lines they should have.

use super::{Expression, Operand, written};
use crate::settlement::plan::Until;
use crate::settlement::rebate::{GrowthBase, RetroactiveFrom};
use crate::settlement::rounding::Rounding;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

written! {
    /// Which facts are settled, when, and which lines each should have. A run compares the lines that should
    /// exist with those posted and posts the difference.
    pub struct SettlementPlanDefinition {
        /// The facts: records of an object in a state, or the ends of periods.
        pub on: FactsDefinition,
        /// What one fact is (default the record).
        pub each: Each,
        /// The fact's date or moment that decides prices and period; not where periods are settled.
        pub business_date: String,
        /// The calendar of its periods; where periods are settled, the one that `on` names.
        pub period_calendar: String,
        /// What divides a run into units that succeed or fail alone (default: the first line's payee). Where periods are
        /// settled: the unit's name, a member of the key of the accumulators it reads.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub for_each: Option<Expression>,
        /// Named steps before the lines: look-ups, totals and formulas, in order.
        #[serde(rename = "let", skip_serializing_if = "IndexMap::is_empty")]
        pub steps: IndexMap<String, StepDefinition>,
        /// The lines each fact should have, in order; a later one may use the amounts of earlier ones.
        pub lines: Vec<LineDefinition>,
        /// The posting that turns lines into ledger entries.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub posting: Option<PostingChoice>,
        /// The statement the lines appear on.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub statement: Option<String>,
    }
}

/// Which records are facts, and when.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct FactsDefinition {
    /// The object whose records are settled.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub object: String,
    /// The state in which a record is a fact.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub state: String,
    /// The calendar whose periods' ends are settled: once for each live record of `object` (in `state`, where given), or
    /// without `object` for whoever the facts of the accumulators name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close: Option<String>,
    /// Only facts for which this holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Expression>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Each {
    /// Each record.
    #[default]
    Record,
}

/// A look-up in a rate table, the total of an accumulator, an amount in another currency, or a formula.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum StepDefinition {
    Formula(Expression),
    Total(TotalDefinition),
    Convert(ConvertDefinition),
    Lookup(LookupDefinition),
}

/// An amount in another currency, by a dated row of a rate table; rounded once, at the point `fx`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ConvertDefinition {
    /// The amount, in whichever currency it is. One that is in the wanted currency already stays as it is.
    pub convert: Expression,
    /// The wanted currency, such as `CNY`.
    pub to: String,
    /// The rate table. Its columns `from` and `to` are the two currencies.
    pub rates: String,
    /// An expression for each other column.
    #[serde(default, rename = "with", skip_serializing_if = "IndexMap::is_empty")]
    pub with: IndexMap<String, Expression>,
    /// The value of the table that is the rate: units of `to` for one of `from` (default `rate`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Two rates by way of this currency; without it a missing rate is an error, however it could be put together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<String>,
    /// How the converted amount is rounded (default `half_up`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<Rounding>,
}

/// What an accumulator comes to for a key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct TotalDefinition {
    /// The accumulator whose total it is.
    pub accumulator: String,
    /// An expression for each member of its key. One left out is the unit, the payer or the payee of that name, or the
    /// fact's field of that name.
    #[serde(default, rename = "with", skip_serializing_if = "IndexMap::is_empty")]
    pub with: IndexMap<String, Expression>,
    /// Up to where facts count (default `period_end`; of a fact what stood before it, `fact`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Until>,
    /// So many periods earlier: with a calendar of quarters, 4 is the same quarter of the year before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<u32>,
}

/// One posting, or one for what is accrued and one for what pays it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PostingChoice {
    One(String),
    Phases(PhasesDefinition),
}

/// A posting for each phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct PhasesDefinition {
    /// The posting of what is accrued.
    pub accrue: String,
    /// The posting of what pays it.
    pub pay: String,
}

/// Finds the row of a rate table that holds for a fact.
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
    /// Name of the line within the plan; posted lines, overlays and reports know it by this, so it does not change.
    pub id: String,
    /// English title; the Chinese one stands in `i18n/zh-CN.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Only while this holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Expression>,
    /// Who pays: an expression that gives a record (`record.region.company`), or `{"value": "object/key"}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payer: Option<Operand>,
    /// Who is paid, written as the payer is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payee: Option<Operand>,
    /// What it pays: exactly one of `amount`, `entitled`, `chain` and `mirror`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<AmountDefinition>,
    /// What a volume is entitled to by then, less what was posted of it before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entitled: Option<EntitledDefinition>,
    /// Of `entitled`: which part of the volume the reached rate applies to (default all of it, `zero`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retroactive_from: Option<RetroactiveFrom>,
    /// Of `entitled`: what is posted (default, and only, the difference to what was).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settle: Option<SettleBy>,
    /// Of `entitled`: accrued in each period, and paid at the end of what the volume adds up in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<PhaseDefinition>,
    /// The chain whose parties it pays, each by a line of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// Of `chain`: what its rates are shares of; the chain says it where this does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<Expression>,
    /// Another fact's lines, taken back in part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirror: Option<MirrorDefinition>,
    /// Caps and minimums, in order; what each cuts or adds is a line of its own, `<line>.<id>`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub adjust: Vec<AdjustDefinition>,
    /// It is posted at once, and stands on a statement only when something is over: the time in which goods may come back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldDefinition>,
    /// What happens where less than nothing is due (default, and only, `carry_debt`: it is set off against what comes next).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub negative: Option<NegativeDue>,
    /// The tax on the line; none where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax: Option<TaxDefinition>,
    /// How the line's amount is rounded.
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

/// A price applied to a quantity.
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

/// What tiers count together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct CumulateDefinition {
    /// `payee`, `payer`, the name of a look-up step (its row), or an expression.
    pub by: Vec<Expression>,
    /// The period calendar over which the quantity adds up.
    pub period: String,
}

/// A cumulated volume and the schedule it is entitled by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct EntitledDefinition {
    /// A schedule: its name, or a cell of a rate table.
    pub apply: Expression,
    /// The volume: a total, by its step's name, or a formula over totals.
    pub to: Expression,
    /// The calendar in whose periods it adds up; that of the total where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over: Option<String>,
    /// The volume to compare with: the tier is then found by the growth over it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compared_with: Option<Expression>,
    /// Of a comparison: what the rate is paid on (default the whole volume).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub growth_base: Option<GrowthBase>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettleBy {
    /// The difference to what was posted before.
    Delta,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NegativeDue {
    /// It is set off against what comes next.
    CarryDebt,
}

/// When an entitlement is accrued and when it is paid, by calendar.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct PhaseDefinition {
    /// The plan's calendar.
    pub accrue: String,
    /// The calendar at whose periods' ends it is paid: that in which the volume adds up.
    pub pay: String,
}

/// How long a line waits for its statement.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct HoldDefinition {
    /// Days after the business date, 1 to 366: the line stands on the statement of the period in which they end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<u16>,
    /// The last day on which it waits, where that is later: a date of the fact, such as the end of its after-sale window. An
    /// empty one adds nothing to the days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Expression>,
}

/// The lines of another fact of another plan, taken back by the share of what comes back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct MirrorDefinition {
    /// The plan that posted the lines.
    pub plan: String,
    /// The fact they were posted for.
    pub fact: Expression,
    /// What they were made from.
    pub of: Expression,
    /// What of it comes back.
    pub back: Expression,
}

/// A cap or a minimum: exactly one of `cap` and `min`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct AdjustDefinition {
    /// Name of the cap or minimum within the line: its own line is `<line>.<id>`.
    pub id: String,
    /// English title of its line; the Chinese one stands in `i18n/zh-CN.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The most the line may be, together with what counts toward it. Empty: no cap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap: Option<Operand>,
    /// The least the line may be, together with what counts toward it, once the period is over. Empty: no minimum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<Operand>,
    /// What counts beside the line: an accumulator, of the same line or of something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used: Option<TotalDefinition>,
    /// How a cut is written (default, and only, as a line of its own).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
    /// Of `min`: it is prorated by the days in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<DaysDefinition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// A line of its own.
    Line,
}

/// The days a minimum is prorated by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct DaysDefinition {
    /// Days in use.
    pub active: Expression,
    /// Days of the whole period.
    pub period: Expression,
}

/// The line's tax. Within one legal entity nothing is taxed, whatever stands here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct TaxDefinition {
    /// The rate table whose value `rate` is the tax rate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lookup: Option<String>,
    /// Of `lookup`: an expression for each column of the table; a column left out takes its `from`.
    #[serde(rename = "with", skip_serializing_if = "IndexMap::is_empty")]
    pub with: IndexMap<String, Expression>,
    /// The rate itself, instead of a look-up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Operand>,
    /// Whether the amount includes the tax, or the tax comes on top of it.
    pub mode: TaxMode,
    /// How the tax is rounded (default half_up, two digits).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round: Option<Rounding>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaxMode {
    /// The amount includes the tax.
    #[default]
    Inclusive,
    /// The tax comes on top of the amount.
    Exclusive,
    /// No tax is due: the supply is exempt.
    Exempt,
    /// Taxed at a rate of zero.
    Zero,
}

/// How an amount is rounded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct RoundDefinition {
    /// What is rounded: each line.
    pub at: RoundAt,
    /// Which way a part of the smallest unit goes.
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
    /// Each line.
    Line,
}
