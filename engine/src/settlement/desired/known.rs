//! What is the same for many facts of a batch, worked out once: what lies behind their references, what tables say, whose
//! parties are, in which periods days lie, what groups are called. Good for one plan and as long as the facts at hand
//! are the same; nothing here decides, and nothing of it is ever listed.

use crate::env::{Reader, Routes};
use crate::expr::EvalError;
use crate::hashing::{Hashing, Memo, Named};
use crate::moment::Date;
use crate::pack::hex;
use crate::period::PeriodCalendar;
use crate::record::{Name, is_same_name};
use crate::settlement::line::{Dimensions, Party};
use crate::settlement::plan::{Plan, PlanLine, RateTable};
use crate::settlement::rate::{self, Rated};
use crate::settlement::table::Miss;
use crate::settlement::trace::FoundTrace;
use crate::value::{Value, are_identical};
use indexmap::{Equivalent, IndexMap};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use uuid::Uuid;

type Map<K, V> = RefCell<Memo<K, V>>;

pub struct Known<'p> {
    pub routes: Routes<'p>,
    looked: RefCell<IndexMap<Asked, Vec<Span>, Hashing>>,
    keyed: Map<(Name, Name), Option<Uuid>>,
    entities: Map<(Name, Uuid), Option<Uuid>>,
    periods: Map<(Name, Date), Name>,
    digests: Map<Vec<KeyPart<'static>>, Name>,
    dimensions: Map<Coordinates, Arc<Dimensions>>,
    /// Names of the definitions, each with the batch's own copy.
    names: RefCell<Vec<(Name, Name)>>,
    /// Where the name stands that is asked for next: each fact asks for the same in the same order.
    next_name: Cell<usize>,
}

/// So many names of definitions are copied; a plan has few.
const NAMES_MAX: usize = 16;

/// A part of the key of a cumulation group.
#[derive(Clone, Debug)]
pub enum KeyPart<'k> {
    Party(Cow<'k, Party>),
    Fixed(Cow<'k, Name>),
    Row(Option<Uuid>),
    Value(Cow<'k, Value>),
}

/// Keys are the same where their texts are.
impl PartialEq<KeyPart<'_>> for KeyPart<'_> {
    fn eq(&self, other: &KeyPart<'_>) -> bool {
        match (self, other) {
            (KeyPart::Party(left), KeyPart::Party(right)) => left == right,
            (KeyPart::Fixed(left), KeyPart::Fixed(right)) => is_same_name(left, right),
            (KeyPart::Row(left), KeyPart::Row(right)) => left == right,
            (KeyPart::Value(left), KeyPart::Value(right)) => left.is_identical(right),
            _ => false,
        }
    }
}

impl Eq for KeyPart<'_> {}

impl Hash for KeyPart<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            KeyPart::Party(party) => party.hash(state),
            KeyPart::Fixed(text) => text.hash(state),
            KeyPart::Row(row) => row.hash(state),
            KeyPart::Value(value) => value.hash(state),
        }
    }
}

impl KeyPart<'_> {
    /// As digests have it.
    fn text(&self) -> String {
        match self {
            KeyPart::Party(party) => format!("{}/{}", party.object, party.id),
            KeyPart::Fixed(text) => text.to_string(),
            KeyPart::Row(row) => row.map_or_else(String::new, |row| row.to_string()),
            KeyPart::Value(value) => value.to_json().to_string(),
        }
    }

    fn kept(&self) -> KeyPart<'static> {
        match self {
            KeyPart::Party(party) => KeyPart::Party(Cow::Owned((**party).clone())),
            KeyPart::Fixed(text) => KeyPart::Fixed(Cow::Owned((**text).clone())),
            KeyPart::Row(row) => KeyPart::Row(*row),
            KeyPart::Value(value) => KeyPart::Value(Cow::Owned((**value).clone())),
        }
    }
}

/// A key that is asked for.
#[derive(Hash)]
struct KeyOf<'k>(&'k [KeyPart<'k>]);

impl Equivalent<Vec<KeyPart<'static>>> for KeyOf<'_> {
    fn equivalent(&self, known: &Vec<KeyPart<'static>>) -> bool {
        self.0.len() == known.len() && self.0.iter().zip(known).all(|(part, known)| part == known)
    }
}

/// The values of a plan line's dimensions, in their order.
#[derive(Debug)]
struct Coordinates {
    line: Name,
    values: Vec<Value>,
}

/// The same, borrowed.
#[derive(Clone, Copy)]
struct CoordinatesBy<'k> {
    line: &'k str,
    values: &'k [Cow<'k, Value>],
}

/// A look-up on any date.
#[derive(Debug)]
struct Asked {
    step: Name,
    table: Name,
    inputs: Vec<Value>,
}

/// The same, borrowed.
#[derive(Clone, Copy)]
struct AskedBy<'k> {
    step: &'k str,
    table: &'k str,
    inputs: &'k [Cow<'k, Value>],
}

/// Days on which it gives the same; there are few.
struct Span {
    from: Date,
    /// The first that may differ.
    until: Option<Date>,
    seen: Seen,
}

impl Span {
    fn holds(&self, date: Date) -> bool {
        self.from <= date && self.until.is_none_or(|until| date < until)
    }
}

/// What a look-up gives: the values as steps see them, and what it found as traces keep it.
pub type Seen = (Arc<Value>, Arc<FoundTrace>);

impl<'p> Known<'p> {
    pub fn new(plan: &'p Plan) -> Known<'p> {
        Known {
            routes: Routes::new(&plan.routes),
            looked: RefCell::default(),
            keyed: RefCell::default(),
            entities: RefCell::default(),
            periods: RefCell::default(),
            digests: RefCell::default(),
            dimensions: RefCell::default(),
            names: RefCell::default(),
            next_name: Cell::new(0),
        }
    }

    /// A name of the definitions as this batch has it: whoever settles another batch at the same time does not count holders
    /// of the same text.
    pub fn own(&self, name: &Name) -> Name {
        let mut names = self.names.borrow_mut();
        let next = self.next_name.get();
        let is_next = names.get(next).is_some_and(|(known, _)| Arc::ptr_eq(known, name));
        let place = if is_next { Some(next) } else { names.iter().position(|(known, _)| Arc::ptr_eq(known, name)) };
        if let Some(place) = place {
            self.next_name.set(if place + 1 < names.len() { place + 1 } else { 0 });
            return names[place].1.clone();
        }
        if names.len() == NAMES_MAX {
            return name.clone();
        }
        let own = Name::from(&**name);
        names.push((name.clone(), own.clone()));
        own
    }

    /// What a table says; a miss is told anew each time.
    pub fn looked(
        &self,
        reader: &Reader<'_>,
        step: &str,
        table: &RateTable,
        inputs: &[Cow<'_, Value>],
        date: Date,
    ) -> Result<Result<Seen, Miss>, EvalError> {
        if let Some(seen) = rate::seen(reader, table, step, inputs, date)? {
            return Ok(Ok(seen));
        }
        let mut looked = self.looked.borrow_mut();
        let asked = AskedBy { step, table: &table.name, inputs };
        if let Some(span) = looked.get(&asked).and_then(|spans| spans.iter().find(|span| span.holds(date))) {
            return Ok(Ok(span.seen.clone()));
        }
        let found = match rate::rate(reader, table, inputs, date)? {
            Rated::Found(found) => found,
            Rated::Missed(miss) => return Ok(Err(miss)),
        };
        let until = rate::steady_until(reader, table, inputs, date)?;
        let told = Arc::new(rate::told(table, step, inputs, &found));
        let seen = (found.given.step.clone(), told);
        let span = Span { from: date, until, seen: seen.clone() };
        match looked.get_mut(&asked) {
            Some(spans) => spans.push(span),
            None => {
                let inputs = inputs.iter().map(|input| (**input).clone()).collect();
                looked.insert(Asked { step: step.into(), table: table.name.clone(), inputs }, vec![span]);
            }
        }
        Ok(Ok(seen))
    }

    /// The record of an object with a key.
    pub fn keyed(&self, reader: &Reader<'_>, object: &Name, key: &str) -> Result<Option<Uuid>, EvalError> {
        if let Some(known) = self.keyed.borrow_mut().get(&Named(object, key)) {
            return Ok(*known);
        }
        let found = reader.keyed(object, key)?;
        self.keyed.borrow_mut().insert((object.clone(), key.into()), found);
        Ok(found)
    }

    /// The legal entity of a party, by the trait `party` of its object.
    pub fn legal_entity(&self, reader: &Reader<'_>, object: &Name, id: Uuid) -> Result<Option<Uuid>, EvalError> {
        if let Some(known) = self.entities.borrow_mut().get(&Named(object, id)) {
            return Ok(*known);
        }
        let role = reader.model.objects.get(object).and_then(|object| object.role("party", "legal_entity"));
        let entity = match role {
            Some((slot, _)) => reader.record(object, id)?.and_then(|record| record.values[slot].as_id()),
            None => None,
        };
        self.entities.borrow_mut().insert((object.clone(), id), entity);
        Ok(entity)
    }

    /// The name of the period a date lies in.
    pub fn period(&self, calendar: &PeriodCalendar, date: Date) -> Name {
        let mut periods = self.periods.borrow_mut();
        if let Some(known) = periods.get(&Named(&calendar.name, date)) {
            return known.clone();
        }
        let period: Name = calendar.period_of(date).name.into();
        periods.insert((calendar.name.clone(), date), period.clone());
        period
    }

    /// The digest of a key: of its parts, whatever they contain.
    pub fn digest(&self, parts: &[KeyPart<'_>]) -> Name {
        let mut digests = self.digests.borrow_mut();
        if let Some(known) = digests.get(&KeyOf(parts)) {
            return known.clone();
        }
        let mut key = Vec::with_capacity(128);
        for part in parts.iter().map(KeyPart::text) {
            key.extend((part.len() as u64).to_be_bytes());
            key.extend(part.as_bytes());
        }
        let digest: Name = hex(&Sha256::digest(&key))[..32].into();
        digests.insert(parts.iter().map(KeyPart::kept).collect(), digest.clone());
        digest
    }

    /// The dimensions of a line: many lines have the same.
    pub fn dimensions(&self, line: &PlanLine, values: &[Cow<'_, Value>]) -> Arc<Dimensions> {
        let mut dimensions = self.dimensions.borrow_mut();
        if let Some(known) = dimensions.get(&CoordinatesBy { line: &line.id, values }) {
            return known.clone();
        }
        let values: Vec<Value> = values.iter().map(|value| (**value).clone()).collect();
        let names = line.dimensions.iter().map(|(name, _)| name.clone());
        let made: Arc<Dimensions> = Arc::new(names.zip(values.iter().cloned()).collect());
        dimensions.insert(Coordinates { line: line.id.clone(), values }, made.clone());
        made
    }
}

impl Hash for Asked {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inputs.hash(state);
    }
}

impl PartialEq for Asked {
    fn eq(&self, other: &Asked) -> bool {
        are_identical(&self.inputs, &other.inputs) && self.step == other.step && self.table == other.table
    }
}

impl Eq for Asked {}

impl Hash for AskedBy<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inputs.hash(state);
    }
}

impl Equivalent<Asked> for AskedBy<'_> {
    fn equivalent(&self, asked: &Asked) -> bool {
        are_same(self.inputs, &asked.inputs) && *self.step == *asked.step && *self.table == *asked.table
    }
}

impl Hash for Coordinates {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.values.hash(state);
    }
}

impl PartialEq for Coordinates {
    fn eq(&self, other: &Coordinates) -> bool {
        are_identical(&self.values, &other.values) && self.line == other.line
    }
}

impl Eq for Coordinates {}

impl Hash for CoordinatesBy<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.values.hash(state);
    }
}

impl Equivalent<Coordinates> for CoordinatesBy<'_> {
    fn equivalent(&self, coordinates: &Coordinates) -> bool {
        are_same(self.values, &coordinates.values) && *self.line == *coordinates.line
    }
}

/// Whether values are those known, to the last digit.
fn are_same(values: &[Cow<'_, Value>], known: &[Value]) -> bool {
    values.len() == known.len() && values.iter().zip(known).all(|(value, known)| value.is_identical(known))
}
