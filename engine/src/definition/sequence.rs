//! `sequence`: numbers for documents.

use super::written;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

written! {
    /// Numbers for documents. `{seq:5}` is the counter padded to five digits (it grows past them), `{yyyy}`, `{MM}`, `{dd}` the date.
    pub struct SequenceDefinition {
        pub format: String,
        /// When the counter starts again.
        pub reset: Reset,
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reset {
    #[default]
    Never,
    Year,
    Month,
    Day,
}
