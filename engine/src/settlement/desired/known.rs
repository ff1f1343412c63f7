//! What is the same for many facts of a batch, worked out once: what lies behind their references, what tables say, whose
//! parties are, in which periods days lie, what groups are called. Good for one plan and as long as the facts at hand
//! are the same; nothing here decides, and nothing of it is ever listed.

use crate::env::{Reader, Routes};
use crate::expr::EvalError;
use crate::hashing::Hashing;
use crate::moment::Date;
use crate::pack::hex;
use crate::period::PeriodCalendar;
use crate::record::Name;
use crate::settlement::line::{Dimensions, Party};
use crate::settlement::plan::{Plan, PlanLine, RateTable};
use crate::settlement::rate::{self, Found, Rated};
use crate::settlement::table::Miss;
use crate::settlement::trace::LookupTrace;
use crate::value::{Value, are_identical};
use indexmap::{Equivalent, IndexMap};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use uuid::Uuid;

type Map<K, V> = RefCell<IndexMap<K, V, Hashing>>;

pub struct Known<'p> {
    pub routes: Routes<'p>,
    looked: Map<Asked, Looked>,
    rows: Map<(Name, Uuid), Row>,
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
    values: &'k [Value],
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
    inputs: &'k [Value],
}

/// What it gave, date by date; there are few.
struct Looked {
    step: Name,
    inputs: Arc<BTreeMap<Name, String>>,
    on: Vec<(Date, Seen)>,
}

/// What a look-up gives: the values as steps see them, and the trace.
pub type Seen = (Arc<Value>, Arc<LookupTrace>);

/// What look-ups that find a row have in common.
#[derive(Clone)]
struct Row {
    seen: Arc<Value>,
    told: Arc<BTreeMap<Name, Json>>,
}

impl<'p> Known<'p> {
    pub fn new(plan: &'p Plan) -> Known<'p> {
        Known {
            routes: Routes::new(&plan.routes),
            looked: RefCell::default(),
            rows: RefCell::default(),
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
        inputs: &[Value],
        date: Date,
    ) -> Result<Result<Seen, Miss>, EvalError> {
        let mut looked = self.looked.borrow_mut();
        let asked = AskedBy { step, table: &table.name, inputs };
        if let Some(known) = looked.get(&asked)
            && let Some((_, seen)) = known.on.iter().find(|(day, _)| *day == date)
        {
            return Ok(Ok(seen.clone()));
        }
        let found = match rate::rate(reader, table, inputs, date)? {
            Rated::Found(found) => found,
            Rated::Missed(miss) => return Ok(Err(miss)),
        };
        let row = self.row(table, &found);
        if looked.get(&asked).is_none() {
            let (step, told) = (Name::from(step), Arc::new(rate::recorded_inputs(table, inputs)));
            let asked = Asked { step: step.clone(), table: table.name.clone(), inputs: inputs.to_vec() };
            looked.insert(asked, Looked { step, inputs: told, on: Vec::new() });
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
            values: row.told,
            converted: None,
        };
        let seen = (row.seen, Arc::new(trace));
        known.on.push((date, seen.clone()));
        Ok(Ok(seen))
    }

    fn row(&self, table: &RateTable, found: &Found) -> Row {
        let make = || Row { seen: Arc::new(Value::Map(found.as_step())), told: Arc::new(found.told()) };
        // What several rows give together is no row's own.
        if !found.is_one_row {
            return make();
        }
        let mut rows = self.rows.borrow_mut();
        rows.entry((table.name.clone(), found.record)).or_insert_with(make).clone()
    }

    /// The legal entity of a party, by the trait `party` of its object.
    pub fn legal_entity(&self, reader: &Reader<'_>, object: &Name, id: Uuid) -> Result<Option<Uuid>, EvalError> {
        let key = (object.clone(), id);
        if let Some(known) = self.entities.borrow().get(&key) {
            return Ok(*known);
        }
        let role = reader.model.objects.get(object).and_then(|object| object.role("party", "legal_entity"));
        let entity = match role {
            Some((slot, _)) => reader.record(object, id)?.and_then(|record| record.values[slot].as_id()),
            None => None,
        };
        self.entities.borrow_mut().insert(key, entity);
        Ok(entity)
    }

    /// The name of the period a date lies in.
    pub fn period(&self, calendar: &PeriodCalendar, date: Date) -> Name {
        let mut periods = self.periods.borrow_mut();
        let period = periods.entry((calendar.name.clone(), date));
        period.or_insert_with(|| calendar.period_of(date).name.into()).clone()
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
    pub fn dimensions(&self, line: &PlanLine, values: Vec<Value>) -> Arc<Dimensions> {
        let mut dimensions = self.dimensions.borrow_mut();
        if let Some(known) = dimensions.get(&CoordinatesBy { line: &line.id, values: &values }) {
            return known.clone();
        }
        let names = line.dimensions.iter().map(|(name, _)| name.clone());
        let made: Arc<Dimensions> = Arc::new(names.zip(values.iter().cloned()).collect());
        dimensions.insert(Coordinates { line: line.id.clone(), values }, made.clone());
        made
    }
}

impl Asked {
    fn borrowed(&self) -> AskedBy<'_> {
        AskedBy { step: &self.step, table: &self.table, inputs: &self.inputs }
    }
}

impl Hash for Asked {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inputs.hash(state);
    }
}

impl PartialEq for Asked {
    fn eq(&self, other: &Asked) -> bool {
        self.borrowed().equivalent(other)
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
        are_identical(self.inputs, &asked.inputs) && *self.step == *asked.step && *self.table == *asked.table
    }
}

impl Coordinates {
    fn borrowed(&self) -> CoordinatesBy<'_> {
        CoordinatesBy { line: &self.line, values: &self.values }
    }
}

impl Hash for Coordinates {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.values.hash(state);
    }
}

impl PartialEq for Coordinates {
    fn eq(&self, other: &Coordinates) -> bool {
        self.borrowed().equivalent(other)
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
        are_identical(self.values, &coordinates.values) && *self.line == *coordinates.line
    }
}
