//! Two people change one record: what they changed apart is merged, what they both changed is told. And what a record
//! was at any moment can be seen.

use axum::http::Method;
use packwork_tests::app::{On, TestApp};
use packwork_tests::dice::Dice;
use serde_json::{Value as Json, json};

async fn patched(test: &TestApp, path: &str, body: Json) -> packwork_tests::app::Reply {
    test.system(Method::PATCH, path, Some(body)).await
}

async fn changes_of_different_fields_are_merged(on: On) {
    let test = TestApp::new(on).await;
    let made = json!({"code": "c1", "name": "甲", "contact": "张三", "phone": "021-50801234"});
    test.post("/records/customer", made).await.ok();
    let path = "/records/customer/c1";
    patched(&test, path, json!({"version": 1, "contact": "李四"})).await.ok();
    // The whole form comes back with one field changed; the other is as it was read.
    let merged = patched(&test, path, json!({"version": 1, "name": "乙", "contact": "张三"})).await.ok();
    assert_eq!((&merged["name"], &merged["contact"], &merged["version"]), (&json!("乙"), &json!("李四"), &json!(3)));
    // The same change made twice is none.
    assert_eq!(patched(&test, path, json!({"version": 1, "contact": "李四"})).await.ok()["version"], 3);
    let refused = patched(&test, path, json!({"version": 1, "contact": "王五", "name": "丙", "phone": "021-50801235"}))
        .await
        .refused(409, "stale_version");
    assert_eq!(
        refused["params"]["fields"],
        json!({
            "contact": {"base": "张三", "yours": "王五", "theirs": "李四"},
            "name": {"base": "甲", "yours": "丙", "theirs": "乙"},
        })
    );
    patched(&test, path, json!({"version": 9, "name": "丁"})).await.refused(409, "stale_version");
    assert_eq!(test.get(path).await.ok()["name"], "乙");
}

#[tokio::test]
async fn changes_of_different_fields_are_merged_on_sqlite() {
    changes_of_different_fields_are_merged(On::Sqlite).await;
}

#[tokio::test]
async fn changes_of_different_fields_are_merged_on_postgres() {
    changes_of_different_fields_are_merged(On::Postgres).await;
}

async fn order(test: &TestApp) -> (String, Json) {
    test.post(
        "/records/customer",
        json!({"code": "c1", "name": "客户", "contact": "张三", "address": "上海市浦东新区张江路88号"}),
    )
    .await
    .ok();
    for code in ["p1", "p2", "p3"] {
        test.post("/records/product", json!({"code": code, "name": code, "unit": "piece"})).await.ok();
    }
    let order = json!({"template": "inspection", "customer": "c1", "service": "inspection", "quantity": "2",
        "items": [{"product": "p1", "quantity": "1", "unit_price": "10"}, {"product": "p2", "quantity": "2", "unit_price": "5"}]});
    let made = test.post("/records/work_order", order).await.ok();
    (format!("/records/work_order/{}", made["id"].as_str().unwrap_or_default()), made)
}

async fn owned_rows_are_merged_by_their_ids(on: On) {
    let test = TestApp::new(on).await;
    let (path, made) = order(&test).await;
    let ids: Vec<&Json> = made["items"].as_array().into_iter().flatten().map(|row| &row["id"]).collect();
    let [one, two] = ids[..] else { panic!("{made:#}") };
    // They change the first row's quantity and add a row; you change the second.
    let theirs = json!({"version": 1, "items": [
        {"id": one, "product": "p1", "quantity": "3", "unit_price": "10"}, {"id": two}, {"product": "p3", "quantity": "1", "unit_price": "7"},
    ]});
    patched(&test, &path, theirs).await.ok();
    let yours = json!({"version": 1, "items": [{"id": one, "quantity": "1"}, {"id": two, "quantity": "4"}]});
    let merged = patched(&test, &path, yours).await.ok();
    let quantities: Vec<&str> =
        merged["items"].as_array().into_iter().flatten().filter_map(|row| row["quantity"].as_str()).collect();
    assert_eq!(quantities, ["3.00", "4.00", "1.00"], "{merged:#}");
    // Both changed the first row's quantity.
    let yours = json!({"version": 1, "items": [{"id": one, "quantity": "9"}, {"id": two}]});
    let refused = patched(&test, &path, yours).await.refused(409, "stale_version");
    assert!(refused["params"]["fields"]["items"]["theirs"].is_array(), "{refused:#}");
}

#[tokio::test]
async fn owned_rows_are_merged_by_their_ids_on_sqlite() {
    owned_rows_are_merged_by_their_ids(On::Sqlite).await;
}

#[tokio::test]
async fn owned_rows_are_merged_by_their_ids_on_postgres() {
    owned_rows_are_merged_by_their_ids(On::Postgres).await;
}

/// What a record shows of itself: without what stands beside it and what rows keep of their own writing.
fn plain(mut record: Json) -> Json {
    for beside in ["_actions", "_settlement", "_trace", "_at"] {
        if let Some(members) = record.as_object_mut() {
            members.remove(beside);
        }
    }
    for row in record["items"].as_array_mut().into_iter().flatten() {
        for stamp in ["version", "created_at", "created_by", "updated_at", "updated_by"] {
            if let Some(members) = row.as_object_mut() {
                members.remove(stamp);
            }
        }
    }
    record
}

async fn any_moment_can_be_seen_again(on: On) {
    let test = TestApp::new(on).await;
    let (path, made) = order(&test).await;
    let mut seen = vec![(test.clock.now().to_string(), plain(test.get(&path).await.ok()))];
    let row = made["items"][0]["id"].clone();
    let mut dice = Dice(packwork_tests::app::SEED);
    for step in 0..14_u64 {
        test.advance(61);
        let version = test.get(&path).await.ok()["version"].clone();
        let change = match dice.roll(5) {
            0 => json!({"quantity": format!("{}", step + 1)}),
            1 => json!({"subject": format!("第 {step} 次")}),
            2 => json!({"items": [{"id": row, "quantity": format!("{}", step + 2)}]}),
            3 => json!({"items": [{"id": row}, {"product": "p3", "quantity": "1", "unit_price": "7"}]}),
            _ => json!({"subject": null, "priority": if step % 2 == 0 { "high" } else { "low" }}),
        };
        let mut change = change;
        change["version"] = version;
        patched(&test, &path, change).await.ok();
        seen.push((test.clock.now().to_string(), plain(test.get(&path).await.ok())));
    }
    test.advance(61);
    let deleted = test.get(&path).await.ok()["version"].clone();
    test.system(Method::DELETE, &path, Some(json!({"version": deleted}))).await;
    for (moment, record) in &seen {
        assert_eq!(plain(test.get(&format!("{path}?at={moment}")).await.ok()), *record, "at {moment}");
    }
    test.get(&format!("{path}?at=2020-01-01T00:00:00Z")).await.refused(404, "not_found");
    test.get(&format!("{path}?at={}", test.clock.now())).await.refused(404, "not_found");
    test.get(&format!("{path}?at=yesterday")).await.refused(400, "bad_parameter");
}

#[tokio::test]
async fn any_moment_can_be_seen_again_on_sqlite() {
    any_moment_can_be_seen_again(On::Sqlite).await;
}

#[tokio::test]
async fn any_moment_can_be_seen_again_on_postgres() {
    any_moment_can_be_seen_again(On::Postgres).await;
}

#[tokio::test]
async fn a_history_comes_in_pages() {
    let test = TestApp::new(On::Sqlite).await;
    test.post("/records/unit", json!({"code": "u", "name": "0"})).await.ok();
    for version in 1..6 {
        patched(&test, "/records/unit/u", json!({"version": version, "name": version.to_string()})).await.ok();
    }
    let mut versions = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = test.get(&format!("/records/unit/u/history?limit=4&cursor={cursor}").replace("&cursor=&", "")).await;
        let page = if cursor.is_empty() { test.get("/records/unit/u/history?limit=4").await.ok() } else { page.ok() };
        versions.extend(page["data"].as_array().into_iter().flatten().filter_map(|event| event["version"].as_i64()));
        assert!(page["data"][0]["command"].is_string() && page["data"][0]["model"].is_string(), "{page:#}");
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(versions, [6, 5, 4, 3, 2, 1]);
    test.post("/records/unit", json!({"code": "v", "name": "v"})).await.ok();
    test.get(&format!("/records/unit/v/history?cursor={cursor}")).await.refused(400, "bad_cursor");
}

#[tokio::test]
async fn keys_end_after_a_week_but_not_those_of_settlement() {
    let test = TestApp::new(On::Sqlite).await;
    let token = format!("Bearer {}", test.local.expose());
    let send = |path: &'static str, body: Json, key: &'static str| {
        let (test, token) = (&test, token.clone());
        async move { test.ask(Method::POST, path, Some(body), &[("authorization", &token), ("idempotency-key", key)]).await }
    };
    let unit = |code: &str| json!({"code": code, "name": "u"});
    send("/records/unit", unit("u"), "k").await.ok();
    let run = json!({"plan": "internal_settlement", "period": "2026-02"});
    send("/settlement/runs", run.clone(), "s").await.ok();
    test.advance(6 * 24 * 3_600);
    packwork::service::housekeeping::tidy(&test.app).await.expect("housekeeping works");
    assert_eq!(send("/records/unit", unit("u"), "k").await.header("idempotent-replay"), "true");
    test.advance(2 * 24 * 3_600);
    packwork::service::housekeeping::tidy(&test.app).await.expect("housekeeping works");
    assert_eq!(send("/records/unit", unit("w"), "k").await.header("idempotent-replay"), "");
    send("/settlement/runs", json!({"plan": "internal_settlement", "period": "2026-01"}), "s")
        .await
        .refused(422, "idempotency_mismatch");
}
