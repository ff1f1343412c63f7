//! Packed keys and where their rows lie: what a look-up touches stands side by side, as most of its time is waiting for memory.

use crate::hashing::Hashing;
use crate::value::Value;
use hashbrown::HashTable;
use std::hash::BuildHasher;
use std::ops::Range;

/// The values rows state in one column, numbered from zero in the order they were met.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers(HashTable<(Value, u32)>);

impl Numbers {
    pub fn of(&self, value: &Value) -> Option<u32> {
        let hash = Hashing::default().hash_one(value);
        self.0.find(hash, |(known, _)| known == value).map(|(_, number)| *number)
    }

    pub fn add(&mut self, value: &Value) {
        let number = u32::try_from(self.0.len()).expect("there are fewer values than rows");
        let hashing = Hashing::default();
        self.0
            .entry(hashing.hash_one(value), |(known, _)| known == value, |(known, _)| hashing.hash_one(known))
            .or_insert_with(|| (value.clone(), number));
    }

    /// How many bits any of the numbers takes.
    pub fn bits(&self) -> u32 {
        usize::BITS - self.0.len().leading_zeros()
    }
}

/// Keys with the range of their versions, found by key and listed in the order they were added.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    found: HashTable<Place>,
    listed: Vec<Place>,
}

/// A key in two halves, so that nothing is lost between one place and the next.
#[derive(Clone, Copy, Debug)]
struct Place {
    low: u64,
    high: u64,
    from: u32,
    to: u32,
}

impl Place {
    fn hash(&self) -> u64 {
        Hashing::default().hash_one((self.low, self.high))
    }

    fn range(&self) -> Range<usize> {
        self.from as usize..self.to as usize
    }
}

impl Places {
    pub fn with_capacity(keys: usize) -> Places {
        Places { found: HashTable::with_capacity(keys), listed: Vec::with_capacity(keys) }
    }

    /// Adds a key that is not there yet.
    pub fn add(&mut self, key: u128, range: Range<u32>) {
        let place = Place { low: key as u64, high: (key >> 64) as u64, from: range.start, to: range.end };
        self.found.insert_unique(place.hash(), place, Place::hash);
        self.listed.push(place);
    }

    pub fn of(&self, key: u128) -> Option<Range<usize>> {
        let asked = Place { low: key as u64, high: (key >> 64) as u64, from: 0, to: 0 };
        let found = self.found.find(asked.hash(), |place| (place.low, place.high) == (asked.low, asked.high));
        found.map(Place::range)
    }

    pub fn iter(&self) -> impl Iterator<Item = (u128, Range<usize>)> {
        self.listed.iter().map(|place| (u128::from(place.high) << 64 | u128::from(place.low), place.range()))
    }
}
