//! `dimension`: a typed coordinate of prices and lines, with dated classifications.

use super::object::OptionDefinition;
use super::written;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

written! {
    /// A coordinate of prices and lines: an object, flat or a tree, with dated classifications of its records.
    pub struct DimensionDefinition {
        /// The object whose records are the coordinate's values.
        pub of: String,
        /// The object's records form a tree by the reference field named in `parent`; a classification holds for the whole branch.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        pub tree: bool,
        /// The object's reference to the record above (default `parent`).
        #[serde(skip_serializing_if = "Option::is_none")]
        pub parent: Option<String>,
        /// Further views of a record, each by dated rows an admin edits.
        #[serde(skip_serializing_if = "IndexMap::is_empty")]
        pub classifications: IndexMap<String, ClassificationDefinition>,
    }
}

/// A dated view of a record: a region's tier, a partner's level.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct ClassificationDefinition {
    /// English title; the Chinese one stands in `i18n/zh-CN.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The values a record can be classified as, in order.
    pub values: IndexMap<String, OptionDefinition>,
    /// The object that holds the dated rows: a reference named after the dimension, a choice named after the
    /// classification, and the dates `valid_from` (inclusive) and `valid_to` (exclusive).
    pub rows: String,
    /// The value of a record no row names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
}
