//! Attached files: bounded, read for what they are, given only to those who may read their record.

use axum::http::Method;
use packwork_tests::app::{ATTACHMENT_BYTES_MAX, On, TestApp};
use serde_json::json;

const PDF: &str = "%PDF-1.7 a document";

async fn upload(test: &TestApp, token: &str, name: &str, content: String) -> packwork_tests::app::Reply {
    let path = format!("/api/v1/records/customer/c1/attachments?name={name}");
    test.raw(Method::POST, &path, Some(content), &[("authorization", &format!("Bearer {token}"))]).await
}

async fn a_file_is_given_to_those_who_read_its_record(on: On) {
    let test = TestApp::new(on).await;
    test.post("/records/customer", json!({"code": "c1", "name": "客户"})).await.ok();
    let anna = test.user("anna", &["master_data"], json!({})).await;
    let eve = test.user("eve", &[], json!({})).await;
    let made = upload(&test, &anna, "../%E5%90%88%E5%90%8C.exe", PDF.to_owned()).await;
    assert_eq!(made.status.as_u16(), 201);
    let made = made.ok();
    // The name's path is cut, the type is the content's.
    assert_eq!(
        (&made["name"], &made["type"], &made["size"]),
        (&json!("合同.exe"), &json!("application/pdf"), &json!(19))
    );
    let path = format!("/attachments/{}", made["id"].as_str().unwrap_or_default());
    let file = test.by(&anna, Method::GET, &path, None).await;
    assert_eq!(file.status.as_u16(), 200);
    assert_eq!(file.header("content-type"), "application/pdf");
    assert_eq!(file.header("x-content-type-options"), "nosniff");
    assert_eq!(file.header("content-length"), "19");
    assert!(file.header("content-disposition").starts_with("attachment; filename="), "{file:?}");
    assert_eq!(file.header("etag"), format!("\"{}\"", made["sha256"].as_str().unwrap_or_default()));
    test.by(&eve, Method::GET, &path, None).await.refused(404, "not_found");
    test.by(&eve, Method::DELETE, &path, None).await.refused(404, "not_found");
    let listed = test.by(&anna, Method::GET, "/records/customer/c1/attachments", None).await.ok();
    assert_eq!(listed["data"], json!([made]));
    assert_eq!(test.by(&anna, Method::DELETE, &path, None).await.status.as_u16(), 204);
    test.by(&anna, Method::GET, &path, None).await.refused(404, "not_found");
    packwork::service::housekeeping::tidy(&test.app).await.expect("housekeeping works");
    let left = test.app.store.deleted_attachments(&test.app.system(), 10).await.expect("it lists");
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_file_is_given_to_those_who_read_its_record_on_sqlite() {
    a_file_is_given_to_those_who_read_its_record(On::Sqlite).await;
}

#[tokio::test]
async fn a_file_is_given_to_those_who_read_its_record_on_postgres() {
    a_file_is_given_to_those_who_read_its_record(On::Postgres).await;
}

#[tokio::test]
async fn what_is_too_large_or_a_program_is_not_taken() {
    let test = TestApp::new(On::Sqlite).await;
    test.post("/records/customer", json!({"code": "c1", "name": "客户"})).await.ok();
    let anna = test.user("anna", &["master_data"], json!({})).await;
    let most = usize::try_from(ATTACHMENT_BYTES_MAX).unwrap_or(0);
    assert_eq!(upload(&test, &anna, "a.txt", "x".repeat(most)).await.status.as_u16(), 201);
    upload(&test, &anna, "a.txt", "x".repeat(most + 1)).await.refused(413, "body_too_large");
    upload(&test, &anna, "a.pdf", "MZ program".to_owned()).await.refused(415, "bad_file_type");
    upload(&test, &anna, "", PDF.to_owned()).await.refused(400, "bad_parameter");
    let path = "/api/v1/records/customer/c1/attachments?name=a.pdf&field=name";
    let headers = format!("Bearer {anna}");
    test.raw(Method::POST, path, Some(PDF.into()), &[("authorization", &headers)]).await.refused(400, "bad_parameter");
    let reader = test.user("reader", &["price_keeper"], json!({})).await;
    upload(&test, &reader, "a.pdf", PDF.to_owned()).await.refused(403, "forbidden");
    let listed = test.get("/records/customer/c1/attachments").await.ok();
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1));
}
