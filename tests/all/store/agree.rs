//! Filters as callers write them: every operator against every type of field, and generated ones against the in-memory
//! reference. What either database finds is what the engine says.

use super::fixture::{Fixture, at, day, money, number};
use packwork_engine::codes::Code;
use packwork_engine::location;
use packwork_engine::query::Filter;
use packwork_engine::query::filter::{OPERATORS, operators};
use packwork_engine::record::Record;
use packwork_engine::testing::holds;
use packwork_engine::testing::memory::Memory;
use packwork_engine::value::Value;
use packwork_tests::dice::Dice;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use uuid::Uuid;

/// Fields of every type a record can have.
const FIELDS: [&str; 19] = [
    "number",
    "subject",
    "note",
    "customer",
    "quantity",
    "count",
    "share",
    "amount",
    "urgent",
    "due",
    "seen",
    "kind",
    "tags",
    "watchers",
    "extra",
    "cost",
    "place",
    "created_at",
    "owner",
];

fn place(latitude: &str, longitude: &str) -> Value {
    location::read(&json!({"latitude": latitude, "longitude": longitude})).expect("the test's place is on the earth")
}

/// Records of all objects, many of their values empty or equal.
fn records(fixture: &Fixture, dice: &mut Dice) -> Vec<Arc<Record>> {
    let regions = ["north", "south"].map(|name| fixture.record("region", &[("name", name.into())]));
    let customers = ["near", "far", "Nearer"].map(|name| {
        let region = match dice.roll(3) {
            0 => Value::Null,
            at => Value::Id(regions[at - 1].id()),
        };
        fixture.record("customer", &[("name", name.into()), ("region", region), ("level", number("2"))])
    });
    let who: Vec<Uuid> = customers.iter().map(|customer| customer.id()).collect();
    let mut all: Vec<Arc<Record>> = regions.iter().chain(&customers).cloned().collect();
    for index in 0..40 {
        let fields = [
            ("subject", ["Alpha", "alpha beta", "100%", "上海", ""].map(Value::text).to_vec()),
            ("quantity", ["-1.5", "0", "2.25", "2.250"].map(number).to_vec()),
            ("count", ["1", "2", "3"].map(number).to_vec()),
            ("amount", vec![money("10", "CNY"), money("20", "CNY"), money("10", "EUR")]),
            ("urgent", vec![true.into(), false.into()]),
            ("due", ["2026-02-27", "2026-02-28", "2026-03-05"].map(|text| Value::Date(day(text))).to_vec()),
            ("seen", vec![Value::Moment(at(-90_000)), Value::Moment(at(0)), Value::Moment(at(600_000))]),
            ("kind", vec!["repair".into(), "return".into()]),
            ("tags", vec![Value::List(vec!["red".into()]), Value::List(vec!["red".into(), "blue".into()])]),
            ("tags", vec![Value::List(Vec::new())]),
            ("watchers", vec![Value::List(vec![Value::Id(who[0]), Value::Id(who[2])]), Value::List(Vec::new())]),
            ("customer", who.iter().copied().map(Value::Id).collect()),
            (
                "place",
                vec![place("31.23", "121.47"), place("31.24", "121.48"), place("39.9", "116.4"), place("0", "180")],
            ),
        ];
        let mut values: Vec<(&str, Value)> = vec![("number", Value::text(&format!("{index:02}")))];
        for (name, choices) in &fields {
            if dice.roll(4) > 0 {
                values.push((name, dice.pick(choices).clone()));
            }
        }
        let ticket = fixture.record("ticket", &values);
        for row in 0..dice.roll(3) {
            let what = *dice.pick(&["pump", "valve"]);
            let fields = [
                ("parent", Value::Id(ticket.id())),
                ("position", Value::Decimal(row.into())),
                ("what", what.into()),
                ("price", money(if row == 0 { "5" } else { "7" }, "CNY")),
            ];
            all.push(fixture.record("ticket_item", &fields));
        }
        all.push(ticket);
    }
    all
}

fn comparison(dice: &mut Dice, who: Uuid) -> Json {
    let near = |km: &str| json!({"latitude": "31.23", "longitude": "121.47", "km": km});
    let all = [
        json!({"subject": {"contains": "ALPHA"}}),
        json!({"subject": {"starts_with": "alpha"}}),
        json!({"subject": {"contains": "%"}}),
        json!({"subject": {"gte": "a"}}),
        json!({"subject": {"between": ["A", "b"]}}),
        json!({"subject": {"is_null": true}}),
        json!({"quantity": "2.25"}),
        json!({"quantity": {"ne": "2.25"}}),
        json!({"quantity": {"gt": "-1.5000001", "lt": 2.2500001}}),
        json!({"quantity": {"not_in": ["0", "2.25"]}}),
        json!({"count": {"in": [1, 3]}}),
        json!({"count": {"between": ["2", "9"]}}),
        json!({"amount": {"gte": "20"}}),
        json!({"amount": {"amount": "10", "currency": "EUR"}}),
        json!({"amount": {"ne": {"amount": "10", "currency": "CNY"}}}),
        json!({"amount": {"lte": {"amount": "10", "currency": "CNY"}}}),
        json!({"urgent": true}),
        json!({"urgent": {"ne": true}}),
        json!({"due": {"this": "month"}}),
        json!({"due": {"next": "month"}}),
        json!({"due": {"not_in": [{"today": true}, "2026-03-05"]}}),
        json!({"due": {"gte": {"ago": {"days": 1}}, "lt": {"in": {"weeks": 1}}}}),
        json!({"due": {"in": {"days": 5}}}),
        json!({"due": {"within_days": 1}}),
        json!({"due": {"between": [{"last": "week"}, {"this": "week"}]}}),
        json!({"seen": {"within_days": 1}}),
        json!({"seen": {"gte": {"ago": {"days": 1}}}}),
        json!({"seen": {"ne": {"ago": {"days": 1}}}}),
        json!({"seen": {"last": "year"}}),
        json!({"kind": {"in": ["repair"]}}),
        json!({"kind": {"ne": "repair"}}),
        json!({"tags": {"contains": "blue"}}),
        json!({"tags": "red"}),
        json!({"tags": {"not_in": ["blue", "green"]}}),
        json!({"tags": {"is_null": false}}),
        json!({"watchers": {"eq": who}}),
        json!({"watchers": {"in": ["near", "nobody"]}}),
        json!({"watchers": {"any": {"region.name": "north"}}}),
        json!({"watchers": {"none": {"level": 2}}}),
        json!({"customer": "near"}),
        json!({"customer": {"ne": "near"}}),
        json!({"customer": {"in": [who, "far"]}}),
        json!({"customer": {"not_in": [who, "far"]}}),
        json!({"customer.name": {"starts_with": "NEAR"}}),
        json!({"customer.region.name": {"ne": "north"}}),
        json!({"customer.region": {"is_null": true}}),
        json!({"place": {"near": near("2")}}),
        json!({"place": {"near": near("1100")}}),
        json!({"place": {"near": near("20000")}}),
        json!({"place": {"is_null": true}}),
        json!({"items": {"any": {"what": "pump", "price": {"gt": "5"}}}}),
        json!({"items": {"none": {}}}),
    ];
    dice.pick(&all).clone()
}

fn written(dice: &mut Dice, who: Uuid, depth: usize) -> Json {
    match dice.roll(if depth == 0 { 1 } else { 4 }) {
        0 | 1 => comparison(dice, who),
        2 => json!({"not": written(dice, who, depth - 1)}),
        _ => {
            let parts: Vec<Json> = (0..=dice.roll(3)).map(|_| written(dice, who, depth - 1)).collect();
            if dice.roll(2) == 0 { json!({"and": parts}) } else { json!({"or": parts}) }
        }
    }
}

pub(crate) async fn generated_filters_find_what_the_engine_says(fixture: Fixture) {
    let mut dice = Dice(20_260_301);
    let records = records(&fixture, &mut dice);
    fixture.create(&records.iter().collect::<Vec<_>>()).await;
    let mut memory = Memory::default();
    for record in &records {
        memory.put(record.clone());
    }
    let who = records.iter().find(|record| &*record.object == "customer").expect("there are customers").id();
    let mut met = 0;
    for _ in 0..200 {
        let json = written(&mut dice, who, 3);
        let filter = fixture.filter("ticket", &json).unwrap_or_else(|refusal| panic!("{json}: {refusal:?}"));
        let mut expect: Vec<Uuid> = memory
            .live("ticket")
            .filter(|record| holds(&memory, &fixture.model, &filter, record))
            .map(|record| record.id())
            .collect();
        let found = fixture.list(&fixture.query("ticket", filter, &[], 200)).await;
        let mut found: Vec<Uuid> = found.iter().map(|record| record.id()).collect();
        expect.sort();
        found.sort();
        assert_eq!(found, expect, "{json}");
        met += usize::from(!expect.is_empty() && expect.len() < 40);
    }
    assert!(met > 80, "only {met} filters found some of the records and not all");
}

/// What is read can be asked of the database; what cannot is refused at its place.
pub(crate) async fn every_operator_meets_every_type_or_says_why_not(fixture: Fixture) {
    let operands = [
        json!(null),
        json!(true),
        json!(7),
        json!("x"),
        json!("2026-02-28"),
        json!("9f0c1a52-7a9e-4b7c-8d60-1f2f3a4b5c6d"),
        json!([]),
        json!(["2026-02-28", 1]),
        json!(["red"]),
        json!({}),
        json!({"amount": "1", "currency": "CNY"}),
        json!({"this": "month"}),
        json!({"days": 3}),
        json!({"ago": {"days": 3}}),
        json!({"latitude": "1", "longitude": "2", "km": "3"}),
        json!({"price": {"gt": "1"}}),
        json!("a\u{0}b"),
    ];
    let object = fixture.model.object("ticket").expect("tickets are in the model");
    let items = ["items"];
    for name in FIELDS.iter().chain(&items) {
        let (_, field) = object.field(name).expect("the field is in the object");
        for operator in OPERATORS {
            for operand in &operands {
                let json = json!({*name: {operator: operand}});
                match fixture.filter("ticket", &json) {
                    Ok(filter) => {
                        assert!(operators(field).contains(&operator), "{json}");
                        fixture.list(&fixture.query("ticket", filter, &[], 1)).await;
                    }
                    Err(refusal) => {
                        let codes = [Code::BadFilter, Code::WrongType, Code::NotAnOption, Code::UnknownField];
                        assert!(codes.contains(&refusal.code), "{json} {refusal:?}");
                        let pointer = refusal.params.get("pointer").and_then(Json::as_str).unwrap_or_default();
                        assert!(pointer.starts_with(&format!("/{name}/{operator}")), "{json} {refusal:?}");
                        if !operators(field).contains(&operator) {
                            assert_eq!(refusal.code, Code::BadFilter, "{json}");
                            assert_eq!(refusal.params["known"], json!(operators(field)), "{json}");
                        }
                    }
                }
            }
        }
    }
}

pub(crate) async fn filters_end_at_their_limits(fixture: Fixture) {
    let nested = |levels: usize| (1..levels).fold(json!({"count": 1}), |inner, _| json!({"not": inner}));
    let wide = |conditions: usize| json!({"or": vec![json!({"count": 1}); conditions]});
    let listed = |values: usize| json!({"count": {"in": (0..values).collect::<Vec<_>>()}});
    let within = [nested(12), wide(200), listed(1_000), json!({"note": {"contains": "x".repeat(5_000)}})];
    for json in within {
        let filter = fixture.filter("ticket", &json).expect("what is within the limits is read");
        fixture.list(&fixture.query("ticket", filter, &[], 1)).await;
    }
    let beyond = [
        (nested(13), 12),
        (nested(50), 12),
        (wide(201), 200),
        (listed(1_001), 1_000),
        (listed(10_000), 1_000),
        (json!({"note": {"contains": "x".repeat(5_001)}}), 5_000),
        (json!({"due": {"within_days": 100_001}}), 100_000),
        (json!({"place": {"near": {"latitude": "0", "longitude": "0", "km": "20001"}}}), 20_000),
        (json!({"customer.region.a.b.c.d": 1}), 4),
    ];
    for (json, maximum) in beyond {
        let refusal = fixture.filter("ticket", &json).expect_err("what is beyond a limit is refused");
        assert_eq!((refusal.code, &refusal.params["maximum"]), (Code::BadFilter, &json!(maximum)), "{refusal:?}");
    }
}

pub(crate) async fn lists_are_sorted_by_what_records_refer_to(fixture: Fixture) {
    let customers = ["b", "B", "a"].map(|name| fixture.record("customer", &[("name", name.into())]));
    let mut all: Vec<Arc<Record>> = customers.to_vec();
    for index in 0..12 {
        let customer = customers.get(index % 4).map_or(Value::Null, |customer| Value::Id(customer.id()));
        let count = if index < 6 { Value::Null } else { number("1") };
        let number = Value::text(&format!("{index:02}"));
        all.push(fixture.record("ticket", &[("number", number), ("customer", customer), ("count", count)]));
    }
    fixture.create(&all.iter().collect::<Vec<_>>()).await;
    let slot = fixture.slot("ticket", "number");
    for (sort, expect) in [
        (&["customer.name", "number"][..], "03 07 11 01 05 09 02 06 10 00 04 08"),
        (&["-customer.name", "number"], "00 04 08 02 06 10 01 05 09 03 07 11"),
        (&["-count", "customer.name", "-number"], "11 07 09 10 06 08 03 05 01 02 04 00"),
    ] {
        let mut query = fixture.query("ticket", Filter::All, sort, 5);
        let mut numbers = Vec::new();
        loop {
            let page = fixture.store.page(&fixture.scope, &fixture.model, &query).await.expect("the store lists");
            numbers.extend(page.records.iter().filter_map(|record| record.values[slot].as_text().map(str::to_owned)));
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        assert_eq!(numbers.join(" "), expect, "{sort:?}");
    }
}

pub(crate) async fn indexed_pages_neither_scan_nor_sort(fixture: Fixture) {
    let filter = fixture.filter("ticket", &json!({"kind": "repair"})).expect("a filter");
    for (filter, sort) in [
        (Filter::All, &["-created_at"][..]),
        (Filter::All, &["subject"]),
        (Filter::All, &["-subject"]),
        (filter.clone(), &["due"]),
        (filter, &["-due"]),
    ] {
        let mut query = fixture.query("ticket", filter, sort, 50);
        let key = if sort[0].ends_with("created_at") {
            Value::Moment(at(0))
        } else if sort[0].ends_with("due") {
            Value::Date(day("2026-02-28"))
        } else {
            "x".into()
        };
        for after in [None, Some(vec![key, Value::Id(fixture.id())])] {
            query.after = after;
            let plan = fixture.store.plan_of(&fixture.scope, &fixture.model, &query).await.expect("it is planned");
            let plan = plan.to_lowercase();
            assert!(plan.contains("index"), "{query:?}\n{plan}");
            for slow in ["scan t\n", "seq scan", "temp b-tree", "sort"] {
                assert!(!plan.contains(slow), "{query:?}\n{plan}");
            }
        }
    }
}
