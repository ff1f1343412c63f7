//! What left the definitions: listed with its age, deleted for good when an administrator says so, by API and command line.

use super::fixture::{first, on_both, parcels, text, upgrade, with_parcels};
use axum::http::Method;
use packwork_tests::app::{On, TestApp};
use serde_json::{Value as Json, json};

const DAY_SECONDS: u64 = 24 * 3_600;

async fn kept(test: &TestApp) -> Vec<Json> {
    let listed = test.get("/quarantine").await.ok();
    let of = |aside: &Json| json!([aside["object"], aside["field"], aside["rows"], aside["age_days"]]);
    listed["data"].as_array().into_iter().flatten().map(of).collect()
}

async fn purge(test: &TestApp, days: i64) -> usize {
    let purged = test.post("/quarantine/purge", json!({"older_than_days": days})).await.ok();
    purged["purged"].as_array().map_or(0, Vec::len)
}

async fn a_field_waits_until_it_is_purged(on: On) {
    let test = with_parcels(on).await;
    test.post("/records/parcel", json!({"code": "p1", "kind": "a", "weight": "2.5"})).await.ok();
    test.post("/records/parcel", json!({"code": "p2", "weight": "1"})).await.ok();
    upgrade(&test, parcels("2.0.0", json!({"weight": {"type": "decimal", "title": "Weight"}}), &[])).await;
    test.advance(3 * DAY_SECONDS);
    assert_eq!(kept(&test).await, [json!(["parcel", "kind", 1, 3])]);
    assert_eq!(purge(&test, 4).await, 0);
    assert_eq!(kept(&test).await.len(), 1);
    assert_eq!(purge(&test, 3).await, 1);
    assert_eq!(kept(&test).await, [] as [Json; 0]);
    // A field of that name is a new one, and whoever works on goes on.
    let mut back = first();
    let manifest = text(&back["files"]["pack.json"]).replace("1.0.0", "3.0.0");
    back["files"]["pack.json"] = json!(manifest);
    upgrade(&test, back).await;
    assert_eq!(test.get("/records/parcel/p1").await.ok()["kind"], Json::Null);
    test.post("/records/parcel", json!({"code": "p3", "kind": "b"})).await.ok();
}

async fn tables_are_purged_with_the_rows_they_own(on: On) {
    let row = json!({"kind": "object", "name": "parcel_row", "title": "Row", "owned_by": "parcel", "display": "what",
        "fields": {"what": {"type": "text", "title": "What"}}});
    let fields = json!({"rows": {"type": "items", "title": "Rows", "to": "parcel_row"}});
    let pack = parcels("1.0.0", fields, &[("objects/parcel_row.json", row)]);
    let test = TestApp::new(on).await;
    upgrade(&test, pack.clone()).await;
    let made = test.post("/records/parcel", json!({"code": "p1", "rows": [{"what": "a"}, {"what": "b"}]})).await.ok();
    let plan = test.post("/packs/plan", json!({"remove": ["parcels"]})).await.ok();
    test.post("/packs/apply", json!({"plan": plan["plan"]})).await.ok();
    assert_eq!(kept(&test).await, [json!(["parcel", null, 1, 0]), json!(["parcel_row", null, 2, 0])]);
    assert_eq!(purge(&test, 0).await, 2);
    upgrade(&test, pack).await;
    test.get(&format!("/records/parcel/{}", text(&made["id"]))).await.refused(404, "not_found");
    test.post("/records/parcel", json!({"code": "p1", "rows": [{"what": "c"}]})).await.ok();
}

async fn only_administrators_purge_and_say_how_old(on: On) {
    let test = with_parcels(on).await;
    let clerk = test.user("clerk", &["sales"], json!({})).await;
    test.by(&clerk, Method::GET, "/quarantine", None).await.refused(403, "forbidden");
    let body = Some(json!({"older_than_days": 0}));
    test.by(&clerk, Method::POST, "/quarantine/purge", body).await.refused(403, "forbidden");
    test.post("/quarantine/purge", json!({})).await.refused(422, "required");
    for wrong in [json!(-1), json!("7"), json!(1.5), json!(1_000_000)] {
        test.post("/quarantine/purge", json!({"older_than_days": wrong})).await.refused(422, "wrong_type");
    }
    let misspelt = json!({"older_than_days": 1, "yes": true});
    test.post("/quarantine/purge", misspelt).await.refused(422, "unknown_field");
}

on_both! {
    a_field_waits_until_it_is_purged => field_on_sqlite, field_on_postgres;
    tables_are_purged_with_the_rows_they_own => tables_on_sqlite, tables_on_postgres;
    only_administrators_purge_and_say_how_old => rights_on_sqlite, rights_on_postgres;
}
