//! What is worked out of facts before their turn: what they lead to, and the lines they should have as if nothing stood
//! posted for them. Only where a fact stands in its groups, and what is posted, is left for the turn itself.

use super::{business_date, is_fact, want_collections};
use crate::decision::Context;
use crate::env::Reader;
use crate::facts::{Collection, Facts, Need};
use crate::model::Model;
use crate::record::{Name, Record};
use crate::settlement::desired::{Desired, Fact, Known, desired};
use crate::settlement::plan::Plan;
use crate::settlement::reads::Leads;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Lines of facts of one plan, worked out from the records they travel with and from these collections.
#[derive(Debug, Default)]
pub struct Ahead {
    plan: Name,
    collections: BTreeMap<Name, Arc<Collection>>,
    lines: BTreeMap<Uuid, Vec<Desired>>,
}

impl Ahead {
    /// The lines of a fact for which nothing stands posted.
    pub(super) fn of(&self, plan: &Plan, fact: Uuid) -> Option<&[Desired]> {
        (self.plan == plan.name).then(|| self.lines.get(&fact).map(Vec::as_slice)).flatten()
    }

    /// Whether the collections are still those it was worked out from.
    pub(super) fn holds(&self, facts: &Facts) -> bool {
        let same = |(name, of): (&Name, &Arc<Collection>)| {
            facts.collections.get(name).is_some_and(|at_hand| Arc::ptr_eq(at_hand, of))
        };
        self.collections.iter().all(same)
    }
}

/// What facts are made of and is not at hand: their records, what those lead to, tables and trees. Empty when all is there.
pub fn foresee(model: &Model, facts: &Facts, context: &Context, plan: &Plan, ids: &[Uuid]) -> Need {
    let reader = Reader::new(model, facts, context);
    want_collections(&reader, plan);
    let Some(object) = model.objects.get(&plan.object) else { return Need::default() };
    let (leads, known) = (Leads::of(plan), Known::new(plan));
    leads.foresee_shared(&reader, &known);
    for id in ids {
        let Ok(Some(record)) = reader.record(&plan.object, *id) else { continue };
        if let Some(date) = business_date(plan, &record).filter(|_| is_fact(plan, &record)) {
            let fact = Fact { object, record: &record, date, period: None, bound: None };
            leads.foresee(&reader, &known, &fact.env(&reader, &known));
        }
    }
    reader.needs()
}

/// Works out what can be; the rest waits for its turn, which says what is wrong with it.
pub fn work_out(model: &Model, facts: &Facts, context: &Context, plan: &Plan, ids: &[Uuid]) -> Ahead {
    let reader = Reader::new(model, facts, context);
    let Some(object) = model.objects.get(&plan.object) else { return Ahead::default() };
    let known = Known::new(plan);
    let of_fact = |id: &Uuid| {
        let record: Arc<Record> = reader.record(&plan.object, *id).ok()??;
        let date = business_date(plan, &record).filter(|_| is_fact(plan, &record))?;
        let fact = Fact { object, record: &record, date, period: None, bound: None };
        Some((*id, desired(&reader, plan, &known, fact, &[]).ok()?))
    };
    let lines = ids.iter().filter_map(of_fact).collect();
    Ahead { plan: plan.name.clone(), collections: facts.collections.clone(), lines }
}
