//! What posting writes: reversals that mirror what they take back, and balanced ledger entries.

use super::line::{Entry, Line, Party};
use super::plan::{Plan, Posting, PostingEntry, base_of, pays};
use crate::codes::Code;
use crate::decision::Decision;
use crate::ids::IdSource;
use crate::model::Model;
use crate::moment::Moment;
use crate::period::Period;
use crate::record::Name;
use crate::refusal::Refusal;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The reversal (红冲) of a line: stored amounts with the opposite sign, never computed anew.
pub fn reversal(line: &Line, id: Uuid, period: &Period, run: Option<Uuid>, at: Moment) -> Line {
    let mut trace = line.trace.clone();
    trace.reason = Some("reversal".to_owned());
    Line {
        id,
        period: period.name.clone(),
        corrects: (period.name != line.period).then(|| line.period.clone()),
        reverses: Some(line.id),
        quantity: -line.quantity,
        gross: -line.gross,
        net: -line.net,
        tax: -line.tax,
        trace,
        statement: None,
        run,
        posted_at: at,
        ..line.clone()
    }
}

/// The entries of a unit's lines, summed per account, parties and period. Debits equal credits, without tolerance.
pub fn entries(
    model: &Model,
    plan: &Plan,
    lines: &[Line],
    decision: &mut Decision,
    ids: &mut IdSource,
    run: Option<Uuid>,
    at: Moment,
) -> Result<(), Refusal> {
    type Key = (Name, Name, String, Party, Party, Name);
    let mut sums: BTreeMap<Key, (Decimal, Decimal)> = BTreeMap::new();
    let overflow = || Refusal::new(Code::AmountOverflow, "the sum of the unit's entries has too many digits");
    for line in lines {
        let Some(posting) = posting_of(model, plan, &line.line) else { continue };
        for entry in entries_of(posting, &line.line) {
            let amount = entry.amount.of(line.gross, line.net, line.tax);
            if amount.is_zero() {
                continue;
            }
            let key = |account: &Name| {
                let parties = (line.payer.clone(), line.payee.clone());
                (
                    account.clone(),
                    posting.name.clone(),
                    line.period.clone(),
                    parties.0,
                    parties.1,
                    line.currency.clone(),
                )
            };
            let debit = &mut sums.entry(key(&entry.debit)).or_default().0;
            *debit = debit.checked_add(amount).ok_or_else(overflow)?;
            let credit = &mut sums.entry(key(&entry.credit)).or_default().1;
            *credit = credit.checked_add(amount).ok_or_else(overflow)?;
        }
    }
    let (debits, credits) = sums
        .values()
        .fold((Decimal::ZERO, Decimal::ZERO), |(debits, credits), (debit, credit)| (debits + debit, credits + credit));
    debug_assert_eq!(debits, credits, "every posting entry debits and credits the same amount");
    for ((account, posting, period, payer, payee, currency), (debit, credit)) in sums {
        if debit.is_zero() && credit.is_zero() {
            continue;
        }
        decision.entries.push(Entry {
            id: ids.take(),
            posting,
            account,
            debit,
            credit,
            currency,
            period,
            payer,
            payee,
            run,
            posted_at: at,
        });
    }
    Ok(())
}

/// How a line of a plan becomes entries: what is paid by another posting than what is owed.
pub(super) fn posting_of<'m>(model: &'m Model, plan: &Plan, line: &str) -> Option<&'m Posting> {
    let name = if pays(line) { plan.paying.as_ref() } else { plan.posting.as_ref() };
    model.postings.get(name?)
}

/// The entries of a line. What is derived from a line (a cut, a remainder) is posted as the line is, unless the posting
/// names it.
pub(super) fn entries_of<'p, 'l>(
    posting: &'p Posting,
    line: &'l str,
) -> impl Iterator<Item = &'p PostingEntry> + use<'p, 'l> {
    let named = |wanted: &str| posting.entries.iter().any(|entry| entry.line.as_deref() == Some(wanted));
    let by = if named(line) { line } else { base_of(line) };
    posting.entries.iter().filter(move |entry| entry.line.as_deref().is_none_or(|name| name == by))
}
