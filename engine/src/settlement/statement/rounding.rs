//! Tax that is rounded once for a whole statement. Its lines were taxed one by one as they were posted; what they differ
//! from the statement's tax is posted when it is issued, beside the lines that are furthest off.

use super::StatedLine;
use super::deciding::{Deciding, asked};
use super::reverse::{LINES_MAX, post_entries};
use crate::codes::Code;
use crate::decide::Halt;
use crate::facts::StatementsAsked;
use crate::money::places_of;
use crate::record::Name;
use crate::refusal::Refusal;
use crate::settlement::desired::treatment_name;
use crate::settlement::line::{Line, TaxTreatment};
use crate::settlement::plan::{ROUNDING, derived, rounds_a_statement};
use crate::settlement::rounding::Rounded;
use crate::settlement::tax::{OwnTax, Taxable, document_difference};
use crate::settlement::trace::{DOCUMENT, RoundedTrace, TRACE_VERSION, TaxTrace, Trace};
use rust_decimal::Decimal;
use std::sync::Arc;

pub(super) fn round_tax(deciding: &mut Deciding<'_, '_>) -> Result<(), Halt> {
    let statement = deciding.statement;
    let Some(mode) = deciding.form.and_then(|form| form.tax_rounded_once) else { return Ok(()) };
    if statement.lines > LINES_MAX {
        let detail = format!("the tax of a statement of more than {LINES_MAX} lines is not rounded in one command");
        return Err(Refusal::new(Code::OutOfRange, detail).with("limit_max", LINES_MAX).into());
    }
    let stated = asked(deciding.reader, StatementsAsked::Lines { of: statement.id, only: None })?;
    let (former, lines): (Vec<&StatedLine>, Vec<&StatedLine>) =
        stated.lines.iter().partition(|stated| rounds_a_statement(&stated.line.line));
    let own = lines.iter().map(|stated| {
        let line = &stated.line;
        let taxable = Taxable { amount: line.charged(), kind: line.tax_kind.kind(), rate: line.tax_rate };
        OwnTax { taxable, tax: line.tax, takes: line.reverses.is_none() && stated.later.is_empty() }
    });
    let beside = former.iter().map(|stated| stated.line.tax).sum();
    let places = places_of(&statement.key.currency);
    let (rounded, shares) = document_difference(&own.collect::<Vec<_>>(), beside, places, mode).map_err(|error| {
        Refusal::new(Code::AmountOverflow, format!("the tax of the statement cannot be computed: {error}"))
    })?;
    let mut posted = Vec::new();
    for (stated, share) in lines.into_iter().zip(shares).filter(|(_, share)| !share.is_zero()) {
        posted.push(line(deciding, &stated.line, share, &rounded)?);
    }
    post_entries(deciding, &posted)?;
    deciding.decision.lines.extend(posted);
    Ok(())
}

/// What a line gets of the difference: tax that comes on top changes what is paid, tax within changes what is left of it.
fn line(deciding: &mut Deciding<'_, '_>, of: &Arc<Line>, share: Decimal, rounded: &Rounded) -> Result<Line, Halt> {
    let (gross, net) = match of.tax_kind {
        TaxTreatment::Exclusive => (share, Decimal::ZERO),
        _ => (Decimal::ZERO, -share),
    };
    let period = open_period(deciding, of)?;
    let trace = Trace {
        v: TRACE_VERSION,
        plan: of.trace.plan.clone(),
        rounded: vec![RoundedTrace {
            point: DOCUMENT.into(),
            before: rounded.before.normalize(),
            after: rounded.after,
            mode: rounded.mode.name().into(),
            places: rounded.places,
        }],
        tax: Some(TaxTrace { kind: treatment_name(of.tax_kind).into(), rate: of.tax_rate, gross, net, tax: share }),
        ..Trace::default()
    };
    Ok(Line {
        id: deciding.ids.take(),
        line: derived(&of.line, ROUNDING),
        corrects: (period != of.service_period).then(|| of.service_period.clone()),
        period,
        group: None,
        group_period: None,
        quantity: Decimal::ZERO,
        gross,
        net,
        tax: share,
        trace: Arc::new(trace),
        statement: Some(deciding.statement.id),
        run: None,
        posted_at: deciding.reader.context.moment,
        ..(**of).clone()
    })
}

/// The period of a line, or the first open one after it.
fn open_period(deciding: &Deciding<'_, '_>, of: &Line) -> Result<Name, Halt> {
    let model = deciding.reader.model;
    let Some(plan) = model.plans.get(&of.plan) else {
        let detail = format!("the settlement plan `{}` is gone, and with it what its entries are", of.plan);
        return Err(Refusal::new(Code::UnknownDefinition, detail).with("name", &*of.plan).into());
    };
    let own = deciding.named(&plan.calendar, &of.period)?;
    Ok(deciding.open_from(&plan.calendar, &own)?.name.into())
}
