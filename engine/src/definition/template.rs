//! `template`: a form over an object: which fields, what is required, what it starts with.

use super::object::RuleDefinition;
use super::written;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

written! {
    /// A form over an object: which fields, what is required, what it starts with.
    pub struct TemplateDefinition {
        /// The object whose records it makes.
        pub object: String,
        /// A name from the UI's icon set.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub icon: Option<String>,
        /// The parts of the form, in order.
        pub sections: Vec<SectionDefinition>,
        /// Fields that must have a value, beyond the object's own.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        pub required: Vec<String>,
        /// Values of a new record, in the fields' JSON form.
        #[serde(skip_serializing_if = "IndexMap::is_empty")]
        pub defaults: IndexMap<String, serde_json::Value>,
        /// Rules beyond the object's own.
        #[serde(skip_serializing_if = "IndexMap::is_empty")]
        pub rules: IndexMap<String, RuleDefinition>,
        /// The field whose date `rate()` uses; the moment of writing where it is empty.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub business_date: Option<String>,
    }
}

/// One part of a form, under a heading.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct SectionDefinition {
    /// Name of the section within the form; overlays and texts find it by this.
    pub id: String,
    /// English heading; the Chinese one stands in `i18n/zh-CN.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The fields, in the order they are asked for; a field stands in one section.
    pub fields: Vec<String>,
}
