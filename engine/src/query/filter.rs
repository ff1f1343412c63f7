//! Filters: read from JSON against an object, so that every path, operator and value is known to fit.

use crate::value::Value;

/// A condition over a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Holds for every record.
    All,
    /// Holds for none.
    Nothing,
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Compare { path: FilterPath, comparison: Comparison },
    /// Any searchable text of the record contains this.
    Search { slots: Vec<usize>, text: String },
}

/// Slots from the record through references: `[customer's slot, region's slot in customer]`. The last one is compared;
/// those before it are references to exactly one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterPath {
    pub slots: Vec<usize>,
}

/// Comparisons, with values already in the field's type. Null never satisfies any but `IsNull`, `NotEqual` and `NotIn`.
#[derive(Clone, Debug, PartialEq)]
pub enum Comparison {
    Equal(Value),
    NotEqual(Value),
    Greater(Value),
    GreaterOrEqual(Value),
    Less(Value),
    LessOrEqual(Value),
    In(Vec<Value>),
    NotIn(Vec<Value>),
    Contains(String),
    StartsWith(String),
    IsNull(bool),
    /// Both bounds inclusive.
    Between(Value, Value),
    /// `[from, to)`: what relative dates become.
    Within(Value, Value),
}
