//! The runner and the in-memory store themselves: a case that should fail does, and says why.

use super::bare::Bare;
use super::case::{CaseReport, World, cases_of, run_case};
use super::memory::Memory;
use super::seed::seeded;
use crate::diagnostic::Diagnostics;
use crate::facts::{Counter, CumulationQuery, Facts, Need};
use crate::model::{Model, Settings};
use crate::moment::{Date, Moment};
use crate::pack::Pack;
use crate::settlement::desired::Counts;
use crate::settlement::line::{Line, Party, TaxTreatment};
use crate::settlement::trace::{PartTrace, PriceTrace, Trace};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use uuid::Uuid;

/// Things with a key, a price, and things they belong to.
fn thing() -> Json {
    json!({
        "kind": "object", "name": "thing", "title": "Thing", "plural": "Things", "display": "code", "key": "code",
        "fields": {
            "code": {"type": "text", "title": "Code", "required": true, "unique": true},
            "price": {"type": "money", "title": "Price", "currency": "CNY"},
            "weight": {"type": "decimal", "title": "Weight", "scale": 2, "minimum": "0"},
            "within": {"type": "reference", "title": "Within", "to": "thing"}
        },
        "todos": {"heavy": {"title": "Carry together", "when": "weight > 100", "role": "porter"}}
    })
}

fn files(case: &Json) -> BTreeMap<String, Vec<u8>> {
    let manifest = json!({"name": "things", "version": "0.1.0", "title": "Things", "description": "Things"});
    let role = json!({"kind": "role", "name": "porter", "title": "Porter", "objects": {"thing": {"read": true}}});
    let seed = json!({"kind": "seed", "name": "thing", "title": "Things", "object": "thing", "rank": 1,
                      "records": [{"code": "inner", "within": "house"}, {"code": "house"}]});
    let user = json!({"kind": "object", "name": "user", "title": "User", "plural": "Users", "display": "login", "key": "login",
                      "fields": {"login": {"type": "text", "title": "Login", "required": true, "unique": true},
                                 "roles": {"type": "choices", "title": "Roles", "options_from": "roles"}}});
    let mut case = case.clone();
    case["kind"] = json!("case");
    case["name"] = json!("tried");
    case["title"] = json!("a case");
    let texts = [
        "pack/title",
        "pack/description",
        "role/porter/title",
        "object/user/title",
        "object/user/plural",
        "object/user/fields/login/title",
        "object/user/fields/roles/title",
        "object/thing/title",
        "object/thing/plural",
        "object/thing/fields/code/title",
        "object/thing/fields/price/title",
        "object/thing/fields/weight/title",
        "object/thing/fields/within/title",
        "object/thing/todos/heavy/title",
    ];
    let chinese: Json =
        texts.into_iter().map(|path| (path.to_owned(), json!("物"))).collect::<serde_json::Map<_, _>>().into();
    let files = [
        ("pack.json", manifest),
        ("i18n/zh-CN.json", chinese),
        ("objects/thing.json", thing()),
        ("objects/user.json", user),
        ("roles/porter.json", role),
        ("seed/thing.json", seed),
        ("cases/tried.json", case),
    ];
    files.into_iter().map(|(name, json)| (name.to_owned(), json.to_string().into_bytes())).collect()
}

fn model(case: &Json) -> Arc<Model> {
    let mut found = Diagnostics::default();
    let pack = Pack::read(&files(case), &mut found);
    let (model, compiled) = Model::compile(vec![pack], &Settings::default());
    found.extend(compiled);
    let found: Vec<String> = found.into_sorted().iter().map(ToString::to_string).collect();
    Arc::new(model.unwrap_or_else(|| panic!("the test's pack is wrong:\n{}", found.join("\n"))))
}

fn run(case: &Json) -> CaseReport {
    let model = model(case);
    let memory = seeded(&model, Moment::from_micros(0)).expect("the test's seeds are accepted");
    let cases = cases_of(&model);
    run_case(&mut Bare::over(model.clone(), &memory), &model, cases[0].0, cases[0].1)
}

fn check(case: Json, expect: &[&str]) {
    let report = run(&case);
    assert_eq!(
        (report.differences.as_slice(), report.passed),
        (&expect.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()[..], expect.is_empty())
    );
}

#[test]
fn a_case_that_holds_passes() {
    check(
        json!({
            "given": {"records": {"thing": [{"$name": "box", "code": "b1", "within": "house"}], "user": [{"login": "li", "roles": ["porter"]}]}},
            "do": [
                {"create": "thing", "name": "ball", "with": {"code": "b2", "within": "$box", "price": "1.50", "weight": "200"}},
                {"create": "thing", "with": {"code": "b2"}, "expect": {"refused": "not_unique"}},
                {"create": "thing", "with": {"weight": "-1"}, "expect": {"refused": ["/weight", "/code"]}},
                {"create": "thing", "with": {"code": "b3"}, "as": "li", "expect": {"refused": "forbidden"}},
                {"delete": "thing", "on": "box", "expect": {"refused": "in_use"}},
                {"update": "thing", "on": "thing/b2", "with": {"price": "2.5"}, "expect": {"price": "2.50", "weight": "200.00"}}
            ],
            "expect": {
                "records": {"ball": {"within": "box", "price": {"amount": "2.5", "currency": "CNY"}}, "thing/inner": {"within": "house", "price": null}},
                "todos": [{"record": "ball", "code": "heavy"}], "lines": []
            }
        }),
        &[],
    );
}

#[test]
fn a_case_that_does_not_hold_says_what_differs() {
    check(
        json!({
            "do": [
                {"create": "thing", "name": "ball", "with": {"code": "b", "price": "1.50", "weight": "101"}, "expect": {"price": "1.49"}},
                {"create": "thing", "with": {"code": "b"}},
                {"create": "thing", "with": {"code": "c"}, "expect": {"refused": "not_unique"}},
                {"create": "thing", "with": {"weight": "-1"}, "expect": {"refused": ["/weight"]}},
                {"delete": "thing", "on": "nothing", "expect": {"refused": "in_use"}},
                {"close": "2026-13", "as": "nobody"}
            ],
            "expect": {"records": {"ball": {"within": "house"}, "thing/d": {}}, "todos": [], "lines": [{"amount": "1.00"}], "statements": [{"payee": "x"}]}
        }),
        &[
            "step 1 (create thing as ball): `price`: expected 1.49, got {\"amount\":\"1.50\",\"currency\":\"CNY\"}",
            "step 2 (create thing): refused with not_unique: another `thing` has the same `code` (at /code)",
            "step 3 (create thing): expected a refusal with not_unique, but it was accepted",
            "step 4 (create thing): expected a refusal with [\"/weight\"], it was refused with out_of_range: `weight` is at least 0 (at /weight, /code)",
            "step 5 (delete thing on nothing): expected a refusal with in_use, it was refused with impossible: there is no record `nothing`",
            "step 6 (close 2026-13): there is no user `nobody`",
            "record ball: `within`: expected house, got null",
            "record thing/d: there is no such record",
            "lines: expected 1, got 0: ",
            "statement x: there is none",
            "todos: heavy is open for b",
        ],
    );
}

#[test]
fn what_cannot_be_given_ends_the_case() {
    check(
        json!({"given": {"records": {"thing": [{"code": "b", "within": "nowhere"}]}}, "do": [{"delete": "thing", "on": "thing/b"}], "expect": {}}),
        &[
            "given: thing {\"code\":\"b\",\"within\":\"nowhere\"}: refused with bad_reference: there is no thing `nowhere` (at /within)",
        ],
    );
    check(json!({"given": {"now": "tomorrow"}, "do": [], "expect": {}}), &["given: `tomorrow` is no moment"]);
}

#[test]
fn deleted_records_are_found_by_id_alone_and_free_their_key() {
    let model = model(&json!({"do": [], "expect": {}}));
    let memory = seeded(&model, Moment::from_micros(0)).expect("the test's seeds are accepted");
    let mut bare = Bare::over(model.clone(), &memory);
    let inner = bare.find("thing", "inner").expect("the seed is there");
    bare.delete("thing", &inner).expect("nothing refers to it");
    let id: Uuid = inner.parse().expect("ids are UUIDs");
    let mut need = Need::default();
    need.records.insert(("thing".into(), id));
    need.keys.insert(("thing".into(), "inner".into()));
    let mut facts = Facts::default();
    bare.memory.fetch(&model, &need, &mut facts);
    assert!(facts.records[&("thing".into(), id)].as_ref().is_some_and(|record| record.is_deleted()));
    assert_eq!(facts.keys[&("thing".into(), "inner".to_owned())], None);
    let again = json!({"code": "inner"});
    bare.create("thing", again.as_object().expect("an object")).expect("the key is free again");
    assert_eq!(memory.live("thing").count(), 2, "the store the world was made over stays as it was");
}

/// The place of a fact's line in the one group there is.
fn line(fact: u128, day: i8, quantity: i64) -> Line {
    static PARTY: OnceLock<Party> = OnceLock::new();
    let party = PARTY.get_or_init(|| Party { object: "thing".into(), id: Uuid::nil() });
    Line {
        id: Uuid::from_u128(1_000 + fact),
        plan: "plan".into(),
        line: "fee".into(),
        fact_object: "thing".into(),
        fact: Uuid::from_u128(fact),
        payer: party.clone(),
        payee: party.clone(),
        business_date: date(day),
        period: "2026-03".into(),
        service_period: "2026-03".into(),
        corrects: None,
        reverses: None,
        group: Some("group".into()),
        group_period: Some("2026-03".into()),
        quantity: Decimal::from(quantity),
        gross: Decimal::ZERO,
        net: Decimal::ZERO,
        tax: Decimal::ZERO,
        tax_rate: Decimal::ZERO,
        tax_kind: TaxTreatment::NotTaxed,
        currency: "CNY".into(),
        dimensions: Arc::default(),
        trace: Arc::default(),
        statement: None,
        run: None,
        posted_at: Moment::from_micros(0),
    }
}

fn date(day: i8) -> Date {
    jiff::civil::date(2026, 3, day)
}

#[test]
fn a_group_counts_what_stands_before_a_place() {
    let reversed = line(4, 2, 50);
    let reversal = Line { id: Uuid::from_u128(5), reverses: Some(reversed.id), ..reversed.clone() };
    let other = Line { group: Some("other".into()), ..line(6, 2, 7) };
    let lines = [line(2, 5, 3), line(1, 5, 2), line(3, 9, 1), reversed, reversal, other];
    let mut memory = Memory::default();
    memory.lines = lines.into_iter().map(Arc::new).collect();
    let model = model(&json!({"do": [], "expect": {}}));
    let mut check = |before: Option<(i8, u128)>, quantity: i64, later: &[u128]| {
        let query = CumulationQuery {
            plan: "plan".into(),
            line: "fee".into(),
            group: "group".into(),
            period: "2026-03".into(),
            counts: Counts::Quantity,
            before: before.map(|(day, fact)| (date(day), Uuid::from_u128(fact))),
            until: None,
            later: Some(Decimal::ZERO),
            charged_by: None,
        };
        let mut facts = Facts::default();
        memory.fetch(&model, &Need { cumulated: BTreeSet::from([query.clone()]), ..Need::default() }, &mut facts);
        let found = &facts.cumulated[&query];
        let later: Vec<Uuid> = later.iter().copied().map(Uuid::from_u128).collect();
        assert_eq!((found.sum, &found.later), (Decimal::from(quantity), &later), "{before:?}");
    };
    check(None, 6, &[]);
    check(Some((5, 1)), 0, &[2, 3]);
    check(Some((5, 2)), 2, &[3]);
    check(Some((9, 3)), 5, &[]);
    check(Some((1, 9)), 0, &[1, 2, 3]);
}

#[test]
fn numbers_are_taken_once_and_counted_by_bucket() {
    let mut memory = Memory::default();
    let mut next = |bucket: &str| memory.next_number(&Counter { sequence: "order".into(), bucket: bucket.into() });
    assert_eq!([next("2026-03"), next("2026-03"), next("2026-04"), next("2026-03")], [1, 2, 1, 3]);
}

#[test]
fn a_trace_is_told_in_one_line() {
    let part = |quantity: i64, rate: i64| PartTrace {
        quantity: quantity.into(),
        rate: rate.into(),
        flat: None,
        amount: (quantity * rate).into(),
    };
    let price = PriceTrace {
        quantity: 7.into(),
        before: Some(8.into()),
        schedule: Some("steps".into()),
        parts: vec![part(2, 95), part(5, 90)],
        made_up: Some(25.into()),
        to_next: None,
        amount: 665.into(),
    };
    let told =
        super::bare::sentence(&Trace { price: Some(price), reason: Some("reversal".into()), ..Trace::default() });
    assert_eq!(told, "2 × 95 = 190 + 5 × 90 = 450; makes up 25; by steps; after 8; reversal");
}
