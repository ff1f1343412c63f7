//! From the cells of a row to the values of its fields.

use super::{Draft, State};
use crate::service::imports::details::{Outcome, Row, RowError};
use crate::service::imports::mapping::Column;
use crate::service::imports::rows::{Cell, Fault, RawRow};
use packwork_engine::object::cell;
use serde_json::{Map, Value as Json};
use std::hash::{DefaultHasher, Hash, Hasher};

impl State {
    /// The row that had this value first, if it was another.
    pub(super) fn first_with(&mut self, column: usize, text: &str, row: i64) -> Option<i64> {
        if text.is_empty() {
            return None;
        }
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let first = *self.seen.entry((column, hasher.finish())).or_insert(row);
        (first != row).then_some(first)
    }

    /// The texts of the mapped columns.
    pub(super) fn texts(&self, raw: &RawRow) -> Result<Vec<String>, Box<RowError>> {
        let cells = raw.cells.as_ref().map_err(|fault| Box::new(RowError::of_fault(fault, None)))?;
        let of_file = self.details.columns.len();
        let full = |cell: &Cell| !matches!(cell, Cell::Text(text) if text.trim().is_empty());
        let more = cells.iter().skip(of_file).any(full);
        let fewer = cells.len() < of_file && self.details.format == "csv";
        if more || fewer {
            return Err(Box::new(RowError::of_fault(&Fault::Ragged { cells: cells.len(), columns: of_file }, None)));
        }
        let text = |column: &Column| match cells.get(column.at) {
            None => Ok(String::new()),
            Some(Cell::Text(text)) => Ok(text.trim().to_owned()),
            Some(Cell::Wrong(fault)) => Err(Box::new(RowError::of_fault(fault, Some(column.name.clone())))),
        };
        self.columns.iter().map(text).collect()
    }

    pub(super) fn draft(&self, raw: &RawRow) -> Draft {
        let row = Row {
            number: raw.number,
            outcome: Outcome::Error,
            id: None,
            version: None,
            after: None,
            input: Map::new(),
            errors: Vec::new(),
        };
        let mut draft = Draft { row, texts: Vec::new(), existing: None };
        match self.texts(raw) {
            Ok(texts) => draft.texts = texts,
            Err(error) => {
                draft.row.errors.push(*error);
                return draft;
            }
        }
        for (column, text) in self.columns.iter().zip(&draft.texts) {
            let field = &self.object.fields[column.slot];
            match cell::read(field, text, &column.style, &self.model.zone) {
                Ok(json) => drop(draft.row.input.insert(field.name.to_string(), json)),
                Err(error) => {
                    draft.row.input.insert(field.name.to_string(), Json::from(text.as_str()));
                    draft.row.errors.push(RowError::of_field(&error, &self.details.mapping));
                }
            }
        }
        draft
    }
}
