//! Many operations in one request: as if each came alone, all or nothing where asked, safe to repeat.

use axum::http::Method;
use packwork_tests::app::{On, TestApp};
use serde_json::{Value as Json, json};

async fn bulk(test: &TestApp, object: &str, operations: Json, atomic: bool) -> packwork_tests::app::Reply {
    test.post(&format!("/records/{object}/bulk"), json!({"operations": operations, "atomic": atomic})).await
}

fn statuses(reply: &Json) -> Vec<i64> {
    reply["results"].as_array().into_iter().flatten().filter_map(|result| result["status"].as_i64()).collect()
}

async fn later_operations_see_earlier_ones(on: On) {
    let test = TestApp::new(on).await;
    test.post("/records/unit", json!({"code": "taken", "name": "旧"})).await.ok();
    let operations = json!([
        {"op": "create", "data": {"code": "spool", "name": "卷"}},
        {"op": "create", "data": {"code": "spool", "name": "again"}},
        {"op": "create", "data": {"code": "taken", "name": "again"}},
        {"op": "upsert", "by": "code", "data": {"code": "spool", "name": "changed"}},
        {"op": "upsert", "by": "code", "data": {"code": "reel", "name": "盘"}},
        {"op": "update", "id": "taken", "data": {"name": "新"}},
        {"op": "delete", "id": "taken", "version": 9},
        {"op": "delete", "id": "nobody"},
        {"op": "explode"},
        {"op": "create", "data": {"name": "no code", "colour": "red"}},
    ]);
    let done = bulk(&test, "unit", operations, false).await.ok();
    assert_eq!(statuses(&done), [201, 422, 422, 200, 201, 200, 409, 404, 422, 422], "{done:#}");
    assert_eq!((&done["succeeded"], &done["failed"]), (&json!(4), &json!(6)));
    let problem = &done["results"][1]["problem"];
    assert_eq!((&problem["code"], &problem["errors"][0]["pointer"]), (&json!("not_unique"), &json!("/code")));
    assert_eq!(done["results"][0]["id"], done["results"][3]["id"]);
    assert_eq!((&done["results"][0]["version"], &done["results"][3]["version"]), (&json!(1), &json!(2)));
    let named = |code: &str| {
        let path = format!("/records/unit/{code}");
        let test = &test;
        async move { test.get(&path).await.ok()["name"].clone() }
    };
    assert_eq!((named("spool").await, named("taken").await), (json!("changed"), json!("新")));
    let history = test.get("/records/unit/spool/history").await.ok();
    let kinds: Vec<&str> =
        history["data"].as_array().into_iter().flatten().filter_map(|event| event["kind"].as_str()).collect();
    assert_eq!(kinds, ["updated", "created"]);
}

#[tokio::test]
async fn later_operations_see_earlier_ones_on_sqlite() {
    later_operations_see_earlier_ones(On::Sqlite).await;
}

#[tokio::test]
async fn later_operations_see_earlier_ones_on_postgres() {
    later_operations_see_earlier_ones(On::Postgres).await;
}

async fn a_freed_value_is_free_for_what_comes_after(on: On) {
    let test = TestApp::new(on).await;
    test.post("/records/unit", json!({"code": "a", "name": "a"})).await.ok();
    let operations = json!([
        {"op": "create", "data": {"code": "a", "name": "too early"}},
        {"op": "update", "id": "a", "data": {"code": "b"}},
        {"op": "create", "data": {"code": "a", "name": "new"}},
        {"op": "create", "data": {"code": "b", "name": "taken"}},
    ]);
    let done = bulk(&test, "unit", operations, false).await.ok();
    assert_eq!(statuses(&done), [422, 200, 201, 422], "{done:#}");
}

#[tokio::test]
async fn a_freed_value_is_free_for_what_comes_after_on_sqlite() {
    a_freed_value_is_free_for_what_comes_after(On::Sqlite).await;
}

#[tokio::test]
async fn a_freed_value_is_free_for_what_comes_after_on_postgres() {
    a_freed_value_is_free_for_what_comes_after(On::Postgres).await;
}

async fn many_changes_and_deletions_go_together(on: On) {
    const MANY: usize = 200;
    let test = TestApp::new(on).await;
    let each = |operation: &dyn Fn(usize) -> Json| json!((0..MANY).map(operation).collect::<Vec<_>>());
    let create = each(&|at| json!({"op": "create", "data": {"code": format!("m{at:03}"), "name": "old"}}));
    assert_eq!(bulk(&test, "unit", create, true).await.ok()["succeeded"], MANY);
    // One of them was meant for an earlier version, and says which.
    let update = each(&|at| {
        let version = if at == 99 { 7 } else { 1 };
        json!({"op": "update", "id": format!("m{at:03}"), "version": version, "data": {"name": format!("new {at}")}})
    });
    let done = bulk(&test, "unit", update, false).await.ok();
    assert_eq!((&done["succeeded"], &done["results"][99]["status"]), (&json!(MANY - 1), &json!(409)), "{done:#}");
    for (code, name, version) in [("m000", "new 0", 2), ("m099", "old", 1), ("m199", "new 199", 2)] {
        let unit = test.get(&format!("/records/unit/{code}")).await.ok();
        assert_eq!((&unit["name"], &unit["version"]), (&json!(name), &json!(version)));
    }
    // What a product uses stays; the rest goes, and its keys are free in the same request.
    test.post("/records/product", json!({"code": "P1", "name": "P", "kind": "device", "unit": "m005", "price": "1"}))
        .await
        .ok();
    let mut delete: Vec<Json> = (0..MANY).map(|at| json!({"op": "delete", "id": format!("m{at:03}")})).collect();
    delete.push(json!({"op": "create", "data": {"code": "m001", "name": "again"}}));
    delete.push(json!({"op": "create", "data": {"code": "m005", "name": "taken"}}));
    let done = bulk(&test, "unit", json!(delete), false).await.ok();
    assert_eq!((&done["succeeded"], &done["failed"]), (&json!(MANY), &json!(2)), "{done:#}");
    assert_eq!(done["results"][5]["problem"]["code"], "in_use");
    assert_eq!(done["results"][MANY + 1]["problem"]["code"], "not_unique");
    let left =
        test.get("/records/unit?filter=%7B%22code%22%3A%7B%22starts_with%22%3A%22m0%22%7D%7D&sort=code").await.ok();
    let left: Vec<&str> =
        left["data"].as_array().into_iter().flatten().filter_map(|unit| unit["code"].as_str()).collect();
    assert_eq!(left, ["m001", "m005"]);
}

#[tokio::test]
async fn many_changes_and_deletions_go_together_on_sqlite() {
    many_changes_and_deletions_go_together(On::Sqlite).await;
}

#[tokio::test]
async fn many_changes_and_deletions_go_together_on_postgres() {
    many_changes_and_deletions_go_together(On::Postgres).await;
}

async fn all_or_nothing_names_the_first_to_blame(on: On) {
    let test = TestApp::new(on).await;
    let create = |code: &str| json!({"op": "create", "data": {"code": code, "name": code}});
    let refused = bulk(&test, "unit", json!([create("x1"), create("x2"), create("x1"), create("x3")]), true).await;
    let refused = refused.refused(422, "not_unique");
    assert_eq!(refused["params"]["operation"], 2);
    let refused = bulk(&test, "unit", json!([create("x1"), {"op": "create", "data": {}}]), true).await;
    assert_eq!(refused.refused(422, "required")["params"]["operation"], 1);
    test.get("/records/unit/x1").await.refused(404, "not_found");
    assert_eq!(bulk(&test, "unit", json!([create("x1"), create("x2")]), true).await.ok()["succeeded"], 2);
}

#[tokio::test]
async fn all_or_nothing_names_the_first_to_blame_on_sqlite() {
    all_or_nothing_names_the_first_to_blame(On::Sqlite).await;
}

#[tokio::test]
async fn all_or_nothing_names_the_first_to_blame_on_postgres() {
    all_or_nothing_names_the_first_to_blame(On::Postgres).await;
}

async fn a_repeated_request_does_nothing_again(on: On) {
    let test = TestApp::new(on).await;
    let token = format!("Bearer {}", test.local.expose());
    let send = |name: &'static str| {
        let body = json!({"operations": [
            {"op": "create", "data": {"code": "k", "name": name}},
            {"op": "create", "data": {"code": "k", "name": name}},
            {"op": "delete", "id": "old"},
        ]});
        let headers = [("authorization", token.clone()), ("idempotency-key", "bulk 1".to_owned())];
        let test = &test;
        async move {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            test.ask(Method::POST, "/records/unit/bulk", Some(body), &headers).await
        }
    };
    test.post("/records/unit", json!({"code": "old", "name": "old"})).await.ok();
    let first = send("one").await.ok();
    assert_eq!(statuses(&first), [201, 422, 200]);
    let again = send("one").await;
    assert_eq!(again.header("idempotent-replay"), "true");
    assert_eq!(again.ok(), first);
    send("two").await.refused(422, "idempotency_mismatch");
}

#[tokio::test]
async fn a_repeated_request_does_nothing_again_on_sqlite() {
    a_repeated_request_does_nothing_again(On::Sqlite).await;
}

#[tokio::test]
async fn a_repeated_request_does_nothing_again_on_postgres() {
    a_repeated_request_does_nothing_again(On::Postgres).await;
}

/// What everything comes to when the same orders are made, moved and settled one by one, or together.
async fn orders(on: On, together: bool) -> Json {
    let test = TestApp::new(on).await;
    for (code, name) in [("le_hq", "总部"), ("le_b", "乙公司")] {
        test.post("/records/legal_entity", json!({"code": code, "name": name})).await.ok();
    }
    test.post("/records/department", json!({"code": "hq", "name": "总部", "legal_entity": "le_hq"})).await.ok();
    let partner = json!({"code": "joint1", "name": "joint1", "mode": "joint", "legal_entity": "le_b"});
    test.post("/records/partner", partner).await.ok();
    let customer = json!({"code": "c1", "name": "客户", "contact": "张三", "phone": "021-50801234", "address": "上海市浦东新区张江路88号"});
    test.post("/records/customer", customer).await.ok();
    let nowhere =
        json!({"code": "c2", "name": "客户", "contact": "李四", "phone": "021-50801235", "address": "不知道"});
    test.post("/records/customer", nowhere).await.ok();
    let quantities = ["8", "7", "40", "1", "3"];
    let made: Vec<Json> = quantities
        .iter()
        .map(|quantity| {
            let customer = if *quantity == "3" { "c2" } else { "c1" };
            json!({"op": "create", "data": {"template": "inspection", "customer": customer, "service": "inspection", "quantity": quantity, "partner": "joint1", "department": "hq"}})
        })
        .collect();
    let ids = run(&test, made, together).await;
    let mut steps = Vec::new();
    for step in ["dispatch", "start", "complete"] {
        for (day, id) in ids.iter().enumerate() {
            let input = match step {
                "complete" => json!({"finished_at": format!("2026-03-{:02}T10:00:00+08:00", 12 - day)}),
                _ => json!({}),
            };
            steps.push(json!({"op": "transition", "id": id, "name": step, "input": input}));
        }
    }
    run(&test, steps, together).await;
    let mut lines: Vec<String> = Vec::new();
    let page = test.get("/settlement/lines?plan=internal_settlement&limit=200").await.ok();
    for line in page["data"].as_array().into_iter().flatten() {
        lines.push(format!("{} {} {} {}", line["kind"], line["quantity"], line["amount"], line["tax"]));
    }
    lines.sort();
    let records = test.get("/records/work_order?sort=number&limit=50").await.ok();
    let records: Vec<Json> = records["data"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|record| {
            json!([record["number"], record["quantity"], record["state"], record["amount"], record["version"]])
        })
        .collect();
    let statements = test.get("/statements?payee=joint1&period=2026-03").await.ok();
    let statements: Vec<&Json> =
        statements["data"].as_array().into_iter().flatten().map(|statement| &statement["gross"]).collect();
    let balance = test.get("/settlement/trial-balance").await.ok();
    json!({"lines": lines, "records": records, "todos": test.get("/tasks?box=todo").await.ok()["count"], "statements": statements, "balance": balance})
}

async fn run(test: &TestApp, operations: Vec<Json>, together: bool) -> Vec<Json> {
    if together {
        let done = bulk(test, "work_order", json!(operations), false).await.ok();
        assert_eq!(done["failed"], 0, "{done:#}");
        return done["results"].as_array().into_iter().flatten().map(|result| result["id"].clone()).collect();
    }
    let mut ids = Vec::new();
    for operation in operations {
        let made = match operation["op"].as_str() {
            Some("create") => test.post("/records/work_order", operation["data"].clone()).await.ok(),
            _ => {
                let id = operation["id"].as_str().unwrap_or_default();
                let name = operation["name"].as_str().unwrap_or_default();
                let path = format!("/records/work_order/{id}/transitions/{name}");
                test.post(&path, json!({"input": operation["input"]})).await.ok()
            }
        };
        ids.push(made["id"].clone());
    }
    ids
}

async fn together_comes_to_the_same_as_one_by_one(on: On) {
    let (together, alone) = (orders(on, true).await, orders(on, false).await);
    assert!(together["lines"].as_array().is_some_and(|lines| lines.len() > 4), "{together:#}");
    assert_eq!(together, alone);
}

#[tokio::test]
async fn together_comes_to_the_same_as_one_by_one_on_sqlite() {
    together_comes_to_the_same_as_one_by_one(On::Sqlite).await;
}

#[tokio::test]
async fn together_comes_to_the_same_as_one_by_one_on_postgres() {
    together_comes_to_the_same_as_one_by_one(On::Postgres).await;
}

async fn a_thousand_go_in_at_once_and_one_more_is_refused(on: On) {
    let test = TestApp::new(on).await;
    let many = |count: usize, prefix: &str| -> Vec<Json> {
        let create = |at| json!({"op": "create", "data": {"code": format!("{prefix}{at}"), "name": "n"}});
        (0..count).map(create).collect()
    };
    let mut operations = many(1_000, "m");
    operations[500] = json!({"op": "create", "data": {"code": "m7", "name": "n"}});
    operations[900] = json!({"op": "create", "data": {"code": "m8", "name": "n"}});
    let done = bulk(&test, "unit", json!(operations), false).await.ok();
    assert_eq!((&done["succeeded"], &done["failed"]), (&json!(998), &json!(2)));
    assert_eq!((statuses(&done)[500], statuses(&done)[900]), (422, 422));
    let refused = bulk(&test, "unit", json!(many(1_001, "n")), false).await.refused(422, "out_of_range");
    assert_eq!(refused["errors"][0]["pointer"], "/operations");
    bulk(&test, "unit", json!([]), false).await.refused(422, "required");
}

#[tokio::test]
async fn a_thousand_go_in_at_once_and_one_more_is_refused_on_sqlite() {
    a_thousand_go_in_at_once_and_one_more_is_refused(On::Sqlite).await;
}

#[tokio::test]
async fn a_thousand_go_in_at_once_and_one_more_is_refused_on_postgres() {
    a_thousand_go_in_at_once_and_one_more_is_refused(On::Postgres).await;
}

#[tokio::test]
async fn nobody_does_in_bulk_what_they_may_not_do_alone() {
    let test = TestApp::new(On::Sqlite).await;
    test.post("/records/unit", json!({"code": "u", "name": "u"})).await.ok();
    let nobody = test.user("nobody", &[], json!({})).await;
    let operations = json!([
        {"op": "create", "data": {"code": "v", "name": "v"}},
        {"op": "update", "id": "u", "data": {"name": "v"}},
        {"op": "upsert", "by": "code", "data": {"code": "u", "name": "v"}},
    ]);
    let body = json!({"operations": operations});
    let reply = test.by(&nobody, Method::POST, "/records/unit/bulk", Some(body)).await.ok();
    assert_eq!(reply["succeeded"], 0, "{reply:#}");
    assert_eq!(test.get("/records/unit/u").await.ok()["name"], "u");
}
