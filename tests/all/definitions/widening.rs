//! Fields that change their type: what holds every value is done where it stands, the rest is refused with a way out.

use super::fixture::{apply, database, on_both, parcels, plan_packs, upgrade};
use axum::http::Method;
use packwork_tests::app::{On, TestApp};
use serde_json::{Value as Json, json};

fn fields(count: Json, weight_scale: u32, remark: Json, sender: Json, options: &[&str]) -> Json {
    let options: Json = options.iter().map(|name| ((*name).to_owned(), json!({"title": name}))).collect();
    json!({
        "count": count,
        "weight": {"type": "decimal", "title": "Weight", "scale": weight_scale, "index": true},
        "remark": remark,
        "sender": sender,
        "kind": {"type": "choice", "title": "Kind", "options": options},
        "total": {"type": "decimal", "title": "Total", "scale": 4, "formula": "count * weight"},
        "marked": {"type": "boolean", "title": "Marked", "formula": "kind == \"a\""},
    })
}

fn first() -> Json {
    fields(
        json!({"type": "integer", "title": "Count"}),
        2,
        json!({"type": "text", "title": "Remark", "max_length": 20}),
        json!({"type": "reference", "title": "Sender", "to": "parcel"}),
        &["a", "b"],
    )
}

/// A version of the parcels, with crates beside them.
fn pack(version: &str, fields: Json) -> Json {
    let crates = json!({"kind": "object", "name": "crate", "title": "Crate", "plural": "Crates", "display": "name",
        "key": "name", "fields": {"name": {"type": "text", "title": "Name"}}});
    parcels(version, fields, &[("objects/crate.json", crates)])
}

async fn with_one(on: On) -> TestApp {
    let test = TestApp::new(on).await;
    upgrade(&test, pack("1.0.0", first())).await;
    let parcel = json!({"code": "p1", "count": 3, "weight": "1.25", "remark": "short", "kind": "a"});
    let made = test.post("/records/parcel", parcel).await.ok();
    let itself = json!({"version": made["version"], "sender": "p1"});
    test.system(Method::PATCH, "/records/parcel/p1", Some(itself)).await.ok();
    test
}

async fn what_holds_every_value_is_done_in_place(on: On) {
    let test = with_one(on).await;
    let before = test.get("/records/parcel/p1").await.ok();
    let wider = fields(
        json!({"type": "decimal", "title": "Count", "scale": 1}),
        3,
        json!({"type": "long_text", "title": "Remark"}),
        json!({"type": "reference", "title": "Sender", "to": ["parcel", "crate"]}),
        &["a", "b", "c"],
    );
    let plan = plan_packs(&test, pack("1.1.0", wider), json!({})).await;
    assert_eq!(plan["blocked"], json!([]), "{plan:#}");
    let told = database(&plan);
    for column in ["f_count", "f_weight"] {
        assert!(told.contains(&json!(["widen_column", "parcel", column, 1])), "{told:#?}");
    }
    apply(&test, &plan).await.ok();
    let after = test.get("/records/parcel/p1").await.ok();
    assert_eq!(
        [&after["count"], &after["weight"], &after["total"]],
        [&json!("3.0"), &json!("1.250"), &before["total"]]
    );
    assert_eq!(
        [&after["remark"], &after["sender"], &after["kind"]],
        [&before["remark"], &before["sender"], &before["kind"]]
    );
    test.post("/records/crate", json!({"name": "blue"})).await.ok();
    let new = json!({"code": "p2", "sender": "blue", "count": "1.5", "weight": "0.125", "remark": "长".repeat(300), "kind": "c"});
    assert_eq!(test.post("/records/parcel", new).await.ok()["total"], "0.1875");
}

async fn the_rest_is_refused_with_a_way_out(on: On) {
    let test = with_one(on).await;
    let (mut texts, mut fewer) = (first(), first());
    texts["count"] = json!({"type": "text", "title": "Count"});
    texts["total"] = json!({"type": "decimal", "title": "Total", "scale": 4, "formula": "weight"});
    fewer["weight"]["scale"] = json!(1);
    fewer["total"]["formula"] = json!("count");
    for (changed, column, offer) in [(texts, "count", "new_field"), (fewer, "weight", "round_into_new_field")] {
        let plan = plan_packs(&test, pack("1.1.0", changed), json!({})).await;
        assert_eq!(plan["blocked"], json!(["retyped_columns"]), "{plan:#}");
        let entries = plan["database"].as_array().cloned().unwrap_or_default();
        let refused = entries.iter().find(|entry| entry["action"] == "retype_column").cloned().unwrap_or_default();
        assert_eq!((&refused["column"], &refused["offer"]), (&json!(column), &json!(offer)), "{plan:#}");
        apply(&test, &plan).await.refused(409, "plan_blocked");
    }
    // Where something uses it as it was, that place is named too.
    let mut used = first();
    used["count"] = json!({"type": "text", "title": "Count"});
    let plan = plan_packs(&test, pack("1.1.0", used), json!({})).await;
    let refused = apply(&test, &plan).await.refused(409, "breaking_change");
    let message = refused["errors"][0]["message"].to_string();
    assert!(message.contains("add a field of the new type"), "{refused:#}");
}

on_both! {
    what_holds_every_value_is_done_in_place => wider_on_sqlite, wider_on_postgres;
    the_rest_is_refused_with_a_way_out => refused_on_sqlite, refused_on_postgres;
}
