//! What there is to say about a statement besides its lines, in sentences: disputes, debts, net position, what takes it
//! back.

use super::Around;
use crate::service::Locale;
use crate::service::view::scaled;
use packwork_engine::settlement::plan::Negative;
use packwork_engine::settlement::statement::{Dispute, Statement};
use rust_decimal::Decimal;
use uuid::Uuid;

pub(super) fn notes(around: &Around<'_>, row: &Statement, disputes: &[Dispute]) -> Vec<String> {
    let row = &around.with_opening(row);
    let said = [
        taken_back(around, row),
        takes_back(around, row),
        held(around, row, disputes),
        withdrawn(around, row),
        opening(around, row),
        debt(around, row),
        position(around, row),
    ];
    said.into_iter().flatten().collect()
}

fn say(around: &Around<'_>, chinese: String, english: String) -> Option<String> {
    Some(match around.caller.locale {
        Locale::Chinese => chinese,
        Locale::English => english,
    })
}

/// A statement by its number.
fn number(around: &Around<'_>, id: Uuid) -> String {
    around.others.get(&id).and_then(|other| other.number.clone()).unwrap_or_else(|| id.to_string())
}

fn amount(row: &Statement, amount: Decimal) -> String {
    format!("{} {}", scaled(amount, 2), row.key.currency)
}

fn taken_back(around: &Around<'_>, row: &Statement) -> Option<String> {
    let by = number(around, row.reversed_by?);
    let reason = row.reason.as_deref().unwrap_or_default();
    say(
        around,
        format!("本对账单已由红字对账单 {by} 全额冲红，不再付款；原因：{reason}"),
        format!("Taken back in full by {by}: nothing is paid on it any more. Reason: {reason}"),
    )
}

fn takes_back(around: &Around<'_>, row: &Statement) -> Option<String> {
    let of = number(around, row.reverses?);
    let reason = row.reason.as_deref().unwrap_or_default();
    say(
        around,
        format!("红字对账单：冲红 {of}，金额、税额与分录按原值取反，不重新计算；原因：{reason}"),
        format!(
            "Takes back {of}: its stored amounts, tax and entries with the opposite sign, not computed anew. Reason: {reason}"
        ),
    )
}

fn held(around: &Around<'_>, row: &Statement, disputes: &[Dispute]) -> Option<String> {
    let open = disputes.iter().filter(|dispute| dispute.settled.is_none()).count();
    let (held, rest) = (amount(row, row.held), amount(row, row.gross - row.held));
    (open > 0).then_some(())?;
    say(
        around,
        format!("{open} 条明细有异议，暂不结算 {held}；其余 {rest} 照常确认和付款"),
        format!("{open} line(s) are disputed and hold {held}; the other {rest} can be confirmed and paid"),
    )
}

fn withdrawn(around: &Around<'_>, row: &Statement) -> Option<String> {
    (!row.withdrawn.is_zero()).then_some(())?;
    let left = amount(row, row.withdrawn);
    say(
        around,
        format!("异议了结后有 {left} 的明细移到了后续对账单"),
        format!("Lines of {left} left for a later statement when disputes about them were settled"),
    )
}

fn opening(around: &Around<'_>, row: &Statement) -> Option<String> {
    (!row.opening.is_zero()).then_some(())?;
    let (debt, payee) = (amount(row, row.opening.abs()), around.titles.of(&row.key.payee.object, row.key.payee.id));
    say(
        around,
        format!("期初：承接 {payee} 此前对账单的欠款 {debt}，从本期应付中扣除"),
        format!("Opening balance: {payee} owes {debt} from former statements, which is taken off what is paid"),
    )
}

fn debt(around: &Around<'_>, row: &Statement) -> Option<String> {
    let form = around.model.statements.get(&row.key.statement);
    let debt = row.debt(form);
    let payee = around.titles.of(&row.key.payee.object, row.key.payee.id);
    let owed = amount(row, debt.abs());
    if debt.is_zero() {
        let payable = row.payable(form);
        let netted = form.is_some_and(|form| form.netting);
        (payable < Decimal::ZERO && !netted).then_some(())?;
        let owed = amount(row, payable.abs());
        return say(
            around,
            format!("合计为负：{payee} 应退回 {owed}"),
            format!("It comes to less than nothing: {payee} pays {owed} back"),
        );
    }
    match (row.carried, row.carried_to, form.map(|form| form.negative)) {
        (Some(_), Some(to), _) => {
            let to = number(around, to);
            say(
                around,
                format!("合计为负，本期不付款；{payee} 的欠款 {owed} 已结转到 {to}"),
                format!(
                    "It comes to less than nothing: nothing is paid, and {payee}'s debt of {owed} was carried to {to}"
                ),
            )
        }
        (Some(_), None, _) => {
            let reason = row.reason.as_deref().unwrap_or_default();
            say(
                around,
                format!("{payee} 的欠款 {owed} 已核销；原因：{reason}"),
                format!("{payee}'s debt of {owed} was written off. Reason: {reason}"),
            )
        }
        (None, _, Some(Negative::WriteOff)) => say(
            around,
            format!("合计为负，本期不付款；{payee} 的欠款 {owed} 待核销"),
            format!(
                "It comes to less than nothing: nothing is paid, and {payee}'s debt of {owed} waits to be written off"
            ),
        ),
        _ => say(
            around,
            format!("合计为负，本期不付款；{payee} 的欠款 {owed} 结转到下一张对账单"),
            format!(
                "It comes to less than nothing: nothing is paid, and {payee}'s debt of {owed} is carried to the next statement"
            ),
        ),
    }
}

fn position(around: &Around<'_>, row: &Statement) -> Option<String> {
    let position = around.position(row)?;
    let title = |party: &packwork_engine::settlement::line::Party| around.titles.of(&party.object, party.id);
    let (payer, payee) = (title(&position.payer), title(&position.payee));
    let (owed, counter, net) = (amount(row, position.owed), amount(row, position.counter), amount(row, position.net()));
    say(
        around,
        format!(
            "往来互抵：{payer} 应付 {payee} {owed}，{payee} 应付 {payer} {counter}，净额由 {payer} 付给 {payee} {net}"
        ),
        format!("Netted: {payer} owes {payee} {owed}, {payee} owes {payer} {counter}; {payer} pays {payee} {net}"),
    )
}
