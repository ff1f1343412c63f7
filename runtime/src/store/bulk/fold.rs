//! What a decision does to the facts that later commands of the same request read. What cannot be told exactly is
//! forgotten: asking for it again writes first and reads then.

use packwork_engine::attachment::FileChange;
use packwork_engine::decision::{Decision, Write};
use packwork_engine::facts::Facts;
use packwork_engine::model::Model;
use packwork_engine::object::Object;
use packwork_engine::object::duplicate::CANDIDATES_MAX;
use packwork_engine::record::{Record, slot};
use packwork_engine::settlement::line::StatementHead;
use std::sync::Arc;

pub(super) fn fold(model: &Model, facts: &mut Facts, decision: &Decision) {
    for write in &decision.writes {
        match write {
            Write::Insert(record) => {
                if let Some(object) = model.object(&record.object) {
                    forget(facts, object, Some(record), false);
                    hold(facts, object, record);
                    look_alike(facts, object, record, true);
                }
                facts.records.insert((record.object.clone(), record.id()), Some(record.clone()));
                forget_totals(model, facts, &record.object);
            }
            Write::Update { record, changed, .. } => {
                if let Some(object) = model.object(&record.object) {
                    forget(facts, object, Some(record), record.is_deleted() && changed.contains(&slot::DELETED_AT));
                    let unique = |slot: usize| {
                        slot == slot::DELETED_AT || object.key == Some(slot) || object.fields[slot].unique
                    };
                    if changed.iter().any(|slot| unique(*slot)) {
                        facts.keys.retain(|(name, _), _| *name != object.name);
                        facts.holders.retain(|(name, _, _), _| *name != object.name);
                    }
                    look_alike(facts, object, record, false);
                }
                facts.records.insert((record.object.clone(), record.id()), Some(record.clone()));
                forget_totals(model, facts, &record.object);
            }
            Write::Remove { object, id, .. } => {
                facts.records.insert((object.clone(), *id), None);
                facts.children.retain(|(name, _), _| name != object);
                if let Some(object) = model.object(object) {
                    forget(facts, object, None, false);
                }
                forget_totals(model, facts, object);
            }
        }
    }
    for change in &decision.files {
        match change {
            FileChange::Add(file) => drop(facts.attachments.insert(file.id, Some(file.clone()))),
            FileChange::Drop { id, .. } => drop(facts.attachments.insert(*id, None)),
            FileChange::Claim { id, record, field, .. } => {
                if let Some(Some(file)) = facts.attachments.get_mut(id) {
                    (file.record, file.field) = (Some(*record), Some(field.clone()));
                }
            }
        }
    }
    for new in &decision.statements {
        let head = StatementHead { id: new.id, ordinal: new.ordinal, status: new.status };
        facts.statements.insert(new.key.clone(), Some(head));
    }
    if !decision.lines.is_empty() {
        facts.rate_uses.retain(|_, used| *used);
    }
    for line in &decision.lines {
        facts.lines.swap_remove(&(line.plan.clone(), line.fact));
    }
    if !decision.lines.is_empty() {
        facts.cumulated.retain(|query, _| {
            !decision.lines.iter().any(|line| {
                let same_group = line.group.as_deref() == Some(&*query.group);
                line.plan == query.plan && (same_group || line.group.is_none() || line.reverses.is_some())
            })
        });
    }
    // Whatever is written may count toward a total.
    if !decision.writes.is_empty() || !decision.lines.is_empty() {
        facts.totals.clear();
    }
    // A kind of facts that is added to the engine must be thought of here: this stops compiling then.
    let Facts {
        records: _,
        attachments: _,
        keys: _,
        holders: _,
        duplicates: _,
        collections: _,
        children: _,
        deleted_children: _,
        referring: _,
        since: _,
        referrers: _,
        numbers: _,
        closed_periods: _,
        statements: _,
        stated: _,
        lines: _,
        cumulated: _,
        totals: _,
        rate_uses: _,
        // Only of units of a run, which come alone.
        ahead: _,
    } = facts;
}

/// Forgets the records for which those of an object count, where something is decided by it.
fn forget_totals(model: &Model, facts: &mut Facts, object: &str) {
    for (of, _) in model.object(object).into_iter().flat_map(|object| &object.counted_by) {
        if model.object(of).is_some_and(|of| of.totals_decide) {
            facts.records.retain(|(name, _), _| name != of);
        }
    }
}

/// Forgets what the change of a record makes untrue.
fn forget(facts: &mut Facts, object: &Object, record: Option<&Arc<Record>>, deletes: bool) {
    if object.is_collection {
        facts.collections.remove(&object.name);
    }
    // Whether anything refers to a record is only asked where one is deleted; a deletion adds nothing that refers.
    if deletes {
        facts.referrers.retain(|_, referrers| referrers.is_empty());
        facts.referring.retain(|_, referring| referring.is_empty());
    } else {
        facts.referrers.clear();
        facts.referring.clear();
    }
    if let Some(record) = record {
        facts.since.retain(|(_, id, _), _| *id != record.id());
        facts.deleted_children.retain(|(_, parent), _| *parent != record.id());
    }
    if let Some(parent) = record.and_then(|record| record.parent()) {
        facts.children.remove(&(object.name.clone(), parent));
    }
}

/// A record looks like what it looks like now, and no more like what it did.
fn look_alike(facts: &mut Facts, object: &Object, record: &Arc<Record>, is_new: bool) {
    if object.duplicates.is_empty() {
        return;
    }
    // Nothing looked like a record that was not there.
    if !is_new {
        facts.duplicates.retain(|(name, _, _), ids| {
            // Of a full list nobody knows who would move up.
            if *name == object.name && ids.len() > CANDIDATES_MAX && ids.contains(&record.id()) {
                return false;
            }
            ids.retain(|id| *id != record.id());
            true
        });
    }
    for rule in object.duplicates.iter().filter(|_| !record.is_deleted()) {
        let Some(key) = rule.key(&record.values) else { continue };
        if let Some(ids) = facts.duplicates.get_mut(&(object.name.clone(), rule.name.clone(), key))
            && let Err(place) = ids.binary_search(&record.id())
            && ids.len() <= CANDIDATES_MAX
        {
            ids.insert(place, record.id());
        }
    }
}

/// A new record has its values in unique fields now, where nobody had them.
fn hold(facts: &mut Facts, object: &Object, record: &Arc<Record>) {
    for (slot, field) in object.own_fields() {
        let value = &record.values[slot];
        if value.is_null() {
            continue;
        }
        if object.key == Some(slot)
            && let Some(text) = value.as_text()
            && let Some(holder @ None) = facts.keys.get_mut(&(object.name.clone(), text.to_owned()))
        {
            *holder = Some(record.id());
        }
        if (field.unique || object.key == Some(slot))
            && let Some(holder @ None) =
                facts.holders.get_mut(&(object.name.clone(), field.name.clone(), value.clone()))
        {
            *holder = Some(record.id());
        }
    }
}
