//! Caps, minimums, free units, days and balances at and past their edges.

use super::super::rounding::seeded::{Sequence, number, numbers};
use super::{AdjustError, Balance, Days, cap, cap_all, charged_units, true_up};
use crate::settlement::rounding::Rounding;
use rust_decimal::Decimal;

#[test]
fn a_cap_is_used_up_in_order_and_never_exceeded() {
    let check = |amount: &str, used: &str, paid: &str, cut: &str| {
        let capped = cap(number(amount), number(used), number("100")).expect("sound");
        assert_eq!((capped.paid, capped.cut), (number(paid), number(cut)), "{amount} after {used}");
    };
    check("50", "0", "50", "0");
    check("50", "50", "50", "0");
    check("50", "60", "40", "10");
    check("50", "120", "0", "50");
    check("-50", "100", "-50", "0");
    assert_eq!(cap(Decimal::ONE, Decimal::ZERO, number("-1")), Err(AdjustError::Negative { what: "cap" }));
    let mut sequence = Sequence::new(3);
    for _ in 0..200 {
        let amounts: Vec<Decimal> = (0..sequence.below(8)).map(|_| sequence.signed(10_000, 2).abs()).collect();
        let capped = cap_all(&amounts, Decimal::ZERO, number("150")).expect("sound");
        let (paid, cut): (Decimal, Decimal) =
            (capped.iter().map(|one| one.paid).sum(), capped.iter().map(|one| one.cut).sum());
        assert_eq!((paid, paid + cut), (number("150").min(amounts.iter().sum()), amounts.iter().sum()), "{amounts:?}");
    }
}

#[test]
fn a_minimum_is_made_up_for_once_it_is_prorated() {
    let check = |minimum: &str, used: &str, days: Option<[&str; 2]>, expect: &str| {
        let days = days.map(|[active, period]| Days { active: number(active), period: number(period) });
        let missing = true_up(number(minimum), number(used), days, 2, Rounding::HalfUp).expect("sound");
        assert_eq!(missing.amount, number(expect), "{minimum} {used} {days:?}");
    };
    check("100", "50", None, "50");
    check("100", "100", None, "0");
    check("100", "150", None, "0");
    check("100", "10", Some(["15", "30"]), "40");
    check("100", "10", Some(["0", "30"]), "0");
    let days = Days { active: number("31"), period: number("30") };
    let wrong = AdjustError::BadDays { active: days.active, period: days.period };
    assert_eq!(true_up(Decimal::ONE, Decimal::ZERO, Some(days), 2, Rounding::HalfUp), Err(wrong));
}

#[test]
fn free_units_are_free_once() {
    let charged: Vec<Decimal> = [("0", "5"), ("5", "15"), ("10", "3"), ("20", "3"), ("5", "-2")]
        .map(|(before, units)| charged_units(number("10"), number(before), number(units)).expect("sound"))
        .to_vec();
    assert_eq!(charged, numbers(&["0", "10", "3", "3", "-2"]));
}

#[test]
fn debt_is_paid_before_anything_is_available() {
    let mut balance = Balance::default();
    for (amount, available, debt) in
        [("30", "30", "0"), ("-50", "0", "20"), ("15", "0", "5"), ("5", "0", "0"), ("1", "1", "0")]
    {
        balance = balance.post(number(amount)).expect("sound");
        assert_eq!((balance.available, balance.debt), (number(available), number(debt)), "after {amount}");
    }
}
