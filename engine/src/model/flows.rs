//! Lifecycles and templates against the objects they are over.

use super::checker::{Checker, Found};
use super::names::Names;
use crate::codes::Code;
use crate::definition::lifecycle::{LifecycleDefinition, TransitionDefinition};
use crate::definition::template::TemplateDefinition;
use crate::definition::{Definition, Expression, Kind};
use crate::expr::Expr;
use crate::object::template::{Section, Template};
use crate::object::{Lifecycle, Rule, State, Transition};
use crate::record::Name;
use indexmap::IndexMap;
use std::collections::{BTreeMap, BTreeSet};

impl<'a> Checker<'a> {
    pub fn flows(&mut self) {
        for (name, found) in self.of_kind(Kind::Lifecycle) {
            let Definition::Lifecycle(written) = found.definition else { continue };
            if !self.expect_object(found, "/on", &written.on) {
                continue;
            }
            let lifecycle = self.lifecycle(&name, found, written);
            let taken =
                self.objects.get_mut(written.on.as_str()).and_then(|object| object.lifecycle.replace(lifecycle));
            if let Some(former) = taken {
                self.error(
                    Code::DuplicateDefinition,
                    found,
                    "/on",
                    format!("`{}` has the lifecycle `{}` already", written.on, former.name),
                );
            }
        }
        for (name, found) in self.of_kind(Kind::Template) {
            let Definition::Template(written) = found.definition else { continue };
            if self.expect_object(found, "/object", &written.object) {
                let template = self.template(&name, found, written);
                self.templates.insert(name, template);
            }
        }
    }

    fn lifecycle(&mut self, name: &Name, found: Found<'a>, written: &LifecycleDefinition) -> Lifecycle {
        if written.states.is_empty() {
            self.missing(found, "states");
        }
        let states = || written.states.keys().map(String::as_str);
        if !written.states.contains_key(&written.initial) {
            self.unknown(found, "/initial", "state", &written.initial, states());
        }
        let mut reached: BTreeSet<&str> = BTreeSet::from([written.initial.as_str()]);
        let mut transitions = Vec::new();
        for (transition_name, transition) in &written.transitions {
            let pointer = format!("/transitions/{transition_name}");
            self.check_name(found, &pointer, transition_name);
            if transition.from.is_empty() {
                self.error(
                    Code::MissingProperty,
                    found,
                    pointer.clone(),
                    "a transition needs `from`: the states it starts in",
                );
            }
            for (index, state) in transition.from.iter().enumerate() {
                if !written.states.contains_key(state) {
                    self.unknown(found, format!("{pointer}/from/{index}"), "state", state, states());
                }
            }
            if !written.states.contains_key(&transition.to) {
                self.unknown(found, format!("{pointer}/to"), "state", &transition.to, states());
            }
            reached.insert(&transition.to);
            transitions.push(self.transition(transition_name, found, &pointer, written, transition));
        }
        for state in written.states.keys() {
            self.check_name(found, &format!("/states/{state}"), state);
            if !reached.contains(state.as_str()) {
                let message = format!("no transition leads to `{state}`");
                self.diagnostics.warning(Code::UnreachableState, found.file, format!("/states/{state}"), message);
            }
        }
        let mut taken: BTreeMap<&str, &str> = BTreeMap::new();
        for (state, definition) in &written.states {
            for (index, was) in definition.was.iter().enumerate() {
                let pointer = format!("/states/{state}/was/{index}");
                self.check_name(found, &pointer, was);
                if written.states.contains_key(was) {
                    let message = format!("`{was}` is still a state: its records stay in it");
                    self.error(Code::BadProperty, found, pointer, message);
                } else if let Some(other) = taken.insert(was, state) {
                    let message = format!("`{other}` takes the records of `{was}` already");
                    self.error(Code::BadProperty, found, pointer, message);
                }
            }
        }
        let states = written.states.iter().map(|(name, state)| State {
            name: name.as_str().into(),
            tone: state.tone,
            is_final: state.is_final,
        });
        Lifecycle {
            name: name.clone(),
            initial: written.initial.as_str().into(),
            states: states.collect(),
            transitions,
        }
    }

    fn transition(
        &mut self,
        name: &str,
        found: Found<'a>,
        pointer: &str,
        lifecycle: &LifecycleDefinition,
        written: &TransitionDefinition,
    ) -> Transition {
        let names = Names { object: &lifecycle.on, bare: true, extra: &[] };
        let guard = written
            .guard
            .as_ref()
            .and_then(|guard| self.condition(found, &format!("{pointer}/guard"), &guard.0, &names));
        for (member, fields) in [("input", &written.input), ("require", &written.require)] {
            for (index, field) in fields.iter().enumerate() {
                self.expect_field(found, format!("{pointer}/{member}/{index}"), &lifecycle.on, field);
            }
        }
        let mut assignments = |member: &str, written: &IndexMap<String, Expression>| -> Vec<(Name, Expr)> {
            let mut compiled = Vec::new();
            for (field, source) in written {
                let place = format!("{pointer}/{member}/{field}");
                if self.expect_field(found, place.clone(), &lifecycle.on, field).is_some()
                    && let Some((expr, _)) = self.expression(found, &place, &source.0, &names)
                {
                    compiled.push((field.as_str().into(), expr));
                }
            }
            compiled
        };
        let default = assignments("default", &written.default);
        let set = assignments("set", &written.set);
        Transition {
            name: name.into(),
            from: written.from.iter().map(|state| state.as_str().into()).collect(),
            to: written.to.as_str().into(),
            guard,
            input: written.input.iter().map(|field| field.as_str().into()).collect(),
            require: written.require.iter().map(|field| field.as_str().into()).collect(),
            default,
            set,
            primary: written.primary,
            destructive: written.destructive,
        }
    }

    fn template(&mut self, name: &Name, found: Found<'a>, written: &TemplateDefinition) -> Template {
        let object: Name = written.object.as_str().into();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for (index, section) in written.sections.iter().enumerate() {
            for (position, field) in section.fields.iter().enumerate() {
                let pointer = format!("/sections/{index}/fields/{position}");
                self.expect_field(found, pointer.clone(), &object, field);
                if !seen.insert(field) {
                    self.error(Code::BadProperty, found, pointer, format!("`{field}` stands in the form twice"));
                }
            }
        }
        if written.sections.is_empty() {
            self.missing(found, "sections");
        }
        let mut required = Vec::new();
        for (index, field) in written.required.iter().enumerate() {
            required.extend(self.expect_field(found, format!("/required/{index}"), &object, field));
        }
        for (field, value) in &written.defaults {
            let pointer = format!("/defaults/{field}");
            if let Some(slot) = self.expect_field(found, pointer.clone(), &object, field)
                && let Err(message) = crate::object::input::read_literal(&self.objects[&object].fields[slot], value)
            {
                self.error(Code::BadProperty, found, pointer, message);
            }
        }
        let names = Names { object: &object, bare: true, extra: &[] };
        let mut rules = Vec::new();
        for (rule_name, rule) in &written.rules {
            let pointer = format!("/rules/{rule_name}");
            let when =
                rule.when.as_ref().and_then(|when| self.condition(found, &format!("{pointer}/when"), &when.0, &names));
            if let Some(require) = self.condition(found, &format!("{pointer}/require"), &rule.require.0, &names) {
                let text = format!("template/{name}/rules/{rule_name}/message");
                rules.push(Rule {
                    name: rule_name.as_str().into(),
                    require,
                    when,
                    text,
                    field: rule.field.as_deref().map(Name::from),
                });
            }
        }
        let business_date = written
            .business_date
            .as_deref()
            .and_then(|field| self.expect_field(found, "/business_date", &object, field));
        Template {
            name: name.clone(),
            object: object.clone(),
            icon: written.icon.clone(),
            sections: written
                .sections
                .iter()
                .map(|section| Section {
                    id: section.id.as_str().into(),
                    fields: section.fields.iter().map(|field| field.as_str().into()).collect(),
                })
                .collect(),
            required,
            defaults: written.defaults.iter().map(|(field, value)| (field.as_str().into(), value.clone())).collect(),
            rules,
            business_date,
        }
    }
}
