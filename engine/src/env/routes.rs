//! Paths that many records are read by. The slot a path begins at is known before the first record comes, and what lies
//! behind a reference is followed once for all records that share it.

use super::{RecordEnv, member};
use crate::expr::{Env, EvalError, Path};
use crate::hashing::Hashing;
use crate::moment::Date;
use crate::object::{FieldKind, Object};
use crate::record::Name;
use crate::value::Value;
use indexmap::IndexMap;
use std::cell::RefCell;
use uuid::Uuid;

/// A path that begins at a field of the record.
#[derive(Debug)]
pub struct Route {
    pub path: Path,
    /// The field's slot.
    slot: usize,
    /// Whose records it refers to, where it is one reference.
    to: Vec<Name>,
}

impl Route {
    /// `None` for a path that does not begin at a field.
    pub fn of(object: &Object, path: &Path) -> Option<Route> {
        let (slot, field) = object.field(path.steps.first().filter(|_| &*path.root == "record")?)?;
        let to = match &field.kind {
            FieldKind::Id { to, .. } => to.clone(),
            _ => Vec::new(),
        };
        Some(Route { path: path.clone(), slot, to })
    }

    /// Whether it goes on behind the field.
    pub fn goes_on(&self) -> bool {
        self.path.steps.len() > 1
    }
}

/// Routes, and what was found behind references so far. Good for as long as the facts are the same.
#[derive(Debug)]
pub struct Routes<'p> {
    routes: &'p [Route],
    found: RefCell<IndexMap<(usize, Uuid, Date), Value, Hashing>>,
}

impl<'p> Routes<'p> {
    pub fn new(routes: &'p [Route]) -> Routes<'p> {
        Routes { routes, found: RefCell::default() }
    }

    pub fn all(&self) -> &'p [Route] {
        self.routes
    }

    /// The slot of a route that ends at its field.
    pub fn slot(&self, number: usize) -> Option<usize> {
        self.routes.get(number).filter(|route| !route.goes_on()).map(|route| route.slot)
    }

    /// What the record of an environment has at a route.
    pub fn value(&self, env: &RecordEnv<'_>, number: usize, path: &Path) -> Result<Value, EvalError> {
        let Some(route) = self.routes.get(number) else { return env.get(path) };
        let begins = env.values.get(route.slot).unwrap_or(&Value::Null);
        match (begins, &route.path.steps[1..]) {
            (_, []) => Ok(begins.clone()),
            (Value::Id(id), rest) if !route.to.is_empty() => {
                let key = (number, *id, env.date);
                if let Some(found) = self.found.borrow().get(&key) {
                    return Ok(found.clone());
                }
                let found = env.follow(&route.to, *id, rest)?;
                self.found.borrow_mut().insert(key, found.clone());
                Ok(found)
            }
            (Value::Null | Value::Id(_), _) => Ok(Value::Null),
            (other, rest) => Ok(member(other, rest)),
        }
    }
}
