//! Tax of an amount: inclusive or exclusive, per line or per document. Knows rates as numbers; which
//! rate applies to whom is a look-up elsewhere.

use super::rounding::{Point, Rounded, Rounding, bounded};
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use thiserror::Error;

/// With amounts below 10^15 this keeps every unit of rounding inside the 28 digits of a number.
const PLACES_MAX: u32 = 10;

/// How tax relates to the amount it is computed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaxKind {
    /// The amount contains the tax.
    Inclusive,
    /// The tax comes on top of the amount.
    Exclusive,
    /// Exempt by law; printed differently from a zero rate.
    Exempt,
    /// Taxed at zero.
    Zero,
    /// Outside the tax altogether.
    NotTaxed,
}

/// An amount and the tax that belongs to it. `rate` is a fraction (0.13) and is not looked at for the
/// kinds that carry no tax.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taxable {
    pub amount: Decimal,
    pub kind: TaxKind,
    pub rate: Decimal,
}

/// `net + tax = gross`, always exactly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Taxed {
    pub net: Decimal,
    pub tax: Decimal,
    pub gross: Decimal,
    /// How the line's own tax was rounded; `tax` differs from it where a document placed its difference.
    pub rounded: Rounded,
}

/// A document whose tax was rounded once, over all its lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaxedDocument {
    pub lines: Vec<Taxed>,
    pub net: Decimal,
    pub tax: Decimal,
    pub gross: Decimal,
    pub rounded: Rounded,
    /// What was placed on lines so that their tax adds up to the document's.
    pub difference: Decimal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TaxError {
    #[error("a tax rate cannot be negative")]
    NegativeRate,
    #[error("tax is rounded to at most {PLACES_MAX} places")]
    TooManyPlaces,
    #[error("the credits take back more than the document has")]
    CreditTooLarge,
    #[error("the amount has too many digits")]
    Overflow,
}

/// Tax of one amount, rounded on its own. Inclusive: `tax = round(gross / (1 + r) * r)` and
/// `net = gross - tax`; exclusive: `tax = round(net * r)` and `gross = net + tax`. The amount itself
/// is not rounded here.
///
/// ```
/// use packwork_engine::settlement::{rounding::Rounding, tax::{TaxKind, Taxable, tax_line}};
/// let sold = Taxable { amount: 1130.into(), kind: TaxKind::Inclusive, rate: "0.13".parse().unwrap() };
/// assert_eq!(tax_line(sold, 2, Rounding::HalfUp).unwrap().net.to_string(), "1000.00");
/// ```
pub fn tax_line(line: Taxable, places: u32, mode: Rounding) -> Result<Taxed, TaxError> {
    check_places(places)?;
    let rounded = Rounded::at(Point::Tax, exact_tax(line)?, places, mode);
    with_tax(line, rounded.after, rounded)
}

/// Tax of a document, rounded once over the sum of all lines whatever their rates. The lines are
/// rounded too; where they do not add up, the difference goes unit by unit to the lines whose own
/// rounding was furthest off in that direction (tie: the earlier), never to a line without tax.
pub fn tax_document(lines: &[Taxable], places: u32, mode: Rounding) -> Result<TaxedDocument, TaxError> {
    let own = lines.iter().map(|line| tax_line(*line, places, mode)).collect::<Result<Vec<_>, _>>()?;
    let alone = lines.iter().zip(&own).map(|(taxable, own)| OwnTax { taxable: *taxable, tax: own.tax, takes: true });
    let alone: Vec<OwnTax> = alone.collect();
    let (rounded, shares) = document_difference(&alone, Decimal::ZERO, places, mode)?;
    let difference = sum(shares.iter().copied())?;
    let taxed = lines.iter().zip(own).zip(shares).map(|((line, own), share)| {
        with_tax(*line, own.tax.checked_add(share).ok_or(TaxError::Overflow)?, own.rounded)
    });
    let lines = taxed.collect::<Result<Vec<_>, _>>()?;
    Ok(TaxedDocument {
        net: sum(lines.iter().map(|line| line.net))?,
        tax: rounded.after,
        gross: sum(lines.iter().map(|line| line.gross))?,
        lines,
        rounded,
        difference,
    })
}

/// A line that was taxed by itself.
#[derive(Clone, Copy, Debug)]
pub struct OwnTax {
    pub taxable: Taxable,
    pub tax: Decimal,
    /// It may take a part of the difference.
    pub takes: bool,
}

/// The tax of a document, rounded once, and what each of its lines, taxed by itself before, gets of the difference. `beside`
/// is tax of the document that belongs to none of these lines.
pub fn document_difference(
    lines: &[OwnTax],
    beside: Decimal,
    places: u32,
    mode: Rounding,
) -> Result<(Rounded, Vec<Decimal>), TaxError> {
    check_places(places)?;
    let exact = lines.iter().map(|line| exact_tax(line.taxable)).collect::<Result<Vec<_>, _>>()?;
    let rounded = Rounded::at(Point::Document, exact_total(lines)?, places, mode);
    let difference = rounded.after - sum(lines.iter().map(|line| line.tax))? - beside;
    let own = lines.iter().zip(exact).map(|(line, exact)| Rounded {
        before: if line.takes { exact } else { Decimal::ZERO },
        after: line.tax,
        ..rounded.clone()
    });
    let own: Vec<Rounded> = own.collect();
    let taxes = place_difference(&own, difference, places);
    Ok((rounded, taxes.into_iter().zip(lines).map(|(tax, line)| tax - line.tax).collect()))
}

/// Where a document's tax is rounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Line by line; the document's tax is the sum.
    #[default]
    Line,
    /// Once, over all lines.
    Document,
}

/// Tax of a document whose lines are rounded one by one: its tax is their sum.
pub fn tax_lines(lines: &[Taxable], places: u32, mode: Rounding) -> Result<TaxedDocument, TaxError> {
    let lines = lines.iter().map(|line| tax_line(*line, places, mode)).collect::<Result<Vec<_>, _>>()?;
    let exact = sum(lines.iter().map(|line| line.rounded.before))?;
    let tax = sum(lines.iter().map(|line| line.tax))?;
    Ok(TaxedDocument {
        net: sum(lines.iter().map(|line| line.net))?,
        tax,
        gross: sum(lines.iter().map(|line| line.gross))?,
        lines,
        rounded: Rounded { before: exact, after: tax, mode, places, point: Point::Tax },
        difference: Decimal::ZERO,
    })
}

/// Credits of parts of a document's net, one after the other, at its rate. Each is rounded on its own and never takes
/// more tax than is left; the one that uses up the net takes what is left of the tax, so that a series that gives
/// everything back adds up to the document.
pub fn credit_series(
    document: &TaxedDocument,
    credits: &[Decimal],
    rate: Decimal,
    places: u32,
    mode: Rounding,
) -> Result<Vec<Taxed>, TaxError> {
    let mut left = (document.net, document.tax);
    let mut series = Vec::with_capacity(credits.len());
    for net in credits {
        if *net > left.0 {
            return Err(TaxError::CreditTooLarge);
        }
        let own = tax_line(Taxable { amount: *net, kind: TaxKind::Exclusive, rate }, places, mode)?;
        let tax = if *net == left.0 { left.1 } else { own.tax.min(left.1) };
        left = (left.0 - net, left.1 - tax);
        series.push(Taxed { net: *net, tax, gross: sum([*net, tax].into_iter())?, rounded: own.rounded });
    }
    Ok(series)
}

fn check_places(places: u32) -> Result<(), TaxError> {
    if places > PLACES_MAX { Err(TaxError::TooManyPlaces) } else { Ok(()) }
}

fn exact_tax(line: Taxable) -> Result<Decimal, TaxError> {
    let amount = bounded(line.amount).ok_or(TaxError::Overflow)?;
    if matches!(line.kind, TaxKind::Exempt | TaxKind::Zero | TaxKind::NotTaxed) {
        return Ok(Decimal::ZERO);
    }
    if line.rate < Decimal::ZERO {
        return Err(TaxError::NegativeRate);
    }
    let base = match line.kind {
        TaxKind::Inclusive => Decimal::ONE.checked_add(line.rate).and_then(|whole| amount.checked_div(whole)),
        _ => Some(amount),
    };
    base.and_then(|base| base.checked_mul(line.rate)).and_then(bounded).ok_or(TaxError::Overflow)
}

/// The tax of all lines, taxed once per rate: the sum of quotients that were each cut would miss a half by its last digit.
fn exact_total(lines: &[OwnTax]) -> Result<Decimal, TaxError> {
    let mut by_rate: Vec<Taxable> = Vec::new();
    for OwnTax { taxable: line, .. } in lines {
        match by_rate.iter_mut().find(|total| (total.kind, total.rate) == (line.kind, line.rate)) {
            Some(total) => total.amount = sum([total.amount, line.amount].into_iter())?,
            None => by_rate.push(*line),
        }
    }
    let taxes = by_rate.into_iter().map(exact_tax).collect::<Result<Vec<_>, _>>()?;
    sum(taxes.into_iter())
}

fn with_tax(line: Taxable, tax: Decimal, rounded: Rounded) -> Result<Taxed, TaxError> {
    let (net, gross) = match line.kind {
        TaxKind::Inclusive => (line.amount.checked_sub(tax), Some(line.amount)),
        _ => (Some(line.amount), line.amount.checked_add(tax)),
    };
    let (Some(net), Some(gross)) = (net.and_then(bounded), gross.and_then(bounded)) else {
        return Err(TaxError::Overflow);
    };
    Ok(Taxed { net, tax, gross, rounded })
}

/// The lines' taxes after the document's difference was placed on them.
fn place_difference(own: &[Rounded], difference: Decimal, places: u32) -> Vec<Decimal> {
    let mut taxes: Vec<Decimal> = own.iter().map(|line| line.after).collect();
    let mut takers: Vec<usize> = (0..own.len()).filter(|index| !own[*index].before.is_zero()).collect();
    if takers.is_empty() || difference.is_zero() {
        return taxes;
    }
    let unit = Decimal::new(1, places);
    let step = if difference.is_sign_negative() { -unit } else { unit };
    // How far each line's own rounding went against the difference; the sort is stable, so the
    // earlier line wins a tie.
    let missing = |index: usize| match step.is_sign_negative() {
        true => own[index].after - own[index].before,
        false => own[index].before - own[index].after,
    };
    takers.sort_by_key(|index| Reverse(missing(*index)));
    let mut left = difference;
    for index in takers.into_iter().cycle() {
        if left.is_zero() {
            break;
        }
        taxes[index] += step;
        left -= step;
    }
    taxes
}

fn sum(values: impl Iterator<Item = Decimal>) -> Result<Decimal, TaxError> {
    let mut values = values;
    let total = values.try_fold(Decimal::ZERO, |total, value| total.checked_add(value));
    total.and_then(bounded).ok_or(TaxError::Overflow)
}

#[cfg(test)]
#[path = "tests_tax.rs"]
mod tests;
