//! Every type a field can have, through the API on both databases: what is kept exactly, what it can be asked, and what
//! is refused at its place.

use packwork_tests::app::{On, TestApp};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

const FILE: &str = "0190b0a0-0000-7000-8000-0000000000f1";
const NOWHERE: &str = "0190b0a0-0000-7000-8000-0000000000ff";

/// A field of each type; the items are rows of another object.
fn fields() -> Json {
    json!({
        "text": {"type": "text", "unique": true},
        "long_text": {"type": "long_text"},
        "rich_text": {"type": "rich_text"},
        "integer": {"type": "integer"},
        "decimal": {"type": "decimal", "scale": 4},
        "share": {"type": "percent"},
        "bounded": {"type": "decimal", "scale": 2, "minimum": "-1.50", "maximum": "1.50"},
        "money": {"type": "money", "currency": "CNY"},
        "currency": {"type": "text"},
        "free": {"type": "money", "currency": "currency"},
        "boolean": {"type": "boolean"},
        "date": {"type": "date", "index": true},
        "moment": {"type": "date_time"},
        "time": {"type": "time", "index": true},
        "duration": {"type": "duration", "scale": 1},
        "choice": {"type": "choice", "options": {"red": {}, "blue": {}}},
        "choices": {"type": "choices", "options": {"red": {}, "blue": {}, "green": {}}},
        "one": {"type": "reference", "to": "unit"},
        "either": {"type": "reference", "to": ["unit", "currency"]},
        "many": {"type": "references", "to": "unit"},
        "rows": {"type": "items", "to": "sample_row"},
        "files": {"type": "attachment", "multiple": true},
        "picture": {"type": "image"},
        "email": {"type": "email"},
        "phone": {"type": "phone"},
        "url": {"type": "url"},
        "address": {"type": "address"},
        "place": {"type": "location"},
        "person": {"type": "user"},
        "team": {"type": "department"},
        "number": {"type": "sequence", "format": "S-{seq:3}"},
        "total": {"type": "rollup", "of": "rows", "sum": "amount"},
        "extra": {"type": "json"}
    })
}

fn pack() -> BTreeMap<String, Vec<u8>> {
    let row = json!({"amount": {"type": "decimal", "scale": 3}});
    let objects = [("sample", fields(), Json::Null), ("sample_row", row, json!("sample"))];
    let mut texts = BTreeMap::from([("pack/title".to_owned(), "样例"), ("pack/description".to_owned(), "每种一个。")]);
    let mut files = BTreeMap::new();
    for (name, fields, owner) in objects {
        texts.extend(["title", "plural"].map(|text| (format!("object/{name}/{text}"), "样例")));
        for (field, written) in fields.as_object().into_iter().flatten() {
            texts.insert(format!("object/{name}/fields/{field}/title"), "字段");
            for option in written["options"].as_object().into_iter().flat_map(Map::keys) {
                texts.insert(format!("object/{name}/fields/{field}/options/{option}/title"), "选项");
            }
        }
        let mut object = json!({"kind": "object", "name": name, "fields": fields});
        if !owner.is_null() {
            object["owned_by"] = owner;
        }
        files.insert(format!("objects/{name}.json"), object.to_string().into_bytes());
    }
    let manifest = json!({"name": "samples", "version": "0.1.0", "title": "Samples", "description": "One of each.",
        "license": "Apache-2.0", "requires": {"base": "^0.1"}});
    files.insert("pack.json".to_owned(), manifest.to_string().into_bytes());
    files.insert("i18n/zh-CN.json".to_owned(), json!(texts).to_string().into_bytes());
    files
}

struct Known {
    test: TestApp,
    unit: String,
    other: String,
    user: String,
    team: String,
    /// Pictures that wait for a record.
    files: Vec<String>,
}

async fn known(on: On) -> Known {
    let test = TestApp::of(on, pack()).await;
    let id = async |object: &str, body: Json| {
        let made = test.post(&format!("/records/{object}"), body).await.ok();
        made["id"].as_str().expect("a record has an id").to_owned()
    };
    let unit = id("unit", json!({"code": "one", "name": "One"})).await;
    let other = id("unit", json!({"code": "two", "name": "Two"})).await;
    id("currency", json!({"code": "CNY", "name": "Yuan"})).await;
    let user = id("user", json!({"login": "anna", "name": "Anna", "roles": [], "locale": "en"})).await;
    let entity = id("legal_entity", json!({"code": "e", "name": "E"})).await;
    let team = id("department", json!({"code": "t", "name": "T", "legal_entity": entity})).await;
    let mut files = Vec::new();
    for _ in 0..4 {
        let token = test.local.expose().to_owned();
        let sent = test.upload(&token, "/attachments?object=sample&name=a.png", &b"\x89PNG\r\n\x1a\n"[..]).await.ok();
        files.push(sent["id"].as_str().expect("a file has an id").to_owned());
    }
    Known { test, unit, other, user, team, files }
}

/// Fields, what is written, and what comes back.
fn kept(known: &Known) -> Vec<(&'static str, Json, Json)> {
    let Known { unit, other, user, team, files, .. } = known;
    let file = |at: usize| files[at].clone();
    let same = |field, json: Json| (field, json.clone(), json);
    let (one, two) = (json!(unit), json!(other));
    vec![
        same("text", json!("工单 '一' \"?\" \\ % _ 𠮷 👩‍👩‍👧 \u{10ffff}")),
        same("text", json!("x".repeat(200))),
        ("text", json!(""), Json::Null),
        same("text", json!(" ")),
        same("long_text", json!("两\n行\t𠮷".repeat(4_000))),
        same("rich_text", json!("<p>粗 <b>体</b></p>")),
        same("integer", json!("999999999999999999")),
        same("integer", json!("-999999999999999999")),
        ("integer", json!(-7), json!("-7")),
        ("integer", json!("7.000"), json!("7")),
        same("decimal", json!("99999999999999.9999")),
        same("decimal", json!("-0.0001")),
        ("decimal", json!("-0"), json!("0.0000")),
        ("decimal", json!(1.5), json!("1.5000")),
        same("share", json!("0.0625")),
        same("bounded", json!("1.50")),
        same("bounded", json!("-1.50")),
        ("money", json!("9999999999999999.99"), json!({"amount": "9999999999999999.99", "currency": "CNY"})),
        same("money", json!({"amount": "-0.01", "currency": "CNY"})),
        same("free", json!({"amount": "12.30", "currency": "JPY"})),
        same("boolean", json!(false)),
        same("date", json!("0001-01-01")),
        same("date", json!("9999-12-31")),
        same("date", json!("2028-02-29")),
        same("moment", json!("0001-01-01T00:00:00Z")),
        same("moment", json!("9999-12-30T21:59:59.999999Z")),
        ("moment", json!("2026-06-30T23:30:00.1234567+08:00"), json!("2026-06-30T15:30:00.123456Z")),
        same("time", json!("00:00")),
        same("time", json!("23:59:59")),
        ("time", json!("14:30:00"), json!("14:30")),
        ("duration", json!(90), json!("90.0")),
        ("duration", json!("PT1H30M30S"), json!("90.5")),
        ("duration", json!("P1W"), json!("10080.0")),
        same("choice", json!("blue")),
        same("choices", json!([])),
        ("choices", json!(["green", "red", "green"]), json!(["green", "red"])),
        ("one", json!(unit), one.clone()),
        ("one", json!("two"), two.clone()),
        ("either", json!("two"), two.clone()),
        ("many", json!([unit, "two", unit]), json!([one, two])),
        same("many", json!([])),
        ("files", json!(file(0)), json!([file(0)])),
        ("files", json!([file(1), file(2), file(1)]), json!([file(1), file(2)])),
        ("files", json!([]), Json::Null),
        ("picture", json!(file(3).to_uppercase()), json!([file(3)])),
        same("email", json!("an.na+x@mail.例子.中国")),
        same("phone", json!("+86 (21) 5080-1234转801")),
        same("phone", json!("110")),
        same("url", json!("https://例子.中国:8443/路径?q=1&r=%20#top")),
        same("url", json!("http://[::1]/")),
        same("address", json!("上海市浦东新区张江路88号\n2幢 𠮷座")),
        same("place", json!({"latitude": "90", "longitude": "-180"})),
        same("place", json!({"latitude": "-31.2304001", "longitude": "121.4737"})),
        same("person", json!(user)),
        ("team", json!("t"), json!(team)),
        same("extra", json!({"a": [1, -2.5, null, true, "𠮷"], "b": {}, "": {"deep": [[]]}})),
        same("extra", json!("only a text")),
        ("extra", json!({"long": "0.12345678901234567890"}), json!({"long": "0.12345678901234567890"})),
    ]
}

async fn every_type_keeps_its_values(on: On) {
    let known = known(on).await;
    let test = &known.test;
    let mut seen = BTreeSet::new();
    for (field, given, expect) in kept(&known) {
        let made = test.post("/records/sample", json!({field: given})).await.ok();
        assert_eq!(made[field], expect, "{field} {given}");
        let path = format!("/records/sample/{}", made["id"].as_str().unwrap_or_default());
        let read = test.get(&path).await.ok();
        assert_eq!(read[field], expect, "{field} {given}");
        // What is given back can be written again.
        let body = json!({"version": 1, field: read[field]});
        let same = test.system(axum::http::Method::PATCH, &path, Some(body)).await.ok();
        assert_eq!((&same[field], &same["version"]), (&expect, &json!(1)), "{field} {given}");
        seen.insert(field);
    }
    // Rows with their sum, a number of its own, and an amount in the record's currency.
    let rows = json!({"rows": [{"amount": "999999999999999"}, {"amount": "-0.001"}], "currency": "EUR", "free": "3"});
    let made = test.post("/records/sample", rows).await.ok();
    assert_eq!(
        (&made["rows"][0]["amount"], &made["total"]),
        (&json!("999999999999999.000"), &json!("999999999999998.999"))
    );
    assert!(made["number"].as_str().is_some_and(|number| number.starts_with("S-")), "{made:#}");
    assert_eq!(made["free"], json!({"amount": "3.00", "currency": "EUR"}));
    seen.extend(["rows", "total", "number", "currency"]);
    let all = fields();
    let unseen: Vec<&String> =
        all.as_object().into_iter().flat_map(Map::keys).filter(|name| !seen.contains(name.as_str())).collect();
    assert!(unseen.is_empty(), "{unseen:?}");
}

#[tokio::test]
async fn every_type_keeps_its_values_on_sqlite() {
    every_type_keeps_its_values(On::Sqlite).await;
}

#[tokio::test]
async fn every_type_keeps_its_values_on_postgres() {
    every_type_keeps_its_values(On::Postgres).await;
}

async fn every_type_is_found_by_its_operators(on: On) {
    let known = known(on).await;
    let test = &known.test;
    let full = json!({
        "text": "𠮷野家", "long_text": "两\n行", "rich_text": "<p>粗</p>", "integer": "7", "decimal": "1.2345",
        "share": "0.25", "bounded": "1", "money": "120.00", "currency": "EUR", "free": "3", "boolean": true,
        "date": "0001-01-01", "moment": "2026-06-30T15:30:00Z", "time": "14:30", "duration": "90", "choice": "red",
        "choices": ["red", "green"], "one": "one", "either": "CNY", "many": ["one", "two"], "rows": [{"amount": "2"}],
        "files": [known.files[0]], "picture": known.files[1], "email": "a@example.com", "phone": "110", "url": "https://example.com",
        "address": "张江路88号", "place": {"latitude": "31.2304", "longitude": "121.4737"}, "person": known.user,
        "team": "t", "extra": {"a": 1}
    });
    let made = test.post("/records/sample", full).await.ok();
    test.post("/records/sample", json!({"text": "another"})).await.ok();
    let filters = [
        json!({"text": {"starts_with": "𠮷"}}),
        json!({"long_text": {"contains": "行"}}),
        json!({"rich_text": {"contains": "粗"}}),
        json!({"integer": {"between": ["6", "8"]}}),
        json!({"decimal": {"gt": "1.2344"}}),
        json!({"share": {"lte": "0.25"}}),
        json!({"bounded": {"in": ["1.00"]}}),
        json!({"money": {"gte": {"amount": "120", "currency": "CNY"}}}),
        json!({"currency": "EUR"}),
        json!({"free": {"eq": {"amount": "3", "currency": "EUR"}}}),
        json!({"boolean": true}),
        json!({"date": {"lt": "0001-01-02"}}),
        json!({"moment": {"eq": "2026-06-30T23:30:00+08:00"}}),
        json!({"time": {"eq": "14:30:00"}}),
        json!({"time": {"between": ["14:29:59", "14:30:01"]}}),
        json!({"duration": {"gte": "PT1H30M"}}),
        json!({"choice": {"in": ["red"]}}),
        json!({"choices": {"contains": "green"}}),
        json!({"one": known.unit}),
        json!({"either": {"is_null": false}}),
        json!({"many": {"contains": known.other}}),
        json!({"rows": {"any": {"amount": "2"}}}),
        json!({"files": {"is_null": false}}),
        json!({"picture": {"is_null": false}}),
        json!({"email": {"contains": "@example"}}),
        json!({"phone": "110"}),
        json!({"url": {"starts_with": "https://"}}),
        json!({"address": {"contains": "张江"}}),
        json!({"place": {"near": {"latitude": "31.23", "longitude": "121.47", "km": "5"}}}),
        json!({"person": known.user}),
        json!({"team.code": "t"}),
        json!({"number": made["number"]}),
        json!({"total": {"eq": "2"}}),
        json!({"extra": {"is_null": false}}),
    ];
    let mut asked = BTreeSet::new();
    for filter in filters {
        let found = test.post("/records/sample/query", json!({"filter": filter})).await.ok();
        assert_eq!(found["data"].as_array().map(Vec::len), Some(1), "{filter} {found:#}");
        assert_eq!(found["data"][0]["id"], made["id"], "{filter}");
        asked.extend(
            filter
                .as_object()
                .into_iter()
                .flat_map(Map::keys)
                .map(|name| name.split('.').next().unwrap_or_default().to_owned()),
        );
    }
    let all: BTreeSet<String> = fields().as_object().into_iter().flat_map(Map::keys).cloned().collect();
    assert_eq!(asked, all);
}

#[tokio::test]
async fn every_type_is_found_by_its_operators_on_sqlite() {
    every_type_is_found_by_its_operators(On::Sqlite).await;
}

#[tokio::test]
async fn every_type_is_found_by_its_operators_on_postgres() {
    every_type_is_found_by_its_operators(On::Postgres).await;
}

async fn what_a_type_cannot_hold_is_refused_at_its_place(on: On) {
    let known = known(on).await;
    let test = &known.test;
    let wrong: &[(&str, &str, Vec<Json>)] = &[
        ("text", "wrong_type", vec![json!(7), json!(["x"]), json!("a\u{0}b")]),
        ("text", "out_of_range", vec![json!("𠮷".repeat(201))]),
        ("long_text", "out_of_range", vec![json!("x".repeat(20_001))]),
        ("rich_text", "wrong_type", vec![json!({"html": "x"})]),
        ("integer", "too_many_digits", vec![json!("1000000000000000000"), json!("0.5")]),
        ("integer", "wrong_type", vec![json!("seven"), json!("1_000"), json!(true), json!("")]),
        ("decimal", "too_many_digits", vec![json!("100000000000000"), json!("0.00001")]),
        ("decimal", "wrong_type", vec![json!("1e3"), json!("NaN"), json!("１２")]),
        ("share", "too_many_digits", vec![json!("0.00001")]),
        ("bounded", "out_of_range", vec![json!("1.51"), json!("-1.51")]),
        ("money", "too_many_digits", vec![json!("0.005"), json!("10000000000000000")]),
        ("money", "not_an_option", vec![json!({"amount": "1", "currency": "USD"})]),
        (
            "free",
            "wrong_type",
            vec![
                json!({"currency": "CNY"}),
                json!({"amount": "1", "currency": "yuan"}),
                json!({"amount": "1", "curency": "CNY"}),
                json!({"amount": "1", "currency": 7}),
            ],
        ),
        ("boolean", "wrong_type", vec![json!("true"), json!(1)]),
        (
            "date",
            "wrong_type",
            vec![
                json!("2026-02-29"),
                json!("0000-01-01"),
                json!("20260630"),
                json!("2026-06-30T00:00:00"),
                json!(2026),
            ],
        ),
        (
            "moment",
            "wrong_type",
            vec![
                json!("2026-06-30"),
                json!("2026-06-30T23:30:00"),
                json!("0000-12-31T23:59:59Z"),
                json!("9999-12-31T23:59:59Z"),
            ],
        ),
        (
            "time",
            "wrong_type",
            vec![json!("24:00"), json!("9:30"), json!("09:60"), json!("09:30:60"), json!("0930"), json!(930)],
        ),
        ("duration", "wrong_type", vec![json!("P1M"), json!("PT"), json!("1h"), json!("PT1S")]),
        ("duration", "too_many_digits", vec![json!("0.25")]),
        ("choice", "not_an_option", vec![json!("green"), json!("Red")]),
        ("choice", "wrong_type", vec![json!(["red"])]),
        ("choices", "wrong_type", vec![json!("red"), json!([7])]),
        ("one", "bad_reference", vec![json!("three"), json!(NOWHERE), json!(known.user)]),
        ("one", "wrong_type", vec![json!([known.unit]), json!(7)]),
        ("either", "bad_reference", vec![json!("three"), json!(known.user)]),
        ("many", "wrong_type", vec![json!(known.unit), json!([7])]),
        ("rows", "wrong_type", vec![json!("x")]),
        ("files", "wrong_type", vec![json!("a.pdf"), json!([FILE, 7]), json!({"id": FILE})]),
        ("files", "wrong_type", vec![(0..101).map(|at| json!(format!("0190b0a0-0000-7000-8000-{at:012}"))).collect()]),
        ("files", "bad_reference", vec![json!(FILE)]),
        ("picture", "out_of_range", vec![json!(known.files)]),
        ("picture", "wrong_type", vec![json!(true)]),
        (
            "email",
            "wrong_type",
            vec![
                json!("anna"),
                json!("@example.com"),
                json!("a b@example.com"),
                json!("a@b"),
                json!("a@-b.com"),
                json!("a@b..com"),
                json!("a@b@c.com"),
            ],
        ),
        (
            "phone",
            "wrong_type",
            vec![json!("12"), json!("call me"), json!("021+5080"), json!("()-()"), json!("123456789012345678901")],
        ),
        (
            "url",
            "wrong_type",
            vec![
                json!("example.com"),
                json!("javascript:alert(1)"),
                json!("https://"),
                json!("https://a b.com"),
                json!("https://user@example.com"),
                json!("https://example.com:99999"),
                json!("https://example.com/<script>"),
            ],
        ),
        ("address", "wrong_type", vec![json!("，。"), json!("路\u{7}1号")]),
        ("address", "out_of_range", vec![json!("路".repeat(501))]),
        (
            "place",
            "wrong_type",
            vec![
                json!({"latitude": "90.0000001", "longitude": "0"}),
                json!({"latitude": "0", "longitude": "180.0000001"}),
                json!({"latitude": "0"}),
                json!("31,121"),
            ],
        ),
        ("person", "bad_reference", vec![json!("nobody"), json!(known.unit)]),
        ("team", "bad_reference", vec![json!("nowhere")]),
        ("number", "read_only", vec![json!("S-1")]),
        ("total", "read_only", vec![json!("1")]),
        ("extra", "wrong_type", vec![json!({"a": "x\u{0}"}), (0..40).fold(json!(1), |inner, _| json!([inner]))]),
    ];
    for (field, code, values) in wrong {
        for value in values {
            let problem = test.post("/records/sample", json!({*field: value})).await.refused(422, code);
            let error = &problem["errors"][0];
            let found = (error["code"].as_str(), error["pointer"].as_str());
            assert_eq!(found, (Some(*code), Some(&*format!("/{field}"))), "{value} {problem:#}");
            assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{problem:#}");
        }
    }
    // In lists the place is the member's.
    for (field, value, code) in
        [("choices", json!(["red", "pink"]), "not_an_option"), ("many", json!(["one", "three"]), "bad_reference")]
    {
        let problem = test.post("/records/sample", json!({field: value})).await.refused(422, code);
        assert_eq!(problem["errors"][0]["pointer"], format!("/{field}/1"), "{problem:#}");
    }
    test.post("/records/sample", json!({"text": "one of a kind"})).await.ok();
    let problem = test.post("/records/sample", json!({"text": "one of a kind"})).await.refused(422, "not_unique");
    assert_eq!(problem["errors"][0]["pointer"], "/text");
    let found = test.get("/records/sample").await.ok();
    assert_eq!(found["data"].as_array().map(Vec::len), Some(1), "{found:#}");
}

#[tokio::test]
async fn what_a_type_cannot_hold_is_refused_at_its_place_on_sqlite() {
    what_a_type_cannot_hold_is_refused_at_its_place(On::Sqlite).await;
}

#[tokio::test]
async fn what_a_type_cannot_hold_is_refused_at_its_place_on_postgres() {
    what_a_type_cannot_hold_is_refused_at_its_place(On::Postgres).await;
}
