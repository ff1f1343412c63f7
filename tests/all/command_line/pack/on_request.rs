//! Packs that come when somebody asks: known to the server, in force when planned by name and applied, and still there after
//! a restart. The real binary.

use crate::faults::place::{BINARY, Place, packs};
use packwork::packs::cases::ground::copy_folder;
use packwork_tests::process::{Client, Launch};
use serde_json::{Value as Json, json};
use std::path::Path;

fn get(client: &mut Client, path: &str) -> Json {
    let answer = client.send("GET", &format!("/api/v1{path}"), None, None).expect("the server answers");
    assert_eq!(answer.status, 200, "{:#}", answer.json);
    answer.json
}

fn names(list: &Json) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(|pack| pack["name"].as_str()).collect()
}

#[test]
fn a_pack_on_request_comes_when_it_is_asked_for_and_stays() {
    let place = Place::sqlite();
    let folder = place.folder.join("packs");
    for inside in ["letters/objects", "letters/i18n"] {
        std::fs::create_dir_all(folder.join(inside)).expect("a folder can be made");
    }
    copy_folder(packs(), &folder).expect("packs can be copied");
    let manifest = json!({"name": "letters", "version": "1.0.0", "title": "Letters", "description": "Letters that come in",
        "on_request": true, "requires": {"base": "^0.1"}});
    let letter = json!({"kind": "object", "name": "letter", "title": "Letter", "fields": {"text": {"type": "text"}}});
    let untold = [
        "pack/title",
        "pack/description",
        "object/letter/title",
        "object/letter/plural",
        "object/letter/fields/text/title",
    ];
    let texts: Json =
        untold.iter().map(|path| ((*path).to_owned(), Json::Null)).collect::<serde_json::Map<_, _>>().into();
    for (file, content) in [("pack.json", manifest), ("objects/letter.json", letter), ("i18n/zh-CN.json", texts)] {
        std::fs::write(folder.join("letters").join(file), content.to_string()).expect("it can be written");
    }
    let launch = Launch { binary: Path::new(BINARY), data: &place.folder, packs: &folder, database: None };
    let server = launch.start().expect("the server starts");
    let mut client = server.client();
    let known = get(&mut client, "/packs");
    assert_eq!((names(&known["data"]), names(&known["available"])), (vec!["base", "parcels"], vec!["letters"]));

    let ask = |client: &mut Client, path: &str, body: &Json| {
        client.send("POST", &format!("/api/v1{path}"), Some(body), None).expect("the server answers")
    };
    let unknown = ask(&mut client, "/packs/plan", &json!({"packs": [{"name": "leters"}]}));
    assert_eq!((unknown.status, &unknown.json["code"]), (404, &json!("not_found")), "{:#}", unknown.json);
    let plan = ask(&mut client, "/packs/plan", &json!({"packs": [{"name": "letters"}]}));
    assert_eq!((plan.status, &plan.json["blocked"]), (200, &json!([])), "{:#}", plan.json);
    let applied = ask(&mut client, "/packs/apply", &json!({"plan": plan.json["plan"], "accept": {"cases": true}}));
    assert_eq!(applied.status, 200, "{:#}", applied.json);
    drop(server);

    let server = launch.start().expect("the server starts again");
    let known = get(&mut server.client(), "/packs");
    assert_eq!((names(&known["data"]), names(&known["available"])), (vec!["base", "letters", "parcels"], vec![]));
}
