//! Allocation against the acceptance cases, and that nothing is ever lost.

use super::super::rounding::seeded::{Sequence, number, numbers};
use super::{AllocationError, Method, allocate, portion};
use rust_decimal::Decimal;

const METHODS: [Method; 4] = [Method::LargestRemainder, Method::First, Method::Last, Method::Running];

#[test]
fn acceptance_cases_of_allocation() {
    let check = |id: &str, method: Method, total: &str, weights: &[&str], unit: &str, shares: &[&str]| {
        assert_eq!(allocate(number(total), &numbers(weights), number(unit), method), Ok(numbers(shares)), "{id}");
    };
    use Method::{First, LargestRemainder, Last, Running};
    check("numscript-15-80-8-12", First, "15", &["80", "8", "12"], "1", &["13", "1", "1"]);
    check("numscript-15-80-15-rest", First, "15", &["80", "15", "5"], "1", &["13", "2", "0"]);
    check("numscript-10000-0.19pct", First, "10000", &["0.19", "99.81"], "1", &["19", "9981"]);
    check("rustymoney-100-70-20-10", LargestRemainder, "100", &["70", "20", "10"], "0.01", &["70", "20", "10"]);
    check("lr-50-over-200-150", LargestRemainder, "50", &["200", "150"], "1", &["29", "21"]);
    check("alloc-negative-refund", LargestRemainder, "-50", &["200", "150"], "1", &["-29", "-21"]);
    let cents = ["0.02", "0", "0.02", "0.01"];
    check("alloc-zero-weight", LargestRemainder, "0.05", &["1", "0", "1", "1"], "0.01", &cents);
    check("yudao-reward-50-over-200-150", Last, "50", &["200", "150"], "1", &["28", "22"]);
    check("yudao-points-100-over-200-150", Last, "100", &["200", "150"], "1", &["57", "43"]);
    check("yudao-coupon-70-over-200-150", Last, "70", &["200", "150"], "1", &["40", "30"]);
    let instalments = ["0.14", "0.15", "0.14", "0.14", "0.14", "0.15", "0.14"];
    check("alloc-running-100-7", Running, "1.00", &["1"; 7], "0.01", &instalments);
    check("order-line-and-whole-discount", LargestRemainder, "30.00", &["270.00", "59.90"], "0.01", &["24.55", "5.45"]);
    let coupon = ["500", "250", "150", "100"];
    check("lago-taxes-with-coupon", LargestRemainder, "1000", &["10000", "5000", "3000", "2000"], "1", &coupon);
}

#[test]
fn the_last_share_is_the_last_with_a_weight() {
    let shares = allocate(number("1"), &numbers(&["1", "2", "0"]), number("0.01"), Method::Last);
    assert_eq!(shares, Ok(numbers(&["0.33", "0.67", "0"])));
}

#[test]
fn what_is_open_is_filled_in_its_order() {
    let check = |total: &str, open: &[&str], unit: &str, expect: Result<&[&str], AllocationError>| {
        let shares = allocate(number(total), &numbers(open), number(unit), Method::InOrder);
        assert_eq!(shares, expect.map(numbers), "{total} over {open:?}");
    };
    check("650.00", &["300.00", "500.00"], "0.01", Ok(&["300.00", "350.00"]));
    check("10000", &["5000", "1000", "3000", "1000"], "1", Ok(&["5000", "1000", "3000", "1000"]));
    check("0", &["5", "1"], "1", Ok(&["0", "0"]));
    check("-7", &["5", "0", "9"], "1", Ok(&["-5", "0", "-2"]));
    // Less than a unit is none.
    check("1", &["0.9", "1.9"], "1", Ok(&["0", "1"]));
    check("7", &["5", "1.9"], "1", Err(AllocationError::NotEnough));
    check("1", &["1", "-1"], "1", Err(AllocationError::NegativeWeight { index: 1 }));
    check("1", &["0"], "1", Err(AllocationError::NoWeight));
}

#[test]
fn what_cannot_be_allocated_is_refused() {
    let check = |total: &str, weights: &[&str], unit: &str, expect: AllocationError| {
        for method in METHODS {
            assert_eq!(allocate(number(total), &numbers(weights), number(unit), method), Err(expect), "{total}");
        }
    };
    check("1", &["1"], "0", AllocationError::UnitNotPositive);
    check("1.005", &["1"], "0.01", AllocationError::TotalNotInUnits);
    check("1", &["1", "-1"], "0.01", AllocationError::NegativeWeight { index: 1 });
    check("1", &["0", "0"], "0.01", AllocationError::NoWeight);
    check("1", &[], "0.01", AllocationError::NoWeight);
    check("1", &["79228162514264337593543950335", "0.0000000000000000000000000001"], "1", AllocationError::Overflow);
}

#[test]
fn nothing_over_nobody_is_nothing() {
    assert_eq!(allocate(Decimal::ZERO, &[], Decimal::ONE, Method::First), Ok(vec![]));
    assert_eq!(allocate(Decimal::ZERO, &numbers(&["0"]), Decimal::ONE, Method::Last), Ok(numbers(&["0"])));
}

#[test]
fn shares_add_up_mirror_and_stay_near_their_portion() {
    let mut sequence = Sequence::new(11);
    for _ in 0..3_000 {
        let total = sequence.signed(1_000_000, 2);
        let count = 1 + sequence.below(9) as usize;
        let mut weights: Vec<Decimal> = (0..count).map(|_| Decimal::new(sequence.below(500) as i64, 3)).collect();
        weights.push(Decimal::ONE);
        let sum: Decimal = weights.iter().sum();
        for method in METHODS {
            let shares = allocate(total, &weights, number("0.01"), method).expect("one weight is above zero");
            assert_eq!(shares.iter().sum::<Decimal>(), total, "{method:?} {total} {weights:?}");
            let mirror = allocate(-total, &weights, number("0.01"), method).expect("as above");
            assert!(mirror.iter().zip(&shares).all(|(left, right)| *left == -*right), "{method:?} {total}");
            for (share, weight) in shares.iter().zip(&weights) {
                assert!(!weight.is_zero() || share.is_zero(), "{method:?}: a zero weight received {share}");
                let off = (share - total * weight / sum).abs();
                assert!(method == Method::Last || off <= number("0.01"), "{method:?}: {share} is {off} off");
            }
        }
    }
}

#[test]
fn weights_with_28_digits_are_split_exactly() {
    let third = Decimal::ONE / Decimal::from(3);
    let total = number("999999999999999.99");
    let shares = allocate(total, &[third, third, third], number("0.01"), Method::LargestRemainder);
    assert_eq!(shares, Ok(vec![number("333333333333333.33"); 3]));
}

#[test]
fn a_wide_product_is_divided_exactly() {
    // 10^20 * 10^28 needs 160 bits; the answer is known by hand.
    let (units, third, sum) = (100_000_000_000_000_000_000, 10_u128.pow(28), 3 * 10_u128.pow(28));
    assert_eq!(portion(units, third, sum), (33_333_333_333_333_333_333, third));
    assert_eq!(portion(units, sum, sum), (units, 0));
}
