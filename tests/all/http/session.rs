//! Signing in and out, the cookie with its CSRF value, the brake on guessing.

use axum::http::Method;
use packwork_tests::app::{On, TestApp};
use serde_json::json;

#[tokio::test]
async fn a_session_lives_until_it_is_ended_or_unused_for_twelve_hours() {
    let test = TestApp::new(On::Sqlite).await;
    let token = test.user("li", &["admin"], json!({})).await;
    let me = test.by(&token, Method::GET, "/me", None).await.ok();
    assert_eq!(
        (&me["login"], &me["roles"], &me["time_zone"]),
        (&json!("li"), &json!(["admin"]), &json!("Asia/Shanghai"))
    );

    test.advance(11 * 3_600);
    test.by(&token, Method::GET, "/me", None).await.ok();
    test.advance(11 * 3_600);
    test.by(&token, Method::GET, "/me", None).await.ok();
    test.advance(12 * 3_600 + 1);
    test.by(&token, Method::GET, "/me", None).await.refused(401, "unauthenticated");

    let token = test.sign_in("li").await.ok()["token"].as_str().unwrap_or_default().to_owned();
    assert_eq!(test.by(&token, Method::DELETE, "/session", None).await.status, 204);
    test.by(&token, Method::GET, "/me", None).await.refused(401, "unauthenticated");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_are_told_alike() {
    let test = TestApp::new(On::Sqlite).await;
    test.user("li", &["admin"], json!({})).await;
    let wrong = test.ask(Method::POST, "/session", Some(json!({"user": "li", "password": "no"})), &[]).await;
    let unknown = test.ask(Method::POST, "/session", Some(json!({"user": "nobody", "password": "no"})), &[]).await;
    let (wrong, unknown) = (wrong.refused(401, "bad_credentials"), unknown.refused(401, "bad_credentials"));
    assert_eq!((&wrong["detail"], &wrong["params"]), (&unknown["detail"], &unknown["params"]));
}

#[tokio::test]
async fn guessing_is_slowed_down_and_allowed_again_later() {
    let test = TestApp::new(On::Sqlite).await;
    test.user("li", &["admin"], json!({})).await;
    let guess = || test.ask(Method::POST, "/session", Some(json!({"user": "li", "password": "no"})), &[]);
    for _ in 0..packwork::auth::limiter::ATTEMPTS_MAX {
        guess().await.refused(401, "bad_credentials");
    }
    let slowed = guess().await;
    assert_eq!(slowed.header("retry-after"), "300");
    slowed.refused(429, "too_many_attempts");
    test.sign_in("li").await.refused(429, "too_many_attempts");
    test.advance(301);
    test.sign_in("li").await.ok();
}

#[tokio::test]
async fn a_user_who_left_is_signed_out_everywhere() {
    let test = TestApp::new(On::Sqlite).await;
    let token = test.user("li", &["admin"], json!({})).await;
    let user = test.get("/records/user/li").await.ok();
    test.ask(
        Method::PATCH,
        "/records/user/li",
        Some(json!({"active": false, "version": user["version"]})),
        &[("authorization", &format!("Bearer {}", test.local.expose()))],
    )
    .await
    .ok();
    test.by(&token, Method::GET, "/me", None).await.refused(401, "unauthenticated");
    test.sign_in("li").await.refused(401, "bad_credentials");
}

#[tokio::test]
async fn changes_with_the_cookie_need_the_csrf_value() {
    let test = TestApp::new(On::Sqlite).await;
    test.user("li", &["admin"], json!({})).await;
    let signed_in = test.sign_in("li").await;
    let cookie = signed_in.header("set-cookie").to_owned();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
    let csrf = signed_in.ok()["csrf"].as_str().unwrap_or_default().to_owned();
    let unit = || Some(json!({"code": "spool", "name": "卷"}));

    test.ask(Method::GET, "/me", None, &[("cookie", &cookie)]).await.ok();
    test.ask(Method::POST, "/records/unit", unit(), &[("cookie", &cookie)]).await.refused(403, "csrf_missing");
    test.ask(Method::POST, "/records/unit", unit(), &[("cookie", &cookie), ("x-csrf-token", "guessed")])
        .await
        .refused(403, "csrf_missing");
    test.ask(Method::POST, "/records/unit", unit(), &[("cookie", &cookie), ("x-csrf-token", &csrf)]).await.ok();
    // An old cookie does not keep anybody from signing in again.
    let body = json!({"user": "li", "password": packwork_tests::app::PASSWORD});
    test.ask(Method::POST, "/session", Some(body), &[("cookie", &cookie)]).await.ok();
}

#[tokio::test]
async fn rights_taken_away_are_gone_with_the_next_request() {
    for on in [On::Sqlite, On::Postgres] {
        let test = TestApp::new(on).await;
        let token = test.user("li", &["admin"], json!({})).await;
        let user = test.get("/records/user/li").await.ok();
        let listed = || test.by(&token, Method::GET, "/records/customer", None);
        listed().await.ok();
        let operation = json!({"op": "update", "id": user["id"], "version": 1, "data": {"roles": []}});
        test.post("/records/user/bulk", json!({"operations": [operation], "atomic": true})).await.ok();
        listed().await.refused(403, "forbidden");
        let version = json!({"version": 2, "roles": ["admin"]});
        test.system(Method::PATCH, "/records/user/li", Some(version)).await.ok();
        listed().await.ok();
    }
}
