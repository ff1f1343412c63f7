//! Exports of lists and reports as files, made while they are sent: page after page, so that neither memory nor a
//! transaction grows with them. What the list shows the file shows, to whom it shows it.

pub mod csv;
mod table;
pub mod xlsx;

use super::records::{self, list};
use super::session::Caller;
use super::settlement::ledger;
use super::{Answer, refuse, reports, texts};
use crate::app::App;
use crate::store::EntryQuery;
use packwork_engine::access::Action;
use packwork_engine::codes::Code;
use packwork_engine::model::Model;
use packwork_engine::object::{Field, FieldKind, Object};
use packwork_engine::record::slot;
use packwork_engine::refusal::Refusal;
use serde_json::Value as Json;
use std::sync::Arc;
use table::{Table, ndjson};

pub use table::{Column, Shows};

/// Records read for one piece of a file.
const PAGE: u32 = 500;

/// An export as asked for, and how it is to be written.
#[derive(Debug)]
pub struct Asked {
    pub of: Of,
    pub format: String,
    /// Titles for the header, options and references; else names and ids.
    pub titles: bool,
}

/// What is written.
#[derive(Debug)]
pub enum Of {
    List(AskedList),
    Report {
        name: String,
        filter: Option<Json>,
    },
    /// Entries of the ledger.
    Entries(EntryQuery),
}

#[derive(Debug)]
pub struct AskedList {
    pub object: String,
    pub filter: Option<Json>,
    pub sort: Vec<String>,
    pub fields: Option<Vec<String>>,
    pub search: Option<String>,
}

/// A file that is made while it is sent.
pub struct Export {
    app: Arc<App>,
    caller: Arc<Caller>,
    rows: Rows,
    table: Table,
    name: String,
    media_type: &'static str,
    writer: Writer,
}

/// Where the rows come from.
enum Rows {
    Pages {
        object: Arc<Object>,
        asked: AskedList,
        cursor: Option<String>,
        begun: bool,
    },
    /// Entries of the ledger, after the last of the former page.
    Entries {
        query: EntryQuery,
        begun: bool,
    },
    /// All there are.
    Here(Vec<Json>),
}

enum Writer {
    Csv,
    Ndjson,
    Xlsx(Box<xlsx::Book>),
    Ended,
}

/// Refuses before anything is sent: rights, filter, sort, fields.
pub async fn begin(app: &Arc<App>, caller: &Arc<Caller>, asked: Asked) -> Answer<Export> {
    let model = app.model();
    let Asked { of, format, titles } = asked;
    let (rows, columns, title) = match of {
        Of::List(asked) => {
            let object = records::object(&model, caller, &asked.object)?;
            may_export(caller, &object)?;
            // The list says what is wrong with it before the first byte is sent.
            page(app, caller, &object, &asked, None, 1).await?;
            let columns = columns(&model, caller, &object, &asked, titles)?;
            let title = texts::object_title(&model, caller.locale, &object.name);
            (Rows::Pages { object, asked, cursor: None, begun: false }, columns, title)
        }
        Of::Report { name, filter } => {
            let ran = reports::run(app, caller, &name, filter).await?;
            may_export(caller, &ran.object)?;
            let columns = ran.columns.into_iter().map(|column| column.of_file(titles)).collect();
            (Rows::Here(ran.data), columns, ran.title)
        }
        Of::Entries(query) => {
            ledger::may_read(caller, "entries")?;
            let title = texts::ledger_entries(caller.locale).to_owned();
            (Rows::Entries { query: EntryQuery { limit: PAGE, ..query }, begun: false }, entry_columns(caller), title)
        }
    };
    let (writer, media_type) = match format.as_str() {
        "csv" => (Writer::Csv, "text/csv; charset=utf-8"),
        "ndjson" => (Writer::Ndjson, "application/x-ndjson"),
        "xlsx" => {
            let mut book = xlsx::Book::new(std::slice::from_ref(&title))?;
            book.row(columns.iter().map(|column: &Column| xlsx::Cell::Heading(column.heading.clone())))?;
            (Writer::Xlsx(Box::new(book)), xlsx::MEDIA_TYPE)
        }
        other => {
            let detail = format!("there is no format `{other}`; there are csv, xlsx and ndjson");
            return Err(refuse(Code::BadParameter, detail).with("parameter", "format").into());
        }
    };
    let table = Table { model, locale: caller.locale, columns, titles };
    let name = format!("{title}.{format}");
    Ok(Export { app: app.clone(), caller: caller.clone(), rows, table, name, media_type, writer })
}

/// What a file says of an entry.
fn entry_columns(caller: &Caller) -> Vec<Column> {
    let column =
        |name: &str, heading: &str, shows: Shows| Column { name: name.to_owned(), heading: heading.to_owned(), shows };
    let headings = texts::entry_headings(caller.locale);
    let names = ["posted_at", "period", "posting", "account", "title", "payer", "payee", "debit", "credit", "currency"];
    let shown = names.into_iter().zip(headings);
    shown
        .map(|(name, heading)| {
            let shows = if matches!(name, "debit" | "credit") { Shows::Number } else { Shows::Plain };
            column(name, heading, shows)
        })
        .collect()
}

fn may_export(caller: &Caller, object: &Object) -> Result<(), Refusal> {
    match caller.rights().may(&object.name, Action::Export) {
        true => Ok(()),
        false => Err(refuse(Code::Forbidden, format!("you may not `export` records of `{}`", object.name))
            .with("object", &*object.name)
            .with("action", "export")),
    }
}

fn columns(
    model: &Model,
    caller: &Caller,
    object: &Arc<Object>,
    asked: &AskedList,
    titles: bool,
) -> Result<Vec<Column>, Refusal> {
    let heading = |field: &Field| match titles {
        true => texts::field_title(model, caller.locale, field),
        false => field.name.to_string(),
    };
    let Some(names) = &asked.fields else {
        let own = object
            .own_fields()
            .filter(|(_, field)| field.is_value() && caller.rights().shows(&object.name, &field.name));
        let state = object.lifecycle.as_ref().map(|_| (slot::STATE, &object.fields[slot::STATE]));
        let column = |(slot, field): (usize, &Field)| Column {
            name: field.name.to_string(),
            heading: heading(field),
            shows: Shows::Field(object.clone(), slot),
        };
        return Ok(own.chain(state).map(column).collect());
    };
    let column = |name: &String| {
        let mut headings = Vec::new();
        let (mut at, mut shows) = (object, Shows::Plain);
        for step in name.split('.') {
            let found = at.field(step).filter(|_| caller.rights().shows(&at.name, step));
            let Some((slot, field)) = found else {
                let detail = format!("`{}` has no field `{step}`", at.name);
                return Err(refuse(Code::UnknownField, detail).with("field", name.as_str()));
            };
            headings.push(heading(field));
            if !name.contains('.') {
                shows = Shows::Field(object.clone(), slot);
            }
            if let FieldKind::Id { to, .. } = &field.kind
                && let Some(next) = to.first().and_then(|to| model.object(to))
            {
                at = next;
            }
        }
        let heading = if titles { headings.join(" / ") } else { name.clone() };
        Ok(Column { name: name.clone(), heading, shows })
    };
    names.iter().map(column).collect()
}

async fn page(
    app: &App,
    caller: &Caller,
    object: &Object,
    asked: &AskedList,
    cursor: Option<String>,
    limit: u32,
) -> Answer<list::Listed> {
    let asked = list::Asked {
        filter: asked.filter.clone(),
        sort: asked.sort.clone(),
        fields: asked.fields.clone(),
        search: asked.search.clone(),
        limit,
        cursor,
        ..list::Asked::default()
    };
    list::list(app, caller, &object.name, asked).await
}

impl Export {
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn media_type(&self) -> &'static str {
        self.media_type
    }

    /// The next rows, whether they are the first, and whether they are the last.
    async fn rows(&mut self) -> Answer<(Vec<Json>, bool, bool)> {
        match &mut self.rows {
            Rows::Here(rows) => Ok((std::mem::take(rows), true, true)),
            Rows::Entries { query, begun } => {
                let page = self.app.store.entries(&self.caller.scope, query).await?;
                query.after = page.last().map(|stored| stored.seq);
                let mut rows = ledger::shown(&self.app, &self.caller, &page).await?;
                for row in &mut rows {
                    for party in ["payer", "payee"] {
                        row[party] = row[party]["title"].take();
                    }
                }
                let first = !std::mem::replace(begun, true);
                Ok((rows, first, page.len() < PAGE as usize))
            }
            Rows::Pages { object, asked, cursor, begun } => {
                let page = page(&self.app, &self.caller, object, asked, cursor.take(), PAGE).await?;
                let records = page.records(&self.caller).map(Json::Object).collect();
                *cursor = page.next;
                let first = !std::mem::replace(begun, true);
                Ok((records, first, cursor.is_none()))
            }
        }
    }

    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> Answer<Option<Vec<u8>>> {
        if matches!(self.writer, Writer::Ended) {
            return Ok(None);
        }
        let (rows, first, last) = self.rows().await?;
        let mut writer = std::mem::replace(&mut self.writer, Writer::Ended);
        let piece = match &mut writer {
            Writer::Csv => self.table.csv(first, &rows).into_bytes(),
            Writer::Ndjson => ndjson(rows).into_bytes(),
            Writer::Xlsx(book) => {
                for row in &rows {
                    book.row(self.table.cells(row))?;
                }
                book.take()
            }
            Writer::Ended => Vec::new(),
        };
        match (last, writer) {
            (false, writer) => {
                self.writer = writer;
                Ok(Some(piece))
            }
            (true, Writer::Xlsx(book)) => Ok(Some([piece, book.finish()?].concat())),
            (true, _) => Ok(Some(piece)),
        }
    }
}
