//! A refusal is an answer, not an accident: a code, structured parameters, and every place it
//! concerns. Texts in the reader's language are made from it at the edge.

use crate::codes::Code;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Named parameters of a message; ordered, so that the same refusal prints the same.
pub type Params = BTreeMap<&'static str, Json>;

/// Why a command was not carried out. Nothing was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    pub code: Code,
    /// What happened, in plain English; the edge may say it in another language by code and parameters.
    pub detail: String,
    pub params: Params,
    /// One per place, for input that is wrong in several places.
    pub errors: Vec<FieldError>,
}

/// What is wrong with one place of the input.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldError {
    pub pointer: String,
    pub code: Code,
    pub message: String,
    pub params: Params,
}

impl Refusal {
    pub fn new(code: Code, detail: impl Into<String>) -> Refusal {
        Refusal { code, detail: detail.into(), params: Params::new(), errors: Vec::new() }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<Json>) -> Refusal {
        self.params.insert(name, value.into());
        self
    }

    /// A refusal about places of the input; its code is the first one's.
    pub fn of_fields(errors: Vec<FieldError>) -> Refusal {
        let first = errors.first().expect("a refusal of fields names at least one");
        Refusal { code: first.code, detail: first.message.clone(), params: first.params.clone(), errors }
    }
}

impl FieldError {
    /// Says whose field is meant, where that is not said yet: people read the field's title then.
    pub fn of(self, object: &str) -> FieldError {
        match self.params.contains_key("field") && !self.params.contains_key("object") {
            true => self.with("object", object),
            false => self,
        }
    }

    pub fn new(code: Code, pointer: impl Into<String>, message: impl Into<String>) -> FieldError {
        FieldError { pointer: pointer.into(), code, message: message.into(), params: Params::new() }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<Json>) -> FieldError {
        self.params.insert(name, value.into());
        self
    }
}
