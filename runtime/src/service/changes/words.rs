//! Differences of definitions in the words of people who work with them, in both languages.

use packwork_engine::layers::difference::Difference;
use packwork_engine::layers::path;
use packwork_engine::model::Model;
use serde_json::{Value as Json, json};

/// What kinds, collections and properties are called: name, Chinese, English.
const WORDS: &[(&str, &str, &str)] = &[
    ("object", "对象", "object"),
    ("lifecycle", "状态流转", "lifecycle"),
    ("template", "模板", "template"),
    ("dimension", "维度", "dimension"),
    ("rate_table", "价格表", "price table"),
    ("schedule", "阶梯", "schedule"),
    ("settlement_plan", "结算方案", "settlement plan"),
    ("posting", "记账规则", "posting"),
    ("statement", "对账单", "statement"),
    ("menu", "菜单", "menu"),
    ("role", "角色", "role"),
    ("report", "报表", "report"),
    ("dashboard", "看板", "dashboard"),
    ("seed", "初始数据", "seed"),
    ("case", "用例", "case"),
    ("fields", "字段", "field"),
    ("options", "选项", "option"),
    ("rules", "规则", "rule"),
    ("todos", "待办", "to-do"),
    ("states", "状态", "state"),
    ("transitions", "操作", "transition"),
    ("sections", "分组", "section"),
    ("columns", "列", "column"),
    ("values", "值", "value"),
    ("rows", "行", "row"),
    ("lines", "结算行", "line"),
    ("items", "条目", "entry"),
    ("name", "标识", "name"),
    ("was", "标识", "name"),
    ("title", "名称", "title"),
    ("description", "说明", "description"),
    ("help", "提示", "help"),
    ("plural", "复数名称", "plural"),
    ("required", "必填", "required"),
    ("formula", "公式", "formula"),
    ("default", "默认值", "default"),
    ("type", "类型", "type"),
    ("guard", "操作条件", "condition"),
    ("message", "提示文字", "message"),
    ("require", "要求", "requirement"),
    ("list", "列表", "list"),
    ("sort", "排序", "sorting"),
    ("filters", "筛选", "filters"),
    ("$after", "位置（之后）", "place (after)"),
    (path::CHINESE, "中文文字", "Chinese text"),
];

fn word(name: &str, chinese: bool) -> String {
    let known = WORDS.iter().find(|(known, _, _)| *known == name);
    known.map_or_else(|| name.to_owned(), |(_, zh, en)| (if chinese { *zh } else { *en }).to_owned())
}

/// `{"zh-CN": …, "en": …}` of a difference; titles come from whichever model knows them.
pub fn sentences(difference: &Difference, old: &Model, new: Option<&Model>) -> Json {
    json!({"zh-CN": sentence(difference, old, new, true), "en": sentence(difference, old, new, false)})
}

fn sentence(difference: &Difference, old: &Model, new: Option<&Model>, chinese: bool) -> String {
    let locale = if chinese { "zh-CN" } else { "en" };
    let title = |path: &str| {
        let named = new.and_then(|model| model.texts.find(locale, path));
        named.or_else(|| old.texts.find(locale, path))
    };
    let base = format!("{}/{}", difference.kind.as_str(), difference.name);
    let mut place = word(difference.kind.as_str(), chinese);
    place.push_str(&quoted(&difference.name, title(&format!("{base}/title")), chinese));
    let mut at = base;
    let mut in_collection = false;
    for segment in path::segments(&difference.path) {
        at = format!("{at}/{segment}");
        let known = WORDS.iter().any(|(known, _, _)| *known == segment);
        place.push_str(if chinese { "·" } else { " · " });
        if in_collection || !known {
            place = place.trim_end_matches([' ', '·']).to_owned();
            if !in_collection {
                place.push_str(if chinese { "·" } else { " · " });
                place.push_str(&segment);
            } else {
                place.push_str(&quoted(&segment, title(&format!("{at}/title")), chinese));
            }
            in_collection = false;
        } else {
            place.push_str(&word(&segment, chinese));
            in_collection = matches!(
                segment.as_str(),
                "fields"
                    | "options"
                    | "rules"
                    | "todos"
                    | "states"
                    | "transitions"
                    | "sections"
                    | "columns"
                    | "values"
                    | "rows"
                    | "lines"
                    | "items"
                    | path::CHINESE
            );
        }
    }
    match (&difference.from, &difference.to, chinese) {
        (None, Some(Json::Object(_) | Json::Bool(true)), true) | (None, None, true) => format!("{place}：新增"),
        (None, Some(Json::Object(_) | Json::Bool(true)), false) | (None, None, false) => format!("{place}: added"),
        (Some(_), None, true) => format!("{place}：移除（数据保留）"),
        (Some(_), None, false) => format!("{place}: removed (data is kept)"),
        (None, Some(to), true) => format!("{place}：设为 {}", shown(to)),
        (None, Some(to), false) => format!("{place}: set to {}", shown(to)),
        (Some(from), Some(to), true) => format!("{place}：由 {} 改为 {}", shown(from), shown(to)),
        (Some(from), Some(to), false) => format!("{place}: {} becomes {}", shown(from), shown(to)),
    }
}

fn quoted(name: &str, title: Option<String>, chinese: bool) -> String {
    match title.filter(|title| !title.is_empty()) {
        Some(title) if chinese => format!("“{title}”（{name}）"),
        Some(title) => format!(" “{title}” ({name})"),
        None if chinese => format!("“{name}”"),
        None => format!(" “{name}”"),
    }
}

/// Longest value inside a sentence.
const SHOWN_CHARS_MAX: usize = 80;

fn shown(value: &Json) -> String {
    let text = match value {
        Json::String(text) => format!("“{text}”"),
        other => other.to_string(),
    };
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
