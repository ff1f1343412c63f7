//! `case`: a test of a pack: given, do, expect.

use super::written;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

written! {
    /// A test of a pack. It runs on the bare engine and through HTTP on both databases.
    pub struct CaseDefinition {
        /// What is there before the first step.
        pub given: Given,
        /// What is done, step by step. A refused step fails the case unless the step expects it.
        #[serde(rename = "do")]
        pub steps: Vec<Step>,
        /// What must be there after the last step.
        pub expect: Expect,
    }
}

/// What is there at the start, beside the seeds of the packs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct Given {
    /// The moment the case starts at (default 2026-03-15T02:00:00Z).
    pub now: Option<String>,
    /// The login of who acts (default the administrator).
    #[serde(rename = "as")]
    pub acting: Option<String>,
    /// Records by object; `$name` gives a record a name for later steps and references.
    pub records: IndexMap<String, Vec<IndexMap<String, Json>>>,
    /// Rows added to rate tables, by table, in the form of the table's `rows`.
    pub rows: IndexMap<String, Vec<IndexMap<String, Json>>>,
}

/// One step. Exactly one of `create`, `update`, `delete`, `transition`, `settle`, `close` and `statement`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct Step {
    /// An object; `with` holds the fields, `name` the name for later steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub create: Option<String>,
    /// A record to change, by its `$name` or `object/key`; `with` holds the new values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update: Option<String>,
    /// A record to delete, by its `$name` or `object/key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete: Option<String>,
    /// A transition; `on` names the record, `with` its input.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transition: Option<String>,
    /// A plan; with `period`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settle: Option<String>,
    /// A period to close.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub close: Option<String>,
    /// A step of a statement: `issue`, `confirm`, `pay`, `dispute`, `accept`, `uphold`, `reverse` or `write_off`. `of` says
    /// which statement, `with` holds what the step takes: `reason`, `note`, the `period` of a reversal, and as `lines` the
    /// facts whose lines are meant, by their `$name` or `object/key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
    /// The newest statement with this `payee`, `payer` and `period`; each may be left out.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub of: IndexMap<String, Json>,
    /// What later steps and `expect` call the record that is created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A record by its `$name`, or `object/key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    /// The period of `settle`, such as `2026-03`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<String>,
    /// Fields of the record, or the input of the transition, in their JSON form.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub with: IndexMap<String, Json>,
    /// The moment from this step on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The login of who acts in this step; otherwise who acts in the case.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none")]
    pub acting: Option<String>,
    /// Expected of this step alone: `{"refused": code | [pointers]}` or members of its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expect: Option<IndexMap<String, Json>>,
}

/// What must be there at the end. Only what is written is compared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct Expect {
    /// Fields of records, by `$name` or `object/key`. References are compared by key or `$name`.
    pub records: IndexMap<String, IndexMap<String, Json>>,
    /// The lines in order of posting: each with the members to compare.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<IndexMap<String, Json>>>,
    /// Statements, found by payee (and period where given).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statements: Option<Vec<IndexMap<String, Json>>>,
    /// Open to-dos, by record and code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub todos: Option<Vec<IndexMap<String, Json>>>,
    /// Debits and credits must be equal; true unless said otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balanced: Option<bool>,
}
