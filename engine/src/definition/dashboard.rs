//! `dashboard`: cards of figures over records and settlement lines.

use super::written;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

written! {
    /// Cards of figures. `home` is the start page.
    pub struct DashboardDefinition {
        /// The cards, in the order they are shown.
        pub cards: Vec<CardDefinition>,
    }
}

/// One figure or chart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct CardDefinition {
    /// Name of the card within the dashboard; overlays and texts find it by this.
    pub id: String,
    /// English heading; the Chinese one stands in `i18n/zh-CN.json`.
    pub title: String,
    /// How the figures are drawn.
    pub kind: CardKind,
    /// An object's records; settlement lines where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// Which records or lines count, in the grammar of lists.
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
    /// One figure.
    #[default]
    Number,
    /// Bars, one for each group.
    Bar,
    /// Slices, one for each group.
    Pie,
    /// Rows, one for each group.
    Table,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CardPeriod {
    /// The period that holds today.
    This,
    /// The one before.
    Last,
    /// All periods.
    All,
}
