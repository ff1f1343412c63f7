//! Lines of another fact, mirrored: what comes back takes the original split back in proportion, never a new one.

use super::known::KeyPart;
use super::priced::Price;
use super::{Asking, Counts, Desired, Group, Shared, Wait};
use crate::codes::Code;
use crate::decide::Halt;
use crate::env::RecordEnv;
use crate::money::places_of;
use crate::record::Name;
use crate::refusal::Refusal;
use crate::settlement::allocation::{AllocationError, Method, allocate};
use crate::settlement::line::Line;
use crate::settlement::plan::{Mirror, PlanLine, base_of, derived};
use crate::settlement::rounding::{Rounding, bounded, round};
use crate::settlement::trace::MirrorTrace;
use rust_decimal::Decimal;
use std::borrow::Cow;
use std::sync::Arc;
use uuid::Uuid;

/// One line of the fact that is mirrored, and those it was split from.
#[derive(Clone, Debug)]
pub(super) struct Mirrored {
    /// The lines of the fact, in the order they were posted.
    lines: Arc<Vec<Arc<Line>>>,
    /// Which of them this is.
    place: usize,
    /// What they were made from.
    of: Decimal,
    rounding: Rounding,
    /// Amounts of either sign are split for themselves.
    by_sign: bool,
}

impl Mirrored {
    fn line(&self) -> &Line {
        &self.lines[self.place]
    }

    pub(super) fn currency(&self) -> &Name {
        &self.line().currency
    }

    pub(super) fn is_of(&self, line: &Line) -> bool {
        line.trace.mirrored.as_ref().is_some_and(|trace| trace.line == self.line().id && trace.of == self.of)
    }

    /// The part of a line that is taken back when what comes back grows from `before` by `back`.
    pub(super) fn amount(&self, before: Decimal, back: Decimal) -> Result<(Decimal, MirrorTrace), AllocationError> {
        let until = before + back;
        let amount = self.taken(before)? - self.taken(until)?;
        let line = self.line();
        let trace = MirrorTrace {
            line: line.id,
            object: line.fact_object.to_string(),
            fact: line.fact,
            of: self.of,
            before,
            until,
            amount: line.gross,
            by_sign: self.by_sign,
        };
        Ok((amount, trace))
    }

    /// What of this line is taken back when so much of the whole came back: the sum first, then its split, so that all
    /// of it is exactly the original.
    fn taken(&self, back: Decimal) -> Result<Decimal, AllocationError> {
        let back = back.clamp(Decimal::ZERO, self.of);
        if back == self.of {
            return Ok(self.line().gross);
        }
        let part = self.part(self.lines.iter().map(|line| line.gross).sum(), back)?;
        if !self.by_sign {
            return if part.is_zero() { Ok(part) } else { self.share(part, |_| true) };
        }
        // What is taken off again (a cap) comes back as far as what it was taken off; rounded so that the sum holds.
        let gained = self.part(self.lines.iter().map(|line| line.gross.max(Decimal::ZERO)).sum(), back)?;
        match self.line().gross.is_sign_negative() {
            false => self.share(gained, |line| !line.gross.is_sign_negative()),
            true => self.share(part - gained, |line| line.gross.is_sign_negative()),
        }
    }

    /// The part of an amount that so much of the whole stands for.
    fn part(&self, amount: Decimal, back: Decimal) -> Result<Decimal, AllocationError> {
        let part = amount.checked_mul(back).and_then(|product| product.checked_div(self.of)).and_then(bounded);
        Ok(round(part.ok_or(AllocationError::Overflow)?, places_of(self.currency()), self.rounding))
    }

    /// What this line has of a sum that some lines share by their size.
    fn share(&self, sum: Decimal, shares: impl Fn(&Line) -> bool) -> Result<Decimal, AllocationError> {
        let weight = |line: &Arc<Line>| if shares(line) { line.gross.abs() } else { Decimal::ZERO };
        let weights: Vec<Decimal> = self.lines.iter().map(weight).collect();
        let unit = Decimal::new(1, places_of(self.currency()));
        Ok(allocate(sum, &weights, unit, Method::LargestRemainder)?[self.place])
    }
}

fn has_both_signs(lines: &[Arc<Line>]) -> bool {
    let has =
        |negative: bool| lines.iter().any(|line| !line.gross.is_zero() && line.gross.is_sign_negative() == negative);
    has(true) && has(false)
}

/// What a trace says was taken back, from the lines it was taken from; nothing where they are not the same any more.
pub(in crate::settlement) fn taken_back_again(
    lines: &[Arc<Line>],
    trace: &MirrorTrace,
    rounding: Rounding,
) -> Option<Decimal> {
    let place = lines.iter().position(|line| line.id == trace.line)?;
    let mirrored = Mirrored { lines: Arc::new(lines.to_vec()), place, of: trace.of, rounding, by_sign: trace.by_sign };
    if mirrored.line().gross != trace.amount {
        return None;
    }
    mirrored.amount(trace.before, trace.until - trace.before).ok().map(|(amount, _)| amount)
}

/// One line for each line of the fact that is mirrored; none where it was never settled.
pub(super) fn lines(
    asking: &Asking<'_>,
    env: &RecordEnv<'_>,
    line: &PlanLine,
    mirror: &Mirror,
    shared: &Shared<'_>,
) -> Result<Vec<Desired>, Halt> {
    let empty = |what: &str| {
        Refusal::new(Code::NullInput, format!("{what} of the line `{}` is empty", line.id)).with("line", &*line.id)
    };
    let fact: Uuid = env.eval(&mirror.fact)?.as_id().ok_or_else(|| empty("the mirrored fact"))?;
    let key = (mirror.plan.clone(), fact);
    let Some(posted) = asking.reader.facts.lines.get(&key) else {
        asking.reader.need(|need| {
            need.lines.insert(key);
        });
        return Err(Halt::Missing);
    };
    let of = env.eval(&mirror.of)?.as_decimal().ok_or_else(|| empty("what was settled"))?;
    let back = env.eval(&mirror.back)?.as_decimal().ok_or_else(|| empty("what comes back"))?;
    if of <= Decimal::ZERO || back < Decimal::ZERO {
        let detail = format!("the line `{}` mirrors {back} of {of}: both must be positive", line.id);
        return Err(Refusal::new(Code::OutOfRange, detail).with("line", &*line.id).into());
    }
    let posted: Arc<Vec<Arc<Line>>> = Arc::new(posted.clone());
    let by_sign = has_both_signs(&posted);
    let lines = posted.iter().enumerate().map(|(place, original)| {
        let id = match original.line.strip_prefix(base_of(&original.line)).and_then(|part| part.strip_prefix('.')) {
            Some(part) => derived(&line.id, part),
            None => line.id.clone(),
        };
        Ok(Desired {
            line: id,
            payer: original.payer.clone(),
            payee: original.payee.clone(),
            group: Some(Group {
                digest: asking.known.digest(&[
                    KeyPart::Fixed(Cow::Borrowed(&line.id)),
                    KeyPart::Fixed(Cow::Borrowed(&original.line)),
                    KeyPart::Row(Some(original.payee.id)),
                ]),
                // What came back of a fact adds up for ever.
                period: fact.simple().to_string().into(),
                counts: Counts::Quantity,
            }),
            quantity: back,
            dimensions: shared.dimensions.clone(),
            lookups: shared.steps.lookups.clone(),
            totals: shared.steps.totals.clone(),
            price: Price::Mirrored(Mirrored { lines: posted.clone(), place, of, rounding: line.rounding, by_sign }),
            rounding: line.rounding,
            tax: super::priced::TaxTerms {
                treatment: original.tax_kind,
                rate: original.tax_rate,
                rounding: Rounding::HalfUp,
            },
            adjusts: Vec::new(),
            wait: Wait { until: original.trace.held_until, follows: false },
        })
    });
    lines.collect()
}
