//! What is under way when definitions change: records in states that go, runs of plans that go. And who uses what, by path.

use super::fixture::{apply, first, on_both, parcels, plan_packs, text, upgrade, with_parcels};
use axum::http::Method;
use packwork::packs::shelf;
use packwork::service::command;
use packwork::store::{Ground, Published, UnderWay, Version};
use packwork_engine::decision::Command;
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

/// Puts a parcel of the second version into the recycle bin; its id.
async fn delete(test: &TestApp, code: &str) -> String {
    let path = format!("/records/parcel/{code}");
    let id = text(&test.get(&path).await.ok()["id"]);
    let deleted = test.system(Method::DELETE, &path, Some(json!({"version": 2}))).await;
    assert_eq!(deleted.status.as_u16(), 204, "{:#}", deleted.json);
    id
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
    let binned = delete(&test, "p2").await;
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
    // Moved on, it goes; what lies in the recycle bin keeps nobody, and does not come back into a state that is gone.
    test.post("/records/parcel/p1/transitions/to_sent", json!({})).await.ok();
    upgrade(&test, moving("2.0.0", &["new", "sent"])).await;
    assert_eq!(test.get("/records/parcel/p1").await.ok()["state"], "sent");
    let restore = test.post(&format!("/records/parcel/{binned}/restore"), json!({})).await;
    assert!(text(&restore.refused(409, "transition_not_allowed")["detail"]).contains("`packed`"));
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

async fn an_object_into_which_an_import_is_under_way_stays(on: On) {
    let test = with_parcels(on).await;
    let out = json!({"remove": ["parcels"]});
    let early = test.post("/packs/plan", out.clone()).await.ok();
    assert_eq!(early["blocked"], json!([]), "{early:#}");
    // Uploaded, and nobody has read it yet.
    let token = test.local.expose().to_owned();
    let import = test.upload(&token, "/imports?object=parcel&name=file", "Code\np1\n").await.ok();
    let step = async |step: &str, body: Json| {
        let path = format!("/imports/{}/{step}", text(&import["id"]));
        assert_eq!(test.post(&path, body).await.status.as_u16(), 202);
    };
    step("plan", json!({})).await;
    // Counted again when it is applied.
    let problem = apply(&test, &early).await.refused(409, "breaking_change");
    assert!(text(&problem["errors"][0]["message"]).contains("1 import(s) into `parcel`"), "{problem:#}");
    let plan = test.post("/packs/plan", out.clone()).await.ok();
    let broken = &plan["broken"][0];
    assert_eq!(
        (&broken["what"], &broken["by_kind"], &broken["by_name"], &plan["blocked"]),
        (&json!("object/parcel"), &json!("import"), &json!("parcel"), &json!(["breaking_change"]))
    );
    assert!(text(&broken["words"]["zh-CN"]).contains("1 个导入正在进行"), "{plan:#}");
    // Planned, it waits for people and keeps nobody; applied half, it does again.
    test.work(usize::MAX).await;
    assert_eq!(test.post("/packs/plan", out.clone()).await.ok()["blocked"], json!([]));
    step("apply", json!({})).await;
    assert_eq!(test.post("/packs/plan", out.clone()).await.ok()["blocked"], json!(["breaking_change"]));
    test.work(usize::MAX).await;
    assert_eq!(test.get("/records/parcel?count=exact").await.ok()["count"], 1);
    let plan = test.post("/packs/plan", out).await.ok();
    apply(&test, &plan).await.ok();
    test.get("/records/parcel").await.refused(404, "unknown_object");
}

/// What is under way is counted by the transaction that publishes, whatever was counted before.
async fn the_transaction_that_publishes_counts(on: On) {
    let test = TestApp::new(on).await;
    upgrade(&test, moving("1.0.0", &["new", "packed", "sent"])).await;
    let former = test.app.in_force();
    let plan = plan_packs(&test, moving("2.0.0", &["new", "sent"]), json!({})).await;
    assert_eq!(plan["blocked"], json!([]), "{plan:#}");
    let scope = test.app.system();
    let stored = test.app.store.plan(&scope, &text(&plan["plan"])).await.expect("the store answers");
    let target: packwork::service::changes::plan::Target =
        serde_json::from_value(stored.expect("it was kept").target).expect("a plan has a target");
    let version = Version {
        number: former.number + 1,
        hash: text(&plan["to"]["hash"]),
        packs: target.packs,
        overlay: target.overlay,
        manifest: Default::default(),
        cause: target.cause,
        plan: None,
        author: None,
        at: test.clock.now(),
        scripts: Default::default(),
    };
    let packs = shelf::stored(&test.app.store, &scope, &version).await.expect("the packs are kept");
    let candidate = shelf::Candidate { packs, overlay: Vec::new() };
    let (model, _) = candidate.compile(&test.app.settings, Default::default()).expect("they compile");
    test.post("/records/parcel", json!({"code": "p1"})).await.ok();
    test.post("/records/parcel/p1/transitions/to_packed", json!({})).await.ok();
    let published = test.app.store.publish(&scope, Some(&former.model), &model, &version).await;
    let Ok(Published::Standing(under_way)) = published else { panic!("{published:?}") };
    let ground = Ground::State { object: "parcel".into(), lifecycle: "parcel".into(), state: "packed".into() };
    assert_eq!(under_way, [UnderWay { ground, rows: 1 }]);
    // Nothing is half done.
    assert_eq!(test.get("/definitions").await.ok()["model"]["version"], former.number);
    test.post("/records/parcel/p1/transitions/to_sent", json!({})).await.ok();
    upgrade(&test, moving("2.0.0", &["new", "sent"])).await;
}

/// Prices that people have entered may be a schedule of a pack: nothing in the definitions says so.
async fn a_schedule_that_prices_go_by_is_not_taken_out(on: On) {
    let test = TestApp::new(on).await;
    let steps = |name: &str| {
        let tiers = json!([{"up_to": null, "rate": "2"}]);
        let steps = json!({"kind": "schedule", "name": name, "title": "Steps", "mode": "graduated", "tiers": tiers});
        (format!("settlement/{name}.json"), steps)
    };
    let prices = json!({"kind": "rate_table", "name": "parcel_price", "title": "Prices",
        "columns": {"channel": {"choice": ["shop", "web"]}}, "values": {"unit": {"type": "money_or_schedule"}}});
    let version = |number: &str, schedules: &[&str]| {
        let schedules: Vec<(String, Json)> = schedules.iter().map(|name| steps(name)).collect();
        let mut more = vec![("rate-tables/parcel_price.json", prices.clone())];
        more.extend(schedules.iter().map(|(file, steps)| (file.as_str(), steps.clone())));
        parcels(number, json!({}), &more)
    };
    upgrade(&test, version("1.0.0", &["steps", "stairs"])).await;
    let row = json!({"id": "r1", "channel": "shop", "unit": {"schedule": "steps"}, "valid": ["2026-01-01", null]});
    let add = json!({"mode": "apply", "changes": [{"op": "add", "row": row}]});
    test.post("/settlement/rate-tables/parcel_price/changes", add).await.ok();
    let plan = plan_packs(&test, version("2.0.0", &["stairs"]), json!({})).await;
    let broken = &plan["broken"][0];
    assert_eq!(
        (&broken["what"], &broken["by_kind"], &broken["by_name"], &broken["rows"]),
        (&json!("schedule/steps"), &json!("rate_row"), &json!("parcel_price"), &json!(1)),
        "{plan:#}"
    );
    assert_eq!(plan["blocked"], json!(["breaking_change"]));
    // The one nobody prices by goes.
    upgrade(&test, version("2.0.0", &["steps"])).await;
}

/// The other side of the same door: whoever has read a request under the former definitions does not write by them.
async fn nobody_writes_by_definitions_that_are_gone(on: On) {
    let test = TestApp::new(on).await;
    upgrade(&test, moving("1.0.0", &["new", "packed", "sent"])).await;
    let made = test.post("/records/parcel", json!({"code": "p1"})).await.ok();
    let former = test.app.model();
    upgrade(&test, moving("2.0.0", &["new", "sent"])).await;
    let id = uuid::Uuid::parse_str(&text(&made["id"])).expect("ids are UUIDs");
    let run = async |model: &std::sync::Arc<packwork_engine::model::Model>, transition: &str| {
        let (object, transition) = ("parcel".into(), transition.to_owned());
        let command = Command::Transition { object, id, version: None, transition, input: Default::default() };
        command::run_at(&test.app, model, &test.app.system(), command, test.clock.now(), None).await
    };
    let refused = |done: Result<command::Done, packwork::service::Error>| match done {
        Err(packwork::service::Error::Refused(refusal)) => refusal.code.as_str(),
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(run(&former, "to_packed").await), "definitions_changed");
    let create = Command::Create { object: "parcel".into(), input: Default::default() };
    let together = command::Together::at(test.clock.now());
    let done = command::run_together(&test.app, &former, &test.app.system(), vec![create], together).await;
    let Err(packwork::service::Error::Refused(refusal)) = done else { panic!("{done:?}") };
    assert_eq!(refusal.code.as_str(), "definitions_changed");
    assert_eq!(test.get("/records/parcel/p1").await.ok()["state"], "new");
    run(&test.app.model(), "to_sent").await.expect("by those in force it goes");
    assert_eq!(test.get("/records/parcel/p1").await.ok()["state"], "sent");
}

/// The same lifecycle where states take the places of others.
fn taking_over(version: &str, states: &[&str], was: &[(&str, &[&str])]) -> Json {
    let mut pack = moving(version, states);
    let mut lifecycle: Json =
        serde_json::from_str(&text(&pack["files"]["lifecycles/parcel.json"])).expect("a lifecycle is JSON");
    for (state, former) in was {
        lifecycle["states"][*state]["was"] = json!(former);
    }
    pack["files"]["lifecycles/parcel.json"] = json!(lifecycle.to_string());
    pack
}

async fn records_move_where_a_state_takes_the_place_of_others(on: On) {
    let test = TestApp::new(on).await;
    upgrade(&test, moving("1.0.0", &["new", "packed", "checked", "sent"])).await;
    for (code, steps) in [("p1", 0), ("p2", 1), ("p3", 2), ("p4", 3), ("p5", 1)] {
        test.post("/records/parcel", json!({"code": code})).await.ok();
        for step in ["to_packed", "to_checked", "to_sent"].iter().take(steps) {
            test.post(&format!("/records/parcel/{code}/transitions/{step}"), json!({})).await.ok();
        }
    }
    let binned = delete(&test, "p5").await;
    let next = || taking_over("2.0.0", &["new", "ready", "sent"], &[("ready", &["packed", "checked"])]);
    // A dry run says how many go where, and changes nothing.
    let plan = plan_packs(&test, next(), json!({})).await;
    assert_eq!((&plan["blocked"], &plan["broken"]), (&json!([]), &json!([])), "{plan:#}");
    let moves: Vec<&Json> =
        plan["database"].as_array().into_iter().flatten().filter(|one| one["action"] == "move_state").collect();
    let told = |one: &Json| (one["rows"].clone(), text(&one["words"]["en"]), text(&one["words"]["zh-CN"]));
    assert_eq!(moves.len(), 2, "{plan:#}");
    let (rows, english, chinese) = told(moves[0]);
    assert_eq!(rows, 1);
    assert!(english.contains("from the state `checked` to `ready`"), "{english}");
    assert!(chinese.contains("由状态 `checked` 移至 `ready`"), "{chinese}");
    assert_eq!(told(moves[1]).0, 2, "the recycle bin counts");
    assert_eq!(test.get("/records/parcel/p2").await.ok()["state"], "packed");
    upgrade(&test, next()).await;
    let states = async || {
        let mut states = Vec::new();
        for code in ["p1", "p2", "p3", "p4"] {
            states.push(text(&test.get(&format!("/records/parcel/{code}")).await.ok()["state"]));
        }
        states
    };
    assert_eq!(states().await, ["new", "ready", "ready", "sent"]);
    // Each is an event like any other, and what was read before is stale.
    let moved = test.get("/records/parcel/p2").await.ok();
    assert_eq!(moved["version"], 3);
    let history = test.get(&format!("/records/parcel/{}/history", text(&moved["id"]))).await.ok();
    let event = &history["data"][0];
    assert_eq!(
        (&event["version"], &event["changes"]["state"]["old"], &event["changes"]["state"]["new"]),
        (&json!(3), &json!("packed"), &json!("ready")),
        "{history:#}"
    );
    let restored = test.post(&format!("/records/parcel/{binned}/restore"), json!({})).await.ok();
    assert_eq!(restored["state"], "ready");
    test.post("/records/parcel/p2/transitions/to_sent", json!({})).await.ok();
    // Back again: what goes says where it came from.
    test.post("/definitions/rollback", json!({})).await.ok();
    assert_eq!(states().await, ["new", "sent", "packed", "sent"]);
    // A state that is still there takes nobody's place, and nobody takes it twice.
    for (was, pointer) in [
        (vec![("ready", &["new"][..])], "/states/ready/was/0"),
        (vec![("ready", &["packed"][..]), ("sent", &["packed"])], "/states/sent/was/0"),
    ] {
        let plan = plan_packs(&test, taking_over("3.0.0", &["new", "ready", "sent"], &was), json!({})).await;
        let finding = &plan["findings"][0];
        assert_eq!((&finding["code"], &finding["pointer"]), (&json!("bad_property"), &json!(pointer)), "{plan:#}");
    }
}

async fn a_request_that_was_overtaken_is_carried_out_once_more(on: On) {
    use packwork::http::problem::Problem;
    use packwork_engine::codes::Code;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let test = TestApp::new(on).await;
    let (app, times) = (test.app.clone(), std::sync::Arc::new(AtomicUsize::new(0)));
    let counted = times.clone();
    let overtaken = move |body: axum::body::Bytes| async move {
        match counted.fetch_add(1, Ordering::SeqCst) {
            0 => Err(Problem::new(Code::DefinitionsChanged, "meanwhile")),
            _ => Ok(body),
        }
    };
    let table = vec![packwork::http::route::route(Method::POST, "/one", "records", overtaken).one_command()];
    let router = packwork::http::route::mount(axum::Router::new(), table)
        .layer(axum::middleware::from_fn_with_state(app.clone(), packwork::http::gate::gate))
        .with_state(app);
    let request = axum::http::Request::post("/one")
        .header("authorization", format!("Bearer {}", test.local.expose()))
        .body(axum::body::Body::from("{}"))
        .expect("it is a request");
    let response = tower::ServiceExt::oneshot(router, request).await.expect("a router answers");
    assert_eq!((response.status().as_u16(), times.load(Ordering::SeqCst)), (200, 2));
}

on_both! {
    a_state_in_which_records_stand_is_not_taken_out => states_on_sqlite, states_on_postgres;
    who_uses_a_field_is_told_whatever_names_it => used_on_sqlite, used_on_postgres;
    a_plan_with_a_run_under_way_stays => runs_on_sqlite, runs_on_postgres;
    an_object_into_which_an_import_is_under_way_stays => imports_on_sqlite, imports_on_postgres;
    a_schedule_that_prices_go_by_is_not_taken_out => schedules_on_sqlite, schedules_on_postgres;
    the_transaction_that_publishes_counts => counted_on_sqlite, counted_on_postgres;
    nobody_writes_by_definitions_that_are_gone => gone_on_sqlite, gone_on_postgres;
    a_request_that_was_overtaken_is_carried_out_once_more => overtaken_on_sqlite, overtaken_on_postgres;
    records_move_where_a_state_takes_the_place_of_others => moved_on_sqlite, moved_on_postgres;
}
