//! What is the same for many facts of a batch, worked out once: what lies behind their references, what tables say, whose
//! parties are, in which periods days lie, what groups are called. Good for one plan and as long as the facts at hand
//! are the same; nothing here decides, and nothing of it is ever listed.

use crate::env::{Reader, Routes};
use crate::expr::EvalError;
use crate::hashing::{Hashing, Named};
use crate::moment::Date;
use crate::pack::hex;
use crate::period::PeriodCalendar;
use crate::record::Name;
use crate::settlement::line::{Dimensions, Party};
use crate::settlement::plan::{Plan, PlanLine, RateTable};
use crate::settlement::rate::{self, Rated};
use crate::settlement::table::Miss;
use crate::settlement::trace::LookupTrace;
use crate::value::{Value, are_identical};
use indexmap::{Equivalent, IndexMap};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use uuid::Uuid;

type Map<K, V> = RefCell<IndexMap<K, V, Hashing>>;

pub struct Known<'p> {
    pub routes: Routes<'p>,
    looked: Map<Asked, Looked>,
    keyed: Map<(Name, Name), Option<Uuid>>,
    entities: Map<(Name, Uuid), Option<Uuid>>,
    periods: Map<(Name, Date), Name>,
    digests: Map<Vec<KeyPart>, Name>,
    dimensions: Map<Coordinates, Arc<Dimensions>>,
}

/// A part of the key of a cumulation group.
#[derive(Clone, Debug)]
pub enum KeyPart {
    Party(Party),
    Fixed(Name),
    Row(Option<Uuid>),
    Value(Value),
}

/// Keys are the same where their texts are.
impl PartialEq for KeyPart {
    fn eq(&self, other: &KeyPart) -> bool {
        match (self, other) {
            (KeyPart::Party(left), KeyPart::Party(right)) => left == right,
            (KeyPart::Fixed(left), KeyPart::Fixed(right)) => left == right,
            (KeyPart::Row(left), KeyPart::Row(right)) => left == right,
            (KeyPart::Value(left), KeyPart::Value(right)) => left.is_identical(right),
            _ => false,
        }
    }
}

impl Eq for KeyPart {}

impl Hash for KeyPart {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            KeyPart::Party(party) => party.hash(state),
            KeyPart::Fixed(text) => text.hash(state),
            KeyPart::Row(row) => row.hash(state),
            KeyPart::Value(value) => value.hash(state),
        }
    }
}

impl KeyPart {
    /// As digests have it.
    fn text(&self) -> String {
        match self {
            KeyPart::Party(party) => format!("{}/{}", party.object, party.id),
            KeyPart::Fixed(text) => text.to_string(),
            KeyPart::Row(row) => row.map_or_else(String::new, |row| row.to_string()),
            KeyPart::Value(value) => value.to_json().to_string(),
        }
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

/// What it gave, in spans of days; there are few.
struct Looked {
    step: Name,
    inputs: Arc<BTreeMap<Name, String>>,
    spans: Vec<Span>,
}

/// Days on which it gives the same.
struct Span {
    from: Date,
    /// The first that may differ.
    until: Option<Date>,
    value: Arc<Value>,
    /// As it is told of each day that was asked for.
    told: Vec<Arc<LookupTrace>>,
}

impl Looked {
    fn on(&mut self, date: Date) -> Option<Seen> {
        let holds = |span: &&mut Span| span.from <= date && span.until.is_none_or(|until| date < until);
        self.spans.iter_mut().find(holds).map(|span| span.on(date))
    }
}

impl Span {
    fn on(&mut self, date: Date) -> Seen {
        if let Some(told) = self.told.iter().rev().find(|told| told.date == date) {
            return (self.value.clone(), told.clone());
        }
        let told = Arc::new(LookupTrace { date, ..(*self.told[0]).clone() });
        self.told.push(told.clone());
        (self.value.clone(), told)
    }
}

/// What a look-up gives: the values as steps see them, and the trace.
pub type Seen = (Arc<Value>, Arc<LookupTrace>);

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
        }
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
        let mut looked = self.looked.borrow_mut();
        let asked = AskedBy { step, table: &table.name, inputs };
        if let Some(seen) = looked.get_mut(&asked).and_then(|known| known.on(date)) {
            return Ok(Ok(seen));
        }
        let values: Vec<Value> = inputs.iter().map(|input| (**input).clone()).collect();
        let found = match rate::rate(reader, table, &values, date)? {
            Rated::Found(found) => found,
            Rated::Missed(miss) => return Ok(Err(miss)),
        };
        let until = rate::steady_until(reader, table, &values, date)?;
        if looked.get(&asked).is_none() {
            let (step, told) = (Name::from(step), Arc::new(rate::recorded_inputs(table, &values)));
            let asked = Asked { step: step.clone(), table: table.name.clone(), inputs: values };
            looked.insert(asked, Looked { step, inputs: told, spans: Vec::new() });
        }
        let known = looked.get_mut(&asked).expect("it was put there above");
        let trace = LookupTrace {
            step: known.step.clone(),
            table: table.name.clone(),
            revision: found.revision,
            row: found.row,
            row_record: found.record,
            date,
            inputs: known.inputs.clone(),
            values: found.given.told.clone(),
            converted: None,
        };
        let mut span = Span { from: date, until, value: found.given.step.clone(), told: vec![Arc::new(trace)] };
        let seen = span.on(date);
        known.spans.push(span);
        Ok(Ok(seen))
    }

    /// The record of an object with a key.
    pub fn keyed(&self, reader: &Reader<'_>, object: &Name, key: &str) -> Result<Option<Uuid>, EvalError> {
        if let Some(known) = self.keyed.borrow().get(&Named(object, key)) {
            return Ok(*known);
        }
        let found = reader.keyed(object, key)?;
        self.keyed.borrow_mut().insert((object.clone(), key.into()), found);
        Ok(found)
    }

    /// The legal entity of a party, by the trait `party` of its object.
    pub fn legal_entity(&self, reader: &Reader<'_>, object: &Name, id: Uuid) -> Result<Option<Uuid>, EvalError> {
        if let Some(known) = self.entities.borrow().get(&Named(object, id)) {
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
    pub fn digest(&self, parts: Vec<KeyPart>) -> Name {
        let mut digests = self.digests.borrow_mut();
        if let Some(known) = digests.get(&parts) {
            return known.clone();
        }
        let mut key = Vec::with_capacity(128);
        for part in parts.iter().map(KeyPart::text) {
            key.extend((part.len() as u64).to_be_bytes());
            key.extend(part.as_bytes());
        }
        let digest: Name = hex(&Sha256::digest(&key))[..32].into();
        digests.insert(parts, digest.clone());
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
