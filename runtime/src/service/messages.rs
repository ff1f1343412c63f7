//! Texts of refusals in the reader's language: by code and parameters in Chinese, the refusal's own words in English.

use super::Locale;
use packwork_engine::codes::Code;
use packwork_engine::refusal::Params;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Forms of a code's text, the most telling first: the first one whose parameters are all there is used.
static CHINESE: LazyLock<BTreeMap<String, Vec<String>>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("messages/zh-CN.json")).expect("the catalogue is a map of lists; a test reads it")
});

/// What people read about a refusal or one of its places.
pub fn text(locale: Locale, code: Code, english: &str, params: &Params) -> String {
    // A rule's message is the pack's own text, in both languages.
    if let Some(Json::Object(own)) = params.get("texts")
        && let Some(Json::String(text)) = own.get(locale.as_str())
    {
        return text.clone();
    }
    match locale {
        Locale::English => english.to_owned(),
        Locale::Chinese => {
            chinese(code, &|name| params.get(name).cloned()).unwrap_or_else(|| code.title(locale.as_str()).to_owned())
        }
    }
}

/// The same for a refusal that was kept as JSON: with a run, in a log.
pub fn stored_text(locale: Locale, code: &str, english: &str, params: &Json) -> String {
    let Some(code) = Code::ALL.iter().copied().find(|known| known.as_str() == code) else { return english.to_owned() };
    let Json::Object(members) = params else { return text(locale, code, english, &Params::new()) };
    match locale {
        Locale::English => english.to_owned(),
        Locale::Chinese => {
            let found = |name: &str| members.get(name).cloned();
            chinese(code, &found).unwrap_or_else(|| code.title(locale.as_str()).to_owned())
        }
    }
}

fn chinese(code: Code, find: &dyn Fn(&str) -> Option<Json>) -> Option<String> {
    CHINESE.get(code.as_str())?.iter().find_map(|form| filled(form, find))
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
        for code in CHINESE.keys() {
            assert!(Code::ALL.iter().any(|known| known.as_str() == code), "there is no code `{code}`");
        }
    }

    #[test]
    fn the_first_form_whose_parameters_are_there_is_used() {
        let mut params = Params::new();
        assert_eq!(text(Locale::Chinese, Code::UnknownPeriod, "no", &params), "没有这个账期");
        params.insert("period", "2026-13".into());
        assert_eq!(text(Locale::Chinese, Code::UnknownPeriod, "no", &params), "没有账期“2026-13”");
        assert_eq!(text(Locale::English, Code::UnknownPeriod, "no", &params), "no");
    }
}
