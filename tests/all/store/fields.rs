//! Every kind of field keeps its values exactly, and refuses what it cannot keep.

use super::fixture::{Fixture, at, day, money, number};
use packwork_engine::codes::Code;
use packwork_engine::decision::{Decision, Write};
use packwork_engine::value::Value;
use std::collections::BTreeMap;

pub(crate) async fn every_kind_of_value_comes_back_as_it_was(fixture: Fixture) {
    let customer = fixture.id();
    let extra = Value::Map(BTreeMap::from([
        ("amount".to_owned(), money("1.50", "CNY")),
        ("ids".to_owned(), Value::List(vec![Value::Id(customer), Value::Null, true.into()])),
        ("id".to_owned(), "only a text".into()),
        ("rate".to_owned(), number("0.0500")),
        ("on".to_owned(), Value::Date(day("2026-03-31"))),
        ("at".to_owned(), Value::Moment(at(9))),
    ]));
    let full = fixture.record(
        "ticket",
        &[
            ("number", "工单 '一' \"?\" \\ %".into()),
            ("note", "two\nlines".into()),
            ("customer", Value::Id(customer)),
            ("quantity", number("-12.345")),
            ("count", number("-7")),
            ("share", number("0.0625")),
            ("amount", money("-120.05", "EUR")),
            ("urgent", false.into()),
            ("due", Value::Date(day("2028-02-29"))),
            ("seen", Value::Moment(at(-9_000_000_000))),
            ("kind", "repair".into()),
            ("tags", Value::List(vec!["red".into(), "blue".into()])),
            ("watchers", Value::List(vec![Value::Id(customer), Value::Id(fixture.id())])),
            ("extra", extra),
        ],
    );
    let empty = fixture.record("ticket", &[("number", "".into()), ("tags", Value::List(Vec::new()))]);
    fixture.create(&[&full, &empty]).await;
    assert_eq!(fixture.get(&full).await, Some(full.clone()));
    assert_eq!(fixture.get(&empty).await, Some(empty.clone()));
    // Numbers are written with the digits of their field.
    let found = fixture.get(&full).await.expect("it is there");
    assert_eq!(found.values[fixture.slot("ticket", "share")].to_json(), "0.0625");
    fixture.apply(vec![fixture.update(&full, &[("quantity", number("3"))])]).await;
    let found = fixture.get(&full).await.expect("it is there");
    assert_eq!(found.values[fixture.slot("ticket", "quantity")].to_json(), "3.000");
}

pub(crate) async fn amounts_of_18_digits_are_kept_exactly(fixture: Fixture) {
    for amount in ["9999999999999999.99", "-9999999999999999.99", "0.01", "-0.01"] {
        let ticket = fixture.record("ticket", &[("amount", money(amount, "CNY"))]);
        fixture.create(&[&ticket]).await;
        let found = fixture.get(&ticket).await.expect("it is there");
        assert_eq!(found.values[fixture.slot("ticket", "amount")].to_json()["amount"], amount);
    }
}

pub(crate) async fn amounts_of_19_digits_are_refused(fixture: Fixture) {
    check(&fixture, "amount", money("10000000000000000.00", "CNY"), Code::AmountOverflow).await;
    check(&fixture, "amount", money("-79228162514264337593543950335", "CNY"), Code::AmountOverflow).await;
    check(&fixture, "quantity", number("1000000000000000"), Code::TooManyDigits).await;
    check(&fixture, "count", number("1000000000000000000"), Code::TooManyDigits).await;
}

pub(crate) async fn digits_beyond_the_scale_are_refused(fixture: Fixture) {
    check(&fixture, "quantity", number("0.0001"), Code::TooManyDigits).await;
    check(&fixture, "amount", money("0.005", "CNY"), Code::TooManyDigits).await;
    let ticket = fixture.record("ticket", &[("quantity", number("0.0010000"))]);
    fixture.create(&[&ticket]).await;
}

pub(crate) async fn a_zero_character_is_refused(fixture: Fixture) {
    check(&fixture, "number", "a\0b".into(), Code::WrongType).await;
    check(&fixture, "extra", "a\0b".into(), Code::WrongType).await;
    check(&fixture, "due", "2026-01-01".into(), Code::WrongType).await;
}

async fn check(fixture: &Fixture, field: &str, value: Value, code: Code) {
    let ticket = fixture.record("ticket", &[(field, value)]);
    let refusal = fixture.refused(Decision { writes: vec![Write::Insert(ticket)], ..Decision::default() }).await;
    assert_eq!((refusal.code, &*refusal.errors[0].pointer), (code, &*format!("/{field}")));
}
