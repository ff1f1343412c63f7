//! Lists that test themselves: every code has its page and its titles, every kind of definition its schema and a
//! sample, every field type a use. Exceptions stand here, and go when they are not needed any more.

use crate::repository::{self, files, report};
use packwork_engine::codes::Code;
use packwork_engine::definition::Kind;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Kinds that no pack uses yet.
const KINDS_WITHOUT_SAMPLE: &[&str] = &["sequence"];

/// Field types that no pack and no test uses yet.
const FIELD_TYPES_WITHOUT_USE: &[&str] = &[];

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let codes: BTreeSet<String> = Code::ALL.iter().map(|code| format!("{code}.md")).collect();
    let pages: BTreeSet<String> =
        repository::names("docs/codes").into_iter().filter(|name| name != "README.md").collect();
    let mut findings: Vec<String> =
        codes.difference(&pages).map(|page| format!("docs/codes/{page} is missing")).collect();
    findings.extend(pages.difference(&codes).map(|page| format!("docs/codes/{page} belongs to no code")));
    report("write the page as docs/how-to/add-a-code.md says:", &findings);
}

#[test]
fn pages_say_the_titles_of_their_codes() {
    let mut findings = Vec::new();
    for code in Code::ALL {
        let page = repository::read(&format!("docs/codes/{code}.md")).unwrap_or_default();
        for locale in ["en", "zh-CN"] {
            let title = code.title(locale);
            if !page.is_empty() && !page.contains(title) {
                findings.push(format!("docs/codes/{code}.md does not say `{title}`"));
            }
        }
    }
    report("a page carries the titles of its code in both languages, as engine/src/codes.rs has them:", &findings);
}

#[test]
fn every_code_has_titles_in_both_languages() {
    let mut seen = BTreeSet::new();
    let is_chinese = |letter: char| ('\u{4e00}'..='\u{9fff}').contains(&letter);
    for code in Code::ALL {
        let (english, chinese) = (code.title("en"), code.title("zh-CN"));
        assert!(!english.trim().is_empty() && !english.chars().any(is_chinese), "`{code}` has no English title");
        assert!(chinese.chars().any(is_chinese), "`{code}` has no Chinese title");
        assert!(!english.ends_with('.') && !chinese.ends_with('。'), "the title of `{code}` ends with a stop");
        assert!(seen.insert(code.as_str()), "`{code}` stands twice in the table");
    }
}

#[test]
fn every_kind_has_its_schema() {
    let mut findings = Vec::new();
    for (name, wanted) in schemas() {
        let path = format!("schemas/{name}.json");
        let Some(text) = repository::read(&path) else {
            findings.push(format!("{path} is missing"));
            continue;
        };
        match serde_json::from_str::<Json>(&text) {
            Ok(schema) if schema == wanted => {}
            Ok(_) => findings.push(format!("{path} is not what the engine's types say")),
            Err(error) => findings.push(format!("{path}: {error}")),
        }
    }
    let known: BTreeSet<String> = schemas().into_iter().map(|(name, _)| format!("{name}.json")).collect();
    for name in repository::names("schemas") {
        if name.ends_with(".json") && !known.contains(&name) {
            findings.push(format!("schemas/{name} belongs to no kind"));
        }
    }
    report("write the schemas again with `make schemas`:", &findings);
}

/// Every schema by its name: the kinds of definitions, and `pack.json`.
fn schemas() -> Vec<(&'static str, Json)> {
    let kinds = Kind::ALL.iter().map(|kind| (kind.as_str(), kind.json_schema()));
    kinds.chain([("pack", packwork_engine::pack::manifest::Manifest::schema())]).collect()
}

/// The shortest sentence that can say more than the name of what it is about.
const DESCRIPTION_CHARS_MIN: usize = 10;

/// The schemas are the reference manual: every property, every type and every word of an enumeration says what it is.
#[test]
fn everything_in_the_schemas_is_described() {
    fn look(schema: &Json, place: &str, findings: &mut Vec<String>) {
        let says = |schema: &Json| {
            schema["description"].as_str().is_some_and(|text| text.chars().count() >= DESCRIPTION_CHARS_MIN)
        };
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if !says(property) {
                findings.push(format!("{place}: `{name}`"));
            }
            look(property, &format!("{place}/{name}"), findings);
        }
        for (name, defined) in schema["$defs"].as_object().into_iter().flatten() {
            if !says(defined) && defined.get("oneOf").is_none() {
                findings.push(format!("{place}: the type `{name}`"));
            }
            look(defined, &format!("{place}#{name}"), findings);
        }
        for forms in ["oneOf", "anyOf", "allOf"] {
            for form in schema[forms].as_array().into_iter().flatten() {
                if form.get("const").is_some() && form["description"].as_str().is_none_or(str::is_empty) {
                    findings.push(format!("{place}: the word {}", form["const"]));
                }
                // A word with something behind it is described as a whole.
                if !(says(form) && form["properties"].as_object().is_some_and(|inside| inside.len() == 1)) {
                    look(form, place, findings);
                }
            }
        }
        for word in schema["enum"].as_array().into_iter().flatten().filter_map(Json::as_str) {
            findings.push(format!("{place}: the word `{word}`"));
        }
        for inside in ["items", "additionalProperties"].iter().filter_map(|inside| schema.get(inside)) {
            look(inside, place, findings);
        }
    }
    let mut findings = Vec::new();
    for (name, schema) in schemas() {
        look(&schema, name, &mut findings);
    }
    report("say in the engine's types what this is (`///`), then `make schemas`:", &findings);
}

#[test]
fn every_kind_has_a_sample_in_a_pack() {
    let used: BTreeSet<String> =
        definitions().into_iter().filter_map(|json| Some(json["kind"].as_str()?.to_owned())).collect();
    let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    check_list("kind", &known, &used, KINDS_WITHOUT_SAMPLE);
}

#[test]
fn every_field_type_is_used() {
    let schema = Kind::Object.json_schema();
    let written = &schema["$defs"]["FieldType"]["oneOf"];
    let types: Vec<&str> = written.as_array().into_iter().flatten().filter_map(|form| form["const"].as_str()).collect();
    assert!(types.contains(&"money"), "the field types are not where they were in the schema: {written}");
    let mut used = BTreeSet::new();
    for json in definitions() {
        let fields = json["fields"].as_object().cloned().unwrap_or_default();
        used.extend(fields.values().filter_map(|field| Some(field["type"].as_str()?.to_owned())));
    }
    // Tests write definitions as JSON, or name the type in Rust.
    let sources = files("tests", &[".rs", ".json"]).into_iter().chain(files("engine/src", &["tests.rs", ".rs"]));
    for file in sources.filter(|file| file.path.contains("tests")) {
        let packed: String = file.text.chars().filter(|letter| !letter.is_whitespace() && *letter != '\\').collect();
        for name in &types {
            if packed.contains(&format!("\"type\":\"{name}\""))
                || packed.contains(&format!("FieldType::{}", camel(name)))
            {
                used.insert((*name).to_owned());
            }
        }
    }
    check_list("field type", &types, &used, FIELD_TYPES_WITHOUT_USE);
}

/// Every definition of every pack, as written.
fn definitions() -> Vec<Json> {
    files("packs", &[".json"])
        .into_iter()
        .map(|file| serde_json::from_str(&file.text).unwrap_or_else(|error| panic!("{}: {error}", file.path)))
        .collect()
}

/// What is known is used, or excepted; what is excepted is known and unused.
fn check_list(what: &str, known: &[&str], used: &BTreeSet<String>, exceptions: &[&str]) {
    let mut findings = Vec::new();
    for name in known {
        match (used.contains(*name), exceptions.contains(name)) {
            (false, false) => findings.push(format!("{what} `{name}` is used nowhere")),
            (true, true) => findings.push(format!("{what} `{name}` is used: take it off the list of exceptions")),
            _ => {}
        }
    }
    findings.extend(
        exceptions.iter().filter(|name| !known.contains(name)).map(|name| format!("there is no {what} `{name}`")),
    );
    report(&format!("every {what} is shown at work in a pack or a test:"), &findings);
}

/// `long_text` -> `LongText`.
fn camel(name: &str) -> String {
    name.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

/// A text with every `{…}` emptied, and quotes as they are read.
fn emptied(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..=open]);
        rest = &rest[open + 1..];
        if let Some(close) = rest.find(['{', '}', '\n'])
            && rest[close..].starts_with('}')
        {
            rest = &rest[close..];
        }
    }
    out.push_str(rest);
    out.replace("\\\"", "\"")
}

#[test]
fn sentences_that_are_said_in_chinese_are_said_by_the_engine() {
    let source: String = files("engine", &[".rs"]).iter().map(|file| emptied(&file.text)).collect();
    let catalogue = repository::read("runtime/src/packs/findings.zh-CN.json").expect("the catalogue is checked in");
    let catalogue: Json = serde_json::from_str(&catalogue).expect("it is JSON");
    let forms = catalogue.as_object().expect("it is a map of texts");
    let said: BTreeSet<String> =
        files("engine", &[".rs"]).iter().flat_map(|file| crate::sentences::sentences(&file.text)).collect();
    let is_said = |form: &&String| source.contains(form.as_str()) || said.contains(*form);
    let unknown: Vec<String> = forms.keys().filter(|form| !is_said(form)).cloned().collect();
    report("no finding has this form any more:", &unknown);
}
