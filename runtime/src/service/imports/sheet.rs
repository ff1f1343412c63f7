//! The rows of an uploaded file, or of a text copied out of a spreadsheet, as values of fields: for who makes something
//! else of them than an import does.

use super::csv::{self, Parser};
use super::details::{Details, Mapping, Target};
use super::encoding::Encoding;
use super::rows::{Cell, RawRow, Reading, Rows, bad_file};
use super::{get, header, mapping};
use crate::app::App;
use crate::service::session::Caller;
use crate::service::{Answer, refuse};
use packwork_engine::codes::Code;
use packwork_engine::model::Model;
use packwork_engine::object::{Object, cell};
use packwork_engine::refusal::{FieldError, Refusal};
use serde_json::{Map, Value as Json};

/// A header and the rows below it.
pub struct Sheet {
    columns: Vec<String>,
    rows: Vec<RawRow>,
}

/// One row: where it stands, its values, and what of it cannot be read.
pub struct SheetRow {
    /// The header is row 1.
    pub number: i64,
    pub values: Map<String, Json>,
    pub errors: Vec<FieldError>,
}

/// Where rows come from.
pub enum From<'f> {
    /// Copied out of a spreadsheet: columns stand apart by tabs.
    Text(&'f str),
    Upload {
        import: &'f str,
        sheet: Option<&'f str>,
    },
}

impl Sheet {
    pub async fn read(app: &App, caller: &Caller, object: &Object, from: From<'_>, rows_max: usize) -> Answer<Sheet> {
        let sheet = match from {
            From::Text(text) => of_text(text)?,
            From::Upload { import, sheet } => of_upload(app, caller, object, import, sheet, rows_max).await?,
        };
        if sheet.rows.len() > rows_max {
            let detail = format!("at most {rows_max} rows at once");
            return Err(bad_file("too_many_rows", detail).with("limit_rows", rows_max).into());
        }
        Ok(sheet)
    }

    /// The values of every row. `special` has the first word on a cell: `Some(None)` leaves it out.
    pub async fn values(
        &self,
        app: &App,
        model: &Model,
        caller: &Caller,
        object: &Object,
        special: impl Fn(&str, &str) -> Option<Option<Json>>,
    ) -> Answer<Vec<SheetRow>> {
        let mut mapped = mapping::proposed(app, model, caller, object, &self.columns).await?;
        self.check(object, &mut mapped)?;
        let details = Details { columns: self.columns.clone(), mapping: mapped, ..Details::default() };
        let columns = mapping::columns(model, object, &details);
        let mut rows = Vec::with_capacity(self.rows.len());
        for raw in &self.rows {
            let mut row = SheetRow { number: raw.number, values: Map::new(), errors: Vec::new() };
            match &raw.cells {
                Err(fault) => row.errors.push(FieldError::new(Code::BadRow, "", fault.message())),
                Ok(cells) => {
                    for column in &columns {
                        let field = &object.fields[column.slot];
                        let text = match cells.get(column.at) {
                            None => continue,
                            Some(Cell::Text(text)) => text.trim(),
                            Some(Cell::Wrong(fault)) => {
                                let error = FieldError::new(Code::BadRow, format!("/{}", field.name), fault.message());
                                row.errors.push(error.with("field", &*field.name));
                                continue;
                            }
                        };
                        let read = match special(&field.name, text) {
                            Some(said) => Ok(said.unwrap_or(Json::Null)),
                            None => cell::read(field, text, &column.style, &model.zone),
                        };
                        match read {
                            Ok(Json::Null) => {}
                            Ok(json) => drop(row.values.insert(field.name.to_string(), json)),
                            Err(error) => row.errors.push(error),
                        }
                    }
                }
            }
            rows.push(row);
        }
        Ok(rows)
    }

    /// A column that fills nothing is a slip in its name: it is said rather than left out.
    fn check(&self, object: &Object, mapped: &mut Mapping) -> Result<(), Refusal> {
        const KEPT_BY_THE_SYSTEM: [&str; 2] = ["recorded_at", "superseded_at"];
        for (column, target) in mapped.iter_mut().filter(|(column, _)| !column.trim().is_empty()) {
            if target.is_none() && column.trim().eq_ignore_ascii_case("id") {
                let field = object.fields[packwork_engine::record::slot::OWN].name.to_string();
                *target = Some(Target { field, by: None, thousands: false });
            }
            if let Some(filled) = target
                && KEPT_BY_THE_SYSTEM.contains(&filled.field.as_str())
            {
                *target = None;
            } else if let Some(filled) = target {
                filled.thousands = true;
            } else {
                let known: Vec<String> = object.own_fields().map(|(_, field)| field.name.to_string()).collect();
                let detail = format!("the column `{column}` fills no field");
                return Err(refuse(Code::BadMapping, detail).with("column", column.as_str()).with("known", known));
            }
        }
        Ok(())
    }
}

fn is_blank(raw: &RawRow) -> bool {
    let blank = |cell: &Cell| matches!(cell, Cell::Text(text) if text.trim().is_empty());
    raw.cells.as_ref().is_ok_and(|cells| cells.iter().all(blank))
}

fn of_text(text: &str) -> Result<Sheet, Refusal> {
    let first = text.lines().next().unwrap_or_default();
    let delimiter = if first.contains('\t') { b'\t' } else { csv::delimiter(first) };
    let mut parser = Parser::new(Encoding::Utf8, delimiter);
    parser.push(text.as_bytes().to_vec(), true);
    let mut rows = parser.ready.into_iter();
    let Some(Ok(cells)) = rows.next().map(|raw| raw.cells) else {
        return Err(bad_file("empty", "the text has no header"));
    };
    let name = |cell: &Cell| match cell {
        Cell::Text(text) => text.trim().to_owned(),
        Cell::Wrong(_) => String::new(),
    };
    Ok(Sheet { columns: cells.iter().map(name).collect(), rows: rows.filter(|raw| !is_blank(raw)).collect() })
}

async fn of_upload(
    app: &App,
    caller: &Caller,
    object: &Object,
    import: &str,
    sheet: Option<&str>,
    rows_max: usize,
) -> Answer<Sheet> {
    let import = get(app, caller, import).await?;
    if import.object != object.name {
        let detail = format!("the file was uploaded for `{}`", import.object);
        return Err(refuse(Code::BadParameter, detail).with("parameter", "import").into());
    }
    let mut reading = Details::of(&import)?.reading();
    if let (Reading::Xlsx { sheet: chosen }, Some(name)) = (&mut reading, sheet) {
        *chosen = Some(name.to_owned());
    }
    let columns = header(app, caller, import.id, &reading).await?;
    let mut read = Rows::open(app, &caller.scope, import.id, &reading).await?;
    let mut rows = Vec::new();
    // One more than may be says that there are too many.
    while rows.len() <= rows_max {
        let Some(raw) = read.next(app, &caller.scope).await? else { break };
        if raw.number > 1 && !is_blank(&raw) {
            rows.push(raw);
        }
    }
    Ok(Sheet { columns, rows })
}
