//! From a line a fact should have to its amounts: price, rounding, caps and minimums, tax, and the trace of it all.

use super::Desired;
use super::mirror::Mirrored;
use crate::codes::Code;
use crate::decision::Traces;
use crate::env::Reader;
use crate::model::DIGITS_MAX;
use crate::money::{Money, places_of};
use crate::record::Name;
use crate::refusal::Refusal;
use crate::settlement::adjust::{AdjustError, Days, cap, true_up};
use crate::settlement::line::{Line, TaxTreatment};
use crate::settlement::plan::{counts_as, derived};
use crate::settlement::rounding::{Point, Rounded, Rounding, has_digits};
use crate::settlement::schedule::{Applied, ApplyError, Schedule};
use crate::settlement::tax::{Taxable, tax_line};
use crate::settlement::trace::{
    AdjustTrace, ChainTrace, DueTrace, MirrorTrace, PartTrace, PriceTrace, RoundedTrace, TRACE_VERSION, TaxTrace, Trace,
};
use rust_decimal::Decimal;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(super) enum Price {
    /// An amount given as such.
    Amount(Money),
    Unit(Money),
    Tiered {
        schedule: Name,
        currency: Name,
    },
    /// A part of what a chain divided.
    Share(Money, Arc<ChainTrace>),
    /// What is due of an entitlement.
    Due(Money, Box<(PriceTrace, DueTrace)>),
    /// Another fact's line, taken back in part.
    Mirrored(Mirrored),
}

#[derive(Clone, Debug)]
pub(super) struct TaxTerms {
    pub treatment: TaxTreatment,
    pub rate: Decimal,
    pub rounding: Rounding,
}

/// A cap or minimum with its figures.
#[derive(Clone, Debug)]
pub(super) struct Adjusted {
    pub id: Name,
    pub kind: AdjustedKind,
    pub limit: Decimal,
    pub used: Counted,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum AdjustedKind {
    Cap,
    Minimum(Option<Days>),
}

/// What counts toward a cap or minimum beside the line.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counted {
    /// What the line's group had before.
    Before,
    Known(Decimal),
}

/// One line to post: the line itself, or what an adjustment makes of it.
#[derive(Clone, Debug)]
pub struct Part {
    pub line: Name,
    pub quantity: Decimal,
    pub priced: Priced,
}

/// An amount that is rounded and not taxed yet.
struct Unpriced<'m> {
    id: Name,
    quantity: Decimal,
    rounded: Rounded,
    basis: Basis<'m>,
}

/// What an amount is made of.
enum Basis<'m> {
    /// The line's price says it.
    Price,
    Tiers {
        schedule: &'m Schedule,
        before: Decimal,
        applied: Applied,
        made_up: Option<Decimal>,
    },
    Mirrored(Box<MirrorTrace>),
    Adjusted(Box<AdjustTrace>),
}

/// How lines say what they are made of.
pub struct Tracing {
    /// The digest of their plan.
    plan: Name,
    /// What all of them say, where traces are left.
    left: Option<Arc<Trace>>,
}

impl Tracing {
    pub fn of(traces: Traces, plan: Name) -> Tracing {
        Tracing { plan, left: (traces == Traces::Left).then(Arc::default) }
    }
}

/// What the group of a line had before its fact.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before {
    /// What adds up in it.
    pub sum: Decimal,
    /// What stands charged in a closed period, where that need not be what the schedule says of the sum.
    pub charged: Option<Decimal>,
}

impl Before {
    pub fn of(sum: Decimal) -> Before {
        Before { sum, charged: None }
    }
}

/// The amounts of a line, with their trace.
#[derive(Clone, Debug)]
pub struct Priced {
    pub gross: Decimal,
    pub net: Decimal,
    pub tax: Decimal,
    pub tax_rate: Decimal,
    pub treatment: TaxTreatment,
    pub currency: Name,
    pub trace: Arc<Trace>,
}

impl Priced {
    /// What is charged before tax is added or taken out.
    pub fn charged(&self) -> Decimal {
        self.treatment.charged(self.gross, self.net)
    }
}

impl Desired {
    pub fn currency(&self) -> &Name {
        match &self.price {
            Price::Amount(money) | Price::Unit(money) | Price::Share(money, _) | Price::Due(money, _) => {
                &money.currency
            }
            Price::Tiered { currency, .. } => currency,
            Price::Mirrored(mirrored) => mirrored.currency(),
        }
    }

    /// Whether it is what is left of an entitlement after what stands posted.
    pub fn is_due(&self) -> bool {
        matches!(self.price, Price::Due(..))
    }

    /// Whether a posted line is this one, or what an adjustment made of it. Others that are named after it (a bonus of a
    /// chain, what mirrors an adjusted line) stand for themselves.
    pub fn covers(&self, line: &Line) -> bool {
        let is_own = line.line == self.line || (line.trace.adjusted.is_some() && counts_as(&line.line, &self.line));
        is_own && line.payer == self.payer && line.payee == self.payee
    }

    /// What makes two lines of a fact the same apart from where it stands in its group.
    pub fn same_basis(&self, line: &Line) -> bool {
        self.same_price(line) && line.line == self.line && line.quantity == self.quantity && self.same_content(line)
    }

    /// What a line and those derived from it have in common.
    pub fn same_content(&self, line: &Line) -> bool {
        line.payer == self.payer
            && line.payee == self.payee
            && line.tax_kind == self.tax.treatment
            && line.tax_rate == self.tax.rate
            && line.group.as_deref() == self.group.as_ref().map(|group| &*group.digest)
            && line.group_period.as_deref() == self.group.as_ref().map(|group| &*group.period)
            && line.dimensions == self.dimensions
    }

    fn same_price(&self, line: &Line) -> bool {
        let traced = line.trace.price.as_ref();
        let tiers = traced.and_then(|price| price.schedule.as_deref());
        match &self.price {
            Price::Tiered { schedule, currency } => tiers == Some(&**schedule) && line.currency == *currency,
            Price::Unit(price) => {
                tiers.is_none()
                    && line.currency == price.currency
                    && traced.is_some_and(|trace| trace.parts.first().is_some_and(|part| part.rate == price.amount))
            }
            Price::Amount(amount) => {
                tiers.is_none()
                    && line.currency == amount.currency
                    && traced.is_some_and(|trace| trace.amount == amount.amount)
            }
            Price::Share(money, chain) => {
                // What a bonus comes to is not among what its chain says of the members.
                line.currency == money.currency
                    && line.trace.chain.as_deref() == Some(&**chain)
                    && line.charged() == money.amount
            }
            Price::Due(money, _) => line.currency == money.currency && line.gross == money.amount,
            Price::Mirrored(mirrored) => mirrored.is_of(line),
        }
    }

    /// The schedule and the currency of a price by tiers.
    pub fn tiered(&self) -> Option<(&Name, &Name)> {
        match &self.price {
            Price::Tiered { schedule, currency } => Some((schedule, currency)),
            _ => None,
        }
    }

    /// Adds the line and what its adjustments make of it, given what the group had before this fact.
    pub fn priced(
        &self,
        reader: &Reader<'_>,
        tracing: &Tracing,
        before: Before,
        parts: &mut Vec<Part>,
    ) -> Result<(), Refusal> {
        let (amount, basis) = self.amount(reader, before)?;
        let places = places_of(self.currency());
        let line = Rounded::at(Point::Line, amount, places, self.rounding);
        let mut sum = line.after;
        let whole = Unpriced { id: self.line.clone(), quantity: self.quantity, rounded: line, basis };
        parts.push(self.part(tracing, whole)?);
        for adjusted in &self.adjusts {
            let (added, told) = adjusted.apply(sum, before.sum, places, self.rounding).map_err(|error| {
                Refusal::new(Code::AmountOverflow, format!("`{}` of the line `{}`: {error}", adjusted.id, self.line))
                    .with("line", &*self.line)
            })?;
            if added.after.is_zero() {
                continue;
            }
            sum += added.after;
            let basis = Basis::Adjusted(Box::new(told));
            let id = derived(&self.line, &adjusted.id);
            let part = Unpriced { id, quantity: Decimal::ZERO, rounded: added, basis };
            parts.push(self.part(tracing, part)?);
        }
        Ok(())
    }

    /// The exact amount and what it is made of.
    fn amount<'m>(&self, reader: &Reader<'m>, group: Before) -> Result<(Decimal, Basis<'m>), Refusal> {
        let before = group.sum;
        Ok(match &self.price {
            Price::Amount(money) | Price::Share(money, _) | Price::Due(money, _) => (money.amount, Basis::Price),
            Price::Unit(price) => {
                (price.amount.checked_mul(self.quantity).ok_or_else(|| self.overflow())?, Basis::Price)
            }
            Price::Tiered { schedule: name, .. } => {
                let schedule =
                    reader.model.schedules.get(name).expect("the price's schedule was found when it was read");
                let refused = |error: ApplyError| {
                    Refusal::new(Code::AmountOverflow, format!("`{name}` cannot price {}: {error}", self.quantity))
                        .with("schedule", &**name)
                };
                let applied = self.applied(schedule, before).map_err(refused)?;
                let made_up = match group.charged {
                    Some(charged) => {
                        let due = schedule.apply(before).map_err(refused)?.amount;
                        Some(due.checked_sub(charged).ok_or_else(|| self.overflow())?).filter(|rest| !rest.is_zero())
                    }
                    None => None,
                };
                let amount = applied.amount.checked_add(made_up.unwrap_or_default()).ok_or_else(|| self.overflow())?;
                (amount, Basis::Tiers { schedule, before, applied, made_up })
            }
            Price::Mirrored(mirrored) => {
                let (amount, trace) = mirrored.amount(before, self.quantity).map_err(|error| {
                    Refusal::new(Code::AmountOverflow, format!("the line `{}` cannot be mirrored: {error}", self.line))
                        .with("line", &*self.line)
                })?;
                (amount, Basis::Mirrored(Box::new(trace)))
            }
        })
    }

    /// What a trace says of an amount's basis.
    fn told(&self, basis: Basis<'_>, amount: Decimal) -> Trace {
        let of_quantity = |parts: Vec<PartTrace>| PriceTrace {
            quantity: self.quantity,
            before: None,
            schedule: None,
            parts,
            made_up: None,
            to_next: None,
            amount,
        };
        let priced = |price: PriceTrace| Trace { price: Some(price), ..Trace::default() };
        match (basis, &self.price) {
            (Basis::Adjusted(told), _) => Trace { adjusted: Some(told), ..Trace::default() },
            (Basis::Mirrored(told), _) => Trace { mirrored: Some(told), ..Trace::default() },
            (Basis::Tiers { schedule, before, applied, made_up }, Price::Tiered { schedule: name, .. }) => {
                priced(PriceTrace {
                    before: self.group.is_some().then_some(before),
                    schedule: Some(name.clone()),
                    to_next: schedule.to_next_tier(before + self.quantity),
                    made_up,
                    ..of_quantity(parts_of(&applied))
                })
            }
            (_, Price::Unit(price)) => {
                let part = PartTrace { quantity: self.quantity, rate: price.amount, flat: None, amount };
                priced(of_quantity(vec![part]))
            }
            (_, Price::Share(_, chain)) => Trace { chain: Some(Box::new((**chain).clone())), ..Trace::default() },
            (_, Price::Due(_, traces)) => {
                let (price, due) = (**traces).clone();
                Trace { due: Some(Box::new(due)), ..priced(price) }
            }
            (_, Price::Amount(_) | Price::Tiered { .. } | Price::Mirrored(_)) => priced(of_quantity(Vec::new())),
        }
    }

    fn part(&self, tracing: &Tracing, part: Unpriced<'_>) -> Result<Part, Refusal> {
        let Unpriced { id: line, quantity, rounded, basis } = part;
        let (amount, terms) = (rounded.after, &self.tax);
        let kind = terms.treatment.kind();
        let places = places_of(self.currency());
        let taxed = tax_line(Taxable { amount, kind, rate: terms.rate }, places, terms.rounding).map_err(|error| {
            Refusal::new(Code::AmountOverflow, format!("the tax of the line `{line}` cannot be computed: {error}"))
        })?;
        if ![taxed.gross, taxed.net, taxed.tax].iter().all(|amount| has_digits(*amount, DIGITS_MAX)) {
            return Err(self.overflow());
        }
        let is_taxed = matches!(terms.treatment, TaxTreatment::Inclusive | TaxTreatment::Exclusive);
        let trace = match &tracing.left {
            Some(left) => left.clone(),
            None => Arc::new(Trace {
                v: TRACE_VERSION,
                plan: tracing.plan.clone(),
                lookups: self.lookups.clone(),
                totals: self.totals.clone(),
                rounded: match is_taxed {
                    true => vec![rounded_trace("line", &rounded), rounded_trace("tax", &taxed.rounded)],
                    false => vec![rounded_trace("line", &rounded)],
                },
                tax: Some(TaxTrace {
                    kind: treatment_name(terms.treatment).into(),
                    rate: terms.rate,
                    gross: taxed.gross,
                    net: taxed.net,
                    tax: taxed.tax,
                }),
                ..self.told(basis, rounded.before)
            }),
        };
        let priced = Priced {
            gross: taxed.gross,
            net: taxed.net,
            tax: taxed.tax,
            tax_rate: terms.rate,
            treatment: terms.treatment,
            currency: self.currency().clone(),
            trace,
        };
        Ok(Part { line, quantity, priced })
    }

    fn overflow(&self) -> Refusal {
        Refusal::new(Code::AmountOverflow, format!("the amount of the line `{}` has too many digits", self.line))
            .with("line", &*self.line)
    }

    fn applied(&self, schedule: &Schedule, before: Decimal) -> Result<Applied, ApplyError> {
        // The first quantity of a group is priced as such: a flat amount that zero usage owes is due with it.
        match self.group.is_none() || before.is_zero() {
            true => schedule.apply(self.quantity),
            false => schedule.between(before, before + self.quantity),
        }
    }
}

impl Adjusted {
    /// What is added to an amount, negative where it is cut, and why.
    fn apply(
        &self,
        amount: Decimal,
        before: Decimal,
        places: u32,
        rounding: Rounding,
    ) -> Result<(Rounded, AdjustTrace), AdjustError> {
        let rounded = |amount: Decimal| Rounded::at(Point::Line, amount, places, rounding);
        let used = match self.used {
            Counted::Before => before,
            Counted::Known(used) => used,
        };
        let told = |kind: &'static str, limit: Decimal, days: Option<Days>| AdjustTrace {
            id: self.id.to_string(),
            kind: kind.into(),
            limit,
            used,
            amount,
            days: days.map(|days| [days.active, days.period]),
        };
        match self.kind {
            AdjustedKind::Cap => {
                let limit = rounded(self.limit).after;
                Ok((rounded(-cap(amount, used, limit)?.cut), told("cap", limit, None)))
            }
            AdjustedKind::Minimum(days) => {
                let counted = used.checked_add(amount).ok_or(AdjustError::Overflow)?;
                let missing = true_up(self.limit, counted, days, places, rounding)?;
                let limit = days.map_or(Ok(self.limit), |days| days.of(self.limit))?;
                Ok((rounded(missing.exact), told("minimum", limit, days)))
            }
        }
    }
}

/// Tier parts as the trace keeps them.
pub(super) fn parts_of(applied: &Applied) -> Vec<PartTrace> {
    let parts = applied.parts.iter().map(|part| PartTrace {
        quantity: part.quantity,
        rate: part.rate,
        flat: (!part.flat.is_zero()).then_some(part.flat),
        amount: part.amount,
    });
    parts.collect()
}

fn rounded_trace(point: &'static str, rounded: &Rounded) -> RoundedTrace {
    RoundedTrace {
        point: point.into(),
        before: rounded.before.normalize(),
        after: rounded.after,
        mode: rounded.mode.name().into(),
        places: rounded.places,
    }
}

/// The treatment's name, as it is stored.
pub fn treatment_name(treatment: TaxTreatment) -> &'static str {
    match treatment {
        TaxTreatment::Inclusive => "inclusive",
        TaxTreatment::Exclusive => "exclusive",
        TaxTreatment::Exempt => "exempt",
        TaxTreatment::Zero => "zero",
        TaxTreatment::NotTaxed => "not_taxed",
    }
}
