//! Reports over HTTP: figures a definition asks for, with the rights of whoever runs it, also as files.

use axum::http::Method;
use packwork_tests::app::{On, TestApp};
use packwork_tests::pack::pack;
use serde_json::{Value as Json, json};

/// A shop that sells in three towns. The clerk sees neither the other towns' sales nor any cost; the analyst may take
/// files along.
async fn shop(on: On) -> TestApp {
    let objects = [
        (
            "town",
            json!({"title": "Town", "display": "name", "key": "name",
                "fields": {"name": {"type": "text", "title": "Name", "required": true}}}),
        ),
        (
            "sale",
            json!({"title": "Sale", "display": "note",
                "fields": {
                    "note": {"type": "text", "title": "Note"},
                    "town": {"type": "reference", "to": "town", "title": "Town"},
                    "sold_on": {"type": "date", "title": "Sold on"},
                    "channel": {"type": "choice", "title": "Channel",
                        "options": {"web": {"title": "Web"}, "store": {"title": "Store"}}},
                    "amount": {"type": "decimal", "scale": 2, "title": "Amount"},
                    "cost": {"type": "decimal", "scale": 2, "title": "Cost"}
                },
                "indexes": {"by_channel": {"fields": ["channel"], "covers": ["amount"]}}}),
        ),
    ];
    let clerk = json!({"title": "Clerk", "objects": {"town": {"read": true},
        "sale": {"read": true, "hide": ["cost"], "rows": {"filter": {"town.name": {"eq": "苏州"}}}}}});
    let analyst =
        json!({"title": "Analyst", "objects": {"town": {"read": true}, "sale": {"read": true, "export": true}}});
    let mut files = pack(&objects, &[("clerk", clerk), ("analyst", analyst)]);
    let sales = json!({"kind": "report", "name": "sales", "title": "Sales by town", "object": "sale",
        "filter": {"channel": {"eq": "store"}}, "group_by": ["month(sold_on)", "town.name", "channel"],
        "measures": {"total": {"title": "Total", "sum": "amount"}, "n": {"title": "Sales", "count": true}},
        "having": {"total": {"gt": "1"}}, "sort": ["-total"], "limit": 2, "index": true});
    let costs = json!({"kind": "report", "name": "costs", "title": "Costs", "object": "sale",
        "measures": {"cost": {"title": "Cost", "sum": "cost"}}});
    for (name, report, texts) in [("sales", sales, &["total", "n"][..]), ("costs", costs, &["cost"][..])] {
        files.insert(format!("reports/{name}.json"), report.to_string().into_bytes());
        let chinese = files.get_mut("i18n/zh-CN.json").expect("a pack has Chinese texts");
        let mut all: Json = serde_json::from_slice(chinese).expect("they are JSON");
        all[format!("report/{name}/title")] = json!("报表");
        for measure in texts {
            all[format!("report/{name}/measures/{measure}/title")] = json!("合计");
        }
        *chinese = all.to_string().into_bytes();
    }
    let test = TestApp::of(on, files).await;
    for name in ["苏州", "=杭州", "宁波"] {
        test.post("/records/town", json!({"name": name})).await.ok();
    }
    for (town, sold_on, channel, amount) in [
        ("苏州", "2026-01-31", "store", "10.50"),
        ("苏州", "2026-01-01", "store", "0.25"),
        ("=杭州", "2026-02-01", "store", "7.00"),
        ("宁波", "2026-02-01", "store", "3.00"),
        ("宁波", "2026-02-28", "store", "0.50"),
        ("宁波", "2026-03-01", "store", "0.50"),
        ("苏州", "2026-01-31", "web", "99.00"),
    ] {
        let sale = json!({"town": town, "sold_on": sold_on, "channel": channel, "amount": amount, "cost": "1"});
        test.post("/records/sale", sale).await.ok();
    }
    test
}

/// The figures alone: month, town, total, number.
fn figures(report: &Json) -> Vec<[String; 4]> {
    let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let rows = report["data"].as_array().into_iter().flatten();
    rows.map(|row| ["month(sold_on)", "town.name", "total", "n"].map(|name| text(&row[name]))).collect()
}

async fn a_report_answers_what_its_definition_asks(on: On) {
    let test = shop(on).await;
    let known = test.get("/reports").await.ok();
    assert_eq!(known["data"][1], json!({"name": "sales", "title": "Sales by town", "object": "sale"}), "{known:#}");
    let report = test.post("/reports/sales/run", json!({})).await.ok();
    let all = [["2026-01", "苏州", "10.75", "2"], ["2026-02", "=杭州", "7.00", "1"]];
    assert_eq!(figures(&report), all.map(|row| row.map(str::to_owned)), "{report:#}");
    assert_eq!(report["truncated"], true, "宁波 in February is the third");
    let titles: Vec<&Json> =
        report["columns"].as_array().into_iter().flatten().map(|column| &column["title"]).collect();
    assert_eq!(titles, ["Sold on (month)", "Town / Name", "Channel", "Total", "Sales"]);
    // Whoever runs it may narrow it, never widen it.
    let narrower = json!({"filter": {"sold_on": {"gte": "2026-02-01"}}});
    let report = test.post("/reports/sales/run", narrower).await.ok();
    let all = [["2026-02", "=杭州", "7.00", "1"], ["2026-02", "宁波", "3.50", "2"]];
    assert_eq!(figures(&report), all.map(|row| row.map(str::to_owned)), "{report:#}");
    let other = test.post("/reports/sales/run", json!({"filter": {"channel": {"eq": "web"}}})).await.ok();
    assert_eq!(other["data"], json!([]));
    test.post("/reports/sale/run", json!({})).await.refused(404, "unknown_definition");
    test.post("/reports/sales/run", json!({"filter": {"colour": 1}})).await.refused(422, "unknown_field");
    test.post("/reports/sales/run", json!({"limit": 5})).await.refused(422, "unknown_field");
}

#[tokio::test]
async fn a_report_answers_what_its_definition_asks_on_sqlite() {
    a_report_answers_what_its_definition_asks(On::Sqlite).await;
}

#[tokio::test]
async fn a_report_answers_what_its_definition_asks_on_postgres() {
    a_report_answers_what_its_definition_asks(On::Postgres).await;
}

async fn a_report_shows_nobody_more_than_lists_do(on: On) {
    let test = shop(on).await;
    let clerk = test.user("clerk1", &["clerk"], json!({})).await;
    let run = async |name: &str| test.by(&clerk, Method::POST, &format!("/reports/{name}/run"), Some(json!({}))).await;
    let report = run("sales").await.ok();
    assert_eq!(figures(&report), [["2026-01", "苏州", "10.75", "2"].map(str::to_owned)]);
    run("costs").await.refused(422, "unknown_field");
    let export = json!({"report": "sales", "format": "csv"});
    test.by(&clerk, Method::POST, "/exports", Some(export)).await.refused(403, "forbidden");
    let nobody = test.user("nobody1", &[], json!({})).await;
    assert_eq!(test.by(&nobody, Method::GET, "/reports", None).await.ok()["data"], json!([]));
    test.by(&nobody, Method::POST, "/reports/sales/run", Some(json!({}))).await.refused(403, "forbidden");
}

#[tokio::test]
async fn a_report_shows_nobody_more_than_lists_do_on_sqlite() {
    a_report_shows_nobody_more_than_lists_do(On::Sqlite).await;
}

#[tokio::test]
async fn a_report_shows_nobody_more_than_lists_do_on_postgres() {
    a_report_shows_nobody_more_than_lists_do(On::Postgres).await;
}

#[tokio::test]
async fn a_report_is_a_file_too() {
    let test = shop(On::Sqlite).await;
    let analyst = test.user("analyst1", &["analyst"], json!({})).await;
    let file = async |body: Json| test.bytes(&analyst, Method::POST, "/exports", Some(body)).await;
    let (headers, csv) = file(json!({"report": "sales", "format": "csv"})).await;
    let csv = String::from_utf8(csv).expect("the file is text");
    let lines = [
        "Sold on (month),Town / Name,Channel,Total,Sales",
        "2026-01,苏州,Store,10.75,2",
        "2026-02,'=杭州,Store,7.00,1",
    ];
    assert_eq!(csv.trim_start_matches('\u{feff}').lines().collect::<Vec<_>>(), lines);
    let name = headers["content-disposition"].to_str().expect("a name");
    assert!(name.contains("Sales%20by%20town.csv"), "{name}");
    let (_, rows) = file(json!({"report": "sales", "format": "ndjson", "titles": false})).await;
    let first: Json =
        serde_json::from_slice(rows.split(|byte| *byte == b'\n').next().unwrap_or_default()).expect("JSON");
    let expected =
        json!({"month(sold_on)": "2026-01", "town.name": "苏州", "channel": "store", "total": "10.75", "n": 2});
    assert_eq!(first, expected);
    let (_, book) = file(json!({"report": "sales", "format": "xlsx"})).await;
    assert!(book.starts_with(b"PK"));
    let body = json!({"report": "sales", "object": "sale", "format": "csv"});
    test.post("/exports", body).await.refused(422, "unknown_field");
}
