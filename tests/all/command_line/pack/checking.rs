//! `packwork pack check`: everything that is wrong with a folder of packs, in one go and in the order of the files.

use super::desk::{DONE, Desk, FAILED};
use serde_json::{Value as Json, json};

/// A pack of the desk that requires others.
fn pack(desk: &Desk, name: &str, requires: Json, files: &[(&str, &[u8])]) {
    let chinese = json!({"pack/title": "包", "pack/description": "包"});
    let manifest = json!({"name": name, "version": "1.0.0", "title": name, "description": name, "requires": requires});
    let mut all: packwork::packs::source::Files =
        files.iter().map(|(file, bytes)| ((*file).to_owned(), bytes.to_vec())).collect();
    all.insert("pack.json".to_owned(), format!("{manifest:#}").into_bytes());
    all.entry("i18n/zh-CN.json".to_owned()).or_insert_with(|| chinese.to_string().into_bytes());
    desk.put(&format!("bad/{name}"), &all);
}

const OBJECT: &str = r#"{
  "kind": "object", "name": "parcel", "title": "Parcel", "plural": "Parcels",
  "fields": {"code": {"type": "text", "title": "Code"}}
}"#;

#[test]
fn every_bad_input_has_its_own_code_and_all_are_told_at_once() {
    let desk = Desk::new();
    let lifecycle = br#"{
  "kind": "lifecycle", "name": "parcel", "title": "Parcel", "on": "parcel", "initial": "open",
  "states": {"open": {"title": "Open"}},
  "transitions": {
    "send": {"title": "Send", "from": ["open"],
      "to": "sent"}
  }
}"#;
    let foreign = br#"{
  "kind": "object", "name": "crate", "title": "Crate", "plural": "Crates",
  "fields": {
    "parcel": {"type": "reference", "title": "Parcel", "to": "parcel"}
  }
}"#;
    let twice = b"{\"kind\": \"object\", \"name\": \"box\",\n \"title\": \"Box\", \"plural\": \"Boxes\",\n \"title\": \"Case\", \"fields\": {\"code\": {\"type\": \"text\", \"title\": \"Code\"}}}";
    let mut large = vec![b' '; 10 * 1024 * 1024];
    large[0] = b'{';
    pack(
        &desk,
        "a-first",
        json!({}),
        &[("objects/parcel.json", OBJECT.as_bytes()), ("lifecycles/parcel.json", lifecycle)],
    );
    pack(&desk, "b-second", json!({}), &[("objects/parcel.json", OBJECT.as_bytes()), ("objects/crate.json", foreign)]);
    pack(
        &desk,
        "c-files",
        json!({}),
        &[
            ("objects/box.json", twice),
            ("objects/large.json", &large),
            ("objects/old.json", b"{\"kind\": \"object\",\n \"name\": \"\xc4\xe3\"}"),
            ("objects/open.json", b"{\"kind\": \"object\",\n  \"name\": }"),
        ],
    );
    pack(&desk, "d-circle", json!({"e-circle": "*"}), &[]);
    pack(&desk, "e-circle", json!({"d-circle": "*"}), &[]);
    pack(&desk, "f-waits", json!({"d-circle": "*", "nowhere": "^1.0"}), &[]);

    let told = desk.json(&["pack", "check", "bad", "--json"], FAILED);
    let found: Vec<(&str, &str, i64, i64)> = told["findings"]
        .as_array()
        .expect("there are findings")
        .iter()
        .filter(|finding| finding["code"] != "missing_text")
        .map(|finding| {
            let text = |member: &str| finding[member].as_str().unwrap_or_default();
            let place = |index: usize| finding["place"][index].as_i64().unwrap_or_default();
            (text("code"), text("file"), place(0), place(1))
        })
        .collect();
    assert_eq!(
        found,
        [
            ("unknown_reference", "a-first/lifecycles/parcel.json", 6, 7),
            ("undeclared_dependency", "b-second/objects/crate.json", 4, 56),
            ("duplicate_definition", "b-second/objects/parcel.json", 2, 21),
            ("duplicate_key", "c-files/objects/box.json", 3, 2),
            ("file_too_large", "c-files/objects/large.json", 1, 1),
            ("not_utf8", "c-files/objects/old.json", 2, 11),
            ("malformed_json", "c-files/objects/open.json", 2, 11),
            ("pack_cycle", "d-circle/pack.json", 7, 5),
            ("pack_dependency", "f-waits/pack.json", 8, 5),
        ],
        "{told:#}"
    );
    let circle = told["findings"].as_array().and_then(|all| all.iter().find(|one| one["code"] == "pack_cycle"));
    assert!(circle.is_some_and(|one| one["message"].to_string().contains("d-circle -> e-circle -> d-circle")));

    // Nothing of it gets into a tenant.
    let at = desk.customer();
    let words = |words: &[&'static str]| -> Vec<&'static str> { words.iter().chain(&at).copied().collect() };
    let before = desk.json(&words(&["pack", "list", "--json"]), DONE);
    let plan = desk.json(&words(&["pack", "plan", "bad/a-first", "--json"]), super::desk::LEFT);
    assert_eq!(plan["blocked"], json!(["definitions"]), "{plan:#}");
    let hash = plan["plan"].as_str().expect("a plan has a hash").to_owned();
    let apply: Vec<&str> = ["pack", "apply", &hash].into_iter().chain(at).collect();
    let refused = desk.told(&apply, FAILED);
    assert!(refused.contains("plan_blocked"), "{refused}");
    assert_eq!(desk.json(&words(&["pack", "list", "--json"]), DONE), before);
}

#[test]
fn exit_codes_tell_errors_in_packs_from_a_check_that_could_not_be_done() {
    let desk = Desk::new();
    desk.told(&["pack", "new", "return-desk"], DONE);
    desk.told(&["pack", "check", "return-desk"], DONE);
    std::fs::create_dir(desk.path("empty")).expect("a folder can be made");
    for folder in ["nowhere", "empty"] {
        let output = desk.run(&["pack", "check", folder]);
        assert_eq!(output.status.code(), super::desk::LEFT, "{}", super::desk::errors(&output));
        assert!(super::desk::errors(&output).contains(folder), "it says what could not be read");
    }
    desk.replace("return-desk/lifecycles/return_desk.json", "\"to\": \"done\"", "\"to\": \"dona\"");
    desk.run(&["pack", "check", "return-desk"])
        .status
        .code()
        .map_or_else(|| panic!("it ended"), |code| assert_eq!(code, 1));
    // Warnings are no errors.
    desk.replace("return-desk/lifecycles/return_desk.json", "\"to\": \"dona\"", "\"to\": \"done\"");
    desk.replace("return-desk/i18n/zh-CN.json", "{", "{\n  \"object/nothing/title\": \"无\",");
    let told = desk.json(&["pack", "check", "return-desk", "--json"], DONE);
    assert_eq!((&told["errors"], &told["warnings"]), (&json!(0), &json!(1)), "{told:#}");
    desk.json(&["pack", "check", "return-desk", "--json", "--strict"], FAILED);
}

#[test]
fn missing_identities_are_written_and_the_rest_of_a_file_stays_as_it_is() {
    let desk = Desk::new();
    pack(&desk, "a-first", json!({}), &[("objects/parcel.json", OBJECT.as_bytes())]);
    let told = super::desk::out(&desk.run(&["pack", "check", "bad", "--fix"]));
    assert!(told.starts_with("wrote the uid into"), "{told}");
    let file = desk.path("bad/a-first/objects/parcel.json");
    let text = super::desk::read(&file);
    let uid = packwork_engine::layers::content::uid("a-first", packwork_engine::definition::Kind::Object, "parcel");
    let inline = format!("\"name\": \"parcel\", \"uid\": \"{uid}\", \"title\"");
    assert_eq!(text.replacen(&inline, "\"name\": \"parcel\", \"title\"", 1), OBJECT);
    let again = desk.json(&["pack", "check", "bad", "--fix", "--json"], DONE);
    assert_eq!(again["fixed"], json!([]));
    assert_eq!(super::desk::read(&file), text);

    // What the product ships has its identities by its files' names or not at all: fixing changes no model.
    desk.told(&["pack", "new", "return-desk"], DONE);
    assert_eq!(desk.json(&["pack", "check", "return-desk", "--fix", "--json"], DONE)["fixed"], json!([]));
}

#[test]
fn findings_plans_and_cases_are_told_in_chinese() {
    let desk = Desk::new();
    desk.told(&["pack", "new", "return-desk"], DONE);
    assert_eq!(desk.told(&["pack", "check", "return-desk", "--lang", "zh-CN"], DONE), "0 个错误，0 个警告\n");
    let told = desk.told(&["pack", "test", "return-desk", "--lang", "zh-CN", "--packs-dir", desk.packs()], DONE);
    assert_eq!(told, "通过  return-desk/return_desk_is_finished\n1 个通过，0 个未通过\n");
    desk.replace("return-desk/lifecycles/return_desk.json", "\"to\": \"done\"", "\"to\": \"dona\"");
    let told = desk.json(&["pack", "check", "return-desk", "--lang", "zh-CN", "--json"], FAILED);
    let messages: Vec<&str> =
        told["findings"].as_array().into_iter().flatten().filter_map(|one| one["message"].as_str()).collect();
    assert!(messages.contains(&"没有状态“dona”"), "{messages:?}");
    let output = desk.run(&["pack", "check", "return-desk", "--lang", "zh-CN"]);
    let told = super::desk::out(&output);
    assert!(told.contains("错误[unknown_reference] return-desk/lifecycles/return_desk.json:"), "{told}");
    assert!(told.contains("：没有状态“dona”\n  建议：是否指“done”？"), "{told}");
}
