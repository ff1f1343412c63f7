//! Records that look alike: warned of, blocked, asked for; named to those who may see them, counted for others.

use axum::http::Method;
use packwork_tests::app::{On, Reply, TestApp};
use serde_json::{Value as Json, json};

fn customer(code: &str, phone: &str) -> Json {
    json!({"code": code, "name": code, "phone": phone})
}

fn entity(code: &str, name: &str) -> Json {
    json!({"code": code, "name": name})
}

async fn alike(test: &TestApp, object: &str, body: Json) -> Json {
    test.post(&format!("/records/{object}/duplicates"), body).await.ok()["data"].clone()
}

async fn bulk(test: &TestApp, object: &str, operations: Json, atomic: bool) -> Reply {
    test.post(&format!("/records/{object}/bulk"), json!({"operations": operations, "atomic": atomic})).await
}

async fn a_warning_names_who_looks_alike_and_can_be_accepted(on: On) {
    let test = TestApp::new(on).await;
    let first = test.post("/records/customer", customer("c1", "021-5080 1234")).await.ok();
    let refused = test.post("/records/customer", customer("c2", "(021)５０８０１２３４")).await;
    let refused = refused.refused(409, "possible_duplicate");
    let expected = json!([{"rule": "same_phone", "action": "warn", "title": "The same phone number", "hidden": 0,
        "records": [{"object": "customer", "id": first["id"], "title": "c1"}]}]);
    assert_eq!(refused["params"]["data"], expected);
    let bearer = format!("Bearer {}", test.local.expose());
    let headers = [("authorization", bearer.as_str()), ("accept-language", "zh-CN")];
    let body = customer("c2", "(021)５０８０１２３４");
    let refused = test.ask(Method::POST, "/records/customer", Some(body), &headers).await;
    let refused = refused.refused(409, "possible_duplicate");
    assert_eq!(refused["detail"], "可能与已有记录重复：联系电话相同");
    test.get("/records/customer/c2").await.refused(404, "not_found");
    test.post("/records/customer?duplicates=yes", customer("c2", "110")).await.refused(400, "bad_parameter");
    let made = test.post("/records/customer?duplicates=accept", customer("c2", "(021)５０８０１２３４")).await.ok();
    // Asked before saving: both are alike, but nobody is like themselves.
    let data = json!({"phone": "02150801234", "region": 5});
    assert_eq!(alike(&test, "customer", json!({"data": data})).await[0]["records"].as_array().map(Vec::len), Some(2));
    let found = alike(&test, "customer", json!({"data": {"name": "x"}, "id": "c2"})).await;
    assert_eq!(found, expected);
    let other = json!({"data": {"phone": "110 119"}, "id": made["id"]});
    assert_eq!(alike(&test, "customer", other).await, json!([]));
    // Nothing is alike where there is nothing to compare.
    test.post("/records/customer", json!({"code": "c3", "name": "c3"})).await.ok();
    test.post("/records/customer", json!({"code": "c4", "name": "c4"})).await.ok();
    // A change is not warned of.
    let changed = json!({"version": 1, "phone": "021 50801234"});
    test.system(Method::PATCH, "/records/customer/c3", Some(changed)).await.ok();
    assert_eq!(alike(&test, "customer", json!({"data": data})).await[0]["records"].as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn a_warning_names_who_looks_alike_and_can_be_accepted_on_sqlite() {
    a_warning_names_who_looks_alike_and_can_be_accepted(On::Sqlite).await;
}

#[tokio::test]
async fn a_warning_names_who_looks_alike_and_can_be_accepted_on_postgres() {
    a_warning_names_who_looks_alike_and_can_be_accepted(On::Postgres).await;
}

async fn what_blocks_follows_changes_the_recycle_bin_and_back(on: On) {
    let test = TestApp::new(on).await;
    let path = "/records/legal_entity";
    test.post(path, entity("a", "申和 Service")).await.ok();
    test.post(&format!("{path}?duplicates=accept"), entity("b", "申和ｓervice")).await.refused(409, "duplicate_record");
    test.post(path, entity("b", "别的")).await.ok();
    let change = json!({"version": 1, "name": "申和SERVICE"});
    let refused = test.system(Method::PATCH, &format!("{path}/b"), Some(change.clone())).await;
    assert_eq!(refused.refused(409, "duplicate_record")["params"]["data"][0]["records"][0]["title"], "申和 Service");
    // What looks the same already may be changed.
    test.system(Method::PATCH, &format!("{path}/a"), Some(json!({"version": 1, "name": "申和service"}))).await.ok();
    // Out of the way in the recycle bin; then it cannot come back.
    let a = test.get(&format!("{path}/a")).await.ok()["id"].as_str().unwrap_or_default().to_owned();
    test.system(Method::DELETE, &format!("{path}/a"), Some(json!({"version": 2}))).await;
    test.system(Method::PATCH, &format!("{path}/b"), Some(change)).await.ok();
    test.post(&format!("{path}/{a}/restore"), json!({})).await.refused(409, "duplicate_record");
    test.system(Method::PATCH, &format!("{path}/b"), Some(json!({"version": 2, "name": "另一个"}))).await.ok();
    test.post(&format!("{path}/{a}/restore"), json!({})).await.ok();
    test.post(path, entity("c", "申和service")).await.refused(409, "duplicate_record");
}

#[tokio::test]
async fn what_blocks_follows_changes_the_recycle_bin_and_back_on_sqlite() {
    what_blocks_follows_changes_the_recycle_bin_and_back(On::Sqlite).await;
}

#[tokio::test]
async fn what_blocks_follows_changes_the_recycle_bin_and_back_on_postgres() {
    what_blocks_follows_changes_the_recycle_bin_and_back(On::Postgres).await;
}

async fn many_operations_see_each_other(on: On) {
    let test = TestApp::new(on).await;
    let operations = json!([
        {"op": "create", "data": customer("c1", "1-2-3")},
        {"op": "create", "data": customer("c2", "123")},
        {"op": "create", "data": customer("c2", "123"), "duplicates": "accept"},
        {"op": "upsert", "by": "code", "data": customer("c3", "12 3")},
        {"op": "upsert", "by": "code", "data": customer("c3", "12 3"), "duplicates": "accept"},
        {"op": "create", "data": customer("c4", "124"), "duplicates": "yes"},
    ]);
    let done = bulk(&test, "customer", operations, false).await.ok();
    let statuses: Vec<i64> =
        done["results"].as_array().into_iter().flatten().filter_map(|result| result["status"].as_i64()).collect();
    assert_eq!(statuses, [201, 409, 201, 409, 201, 422], "{done:#}");
    let problem = &done["results"][3]["problem"];
    assert_eq!(problem["code"], "possible_duplicate");
    // Operations of one request have one moment: what they make has no order of its own.
    let titles = |problem: &Json| -> Vec<String> {
        let records = problem["params"]["data"][0]["records"].as_array().into_iter().flatten();
        let mut titles: Vec<String> =
            records.map(|record| record["title"].as_str().unwrap_or_default().to_owned()).collect();
        titles.sort_unstable();
        titles
    };
    assert_eq!(titles(problem), ["c1", "c2"]);
    // A name that one gives up is free for what comes after it, and taken from who comes before.
    test.post("/records/legal_entity", entity("a", "甲")).await.ok();
    let operations = json!([
        {"op": "create", "data": entity("b", "甲")},
        {"op": "update", "id": "a", "data": {"name": "乙"}},
        {"op": "create", "data": entity("b", "甲")},
        {"op": "create", "data": entity("c", "乙")},
    ]);
    let done = bulk(&test, "legal_entity", operations.clone(), false).await.ok();
    let statuses: Vec<i64> =
        done["results"].as_array().into_iter().flatten().filter_map(|result| result["status"].as_i64()).collect();
    assert_eq!(statuses, [409, 200, 201, 409], "{done:#}");
    let refused = bulk(&test, "legal_entity", json!([{"op": "create", "data": entity("d", "甲")}]), true).await;
    let refused = refused.refused(409, "duplicate_record");
    assert_eq!((titles(&refused), &refused["params"]["operation"]), (vec!["甲".to_owned()], &json!(0)));
    // The same request once more is answered the same.
    let body = json!({"operations": [{"op": "create", "data": entity("d", "甲")}]});
    let headers = [("authorization", format!("Bearer {}", test.local.expose())), ("idempotency-key", "k1".to_owned())];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let path = "/records/legal_entity/bulk";
    let first = test.ask(Method::POST, path, Some(body.clone()), &headers).await.ok();
    assert_eq!(titles(&first["results"][0]["problem"]), ["甲"]);
    assert_eq!(test.ask(Method::POST, path, Some(body), &headers).await.ok(), first);
}

#[tokio::test]
async fn many_operations_see_each_other_on_sqlite() {
    many_operations_see_each_other(On::Sqlite).await;
}

#[tokio::test]
async fn many_operations_see_each_other_on_postgres() {
    many_operations_see_each_other(On::Postgres).await;
}

async fn of_two_at_once_one_is_blocked(on: On) {
    let test = TestApp::new(on).await;
    let name = "同名有限公司";
    let (one, two, three) = tokio::join!(
        test.post("/records/legal_entity", entity("a", name)),
        test.post("/records/legal_entity", entity("b", name)),
        test.post("/records/legal_entity", entity("c", name)),
    );
    let mut statuses = [one, two, three].map(|reply| reply.status.as_u16());
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409]);
}

#[tokio::test]
async fn of_two_at_once_one_is_blocked_on_sqlite() {
    of_two_at_once_one_is_blocked(On::Sqlite).await;
}

#[tokio::test]
async fn of_two_at_once_one_is_blocked_on_postgres() {
    of_two_at_once_one_is_blocked(On::Postgres).await;
}

#[tokio::test]
async fn records_the_caller_may_not_see_are_only_counted() {
    let test = TestApp::new(On::Sqlite).await;
    let mine = test.user("sales1", &["sales"], json!({})).await;
    let theirs = test.user("sales2", &["sales"], json!({})).await;
    let made = test.by(&mine, Method::POST, "/records/customer", Some(customer("c1", "021-1"))).await.ok();
    let refused = test.by(&theirs, Method::POST, "/records/customer", Some(customer("c2", "0211"))).await;
    let refused = refused.refused(409, "possible_duplicate");
    assert_eq!(refused["params"]["data"][0]["records"], json!([]));
    assert_eq!(refused["params"]["data"][0]["hidden"], 1);
    assert!(!refused.to_string().contains(made["id"].as_str().unwrap_or("?")), "{refused:#}");
    let asked = json!({"data": {"phone": "0211"}});
    let path = "/records/customer/duplicates";
    let found = test.by(&theirs, Method::POST, path, Some(asked.clone())).await.ok();
    assert_eq!((&found["data"][0]["hidden"], &found["data"][0]["records"]), (&json!(1), &json!([])));
    assert_eq!(found["data"][0]["title"], "The same phone number");
    let found = test.by(&mine, Method::POST, path, Some(asked)).await.ok();
    assert_eq!(found["data"][0]["records"][0]["title"], "c1");
    // Somebody else's record cannot be asked about, nor an object one may not create.
    let others = json!({"data": {}, "id": "c1"});
    test.by(&theirs, Method::POST, path, Some(others)).await.refused(404, "not_found");
    test.by(&mine, Method::POST, "/records/partner/duplicates", Some(json!({"data": {}})))
        .await
        .refused(403, "forbidden");
}
