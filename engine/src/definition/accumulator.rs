//! `accumulator`: an aggregate of facts or lines by keys over a period.

use super::{Expression, written};
use crate::settlement::accumulator::Measure;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

written! {
    /// An aggregate of facts or lines by keys over a period.
    pub struct AccumulatorDefinition {
        /// What is added up: facts of objects, lines of plans, or several of both.
        pub of: Vec<SourceDefinition>,
        /// Fields or line members that make up the key.
        pub by: Vec<String>,
        /// The period calendar it runs over.
        pub period: String,
        /// Only facts for which this filter holds; over fields that all its objects have.
        #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
        pub filter: Option<serde_json::Value>,
        /// What is taken of the values (default `sum`).
        #[serde(skip_serializing_if = "Option::is_none")]
        pub measure: Option<Measure>,
        /// Days after the period's end in which facts that are recorded late still count (default: however late).
        #[serde(skip_serializing_if = "Option::is_none")]
        pub grace_days: Option<u32>,
        /// Days after the period's last day on which it is worked out (default 1).
        #[serde(skip_serializing_if = "Option::is_none")]
        pub calculation_days: Option<u32>,
    }
}

/// Facts of an object in a state, or lines of a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct SourceDefinition {
    /// The object whose records are the facts; or, with `line`, left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The state in which a record counts; records in any state where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Lines with this id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// The fact's date or moment that decides the period; needed where a plan reads the accumulator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// The value of one fact or line.
    pub sum: Expression,
    /// `-` for what counts against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign: Option<Sign>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Sign {
    /// It adds up.
    #[serde(rename = "+")]
    Plus,
    /// It counts against.
    #[serde(rename = "-")]
    Minus,
}
