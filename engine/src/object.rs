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
use crate::money::Money;
use crate::query::Filter;
use crate::record::{Name, slot};
use crate::settlement::allocation::Method;
use crate::value::Value;
use indexmap::IndexMap;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
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
    /// Slots of what is computed when a record is written, each after those it reads.
    pub formula_order: Vec<usize>,
    /// Of a record whose rows share what it has: everything that is computed when it is written, its rows' slots among its
    /// own; empty of any other.
    pub order_with_rows: Vec<Computed>,
    /// Of owned rows: slots of shares and of what is computed from them, which wait for the record that owns the row.
    pub shared: BTreeSet<usize>,
    /// Slots of formulas that are computed when a record is read, each after those it reads.
    pub live_order: Vec<usize>,
    /// What each of those reads of its own record.
    pub live_reads: BTreeMap<usize, BTreeSet<usize>>,
    /// Whether it has rollups over records that refer to it.
    pub has_totals: bool,
    /// Whether something is decided by those rollups.
    pub totals_decide: bool,
    /// The rollups over its records: object and slot.
    pub counted_by: Vec<(Name, usize)>,
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
    /// Of owned rows: which part of what their record has.
    pub share: Option<Share>,
    /// The formula is computed whenever the record is read; nothing is stored.
    pub live: bool,
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
    /// Computed over other records.
    Rollup {
        over: Over,
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

/// The records that a rollup is over.
#[derive(Clone, Debug, PartialEq)]
pub enum Over {
    /// The owned rows of an `items` slot: computed in the command that writes them, and kept in the record.
    Items(usize),
    /// Those that refer to the record: kept beside it, and moved by whatever happens to them.
    Children(Box<Children>),
}

/// Records that refer to another one and count for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Children {
    /// `object.field` of the rollup: what its totals are kept under.
    pub key: Name,
    /// The object that refers, and the slot by which it does.
    pub object: Name,
    pub by: usize,
    /// What is added up or compared: the slot and its digits after the point. A count has none.
    pub number: Option<(usize, u32)>,
    /// Which of the records count, as written.
    pub filter: Option<serde_json::Map<String, serde_json::Value>>,
    /// The same compiled, once all objects are known.
    pub(crate) counts: OnceLock<Filter>,
}

impl Children {
    /// Which of the records count, by their own stored fields.
    pub fn counts(&self) -> &Filter {
        self.counts.get().unwrap_or(&Filter::All)
    }

    /// The slots of the referring object on which a total depends.
    pub fn reads(&self) -> BTreeSet<usize> {
        let mut slots = BTreeSet::from([slot::DELETED_AT, self.by]);
        slots.extend(self.number.map(|(slot, _)| slot));
        self.counts().own_slots(&mut slots);
        slots
    }
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

/// A row's share of an amount of the record that owns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The record's slot that is shared.
    pub of: usize,
    /// The row's slot that weighs it.
    pub by: usize,
    pub method: Method,
}

/// A slot that is computed when a record is written: its own, or one of each of its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Computed {
    Own(usize),
    Row { items: usize, slot: usize },
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

impl Lifecycle {
    pub fn has(&self, state: &str) -> bool {
        self.states.iter().any(|known| *known.name == *state)
    }
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

    /// Where the business date of a moment is kept.
    pub fn day_of(&self, moment: usize) -> Option<usize> {
        self.fields.iter().position(|field| field.day_of == Some(moment))
    }

    /// The object's own fields with their slots: no system fields, no derived days.
    pub fn own_fields(&self) -> impl Iterator<Item = (usize, &Field)> {
        self.fields.iter().enumerate().skip(slot::OWN).filter(|(_, field)| field.day_of.is_none())
    }

    /// Whether what is seen of a record changes without its version.
    pub fn moves_alone(&self) -> bool {
        self.has_totals || !self.live_order.is_empty()
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
            _ if !self.is_stored() => false,
            FieldKind::Items { .. } | FieldKind::Json | FieldKind::Files { .. } => false,
            FieldKind::Ids { .. } | FieldKind::Choices { .. } => false,
            FieldKind::Text { max_length, .. } => *max_length <= INDEXED_TEXT_CHARS_MAX,
            _ => true,
        }
    }

    /// Whether the slot has a column of its own. Items live in the child's table, totals of other records beside the
    /// record, and what is computed on reading nowhere.
    pub fn is_stored(&self) -> bool {
        !self.live && !matches!(self.kind, FieldKind::Items { .. }) && self.children().is_none()
    }

    /// Whether the slot is one value that people see: of its own, beside the record or computed on reading.
    pub fn is_value(&self) -> bool {
        !matches!(self.kind, FieldKind::Items { .. })
    }

    /// Of a rollup over records that refer to this one: what it is while none do.
    pub fn total_of_none(&self) -> Option<Value> {
        self.children()?;
        Some(match &self.kind {
            FieldKind::Rollup { of: Rollup::Sum(_), money: Some(CurrencySource::Fixed(currency)), .. } => {
                Value::Money(Money::new(Decimal::ZERO, currency))
            }
            FieldKind::Rollup { of: Rollup::Sum(_) | Rollup::Count, .. } => Value::Decimal(Decimal::ZERO),
            _ => Value::Null,
        })
    }

    /// Of a rollup over records that refer to this one: which.
    pub fn children(&self) -> Option<&Children> {
        match &self.kind {
            FieldKind::Rollup { over: Over::Children(children), .. } => Some(children),
            _ => None,
        }
    }

    /// Whether people may fill it.
    pub fn is_writable(&self) -> bool {
        !self.system
            && self.formula.is_none()
            && self.share.is_none()
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
