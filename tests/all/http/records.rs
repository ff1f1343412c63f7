//! Records over HTTP: paging, versions, transitions, repeats with a key.

use axum::http::Method;
use packwork_tests::app::{On, TestApp};
use serde_json::{Value as Json, json};

async fn customer(test: &TestApp) -> Json {
    test.post(
        "/records/customer",
        json!({"code": "c1", "name": "上海客户", "contact": "张三", "address": "上海市浦东新区张江路88号"}),
    )
    .await
    .ok()
}

async fn a_work_order_carries_price_actions_and_origins(on: On) {
    let test = TestApp::new(on).await;
    customer(&test).await;
    let order = json!({"template": "inspection", "customer": "c1", "service": "inspection", "quantity": "2"});
    let made = test.post("/records/work_order", order).await;
    assert_eq!((made.status.as_u16(), made.header("etag")), (201, "\"1\""));
    let location = made.header("location").to_owned();
    let made = made.ok();
    assert_eq!(location, format!("/api/v1/records/work_order/{}", made["id"].as_str().unwrap_or_default()));
    assert_eq!((&made["state"], &made["amount"]), (&json!("draft"), &json!({"amount": "240.00", "currency": "CNY"})));
    assert_eq!(made["_refs"]["customer"]["title"], "上海客户");
    assert_eq!(made["_settlement"]["status"], "none");
    assert!(made["_trace"]["price"]["sentence"].as_str().is_some_and(|text| !text.is_empty()), "{:#}", made["_trace"]);
    let actions: Vec<&str> =
        made["_actions"].as_array().into_iter().flatten().filter_map(|action| action["name"].as_str()).collect();
    assert!(actions.contains(&"dispatch") && actions.contains(&"update"), "{actions:?}");
    let history =
        test.get(&format!("/records/work_order/{}/history", made["id"].as_str().unwrap_or_default())).await.ok();
    assert_eq!(history["data"][0]["kind"], "created");
}

#[tokio::test]
async fn a_work_order_carries_price_actions_and_origins_on_sqlite() {
    a_work_order_carries_price_actions_and_origins(On::Sqlite).await;
}

#[tokio::test]
async fn a_work_order_carries_price_actions_and_origins_on_postgres() {
    a_work_order_carries_price_actions_and_origins(On::Postgres).await;
}

#[tokio::test]
async fn a_change_says_which_version_it_changes() {
    let test = TestApp::new(On::Sqlite).await;
    customer(&test).await;
    let token = format!("Bearer {}", test.local.expose());
    let patch = |body: Json, if_match: Option<&'static str>| {
        let mut headers = vec![("authorization", token.clone())];
        headers.extend(if_match.map(|value| ("if-match", value.to_owned())));
        let test = &test;
        async move {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            test.ask(Method::PATCH, "/records/customer/c1", Some(body), &headers).await
        }
    };
    patch(json!({"name": "甲"}), None).await.refused(428, "version_required");
    assert_eq!(patch(json!({"name": "甲"}), Some("\"1\"")).await.header("etag"), "\"2\"");
    let stale = patch(json!({"name": "乙", "contact": "张三"}), Some("\"1\"")).await.refused(412, "stale_version");
    assert_eq!(
        stale["params"],
        json!({"given": 1, "version": 2, "fields": {"name": {"base": "上海客户", "yours": "乙", "theirs": "甲"}}})
    );
    patch(json!({"name": "乙", "version": 1}), None).await.refused(409, "stale_version");
    patch(json!({"name": "乙", "version": 2}), None).await.ok();
}

#[tokio::test]
async fn transitions_that_are_not_there_are_refused() {
    let test = TestApp::new(On::Sqlite).await;
    customer(&test).await;
    let order = json!({"template": "inspection", "customer": "c1", "service": "inspection", "quantity": "2"});
    let id = test.post("/records/work_order", order).await.ok()["id"].as_str().unwrap_or_default().to_owned();
    let step = |name: &str| format!("/records/work_order/{id}/transitions/{name}");
    test.post(&step("explode"), json!({})).await.refused(422, "unknown_transition");
    test.post(&step("complete"), json!({})).await.refused(409, "transition_not_allowed");
    test.post(&step("cancel"), json!({"input": {"colour": "red"}, "version": 7})).await.refused(409, "stale_version");
    test.post(&step("cancel"), json!({"reason": "x"})).await.refused(422, "unknown_field");
}

#[tokio::test]
async fn a_key_makes_a_repeat_safe() {
    let test = TestApp::new(On::Sqlite).await;
    let token = format!("Bearer {}", test.local.expose());
    let create = |body: Json, key: &'static str| {
        let token = token.clone();
        let test = &test;
        async move {
            test.ask(Method::POST, "/records/unit", Some(body), &[("authorization", &token), ("idempotency-key", key)])
                .await
        }
    };
    let first = create(json!({"code": "spool", "name": "卷"}), "k1").await;
    assert_eq!(first.header("idempotent-replay"), "");
    let first = first.ok();
    let again = create(json!({"code": "spool", "name": "卷"}), "k1").await;
    assert_eq!(again.header("idempotent-replay"), "true");
    assert_eq!(again.ok(), first);
    create(json!({"code": "spool", "name": "轴"}), "k1").await.refused(422, "idempotency_mismatch");
    create(json!({"code": "spool", "name": "卷"}), "k2").await.refused(422, "not_unique");
    assert_eq!(test.get("/records/unit?count=exact&search=spool").await.ok()["count"], 1);
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repeat() {
    let test = TestApp::new(On::Sqlite).await;
    let whole = test.get("/records/region?sort=-name&limit=200").await.ok();
    let whole: Vec<Json> =
        whole["data"].as_array().cloned().unwrap_or_default().iter().map(|record| record["id"].clone()).collect();
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = test.get(&format!("/records/region?sort=-name&limit=13&cursor={cursor}")).await.ok();
        seen.extend(page["data"].as_array().into_iter().flatten().map(|record| record["id"].clone()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert!(seen.len() > 30 && seen == whole[..seen.len().min(whole.len())], "{} of {}", seen.len(), whole.len());
    test.get(&format!("/records/region?sort=name&cursor={cursor}")).await.refused(400, "bad_cursor");
    let few = test.get("/records/region?fields=name&limit=1").await.ok();
    assert!(few["data"][0].get("code").is_none() && few["data"][0].get("name").is_some(), "{few:#}");
}

#[tokio::test]
async fn sums_come_by_group_with_their_titles() {
    let test = TestApp::new(On::Sqlite).await;
    let asked = json!({"group_by": ["level"], "measures": {"n": {"count": true}}, "filter": {"level": "province"}});
    let rows = test.post("/records/region/aggregate", asked).await.ok();
    assert_eq!(rows["data"][0]["n"], 34);
}

#[tokio::test]
async fn rows_of_a_rate_table_are_added_and_closed_but_never_edited() {
    let test = TestApp::new(On::Sqlite).await;
    let row = json!({"row": "special", "service": "inspection", "tier": "tier3", "price": "77.00", "valid_from": "2026-01-01"});
    let made = test.post("/records/internal_price", row).await.ok();
    let patch = |body: Json| test.system(Method::PATCH, "/records/internal_price/special", Some(body));
    patch(json!({"version": 1, "price": "78.00"})).await.refused(409, "rows_immutable");
    test.system(Method::DELETE, "/records/internal_price/special", Some(json!({"version": 1})))
        .await
        .refused(409, "rows_immutable");
    patch(json!({"version": 1, "valid_to": "2026-07-01"})).await.ok();
    let closed = test.get("/records/internal_price/special").await.ok();
    assert_eq!((&closed["valid_to"], closed["id"] == made["id"]), (&json!("2026-07-01"), false));
}

#[tokio::test]
async fn the_contract_is_served_and_names_the_tenants_objects() {
    let test = TestApp::new(On::Sqlite).await;
    let document = test.raw(Method::GET, "/api/v1/openapi.json", None, &[]).await.ok();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/api/v1/records/work_order/{id}"]["patch"].is_object());
    assert!(document["components"]["schemas"]["record_work_order"].is_object());
    let text = document.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap_or_default();
        assert!(document["components"]["schemas"][name].is_object(), "`{name}` is named and not there");
    }
}
