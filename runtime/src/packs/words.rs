//! Findings of checking in the reader's language. The engine says them in English; here they are recognised by their form
//! and said in Chinese. What is not recognised keeps its English sentence behind the Chinese title of its code.

use crate::service::Locale;
use indexmap::IndexMap;
use packwork_engine::codes::Code;
use packwork_engine::diagnostic::{Diagnostic, Severity};
use std::sync::LazyLock;

/// English forms with `{}` for what differs, and the Chinese with its place in the order.
static CHINESE: LazyLock<IndexMap<String, String>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("findings.zh-CN.json")).expect("the catalogue is a map of texts; a test reads it")
});

/// Words of the product inside such sentences.
const WORDS: &[(&str, &str)] = &[
    ("object", "对象"),
    ("template", "模板"),
    ("lifecycle", "生命周期"),
    ("role", "角色"),
    ("menu", "菜单"),
    ("case", "用例"),
    ("seed", "预置数据"),
    ("dashboard", "看板"),
    ("dimension", "维度"),
    ("rate_table", "价格表"),
    ("schedule", "阶梯"),
    ("settlement_plan", "结算方案"),
    ("posting", "记账规则"),
    ("statement", "对账单"),
    ("sequence", "编号"),
    ("calendar", "日历"),
    ("period_calendar", "账期日历"),
    ("accumulator", "累计"),
    ("chain", "级差链"),
    ("state", "状态"),
    ("field", "字段"),
    ("classification", "分类"),
    ("function", "函数"),
    ("name", "名称"),
    ("column", "列"),
    ("transition", "操作"),
    ("option", "选项"),
];

/// A finding as it is printed: a line, and its hint on another one.
pub fn line(locale: Locale, finding: &Diagnostic) -> String {
    match locale {
        Locale::English => finding.to_string(),
        Locale::Chinese => {
            let told = told(locale, finding.clone());
            let severity = if told.severity == Severity::Error { "错误" } else { "警告" };
            let place = told.place.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default();
            let position =
                told.position.map(|(line, column)| format!(" （表达式 {line}:{column}）")).unwrap_or_default();
            let pointer = if told.pointer.is_empty() { String::new() } else { format!(" {}", told.pointer) };
            let hint = told.hint.map(|hint| format!("\n  建议：{hint}")).unwrap_or_default();
            format!("{severity}[{}] {}{place}{pointer}{position}：{}{hint}", told.code, told.file, told.message)
        }
    }
}

/// A finding with its sentences in that language.
pub fn told(locale: Locale, finding: Diagnostic) -> Diagnostic {
    if locale == Locale::English {
        return finding;
    }
    let message = sentence(locale, finding.code.as_str(), &finding.message);
    let hint = finding.hint.map(|hint| chinese(&hint).unwrap_or(hint));
    Diagnostic { message, hint, ..finding }
}

/// The sentence of a finding that is known by its code only.
pub fn sentence(locale: Locale, code: &str, english: &str) -> String {
    if locale == Locale::English {
        return english.to_owned();
    }
    let title = Code::ALL.iter().find(|known| known.as_str() == code).map(|code| code.title(locale.as_str()));
    chinese(english).unwrap_or_else(|| format!("{}（{english}）", title.unwrap_or(code)))
}

/// How many errors and warnings there are.
pub fn counts(locale: Locale, errors: usize, warnings: usize) -> String {
    match locale {
        Locale::English => format!("{errors} error(s), {warnings} warning(s)"),
        Locale::Chinese => format!("{errors} 个错误，{warnings} 个警告"),
    }
}

/// The Chinese of a sentence whose form is known; the form that says most of it wins.
fn chinese(english: &str) -> Option<String> {
    let known = CHINESE.iter().filter_map(|(form, chinese)| Some((form.len(), chinese, captured(form, english)?)));
    let (_, chinese, parts) = known.max_by_key(|(length, ..)| *length)?;
    let mut text = chinese.clone();
    for (index, part) in parts.iter().enumerate() {
        let word = WORDS.iter().find(|(word, _)| word == part).map_or(*part, |(_, chinese)| chinese);
        text = text.replace(&format!("{{{index}}}"), word);
    }
    Some(text)
}

/// What stands at the places of a form, if the sentence has that form.
fn captured<'e>(form: &str, english: &'e str) -> Option<Vec<&'e str>> {
    let mut pieces = form.split("{}");
    let mut rest = english.strip_prefix(pieces.next()?)?;
    let pieces: Vec<&str> = pieces.collect();
    let mut parts = Vec::with_capacity(pieces.len());
    for (index, piece) in pieces.iter().enumerate() {
        let at = match (index + 1 == pieces.len(), piece.is_empty()) {
            (true, true) => rest.len(),
            (true, false) => rest.len().checked_sub(piece.len()).filter(|at| rest.get(*at..) == Some(piece))?,
            (false, _) => rest.find(piece)?,
        };
        parts.push(&rest[..at]);
        rest = &rest[at + piece.len()..];
    }
    rest.is_empty().then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_recognised_by_their_form() {
        for (english, expect) in [
            ("there is no state `gone`", Some("没有状态“gone”")),
            ("there is no property `colour` here", Some("此处没有属性“colour”")),
            (
                "object `box` is defined in `a/objects/box.json` too",
                Some("对象“box”在 `a/objects/box.json` 中也有定义"),
            ),
            ("did you mean `done`?", Some("是否指“done”？")),
            ("the pack has no `pack.json`", Some("扩展包缺少 `pack.json`")),
            ("save the file as UTF-8", Some("请以 UTF-8 编码保存文件")),
            ("nobody has said this before", None),
            ("", None),
        ] {
            assert_eq!(chinese(english).as_deref(), expect, "{english}");
        }
    }

    #[test]
    fn every_place_of_a_form_is_said_in_chinese() {
        for (form, chinese) in CHINESE.iter() {
            for index in 0..form.matches("{}").count() {
                assert!(chinese.contains(&format!("{{{index}}}")), "{form}");
            }
        }
    }
}
