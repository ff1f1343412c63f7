//! A small pack for one test: objects and roles, with the Chinese texts that every pack needs made up.

use packwork::packs::source::Files;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// A pack of these objects (by name, as written) and roles.
pub fn pack(objects: &[(&str, Json)], roles: &[(&str, Json)]) -> Files {
    let mut texts = BTreeMap::from([("pack/title".to_owned(), "样例"), ("pack/description".to_owned(), "样例。")]);
    let mut files = BTreeMap::new();
    for (name, written) in objects {
        texts.extend(["title", "plural"].map(|text| (format!("object/{name}/{text}"), "样例")));
        for (field, written) in written["fields"].as_object().into_iter().flatten() {
            texts.insert(format!("object/{name}/fields/{field}/title"), "字段");
            for option in written["options"].as_object().into_iter().flat_map(Map::keys) {
                texts.insert(format!("object/{name}/fields/{field}/options/{option}/title"), "选项");
            }
        }
        files.insert(format!("objects/{name}.json"), definition("object", name, written));
    }
    for (name, written) in roles {
        texts.extend(["title", "description"].map(|text| (format!("role/{name}/{text}"), "角色")));
        let mut written = written.clone();
        written["description"] = json!("A role of a test.");
        files.insert(format!("roles/{name}.json"), definition("role", name, &written));
    }
    let manifest = json!({"name": "samples", "version": "0.1.0", "title": "Samples", "description": "For one test.",
        "license": "Apache-2.0", "requires": {"base": "^0.1"}});
    files.insert("pack.json".to_owned(), manifest.to_string().into_bytes());
    files.insert("i18n/zh-CN.json".to_owned(), json!(texts).to_string().into_bytes());
    files
}

fn definition(kind: &str, name: &str, written: &Json) -> Vec<u8> {
    let mut whole = json!({"kind": kind, "name": name});
    for (member, value) in written.as_object().into_iter().flatten() {
        whole[member] = value.clone();
    }
    whole.to_string().into_bytes()
}
