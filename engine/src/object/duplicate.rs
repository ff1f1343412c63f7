//! Rules that say when two records look alike. Values are brought to one form and digested to a key: records with the
//! same key of a rule look alike. Knows nothing of who may see them.

use crate::definition::object::{DuplicateAction, MatchMethod};
use crate::record::Name;
use crate::value::Value;
use sha2::{Digest, Sha256};

/// The most records that are named as alike: whoever wants all of them filters the list.
pub const CANDIDATES_MAX: usize = 20;

/// Bytes of a digest that are kept: a meeting by chance is a warning too many, once in the age of the world.
const KEY_BYTES: usize = 16;

/// A compiled rule.
#[derive(Clone, Debug)]
pub struct DuplicateRule {
    pub name: Name,
    pub action: DuplicateAction,
    /// Path of its title among the model's texts.
    pub text: String,
    /// What is compared: slots, each with its method.
    pub parts: Vec<(usize, MatchMethod)>,
    /// What keys depend on. Where it changes, they are made anew.
    pub form: String,
}

impl DuplicateRule {
    /// What records that look alike have in common; `None` where a value is empty.
    pub fn key(&self, values: &[Value]) -> Option<String> {
        let mut digest = Sha256::new();
        for (slot, method) in &self.parts {
            let text = comparable(values.get(*slot)?, *method)?;
            digest.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(text.as_bytes());
        }
        let digest = digest.finalize();
        Some(digest.iter().take(KEY_BYTES).map(|byte| format!("{byte:02x}")).collect())
    }
}

/// A value in the form it is compared in; `None` where there is nothing to compare.
pub fn comparable(value: &Value, method: MatchMethod) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::Text(text) => text.to_string(),
        Value::Decimal(number) => number.normalize().to_string(),
        other => other.to_json().to_string(),
    };
    let text: String = match method {
        MatchMethod::Exact => text,
        MatchMethod::Normalized => {
            let plain = text.chars().map(half_width).filter(|letter| !letter.is_whitespace());
            plain.flat_map(char::to_lowercase).collect()
        }
        MatchMethod::Digits => text.chars().map(half_width).filter(char::is_ascii_digit).collect(),
    };
    (!text.is_empty()).then_some(text)
}

/// The full-width forms of ASCII as ASCII; East Asian keyboards write both.
pub(super) fn half_width(letter: char) -> char {
    match letter {
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(letter) - 0xfee0).unwrap_or(letter),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(method: MatchMethod, text: &str, expect: Option<&str>) {
        assert_eq!(comparable(&Value::text(text), method).as_deref(), expect, "{method:?} of {text:?}");
    }

    #[test]
    fn texts_are_brought_to_one_form() {
        check(MatchMethod::Exact, "Acme Ltd", Some("Acme Ltd"));
        check(MatchMethod::Normalized, " ＡＣＭＥ　Ltd\t", Some("acmeltd"));
        check(MatchMethod::Normalized, "上海 申维（服务）", Some("上海申维(服务)"));
        check(MatchMethod::Normalized, "　 ", None);
        check(MatchMethod::Digits, "021-5080 1234 转 ５", Some("021508012345"));
        check(MatchMethod::Digits, "无", None);
        check(MatchMethod::Exact, "", None);
    }

    #[test]
    fn a_key_needs_every_value_and_keeps_them_apart() {
        let part = |slot| (slot, MatchMethod::Normalized);
        let rule = DuplicateRule {
            name: "r".into(),
            action: DuplicateAction::Warn,
            text: String::new(),
            parts: vec![part(0), part(1)],
            form: String::new(),
        };
        let key = |one: &str, two: &str| rule.key(&[Value::text(one), Value::text(two)]);
        assert_eq!(key("A b", "c"), key("ab", "C"));
        assert_ne!(key("ab", "c"), key("a", "bc"));
        assert_eq!(key("ab", ""), None);
        assert_eq!(rule.key(&[Value::text("ab"), Value::Null]), None);
    }
}
