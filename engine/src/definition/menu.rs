//! `menu`: what stands in the navigation.

use super::written;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

written! {
    /// Entries of the navigation. Entries nobody of this role can read are left out for them.
    pub struct MenuDefinition {
        /// The entries, in the order they are shown.
        pub items: Vec<MenuItem>,
        /// Place among the menus of all packs.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub rank: Option<i64>,
    }
}

/// One entry: a list of an object, a page, or a group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct MenuItem {
    /// Name of the entry among all entries of the menu; overlays and texts find it by this.
    pub id: String,
    /// English text; the Chinese one stands in `i18n/zh-CN.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// A name from the UI's icon set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// The object whose list it opens; instead of `page` and `children`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The page it opens; instead of `object` and `children`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<Page>,
    /// The entries of a group; instead of `object` and `page`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<MenuItem>,
}

/// Pages that are not the list of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Page {
    /// The start page with the dashboard `home`.
    Home,
    /// What one has to do.
    Tasks,
    /// Statements.
    Statements,
    /// Settlement periods.
    Periods,
    /// Settlement runs.
    Runs,
    /// Income, cost and profit, and the ledger's balances, by dimensions of lines.
    Analysis,
    /// Schedules with their tiers, and what they make of some quantities.
    Schedules,
}
