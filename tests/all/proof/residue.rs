//! A pack that is taken out and purged leaves nothing: the whole schema and every row are as they were before it came.

use crate::definitions::fixture::{on_both, plan_packs, text};
use packwork_tests::app::{On, TestApp};
use packwork_tests::dump::{Dumped, dump};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// What says that the pack was there and stays for good: versions, plans, contents of packs, the history of records.
const HISTORY: &[&str] = &["model_version", "change_plan", "pack_content", "event", "command", "job"];

/// A pack that uses everything: own rows, rollups over its own and over others' records, unique keys, indexes, numbers, rules
/// about duplicates, to-dos, fields of others, rate rows, a lifecycle, seeds, a report, a role, a script.
fn everything() -> Json {
    let ship = json!({
        "kind": "object", "name": "ship", "title": "Ship", "plural": "Ships", "key": "code", "display": "code",
        "indexes": {"by_day": {"fields": ["day"]}}, "unique": {"pair": ["day", "mark"]},
        "fields": {
            "code": {"type": "text", "title": "Code"},
            "number": {"type": "sequence", "title": "Number", "format": "S-{seq:4}"},
            "mark": {"type": "text", "title": "Mark", "unique": true},
            "day": {"type": "date", "title": "Day", "index": true},
            "customer": {"type": "reference", "title": "Customer", "to": "customer"},
            "papers": {"type": "attachment", "title": "Papers", "multiple": true},
            "loads": {"type": "items", "title": "Loads", "to": "ship_load"},
            "weight": {"type": "rollup", "title": "Weight", "of": "loads", "sum": "weight"},
            "legs": {"type": "rollup", "title": "Legs", "of": "ship_leg.ship", "count": true},
            "steps": {"type": "integer", "title": "Steps",
                "formula": "let sum = 0; for at in 0..3 { sum += at; } sum"}
        },
        "duplicates": {"same": {"title": "Same mark", "match": {"mark": "normalized"}}},
        "todos": {"weigh": {"title": "Weigh it", "when": "day == ()", "role": "sailor"}}
    });
    let load = json!({"kind": "object", "name": "ship_load", "title": "Load", "plural": "Loads", "owned_by": "ship",
        "display": "what", "fields": {"what": {"type": "text", "title": "What"},
            "weight": {"type": "decimal", "title": "Weight"}}});
    let leg = json!({"kind": "object", "name": "ship_leg", "title": "Leg", "plural": "Legs", "display": "port",
        "fields": {"port": {"type": "text", "title": "Port"}, "ship": {"type": "reference", "title": "Ship", "to": "ship"}}});
    let customer = json!({"kind": "object", "name": "customer", "extends": true, "fields": {
        "berth": {"type": "text", "title": "Berth", "index": true},
        "ships": {"type": "rollup", "title": "Ships", "of": "ship.customer", "count": true}}});
    let lifecycle = json!({"kind": "lifecycle", "name": "ship", "title": "Ship", "on": "ship", "initial": "port",
        "states": {"port": {"title": "In port"}, "sea": {"title": "At sea"}},
        "transitions": {"sail": {"title": "Sail", "from": ["port"], "to": "sea"}}});
    let role = json!({"kind": "role", "name": "sailor", "title": "Sailor", "objects": {"ship": {"read": true}}});
    let report = json!({"kind": "report", "name": "ships", "title": "Ships", "object": "ship", "group_by": ["day"],
        "measures": {"all": {"title": "All", "count": true}}});
    let seed = json!({"kind": "seed", "name": "ships", "object": "ship",
        "records": [{"code": "s1", "mark": "A", "loads": [{"what": "coal", "weight": "5"}]}, {"code": "s2", "mark": "B"}]});
    let chinese = [
        "pack/title",
        "pack/description",
        "object/ship/title",
        "object/ship/plural",
        "object/ship_load/title",
        "object/ship_load/plural",
        "object/ship_leg/title",
        "object/ship_leg/plural",
        "lifecycle/ship/title",
        "lifecycle/ship/states/port/title",
        "lifecycle/ship/states/sea/title",
        "lifecycle/ship/transitions/sail/title",
        "role/sailor/title",
        "report/ships/title",
        "report/ships/measures/all/title",
        "object/ship/duplicates/same/title",
        "object/ship/todos/weigh/title",
    ];
    let mut chinese: BTreeMap<String, &str> = chinese.iter().map(|path| ((*path).to_owned(), "文")).collect();
    for (object, definition) in [("ship", &ship), ("ship_load", &load), ("ship_leg", &leg), ("customer", &customer)] {
        for field in definition["fields"].as_object().into_iter().flat_map(|fields| fields.keys()) {
            chinese.insert(format!("object/{object}/fields/{field}/title"), "文");
        }
    }
    let manifest = json!({"name": "ships", "version": "1.0.0", "title": "Ships", "description": "Ships",
        "requires": {"base": "*"}});
    json!({"files": {
        "pack.json": manifest.to_string(), "objects/ship.json": ship.to_string(),
        "objects/ship_load.json": load.to_string(), "objects/ship_leg.json": leg.to_string(),
        "objects/customer.json": customer.to_string(), "lifecycles/ship.json": lifecycle.to_string(),
        "roles/sailor.json": role.to_string(), "reports/ships.json": report.to_string(),
        "seed/ships.json": seed.to_string(), "i18n/zh-CN.json": json!(chinese).to_string(),
    }})
}

async fn install(test: &TestApp) {
    let plan = plan_packs(test, everything(), json!({})).await;
    assert_eq!(plan["blocked"], json!([]), "{plan:#}");
    // Its to-do asks for other cases' records too: accepted.
    let accept = json!({"plan": plan["plan"], "accept": {"cases": true}});
    test.post("/packs/apply", accept).await.ok();
    test.work(usize::MAX).await;
}

async fn take_out(test: &TestApp) {
    let plan = test.post("/packs/plan", json!({"remove": ["ships"]})).await.ok();
    assert_eq!(plan["blocked"], json!([]), "{plan:#}");
    let accept = json!({"plan": plan["plan"], "accept": {"cases": true}});
    test.post("/packs/apply", accept).await.ok();
    test.work(usize::MAX).await;
}

/// Everything that is stored, but for the history.
async fn everything_stored(test: &TestApp) -> Vec<Dumped> {
    let mut dumped = dump(test).await;
    for table in &mut dumped {
        if HISTORY.contains(&table.name.as_str()) {
            table.rows.clear();
        }
    }
    dumped
}

#[track_caller]
fn same(before: &[Dumped], after: &[Dumped]) {
    let names = |dumped: &[Dumped]| dumped.iter().map(|table| table.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(before), names(after));
    for (before, after) in before.iter().zip(after) {
        assert_eq!(before.schema, after.schema, "{}", before.name);
        assert_eq!(before.rows, after.rows, "{}", before.name);
    }
}

async fn nothing_is_left_after_a_purge_and_the_pack_can_come_again(on: On) {
    let test = TestApp::new(on).await;
    let customer = json!({"code": "c1", "name": "Harbour", "address": "上海市浦东新区张江路88号"});
    test.post("/records/customer", customer).await.ok();
    let before = everything_stored(&test).await;
    install(&test).await;
    let installed = everything_stored(&test).await;
    assert!(installed.iter().any(|table| table.name == "o_ship" && table.rows.len() == 2), "the seed is planted");
    // People work with it.
    let ship =
        test.post("/records/ship", json!({"code": "s3", "mark": "C", "customer": "c1", "loads": [{"what": "iron"}]}));
    let ship = ship.await.ok();
    let id = text(&ship["id"]);
    test.post("/records/ship_leg", json!({"port": "Rotterdam", "ship": "s3"})).await.ok();
    test.post(&format!("/records/ship/{id}/comments"), json!({"text": "fine ship"})).await.ok();
    let token = test.local.expose().to_owned();
    let uploaded = test.upload(&token, &format!("/records/ship/{id}/attachments?name=a.txt"), "paper").await;
    uploaded.ok();
    test.post(&format!("/records/ship/{id}/transitions/sail"), json!({})).await.ok();
    test.get("/scripts").await.ok();
    take_out(&test).await;

    // Parked: the data waits and comes back.
    install(&test).await;
    let back = test.get(&format!("/records/ship/{id}")).await.ok();
    assert_eq!([&back["state"], &back["legs"], &back["number"]], [&json!("sea"), &json!("1"), &ship["number"]]);
    assert_eq!(test.get("/records/ship?count=exact").await.ok()["count"], 3, "seeds come once");
    take_out(&test).await;

    let purged = test.post("/quarantine/purge", json!({"older_than_days": 0})).await.ok();
    assert_eq!(purged["left"], json!([]), "{purged:#}");
    packwork::service::housekeeping::tidy(&test.app).await.expect("housekeeping works");
    let after = everything_stored(&test).await;
    same(&before, &after);
    assert!(!test.get("/packs").await.ok().to_string().contains("ships"));

    // It can come again, as new: its seeds too.
    install(&test).await;
    assert_eq!(test.get("/records/ship?count=exact").await.ok()["count"], 2);
    let again = everything_stored(&test).await;
    let shape =
        |dumped: &[Dumped]| dumped.iter().map(|table| (table.name.clone(), table.schema.clone())).collect::<Vec<_>>();
    assert_eq!(shape(&installed), shape(&again));
}

on_both! {
    nothing_is_left_after_a_purge_and_the_pack_can_come_again => residue_on_sqlite, residue_on_postgres;
}
