//! Imports and their rows as people see them.

use super::apply::document;
use super::details::{Details, Doing, Outcome, Row, RowError, RowResult};
use crate::app::App;
use crate::service::jobs::problem_json;
use crate::service::session::{Caller, USER};
use crate::service::view::Titles;
use crate::service::{Answer, messages, refuse};
use crate::store::{Import, ImportList};
use packwork_engine::codes::Code;
use packwork_engine::model::Model;
use packwork_engine::moment::Moment;
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

pub async fn show(app: &App, caller: &Caller, import: &Import) -> Answer<Json> {
    let wanted = import.created_by.map(|user| (USER.into(), user)).into_iter().collect();
    let titles = Titles::load(app, &app.model(), caller, wanted).await?;
    one(app, caller, import, &titles)
}

fn one(app: &App, caller: &Caller, import: &Import, titles: &Titles) -> Answer<Json> {
    let details = Details::of(import)?;
    let mut mapping = Map::new();
    for column in &details.columns {
        mapping.insert(column.clone(), json!(details.mapping.get(column).cloned().flatten()));
    }
    let mut shown = json!({
        "id": import.id,
        "object": &*import.object,
        "name": details.name,
        "format": details.format,
        "encoding": details.encoding,
        "size": details.size,
        "columns": details.columns,
        "mapping": mapping,
        "mode": details.mode,
        "by": details.by,
        "duplicates": details.duplicates,
        "date_format": details.date_format,
        "status": import.status,
        "rows": details.rows,
        "done": details.done,
        "counts": details.counts,
        "revision": import.revision,
        "created_at": import.created_at.to_string(),
        "created_by": import.created_by.map(|user| titles.reference(USER, user)),
    });
    if !details.sheets.is_empty() {
        shown["sheets"] = json!(details.sheets);
        shown["sheet"] = json!(details.sheet);
    }
    if let Some(problem) = &details.problem {
        shown["problem"] = problem_json(app, caller, problem);
    }
    Ok(shown)
}

pub async fn list(app: &App, caller: &Caller, object: Option<&str>, limit: u32, after: Option<&str>) -> Answer<Json> {
    let described = format!("imports {}", object.unwrap_or_default());
    let after = after.map(|text| app.cursors.read(&described, text)).transpose()?;
    let after = match after.as_deref() {
        None => None,
        Some([Value::Moment(at), Value::Id(id)]) => Some((*at, *id)),
        Some(_) => return Err(refuse(Code::BadCursor, "the cursor does not belong to this list").into()),
    };
    let owner = if caller.rights().everything { None } else { caller.id };
    let asked = ImportList { object: object.map(str::to_owned), owner, after, limit: limit + 1 };
    let mut imports = app.store.imports(&caller.scope, &asked).await?;
    let more = imports.len() > limit as usize;
    imports.truncate(limit as usize);
    let wanted = imports.iter().filter_map(|import| Some((USER.into(), import.created_by?))).collect();
    let titles = Titles::load(app, &app.model(), caller, wanted).await?;
    let data = imports.iter().map(|import| one(app, caller, import, &titles)).collect::<Answer<Vec<Json>>>()?;
    let place =
        |import: &Import| [Value::Moment(Moment::from_micros(import.created_at.micros())), Value::Id(import.id)];
    let next = imports.last().filter(|_| more).map(|last| app.cursors.write(&described, &place(last)));
    Ok(json!({"data": data, "next_cursor": next}))
}

/// Rows of an import in their order, of one outcome where one is asked for.
pub async fn rows_of(
    app: &App,
    caller: &Caller,
    import: &Import,
    outcome: Option<&str>,
    limit: u32,
    after: Option<&str>,
) -> Answer<Json> {
    let wanted = match outcome {
        None => None,
        Some(name) => Some(Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == name).ok_or_else(|| {
            refuse(Code::BadParameter, format!("`{name}` is no outcome"))
                .with("parameter", "outcome")
                .with("known", Outcome::ALL.map(Outcome::as_str).to_vec())
        })?),
    };
    let described = format!("import rows {} {}", import.id, outcome.unwrap_or_default());
    let bad = || refuse(Code::BadCursor, "the cursor does not belong to this list");
    let (mut chunk_at, mut row_at) = match after.map(|text| app.cursors.read(&described, text)).transpose()?.as_deref()
    {
        None => (0, 0),
        Some([Value::Decimal(chunk), Value::Decimal(row)]) => {
            (i64::try_from(*chunk).map_err(|_| bad())?, i64::try_from(*row).map_err(|_| bad())?)
        }
        Some(_) => return Err(bad().into()),
    };
    let model = app.model();
    let details = Details::of(import)?;
    let mut found: Vec<(i64, Row, Option<RowResult>)> = Vec::new();
    let wanted_letter = wanted.map(Outcome::letter);
    while found.len() <= limit as usize {
        let Some(chunk) = app.store.chunk_after(&caller.scope, import.id, chunk_at, wanted_letter).await? else {
            break;
        };
        let rows: Vec<Row> = document(&chunk.rows)?;
        let results: Vec<RowResult> = chunk.results.as_deref().map(document).transpose()?.unwrap_or_default();
        let mut results: BTreeMap<i64, RowResult> = results.into_iter().map(|result| (result.number, result)).collect();
        for mut row in rows {
            if row.number <= row_at {
                continue;
            }
            let result = results.remove(&row.number);
            if let Some(result) = result.as_ref().filter(|result| !result.errors.is_empty()) {
                row.outcome = Outcome::Error;
                row.errors.clone_from(&result.errors);
            }
            if wanted.is_none_or(|wanted| wanted == row.outcome) {
                found.push((chunk.first_row, row, result));
            }
        }
        chunk_at = chunk.first_row + 1;
        row_at = 0;
    }
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|(chunk, row, _)| {
        app.cursors
            .write(&described, &[Value::Decimal(Decimal::from(*chunk)), Value::Decimal(Decimal::from(row.number))])
    });
    let id = |row: &Row, result: &Option<RowResult>| result.as_ref().and_then(|result| result.id).or(row.id);
    let refs: BTreeSet<(_, Uuid)> =
        found.iter().filter_map(|(_, row, result)| Some((import.object.clone(), id(row, result)?))).collect();
    let titles = Titles::load(app, &model, caller, refs).await?;
    let reverted = details.doing == Some(Doing::Reverting);
    let data: Vec<Json> = found
        .iter()
        .map(|(_, row, result)| {
            json!({
                "row": row.number,
                "outcome": row.outcome.as_str(),
                "record": id(row, result).map(|id| titles.reference(&import.object, id)),
                "values": row.input,
                "errors": row.errors.iter().map(|error| error_json(&model, caller, &import.object, error)).collect::<Vec<_>>(),
                "applied": result.as_ref().is_some_and(|result| result.id.is_some()),
                "kept": reverted && result.as_ref().is_some_and(|result| result.kept),
            })
        })
        .collect();
    Ok(json!({"data": data, "next_cursor": next}))
}

fn error_json(model: &Model, caller: &Caller, object: &str, error: &RowError) -> Json {
    let mut told = json!({
        "column": error.column,
        "field": error.field,
        "code": error.code,
        "message": message(model, caller, object, error),
    });
    if let Some(title) = messages::field_title(model, caller.locale, &|name| param(object, error, name)) {
        told["title"] = title.into();
    }
    told
}

/// What is wrong, in the caller's language.
pub fn message(model: &Model, caller: &Caller, object: &str, error: &RowError) -> String {
    let find = |name: &str| param(object, error, name);
    messages::found_text(model, caller.locale, &error.code, &error.message, &find)
}

/// The fields of a file are those of its object.
fn param(object: &str, error: &RowError, name: &str) -> Option<Json> {
    let own = error.params.get(name).cloned();
    own.or_else(|| (name == "object" && error.params.get("field").is_some()).then(|| object.into()))
}
