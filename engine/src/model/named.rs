//! Fields that filters, groups and orders name by path: read against the finished model, so that whoever wants to change one
//! is told of reports, dashboards, roles and accumulators too.

use super::Model;
use super::uses::{Target, Use};
use crate::definition::role::Rows;
use crate::definition::{Definition, Kind};
use crate::layers::path;
use crate::object::FieldKind;
use crate::record::Name;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Adds what is named by path to what is used.
pub(super) fn note(model: &mut Model) {
    let mut found = BTreeSet::new();
    for ((kind, name), (_, definition)) in &model.definitions {
        let Some(composite) = model.documents.get(&(*kind, name.clone())) else { continue };
        let mut noting = Noting { model, by: (*kind, name.clone()), file: &composite.file, found: &mut found };
        match definition {
            Definition::Report(report) => {
                noting.filter(&report.object, report.filter.as_ref(), "/filter");
                for (member, labels) in [("group_by", &report.group_by), ("sort", &report.sort)] {
                    for (index, label) in labels.iter().enumerate() {
                        noting.path(&report.object, label, &format!("/{member}/{index}"));
                    }
                }
            }
            Definition::Dashboard(dashboard) => {
                for (index, card) in dashboard.cards.iter().enumerate() {
                    let Some(object) = &card.object else { continue };
                    noting.filter(object, card.filter.as_ref(), &format!("/cards/{index}/filter"));
                }
            }
            Definition::Role(role) => {
                for (object, grant) in &role.objects {
                    if let Rows::Filter(filter) = &grant.rows {
                        noting.filter(
                            object,
                            Some(filter),
                            &format!("{}/rows/filter", path::below("/objects", object)),
                        );
                    }
                }
            }
            Definition::Accumulator(accumulator) => {
                for object in accumulator.of.iter().filter_map(|source| source.object.as_deref()) {
                    noting.filter(object, accumulator.filter.as_ref(), "/where");
                }
            }
            _ => {}
        }
    }
    model.uses.extend(found);
}

struct Noting<'m, 'f> {
    model: &'m Model,
    by: (Kind, Name),
    file: &'m str,
    found: &'f mut BTreeSet<Use>,
}

impl Noting<'_, '_> {
    /// A path such as `customer.region`, perhaps as a part of a date (`month(finished_at)`) or with its order (`-amount`).
    /// Gives the object it leads to.
    fn path(&mut self, object: &str, label: &str, pointer: &str) -> Option<Name> {
        let label = label.trim_start_matches('-');
        let inner = label.split_once('(').map_or(label, |(_, inner)| inner.trim_end_matches(')'));
        let mut at: Option<Name> = Some(object.into());
        for step in inner.split('.') {
            let object = self.model.objects.get(&at?)?;
            let (_, field) = object.field(step)?;
            self.found.insert(Use {
                target: Target::field(&object.name, step),
                by: self.by.clone(),
                file: self.file.to_owned(),
                pointer: pointer.to_owned(),
            });
            at = match &field.kind {
                FieldKind::Id { to, .. } | FieldKind::Ids { to, .. } => to.first().cloned(),
                FieldKind::Items { to } => Some(to.clone()),
                _ => None,
            };
        }
        at
    }

    /// Everything a filter names, at the place of each condition.
    fn filter(&mut self, object: &str, filter: Option<&Json>, pointer: &str) {
        for (name, inner) in filter.and_then(Json::as_object).into_iter().flatten() {
            let place = path::below(pointer, name);
            match (name.as_str(), inner) {
                ("and" | "or", Json::Array(parts)) => {
                    for (index, part) in parts.iter().enumerate() {
                        self.filter(object, Some(part), &format!("{place}/{index}"));
                    }
                }
                ("not", part) => self.filter(object, Some(part), &place),
                (label, conditions) => {
                    let to = self.path(object, label, &place);
                    for (operator, rows) in conditions.as_object().into_iter().flatten() {
                        if let (Some(to), "any" | "none") = (&to, operator.as_str()) {
                            self.filter(to, Some(rows), &path::below(&place, operator));
                        }
                    }
                }
            }
        }
    }
}
