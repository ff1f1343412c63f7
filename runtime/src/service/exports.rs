//! Exports of lists as files, made while they are sent: page after page, so that neither memory nor a transaction grows
//! with them. What the list shows the file shows, to whom it shows it.

pub mod csv;
pub mod xlsx;

use super::records::{self, list};
use super::session::Caller;
use super::{Answer, refuse, texts};
use crate::app::App;
use packwork_engine::access::Action;
use packwork_engine::codes::Code;
use packwork_engine::model::Model;
use packwork_engine::moment::{Date, Moment};
use packwork_engine::object::{Field, FieldKind, Object};
use packwork_engine::record::slot;
use packwork_engine::refusal::Refusal;
use rust_decimal::Decimal;
use serde_json::Value as Json;
use std::sync::Arc;

/// Records read for one piece of a file.
const PAGE: u32 = 500;

/// An export as asked for: a list, and how it is to be written.
#[derive(Debug)]
pub struct Asked {
    pub object: String,
    pub format: String,
    pub filter: Option<Json>,
    pub sort: Vec<String>,
    pub fields: Option<Vec<String>>,
    pub search: Option<String>,
    /// Titles for the header, options and references; else names and ids.
    pub titles: bool,
}

/// A file that is made while it is sent.
pub struct Export {
    app: Arc<App>,
    caller: Arc<Caller>,
    model: Arc<Model>,
    object: Arc<Object>,
    asked: Asked,
    columns: Vec<Column>,
    name: String,
    cursor: Option<String>,
    writer: Writer,
}

enum Writer {
    Csv,
    Ndjson,
    Xlsx(Box<xlsx::Book>),
    Ended,
}

/// A column: the member of the record it shows, and the field that says how, where it is one of the object's own.
struct Column {
    name: String,
    heading: String,
    slot: Option<usize>,
}

/// Refuses before anything is sent: rights, filter, sort, fields.
pub async fn begin(app: &Arc<App>, caller: &Arc<Caller>, asked: Asked) -> Answer<Export> {
    let model = app.model();
    let object = records::object(&model, caller, &asked.object)?;
    if !caller.rights().may(&object.name, Action::Export) {
        return Err(refuse(Code::Forbidden, format!("you may not `export` records of `{}`", object.name))
            .with("object", &*object.name)
            .with("action", "export")
            .into());
    }
    let columns = columns(&model, caller, &object, &asked)?;
    let title = texts::object_title(&model, caller.locale, &object.name);
    let mut export = Export {
        app: app.clone(),
        caller: caller.clone(),
        name: format!("{title}.{}", asked.format),
        model,
        object,
        asked,
        columns,
        cursor: None,
        writer: Writer::Ended,
    };
    // The list says what is wrong with it before the first byte is sent.
    export.page(1).await?;
    export.writer = match export.asked.format.as_str() {
        "csv" => Writer::Csv,
        "ndjson" => Writer::Ndjson,
        "xlsx" => {
            let mut book = xlsx::Book::new(&[title])?;
            book.row(export.columns.iter().map(|column| xlsx::Cell::Heading(column.heading.clone())))?;
            Writer::Xlsx(Box::new(book))
        }
        other => {
            let detail = format!("there is no format `{other}`; there are csv, xlsx and ndjson");
            return Err(refuse(Code::BadParameter, detail).with("parameter", "format").into());
        }
    };
    Ok(export)
}

fn columns(model: &Model, caller: &Caller, object: &Object, asked: &Asked) -> Result<Vec<Column>, Refusal> {
    let heading = |field: &Field| match asked.titles {
        true => texts::field_title(model, caller.locale, field),
        false => field.name.to_string(),
    };
    let Some(names) = &asked.fields else {
        let own = object
            .own_fields()
            .filter(|(_, field)| field.is_stored() && caller.rights().shows(&object.name, &field.name));
        let state = object.lifecycle.as_ref().map(|_| (slot::STATE, &object.fields[slot::STATE]));
        let column = |(slot, field): (usize, &Field)| Column {
            name: field.name.to_string(),
            heading: heading(field),
            slot: Some(slot),
        };
        return Ok(own.chain(state).map(column).collect());
    };
    let column = |name: &String| {
        let mut headings = Vec::new();
        let (mut at, mut last) = (object, None);
        for step in name.split('.') {
            let found = at.field(step).filter(|_| caller.rights().shows(&at.name, step));
            let Some((slot, field)) = found else {
                let detail = format!("`{}` has no field `{step}`", at.name);
                return Err(refuse(Code::UnknownField, detail).with("field", name.as_str()));
            };
            headings.push(heading(field));
            last = (at.name == object.name && !name.contains('.')).then_some(slot);
            if let FieldKind::Id { to, .. } = &field.kind
                && let Some(next) = to.first().and_then(|to| model.object(to))
            {
                at = next;
            }
        }
        let heading = if asked.titles { headings.join(" / ") } else { name.clone() };
        Ok(Column { name: name.clone(), heading, slot: last })
    };
    names.iter().map(column).collect()
}

impl Export {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn media_type(&self) -> &'static str {
        match self.writer {
            Writer::Csv => "text/csv; charset=utf-8",
            Writer::Ndjson | Writer::Ended => "application/x-ndjson",
            Writer::Xlsx(_) => xlsx::MEDIA_TYPE,
        }
    }

    async fn page(&self, limit: u32) -> Answer<list::Listed> {
        let asked = list::Asked {
            filter: self.asked.filter.clone(),
            sort: self.asked.sort.clone(),
            fields: self.asked.fields.clone(),
            search: self.asked.search.clone(),
            limit,
            cursor: self.cursor.clone(),
            ..list::Asked::default()
        };
        list::list(&self.app, &self.caller, &self.object.name, asked).await
    }

    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> Answer<Option<Vec<u8>>> {
        if matches!(self.writer, Writer::Ended) {
            return Ok(None);
        }
        let first = self.cursor.is_none();
        let page = self.page(PAGE).await?;
        let records: Vec<Json> = page.records(&self.caller).map(Json::Object).collect();
        self.cursor = page.next;
        let mut writer = std::mem::replace(&mut self.writer, Writer::Ended);
        let piece = match &mut writer {
            Writer::Csv => self.csv(first, &records).into_bytes(),
            Writer::Ndjson => ndjson(records).into_bytes(),
            Writer::Xlsx(book) => {
                for record in &records {
                    let cells: Vec<xlsx::Cell> = self.columns.iter().map(|column| self.cell(column, record)).collect();
                    book.row(cells.into_iter())?;
                }
                book.take()
            }
            Writer::Ended => Vec::new(),
        };
        match (self.cursor.is_some(), writer) {
            (true, writer) => {
                self.writer = writer;
                Ok(Some(piece))
            }
            (false, Writer::Xlsx(book)) => Ok(Some([piece, book.finish()?].concat())),
            (false, _) => Ok(Some(piece)),
        }
    }

    fn csv(&self, first: bool, records: &[Json]) -> String {
        let mut out = String::new();
        if first {
            out.push('\u{feff}');
            csv::line(&mut out, self.columns.iter().map(|column| column.heading.as_str()));
        }
        for record in records {
            let cells: Vec<String> = self
                .columns
                .iter()
                .map(|column| match self.cell(column, record) {
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

    fn cell(&self, column: &Column, record: &Json) -> xlsx::Cell {
        let value = &record[&column.name];
        if value.is_null() {
            return xlsx::Cell::Empty;
        }
        let Some(field) = column.slot.map(|slot| &self.object.fields[slot]) else { return loose(value) };
        let title = |option: &str| match self.asked.titles {
            true => texts::option_title(&self.model, self.caller.locale, field, option),
            false => option.to_owned(),
        };
        let text = value.as_str().unwrap_or_default();
        match &field.kind {
            _ if column.slot == Some(slot::STATE) && self.asked.titles => {
                xlsx::Cell::Text(texts::state_title(&self.model, self.caller.locale, &self.object, text))
            }
            FieldKind::Choice { .. } => xlsx::Cell::Text(csv::safe(&title(text))),
            FieldKind::Choices { .. } => {
                let titles: Vec<String> = items(value).map(title).collect();
                xlsx::Cell::Text(csv::safe(&titles.join("、")))
            }
            FieldKind::Id { .. } if self.asked.titles => {
                let named = record["_refs"][&column.name]["title"].as_str().unwrap_or(text);
                xlsx::Cell::Text(csv::safe(named))
            }
            FieldKind::Ids { .. } if self.asked.titles => {
                let refs = record["_refs"][&column.name].as_array();
                let titles: Vec<&str> = refs.into_iter().flatten().filter_map(|one| one["title"].as_str()).collect();
                xlsx::Cell::Text(csv::safe(&titles.join("、")))
            }
            FieldKind::Boolean if self.asked.titles => xlsx::Cell::Text(
                match value.as_bool() {
                    Some(true) => texts::yes(self.caller.locale),
                    _ => texts::no(self.caller.locale),
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

fn ndjson(records: Vec<Json>) -> String {
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
