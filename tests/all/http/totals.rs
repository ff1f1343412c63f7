//! Rollups over records that refer, and formulas that are computed on reading, as the API shows them on both databases.

use super::imports::{step, upload};
use axum::http::Method;
use packwork_tests::app::{On, TestApp};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// Boxes with things in them.
fn pack() -> BTreeMap<String, Vec<u8>> {
    let filled = json!({"kind": "object", "name": "box", "title": "Box", "plural": "Boxes", "display": "code", "key": "code",
        "list": {"columns": ["code", "weight", "room"], "sort": ["-weight"], "filters": ["things"]},
        "fields": {
            "code": {"type": "text", "title": "Code"},
            "carries": {"type": "decimal", "title": "Carries", "scale": 1},
            "packed": {"type": "date", "title": "Packed"},
            "things": {"type": "rollup", "title": "Things", "of": "thing.lies_in", "count": true},
            "weight": {"type": "rollup", "title": "Weight", "of": "thing.lies_in", "sum": "weight"},
            "worth": {"type": "rollup", "title": "Worth", "of": "thing.lies_in", "max": "worth", "filter": {"state": "whole"}},
            "room": {"type": "decimal", "title": "Room", "scale": 1, "formula": "carries - weight", "live": true},
            "share": {"type": "percent", "title": "Share", "formula": "weight / carries", "live": true},
            "days": {"type": "integer", "title": "Days", "formula": "days_between(packed, today())", "live": true},
            "is_late": {"type": "boolean", "title": "Late", "formula": "days > 7", "live": true}
        },
        "rules": {"not_heavy": {"require": "carries == () || weight <= carries", "message": "It carries too much."}}});
    let thing = json!({"kind": "object", "name": "thing", "title": "Thing", "plural": "Things", "display": "code", "key": "code",
    "fields": {
        "code": {"type": "text", "title": "Code"},
        "lies_in": {"type": "reference", "title": "Lies in", "to": "box", "on_delete": "clear"},
        "weight": {"type": "decimal", "title": "Weight", "scale": 2},
        "worth": {"type": "money", "title": "Worth"}
    }});
    let life = json!({"kind": "lifecycle", "name": "thing", "title": "Thing", "on": "thing", "initial": "whole",
        "states": {"whole": {"title": "Whole"}, "broken": {"title": "Broken", "final": true}},
        "transitions": {"break": {"title": "Break", "from": ["whole"], "to": "broken"}}});
    let role = json!({"kind": "role", "name": "packer", "title": "Packer", "objects": {
        "box": {"read": true, "update": true, "hide": ["weight"]}, "thing": {"read": true, "create": true, "rows": {"filter": {"worth": {"gt": "1000000"}}}}}});
    let mut texts: Map<String, Json> = Map::new();
    let mut say = |path: String| drop(texts.insert(path, json!("文")));
    for path in [
        "pack/title",
        "pack/description",
        "object/box/rules/not_heavy/message",
        "lifecycle/thing/title",
        "role/packer/title",
    ] {
        say(path.to_owned());
    }
    for path in ["states/whole", "states/broken", "transitions/break"] {
        say(format!("lifecycle/thing/{path}/title"));
    }
    for object in [&filled, &thing] {
        let name = object["name"].as_str().unwrap_or_default();
        say(format!("object/{name}/title"));
        say(format!("object/{name}/plural"));
        for field in object["fields"].as_object().into_iter().flat_map(Map::keys) {
            say(format!("object/{name}/fields/{field}/title"));
        }
    }
    let manifest = json!({"name": "boxes", "version": "0.1.0", "title": "Boxes", "description": "And what lies in them.",
        "license": "Apache-2.0", "requires": {"base": "^0.1"}});
    let files = [
        ("pack.json", manifest),
        ("objects/box.json", filled),
        ("objects/thing.json", thing),
        ("lifecycles/thing.json", life),
        ("roles/packer.json", role),
        ("i18n/zh-CN.json", Json::Object(texts)),
    ];
    files.into_iter().map(|(path, json)| (path.to_owned(), json.to_string().into_bytes())).collect()
}

async fn boxes(on: On) -> TestApp {
    let test = TestApp::of(on, pack()).await;
    test.post("/records/currency", json!({"code": "CNY", "name": "Yuan"})).await.ok();
    for (code, carries) in [("a", json!("10")), ("b", json!("0")), ("c", Json::Null)] {
        let made =
            test.post("/records/box", json!({"code": code, "carries": carries, "packed": "2026-03-10"})).await.ok();
        assert_eq!([&made["things"], &made["weight"], &made["worth"]], [&json!("0"), &json!("0.00"), &Json::Null]);
    }
    for (code, lies_in, weight, worth) in [("1", "a", "1.25", "100"), ("2", "a", "2.5", "30"), ("3", "b", "4", "7")] {
        let thing = json!({"code": code, "lies_in": lies_in, "weight": weight, "worth": worth});
        test.post("/records/thing", thing).await.ok();
    }
    test
}

async fn change(test: &TestApp, path: &str, mut fields: Json) -> Json {
    let record = test.get(path).await.ok();
    fields["version"] = record["version"].clone();
    test.system(Method::PATCH, path, Some(fields)).await.ok()
}

async fn delete(test: &TestApp, path: &str) {
    let record = test.get(path).await.ok();
    let reply = test.system(Method::DELETE, path, Some(json!({"version": record["version"]}))).await;
    assert!(reply.status.is_success(), "{:#}", reply.json);
}

fn of(json: &Json, names: &[&str]) -> Json {
    names.iter().map(|name| json[*name].clone()).collect()
}

fn money(amount: &str) -> Json {
    json!({"amount": amount, "currency": "CNY"})
}

async fn records_show_what_refers_and_what_follows_from_it(on: On) {
    let test = boxes(on).await;
    let a = test.get("/records/box/a").await.ok();
    let names = ["things", "weight", "worth", "room", "share", "days", "is_late", "version"];
    let expected = json!(["2", "3.75", money("100.00"), "6.3", "0.3750", "5", false, 1]);
    assert_eq!(of(&a, &names), expected, "{a:#}");
    // Nothing to divide by, nothing to compute with: no value, and no failure.
    let b = test.get("/records/box/b").await.ok();
    assert_eq!(of(&b, &names[..5]), json!(["1", "4.00", money("7.00"), "-4.0", null]));
    let c = test.get("/records/box/c").await.ok();
    assert_eq!(of(&c, &names[..5]), json!(["0", "0.00", null, null, null]));

    // What stands beside a record changes without its version: whoever knows that one is told all the same.
    let token = format!("Bearer {}", test.local.expose());
    let known = [("authorization", token.as_str()), ("if-none-match", "\"1\"")];
    assert_eq!(test.ask(Method::GET, "/records/box/a", None, &known).await.status.as_u16(), 200);

    change(&test, "/records/thing/2", json!({"lies_in": "c", "weight": "3"})).await;
    test.post("/records/thing/1/transitions/break", json!({"version": 1})).await.ok();
    assert_eq!(of(&test.get("/records/box/a").await.ok(), &names[..4]), json!(["1", "1.25", null, "8.8"]));
    assert_eq!(of(&test.get("/records/box/c").await.ok(), &names[..3]), json!(["1", "3.00", money("30.00")]));
    test.advance(5 * 24 * 3_600);
    assert_eq!(of(&test.get("/records/box/a").await.ok(), &names[5..]), json!(["10", true, 1]));

    // A rule of the box is asked when the box is saved, over what lies in it then.
    change(&test, "/records/box/a", json!({"carries": "1.3"})).await;
    let heavy = json!({"carries": "1.2", "version": 2});
    test.system(Method::PATCH, "/records/box/a", Some(heavy)).await.refused(422, "rule_broken");
    for computed in ["weight", "room"] {
        let written = json!({computed: "1", "version": 2});
        test.system(Method::PATCH, "/records/box/a", Some(written)).await.refused(422, "read_only");
    }
    // Of the past nothing is known but what was kept.
    let then = test.get("/records/box/a?at=2026-03-15T03:00:00Z").await.ok();
    assert!(then["code"] == "a" && then.get("weight").is_none() && then.get("room").is_none(), "{then:#}");
    let history = test.get("/records/box/a/history").await.ok();
    assert!(!history.to_string().contains("weight"), "{history:#}");

    // Deleting empties the references; what is put back stays out.
    delete(&test, "/records/box/c").await;
    let loose = test.get("/records/thing/2").await.ok();
    assert_eq!(loose["lies_in"], Json::Null);
    delete(&test, "/records/thing/1").await;
    assert_eq!(of(&test.get("/records/box/a").await.ok(), &names[..2]), json!(["0", "0.00"]));
}

async fn lists_and_exports_show_them_too(on: On) {
    let test = boxes(on).await;
    let list = async |asked: Json| {
        let page = test.post("/records/box/query", asked).await.ok();
        page["data"].as_array().cloned().unwrap_or_default()
    };
    let rows = list(json!({"fields": ["code", "share", "is_late"], "sort": ["-weight"]})).await;
    let shown: Vec<Json> = rows.iter().map(|row| of(row, &["code", "share", "is_late", "weight"])).collect();
    assert_eq!(json!(shown), json!([["b", null, false, null], ["a", "0.3750", false, null], ["c", null, false, null]]));
    let rows = list(json!({"filter": {"things": {"gte": 1}, "worth": {"gt": "7"}}})).await;
    assert_eq!(rows.iter().map(|row| &row["code"]).collect::<Vec<_>>(), ["a"]);
    let things = json!({"fields": ["code", "lies_in.weight", "lies_in.room"], "sort": ["code"], "expand": {"lies_in": {"fields": ["share", "things"]}}});
    let page = test.post("/records/thing/query", things).await.ok();
    let first = &page["data"][0];
    assert_eq!(of(first, &["lies_in.weight", "lies_in.room"]), json!(["3.75", "6.3"]), "{first:#}");
    assert_eq!(of(&first["_expanded"]["lies_in"], &["share", "things"]), json!(["0.3750", "2"]));
    let sums = json!({"group_by": ["things"], "measures": {"weight": {"sum": "weight"}, "worth": {"max": "worth"}}});
    let sums = test.post("/records/box/aggregate", sums).await.ok();
    let shown: Vec<Json> =
        sums["data"].as_array().into_iter().flatten().map(|row| of(row, &["things", "weight"])).collect();
    assert_eq!(json!(shown), json!([["0", "0.00"], ["1", "4.00"], ["2", "3.75"]]), "{sums:#}");

    for asked in [json!({"filter": {"room": {"gt": 0}}}), json!({"sort": ["-days"]})] {
        let refused = test.post("/records/box/query", asked).await.refused(422, "live_field");
        assert!(refused["params"]["field"].is_string(), "{refused:#}");
    }
    for asked in [
        json!({"group_by": ["is_late"], "measures": {"n": {"count": true}}}),
        json!({"measures": {"room": {"sum": "room"}}}),
    ] {
        test.post("/records/box/aggregate", asked).await.refused(422, "live_field");
    }
    let asked = json!({"object": "box", "format": "csv", "sort": ["code"], "fields": ["code", "weight", "worth", "room"], "titles": false});
    let token = test.local.expose().to_owned();
    let (_, bytes) = test.bytes(&token, Method::POST, "/exports", Some(asked)).await;
    let file = String::from_utf8_lossy(&bytes).into_owned();
    assert!(file.contains("a,3.75,100.00") && file.contains(",6.3"), "{file}");
    // What the definition says of the fields.
    let view = test.get("/objects/box").await.ok();
    let field =
        |name: &str| view["fields"].as_array().into_iter().flatten().find(|field| field["name"] == name).cloned();
    let (room, weight) = (field("room").unwrap_or_default(), field("weight").unwrap_or_default());
    assert_eq!(of(&room, &["live", "formula", "read_only"]), json!([true, true, true]));
    assert_eq!(of(&weight, &["type", "scale", "read_only", "live"]), json!(["rollup", 2, true, null]));

    // Who may not see the things still sees how many there are; who may not see a field sees nothing of it.
    let packer = test.user("packer", &["packer"], json!({})).await;
    let seen = test.by(&packer, Method::GET, "/records/box/a", None).await.ok();
    assert_eq!((&seen["things"], seen.get("weight"), &seen["room"]), (&json!("2"), None, &json!("6.3")), "{seen:#}");
    let by_hidden = Some(json!({"filter": {"weight": {"gt": 1}}}));
    test.by(&packer, Method::POST, "/records/box/query", by_hidden).await.refused(422, "unknown_field");
}

async fn every_way_of_writing_counts(on: On) {
    let test = boxes(on).await;
    let totals = async || of(&test.get("/records/box/c").await.ok(), &["things", "weight", "worth"]);
    let put = json!({"lies_in": "c", "weight": "1", "worth": "5"});
    test.system(Method::PUT, "/records/thing/by/code/9", Some(put.clone())).await.ok();
    test.system(Method::PUT, "/records/thing/by/code/9", Some(json!({"weight": "2"}))).await.ok();
    assert_eq!(totals().await, json!(["1", "2.00", money("5.00")]));
    let create = |code: &str, weight: &str| json!({"op": "create", "data": {"code": code, "lies_in": "c", "weight": weight, "worth": "9"}});
    for (atomic, expected) in
        [(true, json!(["1", "2.00", money("5.00")])), (false, json!(["2", "3.00", money("9.00")]))]
    {
        // The second one has the first one's key.
        let operations = json!({"atomic": atomic, "operations": [create("x", "1"), create("x", "1")]});
        test.post("/records/thing/bulk", operations).await;
        assert_eq!(totals().await, expected, "atomic: {atomic}");
    }
    let file = "code,lies_in,weight,worth\ny,c,0.5,1\nz,c,0.25,100\n1,c,1,\n";
    let import = upload(&test, "thing", file).await;
    let import = step(&test, &import, "plan", json!({"mode": "upsert", "by": "code"})).await;
    let import = step(&test, &import, "apply", json!({})).await;
    assert_eq!(import["status"], "applied", "{import:#}");
    let expected = json!(["5", "4.75", money("100.00")]);
    assert_eq!(totals().await, expected, "{import:#}");
    let a = of(&test.get("/records/box/a").await.ok(), &["things", "weight"]);
    assert_eq!(a, json!(["1", "2.50"]));
    let import = step(&test, &import, "revert", json!({})).await;
    assert_eq!(totals().await, json!(["2", "3.00", money("9.00")]), "{import:#}");
    assert_eq!(of(&test.get("/records/box/a").await.ok(), &["things", "weight"]), json!(["2", "3.75"]));
    let thing = test.get("/records/thing/9").await.ok();
    let id = thing["id"].as_str().unwrap_or_default();
    delete(&test, "/records/thing/9").await;
    assert_eq!(totals().await, json!(["1", "1.00", money("9.00")]));
    test.post(&format!("/records/thing/{id}/restore"), json!({"version": 3})).await.ok();
    assert_eq!(totals().await, json!(["2", "3.00", money("9.00")]));
}

macro_rules! on_both {
    ($($behaviour:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $behaviour() {
                super::$behaviour(super::On::Sqlite).await;
            })+
        }

        mod on_postgres {
            $(#[tokio::test]
            async fn $behaviour() {
                super::$behaviour(super::On::Postgres).await;
            })+
        }
    };
}

on_both!(
    records_show_what_refers_and_what_follows_from_it,
    lists_and_exports_show_them_too,
    every_way_of_writing_counts
);
