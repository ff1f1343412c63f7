//! Who reaches what: every route without sign-in, and rows by role.

use axum::http::Method;
use packwork::http::{BASE, route::Access, routes};
use packwork_tests::app::{On, TestApp};
use serde_json::json;

#[tokio::test]
async fn every_route_asks_who_is_calling_unless_it_is_for_anyone() {
    let test = TestApp::new(On::Sqlite).await;
    let mut open = Vec::new();
    for route in routes::table() {
        let path = route
            .path
            .replace("{object}", "customer")
            .replace("{name}", "home")
            .replace("{kind}", "object")
            .replace("{step}", "issue");
        let path = path.replace(['{', '}'], "");
        match route.access {
            Access::Anyone => open.push(format!("{} {path}", route.method)),
            Access::SignedIn => {
                let body = (route.method != Method::GET).then(|| json!({}));
                test.ask(route.method, &path, body, &[]).await.refused(401, "unauthenticated");
            }
        }
    }
    assert_eq!(open, ["POST /session", "GET /openapi.json"], "a route for anyone is a decision: name it here");
    for path in ["/healthz", "/readyz"] {
        assert_eq!(test.raw(Method::GET, path, None, &[]).await.ok()["status"], "ok");
    }
}

#[tokio::test]
async fn a_token_that_is_none_is_no_sign_in() {
    let test = TestApp::new(On::Sqlite).await;
    for value in ["Bearer", "Bearer x", &format!("Bearer {}", "0".repeat(64)), "Basic YTpi"] {
        test.ask(Method::GET, "/me", None, &[("authorization", value)]).await.refused(401, "unauthenticated");
    }
}

#[tokio::test]
async fn an_address_that_is_none_answers_with_a_problem_and_never_with_a_page() {
    let test = TestApp::new(On::Sqlite).await;
    test.raw(Method::GET, "/api/v1/nothing", None, &[]).await.refused(404, "no_such_route");
    test.raw(Method::GET, "/api/v2/me", None, &[]).await.refused(404, "no_such_route");
    test.get("/records/nothing").await.refused(404, "unknown_object");
    assert_eq!(test.raw(Method::PUT, &format!("{BASE}/me"), None, &[]).await.status, 405);
    let page = test.raw(Method::GET, "/records/work_order", None, &[]).await;
    assert_eq!(
        (page.status.as_u16(), page.header("content-type"), page.header("cache-control")),
        (200, "text/html; charset=utf-8", "no-cache")
    );
    assert!(page.header("content-security-policy").contains("script-src 'self'"));
    assert_eq!(test.raw(Method::GET, "/assets/nothing.js", None, &[]).await.status, 404);
}

#[tokio::test]
async fn roles_see_only_their_rows_and_fields() {
    let test = TestApp::new(On::Sqlite).await;
    let mine = test.user("sales1", &["sales"], json!({})).await;
    let theirs = test.user("sales2", &["sales"], json!({})).await;
    let customer = json!({"code": "c1", "name": "上海客户", "address": "上海市浦东新区张江路88号"});
    let made = test.by(&mine, Method::POST, "/records/customer", Some(customer)).await.ok();
    let path = format!("/records/customer/{}", made["id"].as_str().unwrap_or_default());

    assert_eq!(test.by(&mine, Method::GET, "/records/customer?count=exact", None).await.ok()["count"], 1);
    let list = test.by(&theirs, Method::GET, "/records/customer?count=exact", None).await.ok();
    assert_eq!((&list["count"], &list["data"]), (&json!(0), &json!([])));
    test.by(&theirs, Method::GET, &path, None).await.refused(404, "not_found");
    test.by(&theirs, Method::PATCH, &path, Some(json!({"version": 1, "name": "x"}))).await.refused(404, "not_found");
    test.by(&mine, Method::DELETE, &path, Some(json!({"version": 1}))).await.refused(403, "forbidden");
    test.by(&mine, Method::GET, "/records/legal_entity", None).await.refused(403, "forbidden");
    test.by(&mine, Method::GET, "/settlement/lines", None).await.refused(403, "forbidden");
    test.by(&mine, Method::POST, "/settlement/runs", Some(json!({"plan": "internal_settlement", "period": "2026-03"})))
        .await
        .refused(403, "forbidden");

    // What is hidden is not shown, not filtered by, not sorted by.
    let user = test.by(&mine, Method::GET, "/records/user/sales2", None).await.ok();
    assert!(user.get("roles").is_none() && user.get("phone").is_none(), "{user:#}");
    let filter = "/records/user?filter=%7B%22phone%22%3A%7B%22starts_with%22%3A%221%22%7D%7D";
    test.by(&mine, Method::GET, filter, None).await.refused(422, "unknown_field");
    test.by(&mine, Method::GET, "/records/user?sort=phone", None).await.refused(422, "unknown_field");
    let view = test.by(&mine, Method::GET, "/objects/user", None).await.ok();
    assert!(!view["fields"].as_array().is_some_and(|fields| fields.iter().any(|field| field["name"] == "phone")));
}

#[tokio::test]
async fn the_navigation_leaves_out_what_a_role_cannot_read() {
    let test = TestApp::new(On::Sqlite).await;
    let sales = test.user("sales1", &["sales"], json!({})).await;
    let menu = test.by(&sales, Method::GET, "/me", None).await.ok()["menu"].to_string();
    assert!(menu.contains("\"customer\""), "{menu}");
    assert!(!menu.contains("legal_entity") && !menu.contains("\"runs\""), "{menu}");
}
