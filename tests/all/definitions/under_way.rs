//! What is under way when definitions change: records in states that go, runs of plans that go. And who uses what, by path.

use super::fixture::{apply, first, on_both, parcels, plan_packs, text, upgrade};
use axum::http::Method;
use packwork_tests::app::{On, TestApp};
use serde_json::{Value as Json, json};

/// Parcels with a lifecycle of these states, each reached from the one before it.
fn moving(version: &str, states: &[&str]) -> Json {
    let mut written = json!({});
    let mut transitions = json!({});
    for (at, state) in states.iter().enumerate() {
        written[*state] = json!({"title": state, "final": at + 1 == states.len()});
        if at > 0 {
            transitions[format!("to_{state}")] = json!({"title": state, "from": [states[at - 1]], "to": state});
        }
    }
    let lifecycle = json!({"kind": "lifecycle", "name": "parcel", "title": "Parcel", "on": "parcel",
        "initial": states[0], "states": written, "transitions": transitions});
    let mut pack = parcels(version, json!({}), &[("lifecycles/parcel.json", lifecycle)]);
    let mut chinese: Json = serde_json::from_str(&text(&pack["files"]["i18n/zh-CN.json"])).expect("texts are JSON");
    for (at, state) in states.iter().enumerate() {
        chinese[format!("lifecycle/parcel/states/{state}/title")] = json!("状态");
        if at > 0 {
            chinese[format!("lifecycle/parcel/transitions/to_{state}/title")] = json!("操作");
        }
    }
    pack["files"]["i18n/zh-CN.json"] = json!(chinese.to_string());
    pack
}

async fn a_state_in_which_records_stand_is_not_taken_out(on: On) {
    let test = TestApp::new(on).await;
    upgrade(&test, moving("1.0.0", &["new", "packed", "sent"])).await;
    // Nobody stands in it yet when the plan is made.
    let early = plan_packs(&test, moving("2.0.0", &["new", "sent"]), json!({})).await;
    assert_eq!((&early["blocked"], &early["broken"]), (&json!([]), &json!([])));
    for code in ["p1", "p2", "p3"] {
        test.post("/records/parcel", json!({"code": code})).await.ok();
    }
    for code in ["p1", "p2"] {
        test.post(&format!("/records/parcel/{code}/transitions/to_packed"), json!({})).await.ok();
    }
    test.system(Method::DELETE, "/records/parcel/p2?version=2", None).await;
    // Applied, it is counted again.
    let problem = apply(&test, &early).await.refused(409, "breaking_change");
    assert!(text(&problem["errors"][0]["message"]).contains("`packed`"), "{problem:#}");
    let plan = plan_packs(&test, moving("2.0.0", &["new", "sent"]), json!({})).await;
    let broken = &plan["broken"][0];
    assert_eq!(
        (&broken["what"], &broken["by_kind"], &broken["by_name"], &plan["blocked"]),
        (&json!("lifecycle/parcel/states/packed"), &json!("record"), &json!("parcel"), &json!(["breaking_change"]))
    );
    let body = Some(json!({"plan": plan["plan"]}));
    let problem = test.ask_in("zh-CN", Method::POST, "/packs/apply", body).await.refused(409, "breaking_change");
    assert!(text(&problem["errors"][0]["message"]).contains("条记录处于状态"), "{problem:#}");
    assert_eq!(test.get("/records/parcel/p1").await.ok()["state"], "packed");
    // Moved on, it goes.
    for code in ["p1", "p2"] {
        let _ = test.post(&format!("/records/parcel/{code}/transitions/to_sent"), json!({})).await;
    }
    upgrade(&test, moving("2.0.0", &["new", "sent"])).await;
    assert_eq!(test.get("/records/parcel/p1").await.ok()["state"], "sent");
    // The whole lifecycle goes only when nobody is on the way.
    let plan = plan_packs(&test, parcels("3.0.0", json!({}), &[]), json!({})).await;
    assert_eq!(plan["broken"][0]["what"], "lifecycle/parcel/states/new", "{plan:#}");
}

async fn who_uses_a_field_is_told_whatever_names_it(on: On) {
    let test = TestApp::new(on).await;
    let report = json!({"kind": "report", "name": "weights", "title": "Weights", "object": "parcel",
        "filter": {"and": [{"weight": {"gt": "1"}}, {"sender.level": {"is_null": true}}]},
        "group_by": ["sender.name"], "measures": {"all": {"title": "All", "count": true}}, "sort": ["-sender.name"]});
    let dashboard = json!({"kind": "dashboard", "name": "parcels", "title": "Parcels", "cards": [
        {"id": "heavy", "title": "Heavy", "object": "parcel", "filter": {"weight": {"gt": "5"}}}]});
    let role = json!({"kind": "role", "name": "weigher", "title": "Weigher", "objects": {"parcel": {"read": true,
        "rows": {"filter": {"weight": {"lt": "10"}}}, "hide": ["weight"]}}});
    let fields = json!({"weight": {"type": "decimal", "title": "Weight"},
        "sender": {"type": "reference", "title": "Sender", "to": "customer"},
        "price": {"type": "decimal", "title": "Price", "formula": "let sum = 0; for at in 0..2 { sum += weight ?? 0; } sum"}});
    let mut pack = parcels(
        "1.0.0",
        fields,
        &[("reports/weights.json", report), ("dashboards/parcels.json", dashboard), ("roles/weigher.json", role)],
    );
    let mut object: Json =
        serde_json::from_str(&text(&pack["files"]["objects/parcel.json"])).expect("an object is JSON");
    object["list"] = json!({"columns": ["code", "weight"], "sort": ["-weight"], "filters": ["weight"]});
    object["indexes"] = json!({"heavy": {"fields": ["weight"]}});
    object["unique"] = json!({"pair": ["code", "weight"]});
    pack["files"]["objects/parcel.json"] = json!(object.to_string());
    let mut manifest: Json = serde_json::from_str(&text(&pack["files"]["pack.json"])).expect("a manifest is JSON");
    manifest["requires"] = json!({"base": "*"});
    pack["files"]["pack.json"] = json!(manifest.to_string());
    let mut chinese: Json = serde_json::from_str(&text(&pack["files"]["i18n/zh-CN.json"])).expect("texts are JSON");
    chinese["report/weights/measures/all/title"] = json!("全部");
    pack["files"]["i18n/zh-CN.json"] = json!(chinese.to_string());
    upgrade(&test, pack).await;
    let used = async |name: &str, member: &str| -> Vec<String> {
        let path = format!("/definitions/where-used?kind=object&name={name}&member={member}");
        let rows = test.get(&path).await.ok();
        let rows = rows["data"].as_array().into_iter().flatten();
        let mut places: Vec<String> = rows
            .map(|row| format!("{}/{} {}", text(&row["kind"]), text(&row["name"]), text(&row["pointer"])))
            .collect();
        places.retain(|place| ["parcel", "weights", "weigher"].iter().any(|ours| place.contains(ours)));
        places.sort();
        places.dedup();
        places
    };
    assert_eq!(
        used("parcel", "weight").await,
        [
            "dashboard/parcels /cards/0/filter/weight",
            "object/parcel /fields/price/formula",
            "object/parcel /indexes/heavy/fields/0",
            "object/parcel /list/columns/1",
            "object/parcel /list/filters/0",
            "object/parcel /list/sort/0",
            "object/parcel /unique/pair",
            "report/weights /filter/and/0/weight",
            "role/weigher /objects/parcel/hide/0",
            "role/weigher /objects/parcel/rows/filter/weight",
        ]
    );
    assert_eq!(used("customer", "name").await, ["report/weights /group_by/0", "report/weights /sort/0"]);
    assert_eq!(used("customer", "level").await, ["report/weights /filter/and/1/sender.level"]);
}

async fn a_plan_with_a_run_under_way_stays(on: On) {
    use packwork::store::{Run, RunStatus};
    let test = TestApp::new(on).await;
    let scope = test.app.system();
    assert_eq!(test.app.store.running_of_plan(&scope, "internal_settlement").await.expect("it is counted"), 0);
    let run = Run {
        id: uuid::Uuid::from_u128(7),
        plan: "internal_settlement".into(),
        period: "2026-03".into(),
        status: RunStatus::Running,
        started_at: test.clock.now(),
        finished_at: None,
        actor: None,
        facts: 1,
        done: 0,
        unchanged: 0,
        failed: 0,
        lines: 0,
        details: json!({}),
    };
    test.app.store.insert_run(&scope, &run).await.expect("a run can begin");
    let plan = test.post("/packs/plan", json!({"remove": ["settlement"]})).await.ok();
    let broken = plan["broken"].as_array().into_iter().flatten().find(|one| one["by_kind"] == "settlement_run");
    let words = broken.map(|one| text(&one["words"]["zh-CN"])).unwrap_or_default();
    assert!(words.contains("1 个结算运行"), "{plan:#}");
    apply(&test, &plan).await.refused(409, "breaking_change");
    upgrade(&test, first()).await;
}

on_both! {
    a_state_in_which_records_stand_is_not_taken_out => states_on_sqlite, states_on_postgres;
    who_uses_a_field_is_told_whatever_names_it => used_on_sqlite, used_on_postgres;
    a_plan_with_a_run_under_way_stays => runs_on_sqlite, runs_on_postgres;
}
