//! The packs that are compiled and checked: generated, the same each time, and as mixed as real ones.

use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

type Files = BTreeMap<String, Vec<u8>>;

/// Expressions of four objects together: 200 objects have 500.
pub const SCRIPTS_OF_FOUR: u32 = 10;

#[derive(Clone, Copy)]
pub enum Flaws {
    None,
    /// Every tenth definition names something that is not there.
    EveryTenth,
}

/// A pack being made.
#[derive(Default)]
struct Making {
    files: Files,
    chinese: Map<String, Json>,
}

impl Making {
    fn put(&mut self, folder: &str, name: &str, json: &Json) {
        self.files.insert(format!("{folder}/{name}.json"), format!("{json:#}\n").into_bytes());
    }

    fn text(&mut self, path: String) {
        self.chinese.insert(path, json!("文本"));
    }

    fn finish(mut self) -> Files {
        let chinese = Json::Object(self.chinese);
        self.files.insert("i18n/zh-CN.json".into(), format!("{chinese:#}\n").into_bytes());
        let manifest = json!({"name": "load", "version": "0.1.0", "title": "Load", "description": "Generated.", "license": "Apache-2.0"});
        self.files.insert("pack.json".into(), format!("{manifest:#}\n").into_bytes());
        self.files
    }
}

pub fn is_definition(file: &str) -> bool {
    file.contains('/') && !file.starts_with("i18n/")
}

/// Objects with twenty fields each, and their scripts.
pub fn objects(count: u32) -> Files {
    let mut making = begun();
    for number in 0..count {
        object(&mut making, number, false);
    }
    making.finish()
}

/// Definitions of all kinds that people write most: a fifth of each.
pub fn of_all_kinds(count: u32, flaws: Flaws) -> Files {
    let mut making = begun();
    for number in 0..count {
        let flawed = matches!(flaws, Flaws::EveryTenth) && number % 10 == 0;
        // The fifth a definition is of, and its place in it: the flaws go round all of them.
        let (kind, number) = (number / count.div_ceil(5), number % count.div_ceil(5));
        match kind {
            0 => object(&mut making, number, flawed),
            1 => lifecycle(&mut making, number, flawed),
            2 => template(&mut making, number, flawed),
            3 => report(&mut making, number, flawed),
            _ => role(&mut making, number, flawed),
        }
    }
    making.finish()
}

fn begun() -> Making {
    let mut making = Making::default();
    for what in ["title", "description"] {
        making.text(format!("pack/{what}"));
    }
    making
}

fn named(kind: &str, number: u32) -> Json {
    json!({"$schema": format!("../../../schemas/{kind}.json"), "kind": kind, "name": format!("{kind}_{number}"), "title": format!("Title {number}")})
}

fn name_of(number: u32, flawed: bool) -> String {
    if flawed { format!("object_{number}_gone") } else { format!("object_{number}") }
}

/// Twenty fields: five formulas on two of four objects, none on the others.
fn object(making: &mut Making, number: u32, flawed: bool) {
    let base = format!("object/object_{number}");
    let mut fields = Map::new();
    for field in 0..20 {
        let title = format!("Field {field}");
        let mut written = match field {
            0 => json!({"type": "text", "required": true, "max_length": 40}),
            1 => json!({"type": "reference", "to": name_of(number.saturating_sub(1), flawed)}),
            2 => {
                json!({"type": "choice", "options": {"open": {"title": "Open"}, "done": {"title": "Done", "tone": "success"}}, "default": "open"})
            }
            3 => json!({"type": "date"}),
            4 => json!({"type": "money"}),
            5 => json!({"type": "boolean", "default": false}),
            6 => json!({"type": "long_text", "help": "What was said"}),
            _ => json!({"type": "decimal", "scale": 2}),
        };
        if number % 4 < 2
            && let Some(formula) = script(field)
        {
            written["formula"] = json!(formula);
        }
        written["title"] = json!(title);
        making.text(format!("{base}/fields/field_{field}/title"));
        if field == 2 {
            for option in ["open", "done"] {
                making.text(format!("{base}/fields/field_{field}/options/{option}/title"));
            }
        }
        if field == 6 {
            making.text(format!("{base}/fields/field_{field}/help"));
        }
        fields.insert(format!("field_{field}"), written);
    }
    let mut object = named("object", number);
    object["plural"] = json!(format!("Titles {number}"));
    object["display"] = json!("field_0");
    object["fields"] = Json::Object(fields);
    object["list"] =
        json!({"columns": ["field_0", "field_2", "field_4"], "sort": ["-field_3"], "filters": ["field_2"]});
    for what in ["title", "plural"] {
        making.text(format!("{base}/{what}"));
    }
    making.put("objects", &format!("object_{number}"), &object);
}

/// A look through a reference, sums, a choice, a loop.
fn script(field: u32) -> Option<&'static str> {
    Some(match field {
        15 => "coalesce(field_1.field_7, 0) + field_8 * 1.13",
        16 => "if field_2 == \"done\" { round(field_15 * 0.06, 2, \"half_up\") } else { 0 }",
        17 => "let sum = 0; for part in [field_7, field_8, field_9, field_10] { if part != () { sum += part; } } sum",
        18 => {
            "let best = field_11 ?? 0; let tries = 0; while best < 100 && tries < 5 { best += field_12 ?? 1; tries += 1; } best"
        }
        19 => "switch (field_2) { \"open\" => field_16, \"done\" => field_17, _ => 0 }",
        _ => return None,
    })
}

fn lifecycle(making: &mut Making, number: u32, flawed: bool) {
    let base = format!("lifecycle/lifecycle_{number}");
    let mut lifecycle = named("lifecycle", number);
    lifecycle["on"] = json!(format!("object_{number}"));
    lifecycle["initial"] = json!("draft");
    lifecycle["states"] =
        json!({"draft": {"title": "Draft"}, "sent": {"title": "Sent"}, "closed": {"title": "Closed", "final": true}});
    lifecycle["transitions"] = json!({
        "send": {"title": "Send", "from": ["draft"], "to": if flawed { "gone" } else { "sent" }, "guard": "field_0 != ()"},
        "resend": {"title": "Send again", "from": ["sent"], "to": "sent"},
        "close": {"title": "Close", "from": ["sent"], "to": "closed", "default": {"field_3": "today()"}},
    });
    if flawed {
        lifecycle["transitions"]["resend"]["from"] = json!(["draft"]);
    }
    making.text(format!("{base}/title"));
    for state in ["draft", "sent", "closed"] {
        making.text(format!("{base}/states/{state}/title"));
    }
    for transition in ["send", "resend", "close"] {
        making.text(format!("{base}/transitions/{transition}/title"));
    }
    making.put("lifecycles", &format!("lifecycle_{number}"), &lifecycle);
}

fn template(making: &mut Making, number: u32, flawed: bool) {
    let base = format!("template/template_{number}");
    let mut template = named("template", number);
    template["object"] = json!(format!("object_{number}"));
    let last = if flawed { "feild_3" } else { "field_3" };
    template["sections"] = json!([
        {"id": "first", "title": "First", "fields": ["field_0", "field_1", "field_2"]},
        {"id": "second", "title": "Second", "fields": [last, "field_4", "field_5"]},
    ]);
    template["required"] = json!(["field_1"]);
    making.text(format!("{base}/title"));
    for section in ["first", "second"] {
        making.text(format!("{base}/sections/{section}/title"));
    }
    making.put("templates", &format!("template_{number}"), &template);
}

fn report(making: &mut Making, number: u32, flawed: bool) {
    let base = format!("report/report_{number}");
    let mut report = named("report", number);
    report["object"] = json!(format!("object_{number}"));
    report["group_by"] = json!(["month(field_3)", "field_2"]);
    report["measures"] = json!({
        "records": {"title": "Records", "count": true},
        "amount": {"title": "Amount", "sum": if flawed { "field_99" } else { "field_7" }},
    });
    making.text(format!("{base}/title"));
    for measure in ["records", "amount"] {
        making.text(format!("{base}/measures/{measure}/title"));
    }
    making.put("reports", &format!("report_{number}"), &report);
}

fn role(making: &mut Making, number: u32, flawed: bool) {
    let mut role = named("role", number);
    let grant = json!({"create": true, "read": true, "update": true, "hide": ["field_4"]});
    role["objects"] = json!({name_of(number, flawed): grant});
    making.text(format!("role/role_{number}/title"));
    making.put("roles", &format!("role_{number}"), &role);
}
