//! A new pack to begin with: one object with its states, a form, a role, a menu, texts in both languages and a case. It
//! passes check and test as it is.

use super::source::Files;
use packwork_engine::definition::Kind;
use packwork_engine::layers::content;
use serde_json::{Value as Json, json};

pub use packwork_engine::pack::manifest::is_name;

/// The files of a new pack of that name.
pub fn files(pack: &str) -> Files {
    let name = pack.replace('-', "_");
    let title = pack.split('-').map(capitalized).collect::<Vec<_>>().join(" ");
    let definition = |kind: Kind, mut body: Json| {
        let mut whole = json!({
            "$schema": format!("../../../schemas/{}.json", kind.as_str()),
            "kind": kind.as_str(),
            "name": name,
            "uid": content::uid(pack, kind, &name),
            "title": title,
        });
        if let (Some(whole), Some(body)) = (whole.as_object_mut(), body.as_object_mut()) {
            whole.append(body);
        }
        whole
    };
    let object = definition(
        Kind::Object,
        json!({
            "plural": title,
            "display": "number",
            "fields": {
                "number": {"type": "sequence", "title": "Number", "format": "N-{yyyy}{MM}-{seq:5}"},
                "subject": {"type": "text", "title": "Subject", "required": true},
                "due": {"type": "date", "title": "Due"},
                "note": {"type": "long_text", "title": "Note"},
            },
            "list": {"columns": ["number", "subject", "state", "due"], "sort": ["-number"], "filters": ["state", "due"]},
        }),
    );
    let lifecycle = definition(
        Kind::Lifecycle,
        json!({
            "on": name,
            "initial": "open",
            "states": {"open": {"title": "Open", "tone": "info"}, "done": {"title": "Done", "tone": "success", "final": true}},
            "transitions": {"finish": {"title": "Finish", "from": ["open"], "to": "done", "input": ["note"], "primary": true}},
        }),
    );
    let template = definition(
        Kind::Template,
        json!({"object": name, "sections": [{"id": "main", "title": "Main", "fields": ["subject", "due", "note"]}]}),
    );
    let grant = json!({"create": true, "read": true, "update": true, "transitions": ["*"]});
    let role = definition(Kind::Role, json!({"objects": {name.as_str(): grant}}));
    let item = json!({"id": name, "title": title, "icon": "file-done", "object": name});
    let menu = definition(Kind::Menu, json!({"items": [item]}));
    let mut case = definition(
        Kind::Case,
        json!({
            "given": {"now": "2026-03-10T02:00:00Z"},
            "do": [
                {"create": name, "name": "one", "with": {"template": name, "subject": "First"}},
                {"transition": "finish", "on": "one", "with": {"note": "All done"}},
            ],
            "expect": {"records": {"one": {"state": "done", "note": "All done"}}},
        }),
    );
    case["name"] = json!(format!("{name}_is_finished"));
    case["uid"] = json!(content::uid(pack, Kind::Case, &format!("{name}_is_finished")));
    case["title"] = json!("a record is finished");
    let manifest = json!({
        "name": pack,
        "version": "0.1.0",
        "title": title,
        "description": "What this pack is for.",
        "license": "Apache-2.0",
        "requires": {},
    });
    let changes = "# 0.1.0\n\nThe first version.\n".to_owned();
    let mut files: Files = [
        ("pack.json".to_owned(), manifest),
        (format!("objects/{name}.json"), object),
        (format!("lifecycles/{name}.json"), lifecycle),
        (format!("templates/{name}.json"), template),
        (format!("roles/{name}.json"), role),
        (format!("menus/{name}.json"), menu),
        (format!("cases/{name}_is_finished.json"), case),
        ("i18n/zh-CN.json".to_owned(), chinese(&name, &title)),
    ]
    .into_iter()
    .map(|(file, json)| (file, format!("{json:#}\n").into_bytes()))
    .collect();
    files.insert("changes/0.1.0.md".to_owned(), changes.into_bytes());
    files
}

/// The Chinese texts. The name itself is for the author to translate.
fn chinese(name: &str, title: &str) -> Json {
    let mut texts: Vec<(String, &str)> = vec![
        ("pack/title".into(), title),
        ("pack/description".into(), "这个扩展包的用途。"),
        (format!("object/{name}/title"), title),
        (format!("object/{name}/plural"), title),
        (format!("menu/{name}/items/{name}/title"), title),
        (format!("template/{name}/sections/main/title"), "基本信息"),
    ];
    texts.extend(["lifecycle", "template", "role", "menu"].map(|kind| (format!("{kind}/{name}/title"), title)));
    for (field, text) in [("number", "编号"), ("subject", "主题"), ("due", "期限"), ("note", "备注")] {
        texts.push((format!("object/{name}/fields/{field}/title"), text));
    }
    for (part, text) in [("states/open", "进行中"), ("states/done", "已完成"), ("transitions/finish", "完成")] {
        texts.push((format!("lifecycle/{name}/{part}/title"), text));
    }
    texts.sort();
    Json::Object(texts.into_iter().map(|(path, text)| (path, json!(text))).collect())
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packs::shelf::{Candidate, Loaded};
    use packwork_engine::diagnostic::Diagnostics;
    use packwork_engine::model::Settings;
    use packwork_engine::testing::bare::Bare;
    use packwork_engine::testing::case::{cases_of, run_case};
    use packwork_engine::testing::memory::Memory;
    use std::sync::Arc;

    #[test]
    fn a_new_pack_has_no_findings_and_its_case_passes() {
        let mut read = Diagnostics::default();
        let loaded = Loaded::read(files("return-desk"), &mut read);
        let candidate = Candidate { packs: vec![loaded], overlay: Vec::new() };
        let (model, found) = candidate.compile(&Settings::default(), read).expect("a new pack compiles");
        assert_eq!(found, []);
        let model = Arc::new(model);
        let cases = cases_of(&model);
        assert_eq!(cases.len(), 1);
        for (pack, case) in cases {
            let report = run_case(&mut Bare::over(model.clone(), &Memory::default()), &model, pack, case);
            assert_eq!(report.differences, Vec::<String>::new());
        }
    }

    #[test]
    fn names_of_packs_are_lower_case_words() {
        for (name, expect) in [
            ("returns", true),
            ("field-service2", true),
            ("Returns", false),
            ("a--b", false),
            ("../x", false),
            ("", false),
            ("2x", false),
        ] {
            assert_eq!(is_name(name), expect, "{name}");
        }
    }
}
