//! Who may do and see what: role grants as predicates over `query`, and the list of what may be done now.
//! No sessions or passwords.

use crate::codes::Code;
use crate::decide::{Halt, may_start};
use crate::decision::{Actor, Context};
use crate::definition::role::{GrantDefinition, RoleDefinition, Rows, SettlementRead};
use crate::env::Reader;
use crate::facts::{Facts, Need};
use crate::model::Model;
use crate::object::{Object, Source};
use crate::query::{Comparison, Filter, FilterPath, filter};
use crate::record::{Name, Record, slot};
use crate::refusal::Refusal;
use crate::value::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What one actor may do: the sum of the actor's roles.
#[derive(Clone, Debug, Default)]
pub struct Rights {
    pub everything: bool,
    objects: BTreeMap<Name, Granted>,
    settlement_read: SettlementRead,
    settlement: BTreeSet<SettlementAction>,
}

#[derive(Clone, Debug, Default)]
struct Granted {
    create: bool,
    update: bool,
    delete: bool,
    export: bool,
    transitions: BTreeSet<String>,
    /// Rows the actor may read; absent where nothing may be read.
    rows: Option<Filter>,
    /// Fields every role that reads the object hides.
    hidden: Option<BTreeSet<String>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    Create,
    Read,
    Update,
    Delete,
    /// Take lists away as files.
    Export,
    Transition(&'a str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SettlementAction {
    Run,
    Close,
    Issue,
    Confirm,
}

impl Rights {
    /// The rights of an actor, from the roles the model knows. A role that was removed grants nothing.
    pub fn of(model: &Model, actor: &Actor) -> Rights {
        let mut rights = Rights::default();
        for role in actor.roles.iter().filter_map(|role| model.roles.get(role.as_str())) {
            rights.add(model, actor, role);
        }
        rights
    }

    /// Rights of the system itself: jobs, seeds, the command line.
    pub fn system() -> Rights {
        Rights { everything: true, ..Rights::default() }
    }

    fn add(&mut self, model: &Model, actor: &Actor, role: &RoleDefinition) {
        self.everything |= role.everything;
        for (name, grant) in &role.objects {
            let Some(object) = model.objects.get(name.as_str()) else { continue };
            self.objects.entry(object.name.clone()).or_default().add(model, actor, object, grant);
        }
        if let Some(grant) = &role.settlement {
            self.settlement_read = match (self.settlement_read, grant.read) {
                (SettlementRead::All, _) | (_, SettlementRead::All) => SettlementRead::All,
                (SettlementRead::Party, _) | (_, SettlementRead::Party) => SettlementRead::Party,
                _ => SettlementRead::None,
            };
            for (granted, action) in [
                (grant.run, SettlementAction::Run),
                (grant.close, SettlementAction::Close),
                (grant.issue, SettlementAction::Issue),
                (grant.confirm, SettlementAction::Confirm),
            ] {
                if granted {
                    self.settlement.insert(action);
                }
            }
        }
    }

    pub fn may(&self, object: &str, action: Action<'_>) -> bool {
        if self.everything {
            return true;
        }
        let Some(granted) = self.objects.get(object) else { return false };
        match action {
            Action::Create => granted.create,
            Action::Read => granted.rows.is_some(),
            Action::Update => granted.update,
            Action::Delete => granted.delete,
            Action::Export => granted.export && granted.rows.is_some(),
            Action::Transition(name) => granted.transitions.contains(name) || granted.transitions.contains("*"),
        }
    }

    /// The rows an actor may read: goes into every read.
    pub fn rows(&self, object: &str) -> Filter {
        if self.everything {
            return Filter::All;
        }
        self.objects.get(object).and_then(|granted| granted.rows.clone()).unwrap_or(Filter::Nothing)
    }

    /// Whether a field's value is shown.
    pub fn shows(&self, object: &str, field: &str) -> bool {
        self.everything
            || self
                .objects
                .get(object)
                .is_some_and(|granted| !granted.hidden.as_ref().is_some_and(|hidden| hidden.contains(field)))
    }

    /// Whether a role takes a field out of an object the actor reads. Of what is not granted at all nothing is hidden: its
    /// title is part of the records that refer to it.
    pub fn hides(&self, object: &str, field: &str) -> bool {
        let hidden = self.objects.get(object).and_then(|granted| granted.hidden.as_ref());
        !self.everything && hidden.is_some_and(|hidden| hidden.contains(field))
    }

    pub fn settlement_read(&self) -> SettlementRead {
        if self.everything { SettlementRead::All } else { self.settlement_read }
    }

    pub fn may_settle(&self, action: SettlementAction) -> bool {
        self.everything || self.settlement.contains(&action)
    }
}

impl Granted {
    fn add(&mut self, model: &Model, actor: &Actor, object: &Object, grant: &GrantDefinition) {
        self.create |= grant.create;
        self.update |= grant.update;
        self.delete |= grant.delete;
        self.export |= grant.export;
        self.transitions.extend(grant.transitions.iter().cloned());
        if !grant.read {
            return;
        }
        let rows = rows_of(model, actor, object, &grant.rows);
        self.rows = Some(match self.rows.take() {
            None => rows,
            Some(Filter::All) => Filter::All,
            Some(_) if rows == Filter::All => Filter::All,
            Some(former) => Filter::Or(vec![former, rows]),
        });
        let hidden: BTreeSet<String> = grant.hide.iter().cloned().collect();
        self.hidden = Some(match self.hidden.take() {
            None => hidden,
            Some(former) => former.intersection(&hidden).cloned().collect(),
        });
    }
}

/// A row rule as a filter. A rule that cannot be read grants nothing.
fn rows_of(model: &Model, actor: &Actor, object: &Object, rows: &Rows) -> Filter {
    let equals = |slot: usize, value: Value| Filter::Compare {
        path: FilterPath { slots: vec![slot] },
        comparison: Comparison::Equal(value),
    };
    match rows {
        Rows::All => Filter::All,
        Rows::Own => match actor.id {
            Some(id) => Filter::Or(vec![equals(slot::OWNER, Value::Id(id)), equals(slot::CREATED_BY, Value::Id(id))]),
            None => Filter::Nothing,
        },
        Rows::Department => match actor.department {
            Some(id) => equals(slot::DEPARTMENT, Value::Id(id)),
            None => Filter::Nothing,
        },
        Rows::Filter(json) => {
            let terms = filter::Terms { model, actor, now: None, sees: &|_, _| true };
            filter::read(&terms, object, json).unwrap_or(Filter::Nothing)
        }
    }
}

/// Something that may be done with a record, now or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Available {
    pub name: String,
    pub kind: AvailableKind,
    pub primary: bool,
    pub destructive: bool,
    /// Why not now, where it cannot be done.
    pub refused: Option<Refusal>,
    /// Fields the transition takes.
    pub input: Vec<Name>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AvailableKind {
    Transition,
    Update,
    Delete,
    Restore,
}

/// What an actor may do with a record. Transitions that do not start from its state are left out; those whose guard
/// refuses stay, with the reason. `Err` names facts that are missing.
#[expect(clippy::result_large_err, reason = "the needs are the other half of the answer, read at once")]
pub fn available(
    model: &Model,
    facts: &Facts,
    context: &Context,
    rights: &Rights,
    record: &Record,
) -> Result<Vec<Available>, Need> {
    let Some(object) = model.objects.get(&record.object) else { return Ok(Vec::new()) };
    let reader = Reader::new(model, facts, context);
    let mut actions = Vec::new();
    let restorable = object.source == Source::Definition && object.owned_by.is_none();
    if record.is_deleted() {
        let may = restorable && rights.may(&object.name, Action::Delete);
        let restore = Available { primary: true, ..plain("restore", AvailableKind::Restore) };
        return Ok(if may { vec![restore] } else { Vec::new() });
    }
    if restorable {
        let final_state = object
            .lifecycle
            .as_ref()
            .and_then(|lifecycle| lifecycle.state(record.state()?))
            .is_some_and(|state| state.is_final);
        if rights.may(&object.name, Action::Update) && !final_state {
            actions.push(plain("update", AvailableKind::Update));
        }
        for transition in object.lifecycle.iter().flat_map(|lifecycle| &lifecycle.transitions) {
            let starts_here = transition.from.iter().any(|from| Some(&**from) == record.state());
            if !starts_here || !rights.may(&object.name, Action::Transition(&transition.name)) {
                continue;
            }
            let refused = match may_start(&reader, object, transition, record) {
                Ok(()) | Err(Halt::Missing) => None,
                Err(Halt::Refused(refusal)) => Some(*refusal),
            };
            actions.push(Available {
                name: transition.name.to_string(),
                kind: AvailableKind::Transition,
                primary: transition.primary,
                destructive: transition.destructive,
                refused,
                input: transition.input.clone(),
            });
        }
        if rights.may(&object.name, Action::Delete) {
            actions.push(Available { destructive: true, ..plain("delete", AvailableKind::Delete) });
        }
    }
    let needs = reader.needs();
    if needs.is_empty() { Ok(actions) } else { Err(needs) }
}

fn plain(name: &str, kind: AvailableKind) -> Available {
    Available { name: name.to_owned(), kind, primary: false, destructive: false, refused: None, input: Vec::new() }
}

/// The refusal for something an actor may not do.
pub fn forbidden(object: &str, action: &str) -> Refusal {
    Refusal::new(Code::Forbidden, format!("you may not {action} `{object}`"))
        .with("object", object)
        .with("action", action)
}
