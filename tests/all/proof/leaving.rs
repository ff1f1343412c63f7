//! Industry packs that are taken out: nothing of them is left to be seen, and everything comes back with them.

use super::fixture::{carry_out, field_visit, master_data, order, pack, plan, store, store_return, tenant, told};
use crate::definitions::fixture::{on_both, text};
use packwork_tests::app::{On, TestApp};
use serde_json::{Value as Json, json};

/// Installs the first version as a consultant would, and makes a return with it.
async fn with_return(on: On) -> (TestApp, String) {
    let test = TestApp::new(on).await;
    let plan = plan(&test, vec![pack("retail-returns", "1.0.0")], json!({})).await;
    assert_eq!(plan["packs"], json!([{"name": "retail-returns", "from": null, "to": "1.0.0"}]));
    carry_out(&test, &plan).await;
    master_data(&test).await;
    test.post("/records/store", store("s1")).await.ok();
    let returned = test.post("/records/work_order", store_return()).await.ok();
    assert_eq!(returned["price"]["amount"], "18.00", "the pack's own price row is there");
    (test, text(&returned["id"]))
}

async fn take_out(test: &TestApp) {
    let plan = test.post("/packs/plan", json!({"remove": ["retail-returns"]})).await.ok();
    let told = told(&plan);
    for expected in [
        "quarantine_column user f_store 0",
        "quarantine_column work_order f_goods_price 1",
        "quarantine_column work_order f_receipt_number 1",
        "quarantine_column work_order f_return_reason 1",
        "quarantine_column work_order f_store 1",
        "quarantine_table store - 1",
    ] {
        assert!(told.iter().any(|one| one == expected), "{expected} in {told:#?}");
    }
    carry_out(test, &plan).await;
}

async fn a_pack_leaves_no_trace_and_comes_back_with_its_data(on: On) {
    let (test, returned) = with_return(on).await;
    let before = order(&test, &returned).await;
    take_out(&test).await;
    let seen = format!("{} {}", test.get("/definitions").await.ok(), test.get("/packs").await.ok());
    for name in ["retail-returns", "restocking_fee", "store_return", "store_clerk", "return_review"] {
        assert!(!seen.contains(name), "{name} in {seen}");
    }
    for object in ["store", "restocking_fee"] {
        test.get(&format!("/records/{object}")).await.refused(404, "unknown_object");
    }
    let without = order(&test, &returned).await;
    for field in ["store", "goods_price", "receipt_number", "return_reason", "refund_due"] {
        assert!(without.get(field).is_none(), "{without:#}");
    }
    // Neither does a start bring it back.
    let test = test.restart().await;
    test.get("/records/store").await.refused(404, "unknown_object");
    let plan = plan(&test, vec![pack("retail-returns", "1.0.0")], json!({})).await;
    carry_out(&test, &plan).await;
    assert_eq!(order(&test, &returned).await, before);
    assert_eq!(test.get("/records/store/s1").await.ok()["floor_area"], "120.5");
    // Nothing that a pack brings along is there twice.
    for (object, field, value) in [("service_item", "code", "store_return"), ("restocking_fee", "row", "used")] {
        let rows = test.get(&format!("/records/{object}?limit=200")).await.ok();
        let same = rows["data"].as_array().into_iter().flatten().filter(|row| row[field] == value);
        assert_eq!(same.count(), 1, "{object} {value}");
    }
}

async fn a_later_version_finds_what_the_former_left(on: On) {
    let (test, returned) = with_return(on).await;
    take_out(&test).await;
    let plan = plan(&test, vec![pack("retail-returns", "2.0.0")], json!({})).await;
    carry_out(&test, &plan).await;
    let record = order(&test, &returned).await;
    assert_eq!(
        [&record["paid_price"]["amount"], &record["refund_due"]["amount"], &record["restocking_rate"]],
        ["1200.00", "1080.00", "0.100000"]
    );
    let store: Json = test.get("/records/store/s1").await.ok();
    assert_eq!((&store["kind"], &store["floor_area"]), (&json!("own"), &json!("120.50")));
}

async fn a_renamed_object_finds_the_rows_that_waited(on: On) {
    let test = tenant(on, &[("field-service", "1.0.0")]).await;
    master_data(&test).await;
    let visited = text(&test.post("/records/work_order", field_visit()).await.ok()["id"]);
    let out = test.post("/packs/plan", json!({"remove": ["field-service"]})).await.ok();
    assert!(told(&out).iter().any(|one| one == "quarantine_table visit_part - 1"), "{out:#}");
    carry_out(&test, &out).await;
    assert!(order(&test, &visited).await.get("parts").is_none());
    let plan = plan(&test, vec![pack("field-service", "2.0.0")], json!({})).await;
    carry_out(&test, &plan).await;
    let record = order(&test, &visited).await;
    let part = &record["parts"][0];
    assert_eq!(
        [&part["quantity"], &part["source"], &part["cost"]["amount"], &record["travel_distance"]],
        ["1.250", "van", "119.38", "12.5"]
    );
}

on_both! {
    a_renamed_object_finds_the_rows_that_waited => waited_on_sqlite, waited_on_postgres;
    a_pack_leaves_no_trace_and_comes_back_with_its_data => gone_on_sqlite, gone_on_postgres;
    a_later_version_finds_what_the_former_left => later_on_sqlite, later_on_postgres;
}
