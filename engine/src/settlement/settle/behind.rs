//! Who stands behind a fact: those after it in the groups its lines add up in, old and new. Whatever happens to a fact
//! may move their tiers, and nobody else's.

use super::batch::GroupKey;
use super::{business_date, group_named, group_of, is_fact, posted, want_closed, want_collections};
use crate::decide::Halt;
use crate::decision::Context;
use crate::env::Reader;
use crate::facts::{CumulationQuery, Facts, Need};
use crate::model::Model;
use crate::moment::Date;
use crate::record::{Name, Record};
use crate::settlement::desired::{Counts, Fact, Known, desired};
use crate::settlement::line::Line;
use crate::settlement::plan::Plan;
use crate::settlement::schedule::Schedule;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// A line that came or went: its fact is looked at, and who stands behind it in its group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moved {
    pub fact: Uuid,
    pub line: Name,
    pub business_date: Date,
    pub quantity: Decimal,
    /// Digest and period of the group it adds up in.
    pub group: Option<(Name, Name)>,
}

/// A line that stands behind a place in its group.
pub struct Behind {
    pub fact: Uuid,
    pub quantity: Decimal,
    /// The schedule that priced it.
    pub schedule: Option<Name>,
}

/// The facts of lines behind the place of a query, in their order, up to the last whose price may change where the group,
/// which comes to `before` there, moves as far as the query says: beyond all bounds of tiers that add up each unit has one
/// price, wherever it stands. Amounts are capped, and no line is told to be beyond that.
pub fn may_move(model: &Model, query: &CumulationQuery, before: Decimal, behind: &[Behind]) -> Vec<Uuid> {
    let Some(shift) = query.later else { return Vec::new() };
    let mut comes_to = before;
    let mut end = 0;
    for (index, line) in behind.iter().enumerate() {
        let least = comes_to.min(comes_to + line.quantity) - shift;
        let schedule = line.schedule.as_ref().and_then(|name| model.schedules.get(name));
        let beyond = schedule.and_then(Schedule::steady_beyond).is_some_and(|bound| least > bound);
        if !beyond || query.counts == Counts::Amount {
            end = index + 1;
        }
        comes_to += line.quantity;
    }
    let mut facts: Vec<Uuid> = behind[..end].iter().map(|line| line.fact).collect();
    facts.dedup();
    facts
}

/// Groups, each with the first place in it where something may have changed, and how much at most.
#[derive(Default)]
pub(super) struct Groups(BTreeMap<GroupKey, ((Date, Uuid), Decimal)>);

impl Groups {
    fn add(&mut self, key: GroupKey, place: (Date, Uuid), quantity: Decimal) {
        let (first, shift) = self.0.entry(key).or_insert((place, Decimal::ZERO));
        *first = place.min(*first);
        *shift += quantity.abs();
    }

    pub fn add_posted<'l>(&mut self, plan: &Plan, lines: impl IntoIterator<Item = &'l Arc<Line>>) {
        for line in lines {
            if let Some(key) = group_of(plan, line) {
                self.add(key, (line.business_date, line.fact), line.quantity);
            }
        }
    }

    /// Adds the groups of the lines a record should have.
    pub fn add_wanted(
        &mut self,
        reader: &Reader<'_>,
        plan: &Plan,
        known: &Known<'_>,
        record: &Record,
        posted: &[Arc<Line>],
    ) -> Result<(), Halt> {
        let Some(date) = business_date(plan, record).filter(|_| is_fact(plan, record)) else { return Ok(()) };
        let object = reader.model.objects.get(&plan.object).expect("the plan's object was checked");
        let fact = Fact { object, record, date, period: None, bound: None };
        match desired(reader, plan, known, fact, posted) {
            Ok(lines) => {
                for line in lines {
                    if let Some(group) = line.group {
                        self.add((line.line, group), (date, record.id()), line.quantity);
                    }
                }
                Ok(())
            }
            Err(Halt::Missing) => Err(Halt::Missing),
            // Said again, with its reason, when the fact is settled.
            Err(Halt::Refused(_)) => Ok(()),
        }
    }

    /// The facts behind the first places whose lines may have to move.
    pub fn later(self, reader: &Reader<'_>, plan: &Plan) -> Result<BTreeSet<Uuid>, Halt> {
        let mut later = BTreeSet::new();
        let mut missing = false;
        for ((line, group), (place, shift)) in self.0 {
            let query = CumulationQuery {
                plan: plan.name.clone(),
                line,
                group: group.digest,
                period: group.period,
                counts: group.counts,
                before: Some(place),
                until: None,
                later: Some(shift),
                charged_by: None,
            };
            match reader.facts.cumulated.get(&query) {
                Some(found) => later.extend(found.later.iter().copied()),
                None => {
                    missing = true;
                    reader.need(|need| {
                        need.cumulated.insert(query);
                    });
                }
            }
        }
        if missing { Err(Halt::Missing) } else { Ok(later) }
    }
}

/// Facts that changed, those whose lines came or went, and all who stand behind them; or what is needed to tell.
pub fn behind(
    model: &Model,
    facts: &Facts,
    context: &Context,
    plan: &Plan,
    changed: &BTreeSet<Uuid>,
    moved: &[Moved],
) -> Result<BTreeSet<Uuid>, Box<Need>> {
    let reader = Reader::new(model, facts, context);
    let known = Known::new(plan);
    want_closed(&reader, plan);
    want_collections(&reader, plan);
    let mut groups = Groups::default();
    let mut found: BTreeSet<Uuid> = changed.iter().copied().chain(moved.iter().map(|moved| moved.fact)).collect();
    for moved in moved {
        if let Some((digest, period)) = &moved.group {
            let key = group_named(plan, &moved.line, digest.clone(), period.clone());
            groups.add(key, (moved.business_date, moved.fact), moved.quantity);
        }
    }
    for id in &found {
        let posted = posted(&reader, plan, *id);
        groups.add_posted(plan, posted);
        if let Ok(Some(record)) = reader.record(&plan.object, *id) {
            // What is missing is noted with the reader.
            let _ = groups.add_wanted(&reader, plan, &known, &record, posted);
        }
    }
    let needs = reader.needs();
    if !needs.is_empty() {
        return Err(Box::new(needs));
    }
    match groups.later(&reader, plan) {
        Ok(later) => {
            found.extend(later);
            Ok(found)
        }
        Err(_) => Err(Box::new(reader.needs())),
    }
}
