//! `statement`: the document of two parties and a period.

use super::written;
use crate::settlement::rounding::Rounding;
use crate::settlement::tax::Policy;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

written! {
    /// The document of two parties and a period: its lines are those posted between them in it.
    pub struct StatementDefinition {
        /// The calendar whose periods it is made for.
        pub period_calendar: String,
        /// The number given at issue, gapless: `ST-{yyyy}{MM}-{seq:4}`.
        pub number: String,
        /// Both directions of a pair share one net position and are paid together.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        pub netting: bool,
        /// What becomes of a statement that comes to less than nothing.
        #[serde(skip_serializing_if = "NegativePolicy::is_carried")]
        pub negative: NegativePolicy,
        /// Where the tax of its lines is rounded (default line by line).
        #[serde(skip_serializing_if = "StatementTax::is_usual")]
        pub tax: StatementTax,
        /// The posting of debts that are given up; needed with `"negative": "write_off"`.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub write_off: Option<String>,
    }
}

/// Where and how the tax of a statement is rounded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct StatementTax {
    /// `document`: once over all lines, when the statement is issued; what its lines differ from it is a line of its own beside
    /// those that are furthest off.
    pub at: Policy,
    /// Of `document`: which way a part of the smallest unit goes (default `half_up`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round: Option<Rounding>,
}

impl StatementTax {
    fn is_usual(&self) -> bool {
        *self == StatementTax::default()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NegativePolicy {
    /// The debt is carried to the payee's next statement as its opening balance.
    #[default]
    CarryDebt,
    /// The payee owes it now: the statement is paid the other way round.
    Invoice,
    /// The debt stays open on its statement until somebody with the right to close periods gives it up.
    WriteOff,
}

impl NegativePolicy {
    fn is_carried(&self) -> bool {
        *self == NegativePolicy::CarryDebt
    }
}
