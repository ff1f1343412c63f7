//! Chains: who gets what, who gets nothing and why, and the sums that must be kept.

use super::super::rounding::seeded::{Sequence, number};
use super::{ChainError, LEVELS_MAX, Member, Method, PeerBonus, Reason, Terms};
use crate::settlement::rounding::Rounding;
use rust_decimal::Decimal;

fn terms(method: Method, levels: usize) -> Terms {
    Terms { levels, method, cap_rate: None, rounding: Rounding::HalfUp, peer_bonus: Vec::new(), limit_share: None }
}

fn member(place: usize, figure: Decimal) -> Member {
    Member { party: format!("p{place}").as_str().into(), figure, skipped: None }
}

fn members(figures: &[&str]) -> Vec<Member> {
    figures.iter().enumerate().map(|(place, figure)| member(place, number(figure))).collect()
}

/// Payouts as text, with the remainder last.
fn paid(terms: &Terms, base: &str, members: &[Member]) -> Vec<String> {
    let found = terms.distribute(number(base), members, 2).expect("sound");
    let amounts = found.payouts.iter().map(|payout| payout.amount).chain([found.remainder]);
    amounts.map(|amount| amount.normalize().to_string()).collect()
}

#[test]
fn who_is_passed_over_leaves_the_step_to_those_above() {
    let mut chain = members(&["0.05", "0.08", "0.12"]);
    chain[1].skipped = Some("suspended".into());
    let terms = terms(Method::Differential, 3);
    assert_eq!(paid(&terms, "1000", &chain), ["50", "0", "70", "0"]);
    let found = terms.distribute(number("1000"), &chain, 2).expect("sound");
    assert_eq!(found.payouts[1].reason, Some(Reason::Skipped("suspended".into())));
}

#[test]
fn paid_levels_caps_and_returns() {
    let chain = members(&["0.05", "0.08", "0.12"]);
    assert_eq!(paid(&terms(Method::Differential, 2), "1000", &chain), ["50", "30", "0", "0"]);
    let capped = Terms { cap_rate: Some(number("0.10")), ..terms(Method::Differential, 3) };
    assert_eq!(paid(&capped, "1000", &chain), ["50", "30", "20", "0"]);
    let wide = Terms { cap_rate: Some(number("0.15")), ..terms(Method::Differential, 3) };
    assert_eq!(paid(&wide, "1000", &chain), ["50", "30", "40", "30"]);
    assert_eq!(paid(&wide, "-1000", &chain), ["-50", "-30", "-40", "-30"]);
    let levels =
        Terms { cap_rate: Some(number("0.22")), ..terms(Method::Levels(vec![number("0.20"), number("0.05")]), 2) };
    assert_eq!(paid(&levels, "400", &members(&["0", "0"])), ["80", "8", "0"]);
    assert_eq!(paid(&terms(Method::PriceGap, 3), "399", &members(&["350", "300", "300"])), ["49", "50", "0", "0"]);
}

#[test]
fn a_peer_gets_its_bonus_beside_the_pool() {
    let bonus = PeerBonus { id: "peer".into(), gap: Decimal::ZERO, rate: number("0.01"), generations: 1 };
    let terms = Terms { peer_bonus: vec![bonus], ..terms(Method::Differential, 3) };
    let found = terms.distribute(number("1000"), &members(&["0.12", "0.12", "0.12"]), 2).expect("sound");
    let paid: Vec<_> = found.bonuses.iter().map(|bonus| (&*bonus.party, bonus.amount)).collect();
    assert_eq!(paid, [("p1", number("10.00"))]);
    assert_eq!(found.pool, number("120.00"));
}

#[test]
fn chains_that_cannot_be_are_refused() {
    let terms = terms(Method::Differential, LEVELS_MAX);
    let long: Vec<Member> = (0..=LEVELS_MAX).map(|place| member(place, Decimal::ZERO)).collect();
    assert_eq!(terms.distribute(Decimal::ONE, &long, 2), Err(ChainError::TooManyMembers { count: LEVELS_MAX + 1 }));
    assert!(terms.distribute(Decimal::ONE, &long[1..], 2).is_ok());
    let twice = [member(1, Decimal::ONE), member(1, Decimal::ONE)];
    assert_eq!(terms.distribute(Decimal::ONE, &twice, 2), Err(ChainError::Cycle { party: "p1".into() }));
    let negative = [member(1, -Decimal::ONE)];
    assert_eq!(terms.distribute(Decimal::ONE, &negative, 2), Err(ChainError::NegativeFigure { party: "p1".into() }));
}

#[test]
fn payouts_and_the_remainder_are_the_pool() {
    let mut sequence = Sequence::new(23);
    for _ in 0..1_000 {
        let chain: Vec<Member> = (0..sequence.below(6) as usize)
            .map(|place| member(place, Decimal::new(sequence.below(30) as i64, 2)))
            .collect();
        let cap_rate = (sequence.below(2) == 0).then(|| Decimal::new(sequence.below(40) as i64, 2));
        let terms = Terms { cap_rate, ..terms(Method::Differential, 1 + sequence.below(5) as usize) };
        let base = sequence.signed(1_000_000, 2);
        let found = terms.distribute(base, &chain, 2).expect("sound");
        let given: Decimal = found.payouts.iter().map(|payout| payout.amount).sum();
        assert_eq!(given + found.remainder, found.pool, "{base} {chain:?} {terms:?}");
        let mirrored = terms.distribute(-base, &chain, 2).expect("sound");
        let sums = found.payouts.iter().zip(&mirrored.payouts).map(|(one, other)| one.amount + other.amount);
        assert!(sums.into_iter().all(|sum| sum.is_zero()), "{base} {chain:?} {terms:?}");
    }
}
