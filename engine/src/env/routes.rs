//! Paths that many records are read by. The slot a path begins at is known before the first record comes, and what lies
//! behind a reference is followed once for all records that share it.

use super::{RecordEnv, member, within};
use crate::expr::{Env, EvalError, Path};
use crate::hashing::Hashing;
use crate::moment::Date;
use crate::object::{FieldKind, Object};
use crate::record::Name;
use crate::value::Value;
use indexmap::IndexMap;
use std::cell::RefCell;
use uuid::Uuid;

/// A path whose beginning is known.
#[derive(Debug)]
pub struct Route {
    pub path: Path,
    begins: Begins,
}

#[derive(Debug)]
enum Begins {
    /// At a field of the record: its slot, and whose records it refers to, where it is one reference.
    Field { slot: usize, to: Vec<Name> },
    /// At what `let` defined, by its place.
    Let(usize),
}

impl Route {
    /// `None` for a path that does not begin at a field.
    pub fn of(object: &Object, path: &Path) -> Option<Route> {
        let (slot, field) = object.field(path.steps.first().filter(|_| &*path.root == "record")?)?;
        let to = match &field.kind {
            FieldKind::Id { to, .. } => to.clone(),
            _ => Vec::new(),
        };
        Some(Route { path: path.clone(), begins: Begins::Field { slot, to } })
    }

    /// A path that begins at what the `let` with this place defines.
    pub fn of_let(place: usize, path: &Path) -> Route {
        Route { path: path.clone(), begins: Begins::Let(place) }
    }

    /// Whether it goes on behind a field of the record.
    pub fn goes_on(&self) -> bool {
        matches!(self.begins, Begins::Field { .. }) && self.path.steps.len() > 1
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

    /// What an environment has at hand at a route: the field it ends at, or what lies within a value of `let`.
    pub fn held<'v>(&self, env: &'v RecordEnv<'_>, number: usize) -> Option<&'v Value> {
        let route = self.routes.get(number)?;
        match (&route.begins, &route.path.steps[..]) {
            (Begins::Field { slot, .. }, [_]) => env.values.get(*slot),
            (Begins::Field { .. }, _) => None,
            (Begins::Let(place), steps) => within(&env.lets.get(*place)?.1, steps),
        }
    }

    /// What an environment has at a route.
    pub fn value(&self, env: &RecordEnv<'_>, number: usize, path: &Path) -> Result<Value, EvalError> {
        let Some(route) = self.routes.get(number) else { return env.get(path) };
        let (slot, to) = match &route.begins {
            Begins::Field { slot, to } => (*slot, to),
            Begins::Let(place) => {
                return Ok(env.lets.get(*place).map_or(Value::Null, |(_, value)| member(value, &path.steps)));
            }
        };
        let begins = env.values.get(slot).unwrap_or(&Value::Null);
        match (begins, &route.path.steps[1..]) {
            (_, []) => Ok(begins.clone()),
            (Value::Id(id), rest) if !to.is_empty() => {
                let key = (number, *id, env.date);
                if let Some(found) = self.found.borrow().get(&key) {
                    return Ok(found.clone());
                }
                let found = env.follow(to, *id, rest)?;
                self.found.borrow_mut().insert(key, found.clone());
                Ok(found)
            }
            (Value::Null | Value::Id(_), _) => Ok(Value::Null),
            (other, rest) => Ok(member(other, rest)),
        }
    }
}
