//! `period_calendar`: settlement periods as data.

use super::written;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

written! {
    /// Settlement periods. A period is named after the month, quarter or week it ends in: `2026-03`, `2026-03-H1`, `2026-Q1`, `2026-W07`.
    pub struct PeriodCalendarDefinition {
        /// How long a period is.
        pub every: Every,
        /// Of months: the day a period starts on (1 by default; 26 gives the 26th to the 25th).
        #[serde(skip_serializing_if = "Option::is_none")]
        pub start_day: Option<u32>,
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Every {
    /// A month, from `start_day` on.
    #[default]
    Month,
    /// The 1st to the 15th, and the 16th to the last of a month.
    HalfMonth,
    /// Three months.
    Quarter,
    /// Monday to Sunday, numbered as in ISO 8601.
    Week,
    /// A calendar year.
    Year,
}
