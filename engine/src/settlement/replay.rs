//! A line computed once more from its own trace: whether what it was made of still comes to what stands posted. Tables,
//! schedules and formulas of today have no say.

use super::adjust::{cap, true_up};
use super::allocation::{Method, allocate};
use super::desired::taken_back_again;
use super::line::Line;
use super::rounding::{Rounding, round};
use super::tax::{Taxable, Taxed, tax_line};
use super::trace::{
    AdjustTrace, ChainPart, ChainTrace, DOCUMENT, LookupTrace, PriceTrace, RoundedTrace, THROUGH, TaxTrace, Trace,
};
use crate::money::places_of;
use rust_decimal::Decimal;
use serde::Serialize;
use std::sync::Arc;

/// Quotients are kept to ten places, so a part that was divided, or the difference of two, may be off by this.
const SLACK: Decimal = Decimal::from_parts(2, 0, 0, false, 10);

/// A line computed again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replay {
    pub agrees: bool,
    pub steps: Vec<Step>,
}

/// One figure as it is stored and as it comes out again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    pub step: StepKind,
    pub stored: Decimal,
    /// Nothing where the trace gives the figure and not what it came from.
    pub computed: Option<Decimal>,
    pub agrees: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// The stored form is not there, or of a version that is not known.
    Trace,
    /// An amount in another currency.
    Converted,
    /// Parts of a price.
    Parts,
    /// An amount that was given: by a formula, by a bonus.
    Given,
    /// All that is earned so far.
    Entitled,
    /// What is earned less what was posted before.
    Due,
    /// A party's share of what a chain divided.
    Share,
    Remainder,
    Cap,
    Minimum,
    /// Another fact's line, taken back in part.
    TakenBack,
    Rounding,
    TaxRounding,
    Net,
    Tax,
    Gross,
}

impl Replay {
    /// Computes a line again. `mirrored` are all lines of the fact and plan that it takes back, where it takes one back;
    /// those that stood when it was posted count.
    pub fn of(line: &Line, mirrored: &[Arc<Line>]) -> Replay {
        let trace = &line.trace;
        let mut steps = Vec::new();
        match (trace.v, trace.rounded.first(), &trace.tax) {
            (1..=super::trace::TRACE_VERSION, Some(rounded), Some(tax)) if rounded.point == DOCUMENT => {
                rounded_once(line, rounded, tax, &mut steps);
            }
            (1..=super::trace::TRACE_VERSION, Some(rounded), Some(tax)) => {
                steps.extend(trace.lookups.iter().filter_map(|lookup| converted(trace, lookup)));
                amount(line, rounded, mirrored, &mut steps);
                taxed(line, rounded, tax, &mut steps);
            }
            _ => steps.push(Step { step: StepKind::Trace, stored: line.gross, computed: None, agrees: false }),
        }
        Replay { agrees: steps.iter().all(|step| step.agrees), steps }
    }
}

/// The tax of a statement, rounded again; which part of the difference the line has is told by its other lines.
fn rounded_once(line: &Line, rounded: &RoundedTrace, stored: &TaxTrace, steps: &mut Vec<Step>) {
    let again = mode_of(&rounded.mode).map(|mode| round(rounded.before, rounded.places, mode));
    steps.push(compare(StepKind::TaxRounding, rounded.after, again));
    let sign = if line.takes_back() { Decimal::NEGATIVE_ONE } else { Decimal::ONE };
    let in_trace = [(StepKind::Net, line.net, stored.net), (StepKind::Tax, line.tax, stored.tax)];
    steps.extend(in_trace.map(|(kind, on_line, in_trace)| compare(kind, on_line, Some(in_trace * sign))));
    steps.push(compare(StepKind::Gross, line.gross, line.net.checked_add(line.tax)));
}

/// A conversion again: the rates of its rows, multiplied and applied.
fn converted(trace: &Trace, last: &LookupTrace) -> Option<Step> {
    let told = last.converted.as_ref()?;
    let through = format!("{}{THROUGH}", last.found.step);
    let rate_of = |lookup: &LookupTrace| match lookup.found.values.get(&*told.value)? {
        serde_json::Value::String(text) => text.parse::<Decimal>().ok(),
        other => other.to_string().parse().ok(),
    };
    let first = trace.lookups.iter().find(|lookup| *lookup.found.step == *through).map_or(Some(Decimal::ONE), rate_of);
    let rate = first.zip(rate_of(last)).and_then(|(first, last)| first.checked_mul(last));
    let before = rate.and_then(|rate| told.amount.checked_mul(rate));
    let after = before.zip(mode_of(&told.mode)).map(|(before, mode)| round(before, told.places, mode));
    let mut step = compare(StepKind::Converted, told.after, after);
    step.agrees &= rate == Some(told.rate);
    Some(step)
}

fn compare(step: StepKind, stored: Decimal, computed: Option<Decimal>) -> Step {
    Step { step, stored, computed, agrees: computed == Some(stored) }
}

fn given(step: StepKind, stored: Decimal) -> Step {
    Step { step, stored, computed: None, agrees: true }
}

/// How the amount before rounding came about; the rounding itself.
fn amount(line: &Line, rounded: &RoundedTrace, mirrored: &[Arc<Line>], steps: &mut Vec<Step>) {
    let trace = &line.trace;
    let mode = mode_of(&rounded.mode);
    let rounds = |amount: Decimal| mode.map(|mode| round(amount, rounded.places, mode));
    if let Some(price) = &trace.price {
        steps.push(parts(price));
        // A payment of what was accrued has no parts of its own.
        let before = match &trace.due {
            Some(due) => {
                steps.push(compare(StepKind::Entitled, due.entitled, rounds(price.amount)));
                let rest = due.entitled.checked_sub(due.posted);
                steps.push(compare(StepKind::Due, rounded.before, rest));
                None
            }
            None => Some(price.amount),
        };
        if let Some(before) = before.filter(|before| *before != rounded.before) {
            steps.push(compare(StepKind::Parts, rounded.before, Some(before)));
        }
    }
    if let Some(chain) = &trace.chain {
        steps.extend(shares(line, chain, rounded));
    }
    if let Some(adjusted) = &trace.adjusted {
        steps.push(adjust(adjusted, rounded));
    }
    if let Some(taken) = &trace.mirrored {
        let stood = standing_at(mirrored, line);
        let computed = mode.and_then(|mode| taken_back_again(&stood, taken, mode));
        steps.push(compare(StepKind::TakenBack, rounded.before, computed));
    }
    steps.push(compare(StepKind::Rounding, rounded.after, rounds(rounded.before)));
}

/// Lines that stood when another was posted.
fn standing_at(lines: &[Arc<Line>], other: &Line) -> Vec<Arc<Line>> {
    let earlier = |line: &&Arc<Line>| line.posted_at <= other.posted_at;
    let is_taken_back =
        |line: &Line| lines.iter().any(|later| later.reverses == Some(line.id) && later.posted_at < other.posted_at);
    let stood = lines.iter().filter(earlier).filter(|line| !line.takes_back() && !is_taken_back(line));
    stood.cloned().collect()
}

fn parts(price: &PriceTrace) -> Step {
    if price.parts.is_empty() {
        return given(StepKind::Given, price.amount);
    }
    let mut sum = Some(price.made_up.unwrap_or_default());
    let mut each_is_right = true;
    for part in &price.parts {
        let own = part.quantity.checked_mul(part.rate).and_then(|own| own.checked_add(part.flat.unwrap_or_default()));
        each_is_right &= own.is_some_and(|own| (own - part.amount).abs() <= SLACK);
        sum = sum.and_then(|sum| sum.checked_add(part.amount));
    }
    let mut step = compare(StepKind::Parts, price.amount, sum);
    step.agrees &= each_is_right;
    step
}

/// The pool divided again by the stored steps; every party's share is compared, the line's own is told.
fn shares(line: &Line, chain: &ChainTrace, rounded: &RoundedTrace) -> Option<Step> {
    let places = places_of(&line.currency);
    let stored: Option<Decimal> =
        chain.members.iter().try_fold(Decimal::ZERO, |sum, member| sum.checked_add(member.amount));
    let again = divided(chain, places);
    let kept = again.as_ref().is_some_and(|again| {
        again.iter().zip(&chain.members).all(|(share, member)| *share == member.amount)
            && stored.is_some_and(|paid| chain.pool - paid == chain.remainder)
    });
    let mut step = match &chain.part {
        ChainPart::Member(place) => {
            compare(StepKind::Share, rounded.before, again.and_then(|again| again.get(*place).copied()))
        }
        ChainPart::Remainder => compare(StepKind::Remainder, rounded.before, stored.map(|paid| chain.pool - paid)),
        ChainPart::Bonus(_) => given(StepKind::Given, rounded.before),
    };
    step.agrees &= kept;
    Some(step)
}

fn divided(chain: &ChainTrace, places: u32) -> Option<Vec<Decimal>> {
    let base = chain.base.abs();
    // A gap of prices is an amount already: what the first party gets lies between the price and its own.
    let first = chain.members.iter().find(|member| !member.step.is_zero());
    let is_gap = first.is_some_and(|member| {
        member.figure.is_some_and(|figure| figure != member.step && base - figure == member.step)
    });
    let whole = if is_gap { Decimal::ONE } else { base };
    let given = chain.members.iter().try_fold(Decimal::ZERO, |sum, member| sum.checked_add(member.step))?;
    let mode = chain.rounding.as_deref().map_or(Some(Rounding::HalfUp), mode_of)?;
    let paid = round(whole.checked_mul(given)?, places, mode);
    let weights: Vec<Decimal> = chain.members.iter().map(|member| member.step).collect();
    let shares = match paid.is_zero() {
        true => vec![Decimal::ZERO; weights.len()],
        false => allocate(paid, &weights, Decimal::new(1, places), Method::LargestRemainder).ok()?,
    };
    let is_taken_back = chain.base.is_sign_negative();
    Some(shares.into_iter().map(|share| if is_taken_back && !share.is_zero() { -share } else { share }).collect())
}

fn adjust(adjusted: &AdjustTrace, rounded: &RoundedTrace) -> Step {
    if adjusted.kind == "cap" {
        let cut = cap(adjusted.amount, adjusted.used, adjusted.limit).ok().map(|capped| -capped.cut);
        return compare(StepKind::Cap, rounded.before, cut);
    }
    let counted = adjusted.used.checked_add(adjusted.amount);
    // The stored minimum is prorated already.
    let missing = counted.and_then(|counted| {
        true_up(adjusted.limit, counted, None, rounded.places, mode_of(&rounded.mode)?)
            .ok()
            .map(|missing| missing.exact)
    });
    compare(StepKind::Minimum, rounded.before, missing)
}

/// Tax, and what the line itself states; a line that takes another back mirrors it.
fn taxed(line: &Line, rounded: &RoundedTrace, stored: &TaxTrace, steps: &mut Vec<Step>) {
    let own = line.trace.rounded.iter().find(|rounded| rounded.point == "tax");
    let (mode, places) = match own {
        Some(own) => (mode_of(&own.mode), own.places),
        None => (Some(Rounding::HalfUp), rounded.places),
    };
    let taxable = Taxable { amount: rounded.after, kind: line.tax_kind.kind(), rate: line.tax_rate };
    let again: Option<Taxed> = mode.and_then(|mode| tax_line(taxable, places, mode).ok());
    if let Some(own) = own {
        let mut step = compare(StepKind::TaxRounding, own.after, again.as_ref().map(|again| again.rounded.after));
        step.agrees &= mode.is_some_and(|mode| round(own.before, own.places, mode) == own.after);
        steps.push(step);
    }
    let sign = if line.takes_back() { Decimal::NEGATIVE_ONE } else { Decimal::ONE };
    for (kind, on_line, in_trace, again) in [
        (StepKind::Net, line.net, stored.net, again.as_ref().map(|again| again.net)),
        (StepKind::Tax, line.tax, stored.tax, again.as_ref().map(|again| again.tax)),
        (StepKind::Gross, line.gross, stored.gross, again.as_ref().map(|again| again.gross)),
    ] {
        let mut step = compare(kind, on_line, again.map(|again| again * sign));
        step.agrees &= in_trace * sign == on_line && stored.rate == line.tax_rate;
        steps.push(step);
    }
}

fn mode_of(name: &str) -> Option<Rounding> {
    serde_json::from_value(serde_json::Value::from(name)).ok()
}
