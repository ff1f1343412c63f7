//! From charges and what is taken back to lines in open periods, on statements, with their entries.

use crate::decide::Halt;
use crate::decision::{Against, Decision, NewStatement};
use crate::env::Reader;
use crate::hashing::Hashing;
use crate::ids::IdSource;
use crate::moment::Date;
use crate::period::{Period, PeriodCalendar};
use crate::record::Name;
use crate::settlement::desired::{Desired, Part};
use crate::settlement::line::{Line, StatementHead, StatementKey, StatementStatus};
use crate::settlement::plan::{Plan, pays};
use crate::settlement::post::{self, Entries, Place, Places};
use indexmap::IndexMap;
use std::rc::Rc;
use std::sync::Arc;
use uuid::Uuid;

/// What is to be posted for the facts of a plan.
pub(super) struct Posting<'r, 'a> {
    pub reader: &'r Reader<'a>,
    pub plan: &'r Plan,
    run: Option<Uuid>,
    pub reversals: Vec<Arc<Line>>,
    pub charges: Vec<Charge>,
    days: IndexMap<Date, Rc<PostedIn>, Hashing>,
    places: Places,
    /// Up to which place it was seen to that the statements are at hand.
    asked: usize,
}

/// The period that lines belong to, and the one they are posted in: the first that is open from it on.
pub(super) struct PostedIn {
    pub service: Name,
    pub open: Name,
}

impl PostedIn {
    pub fn is_closed(&self) -> bool {
        self.service != self.open
    }
}

/// Lines to post: one a fact should have, with what its adjustments make of it.
pub(super) struct Charge {
    pub fact: Uuid,
    pub date: Date,
    pub desired: Arc<Desired>,
    pub parts: Vec<Part>,
    pub posted_in: Rc<PostedIn>,
}

impl<'r, 'a> Posting<'r, 'a> {
    pub fn new(reader: &'r Reader<'a>, plan: &'r Plan, run: Option<Uuid>) -> Posting<'r, 'a> {
        Posting {
            reader,
            plan,
            run,
            reversals: Vec::new(),
            charges: Vec::new(),
            days: IndexMap::default(),
            places: Places::default(),
            asked: 0,
        }
    }

    pub fn calendar(&self) -> &'a PeriodCalendar {
        self.reader.model.calendars.get(&self.plan.calendar).expect("the plan's calendar was checked")
    }

    pub fn is_closed(&self, period: &str) -> bool {
        self.reader.facts.closed_periods.get(&self.plan.calendar).is_some_and(|closed| closed.contains(period))
    }

    /// Where what belongs to a period is posted.
    pub fn posted_in(&self, period: &Period) -> PostedIn {
        let service: Name = period.name.as_str().into();
        let mut open = period.clone();
        while self.is_closed(&open.name) {
            open = self.calendar().next(&open);
        }
        let open = if open.name == period.name { service.clone() } else { open.name.into() };
        PostedIn { service, open }
    }

    /// The same for a day, worked out once.
    pub fn posted_on(&mut self, day: Date) -> Rc<PostedIn> {
        if let Some(known) = self.days.get(&day) {
            return known.clone();
        }
        let posted_in = Rc::new(self.posted_in(&self.calendar().period_of(day)));
        self.days.insert(day, posted_in.clone());
        posted_in
    }

    /// The period on whose statement a line stands that is posted in one: the same, or that in which its hold ends.
    fn stated_in(&self, posted_in: &Name, held_until: Option<Date>) -> Name {
        let Some(held_until) = held_until else { return posted_in.clone() };
        let (released, posted) = (self.calendar().period_of(held_until), self.calendar().named(posted_in));
        match posted.is_some_and(|posted| posted.from >= released.from) {
            true => posted_in.clone(),
            false => self.posted_in(&released).open,
        }
    }

    /// Asks for the statement a line will stand on together with what its price needs.
    pub fn want_statement(&mut self, desired: &Desired, posted_in: &PostedIn) {
        if !self.is_stated(&desired.line) {
            return;
        }
        let stated_in = self.stated_in(&posted_in.open, desired.held_until);
        let place = self.places.of(&desired.payer, &desired.payee, &stated_in, desired.currency());
        // A place that was not there before stands last.
        if place < self.asked {
            return;
        }
        self.asked = place + 1;
        let Some(key) = self.statement_key(place) else { return };
        if !self.reader.facts.statements.contains_key(&key) {
            self.reader.need(|need| {
                need.statements.insert(key);
            });
        }
    }

    /// What is only accrued is owed on no statement yet.
    fn is_stated(&self, line: &str) -> bool {
        let accrues = || self.plan.line(line).is_some_and(|of| of.paid_by.is_some());
        self.plan.statement.is_some() && self.reader.terms.against == Against::Posted && (pays(line) || !accrues())
    }

    fn statement_key(&self, place: usize) -> Option<StatementKey> {
        let Place { payer, payee, period, currency } = self.places.get(place).clone();
        let statement = self.plan.statement.clone()?;
        Some(StatementKey { statement, payer, payee, period: period.to_string(), currency })
    }

    /// Turns what was found into lines, statements and entries.
    pub fn finish(mut self, decision: &mut Decision, ids: &mut IdSource) -> Result<(), Halt> {
        let moment = self.reader.context.moment;
        let first = decision.lines.len();
        let parts: usize = self.charges.iter().map(|charge| charge.parts.len()).sum();
        decision.lines.reserve(self.reversals.len() + parts);
        for line in std::mem::take(&mut self.reversals) {
            let posted_in =
                self.calendar().named(&line.period).unwrap_or_else(|| self.calendar().period_of(line.business_date));
            let period = self.posted_in(&posted_in).open;
            decision.lines.push(post::reversal(&line, ids.take(), &period, self.run, moment));
        }
        for charge in std::mem::take(&mut self.charges) {
            let Charge { fact, date, desired, parts, posted_in } = charge;
            for Part { line, quantity, mut priced } in parts {
                priced.trace.held_until = desired.held_until;
                decision.lines.push(Line {
                    id: ids.take(),
                    plan: self.plan.name.clone(),
                    line,
                    fact_object: self.plan.object.clone(),
                    fact,
                    payer: desired.payer.clone(),
                    payee: desired.payee.clone(),
                    business_date: date,
                    period: posted_in.open.clone(),
                    service_period: posted_in.service.clone(),
                    corrects: posted_in.is_closed().then(|| posted_in.service.clone()),
                    reverses: None,
                    group: desired.group.as_ref().map(|group| group.digest.clone()),
                    group_period: desired.group.as_ref().map(|group| group.period.clone()),
                    quantity,
                    gross: priced.gross,
                    net: priced.net,
                    tax: priced.tax,
                    tax_rate: priced.tax_rate,
                    tax_kind: priced.treatment,
                    currency: priced.currency,
                    dimensions: desired.dimensions.clone(),
                    trace: priced.trace,
                    statement: None,
                    run: self.run,
                    posted_at: moment,
                });
            }
        }
        let places: Vec<usize> = decision.lines[first..].iter().map(|line| self.places.of_line(line)).collect();
        let stated: Vec<usize> =
            decision.lines[first..].iter().zip(&places).map(|(line, place)| self.stated_at(line, *place)).collect();
        self.place_on_statements(first, &stated, decision, ids)?;
        let mut entries = Entries::of(self.reader.model, self.plan);
        for (line, place) in decision.lines[first..].iter().zip(places) {
            entries.add(place, line)?;
        }
        entries.finish(&self.places, decision, ids, self.run, moment);
        Ok(())
    }

    /// The place of the statement that a line stands on.
    fn stated_at(&mut self, line: &Line, posted_at: usize) -> usize {
        if line.trace.held_until.is_none() {
            return posted_at;
        }
        let stated_in = self.stated_in(&line.period, line.trace.held_until);
        self.places.of(&line.payer, &line.payee, &stated_in, &line.currency)
    }

    /// Every line stands on the draft statement of its parties and period; where there is none one is opened.
    fn place_on_statements(
        &self,
        first: usize,
        places: &[usize],
        decision: &mut Decision,
        ids: &mut IdSource,
    ) -> Result<(), Halt> {
        // Those of other plans; of this one each place opens its own.
        let before = decision.statements.len();
        let mut drafts: Vec<Option<Uuid>> = vec![None; self.places.len()];
        let mut missing = false;
        for (index, place) in places.iter().enumerate() {
            if !self.is_stated(&decision.lines[first + index].line) {
                continue;
            }
            if drafts[*place].is_none() {
                let Some(key) = self.statement_key(*place) else { continue };
                let opened = decision.statements[..before].iter().find(|new| new.key == key).map(|new| new.id);
                drafts[*place] = match (opened, self.reader.facts.statements.get(&key)) {
                    (Some(id), _) => Some(id),
                    (None, Some(Some(StatementHead { id, status: StatementStatus::Draft, .. }))) => Some(*id),
                    (None, None) => {
                        missing = true;
                        self.reader.need(|need| {
                            need.statements.insert(key);
                        });
                        None
                    }
                    (None, Some(newest)) => {
                        let ordinal = newest.as_ref().map_or(1, |head| head.ordinal + 1);
                        let (id, at) = (ids.take(), self.reader.context.moment);
                        decision.statements.push(NewStatement { id, key, ordinal, status: StatementStatus::Draft, at });
                        Some(id)
                    }
                };
            }
            decision.lines[first + index].statement = drafts[*place];
        }
        if missing { Err(Halt::Missing) } else { Ok(()) }
    }
}
