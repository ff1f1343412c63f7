//! What the text of a condition on a number says.

use super::interval::{Edge, Interval, Intervals};
use rust_decimal::Decimal;
use std::str::FromStr;
use thiserror::Error;

/// Why a text is no condition on a number.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NotACondition {
    #[error(
        "`{0}` is not a condition on a number; write `5`, `!= 5`, `>= 5`, `[5..10)` or `not(5, 7)`, with a comma between two that must both hold, or `or` where one is enough"
    )]
    Unreadable(String),
    #[error("`{0}` holds for no number; a comma joins conditions that must both hold, write `or` where one is enough")]
    HoldsForNone(String),
}

impl FromStr for Intervals {
    type Err = NotACondition;

    /// Reads `5`, `!= 5`, `>= 5`, `< 10`, `[5..10)`, `(5..10]`; a comma or `and` joins conditions that must all hold, `or`
    /// those of which one is enough, and `not(5, [7..9])` takes what none of its list does.
    fn from_str(text: &str) -> Result<Intervals, NotACondition> {
        let plain = plain(text);
        let mut reader = Reader { rest: &plain };
        let read = reader.any_of().filter(|_| reader.is_done());
        let intervals = read.ok_or_else(|| NotACondition::Unreadable(text.to_owned()))?;
        match intervals.is_empty() {
            true => Err(NotACondition::HoldsForNone(text.to_owned())),
            false => Ok(intervals),
        }
    }
}

/// The signs of a Chinese keyboard or a spreadsheet as those of a programmer.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '≥' => plain.push_str(">="),
            '≤' => plain.push_str("<="),
            '≠' => plain.push_str("!="),
            '，' => plain.push(','),
            '（' => plain.push('('),
            '）' => plain.push(')'),
            other => plain.push(other),
        }
    }
    plain
}

struct Reader<'t> {
    rest: &'t str,
}

impl Reader<'_> {
    fn takes(&mut self, signs: &[&str]) -> bool {
        self.rest = self.rest.trim_start();
        let after = signs.iter().find_map(|sign| self.rest.strip_prefix(sign));
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn is_done(&self) -> bool {
        self.rest.trim().is_empty()
    }

    fn any_of(&mut self) -> Option<Intervals> {
        let mut any = self.all_of()?;
        while self.takes(&["or"]) {
            any = any.or(self.all_of()?);
        }
        Some(any)
    }

    fn all_of(&mut self) -> Option<Intervals> {
        let mut all = self.condition()?;
        while self.takes(&[",", "and"]) {
            all = all.and(&self.condition()?);
        }
        Some(all)
    }

    fn condition(&mut self) -> Option<Intervals> {
        if self.takes(&["not"]) {
            return self.none_of();
        }
        if self.takes(&["!=", "<>"]) {
            return Some(Intervals::from(Interval::of(self.number()?)).complement());
        }
        Some(self.interval()?.into())
    }

    fn none_of(&mut self) -> Option<Intervals> {
        if !self.takes(&["("]) {
            return None;
        }
        let mut any = self.condition()?;
        while self.takes(&[",", "or"]) {
            any = any.or(self.condition()?);
        }
        self.takes(&[")"]).then(|| any.complement())
    }

    fn interval(&mut self) -> Option<Interval> {
        let all = Interval::ALL;
        if self.takes(&[">="]) {
            return Some(Interval { low: Edge::Including(self.number()?), ..all });
        }
        if self.takes(&["<="]) {
            return Some(Interval { high: Edge::Including(self.number()?), ..all });
        }
        if self.takes(&[">"]) {
            return Some(Interval { low: Edge::Excluding(self.number()?), ..all });
        }
        if self.takes(&["<"]) {
            return Some(Interval { high: Edge::Excluding(self.number()?), ..all });
        }
        if self.takes(&["["]) {
            return self.span(Edge::Including);
        }
        // `]5` is how some write the open end.
        if self.takes(&["(", "]"]) {
            return self.span(Edge::Excluding);
        }
        self.takes(&["==", "="]);
        self.number().map(Interval::of)
    }

    fn span(&mut self, edge: fn(Decimal) -> Edge) -> Option<Interval> {
        let low = edge(self.number()?);
        if !self.takes(&[".."]) {
            return None;
        }
        let high = self.number()?;
        if self.takes(&["]"]) {
            return Some(Interval { low, high: Edge::Including(high) });
        }
        self.takes(&[")", "["]).then_some(Interval { low, high: Edge::Excluding(high) })
    }

    fn number(&mut self) -> Option<Decimal> {
        let text = self.rest.trim_start();
        let foreign = text.find(|letter: char| !(letter.is_ascii_digit() || "+-._".contains(letter)));
        let end = foreign.into_iter().chain(text.find("..")).min().unwrap_or(text.len());
        self.rest = &text[end..];
        text[..end].parse().ok()
    }
}

#[cfg(test)]
#[path = "../tests_condition.rs"]
mod tests;
