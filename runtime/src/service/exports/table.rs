//! What a file's columns show of rows of JSON, as cells.

use super::{csv, xlsx};
use crate::service::{Locale, texts};
use packwork_engine::model::Model;
use packwork_engine::moment::{Date, Moment};
use packwork_engine::object::{FieldKind, Object};
use packwork_engine::record::slot;
use rust_decimal::Decimal;
use serde_json::Value as Json;
use std::sync::Arc;

/// A column: the member of a row it shows, and as what.
pub struct Column {
    pub name: String,
    pub heading: String,
    pub shows: Shows,
}

pub enum Shows {
    /// A field of an object.
    Field(Arc<Object>, usize),
    /// A measure: a number where it looks like one.
    Number,
    /// By what it looks like.
    Plain,
}

/// The columns of a file, and how they are written.
pub struct Table {
    pub model: Arc<Model>,
    pub locale: Locale,
    pub columns: Vec<Column>,
    /// Titles for options and references; else names and ids.
    pub titles: bool,
}

impl Table {
    pub fn csv(&self, first: bool, records: &[Json]) -> String {
        let mut out = String::new();
        if first {
            out.push('\u{feff}');
            csv::line(&mut out, self.columns.iter().map(|column| column.heading.as_str()));
        }
        for record in records {
            let cells: Vec<String> = self
                .cells(record)
                .map(|cell| match cell {
                    xlsx::Cell::Empty => String::new(),
                    xlsx::Cell::Heading(text) | xlsx::Cell::Text(text) => text,
                    xlsx::Cell::Number(number) => number.to_string(),
                    xlsx::Cell::Date(date) => date.to_string(),
                    xlsx::Cell::Time(date, seconds) => {
                        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
                        format!("{date} {hour:02}:{minute:02}:{second:02}")
                    }
                    xlsx::Cell::Bool(flag) => flag.to_string(),
                })
                .collect();
            csv::line(&mut out, cells.iter().map(String::as_str));
        }
        out
    }

    pub fn cells<'r>(&'r self, record: &'r Json) -> impl Iterator<Item = xlsx::Cell> + 'r {
        self.columns.iter().map(|column| self.cell(column, record))
    }

    fn cell(&self, column: &Column, record: &Json) -> xlsx::Cell {
        let value = &record[&column.name];
        if value.is_null() {
            return xlsx::Cell::Empty;
        }
        let (object, at) = match &column.shows {
            Shows::Field(object, at) => (object, *at),
            Shows::Number => {
                let number = value.as_str().and_then(|text| Decimal::from_str_exact(text).ok());
                return number.map_or_else(|| loose(value), xlsx::Cell::Number);
            }
            Shows::Plain => return loose(value),
        };
        let field = &object.fields[at];
        let title = |option: &str| match self.titles {
            true => texts::option_title(&self.model, self.locale, field, option),
            false => option.to_owned(),
        };
        let text = value.as_str().unwrap_or_default();
        match &field.kind {
            _ if at == slot::STATE && self.titles => {
                xlsx::Cell::Text(texts::state_title(&self.model, self.locale, object, text))
            }
            FieldKind::Choice { .. } => xlsx::Cell::Text(csv::safe(&title(text))),
            FieldKind::Choices { .. } => {
                let titles: Vec<String> = items(value).map(title).collect();
                xlsx::Cell::Text(csv::safe(&titles.join("、")))
            }
            FieldKind::Id { .. } if self.titles => {
                let named = record["_refs"][&column.name]["title"].as_str().unwrap_or(text);
                xlsx::Cell::Text(csv::safe(named))
            }
            FieldKind::Ids { .. } if self.titles => {
                let refs = record["_refs"][&column.name].as_array();
                let titles: Vec<&str> = refs.into_iter().flatten().filter_map(|one| one["title"].as_str()).collect();
                xlsx::Cell::Text(csv::safe(&titles.join("、")))
            }
            FieldKind::Boolean if self.titles => xlsx::Cell::Text(
                match value.as_bool() {
                    Some(true) => texts::yes(self.locale),
                    _ => texts::no(self.locale),
                }
                .to_owned(),
            ),
            FieldKind::Boolean => xlsx::Cell::Bool(value.as_bool() == Some(true)),
            FieldKind::Decimal { .. } | FieldKind::Rollup { .. } if value.is_string() => {
                Decimal::from_str_exact(text).map_or_else(|_| loose(value), xlsx::Cell::Number)
            }
            FieldKind::Date => text.parse::<Date>().map_or_else(|_| loose(value), xlsx::Cell::Date),
            FieldKind::Moment => match Moment::parse(text) {
                Some(moment) => {
                    let date = moment.date_in(&self.model.zone);
                    let since = moment.micros() - Moment::start_of(date, &self.model.zone).micros();
                    xlsx::Cell::Time(date, since / 1_000_000)
                }
                None => loose(value),
            },
            _ => loose(value),
        }
    }
}

fn items(value: &Json) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Json::as_str)
}

/// A value by what it looks like: money by its amount, decimals by their digits, the rest as text.
fn loose(value: &Json) -> xlsx::Cell {
    let number = |text: &str| Decimal::from_str_exact(text).ok().map(xlsx::Cell::Number);
    match value {
        Json::Null => xlsx::Cell::Empty,
        Json::Bool(flag) => xlsx::Cell::Bool(*flag),
        Json::Number(digits) => number(&digits.to_string()).unwrap_or(xlsx::Cell::Empty),
        Json::String(text) => xlsx::Cell::Text(csv::safe(text)),
        Json::Object(members) => match members.get("amount").and_then(Json::as_str).and_then(number) {
            Some(amount) => amount,
            None => xlsx::Cell::Text(csv::safe(&value.to_string())),
        },
        Json::Array(_) => xlsx::Cell::Text(csv::safe(&items(value).collect::<Vec<_>>().join("、"))),
    }
}

pub fn ndjson(records: Vec<Json>) -> String {
    let mut out = String::new();
    for mut record in records {
        if let Some(members) = record.as_object_mut() {
            members.retain(|name, _| !name.starts_with('_'));
        }
        out.push_str(&record.to_string());
        out.push('\n');
    }
    out
}
