//! Where things are used: every place of a definition that names another one, or a field of it. Noted while names
//! are resolved, so nothing that compiles can be missing from it.

use super::Model;
use super::checker::{Checker, Found};
use crate::codes::Code;
use crate::definition::Kind;
use crate::layers::path;
use crate::record::Name;
use std::collections::{BTreeMap, BTreeSet};

/// One place that uses something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    pub target: Target,
    /// The definition the place is in.
    pub by: (Kind, Name),
    pub file: String,
    /// JSON pointer inside that definition.
    pub pointer: String,
}

/// What is used: a definition, or a field (or classification) of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    pub kind: Kind,
    pub name: Name,
    pub member: Option<Name>,
}

impl Target {
    pub fn definition(kind: Kind, name: &str) -> Target {
        Target { kind, name: name.into(), member: None }
    }

    pub fn field(object: &str, field: &str) -> Target {
        Target { kind: Kind::Object, name: object.into(), member: Some(field.into()) }
    }
}

impl Model {
    /// Every place that uses a definition, or one member of it. Asked for a definition, the uses of its members
    /// are among them: taking it away takes them too.
    pub fn where_used<'m>(&'m self, target: &'m Target) -> impl Iterator<Item = &'m Use> {
        self.uses.iter().filter(move |used| {
            used.target.kind == target.kind
                && used.target.name == target.name
                && (target.member.is_none() || used.target.member == target.member)
        })
    }
}

impl<'a> Checker<'a> {
    pub(super) fn note_use(&mut self, found: Found<'a>, pointer: &str, target: Target) {
        let by = (found.definition.kind(), Name::from(found.definition.name()));
        self.uses.insert(Use { target, by, file: found.file.to_owned(), pointer: pointer.to_owned() });
    }

    /// Reports what is used out of packs that the using pack does not require, directly or through others.
    pub(super) fn check_dependencies(&mut self, requires: &BTreeMap<&str, BTreeSet<&str>>) {
        let mut told: BTreeSet<(&str, String, String)> = BTreeSet::new();
        for used in &self.uses {
            let target = &used.target;
            // Rows of a rate table are an object of the table's name.
            let homes = [(target.kind, target.name.clone()), (Kind::RateTable, target.name.clone())];
            let Some(home) = homes.iter().find_map(|key| self.found.get(key)) else { continue };
            let Some(user) = self.found.get(&used.by) else { continue };
            // An extension stands in for the place it added; the tenant may use everything.
            let layered = user.composite.origins.len() > 1;
            let place = layered.then(|| path::of_pointer(&user.composite.json, &used.pointer));
            let Some(by) = user.composite.origin(place.as_deref().unwrap_or_default()).pack() else { continue };
            let member = target.member.as_ref().map(|member| path::below("/fields", member)).unwrap_or_default();
            let of = home.composite.origin(&member).pack().unwrap_or(&home.composite.pack);
            let allowed = |of: &str| *of == **by || requires.get(&**by).is_some_and(|required| required.contains(of));
            let allowed = allowed(of) && allowed(home.pack);
            let home_pack = if *home.pack == **by { &**of } else { home.pack };
            if !allowed && told.insert((home_pack, used.file.clone(), used.pointer.clone())) {
                let message = format!(
                    "{} `{}` belongs to pack `{}`, which `{}` does not require",
                    home.definition.kind().as_str(),
                    target.name,
                    home_pack,
                    by
                );
                self.diagnostics
                    .error(Code::UndeclaredDependency, &used.file, &used.pointer, message)
                    .hint(format!("add `{home_pack}` to `requires` in {by}/pack.json"));
            }
        }
    }
}
