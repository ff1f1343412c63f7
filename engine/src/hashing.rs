//! The hash of maps that are only asked, never listed for anybody to see.

use crate::record::{Name, is_same_name};
use indexmap::{Equivalent, IndexMap};
use std::hash::{BuildHasherDefault, Hash, Hasher};
use uuid::Uuid;

pub type Hashing = BuildHasherDefault<Mixer>;

/// A small multiplicative hash. The maps keep insertion order, so it decides speed only, never an answer; keys are an
/// administrator's rows and the records of one batch, not strangers' input.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mixer(u64);

/// What is kept by a name (of an object, of a plan) and an id.
pub type ByNameAndId<V> = IndexMap<(Name, Uuid), V, Hashing>;

/// A key of a name and something else, borrowed: nothing is copied to ask.
#[derive(Clone, Copy, Debug, Hash)]
pub struct Named<'k, T>(pub &'k str, pub T);

impl<T: Eq> Equivalent<(Name, T)> for Named<'_, T> {
    fn equivalent(&self, (name, other): &(Name, T)) -> bool {
        self.1 == *other && is_same_name(self.0, name)
    }
}

impl Equivalent<(Name, Name)> for Named<'_, &str> {
    fn equivalent(&self, (name, other): &(Name, Name)) -> bool {
        is_same_name(self.1, other) && is_same_name(self.0, name)
    }
}

/// What was worked out before, by key. Mostly the same is asked as the last time, or there is little to choose from: then
/// nothing is hashed.
#[derive(Debug)]
pub struct Memo<K, V> {
    known: IndexMap<K, V, Hashing>,
    last: usize,
}

/// So many keys are compared one by one.
const FEW: usize = 4;

impl<K, V> Default for Memo<K, V> {
    fn default() -> Memo<K, V> {
        Memo { known: IndexMap::default(), last: 0 }
    }
}

impl<K: Hash + Eq, V> Memo<K, V> {
    fn place<Q: Hash + Equivalent<K>>(&mut self, asked: &Q) -> Option<usize> {
        let is_last = self.known.get_index(self.last).is_some_and(|(key, _)| asked.equivalent(key));
        if !is_last {
            self.last = match self.known.len() {
                0..=FEW => self.known.keys().position(|key| asked.equivalent(key))?,
                _ => self.known.get_index_of(asked)?,
            };
        }
        Some(self.last)
    }

    pub fn get<Q: Hash + Equivalent<K>>(&mut self, asked: &Q) -> Option<&V> {
        let place = self.place(asked)?;
        self.known.get_index(place).map(|(_, value)| value)
    }

    pub fn get_mut<Q: Hash + Equivalent<K>>(&mut self, asked: &Q) -> Option<&mut V> {
        let place = self.place(asked)?;
        self.known.get_index_mut(place).map(|(_, value)| value)
    }

    pub fn insert(&mut self, key: K, value: V) {
        self.last = self.known.insert_full(key, value).0;
    }
}

impl Mixer {
    fn mix(&mut self, word: u64) {
        let product = u128::from(self.0.rotate_left(23) ^ word) * 0x9E37_79B9_7F4A_7C15;
        // Both halves: the lower one alone would not see what differs in high digits, as ids counted up do.
        self.0 = product as u64 ^ (product >> 64) as u64;
    }
}

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.mix(u64::from_le_bytes(*word)));
        if !rest.is_empty() {
            self.mix(rest.iter().fold(rest.len() as u64, |word, byte| word << 8 | u64::from(*byte)));
        }
    }

    fn write_u8(&mut self, byte: u8) {
        self.mix(u64::from(byte));
    }

    fn write_u32(&mut self, word: u32) {
        self.mix(u64::from(word));
    }

    fn write_u64(&mut self, word: u64) {
        self.mix(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.mix(word as u64);
    }

    fn write_u128(&mut self, word: u128) {
        self.mix(word as u64);
        self.mix((word >> 64) as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::hash::BuildHasher;

    #[test]
    fn ids_that_are_counted_up_spread_over_the_places_of_a_map() {
        let places = |shift: u32| -> BTreeSet<u64> {
            (0..4_096).map(|id| Hashing::default().hash_one(Uuid::from_u128(id << shift)) % 4_096).collect()
        };
        for shift in [0, 32, 64, 112] {
            // Chance would take 2,589 of them.
            assert!(places(shift).len() > 1_024, "{shift}: {}", places(shift).len());
        }
    }
}
