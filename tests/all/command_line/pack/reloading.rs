//! Live reload: a file edited is in force in the running server, or its findings are told and the former model stays. The
//! real binary, on both databases; what waits, waits for the server's own word.

use super::desk::read;
use crate::faults::place::{BINARY, Place, packs};
use packwork::packs::cases::ground::copy_folder;
use packwork_tests::process::{Client, Launch};
use serde_json::{Value as Json, json};
use std::path::Path;

struct Author {
    client: Client,
    /// The last reload that was seen.
    number: i64,
}

impl Author {
    fn get(&mut self, path: &str) -> Json {
        let answer = self.client.send("GET", &format!("/api/v1{path}"), None, None).expect("the server answers");
        assert_eq!(answer.status, 200, "{:#}", answer.json);
        answer.json
    }

    /// The reload that follows the last one seen.
    fn reloaded(&mut self) -> Json {
        let state = self.get(&format!("/packs/reload?after={}", self.number));
        let number = state["number"].as_i64().expect("reloads are counted");
        assert!(number > self.number, "nothing was reloaded: {state:#}");
        self.number = number;
        state
    }

    fn fields(&mut self) -> Vec<String> {
        let object = self.get("/objects/depot");
        let fields = object["fields"].as_array().expect("an object has fields").iter();
        fields.filter_map(|field| Some(field["name"].as_str()?.to_owned())).collect()
    }
}

fn replace(file: &Path, from: &str, to: &str) {
    let text = read(file);
    assert!(text.contains(from), "{text}");
    std::fs::write(file, text.replacen(from, to, 1)).expect("it can be written");
}

fn an_edited_file_is_in_force_or_its_findings_are_told(place: &Place) {
    let folder = place.folder.join("packs");
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    copy_folder(packs(), &folder).expect("packs can be copied");
    let launch =
        Launch { binary: Path::new(BINARY), data: &place.folder, packs: &folder, database: place.database.as_deref() };
    let server = launch.start().expect("the server starts");
    let mut author = Author { client: server.client(), number: 0 };
    assert_eq!(author.get("/packs/reload")["status"], "in_force");
    let object = folder.join("parcels/objects/depot.json");
    let texts = folder.join("parcels/i18n/zh-CN.json");
    let former = author.fields();

    // Two files that only together make sense: one of them alone would be a text without its translation.
    replace(&texts, "{", "{\n  \"object/depot/fields/gate/title\": \"大门\",");
    replace(&object, "\"fields\": {", "\"fields\": {\n    \"gate\": {\"type\": \"text\", \"title\": \"Gate\"},");
    let mut state = author.reloaded();
    while state["status"] != "in_force" || !author.fields().contains(&"gate".to_owned()) {
        state = author.reloaded();
    }
    assert_eq!(author.fields().len(), former.len() + 1);
    let made = json!({"code": "D1", "name": "One", "gate": "north"});
    let made = author.client.send("POST", "/api/v1/records/depot", Some(&made), None).expect("the server answers");
    assert_eq!((made.status, &made.json["gate"]), (201, &json!("north")), "{:#}", made.json);
    let version = state["model"].clone();

    replace(&object, "\"type\": \"text\", \"title\": \"Gate\"", "\"type\": \"txt\", \"title\": \"Gate\"");
    let state = author.reloaded();
    assert_eq!((&state["status"], &state["model"]), (&json!("refused"), &version), "{state:#}");
    let finding = &state["findings"][0];
    assert_eq!((&finding["code"], &finding["file"]), (&json!("bad_property"), &json!("parcels/objects/depot.json")));
    let line = 1 + read(&object).lines().position(|line| line.contains("txt")).expect("the line is there");
    assert_eq!(finding["place"][0], line, "{finding:#}");
    assert!(author.fields().contains(&"gate".to_owned()), "the former model stays");
    let shown = author.get("/records/depot/D1");
    assert_eq!(shown["gate"], "north");

    replace(&object, "\"type\": \"txt\"", "\"type\": \"long_text\"");
    let state = author.reloaded();
    assert_eq!((&state["status"], &state["findings"]), (&json!("in_force"), &json!([])), "{state:#}");
    assert_ne!(state["model"]["hash"], version["hash"]);
    assert_eq!(author.get("/records/depot/D1")["gate"], "north");
    a_state_in_which_records_stand_goes_only_where_another_takes_its_place(&mut author, &folder);
}

/// Neither does an edited file take the ground from under records.
fn a_state_in_which_records_stand_goes_only_where_another_takes_its_place(author: &mut Author, folder: &Path) {
    let texts = folder.join("parcels/i18n/zh-CN.json");
    let mut chinese = String::from("{");
    for path in ["title", "states/open/title", "states/shut/title", "transitions/shut/title", "states/ready/title"] {
        chinese.push_str(&format!("\n  \"lifecycle/depot/{path}\": \"字\","));
    }
    replace(&texts, "{", &chinese);
    let lifecycle = folder.join("parcels/lifecycles/depot.json");
    std::fs::create_dir_all(folder.join("parcels/lifecycles")).expect("a folder can be made");
    let written = json!({"kind": "lifecycle", "name": "depot", "title": "Depot", "on": "depot", "initial": "open",
        "states": {"open": {"title": "Open"}, "shut": {"title": "Shut", "final": true}},
        "transitions": {"shut": {"title": "Shut", "from": ["open"], "to": "shut"}}});
    std::fs::write(&lifecycle, written.to_string()).expect("it can be written");
    while author.reloaded()["status"] != "in_force" {}
    let made = json!({"code": "D2", "name": "Two"});
    let made = author.client.send("POST", "/api/v1/records/depot", Some(&made), None).expect("the server answers");
    assert_eq!((made.status, &made.json["state"]), (201, &json!("open")), "{:#}", made.json);
    let version = author.get("/packs/reload")["model"].clone();

    let text = written.to_string().replace("\"open\"", "\"ready\"");
    std::fs::write(&lifecycle, &text).expect("it can be written");
    let state = author.reloaded();
    let detail = state["detail"].as_str().unwrap_or_default();
    assert_eq!((&state["status"], &state["model"]), (&json!("refused"), &version), "{state:#}");
    assert!(detail.contains("1 record(s) of `depot`") && detail.contains("breaking_change"), "{state:#}");
    assert_eq!(author.get("/records/depot/D2")["state"], "open");

    std::fs::write(&lifecycle, text.replacen("\"title\":\"Open\"", "\"title\":\"Ready\",\"was\":[\"open\"]", 1))
        .expect("it can be written");
    let state = author.reloaded();
    assert_eq!(state["status"], "in_force", "{state:#}");
    assert_eq!(author.get("/records/depot/D2")["state"], "ready");
}

#[test]
fn an_edited_file_is_in_force_or_its_findings_are_told_on_sqlite() {
    an_edited_file_is_in_force_or_its_findings_are_told(&Place::sqlite());
}

#[test]
fn an_edited_file_is_in_force_or_its_findings_are_told_on_postgres() {
    an_edited_file_is_in_force_or_its_findings_are_told(&Place::postgres());
}

#[tokio::test]
async fn nobody_watches_where_no_folder_was_given() {
    let test = packwork_tests::app::TestApp::new(packwork_tests::app::On::Sqlite).await;
    let state = test.get("/packs/reload?after=0").await.ok();
    assert_eq!((&state["status"], &state["number"]), (&json!("off"), &json!(0)));
    test.get("/packs/reload?after=x").await.refused(400, "bad_parameter");
}
