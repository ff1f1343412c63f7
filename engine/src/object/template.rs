//! Compiled templates: a form over an object.

use super::Rule;
use crate::record::Name;
use serde_json::Value as Json;

/// A form over an object.
#[derive(Debug)]
pub struct Template {
    pub name: Name,
    pub object: Name,
    pub icon: Option<String>,
    pub sections: Vec<Section>,
    /// Slots that must have a value, beyond the object's own required ones.
    pub required: Vec<usize>,
    /// Values of a new record, as written.
    pub defaults: Vec<(Name, Json)>,
    pub rules: Vec<Rule>,
    /// The slot whose date `rate()` uses.
    pub business_date: Option<usize>,
}

#[derive(Debug)]
pub struct Section {
    pub id: Name,
    pub fields: Vec<Name>,
}
