//! Upgrades under the tenant's own changes: nothing of either side is lost.

use super::fixture::{
    apply, database, edit, first, names, on_both, parcel, parcels, plan_packs, publish, text, upgrade, with_parcels,
};
use axum::http::Method;
use packwork_tests::app::{On, TestApp};
use serde_json::{Value as Json, json};

/// The second version relabels the weight, adds two options and a field of the name an administrator used too.
fn second() -> Json {
    let options = json!({"a": {"title": "A"}, "b": {"title": "B"}, "c": {"title": "C"}, "d": {"title": "D"}});
    parcels(
        "2.0.0",
        json!({
            "kind": {"type": "choice", "title": "Kind", "options": options},
            "weight": {"type": "decimal", "title": "Kilograms"},
            "remark": {"type": "long_text", "title": "Remark"},
        }),
        &[],
    )
}

async fn both_have_relabelled_a_field(on: On) {
    let test = with_parcels(on).await;
    edit(&test, "object/parcel", |object| {
        object["fields"]["weight"]["title"] = json!("Mass");
        object["fields"]["kind"]["options"].as_object_mut().expect("it has options").remove("a");
        object["fields"]["remark"] = json!({"type": "text", "title": "Our remark"});
    })
    .await;
    publish(&test).await;
    let plan = plan_packs(&test, second(), json!({})).await;
    let conflicts = plan["conflicts"].as_array().cloned().unwrap_or_default();
    assert_eq!(conflicts.len(), 1, "{plan:#}");
    let told = &conflicts[0];
    assert_eq!(
        [&told["property"], &told["base"], &told["tenant"], &told["pack"], &told["resolution"]],
        [
            &json!("object/parcel/fields/weight/title"),
            &json!("Weight"),
            &json!("Mass"),
            &json!("Kilograms"),
            &json!("tenant")
        ]
    );
    apply(&test, &plan).await.ok();
    let now = parcel(&test).await;
    assert_eq!(now["fields"]["weight"]["title"], "Mass");
    // What the tenant took out stays out while the pack's two new options come.
    assert_eq!(names(&now["fields"]["kind"]["options"]), ["b", "c", "d"]);
    // The pack's field and the administrator's stand side by side.
    assert_eq!(
        (&now["fields"]["remark"]["type"], &now["fields"]["x_remark"]["type"]),
        (&json!("long_text"), &json!("text"))
    );
    test.post("/records/parcel", json!({"code": "p1", "remark": "theirs", "x_remark": "ours"})).await.ok();
    // The pack's word is not lost: it is what going back gives.
    let told = test.get("/definitions/object/parcel/provenance").await.ok();
    let packaged =
        told["data"].as_array().into_iter().flatten().find(|one| one["path"] == "/fields/weight/title").cloned();
    assert_eq!(packaged.unwrap_or_default()["packaged"], "Kilograms");
}

async fn somebody_says_who_wins(on: On) {
    let test = with_parcels(on).await;
    edit(&test, "object/parcel", |object| object["fields"]["weight"]["title"] = json!("Mass")).await;
    publish(&test).await;
    let mut asking = second();
    let mut manifest: Json = serde_json::from_str(&text(&asking["files"]["pack.json"])).expect("it is JSON");
    manifest["policies"] = json!({"object/parcel/fields/*/title": "ask"});
    asking["files"]["pack.json"] = json!(manifest.to_string());
    let plan = plan_packs(&test, asking.clone(), json!({})).await;
    assert_eq!(plan["blocked"], json!(["conflicts"]));
    apply(&test, &plan).await.refused(409, "plan_blocked");
    let plan = plan_packs(&test, asking, json!({"object/parcel/fields/weight/title": "pack"})).await;
    apply(&test, &plan).await.ok();
    assert_eq!(parcel(&test).await["fields"]["weight"]["title"], "Kilograms");
}

async fn all_steps_equal_one_step(on: On) {
    let third = || {
        parcels(
            "3.0.0",
            json!({"weight": {"type": "decimal", "title": "Kilograms"}, "size": {"type": "text", "title": "Size"}}),
            &[],
        )
    };
    let mut hashes = Vec::new();
    for versions in [vec![first(), second(), third()], vec![first(), third()]] {
        let test = TestApp::new(on).await;
        upgrade(&test, versions[0].clone()).await;
        edit(&test, "object/parcel", |object| object["fields"]["code"]["title"] = json!("Number")).await;
        publish(&test).await;
        for version in &versions[1..] {
            upgrade(&test, version.clone()).await;
        }
        assert_eq!(parcel(&test).await["fields"]["code"]["title"], "Number");
        hashes.push(test.get("/definitions").await.ok()["model"]["hash"].clone());
    }
    assert_eq!(hashes[0], hashes[1]);
}

async fn a_definition_that_another_pack_takes_over_keeps_data_and_changes(on: On) {
    let boxes = json!({"kind": "object", "name": "crate", "title": "Crate", "plural": "Crates", "display": "code", "key": "code",
        "fields": {"code": {"type": "text", "title": "Code"}}});
    let test = TestApp::new(on).await;
    upgrade(&test, parcels("1.0.0", json!({}), &[("objects/crate.json", boxes.clone())])).await;
    let made = test.post("/records/crate", json!({"code": "c1"})).await.ok();
    edit(&test, "object/crate", |object| object["fields"]["code"]["title"] = json!("Number")).await;
    publish(&test).await;

    let manifest = json!({"name": "depot", "version": "1.0.0", "title": "Depot", "description": "Depot"}).to_string();
    let depot = json!({"files": {"pack.json": manifest, "objects/crate.json": boxes.to_string()}});
    let packs = json!({"packs": [parcels("2.0.0", json!({}), &[]), depot]});
    let plan = test.post("/packs/plan", packs).await.ok();
    assert_eq!([&plan["blocked"], &plan["conflicts"], &plan["database"]], [&json!([]); 3], "{plan:#}");
    apply(&test, &plan).await.ok();
    let kept = test.get("/records/crate/c1").await.ok();
    assert_eq!((&kept["id"], &kept["version"]), (&made["id"], &made["version"]));
    let now = test.ask_in("en", Method::GET, "/definitions/object/crate", None).await.ok();
    assert_eq!(now["fields"]["code"]["title"], "Number", "{now:#}");
    // It is the other pack's now: without the first one it stays, without the second it goes.
    let plan = test.post("/packs/plan", json!({"remove": ["parcels"]})).await.ok();
    assert_eq!(database(&plan), [json!(["quarantine_table", "parcel", null, 0])]);
    let plan = test.post("/packs/plan", json!({"remove": ["depot"]})).await.ok();
    assert_eq!(database(&plan), [json!(["quarantine_table", "crate", null, 1])]);
}

async fn records_of_a_field_that_is_gone_still_open_and_save(on: On) {
    let test = with_parcels(on).await;
    let made = test.post("/records/parcel", json!({"code": "p1", "kind": "a", "weight": "2.5"})).await.ok();
    let without = parcels("3.0.0", json!({"weight": {"type": "decimal", "title": "Weight"}}), &[]);
    let plan = plan_packs(&test, without, json!({})).await;
    assert_eq!(database(&plan), [json!(["quarantine_column", "parcel", "f_kind", 1])]);
    apply(&test, &plan).await.ok();
    let record = test.get("/records/parcel/p1").await.ok();
    assert!(record.get("kind").is_none(), "{record:#}");
    let saved = test
        .system(Method::PATCH, "/records/parcel/p1", Some(json!({"version": made["version"], "weight": "3"})))
        .await
        .ok();
    assert_eq!(saved["weight"], "3.00");
    test.get("/records/parcel?count=exact").await.ok();
    test.get(&format!("/records/parcel/{}/history", text(&made["id"]))).await.ok();
    // The data waits for the field's return, here with a version that is older.
    let plan = plan_packs(&test, second(), json!({})).await;
    assert_eq!(plan["packs"], json!([{"name": "parcels", "from": "3.0.0", "to": "2.0.0", "older": true}]));
    apply(&test, &plan).await.ok();
    let record = test.get("/records/parcel/p1").await.ok();
    assert_eq!((&record["kind"], &record["weight"]), (&json!("a"), &json!("3.00")));
}

async fn a_pack_that_is_taken_out_leaves_nothing_and_comes_back_with_its_data(on: On) {
    let test = with_parcels(on).await;
    test.post("/records/parcel", json!({"code": "p1", "kind": "a"})).await.ok();
    edit(&test, "object/parcel", |object| object["fields"]["code"]["title"] = json!("Number")).await;
    publish(&test).await;
    let plan = test.post("/packs/plan", json!({"remove": ["parcels"]})).await.ok();
    assert_eq!(plan["packs"], json!([{"name": "parcels", "from": "1.0.0", "to": null}]));
    assert_eq!(database(&plan), [json!(["quarantine_table", "parcel", null, 1])]);
    apply(&test, &plan).await.ok();
    let listed = format!("{} {}", test.get("/definitions").await.ok(), test.get("/packs").await.ok());
    assert!(!listed.contains("parcel"), "{listed}");
    test.get("/records/parcel").await.refused(404, "unknown_object");
    // Neither does a restart bring it back.
    let test = test.restart().await;
    test.get("/records/parcel").await.refused(404, "unknown_object");
    upgrade(&test, first()).await;
    assert_eq!(test.get("/records/parcel/p1").await.ok()["kind"], "a");
    assert_eq!(parcel(&test).await["fields"]["code"]["title"], "Number", "the tenant's change waited too");
    test.post("/packs/plan", json!({"remove": ["nothing"]})).await.refused(404, "not_found");
}

on_both! {
    a_definition_that_another_pack_takes_over_keeps_data_and_changes => moved_on_sqlite, moved_on_postgres;
    both_have_relabelled_a_field => relabelled_on_sqlite, relabelled_on_postgres;
    somebody_says_who_wins => asked_on_sqlite, asked_on_postgres;
    all_steps_equal_one_step => steps_on_sqlite, steps_on_postgres;
    records_of_a_field_that_is_gone_still_open_and_save => gone_field_on_sqlite, gone_field_on_postgres;
    a_pack_that_is_taken_out_leaves_nothing_and_comes_back_with_its_data => removed_on_sqlite, removed_on_postgres;
}
