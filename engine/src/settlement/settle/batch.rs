//! One batch of facts being settled, in order of (business date, id): what each should have against what stands posted.

use super::posting::{Charged, Posting};
use super::{Ahead, business_date, group_of, is_fact, value_of};
use crate::codes::Code;
use crate::decide::Halt;
use crate::decision::{Against, Decision, FactFailure};
use crate::env::Reader;
use crate::facts::CumulationQuery;
use crate::hashing::{Hashing, Memo};
use crate::ids::IdSource;
use crate::moment::Date;
use crate::object::Object;
use crate::record::{Name, Record, is_same_name};
use crate::refusal::Refusal;
use crate::settlement::desired::{Before, Counts, Desired, Fact, Group, Known, Part, desired};
use crate::settlement::line::Line;
use crate::settlement::plan::Plan;
use crate::settlement::reads::Leads;
use indexmap::{Equivalent, IndexMap};
use rust_decimal::Decimal;
use std::sync::Arc;
use uuid::Uuid;

/// A group of a line: what adds up together.
pub(super) type GroupKey = (Name, Group);

/// The same, borrowed.
#[derive(Hash)]
struct GroupOf<'k>(&'k Name, &'k Group);

impl Equivalent<GroupKey> for GroupOf<'_> {
    fn equivalent(&self, (line, group): &GroupKey) -> bool {
        let Group { digest, period, counts } = self.1;
        is_same_name(self.0, line)
            && is_same_name(digest, &group.digest)
            && is_same_name(period, &group.period)
            && *counts == group.counts
    }
}

/// Where a fact stands in its groups.
type Place = (Date, Uuid);

/// What a group comes to while the facts of a batch are decided.
#[derive(Clone, Copy)]
struct Running {
    /// What it has before the first of them; none where facts of others stand between them, so that each must ask.
    before: Option<Decimal>,
    /// What those decided since add to it.
    counted: Decimal,
}

/// One fact of a batch: the record, where there is one, and what stands posted for it.
pub(super) struct Item<'a> {
    pub id: Uuid,
    pub record: Option<Arc<Record>>,
    pub posted: &'a [Arc<Line>],
}

/// The lines a fact should have: worked out before its turn, or now.
enum Wanted<'a> {
    Before(&'a [Desired]),
    Now(Vec<Desired>),
}

/// A fact whose lines are settled, and what stands posted for it.
#[derive(Clone, Copy)]
struct Standing<'s> {
    of: Charged<'s>,
    posted: &'s [Arc<Line>],
}

pub(super) struct Settling<'r, 'a> {
    posting: Posting<'r, 'a>,
    object: &'r Object,
    known: Known<'r>,
    /// What each group comes to, once it was met.
    running: Memo<GroupKey, Running>,
    /// The place of the batch's last fact.
    last: Option<Place>,
    /// What stands posted of the batch's own facts, each at its place: none of it counts for what is decided anew.
    own: IndexMap<GroupKey, Vec<(Place, Decimal)>, Hashing>,
    /// The same for late facts, which stand after everything posted: what they add to their groups, and are charged.
    late: IndexMap<GroupKey, (Decimal, Decimal), Hashing>,
    /// What was worked out before, where it still holds.
    ahead: Option<&'a Ahead>,
    /// Of one line at a time: its room is used again.
    parts: Vec<Part>,
    failures: Vec<FactFailure>,
    facts: u64,
    unchanged: u64,
}

impl<'r, 'a> Settling<'r, 'a> {
    pub fn new(reader: &'r Reader<'a>, plan: &'r Plan, run: Option<Uuid>) -> Settling<'r, 'a> {
        Settling {
            posting: Posting::new(reader, plan, run),
            object: reader.model.objects.get(&plan.object).expect("the plan's object was checked"),
            known: Known::new(plan),
            running: Memo::default(),
            last: None,
            own: IndexMap::default(),
            late: IndexMap::default(),
            ahead: reader.facts.ahead.as_deref().filter(|ahead| ahead.holds(reader.facts)),
            parts: Vec::new(),
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

    pub fn settle(&mut self, batch: Vec<Item<'_>>) -> Result<(), Halt> {
        let plan = self.plan();
        let dated = batch.into_iter().map(|item| {
            let date = item.record.as_ref().and_then(|record| business_date(plan, record));
            (date, item)
        });
        let mut batch: Vec<(Option<Date>, Item<'_>)> = dated.collect();
        batch.sort_by_key(|(date, item)| (*date, item.id));
        self.last = batch.last().and_then(|(date, item)| Some(((*date)?, item.id)));
        self.foresee(&batch)?;
        batch.iter().for_each(|(_, item)| self.own(item.posted));
        self.posting.reserve(batch.len());
        let mut missing = false;
        for (date, item) in batch {
            match self.settle_fact(date, &item) {
                Ok(()) => {}
                Err(Halt::Missing) => missing = true,
                Err(Halt::Refused(refusal)) => {
                    let (object, fact) = (plan.object.clone(), item.id);
                    self.failures.push(FactFailure { object, fact, refusal: *refusal });
                }
            }
        }
        if missing || !self.reader().needs_nothing() { Err(Halt::Missing) } else { Ok(()) }
    }

    /// What the facts lead to is at hand before the first of them is decided: deciding is the greater work by far.
    fn foresee(&self, batch: &[(Option<Date>, Item<'_>)]) -> Result<(), Halt> {
        let (reader, plan) = (self.reader(), self.plan());
        let leads = Leads::of(plan);
        if !batch.is_empty() {
            leads.foresee_shared(reader, &self.known);
        }
        for (date, item) in batch {
            if let (Some(date), Some(record)) = (date, item.record.as_deref().filter(|record| is_fact(plan, record))) {
                let fact = self.fact(record, *date);
                leads.foresee(reader, &self.known, &fact.env(reader, &self.known));
            }
        }
        if reader.needs_nothing() { Ok(()) } else { Err(Halt::Missing) }
    }

    fn fact<'f>(&self, record: &'f Record, date: Date) -> Fact<'f>
    where
        'r: 'f,
    {
        Fact { object: self.object, record, date, period: None, bound: None }
    }

    /// Turns what was found into lines, statements and entries.
    pub fn finish(self, decision: &mut Decision, ids: &mut IdSource) -> Result<(), Halt> {
        self.posting.finish(decision, ids)?;
        decision.settled.facts += self.facts;
        decision.settled.unchanged += self.unchanged;
        decision.settled.failures.extend(self.failures);
        Ok(())
    }

    fn settle_fact(&mut self, date: Option<Date>, item: &Item<'_>) -> Result<(), Halt> {
        let posted = item.posted;
        let fact = item.record.as_deref().filter(|record| is_fact(self.plan(), record));
        self.facts += u64::from(fact.is_some());
        let wanted = match fact {
            None => Ok(None),
            Some(record) => self.wanted(record, date, posted).map(Some),
        };
        let wanted = match wanted {
            Ok(wanted) => wanted,
            Err(halt) => {
                self.keep(posted);
                return Err(halt);
            }
        };
        let stands = self.reader().terms.against == Against::Posted;
        let mut open: Vec<&Arc<Line>> = posted.iter().filter(|_| stands).collect();
        let before = self.posting.mark();
        if let Some((date, wanted)) = wanted {
            let posted_in = self.posting.posted_on(date);
            let place = Standing { of: Charged { fact: item.id, date, posted_in: &posted_in }, posted };
            let settled = match &wanted {
                Wanted::Before(lines) => lines.iter().try_for_each(|line| self.settle_line(line, place, &mut open)),
                Wanted::Now(lines) => lines.iter().try_for_each(|line| self.settle_line(line, place, &mut open)),
            };
            if let Err(halt) = settled {
                self.posting.back_to(before);
                return Err(halt);
            }
        }
        open.into_iter().for_each(|line| self.posting.take_back(line));
        self.unchanged += u64::from(!self.posting.has_more(before) && fact.is_some());
        Ok(())
    }

    /// One line a fact should have, against those of it that stand and are not met yet.
    fn settle_line(&mut self, desired: &Desired, place: Standing<'_>, open: &mut Vec<&Arc<Line>>) -> Result<(), Halt> {
        let Standing { of, posted } = place;
        let Charged { fact, date, posted_in } = of;
        // In a closed period earlier lines stay as they are while what they were made from is the same.
        if posted_in.is_closed() && open.iter().any(|line| desired.same_basis(line)) {
            open.retain(|line| !desired.covers(line));
            return Ok(());
        }
        self.posting.want_statement(desired, posted_in);
        let before = self.before(desired, date, fact, posted_in.is_closed(), posted)?;
        // A round that lacks something decides nothing: it only asks.
        if !self.reader().needs_nothing() {
            return Ok(());
        }
        let mut parts = std::mem::take(&mut self.parts);
        desired.priced(self.reader(), self.posting.tracing(), before, &mut parts)?;
        self.count(desired, &parts, posted_in.is_closed());
        for part in parts.drain(..) {
            self.posting.post(of, desired, part, open);
        }
        self.parts = parts;
        Ok(())
    }

    fn wanted(&self, record: &Record, date: Option<Date>, posted: &[Arc<Line>]) -> Result<(Date, Wanted<'a>), Halt> {
        let plan = self.plan();
        let Some(date) = date else {
            let field = plan.in_state().map_or("", |facts| &*self.object.fields[facts.date_slot].name);
            return Err(Refusal::new(Code::NullInput, format!("the business date `{field}` is empty"))
                .with("field", field)
                .into());
        };
        let ahead = self.ahead.filter(|_| posted.is_empty()).and_then(|ahead| ahead.of(plan, record.id()));
        let wanted = match ahead {
            Some(lines) => Wanted::Before(lines),
            None => Wanted::Now(desired(self.reader(), plan, &self.known, self.fact(record, date), posted)?),
        };
        Ok((date, wanted))
    }

    /// What the group of a line had before its fact.
    fn before(
        &mut self,
        desired: &Desired,
        date: Date,
        fact: Uuid,
        closed: bool,
        posted: &[Arc<Line>],
    ) -> Result<Before, Halt> {
        let Some(group) = &desired.group else { return Ok(Before::default()) };
        let met = self.running.get(&GroupOf(&desired.line, group)).filter(|_| !closed).copied();
        if let Some(Running { before: Some(before), counted }) = met {
            return Ok(Before::of(before + counted));
        }
        let key = (desired.line.clone(), group.clone());
        let query = CumulationQuery {
            plan: self.plan().name.clone(),
            line: desired.line.clone(),
            group: group.digest.clone(),
            period: group.period.clone(),
            counts: group.counts,
            before: (!closed).then_some((date, fact)),
            until: self.last.filter(|_| !closed && met.is_none()),
            later: None,
            charged_by: desired
                .tiered()
                .filter(|_| closed && group.counts == Counts::Quantity)
                .map(|(schedule, currency)| (schedule.clone(), currency.clone())),
        };
        let Some(found) = self.reader().facts.cumulated.get(&query) else {
            self.reader().need(|need| {
                need.cumulated.insert(query);
            });
            // Go on with a guess, so that the same round asks for everything else.
            let guess = Running { before: Some(Decimal::ZERO), counted: Decimal::ZERO };
            if met.is_none() && !closed {
                self.running.insert(key, guess);
            }
            return Err(Halt::Missing);
        };
        if closed {
            let (late, charged_late) = self.late.get(&key).copied().unwrap_or_default();
            let mut before =
                Before { sum: found.sum + late, charged: found.charged.map(|charged| charged + charged_late) };
            for line in posted.iter().filter(|line| group_of(self.plan(), line).as_ref() == Some(&key)) {
                before.sum -= value_of(line, group.counts);
                before.charged = before.charged.map(|charged| charged - line.charged());
            }
            return Ok(before);
        }
        let own = self.own.get(&key).map(Vec::as_slice).unwrap_or_default();
        let earlier = own.iter().filter(|(place, _)| *place < (date, fact)).map(|(_, value)| value);
        let before = found.sum - earlier.sum::<Decimal>();
        let Some(Running { counted, .. }) = met else {
            // Facts of others may stand between those of the batch: their quantities count, and are not at hand.
            let own = own.iter().filter(|(place, _)| *place >= (date, fact) && Some(*place) <= self.last).count();
            let alone = (found.within == own).then_some(before);
            self.running.insert(key, Running { before: alone, counted: Decimal::ZERO });
            return Ok(Before::of(before));
        };
        Ok(Before::of(before + counted))
    }

    /// A line enters its group.
    fn count(&mut self, desired: &Desired, parts: &[Part], closed: bool) {
        let Some(group) = &desired.group else { return };
        let counted = match group.counts {
            Counts::Quantity => desired.quantity,
            Counts::Amount => parts.iter().map(|part| part.priced.gross).sum(),
        };
        if !closed {
            // The group was met when it was asked what it has before.
            if let Some(running) = self.running.get_mut(&GroupOf(&desired.line, group)) {
                running.counted += counted;
            }
            return;
        }
        let late = self.late.entry((desired.line.clone(), group.clone())).or_default();
        let charged = parts.iter().filter(|part| part.line == desired.line).map(|part| part.priced.charged());
        *late = (late.0 + counted, late.1 + charged.sum::<Decimal>());
    }

    /// What stands posted of a fact of the batch is decided anew, wherever it stands and wherever the fact stands now.
    fn own(&mut self, posted: &[Arc<Line>]) {
        for line in posted {
            if let Some(key) = group_of(self.plan(), line) {
                let value = value_of(line, key.1.counts);
                self.own.entry(key).or_default().push(((line.business_date, line.fact), value));
            }
        }
    }

    /// A fact whose lines cannot be told keeps what is posted, and its place in its groups.
    fn keep(&mut self, posted: &[Arc<Line>]) {
        for line in posted {
            let Some(key) = group_of(self.plan(), line) else { continue };
            if let Some(Running { before: Some(_), counted }) = self.running.get_mut(&key) {
                *counted += value_of(line, key.1.counts);
            } else if let Some(own) = self.own.get_mut(&key) {
                own.retain(|((_, fact), _)| *fact != line.fact);
            }
        }
    }
}
