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

    /// How many numbers there are, one at least, so that a column without values still has a place in a key.
    pub fn space(&self) -> u128 {
        self.0.len().max(1) as u128
    }
}

/// A grid may have so many cells for each key it holds, and so many in any case.
const CELLS_OF_A_KEY: usize = 4;
const CELLS_IN_ANY_CASE: usize = 64;

/// Keys with the range of their versions, found by key and listed in the order they were added.
#[derive(Clone, Debug)]
pub(super) struct Places {
    found: Found,
    listed: Vec<Place>,
}

#[derive(Clone, Debug)]
enum Found {
    /// Keys fill much of their space: one number for each possible key, the place where its versions begin. Those of the
    /// next one begin where they end.
    Grid(Vec<u32>),
    Hashed(HashTable<Place>),
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
    fn new(key: u128, range: Range<u32>) -> Place {
        Place { low: key as u64, high: (key >> 64) as u64, from: range.start, to: range.end }
    }

    fn key(&self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }

    fn hash(&self) -> u64 {
        Hashing::default().hash_one((self.low, self.high))
    }

    fn range(&self) -> Range<usize> {
        self.from as usize..self.to as usize
    }
}

impl Places {
    /// Of keys, each once and in rising order, with how many versions each has; every key lies below `space`.
    pub fn of_rising(keys: impl Iterator<Item = (u128, u32)>, space: u128) -> Places {
        let mut begin = 0;
        let listed: Vec<Place> = keys
            .map(|(key, versions)| {
                let range = begin..begin + versions;
                begin = range.end;
                Place::new(key, range)
            })
            .collect();
        let cells_max = (listed.len() * CELLS_OF_A_KEY).max(CELLS_IN_ANY_CASE);
        let found = match usize::try_from(space) {
            Ok(cells) if cells <= cells_max => Found::Grid(grid(&listed, cells, begin)),
            _ => Found::Hashed(hashed(&listed)),
        };
        Places { found, listed }
    }

    pub fn of(&self, key: u128) -> Option<Range<usize>> {
        match &self.found {
            Found::Grid(begins) => {
                let cell = key as usize;
                Some(begins[cell] as usize..begins[cell + 1] as usize)
            }
            Found::Hashed(places) => {
                let asked = Place::new(key, 0..0);
                let found = places.find(asked.hash(), |place| (place.low, place.high) == (asked.low, asked.high));
                found.map(Place::range)
            }
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (u128, Range<usize>)> {
        self.listed.iter().map(|place| (place.key(), place.range()))
    }
}

fn grid(listed: &[Place], cells: usize, end: u32) -> Vec<u32> {
    let mut begins = Vec::with_capacity(cells + 1);
    for place in listed {
        begins.resize(place.low as usize + 1, place.from);
    }
    begins.resize(cells + 1, end);
    begins
}

fn hashed(listed: &[Place]) -> HashTable<Place> {
    let mut places = HashTable::with_capacity(listed.len());
    for place in listed {
        places.insert_unique(place.hash(), *place, Place::hash);
    }
    places
}
