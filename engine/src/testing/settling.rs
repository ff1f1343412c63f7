//! What stands around settling in an in-memory store: the facts of a period, a run over them, closing, and the steps of
//! statements. The shell does the same over a database.

use super::memory::Memory;
use crate::codes::Code;
use crate::decision::{Command, Context, SettleUnit, StatementCommand, StatementStep, UNIT_FACTS_MAX};
use crate::model::Model;
use crate::period::{Period, PeriodCalendar};
use crate::record::Name;
use crate::refusal::Refusal;
use crate::settlement::line::StatementStatus;
use crate::settlement::plan::{On, Plan, UnitsFrom};
use crate::settlement::settle::reach;
use crate::settlement::statement::Statement;
use crate::suggest;
use std::collections::BTreeSet;
use uuid::Uuid;

/// What a run over a period did.
#[derive(Clone, Debug, Default)]
pub struct Run {
    pub id: Uuid,
    pub facts: u64,
    /// Lines written.
    pub lines: usize,
    pub unchanged: u64,
    /// Facts that could not be settled; of none in particular where a whole unit was refused.
    pub failures: Vec<(Option<Uuid>, Refusal)>,
}

impl Run {
    /// `partial` when any fact failed, `unchanged` when nothing had to be written, else `completed`.
    pub fn status(&self) -> &'static str {
        match (self.failures.is_empty(), self.lines) {
            (false, _) => "partial",
            (true, 0) => "unchanged",
            (true, _) => "completed",
        }
    }
}

impl Memory {
    /// The facts of a plan whose business date lies in a period, in (business date, id) order; then those that are facts
    /// no longer while lines of the period stand for them.
    pub fn facts_of(&self, model: &Model, plan: &Plan, period: &Period) -> Vec<Uuid> {
        let Some(of) = plan.in_state() else { return self.units_of(model, plan, period) };
        let mut facts = BTreeSet::new();
        for record in self.live(&plan.object).filter(|record| record.state() == Some(&*of.state)) {
            if let Some(date) =
                record.values[of.day_slot].as_date().filter(|date| period.from <= *date && *date < period.to)
            {
                facts.insert((date, record.id()));
            }
        }
        let ids: BTreeSet<Uuid> = facts.iter().map(|(_, id)| *id).collect();
        let standing = self.standing();
        let of_period = standing.iter().filter(|line| line.plan == plan.name && *line.service_period == *period.name);
        let gone: BTreeSet<_> =
            of_period.filter(|line| !ids.contains(&line.fact)).map(|line| (line.business_date, line.fact)).collect();
        facts.into_iter().chain(gone).map(|(_, id)| id).collect()
    }

    /// Whose periods a plan settles: the records it names, or whoever the facts of its accumulators do; and whoever has
    /// lines of what is looked back at.
    fn units_of(&self, model: &Model, plan: &Plan, period: &Period) -> Vec<Uuid> {
        let On::Close(units) = &plan.on else { return Vec::new() };
        let (from, until) = reach(model, plan, period);
        let within = |date: crate::moment::Date| from <= date && date < until;
        let standing = self.standing();
        let mut found: BTreeSet<Uuid> = standing
            .iter()
            .filter(|line| line.plan == plan.name && within(line.business_date))
            .map(|line| line.fact)
            .collect();
        match &units.from {
            UnitsFrom::Records { state } => found.extend(
                self.live(&plan.object)
                    .filter(|record| state.as_deref().is_none_or(|state| record.state() == Some(state)))
                    .map(|record| record.id()),
            ),
            UnitsFrom::Totals(totals) => {
                for (accumulator, place) in totals {
                    let Some(accumulator) = model.accumulators.get(accumulator) else { continue };
                    for source in &accumulator.sources {
                        let Some(slot) = source.key.get(*place) else { continue };
                        let records = self.counted_records(model, source).filter(|(date, _)| within(*date));
                        found.extend(records.filter_map(|(_, record)| record.values[*slot].as_id()));
                    }
                }
            }
        }
        found.into_iter().collect()
    }

    /// Settles a plan over a period. `context.command` becomes the run's id; its units are commands of their own.
    pub fn run(&mut self, model: &Model, plan: &str, period: &str, context: &Context) -> Result<Run, Box<Refusal>> {
        let plan = plan_of(model, plan)?;
        let period = period_of(calendar_of(model, &plan.calendar)?, period)?;
        let mut run = Run { id: context.command, ..Run::default() };
        for facts in self.facts_of(model, plan, &period).chunks(UNIT_FACTS_MAX) {
            let command = Command::Settle(SettleUnit {
                plan: plan.name.clone(),
                run: run.id,
                period: period.name.clone(),
                facts: facts.to_vec(),
            });
            let context = Context { command: self.next_command(), ..context.clone() };
            match self.execute(model, &command, &context) {
                Ok(decision) => {
                    run.facts += decision.settled.facts;
                    run.unchanged += decision.settled.unchanged;
                    run.lines += decision.lines.len();
                    run.failures.extend(
                        decision.settled.failures.into_iter().map(|failure| (Some(failure.fact), failure.refusal)),
                    );
                }
                Err(refusal) => run.failures.push((None, *refusal)),
            }
        }
        Ok(run)
    }

    /// Closes a period. Refused while it lasts, while a fact of it has not the lines it should have, and the second time.
    /// What is still a draft is issued, in the order it was opened.
    pub fn close(
        &mut self,
        model: &Model,
        calendar: &str,
        period: &str,
        context: &Context,
    ) -> Result<(), Box<Refusal>> {
        let calendar = calendar_of(model, calendar)?;
        let period = period_of(calendar, period)?;
        let refused =
            |code, detail: String| Err(Box::new(Refusal::new(code, detail).with("period", period.name.as_str())));
        if self.closed.get(&calendar.name).is_some_and(|closed| closed.contains(&period.name)) {
            return refused(Code::PeriodClosed, format!("the period {} is closed", period.name));
        }
        if period.to > context.moment.date_in(&model.zone) {
            return refused(Code::PeriodNotReady, format!("the period {} runs until {}", period.name, period.to));
        }
        for plan in model.plans.values().filter(|plan| plan.calendar == calendar.name) {
            let preview = self.clone().run(model, &plan.name, &period.name, context)?;
            if preview.status() != "unchanged" {
                let detail = format!(
                    "`{}` has {} lines to write and {} facts failing in {}",
                    plan.name,
                    preview.lines,
                    preview.failures.len(),
                    period.name
                );
                return refused(Code::PeriodNotReady, detail);
            }
        }
        let is_draft = |statement: &&Statement| {
            let of_calendar =
                model.statements.get(&statement.key.statement).is_some_and(|form| form.calendar == calendar.name);
            of_calendar && statement.key.period == period.name && statement.status == StatementStatus::Draft
        };
        let drafts: Vec<Uuid> = self.statements.iter().filter(is_draft).map(|statement| statement.id).collect();
        for draft in drafts {
            self.advance(model, draft, StatementStep::Issue, context)?;
        }
        self.closed.entry(calendar.name.clone()).or_default().insert(period.name);
        Ok(())
    }

    /// Takes a statement a step further, as it stands.
    pub fn advance(
        &mut self,
        model: &Model,
        id: Uuid,
        step: StatementStep,
        context: &Context,
    ) -> Result<(), Box<Refusal>> {
        let Some(statement) = self.statements.iter().find(|statement| statement.id == id) else {
            return Err(Box::new(Refusal::new(Code::NotFound, format!("there is no statement `{id}`"))));
        };
        let (form, version) = (statement.key.statement.clone(), statement.version);
        let command = Command::Statement(StatementCommand { id, form, version, step });
        let context = Context { command: self.next_command(), ..context.clone() };
        self.execute(model, &command, &context).map(|_| ())
    }
}

fn plan_of<'m>(model: &'m Model, name: &str) -> Result<&'m Plan, Box<Refusal>> {
    model.plans.get(name).ok_or_else(|| unknown("settlement plan", name, model.plans.keys()))
}

fn calendar_of<'m>(model: &'m Model, name: &str) -> Result<&'m PeriodCalendar, Box<Refusal>> {
    model.calendars.get(name).ok_or_else(|| unknown("period calendar", name, model.calendars.keys()))
}

fn unknown<'n>(kind: &str, name: &str, known: impl Iterator<Item = &'n Name> + Clone) -> Box<Refusal> {
    let hint = suggest::hint(name, known.map(|name| &**name));
    Box::new(Refusal::new(Code::UnknownDefinition, format!("there is no {kind} `{name}`; {hint}")))
}

fn period_of(calendar: &PeriodCalendar, name: &str) -> Result<Period, Box<Refusal>> {
    calendar.named(name).ok_or_else(|| {
        let detail = format!("there is no period `{name}` in the calendar `{}`", calendar.name);
        Box::new(Refusal::new(Code::UnknownPeriod, detail).with("period", name))
    })
}
