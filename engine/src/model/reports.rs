//! Reports against the whole model: filters, paths through references, measures, conditions and orders.

use super::Model;
use crate::codes::Code;
use crate::decision::Actor;
use crate::definition::report::ReportDefinition;
use crate::definition::{Definition, Kind};
use crate::diagnostic::Diagnostics;
use crate::moment::Moment;
use crate::object::{Index, Object};
use crate::query::filter::{self, Comparison, Terms};
use crate::query::{AggregateQuery, Filter, Measure, Part, sums};
use crate::record::slot;
use crate::refusal::Refusal;
use std::collections::BTreeSet;

/// What is wrong with reports, in their files; those with mistakes already are not looked at again.
pub(super) fn check(model: &Model, found: &mut Diagnostics) {
    for ((kind, name), (_, definition)) in &model.definitions {
        let Definition::Report(report) = definition else { continue };
        let file = model.documents.get(&(*kind, name.clone())).map_or("", |composite| &composite.file);
        if found.has_errors_in(file) {
            continue;
        }
        let Some((pointer, refusal)) = wrong(model, report) else { continue };
        found.error(refusal.code, file, pointer, &refusal.detail);
    }
}

/// The first part that does not fit, and why.
fn wrong(model: &Model, report: &ReportDefinition) -> Option<(String, Refusal)> {
    let object = model.object(&report.object)?;
    match query(model, object, report) {
        Err(wrong) => Some(wrong),
        Ok(query) if report.index => {
            let unkept = own_slots(object, &query).into_iter().find(|slot| !object.fields[*slot].has_order())?;
            let name = &object.fields[unkept].name;
            let detail = format!("`{name}` is not stored with the record or has no order; no index can keep it");
            Some(("/index".into(), Refusal::new(Code::BadProperty, detail)))
        }
        Ok(_) => None,
    }
}

/// What a report asks of all records, as nobody in particular.
fn query(model: &Model, object: &Object, report: &ReportDefinition) -> Result<AggregateQuery, (String, Refusal)> {
    let actor = Actor::default();
    let terms = Terms { model, actor: &actor, now: Some(Moment::from_micros(0)), sees: &|_, _| true };
    let filter = match &report.filter {
        None => Filter::All,
        Some(written) => filter::read(&terms, object, written).map_err(|refusal| {
            let inside = refusal.params.get("pointer").and_then(|pointer| pointer.as_str()).unwrap_or_default();
            (format!("/filter{inside}"), refusal)
        })?,
    };
    match sums::read(&terms, object, filter, &report.written()) {
        Ok(sums) => Ok(sums.query),
        Err(refusal) => {
            let member = ["parameter", "pointer"].iter().find_map(|name| refusal.params.get(name)?.as_str());
            Err((format!("/{}", member.unwrap_or_default()), refusal))
        }
    }
}

/// The slots of the object itself that a query groups by: business dates where it asks for parts of moments.
fn grouped(object: &Object, query: &AggregateQuery) -> Vec<usize> {
    let slots = query.group_by.iter().filter_map(|group| match (&group.path.slots[..], group.part) {
        ([moment], Some(part)) if part != Part::Hour => object.day_of(*moment).or(Some(*moment)),
        (slots, _) => slots.first().copied(),
    });
    slots.collect()
}

/// The slots of the object itself that a query reads.
fn own_slots(object: &Object, query: &AggregateQuery) -> BTreeSet<usize> {
    let mut slots: BTreeSet<usize> = grouped(object, query).into_iter().collect();
    query.filter.own_slots(&mut slots);
    slots.extend(query.measures.iter().filter_map(|(_, measure)| match measure {
        Measure::Count => None,
        Measure::Sum(slot)
        | Measure::Average(slot)
        | Measure::Min(slot)
        | Measure::Max(slot)
        | Measure::CountDistinct(slot) => Some(*slot),
    }));
    slots
}

/// The slots that a filter fixes to one value.
fn fixed(filter: &Filter, into: &mut Vec<usize>) {
    match filter {
        Filter::And(parts) => parts.iter().for_each(|part| fixed(part, into)),
        Filter::Compare { path, comparison: Comparison::Equal(_) } if path.slots.len() == 1 => into.extend(&path.slots),
        _ => {}
    }
}

impl Model {
    pub fn report(&self, name: &str) -> Option<&ReportDefinition> {
        match self.definitions.get(&(Kind::Report, name.into())) {
            Some((_, Definition::Report(report))) => Some(report),
            _ => None,
        }
    }

    /// The indexes that reports ask for of an object's table: what they fix comes first, then what they group by, and the
    /// rest of what they read is held beside it.
    pub fn indexes_of_reports(&self, object: &Object) -> Vec<Index> {
        let asking = self.reports().filter(|(_, report)| report.index && report.object == *object.name);
        let index = |(name, report): (&str, &ReportDefinition)| {
            let query = query(self, object, report).ok()?;
            let mut slots = Vec::new();
            fixed(&query.filter, &mut slots);
            slots.extend(grouped(object, &query));
            let mut seen = BTreeSet::new();
            slots.retain(|slot| seen.insert(*slot));
            let mut covers = own_slots(object, &query);
            covers.insert(slot::DELETED_AT);
            covers.retain(|slot| !seen.contains(slot));
            // Nothing is fixed and nothing grouped: all of it in any order.
            if slots.is_empty() {
                slots.push(slot::DELETED_AT);
                covers.remove(&slot::DELETED_AT);
            }
            Some(Index { name: name.into(), slots, covers: covers.into_iter().collect() })
        };
        asking.filter_map(index).collect()
    }

    /// All reports, by name.
    pub fn reports(&self) -> impl Iterator<Item = (&str, &ReportDefinition)> {
        self.definitions.iter().filter_map(|((_, name), (_, definition))| match definition {
            Definition::Report(report) => Some((&**name, &**report)),
            _ => None,
        })
    }
}
