//! The texts people read, by path: collected from definitions in English, and looked for in Chinese.

use super::Pack;
use crate::codes::Code;
use crate::definition::menu::MenuItem;
use crate::definition::object::OptionDefinition;
use crate::definition::rate_table::ChoiceValues;
use crate::definition::{Definition, Kind};
use crate::diagnostic::Diagnostics;
use crate::layers::compose::set_chinese;
use crate::layers::{Composite, Origin};
use crate::model::Texts;
use crate::record::Name;
use indexmap::IndexMap;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The file of Chinese texts.
pub const CHINESE: &str = "i18n/zh-CN.json";

/// Reads Chinese texts by path; `null` says that a text has none yet. None where the file cannot be read; what is no text is
/// reported and taken for missing.
pub(super) fn read(
    bytes: Option<&Vec<u8>>,
    file: &str,
    diagnostics: &mut Diagnostics,
) -> Option<BTreeMap<String, Option<String>>> {
    let Some(bytes) = bytes else { return Some(BTreeMap::new()) };
    let Json::Object(members) = super::parse(file, bytes, diagnostics)? else {
        diagnostics.error(Code::BadDefinition, file, "", "the file is no JSON object");
        return None;
    };
    let mut texts = BTreeMap::new();
    for (path, text) in members {
        if !text.is_string() && !text.is_null() {
            let pointer = format!("/{}", crate::layers::path::escaped(&path));
            diagnostics.error(Code::BadProperty, file, pointer, "a text, or null where there is none yet");
        }
        let text = if text.is_null() { None } else { Some(text.as_str().unwrap_or_default().to_owned()) };
        texts.insert(path, text);
    }
    Some(texts)
}

/// The texts a pack brings along: a text without its Chinese, and Chinese without its text, are reported.
pub struct Coverage<'p> {
    pack: &'p Pack,
    /// English texts that the pack has written, by path.
    english: IndexMap<String, String>,
}

impl<'p> Coverage<'p> {
    pub fn of(pack: &'p Pack) -> Coverage<'p> {
        let mut own = Collected::default();
        own.add("pack/title", Some(&pack.title));
        own.add("pack/description", Some(&pack.description));
        Coverage { pack, english: own.0 }
    }

    /// A definition of the pack: its own, or another one's as it was before and is with the pack's extension.
    pub fn added(&mut self, kind: Kind, name: &str, before: Option<&Json>, after: &Json) {
        let before = before.map(|json| of_document(kind, name, json)).unwrap_or_default();
        for (path, text) in of_document(kind, name, after) {
            if before.get(&path) != Some(&text) {
                self.english.insert(path, text);
            }
        }
    }

    /// Reports what is missing, and puts the Chinese texts into the definitions they belong to.
    pub fn finish(self, documents: &mut BTreeMap<(Kind, Name), Composite>, diagnostics: &mut Diagnostics) {
        let file = format!("{}/i18n/zh-CN.json", self.pack.name);
        let missing = self.english.keys().filter(|path| !self.pack.chinese.contains_key(*path));
        for path in missing.filter(|_| self.pack.is_whole) {
            let pointer = format!("/{}", path.replace('/', "~1"));
            let message = format!("`{path}` has no Chinese text");
            diagnostics.warning(Code::MissingText, &file, pointer, message);
        }
        let mut homes: BTreeMap<(Kind, Name), BTreeMap<&str, &String>> = BTreeMap::new();
        for (path, text) in &self.pack.chinese {
            if self.pack.is_whole && !self.english.contains_key(path) {
                let message = format!("`{path}` translates nothing: no definition has this text");
                let pointer = format!("/{}", path.replace('/', "~1"));
                diagnostics.warning(Code::MissingText, &file, pointer, message);
            }
            let mut parts = path.splitn(3, '/');
            if let (Some(kind), Some(name), Some(inside)) = (parts.next(), parts.next(), parts.next())
                && let Some(kind) = Kind::named(kind)
            {
                homes.entry((kind, name.into())).or_default().insert(inside, text);
            }
        }
        for (key, texts) in homes {
            if let Some(composite) = documents.get_mut(&key) {
                let foreign = *composite.pack != *self.pack.name;
                let origin =
                    foreign.then(|| Origin::Extension { pack: self.pack.name.as_str().into(), file: file.clone() });
                set_chinese(composite, texts, origin);
            }
        }
    }
}

/// English texts of a document, by path.
fn of_document(kind: Kind, name: &str, json: &Json) -> IndexMap<String, String> {
    let mut found = Collected::default();
    if let Ok(definition) = Definition::from_json(kind, json) {
        found.definition(name, &definition);
    }
    found.0
}

/// The English texts inside a definition, by path (`fields/number/title`).
pub fn english_of(kind: Kind, name: &str, json: &Json) -> IndexMap<String, String> {
    let base = format!("{}/{name}/", kind.as_str());
    let texts = of_document(kind, name, json).into_iter();
    texts.filter_map(|(path, text)| Some((path.strip_prefix(&base)?.to_owned(), text))).collect()
}

/// Paths of the texts inside a definition.
pub fn paths_of(kind: Kind, name: &str, json: &Json) -> Vec<String> {
    english_of(kind, name, json).into_keys().collect()
}

/// The texts of packs and their definitions, as they are read.
pub fn all(
    packs: &[Pack],
    documents: &BTreeMap<(Kind, Name), Composite>,
    definitions: &BTreeMap<(Kind, Name), (Name, Definition)>,
    texts: &mut Texts,
) {
    for pack in packs {
        for (what, text) in [("title", &pack.title), ("description", &pack.description)] {
            if !text.is_empty() {
                texts.english.insert(format!("pack/{}/{what}", pack.name), text.clone());
            }
            if let Some(text) = pack.chinese.get(&format!("pack/{what}")) {
                texts.chinese.insert(format!("pack/{}/{what}", pack.name), text.clone());
            }
        }
    }
    for ((_, name), (_, definition)) in definitions {
        let mut found = Collected::default();
        found.definition(name, definition);
        texts.english.extend(found.0.into_iter().filter(|(_, text)| !text.is_empty()));
    }
    for ((kind, name), composite) in documents {
        let base = format!("{}/{name}", kind.as_str());
        texts.chinese.extend(composite.chinese().map(|(path, text)| (format!("{base}/{path}"), text.to_owned())));
    }
}

#[derive(Default)]
struct Collected(IndexMap<String, String>);

impl Collected {
    fn add(&mut self, path: &str, text: Option<&str>) {
        self.0.insert(path.to_owned(), text.unwrap_or_default().to_owned());
    }

    fn optional(&mut self, path: &str, text: Option<&str>) {
        if text.is_some() {
            self.add(path, text);
        }
    }

    fn options(&mut self, base: &str, options: &IndexMap<String, OptionDefinition>) {
        for (name, option) in options {
            self.add(&format!("{base}/{name}/title"), option.title.as_deref());
        }
    }

    fn definition(&mut self, name: &str, definition: &Definition) {
        let base = format!("{}/{name}", definition.kind().as_str());
        if !matches!(definition, Definition::Case(_) | Definition::Seed(_)) {
            self.add(&format!("{base}/title"), definition.title());
            self.optional(&format!("{base}/description"), definition.description());
        }
        match definition {
            Definition::Object(object) => {
                self.add(&format!("{base}/plural"), object.plural.as_deref());
                for (name, field) in &object.fields {
                    let field_base = format!("{base}/fields/{name}");
                    self.add(&format!("{field_base}/title"), field.title.as_deref());
                    self.optional(&format!("{field_base}/help"), field.help.as_deref());
                    self.options(&format!("{field_base}/options"), &field.options);
                }
                for (name, rule) in &object.rules {
                    self.add(&format!("{base}/rules/{name}/message"), Some(&rule.message));
                }
                for (name, rule) in &object.duplicates {
                    self.add(&format!("{base}/duplicates/{name}/title"), Some(&rule.title));
                }
                for (name, todo) in &object.todos {
                    self.add(&format!("{base}/todos/{name}/title"), Some(&todo.title));
                }
            }
            Definition::Lifecycle(lifecycle) => {
                for (name, state) in &lifecycle.states {
                    self.add(&format!("{base}/states/{name}/title"), state.title.as_deref());
                }
                for (name, transition) in &lifecycle.transitions {
                    self.add(&format!("{base}/transitions/{name}/title"), transition.title.as_deref());
                    self.optional(
                        &format!("{base}/transitions/{name}/guard_message"),
                        transition.guard_message.as_deref(),
                    );
                }
            }
            Definition::Template(template) => {
                for section in &template.sections {
                    self.add(&format!("{base}/sections/{}/title", section.id), section.title.as_deref());
                }
                for (name, rule) in &template.rules {
                    self.add(&format!("{base}/rules/{name}/message"), Some(&rule.message));
                }
            }
            Definition::Dimension(dimension) => {
                for (name, classification) in &dimension.classifications {
                    let class_base = format!("{base}/classifications/{name}");
                    self.add(&format!("{class_base}/title"), classification.title.as_deref());
                    self.options(&format!("{class_base}/values"), &classification.values);
                }
            }
            Definition::RateTable(table) => {
                for (name, column) in &table.columns {
                    self.add(&format!("{base}/columns/{name}/title"), column.title.as_deref());
                    match &column.choice {
                        Some(ChoiceValues::Options(options)) => {
                            self.options(&format!("{base}/columns/{name}/choice"), options)
                        }
                        Some(ChoiceValues::Names(names)) => {
                            for option in names {
                                self.add(&format!("{base}/columns/{name}/choice/{option}/title"), None);
                            }
                        }
                        None => {}
                    }
                }
                for (name, value) in &table.values {
                    self.add(&format!("{base}/values/{name}/title"), value.title.as_deref());
                }
            }
            Definition::SettlementPlan(plan) => {
                for line in &plan.lines {
                    self.add(&format!("{base}/lines/{}/title", line.id), line.title.as_deref());
                    for adjust in &line.adjust {
                        let path = format!("{base}/lines/{}.{}/title", line.id, adjust.id);
                        self.optional(&path, adjust.title.as_deref());
                    }
                }
            }
            Definition::Posting(posting) => {
                for (name, account) in &posting.accounts {
                    self.add(&format!("{base}/accounts/{name}/title"), account.title.as_deref());
                }
            }
            Definition::Menu(menu) => self.menu_items(&base, &menu.items),
            Definition::Report(report) => {
                for (name, measure) in &report.measures {
                    self.add(&format!("{base}/measures/{name}/title"), measure.title.as_deref());
                }
            }
            Definition::Dashboard(dashboard) => {
                for card in &dashboard.cards {
                    self.add(&format!("{base}/cards/{}/title", card.id), Some(&card.title));
                }
            }
            _ => {}
        }
    }

    fn menu_items(&mut self, base: &str, items: &[MenuItem]) {
        for item in items {
            self.add(&format!("{base}/items/{}/title", item.id), item.title.as_deref());
            self.menu_items(base, &item.children);
        }
    }
}
