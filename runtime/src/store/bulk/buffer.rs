//! What many commands decided and is still to be written: one decision made of many, each record in it once.

use crate::store::record::{UniqueMove, unique_move};
use packwork_engine::decision::{Decision, TodoChange, Write};
use packwork_engine::model::Model;
use packwork_engine::record::Name;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

#[derive(Default)]
pub(super) struct Buffer {
    decision: Decision,
    /// `None` where a later command took back what an earlier one was to write.
    writes: Vec<Option<Write>>,
    places: BTreeMap<(Name, Uuid), usize>,
    /// The last word on each to-do.
    todos: BTreeMap<(Name, Uuid, String), TodoChange>,
    /// Objects of which records are added.
    inserted: BTreeSet<Name>,
    /// Objects of which a value that is unique is changed.
    moved: BTreeSet<Name>,
    /// Objects of which records are deleted, and their unique values free.
    freed: BTreeSet<Name>,
    /// How many commands it came from.
    commands: usize,
}

impl Buffer {
    pub(super) fn is_empty(&self) -> bool {
        self.commands == 0
    }

    pub(super) fn len(&self) -> usize {
        self.commands
    }

    /// Whether a decision must find what is waiting written: deletions go before changes and those before additions, so
    /// a unique value that moves in a later command would be free for an earlier one that must not have it.
    pub(super) fn must_go_before(&self, model: &Model, decision: &Decision) -> bool {
        decision.writes.iter().any(|write| match moves_unique_value(model, write) {
            Some((object, UniqueMove::Takes)) => {
                self.inserted.contains(object) || self.moved.contains(object) || self.freed.contains(object)
            }
            Some((object, _)) => self.inserted.contains(object) || self.moved.contains(object),
            None => false,
        })
    }

    pub(super) fn add(&mut self, model: &Model, decision: Decision) {
        for write in &decision.writes {
            match moves_unique_value(model, write) {
                Some((object, UniqueMove::Takes)) => self.moved.insert(object.clone()),
                Some((object, _)) => self.freed.insert(object.clone()),
                None => false,
            };
        }
        for write in decision.writes {
            self.add_write(write);
        }
        self.decision.events.extend(decision.events);
        for todo in decision.todos {
            self.todos.insert((todo.object.clone(), todo.record, todo.todo.clone()), todo);
        }
        self.decision.files.extend(decision.files);
        self.decision.lines.extend(decision.lines);
        self.decision.entries.extend(decision.entries);
        self.decision.statements.extend(decision.statements);
        self.commands += 1;
    }

    fn add_write(&mut self, write: Write) {
        let key = match &write {
            Write::Insert(record) | Write::Update { record, .. } => (record.object.clone(), record.id()),
            Write::Remove { object, id, .. } => (object.clone(), *id),
        };
        if matches!(write, Write::Insert(_)) {
            self.inserted.insert(key.0.clone());
        }
        let Some(place) = self.places.get(&key).copied() else {
            self.places.insert(key, self.writes.len());
            self.writes.push(Some(write));
            return;
        };
        let waiting = &mut self.writes[place];
        *waiting = match (waiting.take(), write) {
            (Some(Write::Insert(_)), Write::Update { record, .. }) => Some(Write::Insert(record)),
            (Some(Write::Insert(_)), Write::Remove { .. }) => None,
            (Some(Write::Update { expected, changed, .. }), Write::Update { record, changed: more, .. }) => {
                let slots: BTreeSet<usize> = changed.into_iter().chain(more).collect();
                Some(Write::Update { record, expected, changed: slots.into_iter().collect() })
            }
            (Some(Write::Update { expected, .. }), Write::Remove { object, id, .. }) => {
                Some(Write::Remove { object, id, expected })
            }
            (_, write) => Some(write),
        };
    }

    /// Everything as one decision.
    pub(super) fn take(&mut self) -> Decision {
        let taken = std::mem::take(self);
        let mut decision = taken.decision;
        decision.writes = taken.writes.into_iter().flatten().collect();
        decision.todos = taken.todos.into_values().collect();
        decision
    }
}

/// The object whose unique values a change touches, and how.
fn moves_unique_value<'w>(model: &Model, write: &'w Write) -> Option<(&'w Name, UniqueMove)> {
    match write {
        Write::Insert(_) => None,
        Write::Remove { object, .. } => Some((object, UniqueMove::Frees)),
        Write::Update { record, changed, .. } => match unique_move(model, &record.object, record, changed) {
            UniqueMove::Nothing => None,
            moved => Some((&record.object, moved)),
        },
    }
}
