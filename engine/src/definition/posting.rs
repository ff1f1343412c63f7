//! `posting`: how lines become ledger entries.

use super::written;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

written! {
    /// How lines become ledger entries: per line, what is debited and what is credited.
    pub struct PostingDefinition {
        pub accounts: IndexMap<String, AccountDefinition>,
        pub entries: Vec<EntryDefinition>,
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct AccountDefinition {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(rename = "type")]
    pub account_type: AccountType,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountType {
    #[default]
    Asset,
    Liability,
    Equity,
    Income,
    Expense,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct EntryDefinition {
    pub id: String,
    /// The plan line it is for; every line where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    pub debit: String,
    pub credit: String,
    pub amount: EntryAmount,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryAmount {
    #[default]
    Gross,
    Net,
    Tax,
}

impl EntryAmount {
    /// Which of a line's amounts it is.
    pub fn of<T>(self, gross: T, net: T, tax: T) -> T {
        match self {
            EntryAmount::Gross => gross,
            EntryAmount::Net => net,
            EntryAmount::Tax => tax,
        }
    }
}
