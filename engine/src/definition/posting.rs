//! `posting`: how lines become ledger entries.

use super::written;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

written! {
    /// How lines become ledger entries: per line, what is debited and what is credited.
    pub struct PostingDefinition {
        /// The accounts by name.
        pub accounts: IndexMap<String, AccountDefinition>,
        /// What is debited and credited for each line; for every line debits and credits are equal.
        pub entries: Vec<EntryDefinition>,
    }
}

/// An account of the ledger.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct AccountDefinition {
    /// English title; the Chinese one stands in `i18n/zh-CN.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What kind of account it is: it decides on which side of the trial balance it stands.
    #[serde(rename = "type")]
    pub account_type: AccountType,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountType {
    /// What one has or is owed.
    #[default]
    Asset,
    /// What one owes.
    Liability,
    /// What belongs to the owners.
    Equity,
    /// What is earned.
    Income,
    /// What is spent.
    Expense,
}

/// One pair of debit and credit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct EntryDefinition {
    /// Name of the entry within the posting; overlays find it by this.
    pub id: String,
    /// The plan line it is for; every line where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
    /// The account that is debited.
    pub debit: String,
    /// The account that is credited.
    pub credit: String,
    /// Which of the line's amounts is posted.
    pub amount: EntryAmount,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntryAmount {
    /// With tax.
    #[default]
    Gross,
    /// Without tax.
    Net,
    /// The tax alone.
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
