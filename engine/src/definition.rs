//! Definitions as people write them: one type per kind, read tolerantly, described by a JSON
//! Schema. Checking them against each other is the model's business, running them somebody else's.

pub mod accumulator;
pub mod calendar;
pub mod case;
pub mod chain;
pub mod dashboard;
pub mod dimension;
pub mod lifecycle;
pub mod menu;
pub mod object;
pub mod period_calendar;
pub mod posting;
pub mod rate_table;
pub mod read;
pub mod report;
pub mod role;
pub mod schedule;
pub mod seed;
pub mod sequence;
pub mod settlement_plan;
pub mod statement;
pub mod template;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Declares a definition's written type with the envelope every definition has.
macro_rules! written {
    ($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(default)]
        #[schemars(deny_unknown_fields)]
        pub struct $name {
            /// The schema of this kind, so that editors complete and check while typing.
            #[serde(rename = "$schema", skip_serializing_if = "Option::is_none")]
            pub schema: Option<String>,
            /// The kind of definition; must agree with the schema.
            #[serde(skip_serializing_if = "String::is_empty")]
            pub kind: String,
            /// Name within its kind, snake_case.
            #[serde(skip_serializing_if = "String::is_empty")]
            pub name: String,
            /// Immutable identity, written by `packwork pack check --fix`; survives renames.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub uid: Option<String>,
            /// The former name after a rename.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub was: Option<String>,
            /// English title; the Chinese one stands in the pack's `i18n/zh-CN.json`.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub title: Option<String>,
            /// What it is for, in a sentence or two.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub description: Option<String>,
            /// Adds to the definition of this kind and name that belongs to a pack this one requires: members by name,
            /// list items by id.
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            pub extends: bool,
            /// Of an extension: paths of what it takes out (`/fields/reason/options/broken`).
            #[serde(skip_serializing_if = "Vec::is_empty")]
            pub remove: Vec<String>,
            /// Of an extension: which item stands after which, by path and name (`{"/fields/fee": "reason"}`); an empty
            /// name puts it first.
            #[serde(skip_serializing_if = "indexmap::IndexMap::is_empty")]
            pub order: indexmap::IndexMap<String, String>,
            $($(#[$field_meta])* pub $field: $type,)*
        }
    };
}
pub(crate) use written;

/// A Rhai expression. Scope roots are `record`, `line`, `party`, `user`, `run` and what `let`
/// defines; inside an object's own formulas the fields may be bare.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Expression(pub String);

impl JsonSchema for Expression {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Expression".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "format": "expression",
            "description": "A Rhai expression. A literal is written {\"value\": ...}."
        })
    }
}

/// An expression, or a literal written `{"value": ...}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Operand {
    Expression(Expression),
    Literal(Literal),
}

/// A literal where an expression could stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Literal {
    /// The literal, in the JSON form of what is wanted there.
    pub value: serde_json::Value,
}

/// A decimal written as a string (`"120.00"`); whole numbers may be plain JSON integers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DecimalText(#[serde(deserialize_with = "read::decimal_text")] pub rust_decimal::Decimal);

impl JsonSchema for DecimalText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Decimal".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["string", "integer"],
            "pattern": "^-?[0-9]{1,18}(\\.[0-9]{1,10})?$",
            "description": "An exact decimal, written as a string."
        })
    }
}

/// A share of something: a decimal (`"0.0299"`), or the same in per cent (`"2.99%"`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RateText(#[serde(deserialize_with = "read::rate_text")] pub rust_decimal::Decimal);

impl JsonSchema for RateText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": ["string", "integer"],
            "pattern": "^-?[0-9]{1,18}(\\.[0-9]{1,10})?%?$",
            "description": "A share, written as a decimal (\"0.0299\") or in per cent (\"2.99%\")."
        })
    }
}

/// How a state or option is coloured: by meaning, never by colour name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// Nothing special.
    #[default]
    Neutral,
    /// Under way.
    Info,
    /// As wished.
    Success,
    /// Needs attention.
    Warning,
    /// Went wrong, or cannot be undone.
    Danger,
}

macro_rules! kinds {
    ($($variant:ident = $name:literal, $written:ty, $folder:literal;)*) => {
        /// The kinds of definition.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($variant),* }

        impl Serialize for Kind {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for Kind {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Kind, D::Error> {
                let name = String::deserialize(deserializer)?;
                Kind::named(&name).ok_or_else(|| serde::de::Error::custom(format!("`{name}` is not a kind")))
            }
        }

        impl Kind {
            pub const ALL: &[Kind] = &[$(Kind::$variant),*];

            pub fn as_str(self) -> &'static str {
                match self { $(Kind::$variant => $name),* }
            }

            /// The folder of a pack where definitions of this kind live by custom.
            pub fn folder(self) -> &'static str {
                match self { $(Kind::$variant => $folder),* }
            }

            pub fn named(name: &str) -> Option<Kind> {
                match name { $($name => Some(Kind::$variant),)* _ => None }
            }

            /// The JSON Schema of the kind, as shipped in `schemas/`.
            pub fn json_schema(self) -> serde_json::Value {
                let settings = schemars::generate::SchemaSettings::draft2020_12();
                let mut schema = match self {
                    $(Kind::$variant => settings.into_generator().into_root_schema_for::<$written>(),)*
                };
                schema.insert("$id".into(), format!("https://packwork.dev/schemas/{}.json", self.as_str()).into());
                schema.insert("title".into(), self.as_str().into());
                schema.to_value()
            }
        }

        /// One definition, as written.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Definition { $($variant(Box<$written>)),* }

        impl Definition {
            pub fn kind(&self) -> Kind {
                match self { $(Definition::$variant(_) => Kind::$variant),* }
            }

            pub fn name(&self) -> &str {
                match self { $(Definition::$variant(written) => &written.name),* }
            }

            pub fn title(&self) -> Option<&str> {
                match self { $(Definition::$variant(written) => written.title.as_deref()),* }
            }

            pub fn description(&self) -> Option<&str> {
                match self { $(Definition::$variant(written) => written.description.as_deref()),* }
            }

            /// Reads a document of a kind whose shape was checked against its schema.
            pub fn from_json(kind: Kind, json: &serde_json::Value) -> Result<Definition, serde_json::Error> {
                Ok(match kind { $(Kind::$variant => Definition::$variant(Box::new(<$written>::deserialize(json)?))),* })
            }

            pub fn to_json(&self) -> serde_json::Value {
                match self { $(Definition::$variant(written) => serde_json::to_value(written)),* }
                    .expect("written types have string keys only and always serialize")
            }
        }
    };
}

kinds! {
    Object = "object", object::ObjectDefinition, "objects";
    Lifecycle = "lifecycle", lifecycle::LifecycleDefinition, "lifecycles";
    Template = "template", template::TemplateDefinition, "templates";
    Dimension = "dimension", dimension::DimensionDefinition, "settlement";
    RateTable = "rate_table", rate_table::RateTableDefinition, "rate-tables";
    Schedule = "schedule", schedule::ScheduleDefinition, "settlement";
    Accumulator = "accumulator", accumulator::AccumulatorDefinition, "settlement";
    Chain = "chain", chain::ChainDefinition, "settlement";
    SettlementPlan = "settlement_plan", settlement_plan::SettlementPlanDefinition, "settlement";
    Posting = "posting", posting::PostingDefinition, "settlement";
    Statement = "statement", statement::StatementDefinition, "settlement";
    PeriodCalendar = "period_calendar", period_calendar::PeriodCalendarDefinition, "settlement";
    Sequence = "sequence", sequence::SequenceDefinition, "sequences";
    Calendar = "calendar", calendar::CalendarDefinition, "calendars";
    Menu = "menu", menu::MenuDefinition, "menus";
    Role = "role", role::RoleDefinition, "roles";
    Report = "report", report::ReportDefinition, "reports";
    Dashboard = "dashboard", dashboard::DashboardDefinition, "dashboards";
    Seed = "seed", seed::SeedDefinition, "seed";
    Case = "case", case::CaseDefinition, "cases";
}
