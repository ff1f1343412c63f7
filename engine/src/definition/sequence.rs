//! `sequence`: numbers for documents.

use super::written;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

written! {
    /// Numbers for documents. `{seq:5}` is the counter padded to five digits (it grows past them), `{yyyy}`, `{MM}`, `{dd}` the date.
    pub struct SequenceDefinition {
        /// The number's form, such as `INV-{yyyy}{MM}-{seq:5}`.
        pub format: String,
        /// When the counter starts again.
        pub reset: Reset,
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reset {
    /// It goes on for ever.
    #[default]
    Never,
    /// With every year.
    Year,
    /// With every month.
    Month,
    /// With every day.
    Day,
}
