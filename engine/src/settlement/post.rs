//! What posting writes: reversals that mirror what they take back, and balanced ledger entries.

use super::line::{Entry, Line, Party};
use super::plan::Plan;
use crate::codes::Code;
use crate::decision::Decision;
use crate::definition::posting::EntryAmount;
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
    let Some(posting) = plan.posting.as_ref().and_then(|name| model.postings.get(name)) else { return Ok(()) };
    type Key = (Name, String, Party, Party, Name);
    let mut sums: BTreeMap<Key, (Decimal, Decimal)> = BTreeMap::new();
    let overflow = || Refusal::new(Code::AmountOverflow, "the sum of the unit's entries has too many digits");
    for line in lines {
        for entry in posting.entries.iter().filter(|entry| entry.line.as_ref().is_none_or(|name| *name == line.line)) {
            let amount = match entry.amount {
                EntryAmount::Gross => line.gross,
                EntryAmount::Net => line.net,
                EntryAmount::Tax => line.tax,
            };
            if amount.is_zero() {
                continue;
            }
            let key = |account: &Name| {
                (account.clone(), line.period.clone(), line.payer.clone(), line.payee.clone(), line.currency.clone())
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
    for ((account, period, payer, payee, currency), (debit, credit)) in sums {
        if debit.is_zero() && credit.is_zero() {
            continue;
        }
        decision.entries.push(Entry {
            id: ids.take(),
            posting: posting.name.clone(),
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
