//! Discounts against the acceptance case of a group, and what must hold of every one.

use super::super::rounding::seeded::{Sequence, number, numbers};
use super::{DiscountError, SharedDiscount, Stacking, cascade, cascade_in_units, stacked};
use crate::settlement::table::Intervals;
use rust_decimal::Decimal;

#[test]
fn a_group_of_lines_shares_the_condition_on_its_quantity() {
    // erpnext-mixed-group: 40 and 30 pieces lie in the window of 60 to 80 together, so both lines are 10 % off.
    let window: Intervals = ">= 60, <= 80".parse().expect("a condition");
    let lines = [("100", "40", Some("0.20")), ("200", "30", None)];
    let quantity: Decimal = lines.iter().map(|(_, quantity, _)| number(quantity)).sum();
    assert!(window.contains(quantity));
    let net = lines.map(|(price, _, own)| {
        let rates: Vec<Decimal> = own.into_iter().chain(["0.10"]).map(number).collect();
        stacked(number(price), &rates, Stacking::Additive).expect("sound").amount
    });
    assert_eq!(net, [number("70"), number("180")]);
}

#[test]
fn discounts_are_never_more_than_the_whole() {
    let check = |rates: &[&str], stacking: Stacking, amount: &str, rate: &str| {
        let found = stacked(number("100"), &numbers(rates), stacking).expect("sound");
        assert_eq!((found.amount, found.rate), (number(amount), number(rate)), "{rates:?} {stacking:?}");
    };
    check(&[], Stacking::Additive, "100", "0");
    check(&["0.2", "0.1"], Stacking::Additive, "70", "0.3");
    check(&["0.2", "0.1"], Stacking::Compound, "72", "0.28");
    check(&["0.7", "0.7"], Stacking::Additive, "0", "1");
    check(&["1", "0.5"], Stacking::Compound, "0", "1");
    let wrong = stacked(number("100"), &numbers(&["1.1"]), Stacking::Additive);
    assert_eq!(wrong, Err(DiscountError::BadRate { rate: number("1.1") }));
}

#[test]
fn what_is_spread_adds_up_and_leaves_no_line_below_zero() {
    let mut sequence = Sequence::new(5);
    for _ in 0..300 {
        let count = 1 + sequence.below(6) as usize;
        let lines: Vec<Decimal> = (0..count).map(|_| sequence.signed(100_000, 2).abs()).collect();
        let discounts: Vec<SharedDiscount> = (0..1 + sequence.below(3))
            .map(|_| SharedDiscount {
                amount: sequence.signed(50_000, 2).abs(),
                lines: (0..count).filter(|_| sequence.below(2) == 0).collect(),
            })
            .collect();
        let cent = number("0.01");
        let taken = cascade_in_units(&lines, &discounts, cent).expect("sound");
        let exact = cascade(&lines, &discounts).expect("sound");
        for (line, taken) in lines.iter().zip(taken.iter().chain(&exact)) {
            assert!(*taken >= Decimal::ZERO && *taken <= *line + number("0.000001"), "{lines:?} {discounts:?}");
        }
        let most: Decimal = discounts.iter().map(|discount| discount.amount).sum();
        assert!(taken.iter().sum::<Decimal>() <= most, "{lines:?} {discounts:?}");
        assert!(taken.iter().all(|taken| (taken / cent).fract().is_zero()));
    }
}
