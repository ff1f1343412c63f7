//! Sums of records: groups and measures a caller wrote become a query over slots; conditions on groups and their order
//! are worked out here, in decimals, so that they are the same on every database.

use super::list::{bad, selected, terms};
use crate::app::App;
use crate::service::session::Caller;
use crate::service::view::{self, Titles};
use crate::service::{Answer, refuse};
use packwork_engine::codes::Code;
use packwork_engine::model::Model;
use packwork_engine::object::{Field, FieldKind, Object};
use packwork_engine::query::sums::{self, Sums, Written};
use packwork_engine::query::{AggregateQuery, FilterPath, Measure, Part};
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
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

/// An aggregate as asked for.
#[derive(Debug, Default)]
pub struct AskedSums {
    pub filter: Option<Json>,
    pub written: Written,
    pub limit: Option<u32>,
}

/// What an aggregate came to.
pub struct Summed {
    pub data: Vec<Json>,
    /// There are more groups than were asked for.
    pub truncated: bool,
}

pub async fn aggregate(app: &App, caller: &Caller, object_name: &str, asked: AskedSums) -> Answer<Summed> {
    let model = app.model();
    let object = super::object(&model, caller, object_name)?;
    let filter = selected(app, &model, caller, &object, asked.filter.as_ref(), None)?;
    let sees = |object: &str, field: &str| caller.rights().shows(object, field);
    let Sums { mut query, having, order } =
        sums::read(&terms(app, &model, caller, &sees), &object, filter, &asked.written)?;

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
    Ok(Summed { data, truncated })
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
