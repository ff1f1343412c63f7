//! The lines one fact should have: steps, parties, price, tax, dimensions. Where tiers and caps count over several facts
//! what stands before this one is asked of whoever settles.

mod adjust;
mod amount;
mod chain;
mod convert;
mod known;
mod mirror;
mod priced;
mod source;
mod total;

pub use known::{Known, Seen};
pub(super) use mirror::taken_back_again;
pub use priced::{Before, Part, Priced, Tracing, treatment_name};

use super::line::{Dimensions, Line, Party};
use super::plan::{HOLD_DAYS_MAX, Pays, Plan, PlanLine, StepKind};
use super::rounding::Rounding;
use super::trace::{LookupTrace, TotalTrace};
use crate::codes::Code;
use crate::decide::Halt;
use crate::decision::Traces;
use crate::env::{Bound, Let, Reader, RecordEnv};
use crate::moment::Date;
use crate::object::Object;
use crate::period::Period;
use crate::record::{Name, Record};
use crate::refusal::Refusal;
use crate::value::Value;
use jiff::ToSpan;
use priced::{Adjusted, Price, TaxTerms};
use std::sync::Arc;
use uuid::Uuid;

/// A line a fact should have, before it is placed in a period.
#[derive(Clone, Debug)]
pub struct Desired {
    pub line: Name,
    pub payer: Party,
    pub payee: Party,
    pub group: Option<Group>,
    pub quantity: rust_decimal::Decimal,
    pub dimensions: Arc<Dimensions>,
    lookups: Vec<LookupTrace>,
    totals: Vec<TotalTrace>,
    price: Price,
    rounding: Rounding,
    tax: TaxTerms,
    adjusts: Vec<Adjusted>,
    pub wait: Wait,
}

/// Until when a line waits for its statement.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wait {
    /// The last day.
    pub until: Option<Date>,
    /// A date of the fact says so: where that moves, the line does.
    pub follows: bool,
}

/// A cumulation group: digest of its key, and the period in which it adds up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group {
    pub digest: Name,
    pub period: Name,
    pub counts: Counts,
}

/// What of a group's lines adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counts {
    /// Quantities of a line.
    Quantity,
    /// Amounts of a line and of what is derived from it.
    Amount,
}

/// What is settled: a record on its business date, or one for a period.
#[derive(Clone, Copy)]
pub struct Fact<'f> {
    pub object: &'f Object,
    pub record: &'f Record,
    pub date: Date,
    /// The period, where its end is what is settled.
    pub period: Option<&'f Period>,
    /// The record under the name the plan gives it.
    pub bound: Option<&'f Bound>,
}

/// What is asked for while a fact's lines are worked out.
struct Asking<'a> {
    reader: &'a Reader<'a>,
    plan: &'a Plan,
    known: &'a Known<'a>,
    fact: Fact<'a>,
    date: Date,
    /// The fact's posted lines: what is asked the same again answers as recorded.
    posted: &'a [Arc<Line>],
}

impl Asking<'_> {
    /// Whether lines say what they are made of.
    fn tells(&self) -> bool {
        self.reader.terms.traces == Traces::Kept
    }

    /// Whether a period of the plan's calendar is closed; whoever settles asks for them first.
    fn is_closed(&self, period: &str) -> bool {
        self.reader.facts.closed_periods.get(&self.plan.calendar).is_some_and(|closed| closed.contains(period))
    }
}

/// What the steps gave that all lines of a fact carry.
#[derive(Debug)]
struct Steps<'p> {
    lookups: Vec<LookupTrace>,
    totals: Vec<TotalTrace>,
    /// The row each look-up step found.
    rows: Vec<(&'p Name, Option<Uuid>)>,
}

impl<'p> Steps<'p> {
    /// With room for what a plan's steps find.
    fn of(plan: &'p Plan) -> Steps<'p> {
        let steps = plan.steps.len();
        Steps { lookups: Vec::new(), totals: Vec::new(), rows: Vec::with_capacity(steps) }
    }

    /// Keeps what look-ups found, where lines say it.
    fn tell(&mut self, asking: &Asking<'_>, traces: impl IntoIterator<Item = LookupTrace>) {
        if asking.tells() {
            self.lookups.extend(traces);
        }
    }

    /// What look-ups found, with room for so many more.
    fn lookups_and(&self, more: usize) -> Vec<LookupTrace> {
        if self.lookups.is_empty() {
            return Vec::new();
        }
        let mut lookups = Vec::with_capacity(self.lookups.len() + more);
        lookups.extend_from_slice(&self.lookups);
        lookups
    }

    fn row(&self, step: &str) -> Option<Uuid> {
        self.rows.iter().find(|(name, _)| ***name == *step)?.1
    }
}

/// What the lines made by one line of the plan have in common.
#[derive(Debug)]
struct Shared<'s> {
    steps: &'s Steps<'s>,
    dimensions: Arc<Dimensions>,
    wait: Wait,
}

/// The lines a fact should have.
pub fn desired(
    reader: &Reader<'_>,
    plan: &Plan,
    known: &Known<'_>,
    fact: Fact<'_>,
    posted: &[Arc<Line>],
) -> Result<Vec<Desired>, Halt> {
    let asking = Asking { reader, plan, known, fact, date: fact.date, posted };
    let mut lets: Vec<Let<'_>> = Vec::with_capacity(plan.steps.len());
    let mut steps = Steps::of(plan);
    let env = fact.env(reader, known);
    for step in &plan.steps {
        let env = RecordEnv { lets: &lets, ..env };
        let value = match &step.kind {
            StepKind::Formula(expr) => Arc::new(env.eval(expr)?),
            StepKind::Lookup(lookup) => {
                let (value, trace) = source::look_up(&asking, &env, &step.name, lookup)?;
                steps.rows.push((&step.name, trace.as_ref().map(|trace| trace.found.row_record)));
                steps.tell(&asking, trace);
                value
            }
            StepKind::Convert(convert) => {
                let (value, traces) = convert::converted(&asking, &env, &step.name, convert)?;
                steps.tell(&asking, traces);
                Arc::new(value)
            }
            StepKind::Total(total) => {
                let trace = total::of(&asking, &env, &step.name, total)?;
                let value = Value::Decimal(trace.total);
                steps.totals.push(trace);
                Arc::new(value)
            }
        };
        lets.push((&step.name, value));
    }
    let env = RecordEnv { lets: &lets, ..env };
    if let Some(when) = &plan.when
        && env.eval(when)? != Value::Bool(true)
    {
        return Ok(Vec::new());
    }
    let mut lines = Vec::with_capacity(plan.lines.len());
    let mut missing = false;
    for line in &plan.lines {
        match of_line(&asking, line, &env, &steps, &mut lines) {
            Ok(()) => {}
            Err(Halt::Missing) => missing = true,
            Err(refused) => return Err(refused),
        }
    }
    if missing { Err(Halt::Missing) } else { Ok(lines) }
}

/// Until when a line of a fact waits for its statement.
fn wait_of(line: &PlanLine, env: &RecordEnv<'_>, date: Date) -> Result<Wait, Halt> {
    let Some(hold) = &line.hold else { return Ok(Wait::default()) };
    let after = |days: u16| date.checked_add(i64::from(days).days()).ok();
    let until = match hold.until.as_ref().map(|until| env.eval(until)).transpose()? {
        None | Some(Value::Null) => None,
        Some(Value::Date(until)) => Some(until).filter(|until| *until > date),
        Some(other) => {
            let detail = format!("the line `{}` is held until a {}, not until a date", line.id, other.kind());
            return Err(Refusal::new(Code::ScriptType, detail).with("line", &*line.id).into());
        }
    };
    if let Some((until, last)) = until.zip(after(HOLD_DAYS_MAX)).filter(|(until, last)| until > last) {
        let detail = format!("the line `{}` would be held until {until}, more than {HOLD_DAYS_MAX} days", line.id);
        return Err(Refusal::new(Code::OutOfRange, detail)
            .with("line", &*line.id)
            .with("until", until.to_string())
            .with("maximum", last.to_string())
            .into());
    }
    Ok(Wait { until: until.max(hold.days.and_then(after)), follows: hold.until.is_some() })
}

impl<'f> Fact<'f> {
    /// What expressions about the fact see.
    pub fn env<'e>(&self, reader: &'e Reader<'e>, known: &'e Known<'e>) -> RecordEnv<'e>
    where
        'f: 'e,
    {
        let env = RecordEnv::of(reader, self.object, &self.record.values, self.date);
        RecordEnv { bound: self.bound, routes: Some(&known.routes), ..env }
    }
}

fn of_line(
    asking: &Asking<'_>,
    line: &PlanLine,
    env: &RecordEnv<'_>,
    steps: &Steps<'_>,
    found: &mut Vec<Desired>,
) -> Result<(), Halt> {
    if let Some(when) = &line.when
        && env.eval(when)? != Value::Bool(true)
    {
        return Ok(());
    }
    // Ask for everything before giving up on anything, so that one round fetches it all.
    let party = |source, role| source::party(asking, env, source, &line.id, role);
    let parties = match &line.pays {
        Pays::One { payer, payee, .. } => (Some(party(payer, "payer")), Some(party(payee, "payee"))),
        Pays::Chain { payer, .. } => (Some(party(payer, "payer")), None),
        Pays::Mirror(_) => (None, None),
    };
    let mut values = Vec::with_capacity(line.dimensions.len());
    let mut missing = false;
    for (_, expr) in &line.dimensions {
        match env.read(expr).map_err(Halt::from) {
            Ok(value) => values.push(value),
            Err(Halt::Missing) => missing = true,
            Err(refused) => return Err(refused),
        }
    }
    let wait = match wait_of(line, env, asking.date) {
        Err(Halt::Missing) => {
            missing = true;
            Wait::default()
        }
        wait => wait?,
    };
    let dimensions = if missing { Arc::default() } else { asking.known.dimensions(line, &values) };
    let shared = Shared { steps, dimensions, wait };
    match (&line.pays, parties.0.transpose()?, parties.1.transpose()?) {
        (Pays::One { amount, .. }, Some(payer), Some(payee)) => {
            let accrued = amount::line(asking, env, line, amount, (payer, payee), &shared)?;
            let payment = amount::payment(asking, line, &accrued)?;
            found.push(accrued);
            found.extend(payment);
        }
        (Pays::Chain { chain, base, seller, .. }, Some(payer), _) => {
            let chain = asking.reader.model.chains.get(chain).expect("the plan's chains were checked");
            let base = amount::money(asking, line, env.eval(base)?)?;
            let of = chain::Distributing { line, chain, base, seller: seller.as_ref(), payer: &payer };
            found.extend(chain::lines(asking, env, &of, &shared)?);
        }
        (Pays::Mirror(mirror), ..) => found.extend(mirror::lines(asking, env, line, mirror, &shared)?),
        (Pays::One { .. } | Pays::Chain { .. }, ..) => {}
    }
    if missing { Err(Halt::Missing) } else { Ok(()) }
}
