//! What statements come to: debts, what is held, net positions.

use super::position::{Position, turned};
use super::*;
use crate::settlement::line::Party;
use crate::settlement::plan::NumberFormat;

fn number(text: &str) -> Decimal {
    text.parse().expect("the test's number is a number")
}

fn key() -> StatementKey {
    let party = |id| Party { object: "department".into(), id: Uuid::from_u128(id) };
    StatementKey {
        statement: "month".into(),
        payer: party(1),
        payee: party(2),
        period: "2026-03".into(),
        currency: "CNY".into(),
    }
}

fn statement(gross: &str) -> Statement {
    Statement {
        id: Uuid::from_u128(7),
        version: 1,
        key: key(),
        ordinal: 1,
        status: StatementStatus::Issued,
        number: None,
        created_at: Moment::from_micros(0),
        issued_at: None,
        confirmed_at: None,
        paid_at: None,
        reversed_at: None,
        gross: number(gross),
        net: number(gross),
        tax: Decimal::ZERO,
        lines: 1,
        held: Decimal::ZERO,
        withdrawn: Decimal::ZERO,
        opening: Decimal::ZERO,
        carried: None,
        carried_to: None,
        reverses: None,
        reversed_by: None,
        reason: None,
    }
}

fn form(netting: bool, negative: Negative) -> StatementForm {
    let number = NumberFormat::parse("ST-{seq}", None).expect("the form is good");
    StatementForm {
        name: "month".into(),
        calendar: "month".into(),
        number,
        netting,
        negative,
        write_off: None,
        tax_rounded_once: None,
    }
}

/// `(debt, payable)`.
fn check(statement: &Statement, form: &StatementForm, expect: (&str, &str)) {
    let expect = (number(expect.0), number(expect.1));
    assert_eq!((statement.debt(Some(form)), statement.payable(Some(form))), expect);
}

/// Acceptance case `clawback-debt`: 30 available, 50 clawed back, 35 next.
#[test]
fn a_negative_statement_becomes_debt_and_the_next_pays_it_first() {
    let carried = form(false, Negative::CarryDebt);
    let first = statement("-20");
    check(&first, &carried, ("-20", "0"));
    let next = Statement { opening: first.debt(Some(&carried)), ..statement("35") };
    check(&next, &carried, ("0", "15"));
    // A debt that is greater than what follows goes on.
    check(&Statement { opening: number("-50"), ..statement("35") }, &carried, ("-15", "0"));
}

#[test]
fn a_definition_says_what_becomes_of_less_than_nothing() {
    check(&statement("-20"), &form(false, Negative::Invoice), ("0", "-20"));
    check(&statement("-20"), &form(true, Negative::CarryDebt), ("0", "-20"));
    check(&statement("-20"), &form(false, Negative::WriteOff), ("-20", "0"));
    let written_off = Statement { carried: Some(number("-20")), ..statement("-20") };
    check(&written_off, &form(false, Negative::WriteOff), ("-20", "0"));
}

#[test]
fn what_is_held_or_taken_back_is_not_payable() {
    let carried = form(false, Negative::CarryDebt);
    check(&Statement { held: number("40"), ..statement("100") }, &carried, ("0", "60"));
    // The charge is held, what is taken off is not: nothing is paid, and nothing is owed twice.
    check(&Statement { held: number("30"), ..statement("-20") }, &carried, ("-50", "0"));
    check(&Statement { status: StatementStatus::Reversed, ..statement("100") }, &carried, ("0", "0"));
    check(&Statement { reverses: Some(Uuid::from_u128(1)), ..statement("-100") }, &carried, ("0", "0"));
}

#[test]
fn a_position_is_the_same_from_both_sides() {
    let owed = statement("700");
    let counter = Statement { key: turned(&key()), held: number("20"), ..statement("520") };
    let paid = Statement { status: StatementStatus::Paid, ..statement("10") };
    let all = [owed, counter, paid];
    let position = Position::of(&key(), all.iter());
    assert_eq!((position.owed, position.counter, position.net()), (number("710"), number("500"), number("210")));
    assert_eq!(position.open, number("200"));
    assert_eq!(Position::of(&turned(&key()), all.iter()), position);
}

#[test]
fn what_rounds_a_statement_counts_for_no_fact() {
    use crate::settlement::plan::{counts_as, rounds_a_statement};
    let counted: Vec<&str> = ["fee", "fee.cap", "fee.pay", "fee.rounding", "fee.cap.rounding", "fees", "rounding"]
        .into_iter()
        .filter(|line| counts_as(line, "fee"))
        .collect();
    assert_eq!(counted, ["fee", "fee.cap"]);
    assert!(rounds_a_statement("fee.cap.rounding") && !rounds_a_statement("rounding"));
}
