//! What a new definition asks of records that are there: filled by a job that survives being killed, or refused with
//! how many lack it.

use super::fixture::{apply, database, on_both, parcels, plan_packs, text, upgrade};
use axum::http::Method;
use packwork::store::Drift;
use packwork_tests::app::{On, Reply, TestApp};
use serde_json::{Value as Json, json};

/// More than one unit of the job.
const RECORDS: usize = 250;
/// Longer than a killed process holds its job.
const HELD_SECONDS: u64 = 61;

fn weight() -> Json {
    json!({"type": "decimal", "title": "Weight"})
}

/// A tenant with a version of the parcels and so many of them, each with its weight.
async fn with_records(on: On, fields: Json, more: &[(&str, Json)], records: Vec<Json>) -> TestApp {
    let test = TestApp::new(on).await;
    upgrade(&test, parcels("1.0.0", fields, more)).await;
    let create = |data: Json| json!({"op": "create", "data": data});
    let operations: Vec<Json> = records.into_iter().map(create).collect();
    let done = test.post("/records/parcel/bulk", json!({"operations": operations})).await.ok();
    assert_eq!(done["failed"], 0, "{done:#}");
    test
}

/// A change of the first version of a parcel.
async fn change(test: &TestApp, code: &str, mut fields: Json) -> Reply {
    fields["version"] = json!(1);
    test.system(Method::PATCH, &format!("/records/parcel/{code}"), Some(fields)).await
}

async fn job(test: &TestApp, applied: &Json) -> Json {
    assert_eq!(applied["jobs"].as_array().map(Vec::len), Some(1), "{applied:#}");
    test.ask_in("en", Method::GET, &format!("/jobs/{}", text(&applied["jobs"][0])), None).await.ok()
}

async fn count(test: &TestApp, filter: Json) -> Json {
    let filter = filter.to_string().replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
    test.get(&format!("/records/parcel?limit=1&count=exact&filter={filter}")).await.ok()["count"].clone()
}

/// What a doctor finds with parcels.
async fn drift(test: &TestApp) -> Vec<Drift> {
    let mut found = test.drift().await;
    found.retain(|drift| drift.object.as_deref().is_some_and(|object| object.starts_with("parcel")));
    found
}

async fn a_required_field_with_a_default_is_filled_by_a_job_that_survives(on: On) {
    let records = (0..RECORDS).map(|number| json!({"code": format!("p{number}"), "weight": "2"}));
    let test = with_records(on, json!({"weight": weight()}), &[], records.collect()).await;
    let fields = json!({
        "weight": weight(),
        "size": {"type": "integer", "title": "Size", "required": true, "default": 5, "index": true},
        "double": {"type": "decimal", "title": "Double", "formula": "weight * size"},
    });
    let plan = plan_packs(&test, parcels("1.1.0", fields, &[]), json!({})).await;
    let told = database(&plan);
    for expected in [json!(["back_fill", "parcel", "f_size", RECORDS]), json!(["add_index", "parcel", null, RECORDS])] {
        assert!(told.contains(&expected), "{told:#?}");
    }
    let entries = plan["database"].as_array().cloned().unwrap_or_default();
    let index = entries.iter().find(|entry| entry["action"] == "add_index").cloned().unwrap_or_default();
    assert_eq!(index["lock"], "reading", "writers wait while an index is built, and the plan says so");
    let applied = apply(&test, &plan).await.ok();
    let waiting = job(&test, &applied).await;
    assert_eq!(
        [&waiting["kind"], &waiting["status"], &waiting["done"], &waiting["total"]],
        [&json!("back_fill"), &json!("waiting"), &json!(0), &json!(RECORDS)]
    );
    // Nobody is held up by what is not filled yet.
    let early = change(&test, "p7", json!({"weight": "3"})).await.ok();
    assert_eq!((&early["size"], &early["double"]), (&json!("5"), &json!("15.00")));
    let emptied = change(&test, "p8", json!({"size": null})).await;
    assert_eq!(emptied.status, 422, "{:#}", emptied.json);
    assert_eq!(test.work(1).await, 1);
    let running = job(&test, &applied).await;
    assert_eq!((&running["status"], &running["done"]), (&json!("running"), &json!(200)));
    assert_eq!(count(&test, json!({"size": {"is_null": true}})).await, json!(RECORDS - 201));
    let test = test.restart().await;
    test.advance(HELD_SECONDS);
    test.work(usize::MAX).await;
    let done = job(&test, &applied).await;
    assert_eq!((&done["status"], &done["done"]), (&json!("done"), &json!(RECORDS - 1)), "{done:#}");
    assert_eq!(count(&test, json!({"size": {"eq": 5}})).await, json!(RECORDS));
    let record = test.get("/records/parcel/p9").await.ok();
    assert_eq!((&record["size"], &record["double"], &record["version"]), (&json!("5"), &json!("10.00"), &json!(2)));
    let history = test.get(&format!("/records/parcel/{}/history", text(&record["id"]))).await.ok();
    let change = &history["data"][0]["changes"]["size"];
    assert_eq!((&change["old"], change["new"].to_string().trim_matches('"')), (&Json::Null, "5"));
    assert_eq!(drift(&test).await, []);
}

async fn owned_rows_are_completed_with_their_owner(on: On) {
    let row = |fields: Json| {
        let row = json!({"kind": "object", "name": "parcel_row", "title": "Row", "owned_by": "parcel", "display": "what",
            "fields": fields});
        ("objects/parcel_row.json", row)
    };
    let rows = json!({"type": "items", "title": "Rows", "to": "parcel_row"});
    let what = json!({"type": "text", "title": "What"});
    let test = TestApp::new(on).await;
    upgrade(&test, parcels("1.0.0", json!({"rows": rows}), &[row(json!({"what": what}))])).await;
    let made = test.post("/records/parcel", json!({"code": "p1", "rows": [{"what": "a"}, {"what": "b"}]})).await.ok();
    test.post("/records/parcel", json!({"code": "p2"})).await.ok();
    let pieces = json!({"type": "integer", "title": "Pieces", "required": true, "default": 2});
    let fields = json!({"rows": rows, "all": {"type": "rollup", "title": "All", "of": "rows", "sum": "pieces"}});
    let more = [row(json!({"what": what, "pieces": pieces}))];
    let plan = plan_packs(&test, parcels("1.1.0", fields, &more), json!({})).await;
    assert!(database(&plan).contains(&json!(["back_fill", "parcel_row", "f_pieces", 2])), "{plan:#}");
    let applied = apply(&test, &plan).await.ok();
    test.work(usize::MAX).await;
    let done = job(&test, &applied).await;
    assert_eq!((&done["status"], &done["done"]), (&json!("done"), &json!(2)), "{done:#}");
    let record = test.get(&format!("/records/parcel/{}", text(&made["id"]))).await.ok();
    let pieces: Vec<&Json> = record["rows"].as_array().into_iter().flatten().map(|row| &row["pieces"]).collect();
    assert_eq!((pieces, &record["all"]), (vec![&json!("2"), &json!("2")], &json!("4")));
    assert_eq!(test.get("/records/parcel/p2").await.ok()["all"], "0");
    assert_eq!(drift(&test).await, []);
}

async fn without_a_default_it_is_refused_until_the_rows_have_a_value(on: On) {
    let records = vec![json!({"code": "p1", "weight": "1"}), json!({"code": "p2"}), json!({"code": "p3"})];
    let test = with_records(on, json!({"weight": weight()}), &[], records).await;
    let mut required = weight();
    required["required"] = json!(true);
    let strict = || parcels("1.1.0", json!({"weight": required}), &[]);
    let plan = plan_packs(&test, strict(), json!({})).await;
    assert_eq!(plan["blocked"], json!(["rows_in_the_way"]));
    let refused = &plan["database"][0];
    assert_eq!(
        [&refused["action"], &refused["column"], &refused["rows"], &refused["offer"]],
        [&json!("refused"), &json!("weight"), &json!(2), &json!("give_default")]
    );
    assert_eq!(
        refused["words"]["zh-CN"],
        "拒绝：`parcel.weight` 有 2 行没有值，不能设为必填；请为字段设置默认值，或先填写这些行"
    );
    apply(&test, &plan).await.refused(409, "plan_blocked");
    for code in ["p2", "p3"] {
        change(&test, code, json!({"weight": "4"})).await.ok();
    }
    let plan = plan_packs(&test, strict(), json!({})).await;
    assert_eq!((&plan["blocked"], database(&plan)), (&json!([]), vec![]));
    // A row that comes between plan and publication is found there.
    test.post("/records/parcel", json!({"code": "p4"})).await.ok();
    let refused = apply(&test, &plan).await.refused(409, "incompatible_change");
    assert_eq!(refused["errors"][0]["params"]["rows"], 1);
    test.system(Method::DELETE, "/records/parcel/p4", Some(json!({"version": 1}))).await.ok();
    assert_eq!(apply(&test, &plan).await.ok()["jobs"], json!([]));
    test.post("/records/parcel", json!({"code": "p5"})).await.refused(422, "required");
}

async fn what_cannot_be_completed_is_named_and_the_rest_is(on: On) {
    let records = vec![json!({"code": "p1", "weight": "4"}), json!({"code": "p2", "weight": "0"})];
    let test = with_records(on, json!({"weight": weight()}), &[], records).await;
    let share = json!({"type": "decimal", "title": "Share", "required": true, "default_formula": "1 / weight"});
    let applied = upgrade(&test, parcels("1.1.0", json!({"weight": weight(), "share": share}), &[])).await;
    test.work(usize::MAX).await;
    let failed = job(&test, &applied).await;
    assert_eq!((&failed["status"], &failed["problem"]["code"]), (&json!("failed"), &json!("back_fill_incomplete")));
    let other = test.get("/records/parcel/p2").await.ok();
    assert_eq!(
        (&failed["problem"]["params"]["rows"], &failed["problem"]["params"]["record"]),
        (&json!(1), &other["id"])
    );
    assert_eq!(test.get("/records/parcel/p1").await.ok()["share"], "0.25");
    let found: Vec<(&str, Option<String>)> =
        drift(&test).await.into_iter().map(|drift| (drift.check, drift.record.map(|id| id.to_string()))).collect();
    assert_eq!(found, [("required", other["id"].as_str().map(str::to_owned))]);
}

async fn values_that_no_longer_fit_are_counted(on: On) {
    let fields = |length: i64, options: &[&str]| {
        let options: Json = options.iter().map(|name| ((*name).to_owned(), json!({"title": name}))).collect();
        json!({
            "remark": {"type": "text", "title": "Remark", "max_length": length},
            "kind": {"type": "choice", "title": "Kind", "options": options},
        })
    };
    let records = vec![json!({"code": "p1", "remark": "十个字以内", "kind": "a"}), json!({"code": "p2", "kind": "b"})];
    let test = with_records(on, fields(10, &["a", "b", "c"]), &[], records).await;
    let plan = plan_packs(&test, parcels("1.1.0", fields(4, &["b"]), &[]), json!({})).await;
    let mut told = database(&plan);
    told.sort_by_key(Json::to_string);
    assert_eq!(told, [json!(["refused", "parcel", "kind", 1]), json!(["refused", "parcel", "remark", 1])]);
    let plan = plan_packs(&test, parcels("1.1.0", fields(5, &["b", "a", "d"]), &[]), json!({})).await;
    assert_eq!((&plan["blocked"], database(&plan)), (&json!([]), vec![]), "what nobody uses may go");
}

on_both! {
    a_required_field_with_a_default_is_filled_by_a_job_that_survives => filled_on_sqlite, filled_on_postgres;
    owned_rows_are_completed_with_their_owner => rows_on_sqlite, rows_on_postgres;
    without_a_default_it_is_refused_until_the_rows_have_a_value => refused_on_sqlite, refused_on_postgres;
    what_cannot_be_completed_is_named_and_the_rest_is => named_on_sqlite, named_on_postgres;
    values_that_no_longer_fit_are_counted => narrowed_on_sqlite, narrowed_on_postgres;
}
