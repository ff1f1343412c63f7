//! `seed`: records a pack brings along.

use super::written;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

written! {
    /// Records a pack brings along. References are written by the target's key.
    pub struct SeedDefinition {
        /// The object whose records these are.
        pub object: String,
        /// What becomes of the records later.
        pub mode: SeedMode,
        /// Place in the order of a pack's seeds; what is referred to comes first.
        pub rank: i64,
        /// Only part of the demonstration data (`packwork demo`).
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        pub demo: bool,
        /// Fields by name. `$created` gives the moment of creation and `$do` transitions that follow
        /// (`[{"transition", "at", "with"}]`); moments are `M-3 D12 14:30`: the twelfth, three months back,
        /// in the tenant's zone. Steps that would lie in the future are left out.
        pub records: Vec<IndexMap<String, serde_json::Value>>,
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeedMode {
    /// Created where the key is not there yet; never touched again.
    #[default]
    CreateOnce,
    /// Kept as the pack has it.
    Managed,
}
