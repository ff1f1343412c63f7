//! Conditions on numbers: what their texts mean, and that sets of intervals answer as the conditions they are made of.

use super::super::interval::{Interval, Intervals};
use super::NotACondition;
use crate::settlement::rounding::seeded::{Sequence, number};
use rust_decimal::Decimal;

fn read(text: &str) -> Intervals {
    text.parse().unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// Which of the numbers from -2 to 12, in halves, a condition takes.
fn taken(condition: &Intervals) -> Vec<Decimal> {
    (-4..=24).map(|half| Decimal::from(half) / Decimal::TWO).filter(|number| condition.contains(*number)).collect()
}

#[test]
fn a_text_says_which_numbers_are_meant() {
    let check = |text: &str, inside: &str, outside: &str| {
        let condition = read(text);
        inside.split(' ').for_each(|inside| assert!(condition.contains(number(inside)), "{inside} is in {text}"));
        outside
            .split(' ')
            .for_each(|outside| assert!(!condition.contains(number(outside)), "{outside} is not in {text}"));
    };
    check("5", "5 5.00", "4.99 -5");
    check("= -5", "-5", "5");
    check("== 5", "5", "6");
    check("!= 5", "4.99 6", "5 5.0");
    check("<> 5", "4", "5");
    check(">=5", "5 6", "4.99");
    check("≥ 5，≤ 10", "5 10", "4 11");
    check("[5..10)", "5 9.99", "10 4");
    check("]5..10[", "5.01 9.99", "5 10");
    check("(5..10]", "10", "5");
    check("not(5)", "4 6", "5");
    check("not( 5 , [7 .. 9), > 20 )", "6 9 20", "5 7 8.99 21");
    check("not(5 or 6)", "4 7", "5 6");
    check("<= 1 or >= 10 and < 20", "1 10 19", "2 20");
    check("> 1, != 3, < 5", "2 4", "1 3 5");
}

#[test]
fn what_is_no_condition_is_refused_as_a_whole() {
    for text in [
        "", " ", "five", "5..10", "[5..10", "[5 10]", "not 5", "not(5", "not()", "5,", "5 or", "or 5", "> ", "5 6",
        "1..2..3", "!=", "5%",
    ] {
        let wrong = text.parse::<Intervals>().expect_err(text);
        assert_eq!(wrong, NotACondition::Unreadable(text.to_owned()));
    }
}

#[test]
fn a_condition_that_no_number_meets_is_refused() {
    for text in ["5, 7", "[10..5]", "(5..5)", "< 5, > 10", "not(< 5, >= 5)"] {
        let wrong = text.parse::<Intervals>().expect_err(text);
        assert_eq!(wrong, NotACondition::HoldsForNone(text.to_owned()));
    }
}

#[test]
fn sets_answer_as_the_conditions_they_are_made_of() {
    let mut sequence = Sequence::new(7);
    let mut condition = || {
        let low = sequence.below(19);
        let [high, other] = [low + 1 + sequence.below(20 - low), sequence.below(20)];
        match sequence.below(6) {
            0 => format!("[{low}..{high})"),
            1 => format!("({low}..{high}]"),
            2 => format!("!= {other}"),
            3 => format!(">= {low}"),
            4 => format!("not({other}, ({low}..{high}))"),
            _ => format!("< {low} or {high}"),
        }
    };
    for _ in 0..2_000 {
        let (left, right) = (condition(), condition());
        let (one, other) = (read(&left), read(&right));
        let (in_one, in_other) = (taken(&one), taken(&other));
        let all = taken(&Interval::ALL.into());
        let those = |keeps: &dyn Fn(&Decimal) -> bool| -> Vec<Decimal> {
            all.iter().filter(|number| keeps(number)).copied().collect()
        };
        let both = those(&|number| in_one.contains(number) && in_other.contains(number));
        let any = those(&|number| in_one.contains(number) || in_other.contains(number));
        let outside = those(&|number| !in_one.contains(number));
        assert_eq!(taken(&one.and(&other)), both, "{left} and {right}");
        assert_eq!(taken(&one.clone().or(other.clone())), any, "{left} or {right}");
        assert_eq!(taken(&one.complement()), outside, "not {left}");
        assert_eq!(one.complement().complement(), one, "{left}");
        assert_eq!(one.meets(&other), !one.and(&other).is_empty(), "{left} meets {right}");
        assert_eq!(one.covers(&other), one.and(&other) == other, "{left} covers {right}");
    }
}
