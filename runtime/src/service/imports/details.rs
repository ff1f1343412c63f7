//! What an import keeps: the file, how it is read, the mapping, the counts; and one document for each of its rows.

use super::rows::{Fault, Format, Reading};
use crate::service::imports::encoding::Encoding;
use crate::service::records::duplicates;
use crate::store::Import;
use indexmap::IndexMap;
use packwork_engine::refusal::{FieldError, Refusal};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

/// Everything of an import besides its status.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    pub name: String,
    pub format: String,
    pub encoding: Option<String>,
    pub delimiter: Option<char>,
    pub sheets: Vec<String>,
    pub sheet: Option<String>,
    pub size: i64,
    pub columns: Vec<String>,
    pub mapping: Mapping,
    pub mode: Mode,
    pub by: Option<String>,
    pub duplicates: Duplicates,
    pub date_format: Option<String>,
    /// Rows with content; known once the file was planned.
    pub rows: Option<i64>,
    /// Rows dealt with by the job that runs, or ran last.
    pub done: i64,
    pub counts: Counts,
    pub problem: Option<Json>,
    /// What the last job was doing: `resume` goes on with it.
    pub doing: Option<Doing>,
    /// The moment of the commands, in microseconds; the same however often the work is resumed.
    pub applied_at: Option<i64>,
}

/// Columns of the file to what becomes of them; `None` leaves a column out.
pub type Mapping = IndexMap<String, Option<Target>>;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub field: String,
    /// The field of the referenced record its cells name it by; else its key, its title or its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub thousands: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Create,
    Update,
    #[default]
    Upsert,
}

/// What becomes of a row whose record exists (while only creating), or whose key the file had before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    #[default]
    Skip,
    Update,
    Create,
    Error,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doing {
    Planning,
    Applying,
    Reverting,
}

impl Doing {
    pub fn status(self) -> &'static str {
        match self {
            Doing::Planning => "planning",
            Doing::Applying => "applying",
            Doing::Reverting => "reverting",
        }
    }

    /// The status once it is done.
    pub fn done(self) -> &'static str {
        match self {
            Doing::Planning => "planned",
            Doing::Applying => "applied",
            Doing::Reverting => "reverted",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    pub create: i64,
    pub update: i64,
    pub skip: i64,
    pub duplicate: i64,
    pub error: i64,
    pub applied: i64,
    pub kept: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    #[serde(rename = "c")]
    Create,
    #[serde(rename = "u")]
    Update,
    #[serde(rename = "s")]
    Skip,
    #[serde(rename = "d")]
    Duplicate,
    #[serde(rename = "e")]
    Error,
}

impl Outcome {
    pub const ALL: [Outcome; 5] = [Outcome::Create, Outcome::Update, Outcome::Skip, Outcome::Duplicate, Outcome::Error];

    pub fn letter(self) -> char {
        match self {
            Outcome::Create => 'c',
            Outcome::Update => 'u',
            Outcome::Skip => 's',
            Outcome::Duplicate => 'd',
            Outcome::Error => 'e',
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Create => "create",
            Outcome::Update => "update",
            Outcome::Skip => "skip",
            Outcome::Duplicate => "duplicate",
            Outcome::Error => "error",
        }
    }
}

impl Counts {
    pub fn of(&mut self, outcome: Outcome) -> &mut i64 {
        match outcome {
            Outcome::Create => &mut self.create,
            Outcome::Update => &mut self.update,
            Outcome::Skip => &mut self.skip,
            Outcome::Duplicate => &mut self.duplicate,
            Outcome::Error => &mut self.error,
        }
    }
}

/// A row of the file with what is to become of it. Short names: there are many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    #[serde(rename = "r")]
    pub number: i64,
    #[serde(rename = "o")]
    pub outcome: Outcome,
    /// The record it changes, and the version the plan saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// The earlier row that creates the record it changes.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub after: Option<i64>,
    #[serde(rename = "i", default, skip_serializing_if = "Map::is_empty")]
    pub input: Map<String, Json>,
    #[serde(rename = "e", default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<RowError>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowError {
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    pub code: String,
    #[serde(rename = "m")]
    pub message: String,
    #[serde(rename = "p", default)]
    pub params: Json,
}

/// What became of a row that was applied, and of its taking back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowResult {
    #[serde(rename = "r")]
    pub number: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Uuid>,
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    #[serde(rename = "e", default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<RowError>,
    /// Somebody changed the record since: it was not taken back.
    #[serde(rename = "k", default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
}

impl RowResult {
    pub fn of(number: i64) -> RowResult {
        RowResult { number, id: None, version: None, errors: Vec::new(), kept: false }
    }
}

impl RowError {
    pub fn of_fault(fault: &Fault, column: Option<String>) -> RowError {
        let params = match (fault, &column) {
            (Fault::Ragged { cells, columns }, _) => json!({"cells": cells, "columns": columns}),
            (_, Some(column)) => json!({"column": column}),
            _ => json!({}),
        };
        RowError { column, field: None, code: "bad_row".into(), message: fault.message(), params }
    }

    /// The errors of a refusal, each at the column that fills its field.
    pub fn of_refusal(refusal: &Refusal, columns: &Mapping) -> Vec<RowError> {
        if refusal.errors.is_empty() {
            // Nobody is named who looks like the row: the caller may not see them all.
            let refusal = duplicates::unnamed(refusal);
            return vec![RowError {
                column: None,
                field: None,
                code: refusal.code.as_str().into(),
                message: refusal.detail,
                params: json!(refusal.params),
            }];
        }
        refusal.errors.iter().map(|error| RowError::of_field(error, columns)).collect()
    }

    pub fn of_field(error: &FieldError, columns: &Mapping) -> RowError {
        let field = error.pointer.trim_start_matches('/').split('/').next().filter(|name| !name.is_empty());
        let column = columns
            .iter()
            .find(|(_, target)| field.is_some_and(|field| target.as_ref().is_some_and(|target| target.field == field)));
        RowError {
            column: column.map(|(name, _)| name.clone()),
            field: field.map(str::to_owned),
            code: error.code.as_str().into(),
            message: error.message.clone(),
            params: json!(error.params),
        }
    }
}

impl Details {
    pub fn of(import: &Import) -> Result<Details, crate::service::Error> {
        serde_json::from_value(import.details.clone())
            .map_err(|error| crate::service::Error::Broken(format!("the import `{}`: {error}", import.id)))
    }

    pub fn json(&self) -> Json {
        serde_json::to_value(self).expect("details are plain data with text keys")
    }

    pub fn reading(&self) -> Reading {
        match Format::named(&self.format) {
            Some(Format::Xlsx) => Reading::Xlsx { sheet: self.sheet.clone() },
            _ => Reading::Csv {
                encoding: self.encoding.as_deref().and_then(Encoding::named).unwrap_or(Encoding::Utf8),
                delimiter: self.delimiter.and_then(|letter| u8::try_from(letter).ok()).unwrap_or(b','),
            },
        }
    }

    pub fn read_as(&mut self, reading: &Reading) {
        match reading {
            Reading::Xlsx { sheet } => {
                self.format = Format::Xlsx.as_str().into();
                self.sheet.clone_from(sheet);
            }
            Reading::Csv { encoding, delimiter } => {
                self.format = Format::Csv.as_str().into();
                self.encoding = Some(encoding.as_str().into());
                self.delimiter = Some(char::from(*delimiter));
            }
        }
    }
}

/// One letter for each outcome among the rows.
pub fn letters(outcomes: impl Iterator<Item = Outcome> + Clone) -> String {
    let has = |one: Outcome| outcomes.clone().any(|outcome| outcome == one);
    Outcome::ALL.into_iter().filter(|outcome| has(*outcome)).map(Outcome::letter).collect()
}
