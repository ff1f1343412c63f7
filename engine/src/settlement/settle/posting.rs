//! From charges and what is taken back to lines in open periods, on statements, with their entries.

use crate::decide::Halt;
use crate::decision::{Against, Decision, NewStatement};
use crate::env::Reader;
use crate::hashing::Memo;
use crate::ids::IdSource;
use crate::moment::Date;
use crate::period::{Period, PeriodCalendar};
use crate::record::Name;
use crate::settlement::desired::{Desired, Part, Tracing};
use crate::settlement::line::{Line, StatementHead, StatementKey, StatementStatus};
use crate::settlement::plan::{Plan, pays};
use crate::settlement::post::{self, Entries, Place, Places};
use std::rc::Rc;
use std::sync::Arc;
use uuid::Uuid;

/// What is to be posted for the facts of a plan.
pub(super) struct Posting<'r, 'a> {
    pub reader: &'r Reader<'a>,
    pub plan: &'r Plan,
    run: Option<Uuid>,
    reversals: Vec<Arc<Line>>,
    /// Without ids and statements: these are given when all are known.
    charges: Vec<Line>,
    names: Names,
    tracing: Tracing,
    /// Some line of the plan is only accrued, and paid by another one.
    accrues: bool,
    days: Memo<Date, Rc<PostedIn>>,
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

/// Names every line has, copied for what is posted together: batches settled at the same time count their own holders.
struct Names {
    plan: Name,
    object: Name,
}

impl Names {
    fn of(plan: &Plan) -> Names {
        Names { plan: copied(&plan.name), object: copied(&plan.object) }
    }
}

fn copied(name: &Name) -> Name {
    Name::from(&**name)
}

/// How much was to be posted at a moment.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    reversals: usize,
    charges: usize,
}

/// Of what a line is made.
#[derive(Clone, Copy)]
pub(super) struct Charged<'c> {
    pub fact: Uuid,
    pub date: Date,
    pub posted_in: &'c PostedIn,
}

impl<'r, 'a> Posting<'r, 'a> {
    pub fn new(reader: &'r Reader<'a>, plan: &'r Plan, run: Option<Uuid>) -> Posting<'r, 'a> {
        Posting {
            reader,
            plan,
            run,
            reversals: Vec::new(),
            charges: Vec::new(),
            names: Names::of(plan),
            tracing: Tracing::of(reader.terms.traces, copied(&plan.digest)),
            accrues: plan.lines.iter().any(|line| line.paid_by.is_some()),
            days: Memo::default(),
            places: Places::default(),
            asked: 0,
        }
    }

    /// Room for the lines of so many facts.
    pub fn reserve(&mut self, facts: usize) {
        self.charges.reserve(facts);
    }

    /// How lines are to say what they are made of.
    pub fn tracing(&self) -> &Tracing {
        &self.tracing
    }

    pub fn mark(&self) -> Mark {
        Mark { reversals: self.reversals.len(), charges: self.charges.len() }
    }

    /// Whether anything is to be posted since.
    pub fn has_more(&self, than: Mark) -> bool {
        self.reversals.len() > than.reversals || self.charges.len() > than.charges
    }

    /// Forgets what came since: a fact is posted whole or not at all.
    pub fn back_to(&mut self, mark: Mark) {
        self.reversals.truncate(mark.reversals);
        self.charges.truncate(mark.charges);
    }

    /// A line is taken back.
    pub fn take_back(&mut self, line: &Arc<Line>) {
        self.reversals.push(line.clone());
    }

    /// A line of a fact, or what an adjustment makes of it, against those that stand and are not met yet: the same stays,
    /// another is taken back.
    pub fn post(&mut self, of: Charged<'_>, desired: &Desired, part: Part, open: &mut Vec<&Arc<Line>>) {
        if let Some(standing) = standing(open, desired, &part) {
            let line = open.remove(standing);
            // A line says its day, and stands in its groups and its period by it.
            if line.business_date == of.date && is_same(desired, &part, line) {
                return;
            }
            self.take_back(line);
        }
        self.charge(of, desired, part);
    }

    fn charge(&mut self, of: Charged<'_>, desired: &Desired, part: Part) {
        let Part { line, quantity, mut priced } = part;
        if let Some(until) = desired.wait.until {
            Arc::make_mut(&mut priced.trace).held_until = Some(until);
        }
        let (open, service) = (&of.posted_in.open, &of.posted_in.service);
        self.charges.push(Line {
            id: Uuid::nil(),
            plan: self.names.plan.clone(),
            line,
            fact_object: self.names.object.clone(),
            fact: of.fact,
            payer: desired.payer.clone(),
            payee: desired.payee.clone(),
            business_date: of.date,
            period: open.clone(),
            service_period: service.clone(),
            corrects: of.posted_in.is_closed().then(|| service.clone()),
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
            posted_at: self.reader.context.moment,
        });
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
        let stated_in = self.stated_in(&posted_in.open, desired.wait.until);
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
        let accrues = || self.accrues && self.plan.line(line).is_some_and(|of| of.paid_by.is_some());
        self.plan.statement.is_some() && self.reader.terms.against == Against::Posted && (!accrues() || pays(line))
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
        for line in std::mem::take(&mut self.reversals) {
            let posted_in =
                self.calendar().named(&line.period).unwrap_or_else(|| self.calendar().period_of(line.business_date));
            let period = self.posted_in(&posted_in).open;
            decision.lines.push(post::reversal(&line, ids.take(), &period, self.run, moment));
        }
        self.charges.iter_mut().for_each(|line| line.id = ids.take());
        match decision.lines.is_empty() {
            true => decision.lines = std::mem::take(&mut self.charges),
            false => decision.lines.append(&mut self.charges),
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

/// Which of the lines that stand is the one that a part would be.
fn standing(open: &[&Arc<Line>], desired: &Desired, part: &Part) -> Option<usize> {
    open.iter().position(|line| line.line == part.line && line.payer == desired.payer && line.payee == desired.payee)
}

/// Whether a posted line is what should be posted.
fn is_same(desired: &Desired, part: &Part, line: &Line) -> bool {
    let same_basis = if part.line == desired.line { desired.same_basis(line) } else { desired.same_content(line) };
    let priced = &part.priced;
    let same_hold = !desired.wait.follows || line.trace.held_until == desired.wait.until;
    same_basis && same_hold && line.gross == priced.gross && line.net == priced.net && line.tax == priced.tax
}
