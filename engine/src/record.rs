//! A record: the values of one object's slots. Which slot is which is the compiled object's business.

use crate::moment::Moment;
use crate::value::Value;
use std::sync::Arc;
use uuid::Uuid;

/// The name of an object, field, definition: shared, cheap to copy.
pub type Name = Arc<str>;

/// Whether two names are the same; copies of one are without a look at their letters.
pub fn is_same_name(left: &str, right: &str) -> bool {
    std::ptr::eq(left, right) || left == right
}

/// Slots every object has, in this order, before its own fields.
pub mod slot {
    pub const ID: usize = 0;
    pub const VERSION: usize = 1;
    pub const STATE: usize = 2;
    pub const TEMPLATE: usize = 3;
    pub const CREATED_AT: usize = 4;
    pub const CREATED_BY: usize = 5;
    pub const UPDATED_AT: usize = 6;
    pub const UPDATED_BY: usize = 7;
    pub const OWNER: usize = 8;
    pub const DEPARTMENT: usize = 9;
    pub const DELETED_AT: usize = 10;
    /// Of owned child rows: the record that owns it, and its place among its siblings. Null elsewhere.
    pub const PARENT: usize = 11;
    pub const POSITION: usize = 12;
    /// Where computed fields have their values from: a map by field, made when the record is written.
    pub const TRACE: usize = 13;
    /// The first slot of an object's own fields.
    pub const OWN: usize = 14;
}

/// One stored record; `values` has one value per slot of its object.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub object: Name,
    pub values: Vec<Value>,
}

impl Record {
    pub fn id(&self) -> Uuid {
        self.values[slot::ID].as_id().expect("the first slot of every record holds its id")
    }

    /// The version, from 1; every change adds one.
    pub fn version(&self) -> i64 {
        self.values[slot::VERSION].as_decimal().and_then(|number| i64::try_from(number).ok()).unwrap_or(0)
    }

    pub fn state(&self) -> Option<&str> {
        self.values[slot::STATE].as_text()
    }

    pub fn template(&self) -> Option<&str> {
        self.values[slot::TEMPLATE].as_text()
    }

    pub fn owner(&self) -> Option<Uuid> {
        self.values[slot::OWNER].as_id()
    }

    pub fn department(&self) -> Option<Uuid> {
        self.values[slot::DEPARTMENT].as_id()
    }

    pub fn parent(&self) -> Option<Uuid> {
        self.values[slot::PARENT].as_id()
    }

    pub fn created_at(&self) -> Option<Moment> {
        self.values[slot::CREATED_AT].as_moment()
    }

    pub fn is_deleted(&self) -> bool {
        !self.values[slot::DELETED_AT].is_null()
    }
}
