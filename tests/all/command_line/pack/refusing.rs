//! Bad packs on their way into a tenant, with the real binary: each is refused with its own code, and nothing of it is there
//! afterwards.

use super::archives::refused_ones;
use super::desk::{DONE, Desk, FAILED, LEFT, errors, out};
use packwork::packs::source::Files;
use serde_json::{Value as Json, json};

fn pack(desk: &Desk, folder: &str, name: &str, requires: Json, files: &[(&str, &[u8])]) {
    let manifest = json!({"name": name, "version": "1.0.0", "title": name, "description": name, "requires": requires});
    let chinese = json!({"pack/title": "包", "pack/description": "包"});
    let mut all: Files = files.iter().map(|(file, bytes)| ((*file).to_owned(), bytes.to_vec())).collect();
    all.insert("pack.json".to_owned(), manifest.to_string().into_bytes());
    all.insert("i18n/zh-CN.json".to_owned(), chinese.to_string().into_bytes());
    desk.put(&format!("{folder}/{name}"), &all);
}

const PARCEL: &str = r#"{"kind": "object", "name": "parcel", "title": "Parcel", "plural": "Parcels",
  "fields": {"code": {"type": "text", "title": "Code"}}}"#;
const MISSING_STATE: &str = r#"{"kind": "lifecycle", "name": "parcel", "title": "Parcel", "on": "parcel", "initial": "open",
  "states": {"open": {"title": "Open"}}, "transitions": {"send": {"title": "Send", "from": ["open"], "to": "sent"}}}"#;
const OF_OTHERS: &str = r#"{"kind": "object", "name": "crate", "title": "Crate", "plural": "Crates",
  "fields": {"customer": {"type": "reference", "title": "Customer", "to": "customer"}}}"#;
const TWICE: &str = r#"{"kind": "object", "name": "crate", "title": "Crate", "title": "Box", "plural": "Crates",
  "fields": {"code": {"type": "text", "title": "Code"}}}"#;

/// Folders of packs that must not get in, with their codes.
fn bad_folders(desk: &Desk) -> Vec<(&'static str, &'static str)> {
    let none = || json!({});
    let parcel = ("objects/parcel.json", PARCEL.as_bytes());
    pack(desk, "circle", "one", json!({"two": "*"}), &[]);
    pack(desk, "circle", "two", json!({"one": "*"}), &[]);
    pack(desk, "gap", "one", json!({"nowhere": "^1.0"}), &[]);
    pack(desk, "names", "one", none(), &[parcel]);
    pack(desk, "names", "two", none(), &[parcel]);
    pack(desk, "state", "one", none(), &[parcel, ("lifecycles/parcel.json", MISSING_STATE.as_bytes())]);
    pack(desk, "others", "one", none(), &[("objects/crate.json", OF_OTHERS.as_bytes())]);
    pack(desk, "encoding", "one", none(), &[("objects/crate.json", b"{\"kind\": \"object\", \"name\": \"\xc4\xe3\"}")]);
    pack(desk, "keys", "one", none(), &[("objects/crate.json", TWICE.as_bytes())]);
    let mut large = vec![b' '; 10 * 1024 * 1024];
    large[0] = b'{';
    pack(desk, "large", "one", none(), &[("objects/large.json", &large)]);
    pack(desk, "json", "one", none(), &[("objects/crate.json", b"{\"kind\": ")]);
    vec![
        ("circle", "pack_cycle"),
        ("gap", "pack_dependency"),
        ("names", "duplicate_definition"),
        ("state", "unknown_reference"),
        ("others", "undeclared_dependency"),
        ("encoding", "not_utf8"),
        ("keys", "duplicate_key"),
        ("large", "file_too_large"),
        ("json", "malformed_json"),
    ]
}

#[test]
fn nothing_of_a_bad_pack_gets_into_a_tenant() {
    let desk = Desk::new();
    let at = desk.customer();
    let run = |words: &[&str]| desk.run(&words.iter().copied().chain(at).collect::<Vec<&str>>());
    let packs = || out(&run(&["pack", "list", "--json"]));
    let before = packs();
    assert!(before.contains("base"), "{before}");
    for (folder, code) in bad_folders(&desk) {
        // Told by checking it, with an exit code that says so.
        let told = desk.json(&["pack", "check", folder, "--json", "--packs-dir", desk.packs()], FAILED);
        assert!(has_code(&told["findings"], code), "{folder}: {told:#}");
        // Told by the plan, which cannot be applied.
        let plan = run(&["pack", "plan", folder, "--json"]);
        assert_eq!(plan.status.code(), LEFT, "{folder}: {}{}", out(&plan), errors(&plan));
        let plan: Json = serde_json::from_slice(&plan.stdout).expect("a plan is JSON");
        assert!(has_code(&plan["findings"], code), "{folder}: {:#}", plan["findings"]);
        let hash = plan["plan"].as_str().expect("a plan has a hash");
        let applied = run(&["pack", "apply", hash]);
        assert_eq!(applied.status.code(), FAILED, "{folder}: {}", out(&applied));
        assert!(errors(&applied).contains("plan_blocked"), "{folder}: {}", errors(&applied));
    }
    for (number, (code, bytes)) in refused_ones().into_iter().enumerate() {
        let file = format!("bad-{number}.pwpack");
        std::fs::write(desk.path(&file), bytes).expect("it can be written");
        for words in [["pack", "plan", &file], ["pack", "apply", &file]] {
            let refused = run(&words);
            let told = errors(&refused);
            // What is larger than any archive is refused before it is read.
            let coded = told.contains(code) || (code == "archive_too_large" && told.contains("body_too_large"));
            assert!(refused.status.code() == FAILED && coded, "{file} {code}: {told}");
        }
    }
    assert_eq!(packs(), before);
    let doctor = run(&["doctor"]);
    assert_eq!(doctor.status.code(), DONE, "{}{}", out(&doctor), errors(&doctor));
}

fn has_code(findings: &Json, code: &str) -> bool {
    findings.as_array().into_iter().flatten().any(|finding| finding["code"] == code)
}
