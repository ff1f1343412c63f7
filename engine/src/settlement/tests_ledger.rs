//! Splits, sources and balances: nothing is lost, and nothing is posted where something is missing.

use super::super::rounding::seeded::{Sequence, number};
use super::{Destination, LedgerError, Side, Source, check_balance, draw, keep, minor_units, split};
use rust_decimal::Decimal;

fn destination(share: &str, maximum: Option<&str>) -> Destination {
    Destination { account: "fee".to_owned(), share: number(share), maximum: maximum.map(number) }
}

#[test]
fn what_a_maximum_leaves_goes_on_as_a_posting_of_its_own() {
    let check = |amount: &str, maximum: Option<&str>, expect: &[(&str, &str)]| {
        let posted = split(number(amount), &[destination("0.10", maximum)], "dest", Decimal::ONE).expect("sound");
        let posted: Vec<(&str, Decimal)> =
            posted.iter().map(|posted| (posted.account.as_str(), posted.amount)).collect();
        let expect: Vec<(&str, Decimal)> = expect.iter().map(|(account, amount)| (*account, number(amount))).collect();
        assert_eq!(posted, expect, "{amount}");
    };
    check("10", Some("10"), &[("fee", "1"), ("dest", "9")]);
    check("500", Some("10"), &[("fee", "10"), ("dest", "40"), ("dest", "450")]);
    check("500", Some("0"), &[("dest", "50"), ("dest", "450")]);
    check("15", None, &[("fee", "2"), ("dest", "13")]);
    check("0", None, &[]);
    let shares = [destination("0.7", None), destination("0.4", None)];
    assert_eq!(
        split(Decimal::TEN, &shares, "dest", Decimal::ONE),
        Err(LedgerError::SharesTooLarge { sum: number("1.1") })
    );
    assert_eq!(keep(number("5"), number("8")), Ok((Decimal::ZERO, number("5"))));
}

#[test]
fn splits_add_up_to_the_amount() {
    let mut sequence = Sequence::new(9);
    for _ in 0..500 {
        let amount = sequence.signed(1_000_000, 2).abs();
        let shares: Vec<Destination> = (0..sequence.below(4))
            .map(|_| Destination {
                account: "fee".to_owned(),
                share: Decimal::new(sequence.below(26) as i64, 2),
                maximum: (sequence.below(2) == 0).then(|| sequence.signed(10_000, 2).abs()),
            })
            .collect();
        let posted = split(amount, &shares, "dest", number("0.01")).expect("sound");
        assert_eq!(posted.iter().map(|posted| posted.amount).sum::<Decimal>(), amount, "{amount} {shares:?}");
    }
}

#[test]
fn sources_give_all_or_nothing() {
    let source = |balance: &str, overdraft: &str| Source {
        account: "a".to_owned(),
        balance: number(balance),
        overdraft: number(overdraft),
    };
    let sources = [source("5", "0"), source("-3", "4"), source("10", "0")];
    let drawn = draw(number("7"), &sources).expect("enough");
    assert_eq!(drawn.iter().map(|drawn| drawn.amount).collect::<Vec<_>>(), [5, 1, 1].map(Decimal::from));
    assert!(draw(number("16"), &sources).is_ok());
    let missing = LedgerError::MissingFunds { available: number("16"), missing: Decimal::ONE };
    assert_eq!(draw(number("17"), &sources), Err(missing));
}

#[test]
fn debits_equal_credits_in_every_currency() {
    let side = |currency: &str, debit: &str, credit: &str| Side {
        currency: currency.to_owned(),
        debit: number(debit),
        credit: number(credit),
    };
    assert_eq!(check_balance(&[]), Ok(()));
    assert_eq!(check_balance(&[side("CNY", "1", "0"), side("CNY", "0", "1")]), Ok(()));
    let crossed = check_balance(&[side("CNY", "1", "0"), side("USD", "0", "1")]);
    assert_eq!(crossed, Err(LedgerError::Unbalanced { currency: "CNY".to_owned(), difference: Decimal::ONE }));
    assert_eq!((minor_units(number("1.25"), 2), minor_units(number("1.255"), 2)), (Some(number("125")), None));
}
