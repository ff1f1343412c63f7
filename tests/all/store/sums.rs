//! Sums over records.

use super::fixture::{Fixture, day, money, number};
use packwork::store::StoreError;
use packwork_engine::codes::Code;
use packwork_engine::query::{AggregateQuery, Group, Measure, Part};
use packwork_engine::value::Value;

async fn sums(fixture: &Fixture, group_by: &[(&str, Option<Part>)], measures: &[Measure]) -> Vec<Vec<Value>> {
    try_sums(fixture, group_by, measures).await.expect("it adds up")
}

async fn try_sums(
    fixture: &Fixture,
    group_by: &[(&str, Option<Part>)],
    measures: &[Measure],
) -> Result<Vec<Vec<Value>>, StoreError> {
    let group_by = group_by.iter().map(|(name, part)| Group {
        label: (*name).to_owned(),
        path: fixture.dotted("ticket", name),
        part: *part,
    });
    let query = AggregateQuery {
        object: "ticket".into(),
        group_by: group_by.collect(),
        measures: measures.iter().map(|measure| ("m".to_owned(), measure.clone())).collect(),
        limit: 100,
        ..AggregateQuery::default()
    };
    fixture.store.aggregate(&fixture.scope, &fixture.model, &query).await
}

async fn tickets(fixture: &Fixture) {
    let customer = fixture.record("customer", &[("name", "near".into()), ("level", number("3"))]);
    let rows: [(&str, &str, &str, Value); 4] = [
        ("repair", "1.000", "2026-01-31", money("0.10", "CNY")),
        ("repair", "2.000", "2026-02-01", money("0.20", "CNY")),
        ("return", "4.005", "2026-02-28", money("1.00", "EUR")),
        ("return", "0.000", "2025-02-28", Value::Null),
    ];
    let mut records = vec![customer.clone()];
    for (kind, quantity, due, amount) in rows {
        let fields = [
            ("kind", kind.into()),
            ("quantity", number(quantity)),
            ("due", Value::Date(day(due))),
            ("amount", amount),
            ("customer", Value::Id(customer.id())),
        ];
        records.push(fixture.record("ticket", &fields));
    }
    records.push(fixture.record("ticket", &[]));
    fixture.create(&records.iter().collect::<Vec<_>>()).await;
}

pub(crate) async fn groups_are_counted_and_added_up(fixture: Fixture) {
    tickets(&fixture).await;
    let quantity = fixture.slot("ticket", "quantity");
    let measures = [Measure::Count, Measure::Sum(quantity), Measure::Min(quantity), Measure::Max(quantity)];
    let expect = vec![
        vec![Value::Null, number("1"), Value::Null, Value::Null, Value::Null],
        vec!["repair".into(), number("2"), number("3"), number("1"), number("2")],
        vec!["return".into(), number("2"), number("4.005"), number("0"), number("4.005")],
    ];
    assert_eq!(sums(&fixture, &[("kind", None)], &measures).await, expect);
    let by_level = sums(&fixture, &[("customer.level", None)], &[Measure::Count]).await;
    assert_eq!(by_level, vec![vec![Value::Null, number("1")], vec![number("3"), number("4")]]);
    assert_eq!(sums(&fixture, &[], &[Measure::Count]).await, vec![vec![number("5")]]);
    let due = fixture.slot("ticket", "due");
    assert_eq!(sums(&fixture, &[], &[Measure::Max(due)]).await, vec![vec![Value::Date(day("2026-02-28"))]]);
}

pub(crate) async fn dates_are_grouped_by_their_parts(fixture: Fixture) {
    tickets(&fixture).await;
    let months = sums(&fixture, &[("due", Some(Part::Month))], &[Measure::Count]).await;
    let month = |month: Value, count: &str| vec![month, number(count)];
    let expect = vec![
        month(Value::Null, "1"),
        month("2025-02".into(), "1"),
        month("2026-01".into(), "1"),
        month("2026-02".into(), "2"),
    ];
    assert_eq!(months, expect);
    let years = sums(&fixture, &[("due", Some(Part::Year)), ("kind", None)], &[Measure::Count]).await;
    assert_eq!(years[1], [Value::text("2025"), "return".into(), number("1")]);
    let days = sums(&fixture, &[("due", Some(Part::Day))], &[Measure::Count]).await;
    assert_eq!(days[2][0], Value::Date(day("2026-01-31")));
    // A moment is grouped by its business date, which is kept beside it.
    let seen = sums(&fixture, &[("seen", Some(Part::Month))], &[Measure::Count]).await;
    assert_eq!(seen, vec![vec![Value::Null, number("5")]]);
}

pub(crate) async fn an_average_is_exact(fixture: Fixture) {
    tickets(&fixture).await;
    let average = Measure::Average(fixture.slot("ticket", "quantity"));
    // 7.005 / 4; the ticket without a quantity does not count.
    assert_eq!(sums(&fixture, &[], &[average]).await, vec![vec![number("1.75125")]]);
}

pub(crate) async fn amounts_of_several_currencies_have_no_sum(fixture: Fixture) {
    tickets(&fixture).await;
    let amount = fixture.slot("ticket", "amount");
    let sum = [Measure::Sum(amount)];
    let by_kind = sums(&fixture, &[("kind", None)], &sum).await;
    assert_eq!(by_kind[1], ["repair".into(), money("0.30", "CNY")]);
    assert_eq!(by_kind[2], ["return".into(), money("1.00", "EUR")]);
    match try_sums(&fixture, &[], &sum).await {
        Err(StoreError::Refused(refusal)) => {
            assert_eq!(refusal.code, Code::MixedCurrencies);
            assert_eq!(refusal.params["group_by"], "amount.currency");
        }
        other => panic!("euros and yuan were added up: {other:?}"),
    }
    let by_currency = sums(&fixture, &[("amount", Some(Part::Currency))], &sum).await;
    let of = |currency: Value, amount: Value| vec![currency, amount];
    let expect = vec![
        of(Value::Null, Value::Null),
        of("CNY".into(), money("0.30", "CNY")),
        of("EUR".into(), money("1.00", "EUR")),
    ];
    assert_eq!(by_currency, expect);
}
