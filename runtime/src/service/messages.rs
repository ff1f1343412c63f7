//! Texts of refusals in the reader's language: by code and parameters in Chinese, the refusal's own words in English.

use super::{Locale, texts};
use packwork_engine::codes::Code;
use packwork_engine::model::Model;
use packwork_engine::refusal::Params;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Forms of a code's text, the most telling first: the first one whose parameters are all there is used. `code/reason` holds
/// those for one value of the parameter `reason`.
static CHINESE: LazyLock<BTreeMap<String, Vec<String>>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("messages/zh-CN.json")).expect("the catalogue is a map of lists; a test reads it")
});

/// What people read about a refusal or one of its places.
pub fn text(model: &Model, locale: Locale, code: Code, english: &str, params: &Params) -> String {
    told(model, locale, code, english, &|name| params.get(name).cloned())
}

/// The same for a refusal that was kept as JSON, with a run.
pub fn stored_text(model: &Model, locale: Locale, code: &str, english: &str, params: &Json) -> String {
    found_text(model, locale, code, english, &|name| params.get(name).cloned())
}

/// The same for parameters wherever they are found.
pub fn found_text(
    model: &Model,
    locale: Locale,
    code: &str,
    english: &str,
    find: &dyn Fn(&str) -> Option<Json>,
) -> String {
    match Code::ALL.iter().copied().find(|known| known.as_str() == code) {
        Some(code) => told(model, locale, code, english, find),
        None => english.to_owned(),
    }
}

/// The title of the field an error is about, in the reader's language.
pub fn field_title(model: &Model, locale: Locale, params: &dyn Fn(&str) -> Option<Json>) -> Option<String> {
    let (object, field) = (params("object")?, params("field")?);
    let (_, field) = model.object(object.as_str()?)?.field(field.as_str()?)?;
    Some(texts::field_title(model, locale, field))
}

fn told(model: &Model, locale: Locale, code: Code, english: &str, find: &dyn Fn(&str) -> Option<Json>) -> String {
    // A rule's or guard's message is the pack's own text.
    if let Some(Json::String(path)) = find("text")
        && let Some(text) = model.texts.find(locale.as_str(), &path)
    {
        return text;
    }
    match locale {
        Locale::English => english.to_owned(),
        Locale::Chinese => chinese(code, &|name| match name {
            "field" => field_title(model, locale, find).map(Json::from).or_else(|| find(name)),
            _ => find(name),
        })
        .unwrap_or_else(|| code.title(locale.as_str()).to_owned()),
    }
}

fn chinese(code: Code, find: &dyn Fn(&str) -> Option<Json>) -> Option<String> {
    let reason = find("reason").and_then(|reason| CHINESE.get(&format!("{code}/{}", reason.as_str()?)));
    let forms = reason.into_iter().chain(CHINESE.get(code.as_str())).flatten();
    forms.into_iter().find_map(|form| filled(form, find))
}

/// The form with its `{name}` places filled; `None` when a parameter is not there.
fn filled(form: &str, find: &dyn Fn(&str) -> Option<Json>) -> Option<String> {
    let mut out = String::new();
    let mut rest = form;
    while let Some(open) = rest.find('{') {
        let close = open + rest[open..].find('}')?;
        out.push_str(&rest[..open]);
        out.push_str(&shown(&find(&rest[open + 1..close])?)?);
        rest = &rest[close + 1..];
    }
    out.push_str(rest);
    Some(out)
}

fn shown(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(flag) => Some(if *flag { "是" } else { "否" }.to_owned()),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().filter_map(shown).collect();
            Some(items.join("、"))
        }
        Json::Object(entries) => {
            let entries: Vec<String> =
                entries.iter().filter_map(|(name, value)| Some(format!("{name}={}", shown(value)?))).collect();
            Some(entries.join("，"))
        }
        Json::Null => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_belongs_to_a_code() {
        for key in CHINESE.keys() {
            let code = key.split('/').next().unwrap_or(key);
            assert!(Code::ALL.iter().any(|known| known.as_str() == code), "there is no code `{code}`");
        }
    }

    #[test]
    fn the_first_form_whose_parameters_are_there_is_used() {
        let check = |params: &[(&str, &str)], expect: Option<&str>| {
            let find =
                |name: &str| params.iter().find(|(known, _)| *known == name).map(|(_, value)| Json::from(*value));
            assert_eq!(chinese(Code::UnknownPeriod, &find).as_deref(), expect);
        };
        check(&[], None);
        check(&[("period", "2026-13")], Some("没有账期“2026-13”"));
    }

    #[test]
    fn a_reason_has_forms_of_its_own() {
        let check = |reason: &str, expect: Option<&str>| {
            let find = |name: &str| (name == "reason").then(|| Json::from(reason));
            assert_eq!(chinese(Code::BadFile, &find).as_deref(), expect);
        };
        check("empty", Some("文件是空的"));
        check("other", None);
    }
}
