//! Lists and sums of records: what a caller asked for in JSON becomes a query over slots.

use super::{cursor, settled};
use crate::app::App;
use crate::service::session::Caller;
use crate::service::view::{self, Page, Titles};
use crate::service::{Answer, refuse};
use packwork_engine::codes::Code;
use packwork_engine::model::Model;
use packwork_engine::object::{Field, FieldKind, Object};
use packwork_engine::query::filter::{self, Terms};
use packwork_engine::query::{AggregateQuery, DatePart, Filter, FilterPath, Group, ListQuery, Measure, Sort};
use packwork_engine::record::{Name, Record, slot};
use packwork_engine::refusal::Refusal;
use packwork_engine::value::Value;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Where a capped count stops: enough to say "many".
const COUNT_CAP: u32 = 1_000;
/// Groups of one aggregate.
const GROUPS_MAX: u32 = 1_000;

/// A list as asked for: members of the query string or of the body.
#[derive(Debug, Default)]
pub struct Asked {
    pub filter: Option<Json>,
    pub sort: Vec<String>,
    pub fields: Option<Vec<String>>,
    pub search: Option<String>,
    pub limit: u32,
    pub cursor: Option<String>,
    pub count: Count,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Count {
    #[default]
    None,
    Capped,
    Exact,
}

pub async fn list(app: &App, caller: &Caller, object_name: &str, asked: Asked) -> Answer<Json> {
    let model = app.model();
    let object = super::object(&model, caller, object_name)?;
    let filter = selected(app, &model, caller, &object, asked.filter.as_ref(), asked.search.as_deref())?;
    let sort = sort(&object, caller, &asked.sort)?;
    let only = asked.fields.as_ref().map(|names| fields(&object, names)).transpose()?;
    // A cursor holds for one order of one selection.
    let described = format!("{} {:?} {:?} {}", object.name, asked.filter, asked.search, asked.sort.join(","));
    let after = asked.cursor.as_deref().map(|text| cursor::read(&described, text)).transpose()?;
    if after.as_ref().is_some_and(|values| values.len() != sort.len() + 1) {
        return Err(refuse(Code::BadCursor, "the cursor does not belong to this list").into());
    }
    let query = ListQuery { object: object.name.clone(), filter, sort, limit: asked.limit + 1, after, deleted: false };
    let mut records = app.store.list(&caller.scope, &model, &query).await?;
    let more = records.len() > asked.limit as usize;
    records.truncate(asked.limit as usize);
    let next = records.last().filter(|_| more).map(|last| cursor::write(&described, &place(&query.sort, last)));
    let (count, capped) = match asked.count {
        Count::None => (None, false),
        Count::Exact => (Some(app.store.count(&caller.scope, &model, &object.name, &query.filter, None).await?), false),
        Count::Capped => {
            let count = app.store.count(&caller.scope, &model, &object.name, &query.filter, Some(COUNT_CAP)).await?;
            (Some(count), count >= u64::from(COUNT_CAP))
        }
    };
    let settlement = match object.plans.is_empty() || only.as_ref().is_some_and(|only| !only.contains("_settlement")) {
        true => Default::default(),
        false => settled::of_records(app, &model, caller, &object, &records).await?,
    };
    let with_items = only.as_ref().is_some_and(|only| {
        object
            .own_fields()
            .any(|(_, field)| matches!(field.kind, FieldKind::Items { .. }) && only.contains(&*field.name))
    });
    let page = Page::load(app, &model, caller, &object, records, only, with_items).await?;
    let data: Vec<Json> = page
        .records
        .iter()
        .map(|record| {
            let mut shown = page.json(&model, caller, record);
            if let Some(settlement) = settlement.get(&record.id()) {
                shown.insert("_settlement".into(), settlement.clone());
            }
            Json::Object(shown)
        })
        .collect();
    let mut answer = json!({"data": data, "next_cursor": next, "count": count});
    if capped {
        answer["count_capped"] = json!(true);
    }
    Ok(answer)
}

fn place(sort: &[Sort], record: &Record) -> Vec<Value> {
    let mut values: Vec<Value> = sort.iter().map(|sort| record.values[sort.slot].clone()).collect();
    values.push(Value::Id(record.id()));
    values
}

/// The filter a caller wrote, with what they searched for.
fn selected(
    app: &App,
    model: &Model,
    caller: &Caller,
    object: &Object,
    written: Option<&Json>,
    search: Option<&str>,
) -> Result<Filter, Refusal> {
    let mut parts = Vec::new();
    if let Some(written) = written.filter(|written| !written.is_null()) {
        parts.push(read_filter(app, model, caller, object, written)?);
    }
    if let Some(text) = search.map(str::trim).filter(|text| !text.is_empty()) {
        parts.push(Filter::Search { slots: searchable(caller, object), text: text.to_owned() });
    }
    Ok(match parts.len() {
        0 => Filter::All,
        1 => parts.remove(0),
        _ => Filter::And(parts),
    })
}

/// Reads a filter of an object; used by dashboards too. Fields a caller cannot see cannot be filtered by either:
/// what matches would tell what they hold.
pub fn read_filter(
    app: &App,
    model: &Model,
    caller: &Caller,
    object: &Object,
    written: &Json,
) -> Result<Filter, Refusal> {
    visible(model, caller, object, written)?;
    let terms = Terms { model, actor: &caller.scope.actor, today: Some(app.clock.now().date_in(&model.zone)) };
    filter::read(&terms, object, written)
}

fn visible(model: &Model, caller: &Caller, object: &Object, written: &Json) -> Result<(), Refusal> {
    for (name, value) in written.as_object().into_iter().flatten() {
        match name.as_str() {
            "and" | "or" => {
                value.as_array().into_iter().flatten().try_for_each(|item| visible(model, caller, object, item))?
            }
            "not" => visible(model, caller, object, value)?,
            path => visible_path(model, caller, object, path)?,
        }
    }
    Ok(())
}

fn visible_path(model: &Model, caller: &Caller, object: &Object, path: &str) -> Result<(), Refusal> {
    let mut at = object;
    for step in path.split('.') {
        // What does not exist is reported by the reader of filters, with its hint.
        let Some((_, field)) = at.field(step) else { return Ok(()) };
        if !caller.rights().shows(&at.name, step) {
            return Err(unknown_field(at, step));
        }
        match &field.kind {
            FieldKind::Id { to, .. } => match to.first().and_then(|to| model.object(to)) {
                Some(next) => at = next,
                None => return Ok(()),
            },
            _ => return Ok(()),
        }
    }
    Ok(())
}

/// Texts people know a record by, as far as this caller sees them.
fn searchable(caller: &Caller, object: &Object) -> Vec<usize> {
    let slots = filter::searchable(object).into_iter();
    slots.filter(|at| caller.rights().shows(&object.name, &object.fields[*at].name)).collect()
}

fn sort(object: &Object, caller: &Caller, asked: &[String]) -> Result<Vec<Sort>, Refusal> {
    let names = if asked.is_empty() { &object.list.sort } else { asked };
    if names.is_empty() {
        return Ok(vec![Sort { slot: slot::CREATED_AT, descending: true }]);
    }
    names.iter().map(|name| sort_by(object, caller, name)).collect()
}

fn sort_by(object: &Object, caller: &Caller, name: &str) -> Result<Sort, Refusal> {
    let (name, descending) = match name.strip_prefix('-') {
        Some(name) => (name, true),
        None => (name, false),
    };
    let slot = readable(object, caller, name)?;
    match object.fields[slot].kind {
        FieldKind::Items { .. } | FieldKind::Json | FieldKind::Ids { .. } | FieldKind::Choices { .. } => {
            Err(refuse(Code::BadParameter, format!("lists cannot be sorted by `{name}`"))
                .with("parameter", "sort")
                .with("field", name))
        }
        _ => Ok(Sort { slot, descending }),
    }
}

/// The slot of a field the caller may see.
fn readable(object: &Object, caller: &Caller, name: &str) -> Result<usize, Refusal> {
    let found = object.field(name).filter(|(at, _)| *at != slot::TRACE && caller.rights().shows(&object.name, name));
    found.map(|(at, _)| at).ok_or_else(|| unknown_field(object, name))
}

fn unknown_field(object: &Object, name: &str) -> Refusal {
    let refusal = refuse(Code::UnknownField, format!("`{}` has no field `{name}`", object.name)).with("field", name);
    match packwork_engine::suggest::nearest(name, object.by_name.keys().map(|name| &**name)) {
        Some(near) => refusal.with("suggestion", near),
        None => refusal,
    }
}

fn fields(object: &Object, names: &[String]) -> Result<BTreeSet<String>, Refusal> {
    for name in names.iter().filter(|name| !name.starts_with('_')) {
        if object.field(name).is_none() {
            return Err(unknown_field(object, name));
        }
    }
    Ok(names.iter().cloned().collect())
}

/// An aggregate as asked for.
pub struct AskedSums {
    pub filter: Option<Json>,
    pub group_by: Vec<String>,
    /// Name -> `{"sum": field}` or `{"count": true}`.
    pub measures: Map<String, Json>,
}

pub async fn aggregate(app: &App, caller: &Caller, object_name: &str, asked: AskedSums) -> Answer<Json> {
    let model = app.model();
    let object = super::object(&model, caller, object_name)?;
    let filter = selected(app, &model, caller, &object, asked.filter.as_ref(), None)?;
    let groups =
        asked.group_by.iter().map(|label| group(&model, &object, caller, label)).collect::<Result<Vec<_>, _>>()?;
    let measures = asked
        .measures
        .iter()
        .map(|(name, written)| measure(&object, caller, name, written))
        .collect::<Result<Vec<_>, _>>()?;
    if measures.is_empty() {
        return Err(refuse(Code::BadParameter, "an aggregate needs at least one measure")
            .with("parameter", "measures")
            .into());
    }
    let query = AggregateQuery { object: object.name.clone(), filter, group_by: groups, measures, limit: GROUPS_MAX };
    let rows = app.store.aggregate(&caller.scope, &model, &query).await?;
    let data = sums(app, &model, caller, &object, &query, rows).await?;
    Ok(json!({"data": data}))
}

/// Rows of an aggregate as JSON, references with their titles.
async fn sums(
    app: &App,
    model: &Model,
    caller: &Caller,
    object: &Object,
    query: &AggregateQuery,
    rows: Vec<Vec<Value>>,
) -> Answer<Vec<Json>> {
    let fields: Vec<Option<&Field>> = query.group_by.iter().map(|group| field_at(model, object, &group.path)).collect();
    let mut wanted = BTreeSet::new();
    for row in &rows {
        for (value, field) in row.iter().zip(&fields) {
            wanted.extend(targets(*field, value));
        }
    }
    let titles = Titles::load(app, model, caller, wanted).await?;
    let data = rows.iter().map(|row| {
        let mut shown = Map::new();
        let mut refs = Map::new();
        for ((group, field), value) in query.group_by.iter().zip(&fields).zip(row) {
            if let (Some(Field { kind: FieldKind::Id { to, .. }, .. }), Value::Id(id)) = (field, value)
                && let Some(to) = to.first()
            {
                refs.insert(group.label.clone(), titles.reference(to, *id));
            }
            let json = match field {
                Some(field) if group.part.is_none() => view::field_json(field, value),
                _ => value.to_json(),
            };
            shown.insert(group.label.clone(), json);
        }
        for ((name, measure), value) in query.measures.iter().zip(&row[query.group_by.len()..]) {
            shown.insert(name.clone(), measured(object, measure, value));
        }
        shown.insert("_refs".into(), Json::Object(refs));
        Json::Object(shown)
    });
    Ok(data.collect())
}

fn targets(field: Option<&Field>, value: &Value) -> Vec<(Name, Uuid)> {
    match (field, value) {
        (Some(Field { kind: FieldKind::Id { to, .. }, .. }), Value::Id(id)) => {
            to.iter().map(|to| (to.clone(), *id)).collect()
        }
        _ => Vec::new(),
    }
}

/// A count is a number; sums keep the digits of their field.
pub fn measured(object: &Object, measure: &Measure, value: &Value) -> Json {
    let scale = |at: usize| match object.fields.get(at).map(|field| &field.kind) {
        Some(FieldKind::Decimal { scale, .. } | FieldKind::Money { scale, .. } | FieldKind::Rollup { scale, .. }) => {
            *scale
        }
        _ => 0,
    };
    match (measure, value.as_decimal()) {
        (Measure::Count, Some(number)) => {
            i64::try_from(number).map_or_else(|_| json!(number.to_string()), |count| json!(count))
        }
        (Measure::Sum(at) | Measure::Min(at) | Measure::Max(at), Some(number)) => {
            json!(view::scaled(number, scale(*at)))
        }
        (Measure::Average(_), Some(number)) => json!(number.round_dp(6).normalize().to_string()),
        (_, None) => value.to_json(),
    }
}

fn group(model: &Model, object: &Object, caller: &Caller, label: &str) -> Result<Group, Refusal> {
    let (part, path) = match label.strip_suffix(')').and_then(|inner| inner.split_once('(')) {
        None => (None, label),
        Some(("year", path)) => (Some(DatePart::Year), path),
        Some(("month", path)) => (Some(DatePart::Month), path),
        Some(("day", path)) => (Some(DatePart::Day), path),
        Some((other, _)) => {
            let detail = format!("`{other}` is not a part of a date; there are year, month and day");
            return Err(refuse(Code::BadParameter, detail).with("parameter", "group_by"));
        }
    };
    let path = path_of(model, object, caller, path)?;
    let is_date =
        field_at(model, object, &path).is_some_and(|field| matches!(field.kind, FieldKind::Date | FieldKind::Moment));
    if part.is_some() && !is_date {
        return Err(refuse(Code::BadParameter, format!("`{label}` asks for a part of what is no date"))
            .with("parameter", "group_by"));
    }
    Ok(Group { label: label.to_owned(), path, part })
}

fn path_of(model: &Model, object: &Object, caller: &Caller, written: &str) -> Result<FilterPath, Refusal> {
    let mut slots = Vec::new();
    let mut names = written.split('.').peekable();
    let mut at = object;
    while let Some(name) = names.next() {
        let slot = readable(at, caller, name)?;
        slots.push(slot);
        if names.peek().is_some() {
            at = match &at.fields[slot].kind {
                FieldKind::Id { to, .. } if to.len() == 1 => {
                    model.object(&to[0]).ok_or_else(|| unknown_field(at, name))?
                }
                _ => return Err(unknown_field(at, names.next().unwrap_or(name))),
            };
        }
    }
    Ok(FilterPath { slots })
}

fn field_at<'m>(model: &'m Model, object: &Object, path: &FilterPath) -> Option<&'m Field> {
    let mut at = model.object(&object.name)?;
    for (index, slot) in path.slots.iter().enumerate() {
        let field = at.fields.get(*slot)?;
        if index + 1 == path.slots.len() {
            return Some(field);
        }
        at = match &field.kind {
            FieldKind::Id { to, .. } => model.object(to.first()?)?,
            _ => return None,
        };
    }
    None
}

fn measure(object: &Object, caller: &Caller, name: &str, written: &Json) -> Result<(String, Measure), Refusal> {
    let bad = |detail: String| refuse(Code::BadParameter, detail).with("parameter", "measures").with("name", name);
    let Some((verb, of)) =
        written.as_object().filter(|members| members.len() == 1).and_then(|members| members.iter().next())
    else {
        return Err(bad(format!("the measure `{name}` is written {{\"sum\": field}} or {{\"count\": true}}")));
    };
    if verb == "count" {
        return Ok((name.to_owned(), Measure::Count));
    }
    let slot = readable(object, caller, of.as_str().unwrap_or_default())?;
    let number = matches!(
        object.fields[slot].kind,
        FieldKind::Decimal { .. } | FieldKind::Money { .. } | FieldKind::Rollup { .. }
    );
    let measure = match verb.as_str() {
        "sum" if number => Measure::Sum(slot),
        "average" if number => Measure::Average(slot),
        "min" => Measure::Min(slot),
        "max" => Measure::Max(slot),
        "sum" | "average" => return Err(bad(format!("`{of}` is no number"))),
        _ => return Err(bad(format!("`{verb}` is no measure; there are sum, count, min, max and average"))),
    };
    Ok((name.to_owned(), measure))
}
