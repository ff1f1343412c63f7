//! The recycle bin: what goes in with a record, what is free meanwhile, what comes back.

use axum::http::Method;
use packwork_tests::app::{On, TestApp};
use serde_json::{Value as Json, json};

async fn deleted(test: &TestApp, path: &str, version: i64) -> packwork_tests::app::Reply {
    test.system(Method::DELETE, path, Some(json!({"version": version}))).await
}

async fn a_deleted_record_comes_back_unless_its_key_was_taken(on: On) {
    let test = TestApp::new(on).await;
    let id = |record: &Json| record["id"].as_str().unwrap_or_default().to_owned();
    let first = id(&test.post("/records/unit", json!({"code": "u", "name": "first"})).await.ok());
    assert_eq!(deleted(&test, "/records/unit/u", 1).await.status.as_u16(), 204);
    test.get("/records/unit/u").await.refused(404, "not_found");
    // The key is free, and taken.
    let second = id(&test.post("/records/unit", json!({"code": "u", "name": "second"})).await.ok());
    let restore = |id: &str| format!("/records/unit/{id}/restore");
    test.post(&restore(&first), json!({})).await.refused(409, "not_unique");
    test.post(&restore(&second), json!({})).await.refused(409, "transition_not_allowed");
    deleted(&test, &format!("/records/unit/{second}"), 1).await;
    let back = test.post(&restore(&first), json!({})).await.ok();
    assert_eq!((&back["name"], &back["version"]), (&json!("first"), &json!(3)));
    let history = test.get("/records/unit/u/history").await.ok();
    let kinds: Vec<&str> =
        history["data"].as_array().into_iter().flatten().filter_map(|event| event["kind"].as_str()).collect();
    assert_eq!(kinds, ["restored", "deleted", "created"]);
}

#[tokio::test]
async fn a_deleted_record_comes_back_unless_its_key_was_taken_on_sqlite() {
    a_deleted_record_comes_back_unless_its_key_was_taken(On::Sqlite).await;
}

#[tokio::test]
async fn a_deleted_record_comes_back_unless_its_key_was_taken_on_postgres() {
    a_deleted_record_comes_back_unless_its_key_was_taken(On::Postgres).await;
}

async fn owned_rows_go_and_come_with_their_record(on: On) {
    let test = TestApp::new(on).await;
    test.post("/records/customer", json!({"code": "c1", "name": "客户", "address": "上海市浦东新区张江路88号"}))
        .await
        .ok();
    test.post("/records/product", json!({"code": "p1", "name": "p1", "unit": "piece"})).await.ok();
    let order = json!({"template": "inspection", "customer": "c1", "service": "inspection", "quantity": "2",
        "items": [{"product": "p1", "quantity": "1", "unit_price": "10"}]});
    let made = test.post("/records/work_order", order).await.ok();
    let path = format!("/records/work_order/{}", made["id"].as_str().unwrap_or_default());
    // Rows keep what they refer to from being deleted, as long as they are there.
    deleted(&test, "/records/product/p1", 1).await.refused(409, "in_use");
    let rows =
        || async { test.get("/records/work_order_item?limit=50").await.ok()["data"].as_array().map_or(0, Vec::len) };
    assert_eq!(rows().await, 1);
    deleted(&test, &path, 1).await;
    assert_eq!(rows().await, 0);
    assert_eq!(deleted(&test, "/records/product/p1", 1).await.status.as_u16(), 204);
    let back = test.post(&format!("{path}/restore"), json!({})).await.ok();
    assert_eq!((back["items"].as_array().map(Vec::len), rows().await), (Some(1), 1));
    assert_eq!(back["items"][0]["id"], made["items"][0]["id"]);
    deleted(&test, &path, 3).await;
    // What a record refers to must be there when it comes back.
    assert_eq!(deleted(&test, "/records/customer/c1", 1).await.status.as_u16(), 204);
    let refused = test.post(&format!("{path}/restore"), json!({})).await.refused(422, "bad_reference");
    assert_eq!(refused["errors"][0]["pointer"], "/customer");
}

#[tokio::test]
async fn owned_rows_go_and_come_with_their_record_on_sqlite() {
    owned_rows_go_and_come_with_their_record(On::Sqlite).await;
}

#[tokio::test]
async fn owned_rows_go_and_come_with_their_record_on_postgres() {
    owned_rows_go_and_come_with_their_record(On::Postgres).await;
}
