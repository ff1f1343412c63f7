//! Templates: an empty file with the columns an import of an object may have, and for spreadsheets a second sheet that
//! says what each column takes.

use super::details::Mode;
use super::mapping::{check_rights, fields};
use crate::app::App;
use crate::service::exports::{csv, xlsx};
use crate::service::session::Caller;
use crate::service::{Answer, records, refuse, texts};
use packwork_engine::codes::Code;
use packwork_engine::model::Model;
use packwork_engine::object::{Field, FieldKind, Object};

pub struct File {
    pub name: String,
    pub media_type: &'static str,
    pub bytes: Vec<u8>,
}

pub fn file(app: &App, caller: &Caller, object: &str, format: &str) -> Answer<File> {
    let model = app.model();
    let object = records::object(&model, caller, object)?;
    check_rights(caller, &object, Mode::Create)
        .or_else(|create| check_rights(caller, &object, Mode::Update).map_err(|_| create))?;
    let titles: Vec<String> = fields(caller, &object).iter().map(|(_, field)| heading(&model, caller, field)).collect();
    let title = texts::object_title(&model, caller.locale, &object.name);
    match format {
        "csv" => {
            let mut text = String::from('\u{feff}');
            csv::line(&mut text, titles.iter().map(String::as_str));
            Ok(File { name: format!("{title}.csv"), media_type: "text/csv; charset=utf-8", bytes: text.into_bytes() })
        }
        "xlsx" => {
            let mut book = xlsx::Book::new(&[title.clone(), texts::options(caller.locale).to_owned()])?;
            book.row(titles.iter().map(|title| xlsx::Cell::Heading(title.clone())))?;
            book.next_sheet()?;
            let head = [texts::column(caller.locale), texts::takes(caller.locale)];
            book.row(head.iter().map(|text| xlsx::Cell::Heading((*text).to_owned())))?;
            for (_, field) in fields(caller, &object) {
                for (index, takes) in takes(&model, caller, &object, field).into_iter().enumerate() {
                    let name = if index == 0 { heading(&model, caller, field) } else { String::new() };
                    book.row([xlsx::Cell::Text(name), xlsx::Cell::Text(takes)].into_iter())?;
                }
            }
            let bytes = book.finish()?;
            Ok(File { name: format!("{title}.xlsx"), media_type: xlsx::MEDIA_TYPE, bytes })
        }
        other => Err(refuse(Code::BadParameter, format!("there is no format `{other}`; there are csv and xlsx"))
            .with("parameter", "format")
            .into()),
    }
}

fn heading(model: &Model, caller: &Caller, field: &Field) -> String {
    let title = texts::field_title(model, caller.locale, field);
    let needed = field.required && field.default.is_none() && field.default_formula.is_none();
    if needed { format!("{title}*") } else { title }
}

/// What a column takes: its options, or an example of what is written.
fn takes(model: &Model, caller: &Caller, object: &Object, field: &Field) -> Vec<String> {
    match &field.kind {
        FieldKind::Choice { options } | FieldKind::Choices { options } => {
            options.iter().map(|option| texts::option_title(model, caller.locale, field, &option.name)).collect()
        }
        FieldKind::Boolean => vec![texts::yes(caller.locale).into(), texts::no(caller.locale).into()],
        FieldKind::Date => vec!["2026-06-30".into()],
        FieldKind::Moment => vec!["2026-06-30 14:30".into()],
        FieldKind::Decimal { scale, .. } | FieldKind::Money { scale, .. } => {
            let zeros = usize::try_from(*scale).unwrap_or(0).min(2);
            vec![if zeros == 0 { "100".into() } else { format!("100.{}", "0".repeat(zeros)) }]
        }
        FieldKind::Id { to, .. } | FieldKind::Ids { to } => {
            to.iter().map(|to| texts::object_title(model, caller.locale, to)).collect()
        }
        _ if &*field.name == "template" => model
            .templates
            .values()
            .filter(|template| template.object == object.name)
            .map(|template| model.texts.get(caller.locale.as_str(), &format!("template/{}/title", template.name)))
            .collect(),
        _ => vec![String::new()],
    }
}
