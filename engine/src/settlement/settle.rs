//! Settling facts: the lines that should exist against those posted, and the difference. Completing a record and a
//! run over a period come through the same door, so the second finds nothing to do after the first.

use super::desired::{Desired, Group, Priced, desired};
use super::line::{Line, StatementHead, StatementKey, StatementStatus};
use super::plan::{Plan, StepKind, TaxRate};
use super::post;
use super::trace::LookupTrace;
use crate::codes::Code;
use crate::decide::Halt;
use crate::decision::{Decision, FactFailure, NewStatement, SettleUnit};
use crate::env::Reader;
use crate::facts::CumulationQuery;
use crate::ids::IdSource;
use crate::moment::Date;
use crate::object::Object;
use crate::period::Period;
use crate::record::{Name, Record};
use crate::refusal::Refusal;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Settles the facts of one unit of a run.
pub fn settle_unit(reader: &Reader<'_>, unit: &SettleUnit) -> Result<Decision, Halt> {
    let Some(plan) = reader.model.plans.get(&unit.plan) else {
        return Err(
            Refusal::new(Code::UnknownDefinition, format!("there is no settlement plan `{}`", unit.plan)).into()
        );
    };
    let mut batch = Vec::with_capacity(unit.facts.len());
    for id in &unit.facts {
        batch.push((*id, reader.record(&plan.object, *id).unwrap_or_default()));
        want_lines(reader, plan, *id);
    }
    want_closed(reader, plan);
    want_collections(reader, plan);
    if !reader.needs().is_empty() {
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
    want_lines(reader, plan, record.id());
    let Some(posted) = reader.facts.lines.get(&(plan.name.clone(), record.id())) else { return Err(Halt::Missing) };
    // Facts after this one in its groups, old and new: their tiers may move.
    let mut queries: BTreeSet<CumulationQuery> = BTreeSet::new();
    for line in posted {
        if let (Some(digest), Some(period)) = (&line.group, &line.group_period) {
            queries.insert(later_in(
                plan,
                &line.line,
                &Group { digest: digest.clone(), period: period.clone() },
                line.business_date,
                line.fact,
            ));
        }
    }
    if let (true, Some(date)) = (is_fact(plan, record), business_date(plan, record)) {
        let object = reader.model.objects.get(&plan.object).expect("the plan's object was checked");
        match desired(reader, plan, object, record, date, &recorded(posted)) {
            Ok(lines) => queries.extend(
                lines
                    .iter()
                    .filter_map(|line| Some(later_in(plan, &line.line, line.group.as_ref()?, date, record.id()))),
            ),
            Err(Halt::Missing) => return Err(Halt::Missing),
            // Said again, with its reason, when the fact is settled.
            Err(Halt::Refused(_)) => {}
        }
    }
    let mut others: BTreeSet<Uuid> = BTreeSet::new();
    let mut missing = false;
    for query in queries {
        match reader.facts.cumulated.get(&query) {
            Some(found) => others.extend(found.later.iter().copied()),
            None => {
                missing = true;
                reader.need(|need| {
                    need.cumulated.insert(query);
                });
            }
        }
    }
    if missing {
        return Err(Halt::Missing);
    }
    others.remove(&record.id());
    let mut batch = vec![(record.id(), Some(record.clone()))];
    for id in others {
        want_lines(reader, plan, id);
        batch.push((id, reader.record(&plan.object, id).unwrap_or_default()));
    }
    if !reader.needs().is_empty() {
        return Err(Halt::Missing);
    }
    let mut settling = Settling::new(reader, plan, None);
    settling.settle(batch)?;
    settling.finish(decision, ids)
}

fn later_in(plan: &Plan, line: &Name, group: &Group, date: Date, fact: Uuid) -> CumulationQuery {
    CumulationQuery {
        plan: plan.name.clone(),
        line: line.clone(),
        group: group.digest.clone(),
        period: group.period.clone(),
        before: Some((date, fact)),
        later: true,
    }
}

fn want_lines(reader: &Reader<'_>, plan: &Plan, fact: Uuid) {
    let key = (plan.name.clone(), fact);
    if !reader.facts.lines.contains_key(&key) {
        reader.need(|need| {
            need.lines.insert(key);
        });
    }
}

/// The tables the plan looks up and the classifications its expressions may read: small, shared, and needed sooner or later,
/// so they are asked for with the facts.
fn want_collections(reader: &Reader<'_>, plan: &Plan) {
    let steps = plan.steps.iter().filter_map(|step| match &step.kind {
        StepKind::Lookup(lookup) => Some(&lookup.table),
        StepKind::Formula(_) => None,
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
    for object in steps.chain(taxes).chain(classes) {
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
    record.state() == Some(&*plan.state) && !record.is_deleted()
}

fn business_date(plan: &Plan, record: &Record) -> Option<Date> {
    record.values[plan.day_slot].as_date()
}

fn recorded(posted: &[Arc<Line>]) -> Vec<LookupTrace> {
    posted.iter().flat_map(|line| line.trace.lookups.iter().cloned()).collect()
}

type GroupKey = (Name, Group);

/// One batch of facts being settled, in order of (business date, id).
struct Settling<'r, 'a> {
    reader: &'r Reader<'a>,
    plan: &'r Plan,
    run: Option<Uuid>,
    /// Quantity of each group up to the fact at hand, once the group was met.
    running: BTreeMap<GroupKey, Decimal>,
    /// Posted quantity of the batch's own facts so far, in groups not met yet.
    passed: BTreeMap<GroupKey, Decimal>,
    /// The same for late facts, which stand after everything posted.
    late: BTreeMap<GroupKey, Decimal>,
    reversals: Vec<Arc<Line>>,
    charges: Vec<Charge>,
    failures: Vec<FactFailure>,
    facts: u64,
    unchanged: u64,
}

struct Charge {
    fact: Uuid,
    date: Date,
    desired: Desired,
    priced: Priced,
    service_period: Period,
}

impl<'r, 'a> Settling<'r, 'a> {
    fn new(reader: &'r Reader<'a>, plan: &'r Plan, run: Option<Uuid>) -> Settling<'r, 'a> {
        Settling {
            reader,
            plan,
            run,
            running: BTreeMap::new(),
            passed: BTreeMap::new(),
            late: BTreeMap::new(),
            reversals: Vec::new(),
            charges: Vec::new(),
            failures: Vec::new(),
            facts: 0,
            unchanged: 0,
        }
    }

    fn settle(&mut self, mut batch: Vec<(Uuid, Option<Arc<Record>>)>) -> Result<(), Halt> {
        batch.sort_by_key(|(id, record)| (record.as_ref().and_then(|record| business_date(self.plan, record)), *id));
        let mut missing = false;
        for (id, record) in batch {
            match self.settle_fact(id, record.as_deref()) {
                Ok(()) => {}
                Err(Halt::Missing) => missing = true,
                Err(Halt::Refused(refusal)) => {
                    self.failures.push(FactFailure { object: self.plan.object.clone(), fact: id, refusal: *refusal });
                }
            }
        }
        if missing { Err(Halt::Missing) } else { Ok(()) }
    }

    fn settle_fact(&mut self, id: Uuid, record: Option<&Record>) -> Result<(), Halt> {
        let posted = self.reader.facts.lines.get(&(self.plan.name.clone(), id)).ok_or(Halt::Missing)?;
        let fact = record.filter(|record| is_fact(self.plan, record));
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
        let service_period = dated.map(|date| self.calendar().period_of(date));
        let closed = service_period.as_ref().is_some_and(|period| self.is_closed(&period.name));
        let mut open: Vec<&Arc<Line>> = posted.iter().collect();
        let mut charges = Vec::new();
        let mut outcome = Ok(());
        for desired in wanted {
            let date = dated.unwrap_or(Date::ZERO);
            let standing = open.iter().position(|line| line.line == desired.line);
            let standing = standing.map(|index| open.remove(index));
            // In a closed period earlier lines stay as they are while what they were made from is the same.
            if closed && standing.is_some_and(|line| desired.same_basis(line)) {
                continue;
            }
            if let Some(period) = &service_period {
                self.want_statement(&desired, period);
            }
            let before = self.before(&desired, date, id, closed, posted)?;
            match desired.priced(self.reader, self.plan, before) {
                Err(refusal) => {
                    outcome = Err(Halt::from(refusal));
                    break;
                }
                Ok(priced) => {
                    if let Some(group) = &desired.group {
                        let key = (desired.line.clone(), group.clone());
                        let map = if closed { &mut self.late } else { &mut self.running };
                        *map.entry(key).or_default() += desired.quantity;
                    }
                    if let Some(line) = standing {
                        if desired.same_basis(line)
                            && line.gross == priced.gross
                            && line.net == priced.net
                            && line.tax == priced.tax
                        {
                            continue;
                        }
                        self.reversals.push(line.clone());
                    }
                    charges.push(Charge {
                        fact: id,
                        date,
                        desired,
                        priced,
                        service_period: service_period.clone().expect("a dated fact has a period"),
                    });
                }
            }
        }
        self.pass(posted);
        outcome?;
        if charges.is_empty() && open.is_empty() && fact.is_some() {
            self.unchanged += 1;
        }
        self.reversals.extend(open.into_iter().cloned());
        self.charges.extend(charges);
        Ok(())
    }

    fn wanted(&self, fact: &Record, posted: &[Arc<Line>]) -> Result<(Vec<Desired>, Option<Date>), Halt> {
        let object = self.reader.model.objects.get(&self.plan.object).expect("the plan's object was checked");
        let Some(date) = business_date(self.plan, fact) else {
            let field = &object.fields[self.plan.date_slot].name;
            return Err(Refusal::new(Code::NullInput, format!("the business date `{field}` is empty"))
                .with("field", &**field)
                .into());
        };
        desired(self.reader, self.plan, object, fact, date, &recorded(posted)).map(|lines| (lines, Some(date)))
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
            plan: self.plan.name.clone(),
            line: desired.line.clone(),
            group: group.digest.clone(),
            period: group.period.clone(),
            before: (!closed).then_some((date, fact)),
            later: false,
        };
        let Some(found) = self.reader.facts.cumulated.get(&query) else {
            self.reader.need(|need| {
                need.cumulated.insert(query);
            });
            // Go on with a guess, so that the same round asks for everything else.
            self.running.entry(key).or_default();
            return Err(Halt::Missing);
        };
        if closed {
            let own: Decimal = posted.iter().filter(|line| in_group(line, &key)).map(|line| line.quantity).sum();
            return Ok(found.quantity - own + self.late.get(&key).copied().unwrap_or_default());
        }
        let before = found.quantity - self.passed.get(&key).copied().unwrap_or_default();
        self.running.insert(key, before);
        Ok(before)
    }

    /// The batch has gone past a fact: its posted quantity no longer stands before the facts that follow.
    fn pass(&mut self, posted: &[Arc<Line>]) {
        for line in posted {
            if let (Some(digest), Some(period)) = (&line.group, &line.group_period) {
                let key = (line.line.clone(), Group { digest: digest.clone(), period: period.clone() });
                *self.passed.entry(key).or_default() += line.quantity;
            }
        }
    }

    /// A fact whose lines cannot be told keeps what is posted, and its place in its groups.
    fn keep(&mut self, posted: &[Arc<Line>]) {
        for line in posted {
            if let (Some(digest), Some(period)) = (&line.group, &line.group_period) {
                let key = (line.line.clone(), Group { digest: digest.clone(), period: period.clone() });
                if let Some(running) = self.running.get_mut(&key) {
                    *running += line.quantity;
                }
            }
        }
    }

    fn calendar(&self) -> &'a crate::period::PeriodCalendar {
        self.reader.model.calendars.get(&self.plan.calendar).expect("the plan's calendar was checked")
    }

    fn is_closed(&self, period: &str) -> bool {
        self.reader.facts.closed_periods.get(&self.plan.calendar).is_some_and(|closed| closed.contains(period))
    }

    /// The first open period from this one on.
    fn open_from(&self, period: &Period) -> Period {
        let mut period = period.clone();
        while self.is_closed(&period.name) {
            period = self.calendar().next(&period);
        }
        period
    }

    /// Turns what was found into lines, statements and entries.
    fn finish(mut self, decision: &mut Decision, ids: &mut IdSource) -> Result<(), Halt> {
        let moment = self.reader.context.moment;
        let mut lines = Vec::new();
        for line in std::mem::take(&mut self.reversals) {
            let posted_in =
                self.calendar().named(&line.period).unwrap_or_else(|| self.calendar().period_of(line.business_date));
            let period = self.open_from(&posted_in);
            lines.push(post::reversal(&line, ids.take(), &period, self.run, moment));
        }
        for charge in std::mem::take(&mut self.charges) {
            let period = self.open_from(&charge.service_period);
            let corrects = (period.name != charge.service_period.name).then(|| charge.service_period.name.clone());
            let (desired, priced) = (charge.desired, charge.priced);
            lines.push(Line {
                id: ids.take(),
                plan: self.plan.name.clone(),
                line: desired.line,
                fact_object: self.plan.object.clone(),
                fact: charge.fact,
                payer: desired.payer,
                payee: desired.payee,
                business_date: charge.date,
                period: period.name,
                service_period: charge.service_period.name,
                corrects,
                reverses: None,
                group: desired.group.as_ref().map(|group| group.digest.clone()),
                group_period: desired.group.map(|group| group.period),
                quantity: desired.quantity,
                gross: priced.gross,
                net: priced.net,
                tax: priced.tax,
                tax_rate: priced.tax_rate,
                tax_kind: priced.treatment,
                currency: priced.currency,
                dimensions: desired.dimensions,
                trace: priced.trace,
                statement: None,
                run: self.run,
                posted_at: moment,
            });
        }
        self.place_on_statements(&mut lines, decision, ids)?;
        post::entries(self.reader.model, self.plan, &lines, decision, ids, self.run, moment)?;
        decision.lines.extend(lines);
        decision.settled.facts += self.facts;
        decision.settled.unchanged += self.unchanged;
        decision.settled.failures.append(&mut self.failures);
        Ok(())
    }

    /// Asks for the statement a line will stand on together with what its price needs.
    fn want_statement(&self, desired: &Desired, service_period: &Period) {
        let Some(statement) = &self.plan.statement else { return };
        let key = StatementKey {
            statement: statement.clone(),
            payer: desired.payer.clone(),
            payee: desired.payee.clone(),
            period: self.open_from(service_period).name,
            currency: desired.currency().clone(),
        };
        if !self.reader.facts.statements.contains_key(&key) {
            self.reader.need(|need| {
                need.statements.insert(key);
            });
        }
    }

    /// Every line stands on the draft statement of its parties and period; where there is none one is opened.
    fn place_on_statements(&self, lines: &mut [Line], decision: &mut Decision, ids: &mut IdSource) -> Result<(), Halt> {
        let Some(statement) = &self.plan.statement else { return Ok(()) };
        let mut drafts: BTreeMap<StatementKey, Uuid> =
            decision.statements.iter().map(|new| (new.key.clone(), new.id)).collect();
        let mut missing = false;
        for line in lines {
            let key = StatementKey {
                statement: statement.clone(),
                payer: line.payer.clone(),
                payee: line.payee.clone(),
                period: line.period.clone(),
                currency: line.currency.clone(),
            };
            if let Some(id) = drafts.get(&key) {
                line.statement = Some(*id);
                continue;
            }
            let id = match self.reader.facts.statements.get(&key) {
                None => {
                    missing = true;
                    self.reader.need(|need| {
                        need.statements.insert(key);
                    });
                    continue;
                }
                Some(Some(StatementHead { id, status: StatementStatus::Draft, .. })) => *id,
                Some(newest) => {
                    let ordinal = newest.as_ref().map_or(1, |head| head.ordinal + 1);
                    let new = NewStatement {
                        id: ids.take(),
                        key: key.clone(),
                        ordinal,
                        status: StatementStatus::Draft,
                        at: self.reader.context.moment,
                    };
                    let id = new.id;
                    decision.statements.push(new);
                    id
                }
            };
            drafts.insert(key, id);
            line.statement = Some(id);
        }
        if missing { Err(Halt::Missing) } else { Ok(()) }
    }
}

fn in_group(line: &Line, (name, group): &GroupKey) -> bool {
    line.line == *name
        && line.group.as_deref() == Some(&*group.digest)
        && line.group_period.as_deref() == Some(&*group.period)
}
