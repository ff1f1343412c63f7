//! A record named by a unique value: made once, changed after.

use axum::http::Method;
use packwork_tests::app::{On, TestApp};
use serde_json::json;

async fn a_value_names_one_record_however_many_come_at_once(on: On) {
    let test = TestApp::new(on).await;
    let put = |name: String| {
        let test = &test;
        async move { test.system(Method::PUT, "/records/unit/by/code/spool", Some(json!({"name": name}))).await }
    };
    let all = futures_util::future::join_all((0..8).map(|at| put(format!("n{at}")))).await;
    let mut created = 0;
    for reply in all {
        assert!(reply.status.is_success(), "{:#}", reply.json);
        created += i32::from(reply.status.as_u16() == 201);
    }
    assert_eq!(created, 1);
    let listed = test.get("/records/unit?search=spool&count=exact").await.ok();
    assert_eq!(listed["count"], 1);
    let again = put("last".to_owned()).await;
    assert_eq!((again.status.as_u16(), again.ok()["name"].clone()), (200, json!("last")));
    test.system(Method::PUT, "/records/unit/by/name/last", Some(json!({}))).await.refused(400, "bad_parameter");
    // Created and changed by the address: what the body says of the field does not count.
    let made = test.system(Method::PUT, "/records/unit/by/code/x", Some(json!({"code": "y", "name": "x"}))).await;
    assert_eq!((made.status.as_u16(), made.ok()["code"].clone()), (201, json!("x")));
}

#[tokio::test]
async fn a_value_names_one_record_however_many_come_at_once_on_sqlite() {
    a_value_names_one_record_however_many_come_at_once(On::Sqlite).await;
}

#[tokio::test]
async fn a_value_names_one_record_however_many_come_at_once_on_postgres() {
    a_value_names_one_record_however_many_come_at_once(On::Postgres).await;
}

async fn two_creates_at_once_are_one_and_a_field_error(on: On) {
    let test = TestApp::new(on).await;
    let create = || test.post("/records/unit", json!({"code": "same", "name": "n"}));
    let (one, other) = futures_util::future::join(create(), create()).await;
    let (made, refused) = if one.status.is_success() { (one, other) } else { (other, one) };
    made.ok();
    let refused = refused.refused(422, "not_unique");
    assert_eq!(refused["errors"][0]["pointer"], "/code");
}

#[tokio::test]
async fn two_creates_at_once_are_one_and_a_field_error_on_sqlite() {
    two_creates_at_once_are_one_and_a_field_error(On::Sqlite).await;
}

#[tokio::test]
async fn two_creates_at_once_are_one_and_a_field_error_on_postgres() {
    two_creates_at_once_are_one_and_a_field_error(On::Postgres).await;
}
