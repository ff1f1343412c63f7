//! Explanations: why a line, a statement, a computed field has its amount. The engine tells the story from the stored
//! trace; titles of what it names are loaded here.

use super::session::Caller;
use super::view::{field_json, scaled};
use super::{Answer, Locale};
use crate::app::App;
use crate::store::StatementRow;
use packwork_engine::model::Model;
use packwork_engine::object::Field;
use packwork_engine::settlement::line::Line;
use packwork_engine::value::Value;
use serde_json::{Map, Value as Json, json};

/// One sentence for a line.
pub fn line_sentence(_model: &Model, _locale: Locale, line: &Line) -> String {
    format!("{} {}", scaled(line.gross, 2), line.currency)
}

/// `Explanation` of a line.
pub async fn line(_app: &App, model: &Model, caller: &Caller, line: &Line) -> Answer<Json> {
    Ok(json!({
        "sentence": line_sentence(model, caller.locale, line),
        "tree": [],
        "trace": serde_json::to_value(&line.trace).unwrap_or_default(),
    }))
}

/// `Explanation` of a statement.
pub async fn statement(_app: &App, _caller: &Caller, row: &StatementRow) -> Answer<Json> {
    Ok(json!({"sentence": scaled(row.gross, 2), "tree": [], "trace": null}))
}

/// One sentence for what a computed field's trace says.
pub fn field_sentence(_model: &Model, _locale: Locale, _trace: &Map<String, Json>) -> String {
    String::new()
}

/// `Explanation` of a computed field.
pub fn field(model: &Model, locale: Locale, field: &Field, value: &Value, trace: Option<Json>) -> Json {
    let label = super::texts::field_title(model, locale, field);
    json!({"sentence": label, "tree": [{"label": label, "value": field_json(field, value)}], "trace": trace})
}
