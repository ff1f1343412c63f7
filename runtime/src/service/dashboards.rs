//! Dashboards: cards of figures over records and settlement lines.

use super::records::list;
use super::session::Caller;
use super::settlement::{dimensions, reach};
use super::view::{Titles, scaled};
use super::{Answer, refuse, texts};
use crate::app::App;
use crate::store::{LineGroup, LineMeasure};
use packwork_engine::access::Action;
use packwork_engine::codes::Code;
use packwork_engine::definition::dashboard::{CardDefinition, CardKind, CardPeriod};
use packwork_engine::model::Model;
use packwork_engine::object::{FieldKind, Object};
use packwork_engine::period::PeriodCalendar;
use packwork_engine::query::{AggregateQuery, Filter, FilterPath, Group, Measure, Part};
use packwork_engine::record::Name;
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// Groups a card shows where its definition says nothing; the rest becomes one.
const GROUPS_SHOWN: usize = 12;
/// Groups of one aggregate.
const GROUPS_MAX: u32 = 1_000;

pub async fn one(app: &App, caller: &Caller, name: &str) -> Answer<Json> {
    let model = app.model();
    let Some(dashboard) = model.dashboards.get(name) else {
        return Err(refuse(Code::UnknownDefinition, format!("there is no dashboard `{name}`"))
            .with("name", name)
            .into());
    };
    let mut cards = Vec::new();
    for card in &dashboard.cards {
        if let Some(card) = shown(app, &model, caller, name, card).await? {
            cards.push(card);
        }
    }
    let title = model.texts.get(caller.locale.as_str(), &format!("dashboard/{name}/title"));
    Ok(json!({"name": name, "title": title, "cards": cards}))
}

/// A figure with what it belongs to.
struct Point {
    group: Value,
    value: Decimal,
}

/// A card, or nothing where the caller may not read what it is made of.
async fn shown(
    app: &App,
    model: &Arc<Model>,
    caller: &Caller,
    dashboard: &str,
    card: &CardDefinition,
) -> Answer<Option<Json>> {
    let title = model.texts.get(caller.locale.as_str(), &format!("dashboard/{dashboard}/cards/{}/title", card.id));
    let (points, unit, object) = match &card.object {
        Some(name) => {
            let Some(object) = model.object(name).filter(|object| caller.rights().may(&object.name, Action::Read))
            else {
                return Ok(None);
            };
            let (points, unit) = of_records(app, model, caller, object, card).await?;
            (points, unit, Some(object.clone()))
        }
        None => {
            if reach(caller).is_err() {
                return Ok(None);
            }
            let (points, unit) = of_lines(app, model, caller, card).await?;
            (points, unit, None)
        }
    };
    let data = match card.group_by.as_deref() {
        None => {
            let total: Decimal = points.iter().map(|point| point.value).sum();
            vec![json!({"label": title, "value": written(total, unit.as_deref())})]
        }
        Some(group) => grouped(app, model, caller, object.as_deref(), group, card, points, unit.as_deref()).await?,
    };
    let mut shown = json!({"id": card.id, "title": title, "kind": card.kind, "data": data});
    if let Some(unit) = unit {
        shown["unit"] = json!(unit);
    }
    if let Some(object) = &object {
        shown["link"] = json!(match &card.filter {
            Some(filter) => format!("/records/{}?filter={}", object.name, encoded(&filter.to_string())),
            None => format!("/records/{}", object.name),
        });
    }
    Ok(Some(shown))
}

fn encoded(text: &str) -> String {
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    text.bytes().map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

async fn of_records(
    app: &App,
    model: &Arc<Model>,
    caller: &Caller,
    object: &Arc<Object>,
    card: &CardDefinition,
) -> Answer<(Vec<Point>, Option<String>)> {
    let filter = match &card.filter {
        Some(written) => list::read_filter(app, model, caller, object, written)?,
        None => Filter::All,
    };
    let slot_of = |name: &str| {
        let found = object.field(name).map(|(at, _)| at);
        found.ok_or_else(|| {
            refuse(Code::UnknownField, format!("`{}` has no field `{name}`", object.name)).with("field", name)
        })
    };
    let group_by = match &card.group_by {
        Some(name) => vec![Group { label: name.clone(), path: FilterPath { slots: vec![slot_of(name)?] }, part: None }],
        None => Vec::new(),
    };
    let mut group_by = group_by;
    let (measure, unit) = match &card.sum {
        Some(name) => {
            let at = slot_of(name)?;
            let is_money =
                matches!(object.fields[at].kind, FieldKind::Money { .. } | FieldKind::Rollup { money: Some(_), .. });
            if is_money {
                let path = FilterPath::of(at);
                group_by.push(Group { label: format!("{name}.currency"), path, part: Some(Part::Currency) });
            }
            (Measure::Sum(at), is_money.then(|| model.currency.to_string()))
        }
        None => (Measure::Count, None),
    };
    let query = AggregateQuery {
        object: object.name.clone(),
        filter,
        group_by,
        measures: vec![("value".into(), measure)],
        limit: GROUPS_MAX,
    };
    let rows = app.store.aggregate(&caller.scope, model, &query).await?;
    // One card shows one currency: the tenant's own.
    let own = |row: &Vec<Value>| unit.is_none() || row.iter().rev().nth(1).and_then(Value::as_text) == unit.as_deref();
    let points = rows.into_iter().filter(own).map(|mut row| {
        let value = row.pop().and_then(|value| value.as_decimal()).unwrap_or_default();
        if unit.is_some() {
            row.pop();
        }
        Point { group: row.pop().unwrap_or_default(), value }
    });
    Ok((points.collect(), unit))
}

async fn of_lines(
    app: &App,
    model: &Model,
    caller: &Caller,
    card: &CardDefinition,
) -> Answer<(Vec<Point>, Option<String>)> {
    let measure = match card.sum.as_deref() {
        Some("net") => LineMeasure::Net,
        Some("tax") => LineMeasure::Tax,
        Some(_) => LineMeasure::Gross,
        None => LineMeasure::Count,
    };
    let group = match card.group_by.as_deref() {
        None => LineGroup::Period,
        Some("plan") => LineGroup::Plan,
        Some("period") => LineGroup::Period,
        Some("payer") => LineGroup::Payer,
        Some("payee") => LineGroup::Payee,
        Some(dimension) => LineGroup::Dimension(dimension.to_owned()),
    };
    let period = match card.period.unwrap_or(CardPeriod::This) {
        CardPeriod::All => None,
        which => calendar(model).map(|calendar| {
            let now = calendar.period_of(app.clock.now().date_in(&model.zone));
            match which {
                CardPeriod::Last => calendar.period_of(now.from.yesterday().unwrap_or(now.from)).name,
                _ => now.name,
            }
        }),
    };
    let totals = app.store.line_totals(&caller.scope, &group, measure, period.as_deref()).await?;
    // One card shows one currency: the tenant's own.
    let own = totals.into_iter().filter(|total| measure == LineMeasure::Count || total.currency == model.currency);
    let points = own.map(|total| Point { group: total.group, value: total.value }).collect();
    Ok((points, (measure != LineMeasure::Count).then(|| model.currency.to_string())))
}

/// The calendar settlement runs by.
fn calendar(model: &Model) -> Option<&PeriodCalendar> {
    let of_plan = model.plans.values().next().and_then(|plan| model.calendars.get(&plan.calendar));
    of_plan.or_else(|| model.calendars.values().next())
}

fn written(value: Decimal, unit: Option<&str>) -> String {
    match unit {
        Some(_) => scaled(value.round_dp(2), 2),
        None => value.normalize().to_string(),
    }
}

#[expect(clippy::too_many_arguments, reason = "all of them describe one card")]
async fn grouped(
    app: &App,
    model: &Model,
    caller: &Caller,
    object: Option<&Object>,
    group: &str,
    card: &CardDefinition,
    mut points: Vec<Point>,
    unit: Option<&str>,
) -> Answer<Vec<Json>> {
    let to: Option<Name> = match object {
        None => match group {
            "payer" | "payee" | "plan" | "period" => None,
            dimension => model.plans.values().find_map(|plan| dimensions::object(model, &plan.object, dimension)),
        },
        Some(object) => match object.field(group).map(|(_, field)| &field.kind) {
            Some(FieldKind::Id { to, .. }) => to.first().cloned(),
            _ => None,
        },
    };
    let ids: Vec<Uuid> = points.iter().filter_map(|point| point.group.as_id()).collect();
    let wanted: BTreeSet<(Name, Uuid)> = match &to {
        Some(to) => ids.iter().map(|id| (to.clone(), *id)).collect(),
        None => parties(model).into_iter().flat_map(|object| ids.iter().map(move |id| (object.clone(), *id))).collect(),
    };
    let titles = Titles::load(app, model, caller, wanted).await?;
    points.sort_by(|a, b| b.value.cmp(&a.value).then_with(|| a.group.cmp(&b.group)));
    let limit = card.limit.map_or(GROUPS_SHOWN, |limit| limit as usize);
    let rest: Decimal = points.iter().skip(limit).map(|point| point.value).sum();
    let more = points.len() > limit;
    let mut data: Vec<Json> = points
        .iter()
        .take(limit)
        .map(|point| match &point.group {
            Value::Null => json!({"label": texts::none(caller.locale), "value": written(point.value, unit)}),
            Value::Id(id) => {
                let reference = titles.among(to.as_ref(), &parties(model), *id);
                json!({"label": reference["title"], "value": written(point.value, unit), "ref": reference})
            }
            Value::Text(text) => {
                let label = match object.and_then(|object| object.field(group).map(|(at, field)| (object, at, field))) {
                    Some((object, packwork_engine::record::slot::STATE, _)) => {
                        texts::state_title(model, caller.locale, object, text)
                    }
                    Some((_, _, field)) => texts::option_title(model, caller.locale, field, text),
                    None => {
                        let fact = model.plans.values().next().map(|plan| &*plan.object);
                        dimensions::text_of(model, caller, fact, group, text)
                    }
                };
                json!({"label": label, "value": written(point.value, unit), "group": &**text})
            }
            other => json!({"label": other.to_json(), "value": written(point.value, unit)}),
        })
        .collect();
    if more && card.kind != CardKind::Number {
        data.push(json!({"label": texts::others(caller.locale), "value": written(rest, unit)}));
    }
    Ok(data)
}

/// Objects that can pay and be paid.
fn parties(model: &Model) -> Vec<Name> {
    model
        .objects
        .values()
        .filter(|object| object.traits.contains_key("party"))
        .map(|object| object.name.clone())
        .collect()
}
