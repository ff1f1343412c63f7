//! From charges and what is taken back to lines in open periods, on statements, with their entries.

use crate::decide::Halt;
use crate::decision::{Against, Decision, NewStatement};
use crate::env::Reader;
use crate::ids::IdSource;
use crate::moment::Date;
use crate::period::{Period, PeriodCalendar};
use crate::record::Name;
use crate::settlement::desired::{Desired, Part};
use crate::settlement::line::{Line, Party, StatementHead, StatementKey, StatementStatus};
use crate::settlement::plan::{Plan, pays};
use crate::settlement::post;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// What is to be posted for the facts of a plan.
pub(super) struct Posting<'r, 'a> {
    pub reader: &'r Reader<'a>,
    pub plan: &'r Plan,
    run: Option<Uuid>,
    pub reversals: Vec<Arc<Line>>,
    pub charges: Vec<Charge>,
}

/// A line to post.
pub(super) struct Charge {
    pub fact: Uuid,
    pub date: Date,
    pub desired: Arc<Desired>,
    pub part: Part,
    pub service_period: Period,
}

impl<'r, 'a> Posting<'r, 'a> {
    pub fn new(reader: &'r Reader<'a>, plan: &'r Plan, run: Option<Uuid>) -> Posting<'r, 'a> {
        Posting { reader, plan, run, reversals: Vec::new(), charges: Vec::new() }
    }

    pub fn calendar(&self) -> &'a PeriodCalendar {
        self.reader.model.calendars.get(&self.plan.calendar).expect("the plan's calendar was checked")
    }

    pub fn is_closed(&self, period: &str) -> bool {
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

    /// Asks for the statement a line will stand on together with what its price needs.
    pub fn want_statement(&self, desired: &Desired, service_period: &Period) {
        let (payer, payee) = (desired.payer.clone(), desired.payee.clone());
        let period = self.open_from(service_period).name;
        let Some(key) = self.statement_key(&desired.line, payer, payee, period, desired.currency().clone()) else {
            return;
        };
        if !self.reader.facts.statements.contains_key(&key) {
            self.reader.need(|need| {
                need.statements.insert(key);
            });
        }
    }

    /// What is only accrued is owed on no statement yet.
    fn statement_key(
        &self,
        line: &str,
        payer: Party,
        payee: Party,
        period: String,
        currency: Name,
    ) -> Option<StatementKey> {
        let statement = self.plan.statement.clone().filter(|_| self.reader.terms.against == Against::Posted)?;
        let accrues = self.plan.line(line).is_some_and(|of| of.paid_by.is_some());
        (!accrues || pays(line)).then_some(StatementKey { statement, payer, payee, period, currency })
    }

    /// Turns what was found into lines, statements and entries.
    pub fn finish(mut self, decision: &mut Decision, ids: &mut IdSource) -> Result<(), Halt> {
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
            let Part { line, quantity, priced } = charge.part;
            let desired = &charge.desired;
            lines.push(Line {
                id: ids.take(),
                plan: self.plan.name.clone(),
                line,
                fact_object: self.plan.object.clone(),
                fact: charge.fact,
                payer: desired.payer.clone(),
                payee: desired.payee.clone(),
                business_date: charge.date,
                period: period.name,
                service_period: charge.service_period.name,
                corrects,
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
        self.place_on_statements(&mut lines, decision, ids)?;
        post::entries(self.reader.model, self.plan, &lines, decision, ids, self.run, moment)?;
        decision.lines.extend(lines);
        Ok(())
    }

    /// Every line stands on the draft statement of its parties and period; where there is none one is opened.
    fn place_on_statements(&self, lines: &mut [Line], decision: &mut Decision, ids: &mut IdSource) -> Result<(), Halt> {
        let mut drafts: BTreeMap<StatementKey, Uuid> =
            decision.statements.iter().map(|new| (new.key.clone(), new.id)).collect();
        let mut missing = false;
        for line in lines {
            let (payer, payee) = (line.payer.clone(), line.payee.clone());
            let key = self.statement_key(&line.line, payer, payee, line.period.clone(), line.currency.clone());
            let Some(key) = key else { continue };
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
