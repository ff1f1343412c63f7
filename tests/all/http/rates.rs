//! Rate tables edited over HTTP, on both databases: listed by validity and knowledge, changed in one command, pasted,
//! uploaded, looked over; and who may.

use super::exports::book;
use super::imports::upload;
use super::settlement::Example;
use crate::definitions::fixture::{parcels, upgrade};
use axum::http::Method;
use packwork_tests::app::{On, TestApp};
use serde_json::{Value as Json, json};

const TABLE: &str = "/settlement/rate-tables/internal_price";
const CHANGES: &str = "/settlement/rate-tables/internal_price/changes";

async fn row(test: &TestApp, name: &str, when: &str) -> Option<Json> {
    let filter = json!({"row": name}).to_string().replace('"', "%22").replace('{', "%7B").replace('}', "%7D");
    let page = test.get(&format!("{TABLE}/rows?{when}&filter={filter}")).await.ok();
    let rows = page["data"].as_array().expect("a page has rows");
    assert!(rows.len() < 2, "{rows:#?}");
    rows.first().cloned()
}

async fn price(test: &TestApp, name: &str, when: &str) -> Option<String> {
    let row = row(test, name, when).await?;
    Some(row["price"]["amount"].as_str().expect("the row has a price").to_owned())
}

async fn revision(test: &TestApp) -> i64 {
    test.get(TABLE).await.ok()["revision"].as_i64().expect("a table has a revision")
}

async fn apply(test: &TestApp, changes: Json) -> Json {
    test.post(CHANGES, json!({"mode": "apply", "changes": changes})).await.ok()
}

async fn rows_are_changed_from_a_day_on_and_what_was_known_stays_known(on: On) {
    let example = Example::new(on).await;
    let test = &example.test;
    let tables = test.get("/settlement/rate-tables").await.ok();
    assert!(tables["data"].as_array().expect("tables").iter().any(|table| table["name"] == "internal_price"));
    let first = test.get(&format!("{TABLE}/rows?valid_at=2026-03-15&limit=5")).await.ok();
    assert_eq!((first["data"].as_array().map(Vec::len), first["next_cursor"].is_string()), (Some(5), true));
    assert_eq!(price(test, "r1", "valid_at=2026-06-30").await.as_deref(), Some("120.0000"));
    assert_eq!(price(test, "r1", "valid_at=2026-07-01").await, None, "the end is exclusive");

    let before = test.clock.now().to_string();
    example.to("2026-03-05T01:00:00Z");
    let planned = json!([{"op": "change", "row": "r1", "from": "2026-04-01", "set": {"price": "125.00"}}]);
    let rows = revision(test).await;
    let plan = test.post(CHANGES, json!({"changes": planned})).await.ok();
    assert_eq!((&plan["mode"], &plan["applicable"], &plan["errors_total"]), (&json!("plan"), &json!(true), &json!(0)));
    assert_eq!(revision(test).await, rows, "a plan writes nothing");
    let applied = apply(test, planned.clone()).await;
    assert_eq!((&applied["mode"], &applied["counts"]), (&json!("apply"), &json!({"change": 1})));
    assert_eq!(price(test, "r1", "valid_at=2026-03-31").await.as_deref(), Some("120.0000"));
    assert_eq!(price(test, "r1", "valid_at=2026-04-01").await, None);
    assert_eq!(price(test, "r1@2026-04-01", "valid_at=2026-04-01").await.as_deref(), Some("125.0000"));
    let all = test.get(&format!("{TABLE}/rows?recorded_at={before}&valid_at=2026-05-01&limit=200")).await.ok();
    let old = all["data"].as_array().expect("rows").iter().find(|row| row["price"]["amount"] == "120.0000");
    assert_eq!(old.map(|row| &row["valid_to"]), Some(&json!("2026-07-01")), "as it was known before the change");

    // Undone: the new row is taken back and the old one opened again, in one command.
    let undo = json!([{"op": "undo", "row": "r1@2026-04-01"}, {"op": "reopen", "row": "r1", "valid_to": "2026-07-01"}]);
    apply(test, undo).await;
    assert_eq!(price(test, "r1", "valid_at=2026-06-30").await.as_deref(), Some("120.0000"));
    assert_eq!(price(test, "r1@2026-04-01", "valid_at=2026-04-01").await, None);

    // A slip is mended whole: same row, same days, another price; tiers take the place of a price.
    apply(test, json!([{"op": "change", "row": "r1", "set": {"price": {"schedule": "joint_steps"}}}])).await;
    let mended = row(test, "r1", "valid_at=2026-01-01").await.expect("the row");
    assert_eq!((&mended["price"], &mended["valid_to"]), (&Json::Null, &json!("2026-07-01")), "{mended:#}");
    apply(test, json!([{"op": "change", "row": "r1", "set": {"price": "120.00"}}])).await;

    // Somebody else was faster.
    let stale = json!({"mode": "apply", "revision": rows, "changes": planned});
    test.post(CHANGES, stale).await.refused(409, "stale_version");

    // What a posted line rests on stays.
    example.to("2026-03-28T01:00:00Z");
    example.completed("direct1", "1", "2026-03-10T10:00:00+08:00").await;
    let undo = json!({"mode": "apply", "changes": [{"op": "undo", "row": "r1"}]});
    let refused = test.post(CHANGES, undo.clone()).await.refused(409, "rate_row_in_use");
    assert_eq!(refused["errors"][0]["pointer"], "/changes/0/row");
    assert_eq!(refused["errors"][0]["params"]["row"], "r1");
    let told = test.ask_in("zh-CN", Method::POST, CHANGES, Some(undo)).await.refused(409, "rate_row_in_use");
    assert!(told["detail"].as_str().is_some_and(|text| text.contains("结算行引用")), "{told:#}");
    apply(test, json!([{"op": "close", "row": "r1", "valid_to": "2026-06-01"}])).await;
    test.post(CHANGES, json!({"mode": "apply", "changes": [{"op": "undo", "row": "r1"}]}))
        .await
        .refused(409, "rate_row_in_use");
}

#[tokio::test]
async fn rows_are_changed_from_a_day_on_and_what_was_known_stays_known_on_sqlite() {
    rows_are_changed_from_a_day_on_and_what_was_known_stays_known(On::Sqlite).await;
}

#[tokio::test]
async fn rows_are_changed_from_a_day_on_and_what_was_known_stays_known_on_postgres() {
    rows_are_changed_from_a_day_on_and_what_was_known_stays_known(On::Postgres).await;
}

/// The first row that holds wins, so no row overtakes another while the table is installed.
async fn rows_stand_in_the_order_they_are_written(on: On) {
    let test = TestApp::new(on).await;
    let written: Vec<String> = (0..40).map(|n| format!("r{n}")).collect();
    let row = |(n, id): (usize, &String)| json!({"id": id, "weight": format!("<= {n}"), "unit": "1", "valid": ["2026-01-01", null]});
    let rows: Vec<Json> = written.iter().enumerate().map(row).collect();
    let table = json!({"kind": "rate_table", "name": "parcel_price", "title": "Prices", "hit": "first",
        "columns": {"weight": {"number": true}}, "values": {"unit": {"type": "decimal", "scale": 2}}, "rows": rows});
    upgrade(&test, parcels("1.0.0", json!({}), &[("rate-tables/parcel_price.json", table)])).await;
    let page = test.get("/settlement/rate-tables/parcel_price/rows?limit=200").await.ok();
    let rank =
        |row: &Json| -> usize { row["row_rank"].to_string().trim_matches('"').parse().expect("a row has a rank") };
    let rows = page["data"].as_array().expect("a page has rows").iter();
    let mut stand: Vec<(usize, String)> =
        rows.map(|row| (rank(row), row["row"].as_str().unwrap_or_default().to_owned())).collect();
    stand.sort();
    assert_eq!(stand, (1..).zip(written).collect::<Vec<_>>());
}

#[tokio::test]
async fn rows_stand_in_the_order_they_are_written_on_sqlite() {
    rows_stand_in_the_order_they_are_written(On::Sqlite).await;
}

#[tokio::test]
async fn rows_stand_in_the_order_they_are_written_on_postgres() {
    rows_stand_in_the_order_they_are_written(On::Postgres).await;
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_its_change_and_nothing_is_written() {
    let test = TestApp::new(On::Sqlite).await;
    let rows = revision(&test).await;
    let wrong = json!([
        {"op": "add", "row": {"id": "n1", "service": "inspection", "valid": ["2026-01-01", null]}},
        {"op": "add", "row": {"id": "r1", "service": "inspection", "price": "1.00", "valid": ["2026-01-01", null]}},
        {"op": "add", "row": {"id": "n2", "service": "nothing", "price": "1.00", "valid": ["2026-02-01", "2026-01-01"]}},
        {"op": "close", "row": "nobody", "valid_to": "2026-02-01"},
        {"op": "close", "row": "r2", "valid_to": "2026-01-01"},
        {"op": "change", "row": "r3", "set": {"mode": "direct"}},
        {"op": "reopen", "row": "r5"},
        {"op": "burn", "row": "r5"},
        {"op": "close", "row": "r4", "until": "2026-02-01"},
        {"op": "close", "row": "r2", "valid_to": "2026-08-01"},
        {"op": "add", "row": {"id": "fine", "service": "inspection", "tier": "tier2", "price": "2.00", "valid": ["2026-01-01", null]}},
    ]);
    let plan = test.post(CHANGES, json!({"changes": wrong})).await.ok();
    let told = |error: &Json| {
        (error["pointer"].as_str().unwrap_or("").to_owned(), error["code"].as_str().unwrap_or("").to_owned())
    };
    let errors: Vec<(String, String)> = plan["errors"].as_array().expect("errors").iter().map(told).collect();
    let expect = [
        ("/changes/0/row/price", "required"),
        ("/changes/1/row/id", "not_unique"),
        ("/changes/2/row/service", "bad_reference"),
        ("/changes/2/row/valid/1", "out_of_range"),
        ("/changes/3/row", "bad_reference"),
        ("/changes/4/valid_to", "out_of_range"),
        ("/changes/5/set/mode", "read_only"),
        ("/changes/6/valid_to", "out_of_range"),
        ("/changes/7/op", "not_an_option"),
        ("/changes/8/until", "unknown_field"),
        ("/changes/9/row", "not_unique"),
    ];
    assert_eq!(errors, expect.map(|(pointer, code)| (pointer.to_owned(), code.to_owned())));
    assert_eq!((&plan["applicable"], &plan["errors_total"]), (&json!(false), &json!(11)));
    let refused = test.post(CHANGES, json!({"mode": "apply", "changes": wrong})).await.refused(422, "required");
    assert_eq!(refused["errors"].as_array().map(Vec::len), Some(11));
    assert_eq!(revision(&test).await, rows);
    assert_eq!(row(&test, "fine", "").await, None);
    let many: Vec<Json> = (0..5_001).map(|n| json!({"op": "close", "row": format!("r{n}")})).collect();
    test.post(CHANGES, json!({"changes": many})).await.refused(422, "out_of_range");
    test.post(CHANGES, json!({})).await.refused(422, "required");
    test.post("/settlement/rate-tables/nothing/changes", json!({"rows": []})).await.refused(404, "unknown_definition");
}

/// A table of a pack with one row more or less for each thing that can be wrong with one.
#[tokio::test]
async fn each_look_at_a_table_has_its_finding() {
    let test = TestApp::new(On::Sqlite).await;
    let table = |hit: &str| {
        let columns = json!({"channel": {"choice": ["shop", "web"]}});
        let prices = json!({"kind": "rate_table", "name": "parcel_price", "title": "Prices", "hit": hit, "columns": columns,
            "values": {"unit": {"type": "money_or_schedule"}}});
        let tiers = json!([{"up_to": "10", "rate": "10"}, {"up_to": null, "rate": "5"}]);
        let volume = json!({"kind": "schedule", "name": "volume", "title": "Volume", "mode": "volume", "tiers": tiers});
        let more = [("rate-tables/parcel_price.json", prices), ("settlement/volume.json", volume)];
        parcels(if hit == "first" { "1.0.0" } else { "2.0.0" }, json!({}), &more)
    };
    upgrade(&test, table("first")).await;
    let path = "/settlement/rate-tables/parcel_price";
    let found = async || -> Vec<(String, String, Json)> {
        let told = test.get(&format!("{path}/lint")).await.ok();
        let told = told["findings"].as_array().expect("findings").iter();
        let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
        told.map(|one| (text(&one["code"]), text(&one["row"]["row"]), one["params"].clone())).collect()
    };
    let row = |id: &str, channel: &str, unit: Json, valid: [Option<&str>; 2]| json!({"op": "add", "row": {"id": id, "channel": channel, "unit": unit, "valid": valid}});
    let change = async |changes: Json| {
        let body = json!({"mode": "apply", "changes": changes, "accept_findings": true});
        test.post(&format!("{path}/changes"), body).await.ok()
    };

    // The web has no row at all.
    change(json!([row("shop", "shop", json!("3.00"), [Some("2026-01-01"), None])])).await;
    let told = found().await;
    assert_eq!(
        told.iter().map(|(code, row, _)| (&**code, &**row)).collect::<Vec<_>>(),
        [("rate_gap", "")],
        "{told:#?}"
    );
    assert_eq!(told[0].2["key"], json!({"channel": "web"}));
    // It gets two, with a hole between them.
    change(json!([
        row("web", "web", json!("3.00"), [Some("2026-01-01"), Some("2026-02-01")]),
        row("late", "web", json!("3.00"), [Some("2026-02-10"), None]),
    ]))
    .await;
    let told = found().await;
    let of = |code: &str| told.iter().find(|one| one.0 == code).unwrap_or_else(|| panic!("{code}: {told:#?}")).clone();
    let (_, row_of_gap, gap) = of("rate_gap");
    assert_eq!((&*row_of_gap, &gap["from"], &gap["to"]), ("web", &json!("2026-02-01"), &json!("2026-02-10")));
    // Behind a row that takes all keys, a second one is never found; tiers that price the whole quantity anew fall.
    change(json!([
        row("all", "*", json!({"schedule": "volume"}), [Some("2026-01-01"), None]),
        row("never", "shop", json!("4.00"), [Some("2026-01-01"), None]),
    ]))
    .await;
    let told = found().await;
    let of = |code: &str| told.iter().find(|one| one.0 == code).unwrap_or_else(|| panic!("{code}: {told:#?}")).clone();
    assert_eq!(of("rate_unreachable").1, "never");
    let (_, row_of_fall, fall) = of("rate_falls");
    assert_eq!(
        (&*row_of_fall, &fall["schedule"], &fall["bound"], &fall["before"], &fall["after"]),
        ("all", &json!("volume"), &json!("10"), &json!("100"), &json!("50"))
    );
    assert!(!told.iter().any(|(code, ..)| code == "rate_gap"), "{told:#?}");
}

async fn rows_are_pasted_and_uploaded(on: On) {
    let test = TestApp::new(on).await;
    let pasted = "id\tservice\ttier\tmode\tprice\tvalid_from\tvalid_to\n\
                  p1\tinspection\ttier2\t*\t101.00\t2026-01-01\t\n\
                  p2\tinspection\ttier3\t*\tabc\t2026-01-01\t\n\
                  p3\tinspection\ttier9\tdirect\t103.00\t2026/1/1\t2026-12-31\n\
                  p4\tinspection\tnew_tier1\tdistribution\tjoint_steps\t2026-01-01\t\n";
    let plan = test.post(CHANGES, json!({"text": pasted})).await.ok();
    let errors = plan["errors"].as_array().expect("errors");
    let told: Vec<(i64, &str)> = errors
        .iter()
        .map(|error| (error["line"].as_i64().unwrap_or(0), error["pointer"].as_str().unwrap_or("")))
        .collect();
    assert_eq!(told, [(3, "/changes/1/row/price")], "what cannot be read is said first: {errors:#?}");
    let mended = pasted.replace("abc", "\"1,102.00\"");
    let plan = test.post(CHANGES, json!({"text": mended})).await.ok();
    assert_eq!((&plan["errors"][0]["line"], &plan["errors"][0]["code"]), (&json!(4), &json!("not_an_option")));
    let mended = mended.replace("tier9", "tier1");
    let applied = test.post(CHANGES, json!({"mode": "apply", "text": mended, "accept_findings": true})).await.ok();
    assert_eq!(applied["counts"], json!({"add": 4}));
    assert_eq!(price(&test, "p2", "").await.as_deref(), Some("1102.0000"));
    assert_eq!(row(&test, "p4", "").await.expect("the row")["price_schedule"], "joint_steps");
    test.post(CHANGES, json!({"text": "id\tprize\nx\t1\n"})).await.refused(422, "bad_mapping");

    // A file goes the same way; what cannot be read is said with its line, and mended by another upload.
    let file = "row,service,price,valid_from\nf1,deep_cleaning,91.00,2026-01-01\n,training,820.00,2026-01-01\n";
    let import = upload(&test, "internal_price", file).await;
    let body = json!({"import": import["id"], "mode": "apply", "accept_findings": true});
    let applied = test.post(CHANGES, body).await.ok();
    assert_eq!((&applied["total"], &applied["errors_total"]), (&json!(2), &json!(0)));
    assert_eq!(price(&test, "f1", "").await.as_deref(), Some("91.0000"));
    assert!(applied["findings"].as_array().expect("findings").iter().any(|finding| finding["code"] == "table_overlap"));

    // A spreadsheet, with titles of columns in the language of whoever fills it in.
    let file = book(&[
        &["row", "service", "tier", "price", "valid_from"],
        &["x1", "training", "tier1", "810.00", "2026-05-01"],
    ]);
    let import = upload(&test, "internal_price", file).await;
    let body = json!({"import": import["id"], "sheet": "Sheet1", "mode": "apply", "accept_findings": true});
    let applied = test.post(CHANGES, body).await.ok();
    assert_eq!((&applied["total"], &applied["errors_total"]), (&json!(1), &json!(0)), "{applied:#}");
    assert_eq!(price(&test, "x1", "valid_at=2026-05-01").await.as_deref(), Some("810.0000"));
    assert_eq!(price(&test, "x1", "valid_at=2026-04-30").await, None);
}

#[tokio::test]
async fn rows_are_pasted_and_uploaded_on_sqlite() {
    rows_are_pasted_and_uploaded(On::Sqlite).await;
}

#[tokio::test]
async fn rows_are_pasted_and_uploaded_on_postgres() {
    rows_are_pasted_and_uploaded(On::Postgres).await;
}

#[tokio::test]
async fn a_look_at_the_table_finds_what_is_wrong_with_its_rows() {
    let test = TestApp::new(On::Sqlite).await;
    let clean = test.get(&format!("{TABLE}/lint")).await.ok();
    assert_eq!(clean["complete"], true);
    let codes = |found: &Json| -> Vec<String> {
        let of = found["findings"].as_array().expect("findings").iter();
        of.map(|finding| {
            format!("{} {}", finding["code"].as_str().unwrap_or(""), finding["row"]["row"].as_str().unwrap_or(""))
        })
        .collect()
    };
    assert!(!codes(&clean).iter().any(|code| code.starts_with("table_overlap")), "{clean:#}");

    // The same keys on the same days: not saved unasked.
    let twin = json!([{"op": "add", "row": {"id": "twin", "service": "inspection", "tier": "tier1", "mode": "direct", "price": "1200.00", "valid": ["2026-06-01", "2026-08-01"]}}]);
    let plan = test.post(CHANGES, json!({"changes": twin})).await.ok();
    assert_eq!((&plan["applicable"], &plan["findings"][0]["severity"]), (&json!(false), &json!("error")));
    let refused = test.post(CHANGES, json!({"mode": "apply", "changes": twin})).await.refused(422, "table_overlap");
    assert_eq!(refused["errors"][0]["params"]["from"], "2026-06-01");
    test.post(CHANGES, json!({"mode": "apply", "changes": twin, "accept_findings": true})).await.ok();
    let told = test.ask_in("zh-CN", Method::GET, &format!("{TABLE}/lint"), None).await.ok();
    let overlap = told["findings"].as_array().expect("findings").iter().find(|found| found["code"] == "table_overlap");
    let overlap = overlap.expect("the overlap is found");
    assert_eq!(overlap["place"], "/valid");
    assert!(overlap["message"].as_str().is_some_and(|text| text.contains("同样匹配")), "{overlap:#}");
    assert!(overlap["hint"].as_str().is_some_and(|text| text.contains("截止")), "{overlap:#}");
    apply(&test, json!([{"op": "undo", "row": "twin"}])).await;

    // A slip of the decimal point, and the fallback closed: combinations without a row, days of an open period too.
    let slip = json!([{"op": "change", "row": "r2", "from": "2026-10-01", "set": {"price": "1280.00"}}]);
    let applied = apply(&test, slip).await;
    assert_eq!(codes(&applied), ["rate_cliff r2@2026-10-01"], "{applied:#}");
    let found = test.get(&format!("{TABLE}/lint?cliff=20")).await.ok();
    assert!(!codes(&found).contains(&"rate_cliff r2@2026-10-01".to_owned()), "{found:#}");
    let applied = apply(&test, json!([{"op": "close", "row": "r5", "valid_to": "2026-02-01"}])).await;
    // Nobody has closed March: its days are without a row.
    assert!(codes(&applied).contains(&"rate_not_covered r5".to_owned()), "{applied:#}");
    let found = test.get(&format!("{TABLE}/lint")).await.ok();
    assert!(found["findings"].as_array().expect("findings").iter().all(|finding| finding["hint"] != ""));
}

#[tokio::test]
async fn who_may_read_a_table_may_not_edit_it_for_that() {
    let test = TestApp::new(On::Sqlite).await;
    let finance = test.user("fin", &["finance"], json!({})).await;
    let add = json!({"mode": "apply", "rows": [{"id": "x", "price": "1.00", "valid": ["2030-01-01", null]}]});
    let shown = test.by(&finance, Method::GET, TABLE, None).await.ok();
    assert_eq!(shown["rights"], json!({"create": false, "update": false}));
    test.by(&finance, Method::POST, CHANGES, Some(add.clone())).await.refused(403, "forbidden");
    let close = json!({"mode": "apply", "changes": [{"op": "close", "row": "r5", "valid_to": "2027-01-01"}]});
    test.by(&finance, Method::POST, CHANGES, Some(close)).await.refused(403, "forbidden");
    let vat = test.by(&finance, Method::GET, "/settlement/rate-tables/vat", None).await.ok();
    assert_eq!(vat["rights"], json!({"create": true, "update": true}));
    let other = test.user("other", &[], json!({})).await;
    test.by(&other, Method::GET, TABLE, None).await.refused(403, "forbidden");
    test.by(&other, Method::GET, &format!("{TABLE}/rows"), None).await.refused(403, "forbidden");
    test.by(&other, Method::POST, CHANGES, Some(add)).await.refused(403, "forbidden");
    assert_eq!(test.by(&other, Method::GET, "/settlement/rate-tables", None).await.ok()["data"], json!([]));
}
