//! Drafts, plans, applying, what is refused, and who hears of it.

use super::fixture::{
    apply, database, edit, first, names, on_both, parcel, parcels, plan_packs, publish, text, upgrade, with_parcels,
};
use axum::http::Method;
use packwork::packs::shelf;
use packwork::store::{Published, Version};
use packwork_tests::app::{On, TestApp};
use serde_json::json;

async fn a_field_somebody_adds_is_used_by_the_next_request_and_can_be_taken_back(on: On) {
    let test = with_parcels(on).await;
    let edited = edit(&test, "object/parcel", |object| {
        object["fields"]["remark"] = json!({"type": "text", "title": "Remark"});
        object["fields"]["code"]["title"] = json!("Number");
    })
    .await;
    assert_eq!((&edited["renamed"]["remark"], &edited["findings"]), (&json!("x_remark"), &json!([])));
    // A draft changes nothing for anybody.
    assert_eq!(parcel(&test).await["fields"]["code"]["title"], "Code");
    let plan = publish(&test).await;
    let words: Vec<String> =
        plan["changes"].as_array().into_iter().flatten().map(|one| text(&one["words"]["en"])).collect();
    assert!(
        words.contains(&"object “Parcel” (parcel) · field “Number” (code) · title: “Code” becomes “Number”".to_owned()),
        "{words:#?}"
    );
    let words: Vec<String> =
        plan["changes"].as_array().into_iter().flatten().map(|one| text(&one["words"]["zh-CN"])).collect();
    assert!(
        words.iter().any(|text| text.starts_with("对象“包裹”（parcel）·字段“Remark”（x_remark）：新增")),
        "{words:#?}"
    );
    assert_eq!(database(&plan), [json!(["add_column", "parcel", "f_x_remark", 0])]);

    let made = test.post("/records/parcel", json!({"code": "p1", "x_remark": "fragile"})).await.ok();
    assert_eq!(made["x_remark"], "fragile");
    let told = test.get("/definitions/object/parcel/provenance").await.ok();
    let of = |path: &str| {
        told["data"].as_array().into_iter().flatten().find(|one| one["path"] == path).cloned().unwrap_or_default()
    };
    assert_eq!(
        (&of("/fields/code/title")["origin"]["layer"], &of("/fields/code/title")["packaged"]),
        (&json!("tenant"), &json!("Code"))
    );
    assert_eq!(of("/fields/code/title")["origin"]["reason"], "asked");
    assert_eq!(
        of("/fields/weight/type")["origin"],
        json!({"layer": "pack", "pack": "parcels", "version": "1.0.0", "file": "parcels/objects/parcel.json"})
    );

    // One property goes back to what the pack says, the others stay.
    test.post("/definitions/object/parcel/revert", json!({"path": "/fields/code/title"})).await.ok();
    publish(&test).await;
    let now = parcel(&test).await;
    assert_eq!(
        (&now["fields"]["code"]["title"], &now["fields"]["x_remark"]["title"]),
        (&json!("Code"), &json!("Remark"))
    );
    test.post("/definitions/object/parcel/revert", json!({"path": "/fields/code/title"}))
        .await
        .refused(404, "not_found");

    // Back to before everything: the field goes, and comes back with what was written into it.
    let versions = test.get("/definitions/versions").await.ok();
    let newest = versions["data"][0]["number"].as_i64().expect("versions are numbered");
    test.post("/definitions/rollback", json!({"to": newest - 2})).await.ok();
    assert_eq!(names(&parcel(&test).await["fields"]), ["code", "kind", "weight"]);
    assert!(test.get("/records/parcel/p1").await.ok().get("x_remark").is_none());
    test.post("/definitions/rollback", json!({"to": newest})).await.ok();
    assert_eq!(test.get("/records/parcel/p1").await.ok()["x_remark"], "fragile");
}

async fn a_plan_that_others_overtook_names_what_moved(on: On) {
    let test = with_parcels(on).await;
    let upgrade_plan = plan_packs(
        &test,
        parcels("2.0.0", json!({"weight": {"type": "decimal", "title": "Kilograms"}}), &[]),
        json!({}),
    )
    .await;
    edit(&test, "object/parcel", |object| object["fields"]["weight"]["title"] = json!("Mass")).await;
    publish(&test).await;
    let refused = apply(&test, &upgrade_plan).await.refused(409, "stale_plan");
    assert_eq!(refused["params"]["entities"], json!(["object/parcel"]));
    assert_eq!(parcel(&test).await["fields"]["weight"]["title"], "Mass");
    test.post("/packs/apply", json!({"plan": "0"})).await.refused(404, "unknown_plan");
}

async fn taking_out_what_is_used_is_refused_with_every_place(on: On) {
    let test = TestApp::new(on).await;
    let fields = |with_weight: bool| {
        let mut fields = json!({"double": {"type": "decimal", "title": "Double", "formula": "weight * 2"}});
        if with_weight {
            fields["weight"] = json!({"type": "decimal", "title": "Weight"});
        }
        fields
    };
    let users = [
        (
            "dashboards/parcels.json",
            json!({"kind": "dashboard", "name": "parcels", "title": "Parcels",
            "cards": [{"id": "total", "title": "Total", "kind": "number", "object": "parcel", "sum": "weight"}]}),
        ),
        (
            "templates/plain.json",
            json!({"kind": "template", "name": "plain", "title": "Plain", "object": "parcel",
            "sections": [{"id": "main", "title": "Main", "fields": ["code", "weight"]}]}),
        ),
        (
            "roles/packer.json",
            json!({"kind": "role", "name": "packer", "title": "Packer",
            "objects": {"parcel": {"read": true, "hide": ["weight"]}}}),
        ),
    ];
    upgrade(&test, parcels("1.0.0", fields(true), &users)).await;
    let used = test.get("/definitions/where-used?kind=object&name=parcel&member=weight").await.ok();
    let by: Vec<String> = used["data"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| format!("{} {}", text(&one["kind"]), text(&one["path"])))
        .collect();
    assert_eq!(by.len(), 4, "{by:#?}");
    let plan = plan_packs(&test, parcels("2.0.0", fields(false), &users), json!({})).await;
    assert!(plan["blocked"].to_string().contains("breaking_change"), "{plan:#}");
    let refused = apply(&test, &plan).await.refused(409, "breaking_change");
    let mut places: Vec<String> =
        refused["errors"].as_array().into_iter().flatten().map(|one| text(&one["pointer"])).collect();
    places.sort();
    assert_eq!(
        places,
        [
            "/dashboard/parcels/cards/total/sum",
            "/object/parcel/fields/double/formula",
            "/role/packer/objects/parcel/hide/weight",
            "/template/plain/sections/main/fields/weight"
        ]
    );
    // Retyping it is refused in the same way.
    let mut retyped = fields(true);
    retyped["weight"] = json!({"type": "text", "title": "Weight"});
    retyped["double"]["formula"] = json!("2");
    let plan = plan_packs(&test, parcels("2.0.0", retyped, &users), json!({})).await;
    apply(&test, &plan).await.refused(409, "breaking_change");
}

/// Lists that are ordered anew still say the same: uses in them stay uses, and what is merely moved is not taken out.
async fn a_list_in_another_order_loses_nothing(on: On) {
    let test = TestApp::new(on).await;
    let report = |turned: bool| {
        let mut conditions = vec![json!({"weight": {"gt": "1"}}), json!({"code": {"ne": "x"}})];
        let mut order = vec!["code", "all"];
        if turned {
            conditions.reverse();
            order.reverse();
        }
        json!({"kind": "report", "name": "weights", "title": "Weights", "object": "parcel", "filter": {"and": conditions},
            "group_by": ["code"], "measures": {"all": {"title": "All", "count": true}}, "sort": order})
    };
    let of = |version: &str, fields: serde_json::Value, turned: bool| {
        let mut pack = parcels(version, fields, &[("reports/weights.json", report(turned))]);
        let mut chinese: serde_json::Value =
            serde_json::from_str(&text(&pack["files"]["i18n/zh-CN.json"])).expect("texts are JSON");
        chinese["report/weights/measures/all/title"] = json!("全部");
        let mut object: serde_json::Value =
            serde_json::from_str(&text(&pack["files"]["objects/parcel.json"])).expect("an object is JSON");
        let mut columns = vec!["code", "weight"];
        if turned {
            columns.reverse();
        }
        object["list"] = json!({"columns": columns});
        pack["files"]["objects/parcel.json"] = json!(object.to_string());
        pack["files"]["i18n/zh-CN.json"] = json!(chinese.to_string());
        pack
    };
    let weight = || json!({"weight": {"type": "decimal", "title": "Weight"}});
    upgrade(&test, of("1.0.0", weight(), false)).await;
    let plan = plan_packs(&test, of("1.1.0", weight(), true), json!({})).await;
    assert_eq!(
        (&plan["blocked"], &plan["broken"], &plan["findings"]),
        (&json!([]), &json!([]), &json!([])),
        "{plan:#}"
    );
    let removed = plan["changes"].as_array().into_iter().flatten().filter(|one| one["to"].is_null());
    assert_eq!(removed.count(), 0, "{plan:#}");
    // A field that goes is missed where the list has moved it to.
    let plan = plan_packs(&test, of("2.0.0", json!({}), true), json!({})).await;
    let broken = plan["broken"].as_array().into_iter().flatten();
    let by: Vec<String> = broken.map(|one| format!("{} {}", text(&one["by_kind"]), text(&one["path"]))).collect();
    assert_eq!(by, ["object /list/columns/weight", "report /filter/and"], "{plan:#}");
}

/// A field in a script and in a report, and three records on their way through a state, all of which a new version drops.
async fn dropping_what_a_script_a_report_and_three_records_use_is_refused_with_all_of_them(on: On) {
    let test = TestApp::new(on).await;
    let lifecycle = |with_packed: bool| {
        let mut states = json!({"new": {"title": "New"}, "sent": {"title": "Sent", "final": true}});
        let mut transitions = json!({"send": {"title": "Send", "from": ["new"], "to": "sent"}});
        if with_packed {
            states["packed"] = json!({"title": "Packed"});
            transitions["pack"] = json!({"title": "Pack", "from": ["new"], "to": "packed"});
        }
        json!({"kind": "lifecycle", "name": "parcel", "title": "Parcel", "on": "parcel", "initial": "new",
            "states": states, "transitions": transitions})
    };
    let report = json!({"kind": "report", "name": "weights", "title": "Weights", "object": "parcel",
        "measures": {"all": {"title": "All", "sum": "weight"}}});
    let of = |version: &str, whole: bool| {
        let script = "let sum = 0; for at in 0..3 { sum += weight ?? 0; } sum";
        let mut fields = json!({"heavy": {"type": "decimal", "title": "Heavy", "formula": script}});
        if whole {
            fields["weight"] = json!({"type": "decimal", "title": "Weight"});
        }
        let more = [("lifecycles/parcel.json", lifecycle(whole)), ("reports/weights.json", report.clone())];
        let mut pack = parcels(version, fields, &more);
        let mut chinese: serde_json::Value =
            serde_json::from_str(&text(&pack["files"]["i18n/zh-CN.json"])).expect("texts are JSON");
        for path in ["states/new", "states/packed", "states/sent", "transitions/pack", "transitions/send"] {
            chinese[format!("lifecycle/parcel/{path}/title")] = json!("文");
        }
        chinese["report/weights/measures/all/title"] = json!("文");
        pack["files"]["i18n/zh-CN.json"] = json!(chinese.to_string());
        pack
    };
    upgrade(&test, of("1.0.0", true)).await;
    for code in ["p1", "p2", "p3"] {
        test.post("/records/parcel", json!({"code": code, "weight": "2"})).await.ok();
        test.post(&format!("/records/parcel/{code}/transitions/pack"), json!({})).await.ok();
    }
    let plan = plan_packs(&test, of("2.0.0", false), json!({})).await;
    let refused = apply(&test, &plan).await.refused(409, "breaking_change");
    let mut places: Vec<String> =
        refused["errors"].as_array().into_iter().flatten().map(|one| text(&one["pointer"])).collect();
    places.sort();
    assert_eq!(
        places,
        ["/object/parcel/fields/heavy/formula", "/record/parcel/state", "/report/weights/measures/all"],
        "{refused:#}"
    );
    let records = plan["broken"].as_array().into_iter().flatten().find(|one| one["by_kind"] == "record");
    assert_eq!(records.map(|one| &one["rows"]), Some(&json!(3)), "{plan:#}");
    assert_eq!(test.get("/records/parcel/p1").await.ok()["heavy"], "6.00");
}

async fn what_is_wrong_with_a_pack_installs_nothing(on: On) {
    let test = with_parcels(on).await;
    let before = test.get("/definitions").await.ok()["model"].clone();
    let broken =
        parcels("2.0.0", json!({"weight": {"type": "decimal", "title": "Weight", "formula": "wieght * 2"}}), &[]);
    let plan = plan_packs(&test, broken, json!({})).await;
    assert_eq!(plan["findings"][0]["code"], "script_unknown_name", "{plan:#}");
    apply(&test, &plan).await.refused(409, "plan_blocked");
    assert_eq!(test.get("/definitions").await.ok()["model"], before);
}

async fn only_administrators_change_definitions(on: On) {
    let test = TestApp::new(on).await;
    let sales = test.user("sales1", &["sales"], json!({})).await;
    for (method, path) in [
        (Method::PUT, "/definitions/object/customer"),
        (Method::POST, "/definitions/plan"),
        (Method::POST, "/definitions/rollback"),
        (Method::POST, "/packs/plan"),
        (Method::GET, "/definitions/object/customer/provenance"),
        (Method::GET, "/definitions/draft"),
    ] {
        test.by(&sales, method, path, Some(json!({}))).await.refused(403, "forbidden");
    }
}

/// Every step of applying is followed by a process that ends there.
async fn what_a_killed_process_began_is_finished_by_the_next(on: On) {
    let test = TestApp::new(on).await;
    let seed =
        json!({"kind": "seed", "name": "parcels", "object": "parcel", "records": [{"code": "p1"}, {"code": "p2"}]});
    let pack = parcels("1.0.0", json!({}), &[("seed/parcels.json", seed)]);
    let plan = plan_packs(&test, pack, json!({})).await;
    // Killed after the plan: nothing has happened.
    let test = test.restart().await;
    test.get("/records/parcel").await.refused(404, "unknown_object");
    // Killed after the transaction: tables and version are there, records are not, nobody works with it yet.
    let scope = test.app.system();
    let stored =
        test.app.store.plan(&scope, &text(&plan["plan"])).await.expect("the store answers").expect("it was kept");
    let target: packwork::service::changes::plan::Target =
        serde_json::from_value(stored.target).expect("a plan has a target");
    let mut version = Version {
        number: test.app.in_force().number + 1,
        hash: text(&plan["to"]["hash"]),
        packs: target.packs,
        overlay: target.overlay,
        manifest: Default::default(),
        cause: target.cause,
        plan: Some(text(&plan["plan"])),
        author: None,
        at: test.clock.now(),
        scripts: Default::default(),
    };
    let packs = shelf::stored(&test.app.store, &scope, &version).await.expect("the packs are kept");
    let candidate = shelf::Candidate { packs, overlay: Vec::new() };
    let (model, _) = candidate.compile(&test.app.settings, Default::default()).expect("they compile");
    version.manifest = shelf::manifest(&model);
    assert_eq!(
        test.app.store.publish(&scope, None, &model, &version).await.expect("it is published"),
        Published::Done { jobs: vec![] }
    );
    assert_eq!(
        test.app.store.publish(&scope, None, &model, &version).await.expect("it is refused"),
        Published::Overtaken
    );
    let test = test.restart().await;
    assert_eq!(test.get("/records/parcel?count=exact").await.ok()["count"], 2);
    // Asked again, it is done, and nothing is there twice.
    assert_eq!(apply(&test, &plan).await.ok()["model"]["hash"], plan["to"]["hash"]);
    assert_eq!(apply(&test, &plan).await.ok()["model"]["hash"], plan["to"]["hash"]);
    assert_eq!(test.get("/records/parcel?count=exact").await.ok()["count"], 2);
}

#[tokio::test]
async fn what_one_process_publishes_the_next_request_of_another_uses() {
    let one = TestApp::new(On::Postgres).await;
    let other = one.beside().await;
    other.get("/records/parcel").await.refused(404, "unknown_object");
    upgrade(&one, first()).await;
    other.post("/records/parcel", json!({"code": "p1"})).await.ok();
    edit(&other, "object/parcel", |object| object["fields"]["note"] = json!({"type": "text", "title": "Note"})).await;
    publish(&other).await;
    assert_eq!(one.post("/records/parcel", json!({"code": "p2", "x_note": "both"})).await.ok()["x_note"], "both");
    let models =
        (one.get("/definitions").await.ok()["model"].clone(), other.get("/definitions").await.ok()["model"].clone());
    assert_eq!(models.0, models.1);
}

on_both! {
    a_field_somebody_adds_is_used_by_the_next_request_and_can_be_taken_back => field_added_on_sqlite, field_added_on_postgres;
    a_plan_that_others_overtook_names_what_moved => overtaken_on_sqlite, overtaken_on_postgres;
    taking_out_what_is_used_is_refused_with_every_place => used_on_sqlite, used_on_postgres;
    a_list_in_another_order_loses_nothing => reordered_on_sqlite, reordered_on_postgres;
    dropping_what_a_script_a_report_and_three_records_use_is_refused_with_all_of_them =>
        dropped_on_sqlite, dropped_on_postgres;
    what_is_wrong_with_a_pack_installs_nothing => wrong_on_sqlite, wrong_on_postgres;
    only_administrators_change_definitions => rights_on_sqlite, rights_on_postgres;
    what_a_killed_process_began_is_finished_by_the_next => killed_on_sqlite, killed_on_postgres;
}
