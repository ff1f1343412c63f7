//! Compiled objects: fields as slots with everything resolved. Made by the model from checked definitions;
//! knows nothing of columns or SQL.

pub mod cell;
pub mod classify;
pub mod derived;
pub mod duplicate;
pub mod form;
pub mod input;
pub mod place;
pub mod schema;
pub mod template;

use crate::definition::Tone;
use crate::definition::object::FieldType;
use crate::expr::Expr;
use crate::record::{Name, slot};
use indexmap::IndexMap;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// A compiled object.
#[derive(Debug)]
pub struct Object {
    pub name: Name,
    pub source: Source,
    /// Every slot: the system's (`record::slot`), then the object's own in the order people see them, then derived days.
    pub fields: Vec<Field>,
    pub by_name: BTreeMap<Name, usize>,
    /// Slot of the key field.
    pub key: Option<usize>,
    /// Slot of the field that names a record to people.
    pub display: usize,
    pub owned_by: Option<Name>,
    /// Combinations of slots no two live records share, by name.
    pub unique: Vec<(Name, Vec<usize>)>,
    /// Which records look like another one.
    pub duplicates: Vec<duplicate::DuplicateRule>,
    /// Indexes the definition asks for, besides those every object has.
    pub indexes: Vec<Index>,
    pub rules: Vec<Rule>,
    pub todos: Vec<Todo>,
    /// Slots of stored formulas, each after those it reads.
    pub formula_order: Vec<usize>,
    pub traits: IndexMap<String, IndexMap<String, String>>,
    pub lifecycle: Option<Lifecycle>,
    /// Names of the settlement plans whose facts are records of this object.
    pub plans: Vec<Name>,
    /// Read as a whole and cached by revision: dimensions, their dated rows, rate rows.
    pub is_collection: bool,
    /// Default columns, sort and filters of lists (field names).
    pub list: crate::definition::object::ListDefinition,
    /// A JSON Schema fragment a record must meet besides.
    pub constraints: Option<serde_json::Map<String, serde_json::Value>>,
    /// What the store makes of it.
    pub derived: derived::Derived,
    /// Built on first use from patterns and constraints.
    pub(crate) validator: OnceLock<Option<jsonschema::Validator>>,
}

/// Where an object comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Definition,
    /// Derived from a rate table: its rows. Closed and added, never edited.
    RateTable,
}

/// One slot of an object.
#[derive(Debug)]
pub struct Field {
    pub name: Name,
    pub kind: FieldKind,
    /// The type as the definition says it; what people see.
    pub written: FieldType,
    /// Path of its title among the model's texts; its help stands beside it.
    pub text: String,
    /// Where the titles of its options stand: `{options_text}/{option}/title`.
    pub options_text: String,
    pub required: bool,
    pub unique: bool,
    pub index: bool,
    pub hidden: bool,
    pub system: bool,
    /// As written; references by key.
    pub default: Option<serde_json::Value>,
    pub default_formula: Option<Expr>,
    pub formula: Option<Expr>,
    /// Of the companion of a moment: the slot of that moment. Its business date is stored beside it.
    pub day_of: Option<usize>,
}

/// What a slot holds, with the options that matter to its values.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldKind {
    Text {
        max_length: u32,
        pattern: Option<String>,
    },
    /// Whole numbers have scale 0.
    Decimal {
        scale: u32,
        minimum: Option<Decimal>,
        maximum: Option<Decimal>,
    },
    Money {
        scale: u32,
        currency: CurrencySource,
        minimum: Option<Decimal>,
        maximum: Option<Decimal>,
    },
    Boolean,
    Date,
    Moment,
    Choice {
        options: Vec<ChoiceOption>,
    },
    Choices {
        options: Vec<ChoiceOption>,
    },
    Id {
        to: Vec<Name>,
        on_delete: OnDelete,
    },
    /// Several records, kept as a list of ids.
    Ids {
        to: Vec<Name>,
    },
    /// Owned child rows; the slot itself stores nothing.
    Items {
        to: Name,
    },
    /// Computed over the owned child rows of the `items` slot.
    Rollup {
        items: usize,
        of: Rollup,
        scale: u32,
        money: Option<CurrencySource>,
    },
    /// Ids of files, as a list of texts: [`crate::attachment`].
    Files {
        images: bool,
        multiple: bool,
        /// Of each.
        bytes_max: Option<u64>,
    },
    /// A place on the earth: [`crate::location`].
    Location,
    Json,
}

/// An index that a definition asks for: slots it is ordered by, and slots it holds so that sums need not visit records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    pub name: Name,
    pub slots: Vec<usize>,
    pub covers: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rollup {
    Count,
    /// Sum of the child's field; nothing adds up to zero.
    Sum(Name),
    /// Least, greatest and average of the child's field; of nothing there is none.
    Min(Name),
    Max(Name),
    Avg(Name),
}

/// Where the currency of a money field comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CurrencySource {
    Fixed(Name),
    /// The slot of a text, choice or reference field; of a reference, the record's key.
    Slot(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDelete {
    Restrict,
    Clear,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChoiceOption {
    pub name: Name,
    pub tone: Tone,
}

#[derive(Debug)]
pub struct Rule {
    pub name: Name,
    pub require: Expr,
    pub when: Option<Expr>,
    /// Path of its message among the model's texts.
    pub text: String,
    pub field: Option<Name>,
}

#[derive(Debug)]
pub struct Todo {
    pub name: Name,
    pub when: Expr,
    pub role: Name,
}

#[derive(Debug)]
pub struct Lifecycle {
    pub name: Name,
    pub initial: Name,
    pub states: Vec<State>,
    pub transitions: Vec<Transition>,
}

#[derive(Debug)]
pub struct State {
    pub name: Name,
    pub tone: Tone,
    pub is_final: bool,
}

#[derive(Debug)]
pub struct Transition {
    pub name: Name,
    pub from: Vec<Name>,
    pub to: Name,
    pub guard: Option<Expr>,
    pub input: Vec<Name>,
    pub require: Vec<Name>,
    pub default: Vec<(Name, Expr)>,
    pub set: Vec<(Name, Expr)>,
    pub primary: bool,
    pub destructive: bool,
}

impl Object {
    pub fn field(&self, name: &str) -> Option<(usize, &Field)> {
        self.by_name.get(name).map(|slot| (*slot, &self.fields[*slot]))
    }

    /// The object's own fields with their slots: no system fields, no derived days.
    pub fn own_fields(&self) -> impl Iterator<Item = (usize, &Field)> {
        self.fields.iter().enumerate().skip(slot::OWN).filter(|(_, field)| field.day_of.is_none())
    }

    /// The field that plays a role of a trait (`party`, `legal_entity`).
    pub fn role(&self, trait_name: &str, role: &str) -> Option<(usize, &Field)> {
        self.field(self.traits.get(trait_name)?.get(role)?)
    }
}

/// Characters of a text that fit into an index: PostgreSQL ends at 2,704 bytes.
pub const INDEXED_TEXT_CHARS_MAX: u32 = 600;

impl Field {
    /// Whether an index can keep its values in order: no lists, no documents, no long texts.
    pub fn has_order(&self) -> bool {
        match &self.kind {
            FieldKind::Items { .. } | FieldKind::Json | FieldKind::Files { .. } => false,
            FieldKind::Ids { .. } | FieldKind::Choices { .. } => false,
            FieldKind::Text { max_length, .. } => *max_length <= INDEXED_TEXT_CHARS_MAX,
            _ => true,
        }
    }

    /// Whether the slot has a column of its own (items live in the child's table).
    pub fn is_stored(&self) -> bool {
        !matches!(self.kind, FieldKind::Items { .. })
    }

    /// Whether people may fill it.
    pub fn is_writable(&self) -> bool {
        !self.system
            && self.formula.is_none()
            && self.day_of.is_none()
            && self.written != FieldType::Sequence
            && !matches!(self.kind, FieldKind::Rollup { .. })
    }
}

impl Lifecycle {
    pub fn transition(&self, name: &str) -> Option<&Transition> {
        self.transitions.iter().find(|transition| &*transition.name == name)
    }

    pub fn state(&self, name: &str) -> Option<&State> {
        self.states.iter().find(|state| &*state.name == name)
    }
}
