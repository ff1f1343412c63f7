//! Settling the end of a period: what each unit should have by then against what stands posted. A late fact of a period
//! that is closed shows when the period is run again, and when the next one is.

use super::posting::{Charged, Posting};
use super::{posted, want_closed, want_collections};
use crate::codes::Code;
use crate::decide::Halt;
use crate::decision::{Against, Decision, FactFailure, SettleUnit};
use crate::env::{Bound, Reader};
use crate::ids::IdSource;
use crate::model::Model;
use crate::moment::Date;
use crate::period::Period;
use crate::record::{Name, Record};
use crate::refusal::Refusal;
use crate::settlement::desired::{Fact, Known, desired};
use crate::settlement::line::Line;
use crate::settlement::plan::{Amount, Pays, Plan, StepKind, Units};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// Settles a period for the units of a run.
pub(super) fn settle(reader: &Reader<'_>, plan: &Plan, units: &Units, unit: &SettleUnit) -> Result<Decision, Halt> {
    let calendar = reader.model.calendars.get(&plan.calendar).expect("the plan's calendar was checked");
    let Some(period) = calendar.named(&unit.period) else {
        let detail = format!("there is no period `{}` in the calendar `{}`", unit.period, calendar.name);
        return Err(Refusal::new(Code::UnknownPeriod, detail).with("period", unit.period.as_str()).into());
    };
    want_closed(reader, plan);
    want_collections(reader, plan);
    let mut records = Vec::with_capacity(unit.facts.len());
    for id in &unit.facts {
        records.push((*id, reader.record(&plan.object, *id).unwrap_or_default(), posted(reader, plan, *id)));
    }
    if !reader.needs_nothing() {
        return Err(Halt::Missing);
    }
    let mut posting = Posting::new(reader, plan, Some(unit.run));
    let periods: Vec<Period> = former(reader, plan, &period).into_iter().chain([period]).collect();
    let mut decision = Decision::default();
    let mut missing = false;
    let known = Known::new(plan);
    for (id, record, posted) in records {
        let unit = Unit { id, record: record.as_deref(), posted };
        match settle_one(&mut posting, &known, units, &periods, &unit) {
            Ok(changed) => {
                decision.settled.facts += 1;
                decision.settled.unchanged += u64::from(!changed);
            }
            Err(Halt::Missing) => missing = true,
            Err(Halt::Refused(refusal)) => {
                decision.settled.failures.push(FactFailure { object: plan.object.clone(), fact: id, refusal: *refusal })
            }
        }
    }
    if missing {
        return Err(Halt::Missing);
    }
    let mut ids = IdSource::new(reader.context.command, reader.context.moment);
    posting.finish(&mut decision, &mut ids)?;
    Ok(decision)
}

/// The days on which facts may count in a run over a period: those of its accumulators' periods, and of the ones before.
pub fn reach(model: &Model, plan: &Plan, period: &Period) -> (Date, Date) {
    let starts = totals(plan).filter_map(|(accumulator, _)| {
        let calendar = model.calendars.get(&model.accumulators.get(accumulator)?.calendar)?;
        Some(calendar.back(&calendar.period_of(period.last_day()), 1).from)
    });
    (starts.min().unwrap_or(period.from), period.to)
}

/// The accumulators a plan's steps read.
fn totals(plan: &Plan) -> impl Iterator<Item = (&Name, u32)> {
    plan.steps.iter().filter_map(|step| match &step.kind {
        StepKind::Total(total) => Some((&total.accumulator, total.back)),
        StepKind::Formula(_) | StepKind::Lookup(_) | StepKind::Convert(_) => None,
    })
}

/// The last periods of what added up before, where they are closed: late facts of them are made up for now.
fn former(reader: &Reader<'_>, plan: &Plan, period: &Period) -> Vec<Period> {
    let model = reader.model;
    let own = &model.calendars[&plan.calendar];
    let over = plan.lines.iter().filter_map(|line| match &line.pays {
        Pays::One { amount: Amount::Entitled(terms), .. } => terms.over.as_ref(),
        _ => None,
    });
    let over: BTreeSet<&Name> = over.collect();
    let closed = reader.facts.closed_periods.get(&plan.calendar);
    let periods = over.into_iter().map(|over| {
        let over = &model.calendars[over];
        own.period_of(over.back(&over.period_of(period.last_day()), 1).last_day())
    });
    let mut periods: Vec<Period> = periods
        .filter(|former| former.from < period.from && closed.is_some_and(|closed| closed.contains(&former.name)))
        .collect();
    periods.sort();
    periods.dedup();
    periods
}

/// Whose periods are settled, and what stands posted for it.
struct Unit<'u> {
    id: Uuid,
    record: Option<&'u Record>,
    posted: &'u [Arc<Line>],
}

/// Whether anything is to be posted.
fn settle_one(
    posting: &mut Posting<'_, '_>,
    known: &Known<'_>,
    units: &Units,
    periods: &[Period],
    unit: &Unit<'_>,
) -> Result<bool, Halt> {
    let Unit { id, record, posted } = *unit;
    let bound = Bound { root: units.root.clone(), object: posting.plan.object.clone(), id };
    let before = posting.mark();
    for (place, period) in periods.iter().enumerate() {
        // Of a period that is only looked back at, nothing but what adds up over it is settled again.
        let asked_for = place + 1 == periods.len();
        let of_period = Closing { id, record, posted, bound: &bound, period, asked_for };
        if let Err(halt) = settle_period(posting, known, &of_period) {
            posting.back_to(before);
            return Err(halt);
        }
    }
    Ok(posting.has_more(before))
}

/// One period of a unit.
struct Closing<'c> {
    id: Uuid,
    record: Option<&'c Record>,
    posted: &'c [Arc<Line>],
    bound: &'c Bound,
    period: &'c Period,
    asked_for: bool,
}

fn settle_period(posting: &mut Posting<'_, '_>, known: &Known<'_>, of: &Closing<'_>) -> Result<(), Halt> {
    let (reader, plan) = (posting.reader, posting.plan);
    let Closing { id, record, posted, bound, period, asked_for } = *of;
    let date = period.last_day();
    let wanted = match record.filter(|record| !record.is_deleted()) {
        None => Vec::new(),
        Some(record) => {
            let object = reader.model.objects.get(&plan.object).expect("the plan's object was checked");
            let fact = Fact { object, record, date, period: Some(period), bound: Some(bound) };
            desired(reader, plan, known, fact, posted)?
        }
    };
    let stands = reader.terms.against == Against::Posted;
    let of_period = posted.iter().filter(|line| stands && *line.service_period == *period.name);
    let mut open: Vec<&Arc<Line>> = of_period.collect();
    open.retain(|line| {
        // What is due is told by what stands in closed periods, so that stays.
        !(line.trace.due.is_some() && posting.is_closed(&line.period)) && (asked_for || line.trace.due.is_some())
    });
    let posted_in = posting.posted_in(period);
    let mut parts = Vec::new();
    for desired in wanted.iter().filter(|desired| asked_for || desired.is_due()) {
        posting.want_statement(desired, &posted_in);
        desired.priced(reader, posting.tracing(), Default::default(), &mut parts)?;
        for part in parts.drain(..).filter(|part| !part.priced.gross.is_zero()) {
            posting.post(Charged { fact: id, date, posted_in: &posted_in }, desired, part, &mut open);
        }
    }
    open.into_iter().for_each(|line| posting.take_back(line));
    Ok(())
}
