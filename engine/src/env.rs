//! What an expression sees: the record and what it refers to, the acting user, what `let` defined, and the
//! functions that read tables and trees. A fact that is missing is noted as a need; the decision goes on
//! elsewhere and is taken again when it is there.

mod routes;

use crate::codes::Code;
use crate::decision::{Context, Terms};
use crate::expr::{Env, EvalError, Expr, ExprError, Path};
use crate::facts::{Collection, Facts, Need};
use crate::hashing::Named;
use crate::model::Model;
use crate::moment::Date;
use crate::object::classify::{Classified, classify};
use crate::object::place::Places;
use crate::object::{FieldKind, Object};
use crate::record::{Name, slot};
use crate::settlement::rate::{self, Rated};
use crate::value::Value;
use serde_json::{Value as Json, json};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

pub use routes::{Route, Routes};

/// What deciding reads: the model, the facts at hand, who acts and when, and what turned out to be missing.
pub struct Reader<'a> {
    pub model: &'a Model,
    pub facts: &'a Facts,
    pub context: &'a Context,
    /// Whoever sent the command knows of the records it warns of.
    pub accepts_duplicates: bool,
    /// By which rates facts are settled, and against what.
    pub terms: Terms,
    need: RefCell<Need>,
    /// Whether anything was noted.
    lacks: Cell<bool>,
}

impl<'a> Reader<'a> {
    pub fn new(model: &'a Model, facts: &'a Facts, context: &'a Context) -> Reader<'a> {
        let (terms, need, lacks) = (Terms::default(), RefCell::default(), Cell::new(false));
        Reader { model, facts, context, accepts_duplicates: false, terms, need, lacks }
    }

    /// Notes a need.
    pub fn need(&self, note: impl FnOnce(&mut Need)) {
        let mut need = self.need.borrow_mut();
        note(&mut need);
        self.lacks.set(!need.is_empty());
    }

    /// Everything that was missing so far.
    pub fn needs(&self) -> Need {
        self.need.borrow().clone()
    }

    pub fn needs_nothing(&self) -> bool {
        !self.lacks.get()
    }

    pub fn today(&self) -> Date {
        self.context.moment.date_in(&self.model.zone)
    }

    /// A record by id. `Err(Missing)` when it is not at hand yet, `Ok(None)` when there is none.
    pub fn record(&self, object: &Name, id: Uuid) -> Result<Option<Arc<crate::record::Record>>, EvalError> {
        // A collection that is at hand anyway answers; one record alone is no reason to fetch it whole. What other records
        // come to moves without it.
        if let Some(collection) = self.facts.collections.get(object)
            && !self.model.objects.get(object).is_some_and(|object| object.has_totals)
        {
            return Ok(collection.get(id).cloned());
        }
        match self.facts.records.get(&Named(object, id)) {
            Some(found) => Ok(found.clone()),
            None => {
                self.need(|need| {
                    need.records.insert((object.clone(), id));
                });
                Err(EvalError::Missing)
            }
        }
    }

    /// All records of a small object.
    pub fn collection(&self, object: &Name) -> Result<&'a Arc<Collection>, EvalError> {
        self.facts.collections.get(object).ok_or_else(|| {
            self.need(|need| {
                need.collections.insert(object.clone());
            });
            EvalError::Missing
        })
    }

    /// What a classification says of a record on a date.
    pub fn classified(
        &self,
        object: &str,
        classification: &str,
        record: Uuid,
        date: Date,
    ) -> Result<Option<Classified>, EvalError> {
        let dimensions = self.model.dimensions.values().filter(|dimension| *dimension.of == *object);
        let found =
            dimensions.filter_map(|dimension| Some((dimension, dimension.classifications.get(classification)?))).next();
        let Some((dimension, classification)) = found else { return Ok(None) };
        let tree = match dimension.parent {
            Some(_) => self.collection(&dimension.of).map(|tree| Some(&**tree)),
            None => Ok(None),
        };
        let rows = self.collection(&classification.rows);
        Ok(classify(dimension, classification, tree?, rows?, record, date))
    }

    /// The record of an object with a key.
    pub fn keyed(&self, object: &Name, key: &str) -> Result<Option<Uuid>, EvalError> {
        let asked = (object.clone(), key.to_owned());
        match self.facts.keys.get(&asked) {
            Some(found) => Ok(*found),
            None => {
                self.need(|need| {
                    need.keys.insert(asked);
                });
                Err(EvalError::Missing)
            }
        }
    }

    /// The place an address lies in, by the tree of a dimension's object.
    pub fn located(&self, object: &Name, address: &str) -> Result<Option<Uuid>, EvalError> {
        let compiled = self.model.objects.get(object);
        let parent = self
            .model
            .dimensions
            .values()
            .find(|dimension| dimension.of == *object)
            .and_then(|dimension| dimension.parent);
        let (Some(compiled), Some(parent)) = (compiled, parent) else {
            return Err(failed(format!("`{object}` is not a tree of places: no dimension of it has `tree`")));
        };
        let tree = self.collection(object)?;
        Ok(tree.places.get_or_init(|| Places::index(compiled, parent, tree)).locate(address))
    }
}

/// The environment of expressions about one record.
#[derive(Clone, Copy)]
pub struct RecordEnv<'a> {
    pub reader: &'a Reader<'a>,
    pub object: &'a Object,
    pub values: &'a [Value],
    /// The date prices and classifications are read for.
    pub date: Date,
    /// What `let` defined, the latest last.
    pub lets: &'a [Let<'a>],
    /// A root besides the record that is a record too: the `party` of a chain, the unit of a period.
    pub bound: Option<&'a Bound>,
    /// The ways of the paths that expressions know by number.
    pub routes: Option<&'a Routes<'a>>,
    /// Where values came from, noted while evaluating.
    pub origins: Option<&'a RefCell<Vec<Json>>>,
}

/// A record under a name.
#[derive(Clone, Debug)]
pub struct Bound {
    pub root: Name,
    pub object: Name,
    pub id: Uuid,
}

/// A name that `let` gave a value.
pub type Let<'a> = (&'a str, Arc<Value>);

impl<'a> RecordEnv<'a> {
    /// Nothing but the record.
    pub fn of(reader: &'a Reader<'a>, object: &'a Object, values: &'a [Value], date: Date) -> RecordEnv<'a> {
        RecordEnv { reader, object, values, date, lets: &[], bound: None, routes: None, origins: None }
    }
}

impl RecordEnv<'_> {
    pub fn eval(&self, expr: &Expr) -> Result<Value, EvalError> {
        expr.eval(self)
    }

    /// The same, without a copy where that can be.
    pub fn read(&self, expr: &Expr) -> Result<Cow<'_, Value>, EvalError> {
        expr.read(self)
    }

    /// Whether a root is a record or a user, whatever `let` calls its names.
    fn is_record(&self, root: &str) -> bool {
        matches!(root, "record" | "user") || self.bound.is_some_and(|bound| *bound.root == *root)
    }

    fn note(&self, origin: impl FnOnce() -> Json) {
        if let Some(origins) = self.origins {
            origins.borrow_mut().push(origin());
        }
    }

    /// Follows steps from a record's slots.
    fn walk(&self, object: &Object, values: &[Value], steps: &[Name]) -> Result<Value, EvalError> {
        let [step, rest @ ..] = steps else {
            return Ok(values.get(slot::ID).cloned().unwrap_or_default());
        };
        let Some((index, field)) = object.field(step) else {
            return self.classification(object, values, step);
        };
        let value = values.get(index).cloned().unwrap_or_default();
        match (rest, &value) {
            ([], _) => Ok(value),
            (_, Value::Null) => Ok(Value::Null),
            (_, Value::Id(id)) => match &field.kind {
                FieldKind::Id { to, .. } => self.follow(to, *id, rest),
                _ => Ok(Value::Null),
            },
            (_, other) => Ok(member(other, rest)),
        }
    }

    fn follow(&self, to: &[Name], id: Uuid, rest: &[Name]) -> Result<Value, EvalError> {
        for target in to {
            let Some(object) = self.reader.model.objects.get(target) else { continue };
            // The classification of a referenced record needs its id, not the record.
            if let [only] = rest
                && object.field(only).is_none()
            {
                return self.classification_of(object, id, only);
            }
            if let Some(record) = self.reader.record(target, id)? {
                return self.walk(object, &record.values, rest);
            }
        }
        Ok(Value::Null)
    }

    fn classification(&self, object: &Object, values: &[Value], name: &str) -> Result<Value, EvalError> {
        match values.get(slot::ID).and_then(Value::as_id) {
            Some(id) => self.classification_of(object, id, name),
            None => Ok(Value::Null),
        }
    }

    fn classification_of(&self, object: &Object, id: Uuid, name: &str) -> Result<Value, EvalError> {
        let found = self.reader.classified(&object.name, name, id, self.date)?;
        if let Some(classified) = &found {
            self.note(|| {
                let row = classified.row.map(|(row, at)| json!({"row": row.to_string(), "at": at.to_string()}));
                json!({"kind": "classification", "object": &*object.name, "record": id.to_string(), "classification": name,
                       "value": &*classified.value, "date": self.date.to_string(), "row": row, "default": row.is_none()})
            });
        }
        Ok(found.map_or(Value::Null, |classified| Value::Text(classified.value)))
    }

    fn rate(&self, table: &str) -> Result<Value, EvalError> {
        let Some(table) = self.reader.model.rate_tables.get(table) else {
            return Err(failed(format!("there is no rate table `{table}`")));
        };
        let mut inputs = Vec::with_capacity(table.columns.len());
        for column in &table.columns {
            inputs.push(match &column.from {
                Some(from) => self.eval(from)?,
                None => match self.object.field(&column.name) {
                    Some((index, _)) => self.values.get(index).cloned().unwrap_or_default(),
                    None => Value::Null,
                },
            });
        }
        let rated = rate::rate(self.reader, table, &inputs, self.date)?;
        self.note(|| rate::origin(table, &inputs, self.date, &rated));
        Ok(match rated {
            Rated::Found(found) => {
                let mut map = found.given.as_map();
                map.insert("found".to_owned(), Value::Bool(true));
                Value::Map(map)
            }
            Rated::Missed(miss) => Value::Map(BTreeMap::from([
                ("found".to_owned(), Value::Bool(false)),
                ("reason".to_owned(), Value::text(rate::code_of(&miss).as_str())),
            ])),
        })
    }

    /// `.amount(quantity)` of what `rate` gave.
    fn rate_amount(&self, rated: &Value, quantity: &Value) -> Result<Value, EvalError> {
        let Value::Map(members) = rated else {
            return Err(failed("`amount` is asked of what `rate` gives".to_owned()));
        };
        let (Some(price), Some(quantity)) = (members.get("cell"), quantity.as_decimal()) else {
            return Ok(Value::Null);
        };
        rate::amount_of(self.reader.model, price, quantity)
            .map_err(failed)
            .map(|amount| amount.map_or(Value::Null, Value::Money))
    }
}

/// Members of money and maps.
fn member(value: &Value, steps: &[Name]) -> Value {
    let Some((step, rest)) = steps.split_first() else { return value.clone() };
    match value {
        Value::Money(money) => match &**step {
            "amount" => Value::Decimal(money.amount),
            "currency" => Value::Text(money.currency.clone()),
            _ => Value::Null,
        },
        Value::Map(entries) => entries.get(&**step).map_or(Value::Null, |value| member(value, rest)),
        _ => Value::Null,
    }
}

/// What stands inside maps, where it is at hand.
fn within<'v>(value: &'v Value, steps: &[Name]) -> Option<&'v Value> {
    steps.iter().try_fold(value, |value, step| match value {
        Value::Map(entries) => entries.get(&**step),
        _ => None,
    })
}

/// A failure of a host function; the expression adds the place.
pub fn failed(message: String) -> EvalError {
    EvalError::Failed(ExprError { code: Code::ScriptFailed, message, line: 1, column: 1 })
}

impl Env for RecordEnv<'_> {
    fn get(&self, path: &Path) -> Result<Value, EvalError> {
        match &*path.root {
            "record" => self.walk(self.object, self.values, &path.steps),
            "user" => {
                let actor = &self.reader.context.actor;
                match path.steps.split_first() {
                    None => Ok(actor.id.map_or(Value::Null, Value::Id)),
                    Some((step, [])) if actor.fields.contains_key(&**step) => Ok(actor.fields[&**step].clone()),
                    Some(_) => match actor.id {
                        Some(id) => self.follow(&["user".into()], id, &path.steps),
                        None => Ok(Value::Null),
                    },
                }
            }
            root if self.bound.is_some_and(|bound| *bound.root == *root) => {
                let Some(bound) = self.bound else { return Ok(Value::Null) };
                match &path.steps[..] {
                    [] => Ok(Value::Id(bound.id)),
                    steps => self.follow(std::slice::from_ref(&bound.object), bound.id, steps),
                }
            }
            root => match self.lets.iter().rev().find(|(name, _)| **name == *root) {
                Some((_, value)) => Ok(member(value, &path.steps)),
                None => Ok(Value::Null),
            },
        }
    }

    fn numbered(&self, number: usize, path: &Path) -> Result<Value, EvalError> {
        match self.routes {
            Some(routes) => routes.value(self, number, path),
            None => self.get(path),
        }
    }

    fn held(&self, number: Option<usize>, path: &Path) -> Option<&Value> {
        match (number, self.routes) {
            (Some(number), Some(routes)) => routes.held(self, number),
            (None, _) if !self.is_record(&path.root) => {
                let (_, value) = self.lets.iter().rev().find(|(name, _)| **name == *path.root)?;
                within(value, &path.steps)
            }
            _ => None,
        }
    }

    fn call(&self, function: &str, args: &[Value]) -> Result<Value, EvalError> {
        match (function, args) {
            ("now", []) => Ok(Value::Moment(self.reader.context.moment)),
            ("today", []) => Ok(Value::Date(self.reader.today())),
            ("business_date", [Value::Moment(moment)]) => Ok(Value::Date(moment.date_in(&self.reader.model.zone))),
            ("business_date", [Value::Null]) => Ok(Value::Null),
            ("locate", [Value::Text(object), Value::Text(address)]) => {
                let found = self.reader.located(object, address)?;
                self.note(|| json!({"kind": "place", "object": &**object, "text": &**address, "record": found.map(|id| id.to_string())}));
                Ok(found.map_or(Value::Null, Value::Id))
            }
            ("locate", [Value::Text(_), Value::Null]) => Ok(Value::Null),
            ("lookup", [Value::Text(object), Value::Text(key), Value::Text(path)]) => {
                let object: Name = object.clone();
                match self.reader.keyed(&object, key)? {
                    Some(id) => {
                        let steps: Vec<Name> = path.split('.').map(Name::from).collect();
                        self.follow(std::slice::from_ref(&object), id, &steps)
                    }
                    None => Ok(Value::Null),
                }
            }
            ("lookup", [Value::Text(_), Value::Null, Value::Text(_)]) => Ok(Value::Null),
            ("rate", [Value::Text(table), _]) => self.rate(table),
            ("amount", [rated, quantity]) => self.rate_amount(rated, quantity),
            _ => {
                let kinds: Vec<&str> = args.iter().map(Value::kind).collect();
                Err(failed(format!("`{function}` does not take ({})", kinds.join(", "))))
            }
        }
    }
}
