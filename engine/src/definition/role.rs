//! `role`: what its holders may do and see.

use super::written;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

written! {
    /// What its holders may do and see. Nothing is granted that is not written; several roles add up.
    pub struct RoleDefinition {
        /// Everything, for administrators.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        pub everything: bool,
        /// What may be done with records, by object.
        pub objects: IndexMap<String, GrantDefinition>,
        /// What may be done with settlement; nothing where not given.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub settlement: Option<SettlementGrant>,
    }
}

/// What may be done with the records of one object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct GrantDefinition {
    /// Make new records.
    pub create: bool,
    /// See records, alone, in lists and through references.
    pub read: bool,
    /// Change records.
    pub update: bool,
    /// Delete records and bring them back.
    pub delete: bool,
    /// Take lists of them away as files.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub export: bool,
    /// Transitions by name; `"*"` for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub transitions: Vec<String>,
    /// Which records (default `all`).
    pub rows: Rows,
    /// Fields that stay hidden.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hide: Vec<String>,
}

/// Which records a grant reaches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rows {
    /// Every record.
    #[default]
    All,
    /// Records the user owns or created.
    Own,
    /// Records of the user's department.
    Department,
    /// A filter over the record; `{"user": "partner"}` stands for a field of the user.
    Filter(serde_json::Value),
}

/// What may be done with runs, lines and statements.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct SettlementGrant {
    /// `all`, or `party`: only lines and statements in which the user's own party is payer or payee.
    pub read: SettlementRead,
    /// Start settlement runs.
    pub run: bool,
    /// Close periods.
    pub close: bool,
    /// Issue and record payment.
    pub issue: bool,
    /// Confirm a statement as the other party.
    pub confirm: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SettlementRead {
    /// Nothing.
    #[default]
    None,
    /// Where the user's own party is payer or payee.
    Party,
    /// Everything.
    All,
}
