//! Reports: what a definition asks of an object's records, answered with the rights of whoever asks.

use super::exports::{Column, Shows};
use super::records::sums::{self, AskedSums, Summed};
use super::session::Caller;
use super::{Answer, records, refuse, texts};
use crate::app::App;
use packwork_engine::access::Action;
use packwork_engine::codes::Code;
use packwork_engine::definition::report::ReportDefinition;
use packwork_engine::model::Model;
use packwork_engine::object::{FieldKind, Object};
use packwork_engine::query::Part;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// A report that was run.
pub struct Ran {
    pub title: String,
    pub object: Arc<Object>,
    pub columns: Vec<ReportColumn>,
    pub data: Vec<Json>,
    pub truncated: bool,
}

/// A group or a measure.
pub struct ReportColumn {
    name: String,
    title: String,
    is_measure: bool,
    shows: Shows,
}

impl ReportColumn {
    pub fn of_file(self, titles: bool) -> Column {
        let heading = if titles { self.title } else { self.name.clone() };
        Column { name: self.name, heading, shows: self.shows }
    }
}

impl Ran {
    pub fn json(self, name: &str) -> Json {
        let columns = self.columns.iter().map(|column| {
            let kind = if column.is_measure { "measure" } else { "group" };
            json!({"name": column.name, "title": column.title, "kind": kind})
        });
        let columns: Vec<Json> = columns.collect();
        json!({
            "name": name, "title": self.title, "object": &*self.object.name,
            "columns": columns, "data": self.data, "truncated": self.truncated,
        })
    }
}

/// The reports whose objects the caller may read.
pub fn all(app: &App, caller: &Caller) -> Json {
    let model = app.model();
    let readable = model.reports().filter(|(_, report)| caller.rights().may(&report.object, Action::Read));
    let shown: Vec<Json> = readable
        .map(|(name, report)| json!({"name": name, "title": title(&model, caller, name), "object": report.object}))
        .collect();
    json!({"data": shown})
}

fn title(model: &Model, caller: &Caller, name: &str) -> String {
    model.texts.get(caller.locale.as_str(), &format!("report/{name}/title"))
}

/// Runs a report over the records that also meet another filter.
pub async fn run(app: &App, caller: &Caller, name: &str, filter: Option<Json>) -> Answer<Ran> {
    let model = app.model();
    let Some(report) = model.report(name) else {
        return Err(refuse(Code::UnknownDefinition, format!("there is no report `{name}`")).with("name", name).into());
    };
    let object = records::object(&model, caller, &report.object)?;
    let filters: Vec<Json> = report.filter.iter().cloned().chain(filter.filter(|filter| !filter.is_null())).collect();
    let filter = (!filters.is_empty()).then(|| json!({"and": filters}));
    let asked = AskedSums { filter, written: report.written(), limit: report.limit };
    let Summed { data, truncated } = sums::aggregate(app, caller, &report.object, asked).await?;
    let columns = columns(&model, caller, &object, name, report);
    Ok(Ran { title: title(&model, caller, name), columns, object, data, truncated })
}

fn columns(
    model: &Model,
    caller: &Caller,
    object: &Arc<Object>,
    name: &str,
    report: &ReportDefinition,
) -> Vec<ReportColumn> {
    let groups = report.group_by.iter().map(|label| group(model, caller, object, label));
    let measures = report.measures.keys().map(|measure| ReportColumn {
        name: measure.clone(),
        title: model.texts.get(caller.locale.as_str(), &format!("report/{name}/measures/{measure}/title")),
        is_measure: true,
        shows: Shows::Number,
    });
    groups.chain(measures).collect()
}

/// A group's column: titles of the fields on its path, and the part of the date.
fn group(model: &Model, caller: &Caller, object: &Arc<Object>, label: &str) -> ReportColumn {
    let (part, path) = match label.strip_suffix(')').and_then(|inner| inner.split_once('(')) {
        Some((part, path)) => (Part::OF_DATES.iter().find(|(name, _)| *name == part).map(|(_, part)| *part), path),
        None => (None, label),
    };
    let mut at = Some(object);
    let mut titles = Vec::new();
    let mut shows = Shows::Plain;
    for step in path.split('.') {
        let Some((object, (slot, field))) = at.and_then(|object| Some((object, object.field(step)?))) else {
            titles.push(texts::currency(caller.locale).to_owned());
            shows = Shows::Plain;
            break;
        };
        titles.push(texts::field_title(model, caller.locale, field));
        shows = Shows::Field(object.clone(), slot);
        at = match &field.kind {
            FieldKind::Id { to, .. } => to.first().and_then(|to| model.object(to)),
            _ => None,
        };
    }
    let mut title = titles.join(" / ");
    if let Some(part) = part {
        title = texts::with_part(caller.locale, &title, part);
        shows = Shows::Plain;
    }
    ReportColumn { name: label.to_owned(), title, is_measure: false, shows }
}
