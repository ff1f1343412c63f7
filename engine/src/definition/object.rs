//! `object`: the records of one noun: its fields, rules and to-dos.

use super::{DecimalText, Expression, Tone, written};
use crate::settlement::allocation::Method;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

written! {
    /// The records of one noun: fields, rules, to-dos and the traits engines attach to.
    pub struct ObjectDefinition {
        /// English plural for lists.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub plural: Option<String>,
        /// The field whose value names a record to people.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub display: Option<String>,
        /// A unique text field by which definitions, seeds, imports and URLs may name a record.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub key: Option<String>,
        /// Set for owned child rows (`items`): the object that owns them.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub owned_by: Option<String>,
        /// Traits engines attach to (`settleable`, `party`, `assignable`, ...), each mapping its roles to fields.
        #[serde(skip_serializing_if = "IndexMap::is_empty")]
        pub traits: IndexMap<String, IndexMap<String, String>>,
        /// The fields, in the order people see them.
        pub fields: IndexMap<String, FieldDefinition>,
        /// What must hold for every saved record.
        #[serde(skip_serializing_if = "IndexMap::is_empty")]
        pub rules: IndexMap<String, RuleDefinition>,
        /// A JSON Schema fragment merged into the record's schema.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub constraints: Option<serde_json::Map<String, serde_json::Value>>,
        /// To-dos that stand open for a record while their condition holds.
        #[serde(skip_serializing_if = "IndexMap::is_empty")]
        pub todos: IndexMap<String, TodoDefinition>,
        /// Combinations of fields that no two records may share.
        #[serde(skip_serializing_if = "IndexMap::is_empty")]
        pub unique: IndexMap<String, Vec<String>>,
        /// Which records look like another one of the same object, by rule.
        #[serde(skip_serializing_if = "IndexMap::is_empty")]
        pub duplicates: IndexMap<String, DuplicateDefinition>,
        /// Indexes for what is filtered, sorted or grouped together often.
        #[serde(skip_serializing_if = "IndexMap::is_empty")]
        pub indexes: IndexMap<String, IndexDefinition>,
        /// How the list shows records when nobody chose otherwise.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub list: Option<ListDefinition>,
    }
}

/// One field. Which options apply depends on `type`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct FieldDefinition {
    /// What the field holds (default `text`); `docs/reference/field-types.md` has each type with its JSON form.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// English title; the Chinese one stands in `i18n/zh-CN.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The former name after a rename: its data moves along.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// A sentence shown beside the field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// A value must be there when the record is saved.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// No two records share a value.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unique: bool,
    /// Kept in an index for filtering and sorting.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub index: bool,
    /// Longest text, in characters (default 200; long_text 20,000).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// A regular expression the whole text must match.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Digits after the point (decimal 2, percent 4, money 2, rollup as its source).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale: Option<u32>,
    /// Of integer, decimal, percent and money: the least value, itself allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<DecimalText>,
    /// Of integer, decimal, percent and money: the greatest value, itself allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<DecimalText>,
    /// Of money: an ISO 4217 code, or the name of the record's field that holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Of attachment and image: the field takes several files.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub multiple: bool,
    /// Of attachment and image: the largest file, in KiB; never more than the installation takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_kilobytes: Option<u32>,
    /// Of choice and choices: the options, in order.
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub options: IndexMap<String, OptionDefinition>,
    /// Of choice and choices: options taken from a classification (`region.tier`) or from all roles (`roles`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options_from: Option<String>,
    /// Of reference, references and items: the object (or several) it leads to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Targets>,
    /// Of reference: what deleting the target does (default `restrict`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_delete: Option<OnDelete>,
    /// Value of a new record when none is given: a literal in the field's JSON form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<serde_json::Value>,
    /// Value of a new record when none is given, computed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_formula: Option<Expression>,
    /// Computed when the record is written, and kept; people cannot fill it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formula: Option<Expression>,
    /// Of a formula: computed whenever the record is read, and never kept. Lists cannot be filtered or sorted by it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub live: bool,
    /// Of sequence: the number's form, such as `WO-{yyyy}{MM}-{seq:5}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Of rollup: the `items` field it is over; or `object.field`, the records that refer to this one by that field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Of a rollup over records that refer to this one: which of them count, by their own stored fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<serde_json::Map<String, serde_json::Value>>,
    /// Of rollup: the child's field that is added up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sum: Option<String>,
    /// Of rollup: the child's field whose least value is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<String>,
    /// Of rollup: the child's field whose greatest value is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<String>,
    /// Of rollup: the child's field whose average is kept, rounded half up to `scale` digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avg: Option<String>,
    /// Of rollup: counts the children.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub count: bool,
    /// Of a number or money of owned rows: the row's share of an amount of the record that owns it. Shares add up to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<ShareDefinition>,
    /// Not offered in forms; still visible in the API.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// Place among the fields; the order of the file where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<i64>,
}

/// An amount of a record, shared over its rows in units of the last digit that the field keeps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct ShareDefinition {
    /// The field of the record that owns the row: the amount that is shared.
    pub of: String,
    /// The field of the row that weighs it; an empty one weighs nothing.
    pub by: String,
    /// Who gets the units that do not divide (default `largest_remainder`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
}

/// The types a field can have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// One line of text.
    #[default]
    Text,
    /// Several lines of text.
    LongText,
    /// Text with headings, lists and emphasis, as Markdown.
    RichText,
    /// A whole number.
    Integer,
    /// An exact decimal, `scale` digits after the point.
    Decimal,
    /// A share, kept as a decimal: 0.15 for 15%.
    Percent,
    /// An amount with its currency.
    Money,
    /// Yes or no.
    Boolean,
    /// A day of the calendar.
    Date,
    /// A moment.
    DateTime,
    /// A time of the day.
    Time,
    /// A length of time, in minutes.
    Duration,
    /// One of `options`.
    Choice,
    /// Several of `options`.
    Choices,
    /// One record of `to`.
    Reference,
    /// Several records of `to`.
    References,
    /// Rows of `to` that this record owns.
    Items,
    /// Files.
    Attachment,
    /// Pictures.
    Image,
    /// An address of mail.
    Email,
    /// A telephone number.
    Phone,
    /// An address of the web.
    Url,
    /// A postal address, by which a dimension may find its region.
    Address,
    /// A place on the map, WGS-84.
    Location,
    /// A user.
    User,
    /// A department.
    Department,
    /// A number given by the system, by `format`.
    Sequence,
    /// A figure over owned or referring records, always current.
    Rollup,
    /// Any JSON.
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnDelete {
    /// The target cannot be deleted while it is referred to.
    Restrict,
    /// The reference becomes empty.
    Clear,
}

/// One object, or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Targets {
    One(String),
    Several(Vec<String>),
}

impl Targets {
    pub fn names(&self) -> Vec<&str> {
        match self {
            Targets::One(name) => vec![name],
            Targets::Several(names) => names.iter().map(String::as_str).collect(),
        }
    }
}

/// One value of a choice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct OptionDefinition {
    /// English title; the Chinese one stands in `i18n/zh-CN.json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// How the option is coloured.
    pub tone: Tone,
    /// Place among the options; the order of the file where not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<i64>,
}

/// A condition every saved record meets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct RuleDefinition {
    /// Must be true for the record to be saved.
    pub require: Expression,
    /// What people read when it is not.
    pub message: String,
    /// The field the message stands at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Only checked while this holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<Expression>,
}

/// Something people with a role are asked to do while a condition holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct TodoDefinition {
    /// English text of the to-do; the Chinese one stands in `i18n/zh-CN.json`.
    pub title: String,
    /// The to-do is open while this holds.
    pub when: Expression,
    /// Who is asked: users with this role.
    pub role: String,
}

/// When two records look alike, and what that does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct DuplicateDefinition {
    /// What the records have in common, as people read it.
    pub title: String,
    /// The fields that are compared, and how. All must match; an empty value matches nothing.
    #[serde(rename = "match")]
    pub matching: IndexMap<String, MatchMethod>,
    /// What happens when somebody saves a record that looks like another one.
    pub action: DuplicateAction,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MatchMethod {
    /// The same value.
    #[default]
    Exact,
    /// The same text but for capitals, spaces and full-width forms.
    Normalized,
    /// The same digits, whatever stands between them.
    Digits,
}

/// What a record that looks like another one leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DuplicateAction {
    /// It is created once whoever creates it says so.
    #[default]
    Warn,
    /// It is not saved.
    Block,
}

/// An index over live records.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct IndexDefinition {
    /// The fields it is ordered by, the most selective filter first.
    pub fields: Vec<String>,
    /// Fields kept in it as well: grouping by `fields` and adding up these needs no other reading.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub covers: Vec<String>,
}

/// How the list of an object's records is shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct ListDefinition {
    /// The fields shown, in order.
    pub columns: Vec<String>,
    /// Fields to sort by, `-` before a name for descending.
    pub sort: Vec<String>,
    /// The fields offered for filtering; each is kept in an index.
    pub filters: Vec<String>,
}
