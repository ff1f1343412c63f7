//! A small pack in several versions, and short ways to plan and apply.

use axum::http::Method;
use packwork_tests::app::{On, Reply, TestApp};
use serde_json::{Value as Json, json};

/// Runs a behaviour on both databases.
macro_rules! on_both {
    ($($name:ident => $sqlite:ident, $postgres:ident;)*) => {
        $(
            #[tokio::test]
            async fn $sqlite() {
                $name(packwork_tests::app::On::Sqlite).await;
            }

            #[tokio::test]
            async fn $postgres() {
                $name(packwork_tests::app::On::Postgres).await;
            }
        )*
    };
}
pub(crate) use on_both;

/// A pack of parcels. `fields` are those of its one object beside `code`.
pub fn parcels(version: &str, fields: Json, more: &[(&str, Json)]) -> Json {
    let mut all = json!({"code": {"type": "text", "title": "Code"}});
    for (name, field) in fields.as_object().into_iter().flatten() {
        all[name] = field.clone();
    }
    let object = json!({"kind": "object", "name": "parcel", "title": "Parcel", "plural": "Parcels", "display": "code",
        "key": "code", "fields": all});
    let mut chinese = json!({"pack/title": "包裹", "pack/description": "包裹", "object/parcel/title": "包裹",
        "object/parcel/plural": "包裹"});
    for (name, field) in all.as_object().into_iter().flatten() {
        chinese[format!("object/parcel/fields/{name}/title")] = json!(format!("{name} 字段"));
        for option in field["options"].as_object().into_iter().flat_map(|options| options.keys()) {
            chinese[format!("object/parcel/fields/{name}/options/{option}/title")] = json!(format!("选项 {option}"));
        }
    }
    let manifest = json!({"name": "parcels", "version": version, "title": "Parcels", "description": "Parcels"});
    let mut files = json!({"pack.json": manifest.to_string(), "objects/parcel.json": object.to_string()});
    for (file, definition) in more {
        let base = format!("{}/{}", text(&definition["kind"]), text(&definition["name"]));
        if definition.get("title").is_some() {
            chinese[format!("{base}/title")] = json!("文");
        }
        for name in definition["fields"].as_object().into_iter().flat_map(|fields| fields.keys()) {
            chinese[format!("{base}/plural")] = json!("文");
            chinese[format!("{base}/fields/{name}/title")] = json!("文");
        }
        for card in definition["cards"].as_array().into_iter().flatten() {
            chinese[format!("{base}/cards/{}/title", text(&card["id"]))] = json!("文");
        }
        for section in definition["sections"].as_array().into_iter().flatten() {
            chinese[format!("{base}/sections/{}/title", text(&section["id"]))] = json!("文");
        }
        files[*file] = json!(definition.to_string());
    }
    files["i18n/zh-CN.json"] = json!(chinese.to_string());
    json!({"files": files})
}

/// The first version: a kind with two options.
pub fn first() -> Json {
    let kind = json!({"type": "choice", "title": "Kind", "options": {"a": {"title": "A"}, "b": {"title": "B"}}});
    parcels("1.0.0", json!({"kind": kind, "weight": {"type": "decimal", "title": "Weight"}}), &[])
}

pub fn text(json: &Json) -> String {
    json.as_str().unwrap_or_default().to_owned()
}

/// A tenant with the product's packs and the first version of the parcels.
pub async fn with_parcels(on: On) -> TestApp {
    let test = TestApp::new(on).await;
    upgrade(&test, first()).await;
    test
}

pub async fn plan_packs(test: &TestApp, pack: Json, resolutions: Json) -> Json {
    test.post("/packs/plan", json!({"packs": [pack], "resolutions": resolutions})).await.ok()
}

pub async fn apply(test: &TestApp, plan: &Json) -> Reply {
    test.post("/packs/apply", json!({"plan": plan["plan"]})).await
}

/// Plans and applies a version of the parcels.
pub async fn upgrade(test: &TestApp, pack: Json) -> Json {
    let plan = plan_packs(test, pack, json!({})).await;
    assert_eq!(plan["blocked"], json!([]), "{plan:#}");
    apply(test, &plan).await.ok()
}

/// Edits a definition as the administrator would, into the draft.
pub async fn edit(test: &TestApp, address: &str, change: impl FnOnce(&mut Json)) -> Json {
    let path = format!("/definitions/{address}");
    let mut definition = test.ask_in("en", Method::GET, &path, None).await.ok();
    change(&mut definition);
    test.ask_in("en", Method::PUT, &format!("{path}?reason=asked"), Some(definition)).await.ok()
}

/// Publishes the draft.
pub async fn publish(test: &TestApp) -> Json {
    let plan = test.post("/definitions/plan", json!({})).await.ok();
    assert_eq!(plan["blocked"], json!([]), "{plan:#}");
    test.post("/definitions/apply", json!({"plan": plan["plan"]})).await.ok();
    plan
}

/// What a plan says of the tables: action, object, column, rows.
pub fn database(plan: &Json) -> Vec<Json> {
    let entries = plan["database"].as_array().into_iter().flatten();
    entries.map(|entry| json!([entry["action"], entry["object"], entry["column"], entry["rows"]])).collect()
}

/// The parcel's definition in force.
pub async fn parcel(test: &TestApp) -> Json {
    test.ask_in("en", Method::GET, "/definitions/object/parcel", None).await.ok()
}

pub fn names(json: &Json) -> Vec<&str> {
    json.as_object().map(|members| members.keys().map(String::as_str).collect()).unwrap_or_default()
}
