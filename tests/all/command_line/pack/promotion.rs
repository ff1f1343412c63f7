//! From a development tenant to production: what was changed in the browser becomes a pack, and another tenant that
//! installs it has the same model. On both databases.

use super::desk::{DONE, Desk, FAILED};
use crate::definitions::fixture::{edit, on_both, publish, upgrade, with_parcels};
use crate::faults::place::Place;
use packwork::packs::shelf::{from_json, to_json};
use packwork_tests::app::{On, TestApp};
use serde_json::{Value as Json, json};

async fn model(test: &TestApp) -> Json {
    test.get("/definitions").await.ok()["model"]["hash"].clone()
}

/// What a tenant that worked with the parcels for a while has made of them.
async fn lived_in(on: On) -> TestApp {
    let test = with_parcels(on).await;
    edit(&test, "object/parcel", |parcel| {
        parcel["fields"]["weight"]["title"] = json!("Mass");
        parcel["fields"]["kind"]["options"].as_object_mut().expect("it has options").shift_remove("a");
        parcel["fields"]["kind"]["options"]["c"] = json!({"title": "C"});
        parcel["fields"]["seal"] = json!({"type": "text", "title": "Seal"});
        let formula = json!({"type": "decimal", "title": "Twice", "formula": "weight * 2"});
        parcel["fields"].as_object_mut().expect("it has fields").shift_insert(1, "twice".into(), formula);
    })
    .await;
    let note = json!({"kind": "object", "name": "note", "title": "Note", "plural": "Notes", "display": "text",
        "fields": {"text": {"type": "text", "title": "Text"}}});
    test.ask_in("en", axum::http::Method::PUT, "/definitions/object/note", Some(note)).await.ok();
    publish(&test).await;
    test
}

async fn changes_of_one_tenant_are_installed_in_another(on: On) {
    let (from, to) = (lived_in(on).await, with_parcels(on).await);
    assert_ne!(model(&from).await, model(&to).await);
    let asked = json!({"name": "house-style", "version": "1.2.0"});
    let exported = from.post("/packs/export", asked.clone()).await.ok();
    assert_eq!((&exported["same"], &exported["left_out"]), (&json!(true), &json!([])), "{exported:#}");
    assert_eq!(exported["model"]["hash"], model(&from).await);
    assert_eq!(from.post("/packs/export", asked).await.ok(), exported, "the same changes give the same files");

    upgrade(&to, json!({"files": exported["files"]})).await;
    assert_eq!(model(&to).await, model(&from).await);
    let parcel =
        to.post("/records/parcel", json!({"code": "P1", "kind": "c", "weight": "1.5", "x_seal": "red"})).await.ok();
    assert_eq!((&parcel["x_twice"], &parcel["x_seal"]), (&json!("3.00"), &json!("red")), "{parcel:#}");
    to.post("/records/x_note", json!({"text": "hello"})).await.ok();
    to.post("/records/parcel", json!({"code": "P2", "kind": "a"})).await.refused(422, "not_an_option");

    // The tenant it came from may install it too: what the pack says, it need not say itself any more.
    let plan = from.post("/packs/plan", json!({"packs": [{"files": exported["files"]}]})).await.ok();
    assert_eq!((&plan["conflicts"], &plan["blocked"]), (&json!([]), &json!([])), "{plan:#}");
    from.post("/packs/apply", json!({"plan": plan["plan"]})).await.ok();
    assert_eq!(model(&to).await, model(&from).await);
    let nothing = from.post("/packs/export", json!({"name": "again"})).await.ok();
    assert_eq!(nothing["changes"], 0, "{nothing:#}");

    // And out again: the target is as it was.
    let plan = to.post("/packs/plan", json!({"remove": ["house-style"]})).await.ok();
    assert_eq!(plan["conflicts"], json!([]), "{plan:#}");
}

/// Exported, brought into an empty tenant and taken out of it again: the same bytes, rights and flows among them.
async fn an_export_that_goes_round_is_the_same_to_the_byte(on: On) {
    let (from, to) = (lived_in(on).await, with_parcels(on).await);
    edit(&from, "role/dispatcher", |role| role["objects"]["customer"]["hide"] = json!(["phone"])).await;
    edit(&from, "lifecycle/work_order", |flow| {
        let states = flow["states"].as_object_mut().expect("a lifecycle has states");
        states.values_mut().next().expect("there is one")["title"] = json!("Just made");
    })
    .await;
    publish(&from).await;
    let exported = from.post("/packs/export", json!({"name": "house-style", "version": "1.2.0"})).await.ok();
    assert_eq!((&exported["same"], &exported["left_out"]), (&json!(true), &json!([])), "{exported:#}");
    let has = |file: &str| exported["files"].get(file).is_some();
    assert!(has("roles/dispatcher.json") && has("lifecycles/work_order.json"), "{:#}", exported["files"]);
    upgrade(&to, json!({"files": exported["files"]})).await;
    assert_eq!(model(&to).await, model(&from).await);
    let archived = |files: &Json| {
        let files = from_json(files).expect("they are files");
        packwork::packs::archive::write("house-style", "1.2.0", &files, None).expect("they can be packed")
    };
    let kept = to.get("/packs/house-style/files").await.ok();
    assert_eq!((&kept["version"], archived(&kept["files"])), (&json!("1.2.0"), archived(&exported["files"])));

    // Any pack goes from tenant to tenant as it is.
    let parcels = from.get("/packs/parcels/files").await.ok();
    let (third, archive) = (TestApp::new(on).await, archived(&parcels["files"]));
    upgrade(&third, json!({"files": parcels["files"]})).await;
    assert_eq!(archived(&third.get("/packs/parcels/files").await.ok()["files"]), archive);
    third.get("/packs/nowhere/files").await.refused(404, "not_found");
    let token = third.user("li", &["dispatcher"], json!({})).await;
    third.by(&token, axum::http::Method::GET, "/packs/parcels/files", None).await.refused(403, "forbidden");
}

on_both! {
    an_export_that_goes_round_is_the_same_to_the_byte => round_on_sqlite, round_on_postgres;
    changes_of_one_tenant_are_installed_in_another =>
        changes_of_one_tenant_are_installed_in_another_on_sqlite, changes_of_one_tenant_are_installed_in_another_on_postgres;
}

#[tokio::test]
async fn a_name_that_cannot_be_a_pack_is_refused() {
    let test = with_parcels(On::Sqlite).await;
    for body in [json!({"name": "Bad Name"}), json!({"name": "parcels"}), json!({"name": "good", "version": "1"})] {
        test.post("/packs/export", body).await.refused(400, "bad_parameter");
    }
    test.post("/packs/export", json!({})).await.refused(422, "required");
    let token = test.user("li", &["dispatcher"], json!({})).await;
    let asked = Some(json!({"name": "house-style"}));
    test.by(&token, axum::http::Method::POST, "/packs/export", asked).await.refused(403, "forbidden");
}

#[test]
fn the_command_line_writes_a_folder_and_an_archive_that_can_be_applied() {
    let desk = Desk::new();
    let place = Place { folder: desk.path("dev"), database: None };
    std::fs::create_dir_all(&place.folder).expect("a folder can be made");
    let server = place.launch().start().expect("the server starts");
    let at = ["--packs-dir", place.packs(), "--data", "dev"];
    let words = |words: &[&'static str]| -> Vec<&str> { words.iter().copied().chain(at).collect() };
    let told = desk.told(&words(&["pack", "export", "--name", "house-style", "--output", "house-style"]), FAILED);
    assert!(told.contains("changed nothing"), "{told}");

    let mut client = server.client();
    let mut send = |method: &str, path: &str, body: &Json| {
        let answer = client.send(method, &format!("/api/v1{path}"), Some(body), None).expect("the server answers");
        assert!(answer.status < 300, "{:#}", answer.json);
        answer.json
    };
    let mut depot = send("GET", "/definitions/object/depot", &json!({}));
    depot["fields"]["gate"] = json!({"type": "text", "title": "Gate"});
    send("PUT", "/definitions/object/depot", &depot);
    let plan = send("POST", "/definitions/plan", &json!({}));
    send("POST", "/definitions/apply", &json!({"plan": plan["plan"]}));
    let told = desk.told(&words(&["pack", "export", "--name", "house-style", "--output", "house-style"]), DONE);
    let hash = send("GET", "/definitions", &json!({}))["model"]["hash"].as_str().map(str::to_owned);
    assert!(
        told.contains(&hash.expect("a model has a hash")) && told.contains("1 text(s) have no Chinese yet"),
        "{told}"
    );
    assert!(desk.path("house-style/objects/depot.json").is_file());
    desk.told(&words(&["pack", "export", "--name", "house-style", "-o", "house-style.pwpack"]), DONE);
    desk.told(&words(&["pack", "fetch", "base", "-o", "fetched"]), DONE);
    let read = |folder: &std::path::Path| packwork::packs::source::read_pack(folder).expect("it is a pack");
    assert_eq!(read(&desk.path("fetched")), read(&std::path::Path::new(place.packs()).join("base")));
    let verified = desk.json(&["pack", "verify", "house-style.pwpack", "--json"], DONE);
    assert_eq!((&verified["name"], &verified["signer"]), (&json!("house-style"), &Json::Null));
    let told = desk.told(&words(&["pack", "export", "--name", "house-style", "--output", "house-style"]), FAILED);
    assert!(told.contains("is there already"), "{told}");

    let told = desk.told(&words(&["pack", "list", "--tenant", "other"]), FAILED);
    assert!(told.contains("works for tenant `main`"), "{told}");
    server.kill().expect("a child can be killed");
    let told = desk.told(&words(&["pack", "list", "--tenant", "other"]), FAILED);
    assert!(told.contains("there is no tenant `other`"), "{told}");
}

#[test]
fn files_of_an_export_read_back_as_they_are() {
    let files = packwork::packs::scaffold::files("return-desk");
    assert_eq!(from_json(&to_json(&files)).as_ref(), Some(&files));
}
