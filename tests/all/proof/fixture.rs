//! A tenant that works with the first versions of both industry packs, and short ways to the second ones.

use crate::definitions::fixture::{apply, edit, publish, text};
use axum::http::Method;
use packwork::packs::shelf;
use packwork_engine::moment::Moment;
use packwork_tests::app::{Industry, NOW, On, TestApp, industry_pack};
use serde_json::{Value as Json, json};

pub const FIRST: Industry = &[("retail-returns", "1.0.0"), ("field-service", "1.0.0")];
pub const SECOND: Industry = &[("retail-returns", "2.0.0"), ("field-service", "2.0.0")];

/// A tenant with industry packs.
pub async fn tenant(on: On, industry: Industry) -> TestApp {
    TestApp::with(on, Moment::parse(NOW).expect("the constant is a moment"), industry).await
}

/// An industry pack as a plan takes it.
pub fn pack(name: &str, version: &str) -> Json {
    json!({"files": shelf::to_json(&industry_pack(name, version))})
}

pub async fn plan(test: &TestApp, packs: Vec<Json>, resolutions: Json) -> Json {
    test.post("/packs/plan", json!({"packs": packs, "resolutions": resolutions})).await.ok()
}

/// Plans what must not be blocked, applies it, and waits for the jobs that follow.
pub async fn carry_out(test: &TestApp, plan: &Json) -> Json {
    assert_eq!(plan["blocked"], json!([]), "{plan:#}");
    assert!(plan["cases"]["differ"].as_array().is_none_or(Vec::is_empty), "{plan:#}");
    let applied = apply(test, plan).await.ok();
    test.work(usize::MAX).await;
    applied
}

pub async fn upgrade(test: &TestApp) -> Json {
    let plan = plan(test, SECOND.iter().map(|(name, version)| pack(name, version)).collect(), json!({})).await;
    carry_out(test, &plan).await;
    plan
}

/// What people need before they can return or repair anything.
pub async fn master_data(test: &TestApp) {
    let department = json!({"code": "retail", "name": "零售部", "legal_entity": "le_sh"});
    let partner = json!({"code": "direct1", "name": "直营", "mode": "direct", "legal_entity": "le_sh"});
    let customer = json!({"code": "c_sh", "name": "上海客户", "address": "上海市浦东新区张江路88号"});
    for (object, record) in [
        ("legal_entity", json!({"code": "le_sh", "name": "上海公司"})),
        ("department", department),
        ("partner", partner),
        ("customer", customer),
        ("product", json!({"code": "gas", "name": "制冷剂", "kind": "material", "price": "95.50"})),
    ] {
        test.post(&format!("/records/{object}"), record).await.ok();
    }
}

pub fn store(code: &str) -> Json {
    json!({"code": code, "name": code, "department": "retail", "floor_area": "120.5"})
}

/// A return of the first version, without what somebody adds to it.
pub fn store_return() -> Json {
    json!({"template": "store_return", "customer": "c_sh", "store": "s1", "partner": "direct1",
        "return_reason": "change_of_mind", "goods_condition": "opened", "goods_price": "1200.00",
        "receipt_number": "XP-1"})
}

/// A visit of the first version.
pub fn field_visit() -> Json {
    json!({"template": "field_visit", "customer": "c_sh", "partner": "direct1", "fault": "不制冷", "travel_km": "12.5",
        "window_start": "2026-03-16T09:00:00+08:00", "window_end": "2026-03-16T11:00:00+08:00", "arrival_code": "4711",
        "parts": [{"product": "gas", "quantity": "1.25", "bin": "A-1"}]})
}

/// Ids of a store's return and a visit.
pub struct Orders {
    pub returned: String,
    pub visited: String,
}

/// A tenant of the first versions with records and changes of its own.
pub async fn lived_in(on: On) -> (TestApp, Orders) {
    let test = tenant(on, FIRST).await;
    edit(&test, "object/work_order", |object| {
        let fields = &mut object["fields"];
        fields["goods_price"]["title"] = json!("Amount on the receipt");
        fields["restocking_fee"]["title"] = json!("Handling charge");
        fields["refund_due"]["help"] = json!("Paid within a week");
        let options = fields["return_reason"]["options"].as_object_mut().expect("a reason has options");
        options.shift_remove("wrong_item");
        options["damaged"]["title"] = json!("Broken on the way");
        fields["seal"] = json!({"type": "text", "title": "Seal"});
        let formula = "if goods_price == () { () } else { goods_price * 0.01 }";
        fields["bonus"] = json!({"type": "money", "title": "Bonus", "currency": "CNY", "formula": formula});
    })
    .await;
    edit(&test, "object/visit_part", |object| {
        object["fields"]["unit_cost"]["title"] = json!("Price per piece");
        object["fields"]["shelf"] = json!({"type": "text", "title": "Shelf"});
    })
    .await;
    edit(&test, "template/store_return", |template| {
        let goods = template["sections"].as_array_mut().expect("a form has sections");
        goods.iter_mut().find(|section| section["id"] == "goods").expect("one is of goods")["title"] =
            json!("What comes back");
    })
    .await;
    publish(&test).await;
    master_data(&test).await;
    test.post("/records/store", store("s1")).await.ok();
    let mut returned = store_return();
    returned["x_seal"] = json!("red");
    let mut visited = field_visit();
    visited["parts"][0]["x_shelf"] = json!("top");
    let returned = test.post("/records/work_order", returned).await.ok();
    assert_eq!(
        [&returned["restocking_fee"]["amount"], &returned["refund_due"]["amount"], &returned["x_bonus"]["amount"]],
        ["120.00", "1080.00", "12.00"]
    );
    let visited = test.post("/records/work_order", visited).await.ok();
    let orders = Orders { returned: text(&returned["id"]), visited: text(&visited["id"]) };
    (test, orders)
}

pub async fn order(test: &TestApp, id: &str) -> Json {
    test.get(&format!("/records/work_order/{id}")).await.ok()
}

/// Changes an order as it is now.
pub async fn change(test: &TestApp, id: &str, mut fields: Json) -> Json {
    fields["version"] = order(test, id).await["version"].clone();
    test.system(Method::PATCH, &format!("/records/work_order/{id}"), Some(fields)).await.ok()
}

pub async fn definition(test: &TestApp, address: &str) -> Json {
    test.ask_in("en", Method::GET, &format!("/definitions/{address}"), None).await.ok()
}

/// Entries of a plan about the database, as action, object, column and rows.
pub fn told(plan: &Json) -> Vec<String> {
    let word = |json: &Json| json.as_str().unwrap_or("-").to_owned();
    let entries = plan["database"].as_array().into_iter().flatten();
    let lines = entries.map(|one| {
        format!("{} {} {} {}", word(&one["action"]), word(&one["object"]), word(&one["column"]), one["rows"])
    });
    let mut lines: Vec<String> = lines.filter(|line| !line.starts_with("add_index")).collect();
    lines.sort();
    lines
}
