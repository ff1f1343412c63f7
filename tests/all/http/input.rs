//! Bad input: each a problem with code, place and hint; nothing written.

use axum::http::Method;
use packwork_tests::app::{On, TestApp};
use serde_json::json;

#[tokio::test]
async fn malformed_json_names_line_and_column() {
    let test = TestApp::new(On::Sqlite).await;
    let token = format!("Bearer {}", test.local.expose());
    let send = |body: &str| {
        let body = Some(body.to_owned());
        let headers = [("authorization", token.as_str())];
        let test = &test;
        async move { test.raw(Method::POST, "/api/v1/records/unit", body, &headers).await }
    };
    let problem = send("{\"code\": \"a\",\n  nope}").await.refused(400, "malformed_json");
    assert_eq!((&problem["params"]["line"], &problem["params"]["column"]), (&json!(2), &json!(3)));
    send("[1]").await.refused(400, "malformed_json");
    send(&format!("{{\"code\": \"{}\"}}", "x".repeat(1_100_000))).await.refused(413, "body_too_large");
    send(&"[".repeat(10_000)).await.refused(400, "malformed_json");
    assert_eq!(test.get("/records/unit/a").await.refused(404, "not_found")["params"]["id"], "a");
}

#[tokio::test]
async fn everything_wrong_with_a_record_is_said_at_its_place() {
    let test = TestApp::new(On::Sqlite).await;
    let body = json!({"code": "p1", "name": 7, "colour": "red", "price": "1.234", "warranty_months": "999", "kind": "toy", "unit": "none"});
    let problem = test.post("/records/product", body).await.refused(422, "wrong_type");
    let mut found: Vec<(String, String)> = problem["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|error| {
            (
                error["pointer"].as_str().unwrap_or_default().to_owned(),
                error["code"].as_str().unwrap_or_default().to_owned(),
            )
        })
        .collect();
    found.sort();
    let expect = [
        ("/colour", "unknown_field"),
        ("/kind", "not_an_option"),
        ("/name", "wrong_type"),
        ("/price", "too_many_digits"),
        ("/unit", "bad_reference"),
        ("/warranty_months", "out_of_range"),
    ];
    assert_eq!(found, expect.map(|(pointer, code)| (pointer.to_owned(), code.to_owned())));
    test.get("/records/product/p1").await.refused(404, "not_found");
}

#[tokio::test]
async fn long_numbers_are_read_from_their_text() {
    let test = TestApp::new(On::Sqlite).await;
    let token = format!("Bearer {}", test.local.expose());
    let body = r#"{"code": "p1", "name": "x", "price": 1.23000000000000000001}"#.to_owned();
    test.raw(Method::POST, "/api/v1/records/product", Some(body), &[("authorization", &token)])
        .await
        .refused(422, "too_many_digits");
    let body = r#"{"code": "p1", "name": "x", "price": 120.10}"#.to_owned();
    let made = test.raw(Method::POST, "/api/v1/records/product", Some(body), &[("authorization", &token)]).await.ok();
    assert_eq!(made["price"], json!({"amount": "120.10", "currency": "CNY"}));
}

#[tokio::test]
async fn problems_speak_the_callers_language() {
    let test = TestApp::new(On::Sqlite).await;
    let token = format!("Bearer {}", test.local.expose());
    let ask = |language: &'static str| {
        let headers = [("authorization", token.clone()), ("accept-language", language.to_owned())];
        let test = &test;
        async move {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            test.ask(Method::POST, "/records/unit", Some(json!({"code": "a"})), &headers).await.refused(422, "required")
        }
    };
    let chinese = ask("zh-CN,zh;q=0.9,en;q=0.8").await;
    assert_eq!((&chinese["title"], &chinese["errors"][0]["message"]), (&json!("此项必填"), &json!("请填写“名称”")));
    let english = ask("en").await;
    assert_eq!(english["title"], "a value is required");
    assert_eq!(english["errors"][0]["pointer"], "/name");
}

#[tokio::test]
async fn lists_refuse_what_they_do_not_understand() {
    let test = TestApp::new(On::Sqlite).await;
    test.get("/records/region?limit=0").await.refused(400, "bad_parameter");
    test.get("/records/region?limit=201").await.refused(400, "page_too_large");
    test.get("/records/region?limt=10").await.refused(400, "bad_parameter");
    test.get("/records/region?count=all").await.refused(400, "bad_parameter");
    test.get("/records/region?sort=nme").await.refused(422, "unknown_field");
    test.get("/records/region?filter=%7B").await.refused(400, "bad_filter");
    test.get("/records/region?cursor=zz").await.refused(400, "bad_cursor");
    let unknown =
        test.post("/records/region/query", json!({"filter": {"nme": "x"}})).await.refused(422, "unknown_field");
    assert_eq!(unknown["params"]["field"], "nme");
}
