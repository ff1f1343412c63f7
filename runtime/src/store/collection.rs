//! Small objects read as a whole: kept in memory by revision, shared between commands.

use packwork_engine::facts::Collection;
use packwork_engine::record::Name;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The newest revision of each collection that was read. Revisions only grow, so an old one is never put back.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    kept: Mutex<BTreeMap<(Name, String), Arc<Collection>>>,
}

impl Cache {
    /// The collection at exactly this revision, as read under this model.
    pub(crate) fn get(&self, object: &Name, model: &str, revision: i64) -> Option<Arc<Collection>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&(object.clone(), model.to_owned())).filter(|found| found.revision == revision).cloned()
    }

    /// Keeps a collection whose revision is committed.
    pub(crate) fn put(&self, object: &Name, model: &str, collection: &Arc<Collection>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // Collections of former models are of no use any more.
        kept.retain(|(name, of), _| name != object || of == model);
        let place = kept.entry((object.clone(), model.to_owned())).or_insert_with(|| collection.clone());
        if place.revision < collection.revision {
            *place = collection.clone();
        }
    }
}
