//! Reading over HTTP: what stands beside a record, cursors, sums, what the caller has already.

use axum::http::Method;
use packwork_tests::app::{On, TestApp};
use serde_json::{Value as Json, json};

/// Work orders of two customers.
async fn orders(test: &TestApp) -> Vec<String> {
    let mut ids = Vec::new();
    for (code, name) in [("c1", "上海客户"), ("c2", "北京客户")] {
        let customer = json!({"code": code, "name": name, "contact": "张三", "address": "上海市浦东新区张江路88号"});
        test.post("/records/customer", customer).await.ok();
        for quantity in ["1", "2"] {
            let order =
                json!({"template": "inspection", "customer": code, "service": "inspection", "quantity": quantity});
            let made = test.post("/records/work_order", order).await.ok();
            ids.push(made["id"].as_str().unwrap_or_default().to_owned());
        }
    }
    ids
}

async fn lists_show_what_stands_beside_a_record(on: On) {
    let test = TestApp::new(on).await;
    let ids = orders(&test).await;
    let asked = json!({
        "fields": ["quantity", "customer.name", "customer.region"],
        "sort": ["customer.code", "-quantity"],
        "expand": {"customer": {"fields": ["code"]}, "items": {"limit": 1}},
        "count": "exact"
    });
    let page = test.post("/records/work_order/query", asked).await.ok();
    let rows = page["data"].as_array().cloned().unwrap_or_default();
    assert_eq!((rows.len(), &page["count"]), (4, &json!(4)), "{page:#}");
    assert_eq!(rows[0]["customer.name"], "上海客户");
    assert_eq!(rows[0]["_expanded"]["customer"]["code"], "c1");
    assert!(rows[0]["_expanded"]["customer"].get("name").is_none(), "{:#}", rows[0]);
    assert_eq!(rows[0]["_expanded"]["items"], json!({"data": [], "more": false}));
    assert!(rows[0]["_refs"]["customer.region"]["title"].is_string(), "{:#}", rows[0]);
    assert!(rows[0].get("service").is_none() && rows[0]["_title"].is_string(), "{:#}", rows[0]);
    assert_eq!(rows[3]["customer.name"], "北京客户");

    let one = test.get(&format!("/records/work_order/{}?expand=customer", ids[0])).await.ok();
    assert_eq!(one["_expanded"]["customer"]["name"], "上海客户");
    let many = "customer,service,items,partner,technician,product";
    test.get(&format!("/records/work_order?expand={many}")).await.refused(400, "bad_parameter");
    test.get("/records/work_order?expand=customer.region").await.refused(400, "bad_parameter");
    test.get("/records/work_order?expand=quantity").await.refused(400, "bad_parameter");
    test.get("/records/work_order?fields=customer.nothing").await.refused(422, "unknown_field");
    let large = test.get("/records/work_order?limit=1000000").await.refused(400, "page_too_large");
    assert_eq!(large["params"]["limit_max"], 200);
}

#[tokio::test]
async fn lists_show_what_stands_beside_a_record_on_sqlite() {
    lists_show_what_stands_beside_a_record(On::Sqlite).await;
}

#[tokio::test]
async fn lists_show_what_stands_beside_a_record_on_postgres() {
    lists_show_what_stands_beside_a_record(On::Postgres).await;
}

#[tokio::test]
async fn cursors_are_of_one_list_and_unchanged() {
    let test = TestApp::new(On::Sqlite).await;
    let first = test.get("/records/region?sort=name&limit=5").await.ok();
    let cursor = first["next_cursor"].as_str().unwrap_or_default().to_owned();
    test.get(&format!("/records/region?sort=name&limit=5&cursor={cursor}")).await.ok();
    let mut changed = cursor.clone();
    changed.replace_range(cursor.len() - 1.., if cursor.ends_with('0') { "1" } else { "0" });
    for address in [
        format!("/records/region?sort=name&cursor={changed}"),
        format!("/records/region?sort=-name&cursor={cursor}"),
        format!("/records/unit?sort=name&cursor={cursor}"),
        format!("/records/region?sort=name&deleted=true&cursor={cursor}"),
        format!("/records/region?sort=name&filter=%7B%22level%22%3A%22city%22%7D&cursor={cursor}"),
        "/records/region?sort=name&cursor=%00".to_owned(),
    ] {
        test.get(&address).await.refused(400, "bad_cursor");
    }
}

#[tokio::test]
async fn a_known_version_is_not_sent_again() {
    let test = TestApp::new(On::Sqlite).await;
    let ids = orders(&test).await;
    let token = format!("Bearer {}", test.local.expose());
    let get = async |tag: &str| {
        let headers = [("authorization", token.as_str()), ("if-none-match", tag)];
        test.ask(Method::GET, &format!("/records/work_order/{}", ids[0]), None, &headers).await
    };
    let known = get("\"7\", W/\"1\"").await;
    assert_eq!((known.status.as_u16(), known.header("etag"), &known.json), (304, "\"1\"", &Json::Null));
    assert_eq!(get("\"2\"").await.status.as_u16(), 200);
}

async fn sums_are_chosen_and_ordered(on: On) {
    let test = TestApp::new(on).await;
    orders(&test).await;
    let asked = json!({
        "group_by": ["customer.code", "week(created_at)", "weekday(created_at)", "hour(created_at)", "quarter(created_at)"],
        "measures": {"total": {"sum": "quantity"}, "mean": {"avg": "quantity"}, "of": {"count_distinct": "customer"}},
        "having": {"total": {"gte": "3"}},
        "sort": ["-customer.code"],
        "limit": 1
    });
    let sums = test.post("/records/work_order/aggregate", asked).await.ok();
    let row = &sums["data"][0];
    // 02:00 UTC on Sunday, 15 March 2026 is ten o'clock in Shanghai.
    assert_eq!(
        (&row["customer.code"], &row["week(created_at)"], &row["weekday(created_at)"], &row["hour(created_at)"]),
        (&json!("c2"), &json!("2026-W11"), &json!(7), &json!(10)),
        "{sums:#}"
    );
    assert_eq!((&row["quarter(created_at)"], &row["mean"], &row["of"]), (&json!("2026-Q1"), &json!("1.5"), &json!(1)));
    assert_eq!(sums["truncated"], true);
    // Business dates are kept beside a moment of the object's own; its hour is not in them.
    let asked = json!({"group_by": ["hour(finished_at)"], "measures": {"n": {"count": true}}});
    let hours = test.post("/records/work_order/aggregate", asked).await.ok();
    assert_eq!(hours["data"][0]["hour(finished_at)"], Json::Null, "{hours:#}");
    for wrong in [
        json!({"group_by": ["fortnight(created_at)"], "measures": {"n": {"count": true}}}),
        json!({"group_by": ["month(customer)"], "measures": {"n": {"count": true}}}),
        json!({"group_by": ["amount"], "measures": {"n": {"count": true}}}),
        json!({"measures": {"n": {"median": "quantity"}}}),
        json!({"measures": {"n": {"sum": "customer"}}}),
        json!({"measures": {"n": {"count": true}}, "having": {"m": {"gt": 1}}}),
        json!({"measures": {"n": {"count": true}}, "having": {"n": {"gt": "many"}}}),
        json!({"measures": {"n": {"count": true}}, "sort": ["-m"]}),
        json!({"measures": {}}),
    ] {
        test.post("/records/work_order/aggregate", wrong).await.refused(400, "bad_parameter");
    }
    let many = json!({"measures": {"n": {"count": true}}, "limit": 1_001});
    test.post("/records/work_order/aggregate", many).await.refused(400, "page_too_large");
}

#[tokio::test]
async fn sums_are_chosen_and_ordered_on_sqlite() {
    sums_are_chosen_and_ordered(On::Sqlite).await;
}

#[tokio::test]
async fn sums_are_chosen_and_ordered_on_postgres() {
    sums_are_chosen_and_ordered(On::Postgres).await;
}
