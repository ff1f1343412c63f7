//! Rounding against the acceptance cases, and its symmetry.

use super::seeded::{Sequence, number};
use super::{Point, Rounded, Rounding, bounded, round, round_to_step, without_negative_zero};
use Rounding::{Ceil, Down, Floor, HalfDown, HalfEven, HalfUp, Up};
use rust_decimal::{Decimal, RoundingStrategy};

const MODES: [Rounding; 7] = [HalfUp, HalfEven, HalfDown, Up, Down, Ceil, Floor];

#[test]
fn acceptance_cases_of_rounding() {
    let check = |id: &str, mode: Rounding, value: Decimal, places: u32, expect: &str| {
        assert_eq!(round(value, places, mode), number(expect), "{id}: {value} to {places} places");
    };
    let rows = [
        ("lago-units-round", HalfUp, "123.456", 2, "123.46"),
        ("lago-units-round", HalfUp, "123.456", 0, "123"),
        ("lago-units-ceil", Ceil, "123.456", 2, "123.46"),
        ("lago-units-ceil", Ceil, "123.456", 0, "124"),
        ("dmn-round-half-up", HalfUp, "5.5", 0, "6"),
        ("dmn-round-half-up", HalfUp, "-5.5", 0, "-6"),
        ("dmn-round-half-up", HalfUp, "1.121", 2, "1.12"),
        ("dmn-round-half-up", HalfUp, "-1.126", 2, "-1.13"),
        ("dmn-round-down", Down, "5.5", 0, "5"),
        ("dmn-round-down", Down, "-5.5", 0, "-5"),
        ("dmn-round-down", Down, "1.121", 2, "1.12"),
        ("dmn-round-down", Down, "-1.126", 2, "-1.12"),
        ("dmn-round-half-down", HalfDown, "5.5", 0, "5"),
        ("dmn-round-half-down", HalfDown, "-5.5", 0, "-5"),
        ("dmn-round-half-down", HalfDown, "1.121", 2, "1.12"),
        ("dmn-round-half-down", HalfDown, "-1.126", 2, "-1.13"),
        ("dmn-decimal-half-even", HalfEven, "1.5", 0, "2"),
        ("dmn-decimal-half-even", HalfEven, "2.5", 0, "2"),
        ("dmn-decimal-half-even", HalfEven, "0.515", 2, "0.52"),
    ];
    for (id, mode, value, places, expect) in rows {
        check(id, mode, number(value), places, expect);
    }
    let over = |left: i64, right: i64| Decimal::from(left) / Decimal::from(right);
    check("dmn-decimal-half-even", HalfEven, over(1, 3), 2, "0.33");
    check("dmn-decimal-half-even", HalfEven, over(15, 7), 3, "2.143");
    check("dmn-decimal-half-even", HalfEven, over(15, 78) * Decimal::TWO, 3, "0.385");
}

#[test]
fn steps_serve_cash_and_negative_places() {
    let check = |value: &str, step: &str, mode: Rounding, expect: &str| {
        assert_eq!(round_to_step(number(value), number(step), mode), Some(number(expect)), "{value} by {step}");
    };
    // lago-units-round and lago-units-ceil with -2 places.
    check("123.456", "100", HalfUp, "100");
    check("123.456", "100", Ceil, "200");
    check("7.37", "0.05", HalfUp, "7.35");
    check("7.38", "0.05", HalfUp, "7.40");
    check("-7.38", "0.05", HalfUp, "-7.40");
    check("7.375", "0.05", HalfEven, "7.40");
    check("7.375", "0.05", HalfDown, "7.35");
    assert_eq!(round_to_step(Decimal::ONE, Decimal::ZERO, HalfUp), None);
    assert_eq!(round_to_step(Decimal::ONE, Decimal::NEGATIVE_ONE, HalfUp), None);
}

#[test]
fn every_mode_on_both_sides_of_zero() {
    let check = |value: &str, expect: [&str; 7]| {
        for (mode, expect) in MODES.into_iter().zip(expect) {
            assert_eq!(round(number(value), 0, mode).to_string(), expect, "{value} {mode:?}");
        }
    };
    check("2.5", ["3", "2", "2", "3", "2", "3", "2"]);
    check("-2.5", ["-3", "-2", "-2", "-3", "-2", "-2", "-3"]);
    check("2.1", ["2", "2", "2", "3", "2", "3", "2"]);
    check("-0.4", ["0", "0", "0", "-1", "0", "0", "-1"]);
}

#[test]
fn equal_results_have_equal_text() {
    for value in ["5", "5.0", "5.001", "4.999999"] {
        assert_eq!(round(number(value), 2, HalfUp).to_string(), "5.00", "{value}");
    }
    assert_eq!(round(Decimal::MAX, 40, HalfUp), Decimal::MAX);
}

#[test]
fn a_rounding_is_kept_for_the_trace() {
    let kept = serde_json::to_value(Rounded::at(Point::Cash, number("1.005"), 2, HalfEven)).expect("plain data");
    let expect =
        serde_json::json!({"before": "1.005", "after": "1.00", "mode": "half_even", "places": 2, "point": "cash"});
    assert_eq!(kept, expect);
}

#[test]
fn negatives_mirror_positives_except_ceil_and_floor() {
    let mut sequence = Sequence::new(7);
    for _ in 0..2_000 {
        let value = sequence.signed(10_000_000, 5);
        for mode in [HalfUp, HalfEven, HalfDown, Up, Down] {
            assert_eq!(round(-value, 2, mode), -round(value, 2, mode), "{value} {mode:?}");
        }
        assert_eq!(round(-value, 2, Ceil), -round(value, 2, Floor), "{value}");
        for mode in MODES {
            let rounded = round(value, 2, mode);
            assert!((rounded - value).abs() < number("0.01"), "{value} {mode:?}");
            assert_eq!(round(rounded, 2, mode), rounded, "{value} {mode:?} twice");
        }
    }
}

#[test]
fn the_range_of_numbers_has_an_edge() {
    assert!(bounded(number("999999999999999.9999999999")).is_some());
    assert!(bounded(number("1000000000000000")).is_none());
    assert!(bounded(number("-1000000000000000")).is_none());
}

#[test]
fn numbers_of_any_length_round_as_the_library_rounds() {
    let strategy = |mode| match mode {
        HalfUp => RoundingStrategy::MidpointAwayFromZero,
        HalfEven => RoundingStrategy::MidpointNearestEven,
        HalfDown => RoundingStrategy::MidpointTowardZero,
        Up => RoundingStrategy::AwayFromZero,
        Down => RoundingStrategy::ToZero,
        Ceil => RoundingStrategy::ToPositiveInfinity,
        Floor => RoundingStrategy::ToNegativeInfinity,
    };
    let check = |value: Decimal, places: u32| {
        for mode in MODES {
            let mut expect = value.round_dp_with_strategy(places, strategy(mode));
            expect.rescale(places);
            let rounded = round(value, places, mode);
            assert_eq!(rounded.to_string(), without_negative_zero(expect).to_string(), "{value} to {places}, {mode:?}");
        }
    };
    let mut sequence = Sequence::new(31);
    for _ in 0..20_000 {
        // Ends of 5, 50 and 500 are halves.
        let digits = sequence.below(2_000_000) as i64 * [1, 5, 50, 500][sequence.below(4) as usize] - 1_000_000;
        check(Decimal::new(digits, sequence.below(9) as u32), sequence.below(7) as u32);
    }
    for _ in 0..20_000 {
        // As quotients are, and halves with many zeros behind them.
        let long = Decimal::from(sequence.below(1_000_000) as i64 - 500_000) / Decimal::from(sequence.below(999) + 1);
        check(long, sequence.below(29) as u32);
        let mut half = Decimal::new(sequence.below(20_000) as i64 * 5 - 50_000, 3);
        half.rescale(sequence.below(24) as u32 + 4);
        check(half, sequence.below(5) as u32);
    }
    for edge in [Decimal::MAX, Decimal::MIN, Decimal::from_i128_with_scale(79_228_162_514_264_337_593_543_950_335, 28)]
    {
        (0..=28).for_each(|places| check(edge, places));
    }
}
