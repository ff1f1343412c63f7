//! What is done once: installed packs and seeded records.

use super::{Scope, Store, StoreError};
use packwork_engine::moment::Moment;
use packwork_engine::record::Name;
use std::collections::BTreeSet;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledPack {
    pub name: Name,
    pub version: String,
    pub hash: String,
    pub installed_at: Moment,
}

impl Store {
    pub async fn installed_packs(&self, _scope: &Scope) -> Result<Vec<InstalledPack>, StoreError> {
        Err(StoreError::Unfinished)
    }

    /// Replaces the list of installed packs.
    pub async fn set_installed_packs(&self, _scope: &Scope, _packs: &[InstalledPack]) -> Result<(), StoreError> {
        Err(StoreError::Unfinished)
    }

    /// The keys of a seed's records that are done.
    pub async fn seed_marks(&self, _scope: &Scope, _seed: &str) -> Result<BTreeSet<String>, StoreError> {
        Err(StoreError::Unfinished)
    }

    /// Marks records of a seed as done; marking twice changes nothing.
    pub async fn mark_seeded(&self, _scope: &Scope, _seed: &str, _keys: &[String], _at: Moment) -> Result<(), StoreError> {
        Err(StoreError::Unfinished)
    }
}
