//! `packwork script` with the real binary: granting, stopping, replaying, and what is said about it in both languages.

use super::desk::{DONE, Desk, FAILED};
use packwork::packs::source::Files;
use serde_json::{Value as Json, json};

const FEE: &str = "object/crate/fields/fee/formula";

fn pack(desk: &Desk) {
    let manifest = json!({"name": "crates", "version": "1.0.0", "title": "Crates", "description": "Crates",
        "requires": {"base": "*"}, "capabilities": ["records"]});
    let object = json!({"kind": "object", "name": "crate", "title": "Crate", "plural": "Crates", "key": "code",
    "display": "code", "fields": {
        "code": {"type": "text", "title": "Code"},
        "size": {"type": "integer", "title": "Size"},
        "fee": {"type": "decimal", "title": "Fee",
            "formula": "(lookup(\"unit\", code, \"name\") ?? \"x\").len() * size"}
    }});
    let mut chinese = json!({"pack/title": "包", "pack/description": "包", "object/crate/title": "包裹",
        "object/crate/plural": "包裹"});
    for field in ["code", "size", "fee"] {
        chinese[format!("object/crate/fields/{field}/title")] = json!("字段");
    }
    let files: Files = [("pack.json", &manifest), ("objects/crate.json", &object), ("i18n/zh-CN.json", &chinese)]
        .into_iter()
        .map(|(file, json)| (file.to_owned(), json.to_string().into_bytes()))
        .collect();
    desk.put("crates", &files);
}

#[test]
fn an_administrator_grants_stops_and_replays_scripts() {
    let desk = Desk::new();
    let at = desk.customer();
    pack(&desk);
    let with = |words: &[&'static str]| -> Vec<&'static str> { words.iter().chain(&at).copied().collect() };
    let plan = desk.told(&with(&["pack", "plan", "crates", "--out", "plan.json", "--lang", "zh-CN"]), DONE);
    assert!(plan.contains("申请 records") && plan.contains("--grant"), "{plan}");
    let refused = desk.told(&with(&["pack", "apply", "plan.json", "--lang", "en"]), FAILED);
    assert!(refused.contains("plan_blocked") && refused.contains("records"), "{refused}");
    desk.told(&with(&["pack", "apply", "plan.json", "--grant"]), DONE);
    std::fs::write(desk.path("one.csv"), "code,size\na,3\nb,4\n").expect("it can be written");
    desk.told(&with(&["import", "one.csv", "--object", "crate"]), DONE);

    let listed = desk.json(&with(&["script", "list", "--json"]), DONE);
    let script = listed["data"].as_array().into_iter().flatten().find(|one| one["script"] == FEE).cloned();
    let script: Json = script.expect("the script is there");
    assert_eq!((&script["status"], &script["needs"]), (&json!("active"), &json!(["records"])));
    let told = desk.told(&with(&["script", "list", "--lang", "zh-CN"]), DONE);
    assert!(told.contains("耗时占比") && told.contains("已授予"), "{told}");
    let told = desk.told(&with(&["script", "revoke", "crates", "records", "--lang", "en"]), DONE);
    assert_eq!(told, "crates: (nothing)\n");
    let told = desk.told(&with(&["script", "grant", "crates", "records", "--lang", "en"]), DONE);
    assert_eq!(told, "crates: records\n");
    let told = desk.told(&with(&["script", "grant", "crates", "fire"]), FAILED);
    assert!(told.contains("unknown_capability"), "{told}");
    let told = desk.told(&with(&["script", "stop", FEE, "--reason", "look at it", "--lang", "en"]), DONE);
    assert_eq!(told, format!("{FEE}: stopped\n"));
    let told = desk.told(&with(&["script", "start", FEE, "--lang", "zh-CN"]), DONE);
    assert_eq!(told, format!("{FEE}: 运行中\n"));
    let told = desk.told(&with(&["script", "stop", "object/crate/fields/fea/formula", "--reason", "x"]), FAILED);
    assert!(told.contains("unknown_script"), "{told}");
    let told = desk.told(&with(&["script", "replay", FEE, "--lang", "en"]), DONE);
    assert!(told.ends_with(" the same, 0 differ\n"), "{told}");
    // A text that cannot be read is refused, and nothing was run.
    std::fs::write(desk.path("new.rhai"), "let n = ; n").expect("it can be written");
    let told = desk.told(&with(&["script", "replay", FEE, "--source", "new.rhai"]), FAILED);
    assert!(told.contains("script_syntax"), "{told}");
}
