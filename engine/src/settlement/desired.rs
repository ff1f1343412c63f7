//! The lines one fact should have: steps, parties, price, tax, dimensions. Where tiers and caps count over several facts
//! what stands before this one is asked of whoever settles.

mod adjust;
mod amount;
mod chain;
mod convert;
mod mirror;
mod priced;
mod source;
mod total;

pub(super) use mirror::taken_back_again;
pub use priced::{Part, Priced, treatment_name};

use super::line::{Line, Party};
use super::plan::{Pays, Plan, PlanLine, StepKind};
use super::rounding::Rounding;
use super::trace::{LookupTrace, TotalTrace};
use crate::decide::Halt;
use crate::env::{Bound, Reader, RecordEnv};
use crate::moment::Date;
use crate::object::Object;
use crate::pack::hex;
use crate::period::Period;
use crate::record::{Name, Record};
use crate::value::Value;
use priced::{Adjusted, Price, TaxTerms};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A line a fact should have, before it is placed in a period.
#[derive(Clone, Debug)]
pub struct Desired {
    pub line: Name,
    pub payer: Party,
    pub payee: Party,
    pub group: Option<Group>,
    pub quantity: rust_decimal::Decimal,
    pub dimensions: BTreeMap<String, Value>,
    lookups: Vec<Arc<LookupTrace>>,
    totals: Vec<TotalTrace>,
    price: Price,
    rounding: Rounding,
    tax: TaxTerms,
    adjusts: Vec<Adjusted>,
}

/// A cumulation group: digest of its key, and the period in which it adds up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    pub digest: String,
    pub period: String,
    pub counts: Counts,
}

/// What of a group's lines adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    fact: Fact<'a>,
    date: Date,
    /// The fact's posted lines: what is asked the same again answers as recorded.
    posted: &'a [Arc<Line>],
}

impl Asking<'_> {
    /// Whether a period of the plan's calendar is closed; whoever settles asks for them first.
    fn is_closed(&self, period: &str) -> bool {
        self.reader.facts.closed_periods.get(&self.plan.calendar).is_some_and(|closed| closed.contains(period))
    }
}

/// What the lines of a fact have in common.
#[derive(Clone, Debug, Default)]
struct Shared {
    lookups: Vec<Arc<LookupTrace>>,
    totals: Vec<TotalTrace>,
    /// The row each look-up step found.
    rows: BTreeMap<Name, String>,
    dimensions: BTreeMap<String, Value>,
}

/// The lines a fact should have.
pub fn desired(reader: &Reader<'_>, plan: &Plan, fact: Fact<'_>, posted: &[Arc<Line>]) -> Result<Vec<Desired>, Halt> {
    let asking = Asking { reader, plan, fact, date: fact.date, posted };
    let mut lets: BTreeMap<Name, Value> = BTreeMap::new();
    let mut shared = Shared::default();
    let env = RecordEnv { bound: fact.bound, ..RecordEnv::of(reader, fact.object, &fact.record.values, fact.date) };
    for step in &plan.steps {
        let env = RecordEnv { lets: &lets, ..env };
        let value = match &step.kind {
            StepKind::Formula(expr) => env.eval(expr)?,
            StepKind::Lookup(lookup) => {
                let (value, trace) = source::look_up(&asking, &env, &step.name, lookup)?;
                let row = trace.as_ref().map_or_else(String::new, |trace| trace.row_record.to_string());
                shared.rows.insert(step.name.clone(), row);
                shared.lookups.extend(trace);
                value
            }
            StepKind::Convert(convert) => {
                let (value, traces) = convert::converted(&asking, &env, &step.name, convert)?;
                shared.lookups.extend(traces);
                value
            }
            StepKind::Total(total) => {
                let trace = total::of(&asking, &env, &step.name, total)?;
                let value = Value::Decimal(trace.total);
                shared.totals.push(trace);
                value
            }
        };
        lets.insert(step.name.clone(), value);
    }
    let env = RecordEnv { lets: &lets, ..env };
    if let Some(when) = &plan.when
        && env.eval(when)? != Value::Bool(true)
    {
        return Ok(Vec::new());
    }
    let mut lines = Vec::new();
    let mut missing = false;
    for line in &plan.lines {
        match of_line(&asking, line, &env, &shared) {
            Ok(found) => lines.extend(found),
            Err(Halt::Missing) => missing = true,
            Err(refused) => return Err(refused),
        }
    }
    if missing { Err(Halt::Missing) } else { Ok(lines) }
}

fn of_line(asking: &Asking<'_>, line: &PlanLine, env: &RecordEnv<'_>, shared: &Shared) -> Result<Vec<Desired>, Halt> {
    if let Some(when) = &line.when
        && env.eval(when)? != Value::Bool(true)
    {
        return Ok(Vec::new());
    }
    // Ask for everything before giving up on anything, so that one round fetches it all.
    let party = |source, role| source::party(asking, env, source, &line.id, role);
    let parties = match &line.pays {
        Pays::One { payer, payee, .. } => (Some(party(payer, "payer")), Some(party(payee, "payee"))),
        Pays::Chain { payer, .. } => (Some(party(payer, "payer")), None),
        Pays::Mirror(_) => (None, None),
    };
    let mut shared = shared.clone();
    let mut missing = false;
    for (name, expr) in &line.dimensions {
        match env.eval(expr).map_err(Halt::from) {
            Ok(value) => {
                shared.dimensions.insert(name.to_string(), value);
            }
            Err(Halt::Missing) => missing = true,
            Err(refused) => return Err(refused),
        }
    }
    let lines = match (&line.pays, parties.0.transpose()?, parties.1.transpose()?) {
        (Pays::One { amount, .. }, Some(payer), Some(payee)) => {
            let accrued = amount::line(asking, env, line, amount, (payer, payee), &shared);
            accrued.and_then(|accrued| {
                let payment = amount::payment(asking, line, &accrued)?;
                Ok([Some(accrued), payment].into_iter().flatten().collect())
            })
        }
        (Pays::Chain { chain, base, seller, .. }, Some(payer), _) => {
            let chain = asking.reader.model.chains.get(chain).expect("the plan's chains were checked");
            let base = amount::money(asking, line, env.eval(base)?)?;
            let of = chain::Distributing { line, chain, base, seller: seller.as_ref(), payer: &payer };
            chain::lines(asking, env, &of, &shared)
        }
        (Pays::Mirror(mirror), ..) => mirror::lines(asking, env, line, mirror, &shared),
        (Pays::One { .. } | Pays::Chain { .. }, ..) => Ok(Vec::new()),
    };
    if missing { Err(Halt::Missing) } else { lines }
}

/// The digest of a key: of its parts, whatever they contain.
fn digest_of(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())[..32].to_owned()
}
