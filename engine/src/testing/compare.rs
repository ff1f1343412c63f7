//! Comparing what a case expects with what there is: only what is written is compared, numbers by value, records by
//! whatever names them.

use super::case::{World, plain};
use crate::model::Model;
use crate::moment::Moment;
use crate::object::{Field, FieldKind};
use crate::record::Name;
use indexmap::IndexMap;
use rust_decimal::Decimal;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::str::FromStr;

type Members = IndexMap<String, Json>;

pub struct Compare<'c> {
    pub world: &'c mut dyn World,
    pub model: &'c Model,
    pub names: &'c BTreeMap<String, (String, String)>,
}

impl Compare<'_> {
    /// The first difference between expected fields and a record.
    pub fn record<'m>(
        &mut self,
        object: &str,
        mut expected: impl Iterator<Item = (&'m String, &'m Json)>,
        got: &Json,
    ) -> Option<String> {
        expected.find_map(|(name, expected)| {
            let agrees = match self.model.object(object).and_then(|object| object.field(name)) {
                Some((_, field)) => self.field_agrees(field, expected, &got[name]),
                None => *expected == got[name],
            };
            difference(agrees, name, expected, &got[name])
        })
    }

    fn field_agrees(&mut self, field: &Field, expected: &Json, got: &Json) -> bool {
        if expected.is_null() || got.is_null() {
            return expected.is_null() && got.is_null();
        }
        match &field.kind {
            FieldKind::Id { to, .. } => self.is_record(to, expected, got),
            FieldKind::Ids { to } => match (expected.as_array(), got.as_array()) {
                (Some(expected), Some(got)) => {
                    expected.len() == got.len()
                        && expected.iter().zip(got).all(|(expected, got)| self.is_record(to, expected, got))
                }
                _ => false,
            },
            FieldKind::Decimal { .. } => same_number(expected, got),
            FieldKind::Money { .. } | FieldKind::Rollup { .. } => match expected.get("currency") {
                Some(currency) => {
                    got.get("currency") == Some(currency) && same_number(&expected["amount"], &got["amount"])
                }
                None => same_number(expected, got.get("amount").unwrap_or(got)),
            },
            FieldKind::Moment => moment(expected).is_some() && moment(expected) == moment(got),
            FieldKind::Items { to } => match (expected.as_array(), got.as_array()) {
                (Some(expected), Some(got)) => {
                    let row = |(expected, got): (&Json, &Json)| {
                        expected.as_object().is_some_and(|row| self.record(to, row.iter(), got).is_none())
                    };
                    expected.len() == got.len() && expected.iter().zip(got).all(row)
                }
                _ => false,
            },
            _ => expected == got,
        }
    }

    /// Whether an expected name, key or id means the record that is there.
    fn is_record(&mut self, objects: &[Name], expected: &Json, got: &Json) -> bool {
        let (Some(expected), Some(id)) = (expected.as_str(), got.as_str()) else { return expected == got };
        let named = self.names.get(expected.trim_start_matches('$')).is_some_and(|(_, named)| named == id);
        named || expected == id || objects.iter().any(|object| self.world.find(object, expected).as_deref() == Some(id))
    }

    /// The same for a reference as lines and statements show it: `{"object", "id", "title"}`.
    fn is_reference(&mut self, expected: &Json, got: &Json) -> bool {
        let object: Vec<Name> = got["object"].as_str().map(Into::into).into_iter().collect();
        self.is_record(&object, expected, &got["id"])
    }

    /// The first difference between expected members and an answer that is no record: a run, a period.
    pub fn members<'m>(
        &mut self,
        mut expected: impl Iterator<Item = (&'m String, &'m Json)>,
        got: &Json,
    ) -> Option<String> {
        expected.find_map(|(name, expected)| {
            let got = &got[name];
            let agrees = match (expected, got) {
                (Json::Array(expected), Json::Array(found)) => {
                    let item = |(expected, found): (&Json, &Json)| match expected.as_object() {
                        Some(members) => self.members(members.iter(), found).is_none(),
                        None => expected == found,
                    };
                    expected.len() == found.len() && expected.iter().zip(found).all(item)
                }
                (_, Json::Object(members)) if members.contains_key("id") => self.is_reference(expected, got),
                _ => expected == got || same_number(expected, got),
            };
            difference(agrees, name, expected, got)
        })
    }

    /// Lines one by one, in the order they were posted.
    pub fn lines(&mut self, expected: &[Members]) -> Vec<String> {
        let got = self.world.lines();
        let mut differences = Vec::new();
        for (index, (expected, got)) in expected.iter().zip(&got).enumerate() {
            if let Some(difference) = self.line(expected, got) {
                let why = got["sentence"].as_str().unwrap_or_default();
                differences.push(format!("line {}: {difference}; it is made of: {why}", index + 1));
            }
        }
        if expected.len() != got.len() {
            let all: Vec<String> = got.iter().map(told).collect();
            differences.push(format!("lines: expected {}, got {}: {}", expected.len(), got.len(), all.join("; ")));
        }
        differences
    }

    fn line(&mut self, expected: &Members, got: &Json) -> Option<String> {
        expected.iter().find_map(|(name, expected)| {
            let found = &got[name];
            let agrees = match (name.as_str(), expected) {
                ("payer" | "payee" | "fact", _) => self.is_reference(expected, found),
                ("quantity" | "amount" | "tax" | "net" | "tax_rate", _) => same_number(expected, found),
                ("corrects", Json::Bool(corrects)) => *corrects != found.is_null(),
                ("dimensions", Json::Object(members)) => {
                    let fact = plain(&got["fact"]["object"]);
                    return members.iter().find_map(|(name, expected)| {
                        let agrees = self.is_dimension(&fact, name, expected, &found[name]);
                        difference(agrees, &format!("dimensions.{name}"), expected, &found[name])
                    });
                }
                _ => expected == found,
            };
            difference(agrees, name, expected, found)
        })
    }

    /// A dimension is a reference, the id of a record, or a class or option: by its name or as people read it.
    fn is_dimension(&mut self, fact: &str, name: &str, expected: &Json, got: &Json) -> bool {
        if got.get("id").is_some() {
            return self.is_reference(expected, got);
        }
        let classes = self.model.dimensions.values().filter_map(|dimension| dimension.classifications.get(name));
        let field = self.model.object(fact).and_then(|object| object.field(name));
        let mut texts = classes.map(|class| &class.text).chain(field.map(|(_, field)| &field.options_text));
        let is_titled = texts.any(|text| {
            let path = format!("{text}/{}/title", plain(expected));
            ["en", "zh-CN"]
                .iter()
                .any(|locale| self.model.texts.find(locale, &path).is_some_and(|title| *got == Json::String(title)))
        });
        let objects: Vec<Name> = self.model.objects.keys().cloned().collect();
        expected == got || is_titled || self.is_record(&objects, expected, got)
    }

    /// Statements by their parties and period; the newest where there are several.
    pub fn statements(&mut self, expected: &[Members]) -> Vec<String> {
        let all = self.world.statements();
        let mut differences = Vec::new();
        for expected in expected {
            let difference = match self.statement(expected, &all) {
                Some(statement) => {
                    expected.iter().find_map(|(name, expected)| self.statement_member(name, expected, statement))
                }
                None => Some("there is none".to_owned()),
            };
            let named: Vec<String> =
                ["payee", "payer", "period"].iter().filter_map(|member| expected.get(*member).map(plain)).collect();
            differences.extend(difference.map(|difference| format!("statement {}: {difference}", named.join(" "))));
        }
        differences
    }

    /// The newest statement with the parties and the period that are named, oldest first.
    pub fn statement<'s>(&mut self, named: &Members, all: &'s [Json]) -> Option<&'s Json> {
        all.iter().rev().find(|statement| {
            let mut parties = ["payee", "payer"].iter().filter_map(|party| Some((party, named.get(*party)?)));
            parties.all(|(party, expected)| self.is_reference(expected, &statement[*party]))
                && named.get("period").is_none_or(|period| *period == statement["period"])
        })
    }

    fn statement_member(&mut self, name: &str, expected: &Json, statement: &Json) -> Option<String> {
        let got = match name {
            "lines" => &statement["line_count"],
            _ => &statement[name],
        };
        let agrees = match (name, expected) {
            ("payer" | "payee", _) => self.is_reference(expected, got),
            ("gross" | "tax" | "net" | "lines" | "opening" | "payable" | "debt", _) => same_number(expected, got),
            ("net_position", Json::Object(members)) => {
                return members.iter().find_map(|(name, expected)| {
                    let got = &got[name];
                    let agrees = match name.as_str() {
                        "payer" | "payee" => self.is_reference(expected, got),
                        _ => same_number(expected, got),
                    };
                    difference(agrees, &format!("net_position.{name}"), expected, got)
                });
            }
            ("number", Json::Bool(numbered)) => *numbered != got.is_null(),
            _ => expected == got,
        };
        difference(agrees, name, expected, got)
    }

    /// The open to-dos: these and no others, in any order.
    pub fn todos(&mut self, expected: &[Members]) -> Vec<String> {
        let mut open = self.world.todos();
        let mut differences = Vec::new();
        for expected in expected {
            let wanted = |name: &str| expected.get(name).cloned().unwrap_or_default();
            let (record, code) = (wanted("record"), wanted("code"));
            let found = open.iter().position(|todo| {
                (code.is_null() || todo["code"] == code) && self.is_reference(&record, &todo["record"])
            });
            match found {
                Some(index) => drop(open.remove(index)),
                None => differences.push(format!("todos: {} is not open for {}", plain(&code), plain(&record))),
            }
        }
        differences
            .extend(open.iter().map(|todo| {
                format!("todos: {} is open for {}", plain(&todo["code"]), plain(&todo["record"]["title"]))
            }));
        differences
    }
}

fn difference(agrees: bool, name: &str, expected: &Json, got: &Json) -> Option<String> {
    let shown = |json: &Json| match json.get("title") {
        Some(title) => plain(title),
        None => plain(json),
    };
    (!agrees).then(|| format!("`{name}`: expected {}, got {}", shown(expected), shown(got)))
}

/// One line in a few words.
fn told(line: &Json) -> String {
    let word = |name: &str| plain(&line[name]);
    format!("{} {} of {} × in {}", word("kind"), word("amount"), word("quantity"), word("period"))
}

fn same_number(expected: &Json, got: &Json) -> bool {
    let number = |json: &Json| match json {
        Json::String(text) => Decimal::from_str(text).ok(),
        Json::Number(number) => Decimal::from_str(&number.to_string()).ok(),
        _ => None,
    };
    number(expected).is_some() && number(expected) == number(got)
}

fn moment(json: &Json) -> Option<Moment> {
    json.as_str().and_then(Moment::parse)
}
