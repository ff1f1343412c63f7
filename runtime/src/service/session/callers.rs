//! Who called lately: spares most requests the reading of their session, their user and the user's rights. What is known
//! here is forgotten when this process ends a session or writes a user; what another process does shows after
//! [`KNOWN_SECONDS`] at the latest.

use super::Caller;
use packwork_engine::model::Model;
use packwork_engine::moment::Moment;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, Weak};

/// How long a caller is known without asking the database: longer than a page takes to load, too short to matter to
/// somebody who is being locked out by another process.
pub const KNOWN_SECONDS: i64 = 2;
/// Callers known at once; a flood of tokens cannot fill the memory.
const KNOWN_MAX: usize = 4_096;

#[derive(Debug, Default)]
pub struct Callers {
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    by_token: BTreeMap<[u8; 32], Entry>,
    /// Counts what was forgotten: who was read before that may be out of date already.
    forgotten: u64,
}

#[derive(Debug)]
struct Entry {
    caller: Arc<Caller>,
    /// Rights are rights under one model.
    model: Weak<Model>,
    until: Moment,
}

/// The moment before a caller is read from the database.
#[derive(Clone, Copy, Debug)]
pub struct Before(u64);

impl Callers {
    pub fn get(&self, token_hash: &[u8; 32], model: &Arc<Model>, now: Moment) -> Option<Arc<Caller>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let entry = known.by_token.get(token_hash)?;
        (entry.until > now && std::ptr::eq(entry.model.as_ptr(), Arc::as_ptr(model))).then(|| entry.caller.clone())
    }

    /// To be taken before reading what [`Callers::keep`] is to keep.
    pub fn before(&self) -> Before {
        Before(self.known.read().unwrap_or_else(PoisonError::into_inner).forgotten)
    }

    /// Keeps a caller until `until` or for as long as callers are known, unless something was forgotten meanwhile.
    pub fn keep(
        &self,
        before: Before,
        token_hash: [u8; 32],
        caller: &Arc<Caller>,
        model: &Arc<Model>,
        (now, until): (Moment, Moment),
    ) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.forgotten != before.0 {
            return;
        }
        if known.by_token.len() >= KNOWN_MAX {
            known.by_token.retain(|_, entry| entry.until > now);
            if known.by_token.len() >= KNOWN_MAX {
                known.by_token.clear();
            }
        }
        let until = until.min(super::later(now, KNOWN_SECONDS));
        let entry = Entry { caller: caller.clone(), model: Arc::downgrade(model), until };
        known.by_token.insert(token_hash, entry);
    }

    /// Forgets everybody: a session ended, or a user was written.
    pub fn forget(&self) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.by_token.clear();
        known.forgotten += 1;
    }
}
