//! What a run settles: the facts of a plan and period in units, and whose periods a plan settles.

use crate::app::App;
use crate::auth::token::hex;
use crate::service::Answer;
use crate::store::{FactsOf, Scope};
use packwork_engine::model::Model;
use packwork_engine::moment::Date;
use packwork_engine::period::Period;
use packwork_engine::query::{AggregateQuery, Comparison, Filter, FilterPath, Group, Measure};
use packwork_engine::record::{Name, slot};
use packwork_engine::settlement::accumulator::SourceOf;
use packwork_engine::settlement::plan::{InState, On, Plan, Units, UnitsFrom};
use packwork_engine::settlement::settle::reach;
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// The facts of one plan and period, in the order they are settled.
pub struct Facts {
    pub period: String,
    pub units: Vec<Unit>,
    /// How many are none any more: the last unit.
    pub gone: usize,
    /// Digest of the facts' ids and versions: the same facts give the same digest.
    pub hash: String,
}

pub struct Unit {
    /// What divides the run; `None` where the plan names nothing, or for facts that are none any more.
    pub of: Option<Uuid>,
    pub facts: Vec<Uuid>,
}

impl Facts {
    pub fn count(&self) -> usize {
        self.units.iter().map(|unit| unit.facts.len()).sum()
    }
}

/// Finds the facts of a period: records in the plan's state by business date, then those whose lines stand although
/// they are facts no longer (reopened, deleted), so that their lines are taken back.
pub async fn facts(app: &App, model: &Arc<Model>, scope: &Scope, plan: &Plan, period: &Period) -> Answer<Facts> {
    match &plan.on {
        On::State(of) => records_of(app, model, scope, plan, (of, period), None).await,
        On::Close(units) => units_of(app, model, scope, plan, units, period).await,
    }
}

/// How many facts a period has.
pub async fn count(app: &App, model: &Arc<Model>, scope: &Scope, plan: &Plan, period: &Period) -> Answer<usize> {
    let Some(of) = plan.in_state() else { return Ok(0) };
    let query = AggregateQuery {
        object: plan.object.clone(),
        filter: in_period(of, period),
        group_by: Vec::new(),
        measures: vec![("n".into(), Measure::Count)],
        limit: 1,
    };
    let rows = app.store.aggregate(scope, model, &query).await?;
    let count = rows.first().and_then(|row| row.first()).and_then(Value::as_decimal).unwrap_or_default();
    Ok(usize::try_from(count.trunc().mantissa()).unwrap_or(0))
}

/// The facts of a period that lead to one of these records by one of these ways: one more than `limit` at most.
pub async fn leading_to(
    app: &App,
    model: &Arc<Model>,
    scope: &Scope,
    plan: &Plan,
    (of, period): (&InState, &Period),
    led: BTreeMap<Vec<usize>, Vec<Value>>,
    limit: usize,
) -> Answer<Vec<Uuid>> {
    if led.is_empty() {
        return Ok(Vec::new());
    }
    let leads = led.into_iter().map(|(slots, ids)| {
        let path = FilterPath { slots };
        Filter::Compare { path, comparison: Comparison::In(ids) }
    });
    let query = AggregateQuery {
        object: plan.object.clone(),
        filter: Filter::And(vec![in_period(of, period), Filter::Or(leads.collect())]),
        group_by: vec![group(slot::ID)],
        measures: vec![("n".into(), Measure::Count)],
        limit: u32::try_from(limit).map_or(u32::MAX, |limit| limit.saturating_add(1)),
    };
    let rows = app.store.aggregate(scope, model, &query).await?;
    Ok(rows.iter().filter_map(|row| row.first().and_then(Value::as_id)).collect())
}

/// Facts in the plan's state; where some are named, those of them alone, and of what is none any more.
pub async fn records_of(
    app: &App,
    model: &Arc<Model>,
    scope: &Scope,
    plan: &Plan,
    (of, period): (&InState, &Period),
    among: Option<Vec<Uuid>>,
) -> Answer<Facts> {
    let unit_slot = plan.unit_slot.unwrap_or(slot::ID);
    let only = among.iter().map(|ids| compare(slot::ID, Comparison::In(ids.iter().copied().map(Value::Id).collect())));
    // One narrow row per fact: neither order nor versions need whole records.
    let query = AggregateQuery {
        object: plan.object.clone(),
        filter: Filter::And(std::iter::once(in_period(of, period)).chain(only).collect()),
        group_by: vec![group(unit_slot), group(of.day_slot), group(slot::ID), group(slot::VERSION)],
        measures: vec![("n".into(), Measure::Count)],
        limit: u32::MAX,
    };
    let mut listed: Vec<Listed> = Vec::new();
    let has_units = plan.unit_slot.is_some();
    let mut list = |row: Vec<Value>| {
        if let [unit, day, Value::Id(id), version, ..] = &row[..] {
            let unit = unit.as_id().filter(|_| has_units);
            listed.push(Listed {
                unit,
                day: day.as_date(),
                id: *id,
                version: version.as_decimal().unwrap_or_default(),
            });
        }
    };
    app.store.aggregate_each(scope, model, &query, &mut list).await?;
    listed.sort_unstable_by_key(|fact| (fact.unit, fact.day, fact.id));

    let mut hash = Sha256::new();
    hash.update(model.hash.as_bytes());
    let mut units: Vec<Unit> = Vec::new();
    for Listed { unit, id, version, .. } in listed {
        hash.update(id.as_bytes());
        hash.update(version.normalize().to_string());
        match units.last_mut().filter(|last| last.of == unit) {
            Some(last) => last.facts.push(id),
            None => units.push(Unit { of: unit, facts: vec![id] }),
        }
    }
    let standing = FactsOf {
        plan: plan.name.clone(),
        period: period.name.clone(),
        object: plan.object.clone(),
        facts: in_period(of, period),
        among,
    };
    let gone = app.store.standing_without_fact(scope, model, &standing).await?;
    for id in &gone {
        hash.update(id.as_bytes());
    }
    let count = gone.len();
    if count > 0 {
        units.push(Unit { of: None, facts: gone });
    }
    Ok(Facts { period: period.name.clone(), units, gone: count, hash: hex(&hash.finalize()) })
}

/// A fact as it is listed: many of them are held at once.
struct Listed {
    unit: Option<Uuid>,
    day: Option<Date>,
    id: Uuid,
    version: Decimal,
}

fn group(slot: usize) -> Group {
    Group { label: slot.to_string(), path: FilterPath::of(slot), part: None }
}

fn compare(slot: usize, comparison: Comparison) -> Filter {
    Filter::Compare { path: FilterPath::of(slot), comparison }
}

fn days(slot: usize, from: Date, until: Date) -> Filter {
    compare(slot, Comparison::Within(Value::Date(from), Value::Date(until)))
}

fn in_state(state: &Name) -> Filter {
    compare(slot::STATE, Comparison::Equal(Value::Text(state.clone())))
}

fn in_period(of: &InState, period: &Period) -> Filter {
    Filter::And(vec![in_state(&of.state), days(of.day_slot, period.from, period.to)])
}

/// Whose periods a run settles, each a unit of its own: the records the plan names, or whoever the facts of its
/// accumulators do; and whoever has lines of what is looked back at.
async fn units_of(
    app: &App,
    model: &Arc<Model>,
    scope: &Scope,
    plan: &Plan,
    units: &Units,
    period: &Period,
) -> Answer<Facts> {
    let (from, until) = reach(model, plan, period);
    let mut hash = Sha256::new();
    hash.update(model.hash.as_bytes());
    hash.update(period.name.as_bytes());
    let mut found = BTreeSet::new();
    let mut read = Vec::new();
    match &units.from {
        UnitsFrom::Records { state } => {
            let filter = state.as_ref().map_or(Filter::All, in_state);
            read.push((plan.object.clone(), slot::ID, filter));
        }
        UnitsFrom::Totals(totals) => {
            for (accumulator, place) in totals {
                let sources = model.accumulators.get(accumulator).map(|accumulator| &accumulator.sources);
                for source in sources.into_iter().flatten() {
                    let (SourceOf::Facts { object, state }, Some(day)) = (&source.of, source.day_slot) else {
                        continue;
                    };
                    let Some(unit) = source.key.get(*place) else { continue };
                    let state = state.as_ref().map_or(Filter::All, in_state);
                    let filter = Filter::And(vec![state, days(day, from, until), source.filter.clone()]);
                    read.push((object.clone(), *unit, filter));
                }
            }
        }
    }
    for (object, unit, filter) in read {
        let query = AggregateQuery {
            object,
            filter,
            group_by: vec![group(unit), group(slot::ID), group(slot::VERSION)],
            measures: vec![("n".into(), Measure::Count)],
            limit: u32::MAX,
        };
        for row in app.store.aggregate(scope, model, &query).await? {
            let (Some(unit), Some(id)) = (row[0].as_id(), row[1].as_id()) else { continue };
            hash.update(id.as_bytes());
            hash.update(row[2].as_decimal().unwrap_or_default().normalize().to_string());
            found.insert(unit);
        }
    }
    found.extend(app.store.standing_between(scope, &plan.name, from, until).await?);
    let units = found.into_iter().map(|id| Unit { of: Some(id), facts: vec![id] }).collect();
    Ok(Facts { period: period.name.clone(), units, gone: 0, hash: hex(&hash.finalize()) })
}
