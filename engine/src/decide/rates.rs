//! Rows of rate tables: added and closed, never edited, so that what was known before stays known.

pub mod changes;

use super::Halt;
use super::draft::Draft;
use super::records::{existing, object_of};
use crate::codes::Code;
use crate::decision::{Decision, EventKind};
use crate::env::Reader;
use crate::ids::IdSource;
use crate::moment::Date;
use crate::object::Object;
use crate::record::{Name, Record, slot};
use crate::refusal::{FieldError, Refusal};
use crate::settlement::plan::{ColumnKind, RateTable, TEXT_SEPARATOR};
use crate::settlement::table::Intervals;
use crate::suggest;
use crate::value::Value;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json};
use std::sync::Arc;
use uuid::Uuid;

/// Adds a row written as in the table's definition: `id`, columns (`"*"` or absent: any), values, `valid: [from, to]`.
pub fn add(reader: &Reader<'_>, table: &Name, row: &Map<String, Json>) -> Result<Decision, Halt> {
    let object = object_of(reader, table)?;
    let table = table_of(reader, table)?;
    let mut ids = IdSource::new(reader.context.command, reader.context.moment);
    let mut draft = Draft::new(reader, object, ids.take());
    fill(&mut draft, table, row, Whole::Yes);
    if let Some(rank) = table.rank_slot.filter(|rank| draft.values[*rank].is_null()) {
        draft.values[rank] = Value::Decimal(next_rank(reader, table, rank)?);
    }
    complete(&mut draft, object)?;
    let mut decision = Decision::default();
    draft.finish(&mut decision, &mut ids, EventKind::Created, None, reader.today())?;
    Ok(decision)
}

/// Whether a written row states every value, or only those that become others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whole {
    Yes,
    No,
}

/// Reads a written row into the draft of one that is known from now on.
fn fill(draft: &mut Draft<'_, '_>, table: &RateTable, row: &Map<String, Json>, whole: Whole) {
    let (input, errors) = as_input(table, row, whole);
    draft.read(&input, &[]);
    draft.errors.extend(errors);
    draft.values[slot_of(draft.object, "recorded_at")] = Value::Moment(draft.reader.context.moment);
}

fn complete(draft: &mut Draft<'_, '_>, object: &Object) -> Result<(), Halt> {
    draft.check_required(&[]);
    check_validity(draft, object);
    draft.verdict()
}

/// Ends a row on a date: the known row is superseded, and one with the new end takes its place.
pub fn close(reader: &Reader<'_>, table: &Name, row: Uuid, valid_to: Date) -> Result<Decision, Halt> {
    let object = object_of(reader, table)?;
    table_of(reader, table)?;
    let former = existing(reader, object, row)?;
    let (from, to, superseded) =
        (slot_of(object, "valid_from"), slot_of(object, "valid_to"), slot_of(object, "superseded_at"));
    if !former.values[superseded].is_null() {
        return Err(Refusal::new(Code::RowsImmutable, "the row was superseded by a newer one").into());
    }
    let starts_later = former.values[from].as_date().is_some_and(|from| valid_to < from);
    let ended_before = former.values[to].as_date().is_some_and(|to| to <= valid_to);
    if starts_later || ended_before {
        let detail = format!("{valid_to} is not inside the row's validity");
        return Err(Refusal::of_fields(vec![FieldError::new(Code::OutOfRange, "/valid_to", detail)]).into());
    }
    let mut ids = IdSource::new(reader.context.command, reader.context.moment);
    let mut decision = Decision::default();
    let shortened = version_of(reader, object, &former, ids.take(), Some(valid_to));
    supersede(reader, object, former, &mut decision, &mut ids)?;
    shortened.finish(&mut decision, &mut ids, EventKind::Created, None, reader.today())?;
    Ok(decision)
}

/// The row as it is known from now on, with another end.
fn version_of<'r, 'a>(
    reader: &'r Reader<'a>,
    object: &'r Object,
    former: &Record,
    id: Uuid,
    valid_to: Option<Date>,
) -> Draft<'r, 'a> {
    let mut version = Draft::new(reader, object, id);
    for slot in slot::OWN..object.fields.len() {
        version.values[slot] = former.values[slot].clone();
    }
    version.values[slot_of(object, "valid_to")] = valid_to.map_or(Value::Null, Value::Date);
    version.values[slot_of(object, "recorded_at")] = Value::Moment(reader.context.moment);
    version
}

/// A row that was known until now. Its name is free for the version that follows it.
fn supersede(
    reader: &Reader<'_>,
    object: &Object,
    former: Arc<Record>,
    decision: &mut Decision,
    ids: &mut IdSource,
) -> Result<(), Halt> {
    let name = format!("{}~{}", text(&former.values[slot::OWN]), former.id().simple());
    let mut old = Draft::of(reader, object, former);
    old.values[slot_of(object, "superseded_at")] = Value::Moment(reader.context.moment);
    old.values[slot::OWN] = Value::text(&name);
    old.finish(decision, ids, EventKind::Updated, None, reader.today())?;
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_text().unwrap_or_default()
}

fn table_of<'a>(reader: &Reader<'a>, name: &Name) -> Result<&'a RateTable, Halt> {
    reader.model.rate_tables.get(name).ok_or_else(|| {
        let hint = suggest::hint(name, reader.model.rate_tables.keys().map(|name| &**name));
        Refusal::new(Code::UnknownDefinition, format!("there is no rate table `{name}`; {hint}"))
            .with("table", &**name)
            .into()
    })
}

fn slot_of(object: &Object, name: &str) -> usize {
    object.field(name).map_or(slot::ID, |(slot, _)| slot)
}

/// A row in the form of its table's definition, as input of the rows' object.
fn as_input(table: &RateTable, row: &Map<String, Json>, whole: Whole) -> (Map<String, Json>, Vec<FieldError>) {
    let mut input = Map::new();
    let mut errors = Vec::new();
    for (member, json) in row {
        let value = table.values.iter().find(|value| *value.name == **member);
        match (member.as_str(), value) {
            ("id", _) => {
                input.insert("row".to_owned(), json.clone());
            }
            ("valid", _) => match json.as_array().map(Vec::as_slice) {
                Some([from, to]) => {
                    input.insert("valid_from".to_owned(), from.clone());
                    input.insert("valid_to".to_owned(), to.clone());
                }
                _ => errors.push(FieldError::new(
                    Code::WrongType,
                    "/valid",
                    "`valid` is [from inclusive, to exclusive or null]",
                )),
            },
            (_, Some(value)) if value.schedule_slot.is_some() && json.get("schedule").is_some() => {
                input.insert(format!("{member}_schedule"), json["schedule"].clone());
            }
            _ if json.as_str() == Some("*") => {}
            _ => {
                let column = table.columns.iter().find(|column| *column.name == **member);
                match column.map_or(Ok(json.clone()), |column| condition(column.kind, json)) {
                    Ok(json) => {
                        input.insert(member.clone(), json);
                    }
                    Err(wrong) => errors.push(
                        FieldError::new(Code::WrongType, format!("/{member}"), wrong).with("field", member.as_str()),
                    ),
                }
            }
        }
    }
    for value in table.values.iter().filter(|_| whole == Whole::Yes) {
        let given = input.contains_key(&*value.name) || input.contains_key(&format!("{}_schedule", value.name));
        if !given {
            errors.push(
                FieldError::new(Code::Required, format!("/{}", value.name), format!("`{}` is required", value.name))
                    .with("field", &*value.name),
            );
        }
    }
    (input, errors)
}

/// A row that does not say where it stands comes last.
fn next_rank(reader: &Reader<'_>, table: &RateTable, rank: usize) -> Result<Decimal, Halt> {
    let rows = &reader.collection(&table.name)?.records;
    let last = rows.iter().filter(|row| !row.is_deleted()).filter_map(|row| row.values[rank].as_decimal()).max();
    Ok(last.map_or(Decimal::ONE, |last| last.floor() + Decimal::ONE))
}

/// What a row requires of a column of numbers or texts, as it is stored: an interval as text, several texts joined.
fn condition(kind: ColumnKind, json: &Json) -> Result<Json, String> {
    match (kind, json) {
        (ColumnKind::Exact, _) | (_, Json::Null) => Ok(json.clone()),
        (ColumnKind::Number, _) => {
            let text = json.as_str().map_or_else(|| json.to_string(), str::to_owned);
            text.parse::<Intervals>().map(|_| Json::String(text)).map_err(|wrong| wrong.to_string())
        }
        (ColumnKind::Text, Json::Array(items)) => {
            let texts: Option<Vec<&str>> = items.iter().map(Json::as_str).collect();
            let texts = texts.filter(|texts| !texts.is_empty()).ok_or("a list of texts with at least one is needed")?;
            Ok(Json::String(texts.join(TEXT_SEPARATOR)))
        }
        (ColumnKind::Text, _) => Ok(json.clone()),
    }
}

fn check_validity(draft: &mut Draft<'_, '_>, object: &Object) {
    let from = draft.values[slot_of(object, "valid_from")].as_date();
    let to = draft.values[slot_of(object, "valid_to")].as_date();
    if let (Some(from), Some(to)) = (from, to)
        && to <= from
    {
        draft.errors.push(FieldError::new(
            Code::OutOfRange,
            "/valid/1",
            format!("the row ends on {to}, before it begins on {from}"),
        ));
    }
}
