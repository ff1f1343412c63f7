//! Settling facts: the lines that should exist against those posted, and the difference. Completing a record and a
//! run over a period come through the same door, so the second finds nothing to do after the first.

mod ahead;
mod batch;
mod behind;
mod closing;
mod posting;

pub use ahead::{Ahead, foresee, work_out};
pub use behind::{Behind, Moved, behind, may_move};
pub use closing::reach;

use super::desired::{Counts, Group, Known};
use super::line::Line;
use super::plan::{AdjustKind, On, Pays, Plan, StepKind, TaxRate, Used, base_of};
use crate::codes::Code;
use crate::decide::Halt;
use crate::decision::{Decision, SettleUnit};
use crate::env::Reader;
use crate::hashing::Named;
use crate::ids::IdSource;
use crate::moment::Date;
use crate::object::Object;
use crate::record::{Name, Record};
use crate::refusal::Refusal;
use batch::{GroupKey, Item, Settling};
use behind::Groups;
use rust_decimal::Decimal;
use std::sync::Arc;
use uuid::Uuid;

/// Settles the facts of one unit of a run.
pub fn settle_unit(reader: &Reader<'_>, unit: &SettleUnit) -> Result<Decision, Halt> {
    let Some(plan) = reader.model.plans.get(&unit.plan) else {
        return Err(
            Refusal::new(Code::UnknownDefinition, format!("there is no settlement plan `{}`", unit.plan)).into()
        );
    };
    if let On::Close(units) = &plan.on {
        return closing::settle(reader, plan, units, unit);
    }
    let mut batch = Vec::with_capacity(unit.facts.len());
    for id in &unit.facts {
        let record = reader.record(&plan.object, *id).unwrap_or_default();
        batch.push(Item { id: *id, record, posted: posted(reader, plan, *id) });
    }
    want_closed(reader, plan);
    want_collections(reader, plan);
    if !reader.needs_nothing() {
        return Err(Halt::Missing);
    }
    let mut decision = Decision::default();
    let mut ids = IdSource::new(reader.context.command, reader.context.moment);
    let mut settling = Settling::new(reader, plan, Some(unit.run));
    settling.settle(batch)?;
    settling.finish(&mut decision, &mut ids)?;
    Ok(decision)
}

/// Settles a record's own lines in the command that changed it, for every plan whose fact it is or was.
pub fn after_change(
    reader: &Reader<'_>,
    object: &Object,
    former: &Arc<Record>,
    record: &Arc<Record>,
    decision: &mut Decision,
    ids: &mut IdSource,
) -> Result<(), Halt> {
    let mut missing = false;
    for name in &object.plans {
        let Some(plan) = reader.model.plans.get(name) else { continue };
        if !is_fact(plan, former) && !is_fact(plan, record) {
            continue;
        }
        match settle_changed(reader, plan, record, decision, ids) {
            Ok(()) => {}
            Err(Halt::Missing) => missing = true,
            Err(refused) => return Err(refused),
        }
    }
    if missing { Err(Halt::Missing) } else { Ok(()) }
}

fn settle_changed(
    reader: &Reader<'_>,
    plan: &Plan,
    record: &Arc<Record>,
    decision: &mut Decision,
    ids: &mut IdSource,
) -> Result<(), Halt> {
    want_closed(reader, plan);
    let posted_before = posted(reader, plan, record.id());
    if !reader.needs_nothing() {
        return Err(Halt::Missing);
    }
    // Facts after this one in its groups, old and new: their tiers may move.
    let mut groups = Groups::default();
    groups.add_posted(plan, posted_before);
    groups.add_wanted(reader, plan, &Known::new(plan), record, posted_before)?;
    let mut others = groups.later(reader, plan)?;
    others.remove(&record.id());
    let mut batch = vec![Item { id: record.id(), record: Some(record.clone()), posted: posted_before }];
    for id in others {
        let record = reader.record(&plan.object, id).unwrap_or_default();
        batch.push(Item { id, record, posted: posted(reader, plan, id) });
    }
    if !reader.needs_nothing() {
        return Err(Halt::Missing);
    }
    let mut settling = Settling::new(reader, plan, None);
    settling.settle(batch)?;
    settling.finish(decision, ids)
}

/// What stands posted for a fact; nothing while it is not at hand, which is noted.
fn posted<'a>(reader: &Reader<'a>, plan: &Plan, fact: Uuid) -> &'a [Arc<Line>] {
    if let Some(lines) = reader.facts.lines.get(&Named(&plan.name, fact)) {
        return lines;
    }
    reader.need(|need| {
        need.lines.insert((plan.name.clone(), fact));
    });
    &[]
}

/// The tables the plan looks up and the classifications its expressions may read: small, shared, and needed sooner or later,
/// so they are asked for with the facts.
fn want_collections(reader: &Reader<'_>, plan: &Plan) {
    let steps = plan.steps.iter().filter_map(|step| match &step.kind {
        StepKind::Lookup(lookup) => Some(&lookup.table),
        StepKind::Convert(convert) => Some(&convert.table),
        StepKind::Formula(_) | StepKind::Total(_) => None,
    });
    let figures = plan.lines.iter().filter_map(|line| match &line.pays {
        Pays::Chain { chain, .. } => reader.model.chains.get(chain)?.figure.as_ref().map(|figure| &figure.table),
        Pays::One { .. } | Pays::Mirror(_) => None,
    });
    let taxes = plan.lines.iter().filter_map(|line| match line.tax.as_ref().map(|tax| &tax.rate) {
        Some(TaxRate::Lookup(lookup)) => Some(&lookup.table),
        _ => None,
    });
    let classified = reader.model.dimensions.values().filter(|dimension| !dimension.classifications.is_empty());
    let classes = classified.flat_map(|dimension| {
        let tree = dimension.parent.map(|_| &dimension.of);
        dimension.classifications.values().map(|classification| &classification.rows).chain(tree)
    });
    for object in steps.chain(taxes).chain(figures).chain(classes) {
        // What is missing is noted; the answer is read when it is used.
        let _ = reader.collection(object);
    }
}

fn want_closed(reader: &Reader<'_>, plan: &Plan) {
    if !reader.facts.closed_periods.contains_key(&plan.calendar) {
        reader.need(|need| {
            need.closed_periods.insert(plan.calendar.clone());
        });
    }
}

fn is_fact(plan: &Plan, record: &Record) -> bool {
    plan.in_state().is_some_and(|facts| record.state() == Some(&*facts.state)) && !record.is_deleted()
}

fn business_date(plan: &Plan, record: &Record) -> Option<Date> {
    record.values[plan.in_state()?.day_slot].as_date()
}

/// The group a line adds up in, and what it adds.
pub fn adds_to(plan: &Plan, line: &Line) -> Option<(Name, Group, Decimal)> {
    let (name, group) = group_of(plan, line)?;
    let value = value_of(line, group.counts);
    Some((name, group, value))
}

/// The group a posted line adds up in.
fn group_of(plan: &Plan, line: &Line) -> Option<GroupKey> {
    Some(group_named(plan, &line.line, line.group.clone()?, line.group_period.clone()?))
}

fn group_named(plan: &Plan, line: &Name, digest: Name, period: Name) -> GroupKey {
    let capped = plan.line(line).is_some_and(|of| {
        of.adjusts.iter().any(|adjust| matches!(&adjust.kind, AdjustKind::Cap { used: Used::Own(_), .. }))
    });
    match capped {
        true => (base_of(line).into(), Group { digest, period, counts: Counts::Amount }),
        false => (line.clone(), Group { digest, period, counts: Counts::Quantity }),
    }
}

/// What a line adds to its group.
fn value_of(line: &Line, counts: Counts) -> Decimal {
    match counts {
        Counts::Quantity => line.quantity,
        Counts::Amount => line.gross,
    }
}
