//! `lifecycle`: the states of an object's records and the transitions between them.

use super::{Expression, Tone, written};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

written! {
    /// The states of an object's records and the transitions between them.
    pub struct LifecycleDefinition {
        /// The object whose `state` this governs.
        pub on: String,
        /// The state of a new record.
        pub initial: String,
        pub states: IndexMap<String, StateDefinition>,
        pub transitions: IndexMap<String, TransitionDefinition>,
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct StateDefinition {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    pub tone: Tone,
    /// Fields cannot be edited in this state, transitions aside.
    #[serde(rename = "final", skip_serializing_if = "std::ops::Not::not")]
    pub is_final: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct TransitionDefinition {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    pub from: Vec<String>,
    pub to: String,
    /// Must be true for the transition to run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<Expression>,
    /// What people read when the guard does not hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard_message: Option<String>,
    /// Fields the caller may set with the transition.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub input: Vec<String>,
    /// Fields that must have a value after it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<String>,
    /// Fields the transition itself sets, when they are empty and no input was given.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub default: IndexMap<String, Expression>,
    /// Fields the transition itself sets, always. `null` is written `()`.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub set: IndexMap<String, Expression>,
    /// The step most people take next.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub primary: bool,
    /// Asks before it runs.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub destructive: bool,
}
