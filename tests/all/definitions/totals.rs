//! Rollups over records that refer come with a definition, change with it and go with it; what they count is there from
//! the moment of publication.

use super::fixture::{apply, database, on_both, parcels, plan_packs, text, upgrade};
use packwork_tests::app::{On, TestApp};
use serde_json::{Value as Json, json};

fn thing(name: &str) -> Json {
    json!({"kind": "object", "name": name, "title": "Thing", "plural": "Things", "display": "name", "fields": {
        "name": {"type": "text", "title": "Name"},
        "parcel": {"type": "reference", "title": "Parcel", "to": "parcel"},
        "weight": {"type": "decimal", "title": "Weight", "scale": 1},
        "packed": {"type": "boolean", "title": "Packed"}
    }})
}

fn weight(filter: Json) -> Json {
    let mut weight = json!({"type": "rollup", "title": "Weight", "of": "thing.parcel", "sum": "weight"});
    if !filter.is_null() {
        weight["filter"] = filter;
    }
    weight
}

async fn total(test: &TestApp, field: &str) -> Json {
    test.get("/records/parcel/p").await.ok()[field].clone()
}

async fn rollups_come_and_go_with_their_definition(on: On) {
    let test = TestApp::new(on).await;
    let more = [("objects/thing.json", thing("thing"))];
    upgrade(&test, parcels("1.0.0", json!({}), &more)).await;
    test.post("/records/parcel", json!({"code": "p"})).await.ok();
    for (weight, packed) in [("1.5", true), ("2", false), ("4", true)] {
        test.post("/records/thing", json!({"parcel": "p", "weight": weight, "packed": packed})).await.ok();
    }
    let plan = plan_packs(&test, parcels("1.1.0", json!({"weight": weight(Json::Null)}), &more), json!({})).await;
    assert_eq!(database(&plan), [json!(["make_totals", "parcel", null, 3])], "{plan:#}");
    assert_eq!(plan["database"][0]["lock"], "reading");
    let applied = apply(&test, &plan).await.ok();
    assert_eq!((&applied["jobs"], total(&test, "weight").await), (&json!([]), json!("7.5")));
    let version = applied["model"]["version"].clone();

    // Another condition counts anew; the same one does not.
    let packed = parcels("1.2.0", json!({"weight": weight(json!({"packed": true}))}), &more);
    let plan = plan_packs(&test, packed, json!({})).await;
    assert_eq!(database(&plan), [json!(["make_totals", "parcel", null, 3])]);
    apply(&test, &plan).await.ok();
    assert_eq!(total(&test, "weight").await, "5.5");
    let renamed = json!({"burden": {"type": "rollup", "title": "Burden", "was": "weight", "of": "thing.parcel", "sum": "weight"}});
    upgrade(&test, parcels("1.3.0", renamed, &more)).await;
    assert_eq!(total(&test, "burden").await, "7.5");
    // It is away, and things change.
    upgrade(&test, parcels("1.4.0", json!({}), &more)).await;
    test.post("/records/thing", json!({"parcel": "p", "weight": "10", "packed": true})).await.ok();
    test.post("/definitions/rollback", json!({"to": version})).await.ok();
    assert_eq!(total(&test, "weight").await, "17.5");
}

async fn what_cannot_be_rolled_up_is_said(on: On) {
    let test = TestApp::new(on).await;
    let more = [("objects/thing.json", thing("thing"))];
    let told = async |fields: Json| {
        let plan = plan_packs(&test, parcels("1.0.0", fields, &more), json!({})).await;
        let findings = plan["findings"].as_array().cloned();
        let mut found: Vec<String> = findings
            .unwrap_or_default()
            .iter()
            .filter(|finding| finding["severity"] != "warning")
            .map(|finding| format!("{} {}", text(&finding["code"]), text(&finding["pointer"])))
            .collect();
        found.sort();
        assert!(!found.is_empty(), "{plan:#}");
        found
    };
    let count = |of: &str| json!({"type": "rollup", "title": "N", "of": of, "count": true});
    let check = async |field: Json, expected: &str| {
        assert_eq!(told(json!({"x": field})).await, [expected]);
    };
    check(count("thing.name"), "bad_property /fields/x/of").await;
    check(count("thing.nothing"), "unknown_reference /fields/x/of").await;
    check(count("nothing.parcel"), "unknown_reference /fields/x/of").await;
    check(weight(json!({"nothing": 1})), "bad_property /fields/x/filter/nothing").await;
    check(weight(json!({"parcel.code": "p"})), "bad_property /fields/x/filter").await;
    check(weight(json!({"owner": {"user": "id"}})), "bad_property /fields/x/filter").await;
    check(weight(json!({"created_at": {"gt": {"ago": {"days": 1}}}})), "bad_property /fields/x/filter/created_at/gt")
        .await;
    let mut indexed = count("thing.parcel");
    indexed["index"] = json!(true);
    check(indexed, "bad_property /fields/x").await;
    check(json!({"type": "decimal", "title": "L", "live": true}), "bad_property /fields/x/live").await;
    let formula =
        |formula: &str, live: bool| json!({"type": "decimal", "title": "F", "formula": formula, "live": live});
    let with = async |fields: Json, expected: &str| {
        let mut fields = fields;
        fields["n"] = count("thing.parcel");
        assert_eq!(told(fields).await, [expected]);
    };
    with(json!({"x": formula("n * 2", false)}), "not_kept /fields/x/formula").await;
    with(json!({"x": formula("n * 2", true), "y": formula("x + 1", false)}), "not_kept /fields/y/formula").await;
    with(json!({"x": formula("y + n", true), "y": formula("x + 1", true)}), "formula_cycle /fields/x/formula").await;
}

on_both! {
    rollups_come_and_go_with_their_definition => rollups_on_sqlite, rollups_on_postgres;
    what_cannot_be_rolled_up_is_said => said_on_sqlite, said_on_postgres;
}
