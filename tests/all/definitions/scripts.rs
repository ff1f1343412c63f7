//! Scripts on both databases: leave that packs ask for, what running costs, stopping, running again with kept inputs.

use super::fixture::{apply, on_both, parcels, plan_packs, text};
use packwork_tests::app::{On, Reply, TestApp};
use serde_json::{Value as Json, json};

const FEE: &str = "object/parcel/fields/fee/formula";
const STEPS: &str = "object/parcel/fields/steps/formula";

/// Parcels with a fee that is looked up, and a field whose formula loops.
fn asking(version: &str, capabilities: Json) -> Json {
    let fields = json!({
        "size": {"type": "integer", "title": "Size"},
        "fee": {"type": "decimal", "title": "Fee", "formula": "lookup(\"currency\", \"CNY\", \"code\").len() * size"},
        "steps": {"type": "integer", "title": "Steps",
            "formula": "let sum = 0; for at in 0..(size ?? 0) { sum += at; } sum"},
    });
    let mut pack = parcels(version, fields, &[]);
    let mut manifest: Json = serde_json::from_str(&text(&pack["files"]["pack.json"])).expect("a manifest is JSON");
    manifest["requires"] = json!({"base": "*"});
    manifest["capabilities"] = capabilities;
    pack["files"]["pack.json"] = json!(manifest.to_string());
    pack
}

async fn granted(on: On) -> TestApp {
    let test = TestApp::new(on).await;
    let plan = plan_packs(&test, asking("1.0.0", json!(["records"])), json!({})).await;
    let accept = json!({"plan": plan["plan"], "accept": {"capabilities": true}});
    test.post("/packs/apply", accept).await.ok();
    test
}

async fn create(test: &TestApp, code: &str, size: i64) -> Reply {
    test.post("/records/parcel", json!({"code": code, "size": size})).await
}

async fn script(test: &TestApp, address: &str) -> Json {
    let scripts = test.get("/scripts").await.ok();
    let rows = scripts["data"].as_array().into_iter().flatten();
    rows.into_iter().find(|row| row["script"] == address).cloned().unwrap_or_default()
}

async fn what_a_pack_asks_for_is_granted_by_whoever_applies_it_and_can_be_taken_back(on: On) {
    let test = TestApp::new(on).await;
    // Not asked for: found by checking.
    let plan = plan_packs(&test, asking("1.0.0", json!([])), json!({})).await;
    let codes: Vec<String> = plan["findings"].as_array().into_iter().flatten().map(|one| text(&one["code"])).collect();
    assert_eq!((codes, &plan["blocked"]), (vec!["undeclared_capability".to_owned()], &json!(["definitions"])));
    let plan = plan_packs(&test, asking("1.0.0", json!(["recrods"])), json!({})).await;
    let near = plan["findings"].as_array().into_iter().flatten().find(|one| one["code"] == "unknown_capability");
    assert_eq!(near.map(|one| &one["hint"]), Some(&json!("did you mean `records`?")), "{plan:#}");

    let plan = plan_packs(&test, asking("1.0.0", json!(["records"])), json!({})).await;
    let asked = &plan["capabilities"][0];
    assert_eq!(
        (&asked["pack"], &asked["capability"], &asked["granted"]),
        (&json!("parcels"), &json!("records"), &json!(false))
    );
    assert!(text(&asked["words"]["zh-CN"]).contains("读取"), "{asked}");
    // Whoever applies it has to say so.
    let problem = apply(&test, &plan).await.refused(409, "plan_blocked");
    assert_eq!(problem["params"]["blocked"], json!(["capabilities"]));
    test.get("/records/parcel").await.refused(404, "unknown_object");
    test.post("/packs/apply", json!({"plan": plan["plan"], "accept": {"capabilities": true}})).await.ok();
    assert_eq!(create(&test, "p1", 2).await.ok()["fee"], "6.00");

    // Taken back: the script does not run, and nothing is written; also after a restart.
    test.post("/scripts/grants", json!({"pack": "parcels", "revoke": ["records"]})).await.ok();
    create(&test, "p2", 2).await.refused(409, "capability_missing");
    assert_eq!(script(&test, FEE).await["status"], "not_granted");
    let test = test.restart().await;
    let problem = test.ask_in("zh-CN", axum::http::Method::POST, "/records/parcel", Some(json!({"code": "p2"}))).await;
    let problem = problem.refused(409, "capability_missing");
    assert!(text(&problem["detail"]).contains("管理员"), "{problem}");
    assert_eq!(test.get("/records/parcel?count=exact").await.ok()["count"], 1);
    let listed = test.ask_in("zh-CN", axum::http::Method::GET, "/scripts", None).await.ok();
    assert_eq!(listed["capabilities"][0]["granted"], false);
    assert!(text(&listed["capabilities"][0]["title"]).contains("读取"), "{listed}");
    test.post("/scripts/grants", json!({"pack": "parcels", "grant": ["records"]})).await.ok();
    assert_eq!(create(&test, "p2", 1).await.ok()["fee"], "3.00");

    // Only what a pack asks for, only of packs there are, only by administrators.
    test.post("/scripts/grants", json!({"pack": "base", "grant": ["records"]}))
        .await
        .refused(422, "unknown_capability");
    test.post("/scripts/grants", json!({"pack": "parcels", "grant": ["fire"]}))
        .await
        .refused(422, "unknown_capability");
    test.post("/scripts/grants", json!({"pack": "gone", "grant": ["records"]})).await.refused(404, "not_found");
    let clerk = test.user("clerk", &["sales"], json!({})).await;
    let grant = json!({"pack": "parcels", "revoke": ["records"]});
    test.by(&clerk, axum::http::Method::POST, "/scripts/grants", Some(grant)).await.refused(403, "forbidden");
    // A version that asks for no more than was granted needs no word; a pack that left has to ask again.
    let plan = plan_packs(&test, asking("1.1.0", json!(["records"])), json!({})).await;
    apply(&test, &plan).await.ok();
    let plan = test.post("/packs/plan", json!({"remove": ["parcels"]})).await.ok();
    apply(&test, &plan).await.ok();
    let plan = plan_packs(&test, asking("1.1.0", json!(["records"])), json!({})).await;
    apply(&test, &plan).await.refused(409, "plan_blocked");
}

async fn a_stopped_script_refuses_until_it_is_started_and_what_it_cost_is_known(on: On) {
    let test = granted(on).await;
    create(&test, "p1", 3).await.ok();
    create(&test, "p2", 2_000).await.ok();
    // More steps than a script may take: a failure, and one in the last bucket.
    create(&test, "p3", 4_000).await.ok();
    create(&test, "p4", 20_000).await.refused(422, "script_limit");
    let steps = script(&test, STEPS).await;
    assert_eq!((&steps["pack"], &steps["status"], &steps["needs"]), (&json!("parcels"), &json!("active"), &json!([])));
    let usage = &steps["usage"];
    let count = |name: &str| usage[name].as_i64().unwrap_or_default();
    // A command that has to fetch facts evaluates its formulas again when they are there.
    assert!(count("runs") >= 4 && count("failures") >= 1 && count("failures") < count("runs"), "{usage:#}");
    let runs: Vec<&Json> = usage["histogram"].as_array().into_iter().flatten().map(|bucket| &bucket["runs"]).collect();
    let counted: i64 = runs.iter().filter_map(|runs| runs.as_i64()).sum();
    assert!(counted == count("runs") && runs[0].as_i64() >= Some(1), "{usage:#}");
    assert!(usage["operations_max"].as_i64() > Some(10_000), "{usage:#}");

    test.post("/scripts/stop", json!({"script": STEPS, "reason": "too slow"})).await.ok();
    let problem = create(&test, "p5", 1).await.refused(409, "script_stopped");
    assert!(text(&problem["detail"]).contains("too slow"), "{problem}");
    let stopped = script(&test, STEPS).await;
    assert_eq!((&stopped["status"], &stopped["stopped"]["reason"]), (&json!("stopped"), &json!("too slow")));
    // An upgrade does not start it, a restart neither; the number of a version that came of it is no rollback's target.
    let plan = plan_packs(&test, asking("1.1.0", json!(["records"])), json!({})).await;
    apply(&test, &plan).await.ok();
    let test = test.restart().await;
    create(&test, "p5", 1).await.refused(409, "script_stopped");
    test.post("/scripts/start", json!({"script": STEPS})).await.ok();
    assert_eq!(create(&test, "p5", 4).await.ok()["steps"], "6");
    test.post("/definitions/rollback", json!({"accept": {"capabilities": true}})).await.ok();
    let packs = test.get("/packs").await.ok();
    let parcels = packs["data"].as_array().into_iter().flatten().find(|pack| pack["name"] == "parcels");
    assert_eq!(parcels.map(|pack| &pack["version"]), Some(&json!("1.0.0")));

    let problem =
        test.post("/scripts/stop", json!({"script": "object/parcel/fields/step/formula", "reason": "x"})).await;
    assert_eq!(problem.refused(404, "unknown_script")["params"]["suggestion"], STEPS);
    test.post("/scripts/stop", json!({"script": STEPS})).await.refused(422, "required");
}

async fn last_inputs_are_run_again_as_they_were_or_with_another_text(on: On) {
    let test = granted(on).await;
    for (at, code) in ["a", "b", "c"].into_iter().enumerate() {
        create(&test, code, 2 + i64::try_from(at).expect("a small number")).await.ok();
        test.advance(1);
    }
    // Kept in the tenant: another process runs them.
    test.get("/scripts").await.ok();
    let test = test.restart().await;
    let inputs = test.get(&format!("/scripts/inputs?script={FEE}")).await.ok();
    assert_eq!(inputs["data"][0]["inputs"]["reads"], json!({"record.size": {"value": {"decimal": "4"}}}), "{inputs:#}");
    assert_eq!(inputs["data"][0]["inputs"]["calls"][0]["args"], json!(["currency", "CNY", "code"]));

    let again = test.post("/scripts/replay", json!({"script": FEE})).await.ok();
    assert_eq!((&again["same"], &again["differ"]), (&json!(3), &json!(0)), "{again:#}");
    let other = "let fee = lookup(\"currency\", \"CNY\", \"code\").len() * size; if fee > 8 { 8 } else { fee }";
    let again = test.post("/scripts/replay", json!({"script": FEE, "source": other})).await.ok();
    let was_and_now: Vec<Json> = again["data"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| json!([row["was"]["value"], row["now"]["value"]]))
        .collect();
    let decimal = |text: &str| json!({"decimal": text});
    assert_eq!(
        was_and_now,
        [
            json!([decimal("12"), decimal("8")]),
            json!([decimal("9"), decimal("8")]),
            json!([decimal("6"), decimal("6")])
        ]
    );
    // What was not read then cannot be known now.
    let again = test.post("/scripts/replay", json!({"script": STEPS, "source": "let n = weight; n"})).await.ok();
    assert!(text(&again["data"][0]["now"]["failed"]).contains("record.weight"), "{again:#}");
    let wrong = test.post("/scripts/replay", json!({"script": FEE, "source": "let x = ; x"})).await;
    assert_eq!(wrong.refused(422, "script_syntax")["errors"][0]["pointer"], "/source");
    test.post("/scripts/replay", json!({"script": "object/parcel"})).await.refused(404, "unknown_script");
}

on_both! {
    what_a_pack_asks_for_is_granted_by_whoever_applies_it_and_can_be_taken_back => leave_on_sqlite, leave_on_postgres;
    a_stopped_script_refuses_until_it_is_started_and_what_it_cost_is_known => stopping_on_sqlite, stopping_on_postgres;
    last_inputs_are_run_again_as_they_were_or_with_another_text => replay_on_sqlite, replay_on_postgres;
}

#[tokio::test]
async fn a_script_stopped_on_one_node_is_stopped_for_the_next_request_of_another() {
    let one = granted(On::Postgres).await;
    let two = one.beside().await;
    create(&two, "p1", 1).await.ok();
    let runs = async |node: &TestApp| script(node, STEPS).await["usage"]["runs"].as_i64().unwrap_or_default();
    let before = runs(&two).await;
    assert!(before > 0 && runs(&one).await == before);
    one.post("/scripts/stop", json!({"script": STEPS, "reason": "look at it"})).await.ok();
    create(&two, "p2", 1).await.refused(409, "script_stopped");
    two.post("/scripts/start", json!({"script": STEPS})).await.ok();
    create(&one, "p2", 1).await.ok();
    // What both have counted is told by either.
    assert_eq!((runs(&one).await, runs(&two).await), (2 * before, 2 * before));
}
