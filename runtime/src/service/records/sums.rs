//! Sums of records: groups and measures a caller wrote become a query over slots; conditions on groups and their order
//! are worked out here, in decimals, so that they are the same on every database.

use super::list::{bad, readable, selected, terms};
use crate::app::App;
use crate::service::session::Caller;
use crate::service::view::{self, Titles};
use crate::service::{Answer, refuse};
use packwork_engine::codes::Code;
use packwork_engine::model::Model;
use packwork_engine::object::{Field, FieldKind, Object};
use packwork_engine::query::{AggregateQuery, FilterPath, Group, Measure, Part, filter};
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use packwork_engine::suggest;
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Groups of one answer.
pub const GROUPS_MAX: u32 = 1_000;
/// Groups that conditions and orders look through: all of them are in memory for a moment.
const GROUPS_READ_MAX: u32 = 100_000;
const GROUP_FIELDS_MAX: usize = 8;
const MEASURES_MAX: usize = 20;

/// An aggregate as asked for.
#[derive(Debug, Default)]
pub struct AskedSums {
    pub filter: Option<Json>,
    pub group_by: Vec<String>,
    /// Name -> `{"sum": field}` or `{"count": true}`.
    pub measures: Map<String, Json>,
    /// Name of a measure -> `{"gte": "100"}`.
    pub having: Map<String, Json>,
    pub sort: Vec<String>,
    pub limit: Option<u32>,
}

pub async fn aggregate(app: &App, caller: &Caller, object_name: &str, asked: AskedSums) -> Answer<Json> {
    let model = app.model();
    let object = super::object(&model, caller, object_name)?;
    let filter = selected(app, &model, caller, &object, asked.filter.as_ref(), None)?;
    if asked.group_by.len() > GROUP_FIELDS_MAX {
        return Err(bad("group_by", format!("groups are made by at most {GROUP_FIELDS_MAX} fields")).into());
    }
    if asked.measures.is_empty() || asked.measures.len() > MEASURES_MAX {
        return Err(bad("measures", format!("an aggregate has 1 to {MEASURES_MAX} measures")).into());
    }
    let groups: Result<Vec<Group>, Refusal> =
        asked.group_by.iter().map(|label| group(app, &model, &object, caller, label)).collect();
    let measures: Result<Vec<(String, Measure)>, Refusal> =
        asked.measures.iter().map(|(name, written)| measure(&object, caller, name, written)).collect();
    let mut query =
        AggregateQuery { object: object.name.clone(), filter, group_by: groups?, measures: measures?, limit: 0 };
    if let Some((name, _)) = query.measures.iter().find(|(name, _)| query.group_by.iter().any(|by| by.label == *name)) {
        return Err(bad("measures", format!("`{name}` is a group already")).with("name", name.as_str()).into());
    }
    let having = asked.having.iter().map(|(name, written)| having(&query, name, written));
    let having: Vec<Having> = having.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    let order: Vec<(usize, bool)> = asked.sort.iter().map(|name| order(&query, name)).collect::<Result<_, _>>()?;

    let limit = asked.limit.unwrap_or(GROUPS_MAX);
    let all = !having.is_empty() || !order.is_empty();
    // One more than is shown tells whether there are more.
    query.limit = if all { GROUPS_READ_MAX + 1 } else { limit + 1 };
    let mut rows = app.store.aggregate(&caller.scope, &model, &query).await?;
    if all && rows.len() > GROUPS_READ_MAX as usize {
        let detail = format!("more than {GROUPS_READ_MAX} groups cannot be sorted or chosen from; narrow the filter");
        return Err(bad("group_by", detail).with("maximum", GROUPS_READ_MAX).into());
    }
    rows.retain(|row| having.iter().all(|having| having.holds(&row[having.column])));
    rows.sort_by(|left, right| {
        let keys = order.iter().map(|(column, descending)| {
            let order = compare(&left[*column], &right[*column]);
            if *descending { order.reverse() } else { order }
        });
        keys.fold(Ordering::Equal, Ordering::then)
    });
    let truncated = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let data = shown(app, &model, caller, &object, &query, rows).await?;
    Ok(json!({"data": data, "truncated": truncated}))
}

/// Null is the least of all, as in lists.
fn compare(left: &Value, right: &Value) -> Ordering {
    match (left.as_decimal(), right.as_decimal()) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => left.cmp(right),
    }
}

/// Rows of an aggregate as JSON, references with their titles.
async fn shown(
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
            if let (Some(Field { kind: FieldKind::Id { to, .. }, .. }), Value::Id(id)) = (field, value) {
                refs.insert(group.label.clone(), titles.any(to, *id));
            }
            let json = match (field, group.part, value) {
                (Some(field), None, _) => view::field_json(field, value),
                (_, Some(Part::Weekday | Part::Hour), Value::Decimal(number)) => whole(*number),
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

fn whole(number: Decimal) -> Json {
    i64::try_from(number).map_or_else(|_| json!(number.to_string()), |number| json!(number))
}

/// A count is a number; sums keep the digits of their field.
fn measured(object: &Object, measure: &Measure, value: &Value) -> Json {
    let scale = |at: usize| match object.fields.get(at).map(|field| &field.kind) {
        Some(FieldKind::Decimal { scale, .. } | FieldKind::Money { scale, .. } | FieldKind::Rollup { scale, .. }) => {
            *scale
        }
        _ => 0,
    };
    match (measure, value.as_decimal()) {
        (Measure::Count | Measure::CountDistinct(_), Some(number)) => whole(number),
        (Measure::Sum(at) | Measure::Min(at) | Measure::Max(at), Some(number)) => {
            json!(view::scaled(number, scale(*at)))
        }
        (Measure::Average(_), Some(number)) => json!(number.normalize().to_string()),
        (_, None) => value.to_json(),
    }
}

fn group(app: &App, model: &Model, object: &Object, caller: &Caller, label: &str) -> Result<Group, Refusal> {
    let bad = |detail: String| bad("group_by", detail).with("name", label);
    let (part, written) = match label.strip_suffix(')').and_then(|inner| inner.split_once('(')) {
        None => (None, label),
        Some((name, path)) => match Part::OF_DATES.iter().find(|(known, _)| *known == name) {
            Some((_, part)) => (Some(*part), path),
            None => {
                let known: Vec<&str> = Part::OF_DATES.iter().map(|(known, _)| *known).collect();
                let hint = suggest::hint(name, known.iter().copied());
                return Err(bad(format!("`{name}` is not a part of a date; {hint}")).with("known", known));
            }
        },
    };
    let sees = |object: &str, field: &str| caller.rights().shows(object, field);
    let terms = terms(app, model, caller, &sees);
    // `amount.currency`: the currency is a part of the amount, not a field.
    if let Some(money) = written.strip_suffix(".currency").filter(|_| part.is_none())
        && let Ok((path, field)) = filter::path(&terms, object, money, "group_by")
        && matches!(field.kind, FieldKind::Money { .. } | FieldKind::Rollup { money: Some(_), .. })
    {
        return Ok(Group { label: label.to_owned(), path, part: Some(Part::Currency) });
    }
    let (path, field) = filter::path(&terms, object, written, "group_by")?;
    match (&field.kind, part) {
        (FieldKind::Date, Some(Part::Hour)) => Err(bad(format!("`{written}` is a date; it has no hour"))),
        (FieldKind::Date | FieldKind::Moment, _) => Ok(()),
        (_, Some(_)) => Err(bad(format!("`{label}` asks for a part of what is no date"))),
        (FieldKind::Money { .. } | FieldKind::Rollup { money: Some(_), .. }, None) => {
            Err(bad(format!("amounts make no groups; group by `{written}.currency`, or measure `{written}`")))
        }
        (
            FieldKind::Items { .. }
            | FieldKind::Json
            | FieldKind::Files { .. }
            | FieldKind::Location
            | FieldKind::Ids { .. }
            | FieldKind::Choices { .. },
            None,
        ) => Err(bad(format!("`{written}` holds a list or a document; it makes no groups"))),
        _ => Ok(()),
    }?;
    Ok(Group { label: label.to_owned(), path, part })
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

const VERBS: [&str; 6] = ["sum", "avg", "min", "max", "count", "count_distinct"];

fn measure(object: &Object, caller: &Caller, name: &str, written: &Json) -> Result<(String, Measure), Refusal> {
    let bad = |detail: String| bad("measures", detail).with("name", name);
    let one = written.as_object().filter(|members| members.len() == 1).and_then(|members| members.iter().next());
    let Some((verb, of)) = one else {
        return Err(bad(format!("the measure `{name}` is written {{\"sum\": field}} or {{\"count\": true}}")));
    };
    if !VERBS.contains(&verb.as_str()) {
        let hint = suggest::hint(verb, VERBS);
        return Err(bad(format!("`{verb}` is no measure; {hint}")).with("known", &VERBS[..]));
    }
    if verb == "count" {
        return match of {
            Json::Bool(true) => Ok((name.to_owned(), Measure::Count)),
            _ => Err(bad("`count` takes true; `count_distinct` takes a field".into())),
        };
    }
    let Some(of) = of.as_str() else { return Err(bad(format!("`{verb}` takes the name of a field"))) };
    let slot = readable(object, caller, of)?;
    let kind = &object.fields[slot].kind;
    let number = matches!(kind, FieldKind::Decimal { .. } | FieldKind::Money { .. } | FieldKind::Rollup { .. });
    let ordered = number || matches!(kind, FieldKind::Text { .. } | FieldKind::Date | FieldKind::Moment);
    let single = ordered || matches!(kind, FieldKind::Boolean | FieldKind::Choice { .. } | FieldKind::Id { .. });
    let measure = match verb.as_str() {
        "sum" if number => Measure::Sum(slot),
        "avg" if number => Measure::Average(slot),
        "min" if ordered => Measure::Min(slot),
        "max" if ordered => Measure::Max(slot),
        "count_distinct" if single => Measure::CountDistinct(slot),
        "sum" | "avg" => return Err(bad(format!("`{of}` is no number"))),
        "min" | "max" => return Err(bad(format!("`{of}` has no order: it is no number, date or text"))),
        _ => return Err(bad(format!("`{of}` holds a list or a document; it cannot be counted"))),
    };
    Ok((name.to_owned(), measure))
}

/// A condition on a measure.
struct Having {
    column: usize,
    operator: fn(Ordering) -> bool,
    than: Decimal,
}

impl Having {
    fn holds(&self, value: &Value) -> bool {
        value.as_decimal().is_some_and(|value| (self.operator)(value.cmp(&self.than)))
    }
}

fn having(query: &AggregateQuery, name: &str, written: &Json) -> Result<Vec<Having>, Refusal> {
    let bad = |detail: String| bad("having", detail).with("name", name);
    let Some(at) = query.measures.iter().position(|(known, _)| known == name) else {
        let hint = suggest::hint(name, query.measures.iter().map(|(name, _)| name.as_str()));
        return Err(bad(format!("`{name}` is no measure of this aggregate; {hint}")));
    };
    let Some(conditions) = written.as_object().filter(|conditions| !conditions.is_empty()) else {
        return Err(bad(format!("a condition on `{name}` is an object such as {{\"gte\": \"100\"}}")));
    };
    let conditions = conditions.iter().map(|(operator, than)| {
        let operator: fn(Ordering) -> bool = match operator.as_str() {
            "eq" => Ordering::is_eq,
            "ne" => Ordering::is_ne,
            "gt" => Ordering::is_gt,
            "gte" => Ordering::is_ge,
            "lt" => Ordering::is_lt,
            "lte" => Ordering::is_le,
            _ => {
                let hint = suggest::hint(operator, ["eq", "ne", "gt", "gte", "lt", "lte"]);
                return Err(bad(format!("`{operator}` does not compare measures; {hint}")));
            }
        };
        let number = match than {
            Json::Number(number) => Decimal::from_str_exact(&number.to_string()).ok(),
            Json::String(text) => Decimal::from_str_exact(text).ok(),
            _ => None,
        };
        let than = number.ok_or_else(|| bad(format!("`{name}` is compared with a decimal")))?;
        Ok(Having { column: query.group_by.len() + at, operator, than })
    });
    conditions.collect()
}

/// The column a key of the order is about, and whether the greatest comes first.
fn order(query: &AggregateQuery, written: &str) -> Result<(usize, bool), Refusal> {
    let (name, descending) = match written.strip_prefix('-') {
        Some(name) => (name, true),
        None => (written, false),
    };
    let groups = query.group_by.iter().map(|group| group.label.as_str());
    let columns: Vec<&str> = groups.chain(query.measures.iter().map(|(name, _)| name.as_str())).collect();
    match columns.iter().position(|known| *known == name) {
        Some(column) => Ok((column, descending)),
        None => {
            let hint = suggest::hint(name, columns.iter().copied());
            Err(bad("sort", format!("`{name}` is neither a group nor a measure; {hint}")).with("known", columns))
        }
    }
}

/// How many groups are answered at most.
pub fn limit(asked: u64) -> Result<u32, Refusal> {
    match u32::try_from(asked) {
        Ok(limit @ 1..=GROUPS_MAX) => Ok(limit),
        Ok(0) => Err(bad("limit", format!("`limit` is a number from 1 to {GROUPS_MAX}"))),
        _ => Err(refuse(Code::PageTooLarge, format!("an answer has at most {GROUPS_MAX} groups"))
            .with("limit", "GROUPS_MAX")
            .with("limit_max", GROUPS_MAX)),
    }
}
