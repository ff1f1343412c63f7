//! Rules about duplicates: the fields they compare must be there and have one plain value.

use super::checker::{Checker, Found};
use crate::codes::Code;
use crate::definition::object::{MatchMethod, ObjectDefinition};
use crate::object::FieldKind;
use crate::object::duplicate::DuplicateRule;
use crate::record::Name;

/// Fields of one rule; more than that say which record it is, not which ones look alike.
const FIELDS_MAX: usize = 8;
/// Rules of one object: each is a look-up when a record is created.
const RULES_MAX: usize = 10;

impl<'a> Checker<'a> {
    pub(super) fn duplicates(&mut self, object: &Name, found: Found<'a>, written: &ObjectDefinition) {
        if written.duplicates.is_empty() {
            return;
        }
        if written.owned_by.is_some() {
            let message = "owned rows are written with their parent; only it can have rules about duplicates";
            self.error(Code::BadProperty, found, "/duplicates", message);
            return;
        }
        if written.duplicates.len() > RULES_MAX {
            let message = format!("an object has at most {RULES_MAX} rules about duplicates");
            self.error(Code::BadProperty, found, "/duplicates", message);
        }
        let mut rules = Vec::new();
        for (name, rule) in &written.duplicates {
            let pointer = format!("/duplicates/{name}");
            self.check_name(found, &pointer, name);
            if rule.title.trim().is_empty() {
                self.error(Code::MissingProperty, found, pointer.clone(), "the property `title` is missing");
            }
            if rule.matching.is_empty() || rule.matching.len() > FIELDS_MAX {
                let message = format!("`match` names 1 to {FIELDS_MAX} fields");
                self.error(Code::BadProperty, found, format!("{pointer}/match"), message);
                continue;
            }
            let mut parts = Vec::new();
            for (field, method) in &rule.matching {
                let place = format!("{pointer}/match/{field}");
                let Some(slot) = self.expect_field(found, place.clone(), object, field) else { continue };
                let compared = &self.objects[object].fields[slot];
                let misfit = match compared.live {
                    true => Err("is computed when it is read"),
                    false => comparable(&compared.kind, *method),
                };
                if let Err(message) = misfit {
                    self.error(Code::BadProperty, found, place, format!("`{field}` {message}"));
                }
                parts.push((slot, *method));
            }
            let mut form: Vec<String> =
                rule.matching.iter().map(|(field, method)| format!("{field}:{method:?}").to_lowercase()).collect();
            form.push("1".into());
            rules.push(DuplicateRule {
                name: name.as_str().into(),
                action: rule.action,
                text: format!("object/{object}/duplicates/{name}/title"),
                parts,
                form: form.join(" "),
            });
        }
        if let Some(object) = self.objects.get_mut(object) {
            object.duplicates = rules;
        }
    }
}

fn comparable(kind: &FieldKind, method: MatchMethod) -> Result<(), &'static str> {
    match (kind, method) {
        (FieldKind::Text { .. }, _) => Ok(()),
        (
            FieldKind::Choice { .. }
            | FieldKind::Decimal { .. }
            | FieldKind::Boolean
            | FieldKind::Date
            | FieldKind::Moment
            | FieldKind::Id { .. },
            MatchMethod::Exact,
        ) => Ok(()),
        (
            FieldKind::Choice { .. }
            | FieldKind::Decimal { .. }
            | FieldKind::Boolean
            | FieldKind::Date
            | FieldKind::Moment
            | FieldKind::Id { .. },
            _,
        ) => Err("holds no text: it is compared `exact`"),
        _ => Err("holds no single value that could be compared"),
    }
}
