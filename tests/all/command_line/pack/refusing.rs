//! Bad packs on their way into a tenant, with the real binary: each is refused with its own code, and nothing of it is there
//! afterwards.

use super::archives::refused_ones;
use super::desk::{DONE, Desk, FAILED, LEFT, errors, out};
use crate::definitions::fixture::{apply, on_both};
use packwork::packs::shelf::to_json;
use packwork::packs::source::{Files, read_packs};
use packwork_tests::app::{On, TestApp};
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
    let manifest = |folder: &str, written: &str| {
        pack(desk, folder, "one", none(), &[]);
        let files: Files = [("pack.json".to_owned(), written.as_bytes().to_vec())].into();
        desk.put(&format!("{folder}/one"), &files);
    };
    pack(desk, "itself", "one", json!({"one": "*"}), &[]);
    manifest("name", r#"{"name": "Bad Name", "version": "1.0.0", "title": "One", "description": "One"}"#);
    manifest("version", r#"{"name": "one", "version": "1.0-beta", "title": "One", "description": "One"}"#);
    manifest(
        "range",
        r#"{"name": "one", "version": "1.0.0", "title": "One", "description": "One", "requires": {"base": "new"}}"#,
    );
    manifest(
        "engine",
        r#"{"name": "one", "version": "1.0.0", "title": "One", "description": "One", "engine": ">=99"}"#,
    );
    manifest(
        "property",
        r#"{"name": "one", "version": "1.0.0", "title": "One", "description": "One", "licence": "MIT"}"#,
    );
    let (deep, many) = ("{\"a\":".repeat(100_000), "}".repeat(100_000));
    pack(desk, "deep", "one", none(), &[("objects/crate.json", format!("{deep}1{many}").as_bytes())]);
    pack(desk, "capitals", "one", none(), &[parcel, ("objects/Parcel.json", OF_OTHERS.as_bytes())]);
    let long = PARCEL.replace("\"parcel\"", &format!("\"{}\"", "p".repeat(5_000)));
    pack(desk, "long", "one", none(), &[("objects/parcel.json", long.as_bytes())]);
    let script = PARCEL
        .replace("\"type\": \"text\"", &format!("\"type\": \"decimal\", \"formula\": \"1{}\"", " + 1".repeat(260_000)));
    pack(desk, "script", "one", none(), &[("objects/parcel.json", script.as_bytes())]);
    pack(desk, "list", "one", none(), &[("objects/crate.json", b"[1, 2]")]);
    vec![
        ("itself", "pack_cycle"),
        ("name", "bad_name"),
        ("version", "bad_property"),
        ("range", "bad_property"),
        ("engine", "pack_dependency"),
        ("property", "unknown_property"),
        ("deep", "malformed_json"),
        ("capitals", "duplicate_entry"),
        ("long", "bad_name"),
        ("script", "script_limit"),
        ("list", "bad_definition"),
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

/// What a folder of packs may not hold at all: nothing of it is read.
#[test]
fn links_are_not_followed() {
    let desk = Desk::new();
    pack(&desk, "linked", "one", json!({}), &[("objects/parcel.json", PARCEL.as_bytes())]);
    std::fs::write(desk.path("boss.json"), r#"{"kind": "role", "name": "boss", "title": "Boss", "everything": true}"#)
        .expect("it can be written");
    for target in ["../../boss.json", ".."] {
        let link = desk.path("linked/one/x.json");
        std::os::unix::fs::symlink(target, &link).expect("a link can be made");
        let output = desk.run(&["pack", "check", "linked"]);
        assert_eq!(output.status.code(), LEFT, "{}", out(&output));
        assert!(errors(&output).contains("x.json") && errors(&output).contains("archive_link"), "{}", errors(&output));
        std::fs::remove_file(link).expect("it can be taken away");
    }
    std::fs::create_dir_all(desk.path("empty/one")).expect("a folder can be made");
    let output = desk.run(&["pack", "check", "empty"]);
    assert!(output.status.code() == LEFT && errors(&output).contains("holds no pack"), "{}", errors(&output));
}

/// What is odd and does no harm: a byte order mark, the line ends of another system, a long list, an older version.
#[test]
fn what_is_merely_odd_is_taken() {
    let desk = Desk::new();
    let texts =
        br#"{"pack/title": "x", "pack/description": "x", "object/parcel/title": "x", "object/parcel/plural": "x",
        "object/parcel/fields/code/title": "x"}"#;
    let odd = format!("\u{feff}{}", PARCEL.replace('\n', "\r\n"));
    let records: Vec<Json> = (0..100_000).map(|number| json!({"code": number.to_string()})).collect();
    let seed = json!({"kind": "seed", "name": "many", "object": "parcel", "records": records}).to_string();
    let files: [(&str, &[u8]); 4] = [
        ("objects/parcel.json", odd.as_bytes()),
        ("seed/many.json", seed.as_bytes()),
        ("i18n/fr.json", br#"{"pack/title": "Un"}"#),
        ("scripts/fee.rhai", b"1 + 1"),
    ];
    pack(&desk, "odd", "one", json!({}), &files);
    std::fs::write(desk.path("odd/one/i18n/zh-CN.json"), texts).expect("it can be written");
    let told = desk.json(&["pack", "check", "odd", "--json"], DONE);
    let codes: Vec<&Json> = told["findings"].as_array().into_iter().flatten().map(|one| &one["code"]).collect();
    assert_eq!(codes, ["unused_file", "unused_file"], "{told:#}");
}

/// The same by API: an upload of files is checked as a folder is, and paths lead nowhere.
async fn nothing_of_a_bad_upload_is_installed(on: On) {
    let test = TestApp::new(on).await;
    let before = (test.get("/packs").await.ok(), test.get("/definitions").await.ok());
    let desk = Desk::new();
    for (folder, code) in bad_folders(&desk).into_iter().filter(|(folder, _)| *folder != "large") {
        let packs = read_packs(&desk.path(folder)).expect("it can be read");
        let packs: Vec<Json> = packs.iter().map(|files| json!({"files": to_json(files)})).collect();
        let plan = test.post("/packs/plan", json!({"packs": packs})).await.ok();
        assert!(has_code(&plan["findings"], code), "{folder}: {:#}", plan["findings"]);
        apply(&test, &plan).await.refused(409, "plan_blocked");
    }
    let manifest = json!({"name": "one", "version": "1.0.0", "title": "One", "description": "One"}).to_string();
    for path in ["../../etc/cron.d/x.json", "/etc/x.json", "a\\..\\x.json", "c:x.json", "a//x.json", "./x.json"] {
        let files = json!({"pack.json": manifest, path: "{}"});
        let plan = test.post("/packs/plan", json!({"packs": [{"files": files}]})).await.ok();
        assert!(has_code(&plan["findings"], "unsafe_path"), "{path}: {:#}", plan["findings"]);
        apply(&test, &plan).await.refused(409, "plan_blocked");
    }
    // Larger than anything that is read.
    let large = json!({"packs": [{"files": {"pack.json": " ".repeat(17 * 1024 * 1024)}}]});
    test.post("/packs/plan", large).await.refused(413, "body_too_large");
    let large =
        json!({"packs": [{"files": {"pack.json": manifest, "objects/large.json": " ".repeat(10 * 1024 * 1024)}}]});
    let plan = test.post("/packs/plan", large).await.ok();
    assert!(has_code(&plan["findings"], "file_too_large"), "{:#}", plan["findings"]);
    assert_eq!((test.get("/packs").await.ok(), test.get("/definitions").await.ok()), before);
}

on_both! {
    nothing_of_a_bad_upload_is_installed => uploads_on_sqlite, uploads_on_postgres;
}

fn has_code(findings: &Json, code: &str) -> bool {
    findings.as_array().into_iter().flatten().any(|finding| finding["code"] == code)
}
