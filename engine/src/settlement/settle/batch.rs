//! One batch of facts being settled, in order of (business date, id): what each should have against what stands posted.

use super::posting::{Charge, Posting};
use super::{Ahead, business_date, group_of, is_fact, value_of};
use crate::codes::Code;
use crate::decide::Halt;
use crate::decision::{Against, Decision, FactFailure};
use crate::env::Reader;
use crate::facts::CumulationQuery;
use crate::ids::IdSource;
use crate::moment::Date;
use crate::record::{Name, Record};
use crate::refusal::Refusal;
use crate::settlement::desired::{Counts, Desired, Fact, Group, Part, desired};
use crate::settlement::line::Line;
use crate::settlement::plan::Plan;
use crate::settlement::reads::Leads;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// A group of a line: what adds up together.
pub(super) type GroupKey = (Name, Group);

pub(super) struct Settling<'r, 'a> {
    posting: Posting<'r, 'a>,
    /// What each group comes to up to the fact at hand, once the group was met.
    running: BTreeMap<GroupKey, Decimal>,
    /// What is posted of the batch's own facts so far, in groups not met yet.
    passed: BTreeMap<GroupKey, Decimal>,
    /// The same for late facts, which stand after everything posted.
    late: BTreeMap<GroupKey, Decimal>,
    /// What was worked out before, where it still holds.
    ahead: Option<&'a Ahead>,
    failures: Vec<FactFailure>,
    facts: u64,
    unchanged: u64,
}

/// What becomes of one line a fact should have.
struct Outcome {
    desired: Arc<Desired>,
    parts: Vec<Part>,
}

impl<'r, 'a> Settling<'r, 'a> {
    pub fn new(reader: &'r Reader<'a>, plan: &'r Plan, run: Option<Uuid>) -> Settling<'r, 'a> {
        Settling {
            posting: Posting::new(reader, plan, run),
            running: BTreeMap::new(),
            passed: BTreeMap::new(),
            late: BTreeMap::new(),
            ahead: reader.facts.ahead.as_deref().filter(|ahead| ahead.holds(reader.facts)),
            failures: Vec::new(),
            facts: 0,
            unchanged: 0,
        }
    }

    fn plan(&self) -> &'r Plan {
        self.posting.plan
    }

    fn reader(&self) -> &'r Reader<'a> {
        self.posting.reader
    }

    pub fn settle(&mut self, mut batch: Vec<(Uuid, Option<Arc<Record>>)>) -> Result<(), Halt> {
        let plan = self.plan();
        batch.sort_by_key(|(id, record)| (record.as_ref().and_then(|record| business_date(plan, record)), *id));
        self.foresee(&batch)?;
        let mut missing = false;
        for (id, record) in batch {
            match self.settle_fact(id, record.as_deref()) {
                Ok(()) => {}
                Err(Halt::Missing) => missing = true,
                Err(Halt::Refused(refusal)) => {
                    self.failures.push(FactFailure { object: plan.object.clone(), fact: id, refusal: *refusal });
                }
            }
        }
        if missing || !self.reader().needs_nothing() { Err(Halt::Missing) } else { Ok(()) }
    }

    /// What the facts lead to is at hand before the first of them is decided: deciding is the greater work by far.
    fn foresee(&self, batch: &[(Uuid, Option<Arc<Record>>)]) -> Result<(), Halt> {
        let (reader, plan) = (self.reader(), self.plan());
        let object = reader.model.objects.get(&plan.object).expect("the plan's object was checked");
        let leads = Leads::of(plan);
        for record in batch.iter().filter_map(|(_, record)| record.as_deref()).filter(|record| is_fact(plan, record)) {
            if let Some(date) = business_date(plan, record) {
                leads.foresee(reader, object, record, date);
            }
        }
        if reader.needs_nothing() { Ok(()) } else { Err(Halt::Missing) }
    }

    /// Turns what was found into lines, statements and entries.
    pub fn finish(self, decision: &mut Decision, ids: &mut IdSource) -> Result<(), Halt> {
        self.posting.finish(decision, ids)?;
        decision.settled.facts += self.facts;
        decision.settled.unchanged += self.unchanged;
        decision.settled.failures.extend(self.failures);
        Ok(())
    }

    fn settle_fact(&mut self, id: Uuid, record: Option<&Record>) -> Result<(), Halt> {
        let posted = self.reader().facts.lines.get(&(self.plan().name.clone(), id)).ok_or(Halt::Missing)?;
        let fact = record.filter(|record| is_fact(self.plan(), record));
        self.facts += u64::from(fact.is_some());
        let wanted = match fact {
            None => Ok((Vec::new(), None)),
            Some(fact) => self.wanted(fact, posted),
        };
        let (wanted, dated) = match wanted {
            Ok(wanted) => wanted,
            Err(halt) => {
                self.keep(posted);
                return Err(halt);
            }
        };
        let period = dated.map(|date| self.posting.calendar().period_of(date));
        let closed = period.as_ref().is_some_and(|period| self.posting.is_closed(&period.name));
        let stands = self.reader().terms.against == Against::Posted;
        let mut open: Vec<&Arc<Line>> = posted.iter().filter(|_| stands).collect();
        let mut outcomes = Vec::new();
        let mut failed = None;
        for desired in wanted {
            let date = dated.unwrap_or(Date::ZERO);
            // In a closed period earlier lines stay as they are while what they were made from is the same.
            if closed && open.iter().any(|line| desired.same_basis(line)) {
                open.retain(|line| !desired.covers(line));
                continue;
            }
            if let Some(period) = &period {
                self.posting.want_statement(&desired, period);
            }
            let before = self.before(&desired, date, id, closed, posted)?;
            // A round that lacks something decides nothing: it only asks.
            if !self.reader().needs_nothing() {
                continue;
            }
            match desired.priced(self.reader(), self.plan(), before) {
                Err(refusal) => {
                    failed = Some(refusal);
                    break;
                }
                Ok(parts) => {
                    self.count(&desired, &parts, closed);
                    outcomes.push(Outcome { desired, parts });
                }
            }
        }
        self.pass(posted);
        if let Some(refusal) = failed {
            return Err(refusal.into());
        }
        let mut charges = Vec::new();
        for Outcome { desired, parts } in outcomes {
            for part in parts {
                let standing = open.iter().position(|line| {
                    line.line == part.line && line.payer == desired.payer && line.payee == desired.payee
                });
                let standing = standing.map(|index| open.remove(index));
                if let Some(line) = standing {
                    if is_same(&desired, &part, line) {
                        continue;
                    }
                    self.posting.reversals.push(line.clone());
                }
                charges.push(Charge {
                    fact: id,
                    date: dated.unwrap_or(Date::ZERO),
                    desired: desired.clone(),
                    part,
                    service_period: period.clone().expect("a dated fact has a period"),
                });
            }
        }
        if charges.is_empty() && open.is_empty() && fact.is_some() {
            self.unchanged += 1;
        }
        self.posting.reversals.extend(open.into_iter().cloned());
        self.posting.charges.extend(charges);
        Ok(())
    }

    fn wanted(&self, fact: &Record, posted: &[Arc<Line>]) -> Result<(Vec<Arc<Desired>>, Option<Date>), Halt> {
        let plan = self.plan();
        let object = self.reader().model.objects.get(&plan.object).expect("the plan's object was checked");
        let Some(date) = business_date(plan, fact) else {
            let field = plan.in_state().map_or("", |facts| &*object.fields[facts.date_slot].name);
            return Err(Refusal::new(Code::NullInput, format!("the business date `{field}` is empty"))
                .with("field", field)
                .into());
        };
        let ahead = self.ahead.filter(|_| posted.is_empty()).and_then(|ahead| ahead.of(plan, fact.id()));
        if let Some(lines) = ahead {
            return Ok((lines.to_vec(), Some(date)));
        }
        let fact = Fact { object, record: fact, date, period: None, bound: None };
        let lines = desired(self.reader(), plan, fact, posted)?;
        Ok((lines.into_iter().map(Arc::new).collect(), Some(date)))
    }

    /// What the group of a line had before its fact.
    fn before(
        &mut self,
        desired: &Desired,
        date: Date,
        fact: Uuid,
        closed: bool,
        posted: &[Arc<Line>],
    ) -> Result<Decimal, Halt> {
        let Some(group) = &desired.group else { return Ok(Decimal::ZERO) };
        let key = (desired.line.clone(), group.clone());
        if !closed && let Some(before) = self.running.get(&key) {
            return Ok(*before);
        }
        let query = CumulationQuery {
            plan: self.plan().name.clone(),
            line: desired.line.clone(),
            group: group.digest.clone(),
            period: group.period.clone(),
            counts: group.counts,
            before: (!closed).then_some((date, fact)),
            later: false,
        };
        let Some(found) = self.reader().facts.cumulated.get(&query) else {
            self.reader().need(|need| {
                need.cumulated.insert(query);
            });
            // Go on with a guess, so that the same round asks for everything else.
            self.running.entry(key).or_default();
            return Err(Halt::Missing);
        };
        if closed {
            let own = posted.iter().filter(|line| group_of(self.plan(), line).as_ref() == Some(&key));
            let own: Decimal = own.map(|line| value_of(line, group.counts)).sum();
            return Ok(found.sum - own + self.late.get(&key).copied().unwrap_or_default());
        }
        let before = found.sum - self.passed.get(&key).copied().unwrap_or_default();
        self.running.insert(key, before);
        Ok(before)
    }

    /// A line enters its group.
    fn count(&mut self, desired: &Desired, parts: &[Part], closed: bool) {
        let Some(group) = &desired.group else { return };
        let counted = match group.counts {
            Counts::Quantity => desired.quantity,
            Counts::Amount => parts.iter().map(|part| part.priced.gross).sum(),
        };
        let map = if closed { &mut self.late } else { &mut self.running };
        *map.entry((desired.line.clone(), group.clone())).or_default() += counted;
    }

    /// The batch has gone past a fact: what is posted of it no longer stands before the facts that follow.
    fn pass(&mut self, posted: &[Arc<Line>]) {
        for line in posted {
            if let Some(key) = group_of(self.plan(), line) {
                let value = value_of(line, key.1.counts);
                *self.passed.entry(key).or_default() += value;
            }
        }
    }

    /// A fact whose lines cannot be told keeps what is posted, and its place in its groups.
    fn keep(&mut self, posted: &[Arc<Line>]) {
        for line in posted {
            if let Some(key) = group_of(self.plan(), line)
                && let Some(running) = self.running.get_mut(&key)
            {
                *running += value_of(line, key.1.counts);
            }
        }
    }
}

/// Whether a posted line is what should be posted.
pub(super) fn is_same(desired: &Desired, part: &Part, line: &Line) -> bool {
    let same_basis = if part.line == desired.line { desired.same_basis(line) } else { desired.same_content(line) };
    let priced = &part.priced;
    same_basis && line.gross == priced.gross && line.net == priced.net && line.tax == priced.tax
}
