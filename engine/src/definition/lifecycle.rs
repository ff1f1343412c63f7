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
        /// The states by name, in the order people see them.
        pub states: IndexMap<String, StateDefinition>,
        /// The transitions by name, in the order their buttons appear.
        pub transitions: IndexMap<String, TransitionDefinition>,
    }
}

/// One state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct StateDefinition {
    /// English title; the Chinese one stands in `i18n/zh-CN.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// How the state is coloured.
    pub tone: Tone,
    /// States of former versions whose records stand in this one from now on: publishing moves them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub was: Vec<String>,
    /// Fields cannot be edited in this state, transitions aside.
    #[serde(rename = "final", skip_serializing_if = "std::ops::Not::not")]
    pub is_final: bool,
}

/// One way from some states to another: a button for people.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct TransitionDefinition {
    /// English text of the button; the Chinese one stands in `i18n/zh-CN.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The states it starts in.
    pub from: Vec<String>,
    /// The state it leads to.
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
