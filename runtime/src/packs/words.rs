//! Findings of checking in the reader's language. The engine says them in English; here they are recognised by their form
//! and said in Chinese. What is not recognised keeps its English sentence behind the Chinese title of its code.

use crate::service::Locale;
use indexmap::IndexMap;
use packwork_engine::codes::Code;
use packwork_engine::diagnostic::{Diagnostic, Severity};
use std::sync::LazyLock;

/// English forms with `{}` for what differs, and the Chinese with its place in the order.
static CHINESE: LazyLock<IndexMap<String, String>> = LazyLock::new(|| {
    let read = |text: &str| -> IndexMap<String, String> {
        serde_json::from_str(text).expect("the catalogue is a map of texts; a test reads it")
    };
    let mut known = read(include_str!("findings.zh-CN.json"));
    // What is put together from parts, or said by the libraries that read JSON and schemas.
    known.extend(read(include_str!("findings-composed.zh-CN.json")));
    known
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
    ("report", "报表"),
    ("rate table", "价格表"),
    ("text", "文本"),
    ("a text", "文本"),
    ("decimal", "数字"),
    ("a number", "数字"),
    ("boolean", "真假值"),
    ("date", "日期"),
    ("a date", "日期"),
    ("date_time", "时刻"),
    ("a moment", "时刻"),
    ("reference", "引用"),
    ("money", "金额"),
    ("null", "空值"),
    ("list", "列表"),
    ("map", "映射"),
    ("anything", "任意值"),
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

/// Whether the catalogue has a sentence of this form, `{}` standing for what differs.
pub fn has_form(form: &str) -> bool {
    // Braces of the sentence itself: some form has to recognise it.
    let own_braces = form.replace("{}", "").contains(['{', '}']);
    CHINESE.contains_key(form) || (own_braces && chinese(form).is_some())
}

/// Sentences within sentences go no deeper.
const WITHIN_MAX: usize = 3;

/// The Chinese of a sentence whose form is known; the form that says most of it wins.
fn chinese(english: &str) -> Option<String> {
    chinese_within(english, WITHIN_MAX)
}

fn chinese_within(english: &str, deeper: usize) -> Option<String> {
    let known = CHINESE.iter().filter_map(|(form, chinese)| {
        let says: usize = form.split("{}").map(str::len).sum();
        Some((says, form, chinese, captured(form, english)?))
    });
    let (_, form, chinese, parts) = known.max_by_key(|(says, ..)| *says)?;
    let mut before = form.split("{}");
    let mut quotes = 0;
    let told: Vec<String> = parts
        .iter()
        .map(|part| {
            // What stands in quotation marks is a name, whatever it means as a word.
            quotes += before.next().map_or(0, |text| text.matches('`').count());
            let is_name = quotes % 2 == 1;
            let word = WORDS.iter().find(|(word, _)| word == part).map(|(_, chinese)| (*chinese).to_owned());
            let said = || (deeper > 0).then(|| chinese_within(part, deeper - 1)).flatten();
            if is_name { (*part).to_owned() } else { word.or_else(said).unwrap_or_else(|| (*part).to_owned()) }
        })
        .collect();
    Some(filled(chinese, &told))
}

/// The text with its parts in place; what a part contains is not looked at again.
fn filled(text: &str, parts: &[String]) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, after) = rest.split_at(open);
        out.push_str(before);
        let part = after.find('}').and_then(|close| Some((close, parts.get(after[1..close].parse::<usize>().ok()?)?)));
        match part {
            Some((close, part)) => {
                out.push_str(part);
                rest = &after[close + 1..];
            }
            None => {
                out.push('{');
                rest = &after[1..];
            }
        }
    }
    out.push_str(rest);
    out
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
            // A name stays as it is, a sentence inside a sentence is said in Chinese too.
            ("there is no field `state`", Some("没有字段“state”")),
            ("there is no name `stat`; did you mean `state`?", Some("没有名称“stat”；是否指“state”？")),
            ("`+` does not go with text and {0}", Some("`+` 不能用于 文本 和 {0}")),
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
