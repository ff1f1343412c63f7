//! Roles, menus, reports, dashboards and seeds against the objects they name.

use super::checker::{Checker, Found};
use crate::codes::Code;
use crate::definition::dashboard::DashboardDefinition;
use crate::definition::menu::MenuItem;
use crate::definition::report::ReportDefinition;
use crate::definition::role::RoleDefinition;
use crate::definition::seed::SeedDefinition;
use crate::definition::{Definition, Kind};
use std::collections::BTreeSet;

impl<'a> Checker<'a> {
    pub fn rest(&mut self) {
        for (name, found) in self.of_kind(Kind::Role) {
            if let Definition::Role(written) = found.definition {
                self.role(found, written);
                self.roles.insert(name, (**written).clone());
            }
        }
        for (_, found) in self.of_kind(Kind::Menu) {
            if let Definition::Menu(written) = found.definition {
                self.menu_items(found, "/items", &written.items);
                self.menus.push((**written).clone());
            }
        }
        self.menus.sort_by_key(|menu| menu.rank.unwrap_or(i64::MAX));
        for (_, found) in self.of_kind(Kind::Report) {
            if let Definition::Report(written) = found.definition {
                self.report_definition(found, written);
            }
        }
        for (name, found) in self.of_kind(Kind::Dashboard) {
            if let Definition::Dashboard(written) = found.definition {
                self.dashboard(found, written);
                self.dashboards.insert(name, (**written).clone());
            }
        }
        for (_, found) in self.of_kind(Kind::Seed) {
            if let Definition::Seed(written) = found.definition {
                self.seed(found, written);
            }
        }
    }

    fn role(&mut self, found: Found<'a>, written: &RoleDefinition) {
        for (object, grant) in &written.objects {
            let pointer = format!("/objects/{object}");
            if !self.expect_object(found, pointer.clone(), object) {
                continue;
            }
            for (index, field) in grant.hide.iter().enumerate() {
                self.expect_field(found, format!("{pointer}/hide/{index}"), object, field);
            }
            let known: Vec<crate::record::Name> = match &self.objects[object.as_str()].lifecycle {
                Some(lifecycle) => lifecycle.transitions.iter().map(|transition| transition.name.clone()).collect(),
                None => Vec::new(),
            };
            for (index, transition) in grant.transitions.iter().enumerate() {
                if transition != "*" && !known.iter().any(|name| **name == **transition) {
                    self.unknown(
                        found,
                        format!("{pointer}/transitions/{index}"),
                        "transition",
                        transition,
                        known.iter().map(|name| &**name),
                    );
                }
            }
        }
    }

    fn menu_items(&mut self, found: Found<'a>, pointer: &str, items: &[MenuItem]) {
        for (index, item) in items.iter().enumerate() {
            let place = format!("{pointer}/{index}");
            if let Some(object) = &item.object {
                self.expect_object(found, format!("{place}/object"), object);
            }
            if item.object.is_none() && item.page.is_none() && item.children.is_empty() {
                self.error(Code::MissingProperty, found, place.clone(), "an entry has `object`, `page` or `children`");
            }
            self.menu_items(found, &format!("{place}/children"), &item.children);
        }
    }

    /// What it names, for whoever wants to change that; whether it all fits is checked with the whole model.
    fn report_definition(&mut self, found: Found<'a>, written: &ReportDefinition) {
        if !self.expect_object(found, "/object", &written.object) {
            return;
        }
        for (index, label) in written.group_by.iter().enumerate() {
            let path = label.split_once('(').map_or(&**label, |(_, path)| path.trim_end_matches(')'));
            let field = path.split('.').next().unwrap_or(path);
            self.expect_field(found, format!("/group_by/{index}"), &written.object, field);
        }
        for (name, measure) in &written.measures {
            if let Some(field) = measure.field() {
                self.expect_field(found, format!("/measures/{name}"), &written.object, field);
            }
        }
    }

    fn dashboard(&mut self, found: Found<'a>, written: &DashboardDefinition) {
        for (index, card) in written.cards.iter().enumerate() {
            let Some(object) = &card.object else { continue };
            let pointer = format!("/cards/{index}");
            if !self.expect_object(found, format!("{pointer}/object"), object) {
                continue;
            }
            for (member, field) in [("group_by", &card.group_by), ("sum", &card.sum)] {
                if let Some(field) = field {
                    self.expect_field(found, format!("{pointer}/{member}"), object, field);
                }
            }
        }
    }

    fn seed(&mut self, found: Found<'a>, written: &SeedDefinition) {
        if !self.expect_object(found, "/object", &written.object) {
            return;
        }
        // A field that is there needs to be said once, of however many records.
        let mut known: BTreeSet<&str> = BTreeSet::new();
        for (index, record) in written.records.iter().enumerate() {
            for field in record.keys().filter(|field| !field.starts_with('$')) {
                if !known.contains(field.as_str())
                    && self.expect_field(found, format!("/records/{index}/{field}"), &written.object, field).is_some()
                {
                    known.insert(field);
                }
            }
        }
    }
}
