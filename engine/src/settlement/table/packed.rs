//! Packed keys, where their rows lie and when these hold: what a look-up touches is small and stands side by side, as most of
//! its time is waiting for memory.

use crate::hashing::Hashing;
use crate::value::Value;
use hashbrown::{HashMap, HashTable};
use std::hash::{BuildHasher, Hash};
use std::ops::Range;
use uuid::Uuid;

/// The values rows state in one column, numbered from zero in the order they were met. Ids stand by themselves: they are many
/// where texts are few, and half as large as any value may be.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    ids: HashTable<(Uuid, u32)>,
    others: HashTable<(Value, u32)>,
}

impl Numbers {
    pub fn of(&self, value: &Value) -> Option<u32> {
        match value {
            Value::Id(id) => number_of(&self.ids, id),
            other => number_of(&self.others, other),
        }
    }

    pub fn add(&mut self, value: &Value) {
        let number = u32::try_from(self.count()).expect("there are fewer values than rows");
        match value {
            Value::Id(id) => add(&mut self.ids, id, number),
            other => add(&mut self.others, other, number),
        }
    }

    /// How many numbers there are, one at least, so that a column without values still has a place in a key.
    pub fn space(&self) -> u128 {
        self.count().max(1) as u128
    }

    fn count(&self) -> usize {
        self.ids.len() + self.others.len()
    }
}

fn hash_of<T: Hash>(value: &T) -> u64 {
    Hashing::default().hash_one(value)
}

fn number_of<T: Hash + Eq>(numbers: &HashTable<(T, u32)>, value: &T) -> Option<u32> {
    numbers.find(hash_of(value), |(known, _)| known == value).map(|(_, number)| *number)
}

fn add<T: Hash + Eq + Clone>(numbers: &mut HashTable<(T, u32)>, value: &T, number: u32) {
    numbers
        .entry(hash_of(value), |(known, _)| known == value, |(known, _)| hash_of(known))
        .or_insert_with(|| (value.clone(), number));
}

/// A grid may have so many cells for each key it holds, and so many in any case.
const CELLS_OF_A_KEY: usize = 4;
const CELLS_IN_ANY_CASE: usize = 64;

/// From when to when a version holds, as numbers. `latest_to` is the largest `to` up to here, so that a look-up of a recent
/// date stops before it reaches the old versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Dates {
    pub from: i32,
    pub to: i32,
    pub latest_to: i32,
}

/// Lays the dates of keys side by side. Keys whose versions hold on the same dates share them: prices tend to change on the
/// same days, and what is shared stays near.
#[derive(Default)]
struct Calendars {
    dates: Vec<Dates>,
    begins: HashMap<Box<[Dates]>, u32, Hashing>,
}

impl Calendars {
    /// Where these dates begin.
    fn add(&mut self, dates: Vec<Dates>) -> u32 {
        let all = &mut self.dates;
        *self.begins.entry(dates.into_boxed_slice()).or_insert_with_key(|dates| {
            let begin = u32::try_from(all.len()).expect("there are fewer dates than rows");
            all.extend_from_slice(dates);
            begin
        })
    }
}

/// The versions of a key: where their rows lie and, in the same order, when they hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Versions<'g> {
    pub rows: Range<usize>,
    pub dates: &'g [Dates],
}

impl<'g> Versions<'g> {
    /// Place of the row and dates, one after another.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = (usize, &'g Dates)> {
        self.rows.zip(self.dates)
    }

    /// How many have begun by a day; they stand first.
    pub fn begun(&self, day: i32) -> usize {
        self.dates.partition_point(|dates| dates.from <= day)
    }

    /// Those that hold on a day, the last that began first.
    pub fn on(self, day: i32) -> impl Iterator<Item = (usize, &'g Dates)> {
        let begun = self.begun(day);
        let Range { start, .. } = self.rows;
        let begun = self.dates[..begun].iter().enumerate().rev();
        let open = begun.take_while(move |(_, dates)| dates.latest_to > day);
        open.filter(move |(_, dates)| dates.to > day).map(move |(place, dates)| (start + place, dates))
    }
}

/// Keys with their versions, found by key and listed in the order they were added.
#[derive(Clone, Debug)]
pub(super) struct Places {
    found: Found,
    listed: Vec<Place>,
    dates: Vec<Dates>,
}

#[derive(Clone, Debug)]
enum Found {
    /// Keys fill much of their space: one cell for each possible key and one behind. The rows of a key end where those of the
    /// next one begin.
    Grid(Vec<Cell>),
    Hashed(HashTable<Place>),
}

/// Where the rows of a key and their dates begin.
#[derive(Clone, Copy, Debug)]
struct Cell {
    row: u32,
    dates: u32,
}

/// A key in two halves, so that nothing is lost between one place and the next.
#[derive(Clone, Copy, Debug)]
struct Place {
    low: u64,
    high: u64,
    begin: Cell,
    count: u32,
}

impl Place {
    fn key(&self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }

    fn hash(&self) -> u64 {
        hash_of(&(self.low, self.high))
    }
}

fn halves(key: u128) -> (u64, u64) {
    (key as u64, (key >> 64) as u64)
}

impl Places {
    /// Of keys, each once and in rising order, with the dates of their versions, whose rows lie one behind the other from
    /// `row` on; every key lies below `space`.
    pub fn of_rising(keys: impl Iterator<Item = (u128, Vec<Dates>)>, space: u128, mut row: u32) -> Places {
        let mut calendars = Calendars::default();
        let listed: Vec<Place> = keys
            .map(|(key, dates)| {
                let ((low, high), count) = (halves(key), dates.len() as u32);
                let begin = Cell { row, dates: calendars.add(dates) };
                row += count;
                Place { low, high, begin, count }
            })
            .collect();
        let cells_max = (listed.len() * CELLS_OF_A_KEY).max(CELLS_IN_ANY_CASE);
        let found = match usize::try_from(space) {
            Ok(cells) if cells <= cells_max => Found::Grid(grid(&listed, cells, row)),
            _ => Found::Hashed(hashed(&listed)),
        };
        Places { found, listed, dates: calendars.dates }
    }

    pub fn of(&self, key: u128) -> Option<Versions<'_>> {
        match &self.found {
            Found::Grid(cells) => {
                let (cell, next) = (cells[key as usize], cells[key as usize + 1]);
                Some(self.versions(cell, next.row - cell.row))
            }
            Found::Hashed(places) => {
                let (low, high) = halves(key);
                let place = places.find(hash_of(&(low, high)), |place| (place.low, place.high) == (low, high))?;
                Some(self.versions(place.begin, place.count))
            }
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (u128, Versions<'_>)> {
        self.listed.iter().map(|place| (place.key(), self.versions(place.begin, place.count)))
    }

    fn versions(&self, begin: Cell, count: u32) -> Versions<'_> {
        let of = |begin: u32| begin as usize..(begin + count) as usize;
        Versions { rows: of(begin.row), dates: &self.dates[of(begin.dates)] }
    }
}

fn grid(listed: &[Place], cells: usize, end: u32) -> Vec<Cell> {
    let mut begins: Vec<Cell> = Vec::with_capacity(cells + 1);
    for place in listed {
        // A key without rows begins, and ends, where the next one does.
        begins.resize(place.low as usize + 1, Cell { dates: 0, ..place.begin });
        begins[place.low as usize] = place.begin;
    }
    begins.resize(cells + 1, Cell { row: end, dates: 0 });
    begins
}

fn hashed(listed: &[Place]) -> HashTable<Place> {
    let mut places = HashTable::with_capacity(listed.len());
    for place in listed {
        places.insert_unique(place.hash(), *place, Place::hash);
    }
    places
}
