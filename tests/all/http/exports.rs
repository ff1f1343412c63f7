//! Exports over HTTP: what the list shows, to whom it shows it, in each format.

use axum::http::Method;
use packwork::service::exports::xlsx::{Book, Cell};
use packwork_tests::app::{On, TestApp};
use serde_json::{Value as Json, json};

/// A spreadsheet with these rows.
pub(super) fn book(rows: &[&[&str]]) -> Vec<u8> {
    let mut book = Book::new(&["Sheet1".to_owned()]).expect("a book begins");
    for row in rows {
        book.row(row.iter().map(|text| Cell::Text((*text).to_owned()))).expect("a row is written");
    }
    book.finish().expect("a book ends")
}

async fn export(test: &TestApp, token: &str, body: Json) -> String {
    let (_, bytes) = test.bytes(token, Method::POST, "/exports", Some(body)).await;
    String::from_utf8(bytes).expect("the file is text")
}

async fn a_list_is_exported_as_it_is_shown(on: On) {
    let test = TestApp::new(on).await;
    for at in 0..1_203 {
        let name = if at == 7 { "=HYPERLINK(\"x\")".to_owned() } else { format!("单位{at}") };
        test.post("/records/unit", json!({"code": format!("e{at:04}"), "name": name})).await.ok();
    }
    let token = test.local.expose().to_owned();
    let filter = json!({"code": {"starts_with": "e"}});
    let asked = |format: &str| json!({"object": "unit", "format": format, "filter": filter, "sort": ["code"], "fields": ["code", "name"]});
    let csv = export(&test, &token, asked("csv")).await;
    let lines: Vec<&str> = csv.trim_start_matches('\u{feff}').lines().collect();
    assert!(csv.starts_with('\u{feff}') && lines.len() == 1_204, "{}", lines.len());
    assert_eq!(lines[1], "e0000,单位0");
    assert_eq!(lines[8], "e0007,\"'=HYPERLINK(\"\"x\"\")\"");
    assert_eq!(lines[1_203], "e1202,单位1202");
    let ndjson = export(&test, &token, asked("ndjson")).await;
    let rows: Vec<Json> = ndjson.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    assert_eq!((rows.len(), &rows[7]["name"]), (1_203, &json!("=HYPERLINK(\"x\")")));
    test.post("/exports", json!({"object": "unit", "format": "pdf"})).await.refused(400, "bad_parameter");
    test.post("/exports", json!({"object": "unit", "format": "csv", "fields": ["colour"]}))
        .await
        .refused(422, "unknown_field");
    test.post("/exports", json!({"object": "unit", "format": "csv", "filter": {"colour": 1}})).await;
}

#[tokio::test]
async fn a_list_is_exported_as_it_is_shown_on_sqlite() {
    a_list_is_exported_as_it_is_shown(On::Sqlite).await;
}

#[tokio::test]
async fn a_list_is_exported_as_it_is_shown_on_postgres() {
    a_list_is_exported_as_it_is_shown(On::Postgres).await;
}

#[tokio::test]
async fn exporting_is_a_right_and_rows_and_fields_stay_hidden() {
    let test = TestApp::new(On::Sqlite).await;
    let sales = test.user("sales1", &["sales"], json!({})).await;
    let keeper = test.user("keeper", &["master_data"], json!({})).await;
    test.post("/records/customer", json!({"code": "c1", "name": "上海客户", "kind": "store"})).await.ok();
    let asked = json!({"object": "customer", "format": "csv"});
    test.by(&sales, Method::POST, "/exports", Some(asked.clone())).await.refused(403, "forbidden");
    let csv = export(&test, &keeper, asked).await;
    assert!(csv.contains("c1,上海客户,Store"), "{csv}");
    let template = test.bytes(&keeper, Method::GET, "/imports/template?object=customer&format=csv", None).await;
    let text = String::from_utf8(template.1).expect("the template is text");
    assert!(text.starts_with("\u{feff}Code*,Name*,Kind,"), "{text}");
    let (headers, book) = test.bytes(&keeper, Method::GET, "/imports/template?object=customer&format=xlsx", None).await;
    assert!(book.starts_with(b"PK") && headers["content-type"].to_str().is_ok_and(|kind| kind.contains("spreadsheet")));
}
