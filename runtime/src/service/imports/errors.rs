//! The rows of an import that were not applied, as uploaded, with the reasons: to be mended and uploaded again.

use super::apply::document;
use super::details::{Details, Outcome, Row, RowError, RowResult};
use super::rows::{Cell, RawRow, Rows};
use super::view::message;
use crate::app::App;
use crate::service::Answer;
use crate::service::exports::csv;
use crate::service::session::Caller;
use crate::service::{Locale, texts};
use crate::store::Import;
use packwork_engine::model::Model;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows that are looked at for one piece of the file.
const LOOKED_AT: usize = 2_000;

/// A file that is made while it is sent.
pub struct ErrorFile {
    app: Arc<App>,
    caller: Arc<Caller>,
    model: Arc<Model>,
    import: Import,
    rows: Option<Rows>,
    /// Reasons of the rows of the chunk that was read last, and where the next one begins.
    reasons: BTreeMap<i64, Vec<RowError>>,
    known_to: i64,
    chunk_at: i64,
    begun: bool,
}

pub async fn errors(app: &Arc<App>, caller: &Arc<Caller>, import: Import) -> Answer<ErrorFile> {
    let details = Details::of(&import)?;
    let rows = Rows::open(app, &caller.scope, import.id, &details.reading()).await?;
    Ok(ErrorFile {
        app: app.clone(),
        caller: caller.clone(),
        model: app.model(),
        import,
        rows: Some(rows),
        reasons: BTreeMap::new(),
        known_to: 0,
        chunk_at: 0,
        begun: false,
    })
}

impl ErrorFile {
    /// The next piece; `None` at the end.
    pub async fn next(&mut self) -> Answer<Option<String>> {
        let Some(mut rows) = self.rows.take() else { return Ok(None) };
        let mut out = String::new();
        if !self.begun {
            self.begun = true;
            out.push('\u{feff}');
            let details = Details::of(&self.import)?;
            let title = texts::reason(self.caller.locale).to_owned();
            csv::line(&mut out, details.columns.iter().chain([&title]).map(String::as_str));
        }
        for _ in 0..LOOKED_AT {
            let Some(raw) = rows.next(&self.app, &self.caller.scope).await? else { return Ok(Some(out)) };
            if raw.number == 1 {
                continue;
            }
            if let Some(reasons) = self.reasons_of(raw.number).await? {
                self.write(&mut out, &raw, &reasons);
            }
        }
        self.rows = Some(rows);
        Ok(Some(out))
    }

    fn write(&self, out: &mut String, raw: &RawRow, reasons: &[RowError]) {
        let mut cells: Vec<String> = match &raw.cells {
            Ok(cells) => cells
                .iter()
                .map(|cell| match cell {
                    Cell::Text(text) => csv::safe(text),
                    Cell::Wrong(_) => "\u{fffd}".into(),
                })
                .collect(),
            Err(_) => Vec::new(),
        };
        let columns = Details::of(&self.import).map(|details| details.columns.len()).unwrap_or_default();
        cells.resize(columns.max(cells.len()), String::new());
        let reasons: Vec<String> = reasons
            .iter()
            .map(|error| match (&error.column, self.caller.locale) {
                (Some(column), Locale::Chinese) => format!("{column}：{}", self.message(error)),
                (Some(column), Locale::English) => format!("{column}: {}", self.message(error)),
                (None, _) => self.message(error),
            })
            .collect();
        cells.push(csv::safe(&reasons.join("; ")));
        csv::line(out, cells.iter().map(String::as_str));
    }

    fn message(&self, error: &RowError) -> String {
        message(&self.model, &self.caller, &self.import.object, error)
    }

    /// Why a row was not applied; `None` where it was, or had nothing to change.
    async fn reasons_of(&mut self, row: i64) -> Answer<Option<Vec<RowError>>> {
        while row > self.known_to {
            let import = self.import.id;
            let Some(chunk) = self.app.store.chunk_after(&self.caller.scope, import, self.chunk_at, None).await? else {
                return Ok(None);
            };
            self.chunk_at = chunk.first_row + 1;
            self.reasons.clear();
            let rows: Vec<Row> = document(&chunk.rows)?;
            let results: Vec<RowResult> = chunk.results.as_deref().map(document).transpose()?.unwrap_or_default();
            self.known_to = rows.last().map_or(self.known_to, |row| row.number);
            for row in rows {
                match row.outcome {
                    Outcome::Error => drop(self.reasons.insert(row.number, row.errors)),
                    Outcome::Duplicate => {
                        let message = "the file has this key more than once, or the record exists already".to_owned();
                        let params = serde_json::json!({});
                        let error =
                            RowError { column: None, field: None, code: "duplicate_row".into(), message, params };
                        self.reasons.insert(row.number, vec![error]);
                    }
                    _ => {}
                }
            }
            for result in results.into_iter().filter(|result| !result.errors.is_empty()) {
                self.reasons.insert(result.number, result.errors);
            }
        }
        Ok(self.reasons.remove(&row))
    }
}
