//! Comments and mentions: whoever reads a record talks about it; nobody learns of what they may not see.

use axum::http::Method;
use packwork_tests::app::{On, TestApp};
use serde_json::{Value as Json, json};

async fn people_talk_about_what_they_see(on: On) {
    let test = TestApp::new(on).await;
    test.post("/records/customer", json!({"code": "c1", "name": "客户", "contact": "张三"})).await.ok();
    let anna = test.user("anna", &["master_data"], json!({})).await;
    let bob = test.user("bob", &["master_data"], json!({})).await;
    let eve = test.user("eve", &[], json!({})).await;
    let path = "/records/customer/c1/comments";
    let said = test.by(&anna, Method::POST, path, Some(json!({"text": "@bob 请看，@eve 和 @nobody 也看"}))).await;
    assert_eq!(said.status.as_u16(), 201);
    let said = said.ok();
    let mentions: Vec<&str> =
        said["mentions"].as_array().into_iter().flatten().filter_map(|user| user["title"].as_str()).collect();
    assert_eq!((mentions, &said["mine"], &said["author"]["title"]), (vec!["bob"], &json!(true), &json!("anna")));
    test.by(&eve, Method::GET, path, None).await.refused(403, "forbidden");
    let inbox = test.by(&bob, Method::GET, "/mentions", None).await.ok();
    assert_eq!((&inbox["unread"], &inbox["data"][0]["record"]["title"]), (&json!(1), &json!("客户")));
    assert_eq!(test.by(&eve, Method::GET, "/mentions", None).await.ok()["unread"], 0);
    test.by(&bob, Method::POST, "/mentions/read", None).await;
    let inbox = test.by(&bob, Method::GET, "/mentions", None).await.ok();
    assert_eq!((&inbox["unread"], &inbox["data"][0]["read"]), (&json!(0), &json!(true)));

    let one = format!("{path}/{}", said["id"].as_str().unwrap_or_default());
    test.by(&bob, Method::PATCH, &one, Some(json!({"text": "mine now"}))).await.refused(403, "forbidden");
    test.by(&bob, Method::DELETE, &one, None).await.refused(403, "forbidden");
    test.advance(60);
    let edited = test.by(&anna, Method::PATCH, &one, Some(json!({"text": "nothing"}))).await.ok();
    assert_eq!((&edited["mentions"], edited["edited_at"].is_string()), (&json!([]), true));
    assert_eq!(test.by(&bob, Method::GET, "/mentions", None).await.ok()["data"], json!([]));
    test.by(&anna, Method::POST, path, Some(json!({"text": "  "}))).await.refused(422, "required");
    test.by(&anna, Method::POST, path, Some(json!({"text": "x".repeat(10_001)}))).await.refused(422, "out_of_range");
    assert_eq!(test.by(&anna, Method::DELETE, &one, None).await.status.as_u16(), 204);
    assert_eq!(test.by(&anna, Method::GET, path, None).await.ok()["data"], json!([]));
}

#[tokio::test]
async fn people_talk_about_what_they_see_on_sqlite() {
    people_talk_about_what_they_see(On::Sqlite).await;
}

#[tokio::test]
async fn people_talk_about_what_they_see_on_postgres() {
    people_talk_about_what_they_see(On::Postgres).await;
}

async fn comments_come_in_pages_and_once(on: On) {
    let test = TestApp::new(on).await;
    test.post("/records/unit", json!({"code": "u", "name": "u"})).await.ok();
    let token = format!("Bearer {}", test.local.expose());
    let path = "/records/unit/u/comments";
    for at in 0..5 {
        let (text, key) = (format!("n{at}"), format!("key {at}"));
        for replayed in ["", "true"] {
            let headers = [("authorization", &*token), ("idempotency-key", &*key)];
            let reply = test.ask(Method::POST, path, Some(json!({"text": text})), &headers).await;
            assert_eq!(reply.header("idempotent-replay"), replayed);
            assert_eq!(reply.ok()["text"], text);
        }
        test.advance(1);
    }
    let mut texts: Vec<Json> = Vec::new();
    let mut next = format!("{path}?limit=2");
    loop {
        let page = test.get(&next).await.ok();
        texts.extend(page["data"].as_array().into_iter().flatten().map(|comment| comment["text"].clone()));
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("{path}?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(texts, ["n4", "n3", "n2", "n1", "n0"]);
}

#[tokio::test]
async fn comments_come_in_pages_and_once_on_sqlite() {
    comments_come_in_pages_and_once(On::Sqlite).await;
}

#[tokio::test]
async fn comments_come_in_pages_and_once_on_postgres() {
    comments_come_in_pages_and_once(On::Postgres).await;
}
