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

async fn changes_of_comments_are_made_once_for_their_key(on: On) {
    let test = TestApp::new(on).await;
    test.post("/records/unit", json!({"code": "u", "name": "u"})).await.ok();
    let anna = test.user("anna", &["master_data"], json!({})).await;
    let bob = test.user("bob", &["master_data"], json!({})).await;
    let ask = async |who: &str, method: Method, path: &str, key: &str, body: Json| {
        let headers = [("authorization", &*format!("Bearer {who}")), ("idempotency-key", key)];
        test.ask(method, path, Some(body), &headers).await
    };
    let path = "/records/unit/u/comments";
    let said = test.by(&anna, Method::POST, path, Some(json!({"text": "@bob first"}))).await.ok();
    let one = format!("{path}/{}", said["id"].as_str().unwrap_or_default());
    test.advance(60);
    let edited = ask(&anna, Method::PATCH, &one, "edit", json!({"text": "@bob second"})).await.ok();
    test.by(&anna, Method::PATCH, &one, Some(json!({"text": "@bob third"}))).await.ok();
    test.advance(60);
    // The repeat is answered as the first time, and does not bring the old text back.
    let again = ask(&anna, Method::PATCH, &one, "edit", json!({"text": "@bob second"})).await;
    assert_eq!(again.header("idempotent-replay"), "true");
    assert_eq!(again.ok(), edited);
    ask(&anna, Method::PATCH, &one, "edit", json!({"text": "fourth"})).await.refused(422, "idempotency_mismatch");
    assert_eq!(test.by(&anna, Method::GET, path, None).await.ok()["data"][0]["text"], "@bob third");
    // What came after the first request stays unread.
    let read = async || ask(&bob, Method::POST, "/mentions/read", "read", json!({})).await;
    assert_eq!(read().await.header("idempotent-replay"), "");
    test.by(&anna, Method::POST, path, Some(json!({"text": "@bob once more"}))).await.ok();
    let again = read().await;
    assert_eq!((again.status.as_u16(), again.header("idempotent-replay")), (204, "true"));
    assert_eq!(test.by(&bob, Method::GET, "/mentions", None).await.ok()["unread"], 1);
    for replayed in ["", "true"] {
        let gone = ask(&anna, Method::DELETE, &one, "delete", Json::Null).await;
        assert_eq!((gone.status.as_u16(), gone.header("idempotent-replay")), (204, replayed));
    }
    test.by(&anna, Method::DELETE, &one, None).await.refused(404, "not_found");
    // A refusal is no reply that is kept.
    let other = test.by(&bob, Method::POST, path, Some(json!({"text": "mine"}))).await.ok();
    let other = format!("{path}/{}", other["id"].as_str().unwrap_or_default());
    for _ in 0..2 {
        ask(&anna, Method::DELETE, &other, "not mine", Json::Null).await.refused(403, "forbidden");
    }
}

#[tokio::test]
async fn changes_of_comments_are_made_once_for_their_key_on_sqlite() {
    changes_of_comments_are_made_once_for_their_key(On::Sqlite).await;
}

#[tokio::test]
async fn changes_of_comments_are_made_once_for_their_key_on_postgres() {
    changes_of_comments_are_made_once_for_their_key(On::Postgres).await;
}
