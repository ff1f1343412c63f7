//! `dashboard`: cards of figures over records and settlement lines.

use super::written;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

written! {
    /// Cards of figures. `home` is the start page.
    pub struct DashboardDefinition {
        pub cards: Vec<CardDefinition>,
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct CardDefinition {
    pub id: String,
    pub title: String,
    pub kind: CardKind,
    /// An object's records; settlement lines where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<serde_json::Value>,
    /// A field of the object, or a dimension of lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_by: Option<String>,
    /// The field that is added up (`amount`, `net`, `tax` of lines); counted where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sum: Option<String>,
    /// Of lines: the period, `this` (default), `last` or `all`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<CardPeriod>,
    /// The most groups shown; the rest becomes one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CardKind {
    #[default]
    Number,
    Bar,
    Pie,
    Table,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CardPeriod {
    This,
    Last,
    All,
}
