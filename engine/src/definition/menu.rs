//! `menu`: what stands in the navigation.

use super::written;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

written! {
    /// Entries of the navigation. Entries nobody of this role can read are left out for them.
    pub struct MenuDefinition {
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
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// A name from the UI's icon set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<Page>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<MenuItem>,
}

/// Pages that are not the list of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Page {
    Home,
    Tasks,
    Statements,
    Periods,
    Runs,
}
