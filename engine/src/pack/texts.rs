//! The texts people read, by path: collected from definitions in English, and looked for in Chinese.

use super::Pack;
use crate::codes::Code;
use crate::definition::Definition;
use crate::definition::menu::MenuItem;
use crate::definition::object::OptionDefinition;
use crate::definition::rate_table::ChoiceValues;
use crate::diagnostic::Diagnostics;
use crate::model::Texts;
use indexmap::IndexMap;

/// Collects a pack's texts; a text without its Chinese, and Chinese without its text, are reported.
pub fn collect(pack: &Pack, texts: &mut Texts, diagnostics: &mut Diagnostics) {
    let mut english = Collected::default();
    english.add("pack/title", Some(&pack.title));
    english.add("pack/description", Some(&pack.description));
    for (_, definition) in &pack.definitions {
        english.definition(definition);
    }
    let file = format!("{}/i18n/zh-CN.json", pack.name);
    for path in english.0.keys() {
        if !pack.chinese.contains_key(path) {
            diagnostics.error(
                Code::MissingText,
                &file,
                format!("/{}", path.replace('/', "~1")),
                format!("`{path}` has no Chinese text"),
            );
        }
    }
    for path in pack.chinese.keys() {
        if !english.0.contains_key(path) {
            let message = format!("`{path}` translates nothing: no definition has this text");
            diagnostics.warning(Code::MissingText, &file, format!("/{}", path.replace('/', "~1")), message);
        }
    }
    for (path, text) in english.0 {
        let path = owned(pack, &path);
        if !text.is_empty() {
            texts.english.insert(path, text);
        }
    }
    for (path, text) in &pack.chinese {
        texts.chinese.insert(owned(pack, path), text.clone());
    }
}

/// A pack's own title stands under its name, so that packs do not overwrite each other's.
fn owned(pack: &Pack, path: &str) -> String {
    match path.strip_prefix("pack/") {
        Some(rest) => format!("pack/{}/{rest}", pack.name),
        None => path.to_owned(),
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

    fn definition(&mut self, definition: &Definition) {
        let base = format!("{}/{}", definition.kind().as_str(), definition.name());
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
                }
            }
            Definition::Posting(posting) => {
                for (name, account) in &posting.accounts {
                    self.add(&format!("{base}/accounts/{name}/title"), account.title.as_deref());
                }
            }
            Definition::Menu(menu) => self.menu_items(&base, &menu.items),
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
