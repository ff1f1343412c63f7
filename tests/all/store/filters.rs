//! Filters mean the same on both databases, null included.

use super::fixture::{Fixture, at, day, money, number};
use packwork_engine::query::{Comparison, Filter};
use packwork_engine::value::Value;

/// The numbers of the tickets a filter finds, in order.
async fn found(fixture: &Fixture, filter: &Filter) -> Vec<String> {
    let query = fixture.query("ticket", filter.clone(), &["number"], 100);
    let slot = fixture.slot("ticket", "number");
    let tickets = fixture.list(&query).await;
    let count = fixture.store.count(&fixture.scope, &fixture.model, "ticket", filter, None).await.expect("it counts");
    assert_eq!(count, tickets.len() as u64, "{filter:?}");
    tickets.iter().map(|ticket| ticket.values[slot].as_text().unwrap_or("").to_owned()).collect()
}

async fn check(fixture: &Fixture, filter: Filter, expect: &[&str]) {
    assert_eq!(found(fixture, &filter).await, expect, "{filter:?}");
}

async fn compare(fixture: &Fixture, field: &str, comparison: Comparison, expect: &[&str]) {
    check(fixture, fixture.compare("ticket", field, comparison), expect).await;
}

async fn three_tickets(fixture: &Fixture) {
    let ticket = |name: &str, fields: &[(&str, Value)]| {
        let mut all = vec![("number", name.into())];
        all.extend(fields.iter().cloned());
        fixture.record("ticket", &all)
    };
    let one = [
        ("quantity", number("-1.5")),
        ("count", number("1")),
        ("urgent", true.into()),
        ("due", Value::Date(day("2026-01-31"))),
        ("seen", Value::Moment(at(1))),
        ("kind", "repair".into()),
        ("subject", "Alpha".into()),
    ];
    let two = [
        ("quantity", number("2.25")),
        ("count", number("2")),
        ("urgent", false.into()),
        ("due", Value::Date(day("2026-02-28"))),
        ("seen", Value::Moment(at(2))),
        ("kind", "return".into()),
        ("subject", "beta".into()),
    ];
    fixture.create(&[&ticket("one", &one), &ticket("two", &two), &ticket("zero", &[])]).await;
}

pub(crate) async fn comparisons_find_what_they_say(fixture: Fixture) {
    use Comparison::{Between, Equal, Greater, GreaterOrEqual, In, Less, LessOrEqual, NotEqual, NotIn, Within};
    three_tickets(&fixture).await;
    let all = &["one", "two", "zero"];
    compare(&fixture, "quantity", Equal(number("2.25")), &["two"]).await;
    compare(&fixture, "quantity", Equal(number("2.2500")), &["two"]).await;
    compare(&fixture, "quantity", NotEqual(number("2.25")), &["one", "zero"]).await;
    compare(&fixture, "quantity", Greater(number("-1.5")), &["two"]).await;
    compare(&fixture, "quantity", GreaterOrEqual(number("-1.5")), &["one", "two"]).await;
    compare(&fixture, "quantity", Less(number("2.25")), &["one"]).await;
    compare(&fixture, "quantity", LessOrEqual(number("2.25")), &["one", "two"]).await;
    // Between two numbers the field can hold.
    compare(&fixture, "quantity", Equal(number("2.2500001")), &[]).await;
    compare(&fixture, "quantity", NotEqual(number("2.2500001")), all).await;
    compare(&fixture, "quantity", Greater(number("2.2499999")), &["two"]).await;
    compare(&fixture, "quantity", GreaterOrEqual(number("2.2500001")), &[]).await;
    compare(&fixture, "quantity", Less(number("-1.4999999")), &["one"]).await;
    compare(&fixture, "quantity", LessOrEqual(number("-1.5000001")), &[]).await;
    // Beyond all numbers the field can hold.
    compare(&fixture, "quantity", Less(number("79228162514264337593543950335")), &["one", "two"]).await;
    compare(&fixture, "quantity", Greater(number("-79228162514264337593543950335")), &["one", "two"]).await;
    compare(&fixture, "quantity", Greater(number("79228162514264337593543950335")), &[]).await;
    compare(&fixture, "quantity", Between(number("-1.5"), number("2.25")), &["one", "two"]).await;
    compare(&fixture, "quantity", In(vec![number("2.25"), number("9")]), &["two"]).await;
    compare(&fixture, "quantity", NotIn(vec![number("2.25"), number("9")]), &["one", "zero"]).await;
    compare(&fixture, "count", Within(number("1"), number("2")), &["one"]).await;
    compare(&fixture, "urgent", Equal(true.into()), &["one"]).await;
    compare(&fixture, "urgent", NotEqual(true.into()), &["two", "zero"]).await;
    compare(&fixture, "urgent", In(vec![false.into()]), &["two"]).await;
    let due = |text| Value::Date(day(text));
    compare(&fixture, "due", Within(due("2026-01-31"), due("2026-02-28")), &["one"]).await;
    compare(&fixture, "due", Between(due("2026-01-31"), due("2026-02-28")), &["one", "two"]).await;
    compare(&fixture, "due", In(vec![due("2026-02-28")]), &["two"]).await;
    compare(&fixture, "seen", GreaterOrEqual(Value::Moment(at(2))), &["two"]).await;
    compare(&fixture, "kind", In(vec!["repair".into(), "return".into()]), &["one", "two"]).await;
    compare(&fixture, "kind", In(Vec::new()), &[]).await;
    compare(&fixture, "kind", NotIn(Vec::new()), all).await;
    // Capital letters come before small ones, everywhere.
    compare(&fixture, "subject", Less("a".into()), &["one"]).await;
    compare(&fixture, "subject", Equal("alpha".into()), &[]).await;
    check(&fixture, Filter::All, all).await;
    check(&fixture, Filter::Nothing, &[]).await;
    check(&fixture, Filter::And(Vec::new()), all).await;
    check(&fixture, Filter::Or(Vec::new()), &[]).await;
    let one = fixture.compare("ticket", "count", Equal(number("1")));
    let two = fixture.compare("ticket", "count", Equal(number("2")));
    check(&fixture, Filter::Or(vec![one.clone(), two.clone()]), &["one", "two"]).await;
    check(&fixture, Filter::And(vec![one, two]), &[]).await;
}

pub(crate) async fn null_satisfies_only_what_asks_for_it(fixture: Fixture) {
    use Comparison::{Contains, Equal, In, IsNull, Less, NotEqual, NotIn};
    three_tickets(&fixture).await;
    for field in ["quantity", "count", "urgent", "due", "seen", "kind", "subject", "customer", "tags", "extra"] {
        compare(
            &fixture,
            field,
            IsNull(true),
            if ["customer", "tags", "extra"].contains(&field) { &["one", "two", "zero"] } else { &["zero"] },
        )
        .await;
    }
    compare(&fixture, "count", IsNull(false), &["one", "two"]).await;
    compare(&fixture, "count", Equal(Value::Null), &["zero"]).await;
    compare(&fixture, "count", NotEqual(Value::Null), &["one", "two"]).await;
    compare(&fixture, "count", In(vec![Value::Null, number("1")]), &["one"]).await;
    compare(&fixture, "count", NotIn(vec![Value::Null, number("1")]), &["two", "zero"]).await;
    compare(&fixture, "count", Less(Value::Null), &[]).await;
    // What does not hold for null holds under "not".
    let not = |comparison| Filter::Not(Box::new(fixture.compare("ticket", "count", comparison)));
    check(&fixture, not(Less(number("2"))), &["two", "zero"]).await;
    check(&fixture, not(NotEqual(number("2"))), &["two"]).await;
    let not = Filter::Not(Box::new(fixture.compare("ticket", "subject", Contains("bet".into()))));
    check(&fixture, not, &["one", "zero"]).await;
}

pub(crate) async fn paths_lead_through_references(fixture: Fixture) {
    let north = fixture.record("region", &[("name", "north".into()), ("tier", "t1".into())]);
    let near = fixture.record("customer", &[("name", "near".into()), ("region", Value::Id(north.id()))]);
    let far = fixture.record("customer", &[("name", "far".into())]);
    let ticket =
        |number: &str, customer: Value| fixture.record("ticket", &[("number", number.into()), ("customer", customer)]);
    let tickets =
        [ticket("far", Value::Id(far.id())), ticket("near", Value::Id(near.id())), ticket("none", Value::Null)];
    fixture.create(&[&north, &near, &far, &tickets[0], &tickets[1], &tickets[2]]).await;
    let tier = fixture.path("ticket", &[("customer", "customer"), ("region", "region"), ("tier", "")]);
    let at = |comparison| Filter::Compare { path: tier.clone(), comparison };
    check(&fixture, at(Comparison::Equal("t1".into())), &["near"]).await;
    check(&fixture, at(Comparison::NotEqual("t1".into())), &["far", "none"]).await;
    check(&fixture, at(Comparison::IsNull(true)), &["far", "none"]).await;
    let name = fixture.path("ticket", &[("customer", "customer"), ("name", "")]);
    let named = |text: &str| Filter::Compare { path: name.clone(), comparison: Comparison::StartsWith(text.into()) };
    check(&fixture, Filter::And(vec![named("n"), at(Comparison::In(vec!["t1".into()]))]), &["near"]).await;
    let region = fixture.path("ticket", &[("customer", "customer"), ("region", "")]);
    let within = Comparison::In(vec![Value::Id(north.id())]);
    check(&fixture, Filter::Compare { path: region, comparison: within }, &["near"]).await;
}

pub(crate) async fn lists_are_asked_for_members(fixture: Fixture) {
    use Comparison::{Contains, Equal, In, IsNull, NotEqual, NotIn};
    let who = fixture.id();
    let ticket = |number: &str, tags: &[&str], watchers: Value| {
        let tags = Value::List(tags.iter().map(|tag| Value::text(tag)).collect());
        fixture.record("ticket", &[("number", number.into()), ("tags", tags), ("watchers", watchers)])
    };
    let none = fixture.record("ticket", &[("number", "none".into())]);
    let tickets = [
        ticket("both", &["red", "green"], Value::List(vec![Value::Id(who)])),
        ticket("empty", &[], Value::Null),
        ticket("green", &["green"], Value::List(vec![Value::Id(fixture.id())])),
    ];
    fixture.create(&[&none, &tickets[0], &tickets[1], &tickets[2]]).await;
    compare(&fixture, "tags", Equal("red".into()), &["both"]).await;
    compare(&fixture, "tags", NotEqual("red".into()), &["empty", "green", "none"]).await;
    compare(&fixture, "tags", In(vec!["red".into(), "green".into()]), &["both", "green"]).await;
    compare(&fixture, "tags", NotIn(vec!["red".into()]), &["empty", "green", "none"]).await;
    compare(&fixture, "tags", Contains("green".into()), &["both", "green"]).await;
    compare(&fixture, "tags", IsNull(true), &["empty", "none"]).await;
    compare(&fixture, "tags", IsNull(false), &["both", "green"]).await;
    compare(&fixture, "watchers", Equal(Value::Id(who)), &["both"]).await;
}

pub(crate) async fn text_is_searched_as_it_is_written(fixture: Fixture) {
    use Comparison::{Contains, StartsWith};
    let ticket = |number: &str, subject: &str, note: &str| {
        fixture.record("ticket", &[("number", number.into()), ("subject", subject.into()), ("note", note.into())])
    };
    let tickets = [
        ticket("a", "100% sure", "上海市浦东新区"),
        ticket("b", "100 surely", "back\\slash"),
        ticket("c", "under_score", "SHOUT"),
        ticket("d", "underscore", "it's"),
    ];
    fixture.create(&[&tickets[0], &tickets[1], &tickets[2], &tickets[3]]).await;
    compare(&fixture, "subject", Contains("0%".into()), &["a"]).await;
    compare(&fixture, "subject", Contains("r_s".into()), &["c"]).await;
    compare(&fixture, "subject", StartsWith("UNDER".into()), &["c", "d"]).await;
    compare(&fixture, "subject", StartsWith("score".into()), &[]).await;
    compare(&fixture, "note", Contains("\\".into()), &["b"]).await;
    let slots = vec![fixture.slot("ticket", "subject"), fixture.slot("ticket", "note")];
    let search = |text: &str| Filter::Search { slots: slots.clone(), text: text.into() };
    check(&fixture, search("shout"), &["c"]).await;
    check(&fixture, search("sure"), &["a", "b"]).await;
    check(&fixture, search("浦东"), &["a"]).await;
    check(&fixture, search("'"), &["d"]).await;
    check(&fixture, search("%"), &["a"]).await;
    check(&fixture, Filter::Search { slots: vec![fixture.slot("ticket", "count")], text: "1".into() }, &[]).await;
}

pub(crate) async fn amounts_compare_within_their_currency(fixture: Fixture) {
    use Comparison::{Equal, Greater, In, NotEqual};
    let ticket =
        |number: &str, amount: Value| fixture.record("ticket", &[("number", number.into()), ("amount", amount)]);
    let tickets =
        [ticket("cny", money("10.00", "CNY")), ticket("eur", money("20.00", "EUR")), ticket("none", Value::Null)];
    fixture.create(&[&tickets[0], &tickets[1], &tickets[2]]).await;
    compare(&fixture, "amount", Greater(money("5", "CNY")), &["cny"]).await;
    compare(&fixture, "amount", Greater(number("5")), &["cny", "eur"]).await;
    compare(&fixture, "amount", Equal(money("20", "CNY")), &[]).await;
    compare(&fixture, "amount", NotEqual(money("20", "CNY")), &["cny", "eur", "none"]).await;
    compare(&fixture, "amount", In(vec![money("10", "CNY"), money("20", "EUR")]), &["cny", "eur"]).await;
}
