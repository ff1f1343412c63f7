//! Comparing an answer with what a case expects: every expected member must be there and equal. Numbers are equal as
//! numbers, however they are written.

use rust_decimal::Decimal;
use serde_json::Value as Json;
use std::fmt;

/// Members that say what another system printed, or comment on the case; they are no answer of ours.
const SAID_ABOUT_OTHERS: &[&str] = &[
    "system_gave",
    "published_test_value",
    "zen_published_row",
    "zen_published_output",
    "adjustment_on_last_minor",
    "note",
];

/// Figures with more places than this are quotients, cut somewhere, by whoever printed them or by us.
const PLACES_EXACT: u32 = 9;

const MISSING: &str = "no such member";

pub struct Difference {
    path: String,
    expected: String,
    got: String,
}

impl Difference {
    /// The answer has no such member.
    pub fn is_missing(&self) -> bool {
        self.got == MISSING
    }

    pub fn path(&self) -> &str {
        &self.path
    }

    /// There is no answer at all.
    pub fn failed(why: impl Into<String>) -> Difference {
        Difference { path: String::new(), expected: String::new(), got: why.into() }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.is_empty() && self.expected.is_empty() {
            true => out.write_str(&self.got),
            false => write!(out, "{}: expected {}, got {}", self.path, self.expected, self.got),
        }
    }
}

pub fn compare(expected: &Json, got: &Json) -> Vec<Difference> {
    let mut differences = Vec::new();
    walk("", expected, got, &mut differences);
    differences
}

fn walk(path: &str, expected: &Json, got: &Json, differences: &mut Vec<Difference>) {
    let mut differ = |path: String, expected: String, got: String| differences.push(Difference { path, expected, got });
    match (expected, got) {
        (Json::Object(members), Json::Object(found)) => {
            for (name, expected) in members.iter().filter(|(name, _)| !SAID_ABOUT_OTHERS.contains(&name.as_str())) {
                let path = format!("{path}/{name}");
                match found.get(name) {
                    Some(got) => walk(&path, expected, got, differences),
                    None => {
                        differences.push(Difference { path, expected: expected.to_string(), got: MISSING.to_owned() })
                    }
                }
            }
        }
        (Json::Array(items), Json::Array(found)) => {
            if items.len() != found.len() {
                differ(
                    path.to_owned(),
                    format!("{} items: {expected}", items.len()),
                    format!("{}: {got}", found.len()),
                );
                return;
            }
            for (index, (expected, got)) in items.iter().zip(found).enumerate() {
                walk(&format!("{path}/{index}"), expected, got, differences);
            }
        }
        _ if is_equal(expected, got) => {}
        // A table with one output may be expected to answer by its bare value.
        (Json::String(_) | Json::Number(_) | Json::Bool(_), Json::Object(found)) if found.len() == 1 => {
            found.values().for_each(|got| walk(path, expected, got, differences));
        }
        _ => differ(
            if path.is_empty() { "/".to_owned() } else { path.to_owned() },
            expected.to_string(),
            got.to_string(),
        ),
    }
}

fn is_equal(expected: &Json, got: &Json) -> bool {
    // Nothing found is nothing, whether it is written as no answer or as no rows.
    let is_nothing = |json: &Json| json.is_null() || json.as_array().is_some_and(Vec::is_empty);
    if is_nothing(expected) && is_nothing(got) {
        return true;
    }
    match (number(expected), number(got)) {
        (Some(expected), Some(got)) if expected.scale() > PLACES_EXACT => {
            (expected - got).abs() <= Decimal::new(1, PLACES_EXACT)
        }
        (Some(expected), Some(got)) if got.scale() > PLACES_EXACT => expected == got.round_dp(PLACES_EXACT),
        (Some(expected), Some(got)) => expected == got,
        _ => expected == got,
    }
}

fn number(json: &Json) -> Option<Decimal> {
    match json {
        Json::String(text) => text.parse().ok(),
        Json::Number(number) => number.to_string().parse().ok(),
        _ => None,
    }
}
