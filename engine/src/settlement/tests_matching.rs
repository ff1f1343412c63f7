//! Matching at and past what is open.

use super::super::rounding::seeded::{Sequence, number};
use super::{Booked, MatchError, OpenItem, Payment, allocate, match_booked, oldest_first};
use crate::settlement::rounding::Rounding;
use rust_decimal::Decimal;

fn item(id: &str, due: &str, open: &str) -> OpenItem {
    OpenItem { id: id.to_owned(), due: due.parse().ok(), open: number(open) }
}

#[test]
fn the_oldest_due_comes_first_and_what_has_no_date_last() {
    let items = [
        item("none", "", "10"),
        item("late", "2026-02-10", "10"),
        item("early", "2026-01-10", "10"),
        item("credit", "2026-01-01", "-5"),
    ];
    let matched = oldest_first(number("25"), &items).expect("sound");
    let allocated: Vec<Decimal> = matched.items.iter().map(|item| item.allocated).collect();
    assert_eq!(allocated, [5, 10, 10, 0].map(Decimal::from));
    assert_eq!(oldest_first(number("-1"), &items), Err(MatchError::NotPositive));
}

#[test]
fn a_payment_is_what_it_settled_and_what_is_left_of_it() {
    let mut sequence = Sequence::new(31);
    for _ in 0..300 {
        let items: Vec<OpenItem> = (0..sequence.below(6))
            .map(|_| OpenItem { id: "i".to_owned(), due: None, open: sequence.signed(10_000, 2) })
            .collect();
        let payment = sequence.signed(40_000, 2).abs();
        let matched = oldest_first(payment, &items).expect("sound");
        let allocated: Decimal = matched.items.iter().map(|item| item.allocated).sum();
        assert_eq!(allocated + matched.unapplied, payment);
        assert!(matched.items.iter().zip(&items).all(|(after, before)| after.open + after.allocated == before.open));
    }
}

#[test]
fn no_more_is_allocated_than_is_there() {
    assert_eq!(allocate(number("10"), number("10")), Ok(Decimal::ZERO));
    let too_much = MatchError::ExceedsOpen { amount: number("10.01"), open: number("10") };
    assert_eq!(allocate(number("10"), number("10.01")), Err(too_much));
    let payment = Payment { amount: number("200"), allocated: number("100") };
    assert_eq!(payment.allocate(number("100")).map(Payment::unapplied), Ok(Decimal::ZERO));
    let too_much = MatchError::ExceedsPayment { amount: number("200"), unapplied: number("100") };
    assert_eq!(payment.allocate(number("200")), Err(too_much));
}

#[test]
fn only_the_matched_part_realises_a_difference() {
    let booked = |currency: &str, amount: &str, rate: &str| Booked {
        currency: currency.to_owned(),
        amount: number(amount),
        rate: number(rate),
    };
    let matched =
        match_booked(&booked("USD", "100", "7.10"), &booked("USD", "40", "7.05"), 2, Rounding::HalfUp).expect("sound");
    assert_eq!((matched.open, matched.unapplied, matched.difference), (number("60"), Decimal::ZERO, number("-2.00")));
    assert!(match_booked(&booked("USD", "1", "7"), &booked("EUR", "1", "8"), 2, Rounding::HalfUp).is_err());
}
