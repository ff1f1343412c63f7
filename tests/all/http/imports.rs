//! Imports over HTTP, on both databases: the whole way, what is refused, what goes on after a crash, what is taken back.

use super::exports::book;
use axum::body::Body;
use axum::http::Method;
use http_body_util::BodyExt;
use packwork_tests::app::{On, TestApp};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Every behaviour, on both databases.
macro_rules! on_both {
    ($($behaviour:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $behaviour() {
                super::$behaviour(super::TestApp::new(super::On::Sqlite).await).await;
            })+
        }

        mod on_postgres {
            $(#[tokio::test]
            async fn $behaviour() {
                super::$behaviour(super::TestApp::new(super::On::Postgres).await).await;
            })+
        }
    };
}

on_both!(
    a_file_goes_the_whole_way,
    an_import_goes_on_where_it_was_killed,
    an_import_is_taken_back_as_if_it_had_not_been,
    what_somebody_changed_since_is_kept,
    encodings_and_separators_are_told_by_the_file,
    a_spreadsheet_is_read_with_its_dates_and_numbers,
    rows_that_cannot_be_read_are_told_one_by_one,
    rights_hold_in_files_too,
    duplicates_are_dealt_with_as_asked,
    empty_cells_leave_new_records_their_defaults,
    rows_may_lead_to_rows_above_them,
    a_cancelled_import_is_resumed,
    events_go_on_after_the_connection_broke,
    a_file_of_two_encodings_is_told_cell_by_cell,
);

fn local(test: &TestApp) -> String {
    test.local.expose().to_owned()
}

pub(super) async fn upload(test: &TestApp, object: &str, file: impl Into<Vec<u8>>) -> Json {
    let path = format!("/imports?object={object}&name=file");
    test.upload(&local(test), &path, file.into()).await.ok()
}

pub(super) async fn step(test: &TestApp, import: &Json, step: &str, body: Json) -> Json {
    let path = format!("/imports/{}/{step}", import["id"].as_str().unwrap_or_default());
    let reply = test.post(&path, body).await;
    assert_eq!(reply.status.as_u16(), 202, "{:#}", reply.json);
    test.work(usize::MAX).await;
    get(test, import).await
}

async fn get(test: &TestApp, import: &Json) -> Json {
    test.get(&format!("/imports/{}", import["id"].as_str().unwrap_or_default())).await.ok()
}

async fn planned(test: &TestApp, object: &str, file: impl Into<Vec<u8>>, asked: Json) -> Json {
    let import = upload(test, object, file).await;
    let import = step(test, &import, "plan", asked).await;
    assert_eq!(import["status"], "planned", "{import:#}");
    import
}

pub(super) async fn rows(test: &TestApp, import: &Json, outcome: &str) -> Vec<Json> {
    let id = import["id"].as_str().unwrap_or_default();
    let path = format!("/imports/{id}/rows?outcome={outcome}&limit=200");
    test.ask(
        Method::GET,
        &path,
        None,
        &[("authorization", &format!("Bearer {}", local(test))), ("accept-language", "en")],
    )
    .await
    .ok()["data"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

/// All records of an object, by key, without what every change moves.
async fn all(test: &TestApp, object: &str) -> BTreeMap<String, Json> {
    let mut found = BTreeMap::new();
    let mut cursor = Json::Null;
    loop {
        let asked = json!({"limit": 200, "sort": ["code"], "cursor": cursor});
        let page = test.post(&format!("/records/{object}/query"), asked).await.ok();
        for record in page["data"].as_array().cloned().unwrap_or_default() {
            let mut record = record.as_object().cloned().unwrap_or_default();
            record.retain(|name, _| !matches!(name.as_str(), "version" | "updated_at" | "updated_by"));
            found.insert(record["code"].as_str().unwrap_or_default().to_owned(), Json::Object(record));
        }
        cursor = page["next_cursor"].clone();
        if cursor.is_null() {
            return found;
        }
    }
}

fn customers(from: usize, to: usize) -> String {
    let mut file = String::from("客户编码,名称,客户类型,电话,地址,启用\n");
    for at in from..to {
        file.push_str(&format!("K{at:05},客户{at},企业,1380000{:04},上海市浦东新区张江路{at}号,是\n", at % 10_000));
    }
    file
}

fn mapping() -> Json {
    json!({"客户编码": "code", "名称": "name", "客户类型": "kind", "电话": "phone", "地址": "address", "启用": {"field": "active"}})
}

async fn a_file_goes_the_whole_way(test: TestApp) {
    test.post("/records/customer", json!({"code": "K00001", "name": "老名字", "kind": "store"})).await.ok();
    test.post("/records/customer", json!({"code": "K00002", "name": "客户2"})).await.ok();
    let file = "客户编码,名称,客户类型\nK00001,新名字,企业\nK00002,客户2,company\nK00003,客户3,门店\nK00004,,企业\nK00003,又一个,企业\n";
    let import = upload(&test, "customer", file).await;
    assert_eq!(import["columns"], json!(["客户编码", "名称", "客户类型"]));
    assert_eq!(
        (&import["status"], &import["encoding"], &import["format"]),
        (&json!("uploaded"), &json!("utf-8"), &json!("csv"))
    );
    assert_eq!(
        (&import["mapping"]["名称"]["field"], &import["mapping"]["客户类型"]["field"]),
        (&json!("name"), &json!("kind"))
    );
    let asked =
        json!({"mapping": {"客户编码": "code", "名称": "name", "客户类型": "kind"}, "mode": "upsert", "by": "code"});
    let import = step(&test, &import, "plan", asked).await;
    let counts = json!({"create": 1, "update": 1, "skip": 1, "duplicate": 1, "error": 1, "applied": 0, "kept": 0});
    assert_eq!((&import["status"], &import["counts"], &import["rows"]), (&json!("planned"), &counts, &json!(5)));
    let update = rows(&test, &import, "update").await;
    assert_eq!((&update[0]["row"], &update[0]["record"]["title"]), (&json!(2), &json!("老名字")));
    let error = rows(&test, &import, "error").await;
    assert_eq!((&error[0]["row"], &error[0]["errors"][0]["column"]), (&json!(5), &json!("名称")));
    assert_eq!(error[0]["errors"][0]["code"], "required");
    assert_eq!(test.get("/records/customer/K00001").await.ok()["name"], "老名字", "a plan writes nothing");

    let id = import["id"].as_str().unwrap_or_default().to_owned();
    let follow = format!("/imports/{id}/events");
    test.post(&format!("/imports/{id}/apply"), json!({})).await.ok();
    let token = local(&test);
    let (events, _) = tokio::join!(test.bytes(&token, Method::GET, &follow, None), test.work(usize::MAX));
    let events = String::from_utf8(events.1).expect("events are text");
    assert!(events.contains("event: progress") && events.contains("\"status\":\"applied\""), "{events}");
    let import = get(&test, &import).await;
    assert_eq!((&import["status"], &import["counts"]["applied"]), (&json!("applied"), &json!(2)));
    let changed = test.get("/records/customer/K00001").await.ok();
    assert_eq!((&changed["name"], &changed["kind"]), (&json!("新名字"), &json!("company")));
    assert_eq!(test.get("/records/customer/K00003").await.ok()["kind"], "store");
    let (_, file) = test.bytes(&token, Method::GET, &format!("/imports/{id}/errors.csv"), None).await;
    let file = String::from_utf8(file).expect("the error file is text");
    let lines: Vec<&str> = file.trim_start_matches('\u{feff}').lines().collect();
    assert_eq!(lines.len(), 3, "{file}");
    assert!(lines[1].starts_with("K00004,,企业,") && lines[2].starts_with("K00003,又一个,企业,"), "{file}");
    test.post(&format!("/imports/{id}/apply"), json!({})).await.refused(409, "import_state");
    // The last event said again to whoever comes back.
    let last = import["revision"].as_i64().unwrap_or(0).to_string();
    let headers = [("authorization", &*format!("Bearer {token}")), ("last-event-id", &*last)];
    assert_eq!(test.ask(Method::GET, &follow, None, &headers).await.status, 200);
    // The same columns are mapped as they were the last time.
    let again = upload(&test, "customer", "名称,客户类型,客户编码\na,b,c\n").await;
    assert_eq!(again["mapping"]["客户编码"]["field"], "code");
}

async fn an_import_goes_on_where_it_was_killed(test: TestApp) {
    const ROWS: usize = 3_000;
    let import = upload(&test, "customer", customers(0, ROWS)).await;
    let id = import["id"].as_str().unwrap_or_default().to_owned();
    test.post(&format!("/imports/{id}/plan"), json!({"mapping": mapping(), "mode": "upsert", "by": "code"})).await.ok();
    assert_eq!(test.work(2).await, 2);
    let test = test.restart().await;
    test.advance(120);
    test.work(usize::MAX).await;
    let import = get(&test, &import).await;
    assert_eq!((&import["status"], &import["counts"]["create"]), (&json!("planned"), &json!(ROWS)));

    test.post(&format!("/imports/{id}/apply"), json!({})).await.ok();
    assert_eq!(test.work(2).await, 2);
    let some = test.get("/records/customer?count=exact&limit=1").await.ok()["count"].as_u64().unwrap_or(0) as usize;
    assert!(some > 0 && some < ROWS, "{some}");
    let test = test.restart().await;
    test.advance(120);
    test.work(usize::MAX).await;
    let import = get(&test, &import).await;
    assert_eq!((&import["status"], &import["counts"]["applied"]), (&json!("applied"), &json!(ROWS)), "{import:#}");
    let all = all(&test, "customer").await;
    assert_eq!(all.len(), ROWS);
    for at in [0, 1, 999, 1_000, 1_999, ROWS - 1] {
        assert_eq!(all[&format!("K{at:05}")]["name"], format!("客户{at}"));
    }
    let history = test.get("/records/customer/K00777/history").await.ok();
    assert_eq!(history["data"].as_array().map(Vec::len), Some(1));
}

async fn an_import_is_taken_back_as_if_it_had_not_been(test: TestApp) {
    let first = planned(&test, "customer", customers(0, 700), json!({"mapping": mapping()})).await;
    step(&test, &first, "apply", json!({})).await;
    let before = all(&test, "customer").await;
    let mut file = customers(600, 1_300);
    file = file.replace("企业", "门店").replace("张江路", "世纪大道").replace(",是", ",否");
    let import = planned(&test, "customer", file, json!({"mapping": mapping(), "mode": "upsert", "by": "code"})).await;
    assert_eq!((&import["counts"]["create"], &import["counts"]["update"]), (&json!(600), &json!(100)));
    step(&test, &import, "apply", json!({})).await;
    let after = all(&test, "customer").await;
    assert_eq!(
        (after.len(), &after["K00650"]["kind"], &after["K00650"]["active"]),
        (1_300, &json!("store"), &json!(false))
    );
    let import = step(&test, &import, "revert", json!({})).await;
    assert_eq!((&import["status"], &import["counts"]["kept"]), (&json!("reverted"), &json!(0)), "{import:#}");
    let again = all(&test, "customer").await;
    for (key, record) in &before {
        assert_eq!(&again[key], record);
    }
    assert_eq!(again.len(), before.len());
}

async fn what_somebody_changed_since_is_kept(test: TestApp) {
    test.post("/records/customer", json!({"code": "K00000", "name": "旧", "contact": "张三"})).await.ok();
    let file = "code,name,contact\nK00000,新,李四\nK00001,客户1,\nK00002,客户2,\n";
    let import = planned(&test, "customer", file, json!({"mode": "upsert", "by": "code"})).await;
    step(&test, &import, "apply", json!({})).await;
    test.system(Method::PATCH, "/records/customer/K00000", Some(json!({"version": 2, "name": "更新"}))).await.ok();
    test.system(Method::PATCH, "/records/customer/K00001", Some(json!({"version": 1, "contact": "王五"}))).await.ok();
    let import = step(&test, &import, "revert", json!({})).await;
    assert_eq!((&import["status"], &import["counts"]["kept"]), (&json!("reverted"), &json!(2)), "{import:#}");
    let kept = test.get("/records/customer/K00000").await.ok();
    assert_eq!((&kept["name"], &kept["contact"]), (&json!("更新"), &json!("张三")));
    assert_eq!(test.get("/records/customer/K00001").await.ok()["contact"], "王五");
    test.get("/records/customer/K00002").await.refused(404, "not_found");
}

async fn encodings_and_separators_are_told_by_the_file(test: TestApp) {
    let file = |separator: &str, code: &str| {
        format!("编码{separator}名称{separator}地址\n{code}{separator}上海客户{separator}上海市浦东新区张江路88号\n")
    };
    let gb = encoding_rs::GB18030.encode(&file(";", "G1")).0.into_owned();
    let marked = [b"\xEF\xBB\xBF".as_slice(), file("\t", "U1").as_bytes()].concat();
    let mut wide = vec![0xFF, 0xFE];
    wide.extend(file(",", "W1").encode_utf16().flat_map(u16::to_le_bytes));
    for (bytes, encoding, code) in [(gb, "gb18030", "G1"), (marked, "utf-8", "U1"), (wide, "utf-16le", "W1")] {
        let import = upload(&test, "customer", bytes).await;
        assert_eq!((&import["encoding"], &import["columns"]), (&json!(encoding), &json!(["编码", "名称", "地址"])));
        let asked = json!({"mapping": {"编码": "code", "名称": "name", "地址": "address"}});
        let import = step(&test, &import, "plan", asked).await;
        let import = step(&test, &import, "apply", json!({})).await;
        assert_eq!(import["counts"]["applied"], 1, "{import:#}");
        let made = test.get(&format!("/records/customer/{code}")).await.ok();
        assert_eq!((&made["name"], &made["_refs"]["region"]["title"]), (&json!("上海客户"), &json!("浦东新区")));
    }
    // Guessed wrongly, said rightly.
    let gb = encoding_rs::GB18030.encode("code,name\nG2,张三\n").0.into_owned();
    let import = upload(&test, "customer", gb).await;
    let path = format!("/imports/{}/plan", import["id"].as_str().unwrap_or_default());
    test.post(&path, json!({"encoding": "klingon"})).await.refused(400, "bad_parameter");
    let import = step(&test, &import, "plan", json!({"encoding": "gbk"})).await;
    assert_eq!((&import["encoding"], &import["counts"]["create"]), (&json!("gb18030"), &json!(1)));
}

async fn a_spreadsheet_is_read_with_its_dates_and_numbers(test: TestApp) {
    let file = book(&[&["编码", "名称", "启用"], &["X1", "表格客户", "否"], &["X2", "第二个", "√"]]);
    let import = upload(&test, "customer", file).await;
    assert_eq!((&import["format"], &import["sheets"]), (&json!("xlsx"), &json!(["Sheet1"])));
    let asked = json!({"mapping": {"编码": "code", "名称": "name", "启用": "active"}});
    let import = step(&test, &import, "plan", asked).await;
    step(&test, &import, "apply", json!({})).await;
    assert_eq!(test.get("/records/customer/X1").await.ok()["active"], false);
    assert_eq!(test.get("/records/customer/X2").await.ok()["active"], true);
    // What is exported as a spreadsheet can be imported again, and changes nothing.
    let asked = json!({"object": "product", "format": "xlsx"});
    let product = json!({"code": "P1", "name": "=空调", "kind": "device", "unit": "set", "price": "2899.00", "warranty_months": 72});
    test.post("/records/product", product).await.ok();
    let (_, file) = test.bytes(&local(&test), Method::POST, "/exports", Some(asked)).await;
    let import = planned(&test, "product", file, json!({"mode": "upsert", "by": "code"})).await;
    assert_eq!(
        (&import["counts"]["skip"], &import["counts"]["error"]),
        (&json!(1), &json!(0)),
        "{:#?}",
        rows(&test, &import, "error").await
    );
}

async fn rows_that_cannot_be_read_are_told_one_by_one(test: TestApp) {
    let mut file = b"code,name,phone,active\n".to_vec();
    file.extend(b"A1,good,,yes\n");
    file.extend(b"A2,too few\n");
    file.extend(b"A3,too,many,no,cells\n");
    file.extend(b"A4,\xff\xfe,,\n");
    file.extend(b"A5,zero\0,,\n");
    file.extend(b"A6,wrong,not a phone,perhaps\n");
    file.extend(b"A7,");
    file.extend(vec![b'x'; 3 * 1024 * 1024]);
    file.extend(b",,\nA8,=1+1,,1\n");
    let import = planned(&test, "customer", file, json!({"mode": "create"})).await;
    assert_eq!((&import["counts"]["create"], &import["counts"]["error"]), (&json!(2), &json!(6)), "{import:#}");
    let told: Vec<(i64, String, String)> = rows(&test, &import, "error")
        .await
        .iter()
        .flat_map(|row| {
            row["errors"].as_array().cloned().unwrap_or_default().into_iter().map(|error| (row["row"].clone(), error))
        })
        .map(|(row, error)| {
            let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
            (row.as_i64().unwrap_or(0), text("code"), text("column"))
        })
        .collect();
    let expect = [
        (3, "bad_row", ""),
        (4, "bad_row", ""),
        (5, "bad_row", "name"),
        (6, "bad_row", "name"),
        (7, "wrong_type", "active"),
        (7, "wrong_type", "phone"),
        (8, "bad_row", ""),
    ];
    assert_eq!(told, expect.map(|(row, code, column)| (row, code.to_owned(), column.to_owned())));
    step(&test, &import, "apply", json!({})).await;
    assert_eq!(test.get("/records/customer/A8").await.ok()["name"], "=1+1");
}

async fn rights_hold_in_files_too(test: TestApp) {
    let sales = test.user("sales1", &["sales"], json!({})).await;
    test.post("/records/customer", json!({"code": "C1", "name": "别人的客户"})).await.ok();
    let file = "code,name\nC1,抢来的\nC2,自己的\n";
    let import = test.upload(&sales, "/imports?object=customer&name=a.csv", file).await.ok();
    let path = |rest: &str| format!("/imports/{}{rest}", import["id"].as_str().unwrap_or_default());
    test.by(&sales, Method::POST, &path("/plan"), Some(json!({"mode": "upsert", "by": "code"}))).await.ok();
    test.work(usize::MAX).await;
    let planned = test.by(&sales, Method::GET, &path(""), None).await.ok();
    assert_eq!((&planned["counts"]["create"], &planned["counts"]["error"]), (&json!(1), &json!(1)), "{planned:#}");
    let errors = test.by(&sales, Method::GET, &path("/rows?outcome=error"), None).await.ok();
    assert_eq!(errors["data"][0]["errors"][0]["code"], "forbidden");
    test.by(&sales, Method::POST, &path("/apply"), Some(json!({}))).await.ok();
    test.work(usize::MAX).await;
    let made = test.by(&sales, Method::GET, "/records/customer/C2", None).await.ok();
    assert_eq!(made["_refs"]["owner"]["title"], "sales1");
    assert_eq!(test.get("/records/customer/C1").await.ok()["name"], "别人的客户");
    // Taking back deletes, which sales may not; others do not see the import at all.
    test.by(&sales, Method::POST, &path("/revert"), Some(json!({}))).await.refused(403, "forbidden");
    let other = test.user("sales2", &["sales"], json!({})).await;
    test.by(&other, Method::GET, &path(""), None).await.refused(404, "not_found");
    test.upload(&sales, "/imports?object=legal_entity", "code,name\na,b\n").await.refused(403, "forbidden");
    test.upload(&sales, "/imports?object=user", "login,name\na,b\n").await.refused(403, "forbidden");
    // Fields that are hidden are no fields.
    let hidden = json!({"mapping": {"code": "code", "name": "nothing"}});
    let import = test.upload(&sales, "/imports?object=customer", file).await.ok();
    let path = format!("/imports/{}/plan", import["id"].as_str().unwrap_or_default());
    test.by(&sales, Method::POST, &path, Some(hidden)).await.refused(422, "unknown_field");
}

async fn duplicates_are_dealt_with_as_asked(test: TestApp) {
    test.post("/records/customer", json!({"code": "D1", "name": "there"})).await.ok();
    let file = "code,name\nD1,one\nD2,two\nD2,three\n";
    let counts = |import: &Json| {
        ["create", "update", "duplicate", "error"].map(|name| import["counts"][name].as_i64().unwrap_or(-1))
    };
    for (duplicates, expect) in
        [("skip", [1, 0, 2, 0]), ("error", [1, 0, 0, 2]), ("create", [1, 0, 0, 2]), ("update", [1, 2, 0, 0])]
    {
        let asked = json!({"mode": "create", "by": "code", "duplicates": duplicates});
        let import = planned(&test, "customer", file, asked).await;
        assert_eq!(counts(&import), expect, "{duplicates}");
        if duplicates == "update" {
            let import = step(&test, &import, "apply", json!({})).await;
            assert_eq!(import["counts"]["applied"], 3, "{import:#}");
        }
    }
    assert_eq!(test.get("/records/customer/D1").await.ok()["name"], "one");
    let twice = test.get("/records/customer/D2").await.ok();
    assert_eq!((&twice["name"], &twice["version"]), (&json!("three"), &json!(2)));
}

async fn empty_cells_leave_new_records_their_defaults(test: TestApp) {
    let factor = async |code: &str| test.get(&format!("/records/customer_level/{code}")).await.ok()["discount"].clone();
    let file = "code,name,rank,discount\nP1,one,1,95%\nP2,two,2,\n";
    let import = planned(&test, "customer_level", file, json!({"mode": "create"})).await;
    let import = step(&test, &import, "apply", json!({})).await;
    assert_eq!(import["counts"]["applied"], 2, "{import:#}");
    assert_eq!((factor("P1").await, factor("P2").await), (json!("0.9500"), json!("1.0000")));
    // What is there is cleared, where it may be.
    let again = json!({"mode": "update", "by": "code"});
    let import = planned(&test, "customer_level", "code,discount\nP1,\nP2,80%\n", again).await;
    let import = step(&test, &import, "apply", json!({})).await;
    assert_eq!(import["counts"]["applied"], 2, "{import:#}");
    assert_eq!((factor("P1").await, factor("P2").await), (Json::Null, json!("0.8000")));
}

async fn rows_may_lead_to_rows_above_them(test: TestApp) {
    test.post("/records/legal_entity", json!({"code": "le1", "name": "总公司", "taxpayer": "general"})).await.ok();
    let file = "编码,名称,上级,法人\nT1,总部,,总公司\nT2,华东,T1,总公司\nT3,上海,T2,le1\nT4,nowhere,T9,le1\n";
    let asked = json!({"mapping": {"编码": "code", "名称": "name", "上级": "parent", "法人": "legal_entity"}});
    let import = planned(&test, "department", file, asked).await;
    assert_eq!(
        (&import["counts"]["create"], &import["counts"]["error"]),
        (&json!(3), &json!(1)),
        "{:#?}",
        rows(&test, &import, "error").await
    );
    let import = step(&test, &import, "apply", json!({})).await;
    assert_eq!(import["counts"]["applied"], 3, "{import:#}");
    assert_eq!(test.get("/records/department/T3").await.ok()["_refs"]["parent"]["title"], "华东");
    let import = step(&test, &import, "revert", json!({})).await;
    assert_eq!((&import["status"], &import["counts"]["kept"]), (&json!("reverted"), &json!(0)), "{import:#}");
    test.get("/records/department/T1").await.refused(404, "not_found");
}

async fn a_cancelled_import_is_resumed(test: TestApp) {
    let import = planned(&test, "customer", customers(0, 1_600), json!({"mapping": mapping()})).await;
    let id = import["id"].as_str().unwrap_or_default().to_owned();
    let post = |step: &str| format!("/imports/{id}/{step}");
    test.post(&post("apply"), json!({})).await.ok();
    test.work(1).await;
    test.post(&post("cancel"), json!({})).await.ok();
    test.advance(120);
    // The process that held it is this one: it ends what it holds when it is asked again.
    let test = test.restart().await;
    test.work(usize::MAX).await;
    let import = get(&test, &import).await;
    assert_eq!((&import["status"], &import["counts"]["applied"]), (&json!("cancelled"), &json!(1_000)), "{import:#}");
    test.post(&post("resume"), json!({})).await.ok();
    test.work(usize::MAX).await;
    let import = get(&test, &import).await;
    assert_eq!((&import["status"], &import["counts"]["applied"]), (&json!("applied"), &json!(1_600)), "{import:#}");
    assert_eq!(test.get("/records/customer?count=exact&limit=1").await.ok()["count"], 1_600);
}

/// The next event: its id, and the import in it.
async fn event(body: &mut Body) -> Option<(i64, Json)> {
    let piece = body.frame().await?.expect("the stream does not break").into_data().expect("events are data");
    let text = String::from_utf8(piece.to_vec()).expect("events are text");
    let part = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    assert_eq!(part("event: "), "progress", "{text}");
    let import = serde_json::from_str(part("data: ")).expect("the data is JSON");
    Some((part("id: ").parse().expect("the id is a number"), import))
}

async fn events_go_on_after_the_connection_broke(test: TestApp) {
    const ROWS: usize = 2_200;
    let import = planned(&test, "customer", customers(0, ROWS), json!({"mapping": mapping()})).await;
    let path = format!("/imports/{}/events", import["id"].as_str().unwrap_or_default());
    test.post(&path.replace("/events", "/apply"), json!({})).await.ok();
    // Somebody follows, and the connection breaks after the first chunk.
    let mut followed = test.stream(&local(&test), &path, &[]).await;
    let (begun, _) = event(&mut followed).await.expect("the beginning is told");
    test.work(1).await;
    let (first, import) = event(&mut followed).await.expect("the first chunk is told");
    assert_eq!((first, &import["done"], &import["revision"]), (begun + 1, &json!(1_000), &json!(first)), "{import:#}");
    drop(followed);
    // The next chunk is done while nobody looks, by another process.
    let test = test.restart().await;
    test.advance(120);
    test.work(1).await;
    let mut followed = test.stream(&local(&test), &path, &[("last-event-id", &first.to_string())]).await;
    let (second, import) = event(&mut followed).await.expect("what was missed is told");
    assert_eq!((second, &import["done"]), (first + 1, &json!(2_000)), "{import:#}");
    drop(followed);
    let test = test.restart().await;
    test.advance(120);
    let mut followed = test.stream(&local(&test), &path, &[("last-event-id", &second.to_string())]).await;
    let read = async {
        let mut told = Vec::new();
        while let Some((id, import)) = event(&mut followed).await {
            told.push((id, import));
        }
        told
    };
    let (told, _) = tokio::join!(read, test.work(usize::MAX));
    let ids: Vec<i64> = told.iter().map(|(id, _)| *id).collect();
    assert!(ids.iter().all(|id| *id > second) && ids.is_sorted_by(|one, other| one < other), "{second} then {ids:?}");
    let (last, import) = told.last().expect("the end is told");
    assert_eq!((&import["status"], &import["counts"]["applied"]), (&json!("applied"), &json!(ROWS)));
    assert_eq!(get(&test, import).await["revision"], json!(last));
    // Whoever comes back after the end hears that it is over, once.
    let mut followed = test.stream(&local(&test), &path, &[("last-event-id", &last.to_string())]).await;
    assert_eq!(
        event(&mut followed).await.map(|(id, import)| (id, import["status"].clone())),
        Some((*last, json!("applied")))
    );
    assert_eq!(event(&mut followed).await, None);
}

async fn a_file_of_two_encodings_is_told_cell_by_cell(test: TestApp) {
    // What tells the encoding is UTF-8; far below, somebody pasted from a file of another one.
    let mut file = "编码,名称\n".as_bytes().to_vec();
    for at in 0..4_000 {
        file.extend(format!("M{at:04},客户 {at}\n").as_bytes());
    }
    file.extend(encoding_rs::GB18030.encode("N1,张三\nN2,plain\n").0.as_ref());
    let import = upload(&test, "customer", file).await;
    assert_eq!(import["encoding"], "utf-8");
    let import = step(&test, &import, "plan", json!({"mapping": {"编码": "code", "名称": "name"}})).await;
    assert_eq!((&import["counts"]["create"], &import["counts"]["error"]), (&json!(4_001), &json!(1)), "{import:#}");
    let told = rows(&test, &import, "error").await;
    let error = &told[0]["errors"][0];
    assert_eq!((&told[0]["row"], &error["code"], &error["column"]), (&json!(4_002), &json!("bad_row"), &json!("名称")));
}

#[tokio::test]
async fn errors_name_fields_by_their_titles() {
    let test = TestApp::new(On::Sqlite).await;
    let import = planned(&test, "customer", "code,name\nT1,\n", json!({"mode": "create"})).await;
    let path = format!("/imports/{}/rows?outcome=error", import["id"].as_str().unwrap_or_default());
    let token = format!("Bearer {}", local(&test));
    for (locale, title, message) in [("zh-CN", "名称", "请填写“名称”"), ("en", "Name", "`name` is required")]
    {
        let headers = [("authorization", &*token), ("accept-language", locale)];
        let rows = test.ask(Method::GET, &path, None, &headers).await.ok();
        let error = &rows["data"][0]["errors"][0];
        assert_eq!((&error["title"], &error["message"]), (&json!(title), &json!(message)), "{rows:#}");
        let refused = test.ask(Method::POST, "/records/customer", Some(json!({"code": "T2"})), &headers).await;
        let error = &refused.json["errors"][0];
        assert_eq!((&error["title"], &error["message"]), (&json!(title), &json!(message)), "{:#}", refused.json);
    }
}

#[tokio::test]
async fn files_that_cannot_be_imported_are_refused_with_their_reason() {
    let test = TestApp::new(On::Sqlite).await;
    let token = local(&test);
    let wide = vec!["x"; 300].join(",");
    let mut bomb = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    bomb.start_file("xl/sharedStrings.xml", zip::write::SimpleFileOptions::default())
        .expect("the archive takes a part");
    for _ in 0..200 {
        std::io::Write::write_all(&mut bomb, &vec![b'x'; 1024 * 1024]).expect("the archive takes bytes");
    }
    let bomb = bomb.finish().expect("the archive ends").into_inner();
    assert!(bomb.len() < 1024 * 1024);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (Vec::new(), "empty"),
        (b" \n\r\n".to_vec(), "empty"),
        (b"code,name\n".to_vec(), "header_only"),
        (b"code,name,code\n1,2,3\n".to_vec(), "duplicate_columns"),
        (format!("{wide}\n{wide}\n").into_bytes(), "too_many_columns"),
        (b"co\0de,name\n1,2\n".to_vec(), "bad_header"),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1 and more".to_vec(), "old_excel"),
        (b"PK\x03\x04 and nothing that follows".to_vec(), "broken"),
        (bomb, "too_large_unpacked"),
    ];
    for (file, reason) in cases {
        let refused = test.upload(&token, "/imports?object=customer", file).await.refused(422, "bad_file");
        assert_eq!(refused["params"]["reason"], reason, "{refused:#}");
    }
    test.upload(&token, "/imports?object=nothing", "a\n1\n").await.refused(404, "unknown_object");
    test.upload(&token, "/imports", "a\n1\n").await.refused(400, "bad_parameter");
    test.get("/imports/nothing").await.refused(404, "not_found");
}

#[tokio::test]
async fn a_mapping_that_does_not_fit_is_told_column_by_column() {
    let test = TestApp::new(On::Sqlite).await;
    let import = upload(&test, "customer", "a,b,c\n1,2,3\n").await;
    let path = format!("/imports/{}/plan", import["id"].as_str().unwrap_or_default());
    let check = async |body: Json, code: &str, pointer: &str| {
        let refused = test.post(&path, body).await.refused(422, code);
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{refused:#}");
    };
    check(json!({"mapping": {"a": "code", "b": "code"}, "mode": "create"}), "bad_mapping", "/mapping/b").await;
    check(json!({"mapping": {"a": "colour"}, "mode": "create"}), "unknown_field", "/mapping/a").await;
    check(json!({"mapping": {"a": "region"}, "mode": "create"}), "read_only", "/mapping/a").await;
    check(json!({"mapping": {"z": "code"}, "mode": "create"}), "bad_mapping", "/mapping/z").await;
    check(json!({"mapping": {"a": 7}, "mode": "create"}), "bad_mapping", "/mapping/a").await;
    check(json!({"mapping": {}, "mode": "create"}), "bad_mapping", "/mapping").await;
    check(json!({"mapping": {"a": "name"}, "mode": "upsert", "by": "code"}), "bad_mapping", "/by").await;
    check(json!({"mapping": {"a": "name"}, "mode": "update", "by": "name"}), "bad_mapping", "/by").await;
    check(
        json!({"mapping": {"a": {"field": "salesperson", "by": "colour"}}, "mode": "create"}),
        "bad_mapping",
        "/mapping/a",
    )
    .await;
    test.post(&path, json!({"mode": "guess"})).await.refused(400, "bad_parameter");
}
