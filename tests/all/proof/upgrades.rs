//! From the first versions of the industry packs to the second, under records and changes of a tenant, and back.

use super::fixture::{
    FIRST, Orders, SECOND, carry_out, change, definition, field_visit, lived_in, order, pack, plan, tenant, told,
    upgrade,
};
use crate::definitions::fixture::{apply, edit, names, on_both, publish, text};
use axum::http::Method;
use packwork_tests::app::{On, TestApp};
use serde_json::{Value as Json, json};

const RETURNED: &str = "object/work_order";

async fn nothing_of_either_side_is_lost(on: On) {
    let (test, Orders { returned, visited }) = lived_in(on).await;
    let packs = SECOND.iter().map(|(name, version)| pack(name, version)).collect();
    let plan = plan(&test, packs, json!({})).await;
    let conflicts: Vec<[&Json; 5]> = plan["conflicts"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| [&one["property"], &one["base"], &one["tenant"], &one["pack"], &one["resolution"]])
        .collect();
    assert_eq!(
        json!(conflicts),
        json!([
            [
                "object/work_order/fields/paid_price/title",
                "Price of the goods",
                "Amount on the receipt",
                "Price paid",
                "tenant"
            ],
            [
                "object/work_order/fields/restocking_fee/title",
                "Restocking fee",
                "Handling charge",
                "Restocking fee withheld",
                "tenant"
            ]
        ])
    );
    assert_eq!(
        told(&plan),
        [
            "add_column spare_part_line f_source 1",
            "add_column store f_kind 1",
            "add_column work_order c_deduction 2",
            "add_column work_order f_deduction 2",
            "back_fill spare_part_line f_source 1",
            "back_fill store f_kind 1",
            "quarantine_column spare_part_line f_bin 1",
            "quarantine_column work_order f_arrival_code 1",
            "quarantine_column work_order f_receipt_number 1",
            "rename_column work_order c_paid_price 2",
            "rename_column work_order f_paid_price 2",
            "rename_column work_order f_travel_distance 2",
            "rename_table spare_part_line - 1",
            "widen_column spare_part_line f_quantity 1",
            "widen_column store f_floor_area 1",
            "widen_column work_order f_restocking_rate 2",
        ]
    );
    let words: Vec<String> =
        plan["changes"].as_array().into_iter().flatten().map(|one| text(&one["words"]["zh-CN"])).collect();
    for expected in [
        "对象“工单”（work_order）·字段“实付金额”（paid_price）·标识：由 “goods_price” 改为 “paid_price”",
        "对象“工单”（work_order）·字段“小票号”（receipt_number）：移除（数据保留）",
        "对象“备件明细”（spare_part_line）·标识：由 “visit_part” 改为 “spare_part_line”",
    ] {
        assert!(words.iter().any(|words| words == expected), "{expected} in {words:#?}");
    }
    assert!(!words.iter().any(|words| words.contains("（goods_price）")), "{words:#?}");
    carry_out(&test, &plan).await;

    let now = definition(&test, "object/work_order").await;
    let fields = &now["fields"];
    assert_eq!(
        [&fields["paid_price"]["title"], &fields["restocking_fee"]["title"], &fields["refund_due"]["help"]],
        ["Amount on the receipt", "Handling charge", "Paid within a week"]
    );
    let options = &fields["return_reason"]["options"];
    assert_eq!(names(options), ["change_of_mind", "defective", "damaged", "not_as_described", "recalled"]);
    assert_eq!(options["damaged"]["title"], "Broken on the way");
    assert_eq!(fields["x_bonus"]["formula"], "if paid_price == () { () } else { paid_price * 0.01 }");
    let parts = definition(&test, "object/spare_part_line").await;
    assert_eq!(
        (&parts["fields"]["unit_cost"]["title"], &parts["fields"]["x_shelf"]["title"]),
        (&json!("Price per piece"), &json!("Shelf"))
    );
    let form = definition(&test, "template/store_return").await;
    let sections: Vec<&Json> = form["sections"].as_array().into_iter().flatten().map(|one| &one["title"]).collect();
    assert_eq!(sections, ["Customer and store", "What comes back", "Inspection, fee and refund", "Handling and price"]);

    // What was computed stays as it was. What became required has its default, and such a record is computed anew.
    let record = order(&test, &returned).await;
    assert_eq!(
        [&record["paid_price"]["amount"], &record["refund_due"]["amount"], &record["x_bonus"]["amount"]],
        ["1200.00", "1080.00", "12.00"]
    );
    assert_eq!((&record["restocking_rate"], &record["x_seal"]), (&json!("0.100000"), &json!("red")));
    assert!(record.get("goods_price").is_none() && record.get("receipt_number").is_none(), "{record:#}");
    let store = test.get("/records/store/s1").await.ok();
    assert_eq!((&store["kind"], &store["floor_area"]), (&json!("own"), &json!("120.50")));
    let record = order(&test, &visited).await;
    let part = &record["parts"][0];
    assert_eq!(
        [&part["quantity"], &part["source"], &part["charge"]["amount"], &part["x_shelf"], &record["travel_distance"]],
        ["1.250", "van", "137.29", "top", "12.5"]
    );
    assert_eq!((part.get("bin"), record.get("arrival_code")), (None, None));
    // The next write computes by the new formulas.
    let record = change(&test, &returned, json!({"deduction": "100.00", "paid_price": "2000.00"})).await;
    assert_eq!(
        [&record["restocking_fee"]["amount"], &record["refund_due"]["amount"], &record["x_bonus"]["amount"]],
        ["200.00", "1700.00", "20.00"]
    );
    let id = part["id"].clone();
    let record = change(&test, &visited, json!({"parts": [{"id": id, "quantity": "0.125"}]})).await;
    assert_eq!(
        [
            &record["parts"][0]["cost"]["amount"],
            &record["parts"][0]["charge"]["amount"],
            &record["parts_cost"]["amount"]
        ],
        ["11.94", "13.73", "11.94"]
    );
    test.get(&format!("/records/work_order/{returned}/history")).await.ok();
}

async fn going_back_brings_back_what_was(on: On) {
    let (test, Orders { returned, visited }) = lived_in(on).await;
    let before = definition(&test, RETURNED).await;
    upgrade(&test).await;
    let part = order(&test, &visited).await["parts"][0]["id"].clone();
    change(&test, &returned, json!({"paid_price": "1300.00", "return_reason": "recalled"})).await;
    change(&test, &visited, json!({"parts": [{"id": part, "quantity": "0.125"}], "travel_distance": "20"})).await;
    // The first versions know neither the reason nor a third digit: nothing happens, and both places are named.
    let versions = test.get("/definitions/versions").await.ok()["data"].clone();
    let to = json!({"to": versions[1]["number"]});
    let refused = test.post("/definitions/rollback", to.clone()).await.refused(409, "plan_blocked");
    assert_eq!(refused["params"]["blocked"], json!(["retyped_columns", "rows_in_the_way"]));
    assert_eq!(order(&test, &visited).await["parts"][0]["quantity"], "0.125");
    change(&test, &returned, json!({"return_reason": "change_of_mind"})).await;
    change(&test, &visited, json!({"parts": [{"id": part, "quantity": "0.12"}]})).await;
    // A fee of a rate with more digits than before is computed anew at the next write.
    test.post("/definitions/rollback", to).await.ok();
    test.work(usize::MAX).await;

    assert_eq!(definition(&test, RETURNED).await, before);
    let record = order(&test, &returned).await;
    assert_eq!(
        [&record["goods_price"]["amount"], &record["receipt_number"], &record["restocking_rate"], &record["x_seal"]],
        ["1300.00", "XP-1", "0.1000", "red"]
    );
    let record = order(&test, &visited).await;
    let part = &record["parts"][0];
    assert_eq!(
        [&part["quantity"], &part["bin"], &part["x_shelf"], &record["travel_km"], &record["arrival_code"]],
        ["0.12", "A-1", "top", "20.0", "4711"]
    );
    let record = change(&test, &returned, json!({"goods_price": "900.00"})).await;
    assert_eq!(record["restocking_fee"]["amount"], "135.00");
    // Forward again: what was written meanwhile comes along.
    upgrade(&test).await;
    let record = order(&test, &returned).await;
    assert_eq!((&record["paid_price"]["amount"], &record["x_bonus"]["amount"]), (&json!("900.00"), &json!("9.00")));
    assert_eq!(definition(&test, RETURNED).await["fields"]["paid_price"]["title"], "Amount on the receipt");
    let part = order(&test, &visited).await["parts"][0].clone();
    assert_eq!([&part["quantity"], &part["source"], &part["x_shelf"]], ["0.120", "van", "top"]);
}

async fn an_upgrade_gives_what_an_installation_gives(on: On) {
    let fresh = tenant(on, SECOND).await.get("/definitions").await.ok()["model"]["hash"].clone();
    let test = tenant(on, FIRST).await;
    // In two steps, the other pack in between still being the first.
    for (name, version) in SECOND.iter().rev() {
        let plan = plan(&test, vec![pack(name, version)], json!({})).await;
        carry_out(&test, &plan).await;
    }
    assert_eq!(test.get("/definitions").await.ok()["model"]["hash"], fresh);
    // What the second versions bring along is there: the new reason has its fee.
    let rows = test.get("/records/restocking_fee?limit=50").await.ok();
    assert!(rows["data"].as_array().into_iter().flatten().any(|row| row["row"] == "recalled"), "{rows:#}");
}

async fn what_the_tenant_built_on_a_dropped_field_is_named(on: On) {
    let test = tenant(on, FIRST).await;
    edit(&test, "object/work_order", |object| {
        let formula = "if receipt_number == () { () } else { \"R\" + receipt_number }";
        object["fields"]["receipt"] = json!({"type": "text", "title": "Receipt", "formula": formula});
    })
    .await;
    publish(&test).await;
    let stopped = plan(&test, vec![pack("retail-returns", "2.0.0")], json!({})).await;
    assert!(stopped["blocked"].to_string().contains("breaking_change"), "{stopped:#}");
    let refused = apply(&test, &stopped).await.refused(409, "breaking_change");
    let places: Vec<&str> =
        refused["errors"].as_array().into_iter().flatten().filter_map(|one| one["pointer"].as_str()).collect();
    assert_eq!(places, ["/object/work_order/fields/x_receipt/formula"]);
    edit(&test, "object/work_order", |object| {
        object["fields"].as_object_mut().expect("it has fields").shift_remove("x_receipt");
    })
    .await;
    publish(&test).await;
    let plan = plan(&test, vec![pack("retail-returns", "2.0.0")], json!({})).await;
    carry_out(&test, &plan).await;
}

/// A version of the pack of returns that has given its stores to a pack of their own.
fn divided() -> [Json; 2] {
    let mut returns = pack("retail-returns", "2.0.0");
    let read = |pack: &Json, file: &str| -> Json {
        serde_json::from_str(pack["files"][file].as_str().expect("it is there")).expect("it is JSON")
    };
    let mut store = read(&returns, "objects/store.json");
    let uid =
        packwork_engine::layers::content::uid("retail-returns", packwork_engine::definition::Kind::Object, "store");
    store["uid"] = json!(uid);
    let (of_store, mut others): (serde_json::Map<String, Json>, serde_json::Map<String, Json>) =
        read(&returns, "i18n/zh-CN.json")
            .as_object()
            .cloned()
            .unwrap_or_default()
            .into_iter()
            .partition(|(path, _)| path.starts_with("object/store/"));
    let mut texts = of_store;
    texts.extend([("pack/title".to_owned(), json!("门店")), ("pack/description".to_owned(), json!("门店"))]);
    others.retain(|path, _| !path.starts_with("object/store/"));
    let mut manifest = read(&returns, "pack.json");
    manifest["version"] = json!("3.0.0");
    manifest["requires"]["stores"] = json!("^1.0.0");
    let files = returns["files"].as_object_mut().expect("a pack has files");
    files.shift_remove("objects/store.json");
    files.insert("i18n/zh-CN.json".into(), json!(Json::Object(others).to_string()));
    files.insert("pack.json".into(), json!(manifest.to_string()));
    let manifest = json!({"name": "stores", "version": "1.0.0", "title": "Stores", "description": "Stores",
        "requires": {"base": "^0.1.1"}});
    let stores = json!({"files": {"pack.json": manifest.to_string(), "objects/store.json": store.to_string(),
        "i18n/zh-CN.json": Json::Object(texts).to_string()}});
    [returns, stores]
}

async fn a_definition_moves_into_another_pack_with_all_that_is_in_it(on: On) {
    let test = tenant(on, &[("retail-returns", "2.0.0")]).await;
    super::fixture::master_data(&test).await;
    test.post("/records/store", super::fixture::store("s1")).await.ok();
    edit(&test, "object/store", |object| object["fields"]["phone"]["title"] = json!("Extension")).await;
    publish(&test).await;
    let plan = plan(&test, divided().into(), json!({})).await;
    assert_eq!((&plan["database"], &plan["conflicts"]), (&json!([]), &json!([])), "{plan:#}");
    carry_out(&test, &plan).await;
    assert_eq!(test.get("/records/store/s1").await.ok()["kind"], "own");
    assert_eq!(definition(&test, "object/store").await["fields"]["phone"]["title"], "Extension");
    let told = test.get("/definitions/object/store/provenance").await.ok();
    let entries = told["data"].as_array().into_iter().flatten();
    let of: Vec<&Json> =
        entries.filter(|one| one["path"] == "/fields/code/type").map(|one| &one["origin"]["pack"]).collect();
    assert_eq!(of, ["stores"]);
}

async fn a_visit_begun_before_goes_on_after(on: On) {
    let test: TestApp = tenant(on, FIRST).await;
    super::fixture::master_data(&test).await;
    let technician = json!({"login": "tech1", "name": "王工", "roles": ["technician"], "skills": ["electrics"]});
    test.post("/records/user", technician).await.ok();
    let mut visit = field_visit();
    visit["technician"] = json!("tech1");
    let id = text(&test.post("/records/work_order", visit).await.ok()["id"]);
    let step = async |transition: &str, input: Json| {
        let body = json!({"version": order(&test, &id).await["version"], "input": input});
        test.post(&format!("/records/work_order/{id}/transitions/{transition}"), body).await
    };
    step("dispatch", json!({})).await.ok();
    step("set_out", json!({})).await.ok();
    step("recall", json!({})).await.refused(409, "transition_not_allowed");
    upgrade(&test).await;
    // The state is the same, what is possible in it is more.
    step("recall", json!({})).await.ok();
    step("dispatch", json!({})).await.ok();
    step("start", json!({})).await.ok();
    let body = json!({"version": order(&test, &id).await["version"], "signed_by": "张三"});
    test.system(Method::PATCH, &format!("/records/work_order/{id}"), Some(body)).await.ok();
    assert_eq!(step("complete", json!({})).await.ok()["state"], "completed");
}

on_both! {
    nothing_of_either_side_is_lost => kept_on_sqlite, kept_on_postgres;
    going_back_brings_back_what_was => back_on_sqlite, back_on_postgres;
    an_upgrade_gives_what_an_installation_gives => equal_on_sqlite, equal_on_postgres;
    what_the_tenant_built_on_a_dropped_field_is_named => named_on_sqlite, named_on_postgres;
    a_definition_moves_into_another_pack_with_all_that_is_in_it => moved_on_sqlite, moved_on_postgres;
    a_visit_begun_before_goes_on_after => running_on_sqlite, running_on_postgres;
}
