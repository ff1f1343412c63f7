//! The state of checking: every definition in view, what was compiled so far, and what was found wrong.

use super::uses::{Target, Use};
use super::{Model, PackInfo, Settings, Texts};
use crate::codes::Code;
use crate::definition::dashboard::DashboardDefinition;
use crate::definition::menu::MenuDefinition;
use crate::definition::role::RoleDefinition;
use crate::definition::{Definition, Kind};
use crate::diagnostic::Diagnostics;
use crate::expr::{Expr, ExprError, Scope, Type};
use crate::moment::Zone;
use crate::object::Object;
use crate::object::classify::Dimension;
use crate::object::template::Template;
use crate::pack::{Pack, hex};
use crate::period::PeriodCalendar;
use crate::record::Name;
use crate::settlement::plan::{NumberFormat, Plan, Posting, RateTable, StatementForm};
use crate::settlement::schedule::Schedule;
use crate::suggest;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A definition and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    pub pack: &'a str,
    pub file: &'a str,
    pub definition: &'a Definition,
}

pub(super) struct Checker<'a> {
    pub found: BTreeMap<(Kind, Name), Found<'a>>,
    pub diagnostics: Diagnostics,
    pub zone: Option<Zone>,
    pub zone_name: String,
    pub currency: Name,
    pub objects: BTreeMap<Name, Object>,
    pub templates: BTreeMap<Name, Template>,
    pub dimensions: BTreeMap<Name, Dimension>,
    pub rate_tables: BTreeMap<Name, RateTable>,
    pub schedules: BTreeMap<Name, Schedule>,
    pub sequences: BTreeMap<Name, NumberFormat>,
    pub calendars: BTreeMap<Name, PeriodCalendar>,
    pub plans: BTreeMap<Name, Plan>,
    pub postings: BTreeMap<Name, Posting>,
    pub statements: BTreeMap<Name, StatementForm>,
    pub roles: BTreeMap<Name, RoleDefinition>,
    pub menus: Vec<MenuDefinition>,
    pub dashboards: BTreeMap<Name, DashboardDefinition>,
    pub uses: BTreeSet<Use>,
}

/// Longest name of a definition, field, option or state: it becomes part of table, column and index names.
const NAME_CHARS_MAX: usize = 48;

impl<'a> Checker<'a> {
    pub fn new(packs: &'a [Pack], settings: &Settings, mut diagnostics: Diagnostics) -> Checker<'a> {
        let mut found: BTreeMap<(Kind, Name), Found<'a>> = BTreeMap::new();
        for pack in packs {
            for (file, definition) in &pack.definitions {
                let name: Name = definition.name().into();
                check_name(&mut diagnostics, file, "/name", definition.name());
                if let Some(former) =
                    found.insert((definition.kind(), name), Found { pack: &pack.name, file, definition })
                {
                    let message = format!(
                        "{} `{}` is defined in `{}` too",
                        definition.kind().as_str(),
                        definition.name(),
                        former.file
                    );
                    diagnostics.error(Code::DuplicateDefinition, file, "/name", message);
                }
            }
        }
        let zone = Zone::named(&settings.zone);
        if zone.is_none() {
            diagnostics.error(Code::BadProperty, "", "", format!("`{}` is not a time zone", settings.zone));
        }
        Checker {
            found,
            diagnostics,
            zone,
            zone_name: settings.zone.clone(),
            currency: settings.currency.as_str().into(),
            objects: BTreeMap::new(),
            templates: BTreeMap::new(),
            dimensions: BTreeMap::new(),
            rate_tables: BTreeMap::new(),
            schedules: BTreeMap::new(),
            sequences: BTreeMap::new(),
            calendars: BTreeMap::new(),
            plans: BTreeMap::new(),
            postings: BTreeMap::new(),
            statements: BTreeMap::new(),
            roles: BTreeMap::new(),
            menus: Vec::new(),
            dashboards: BTreeMap::new(),
            uses: BTreeSet::new(),
        }
    }

    /// The definitions of a kind, with their places.
    pub fn of_kind(&self, kind: Kind) -> Vec<(Name, Found<'a>)> {
        self.found
            .iter()
            .filter(|((found, _), _)| *found == kind)
            .map(|((_, name), found)| (name.clone(), *found))
            .collect()
    }

    pub fn error(&mut self, code: Code, found: Found<'a>, pointer: impl Into<String>, message: impl Into<String>) {
        self.diagnostics.error(code, found.file, pointer, message);
    }

    pub fn missing(&mut self, found: Found<'a>, property: &str) {
        self.diagnostics.error(Code::MissingProperty, found.file, "", format!("the property `{property}` is missing"));
    }

    pub fn check_name(&mut self, found: Found<'a>, pointer: &str, name: &str) {
        check_name(&mut self.diagnostics, found.file, pointer, name);
    }

    /// Names of options are values, not columns: they may be written as the world writes them (`zh-CN`).
    pub fn check_option(&mut self, found: Found<'a>, pointer: &str, name: &str) {
        let good = !name.is_empty()
            && name.len() <= NAME_CHARS_MAX
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-.".contains(letter));
        if !good {
            let message = format!("`{name}` is not a good name for an option: letters, digits, `_`, `-` and `.`");
            self.error(Code::BadName, found, pointer, message);
        }
    }

    /// Reports a name that leads nowhere, with the nearest that exists.
    pub fn unknown<'n>(
        &mut self,
        found: Found<'a>,
        pointer: impl Into<String>,
        what: &str,
        name: &str,
        known: impl IntoIterator<Item = &'n str> + Clone,
    ) {
        let hint = suggest::hint(name, known);
        self.diagnostics
            .error(Code::UnknownReference, found.file, pointer, format!("there is no {what} `{name}`"))
            .hint(hint);
    }

    /// Whether a definition exists; reported where it does not.
    pub fn expect(&mut self, found: Found<'a>, pointer: impl Into<String>, kind: Kind, name: &str) -> bool {
        let pointer = pointer.into();
        if self.found.contains_key(&(kind, Name::from(name))) {
            self.note_use(found, &pointer, Target::definition(kind, name));
            return true;
        }
        let known: Vec<Name> = self.of_kind(kind).into_iter().map(|(name, _)| name).collect();
        self.unknown(found, pointer, kind.as_str(), name, known.iter().map(|name| &**name));
        false
    }

    /// The object of a name, rate tables' row objects included; reported where there is none.
    pub fn expect_object(&mut self, found: Found<'a>, pointer: impl Into<String>, name: &str) -> bool {
        let pointer = pointer.into();
        if self.objects.contains_key(name) {
            self.note_use(found, &pointer, Target::definition(Kind::Object, name));
            return true;
        }
        let known: Vec<Name> = self.objects.keys().cloned().collect();
        self.unknown(found, pointer, "object", name, known.iter().map(|name| &**name));
        false
    }

    /// The slot of a field of an object; reported where there is none.
    pub fn expect_field(
        &mut self,
        found: Found<'a>,
        pointer: impl Into<String>,
        object: &str,
        field: &str,
    ) -> Option<usize> {
        let pointer = pointer.into();
        let slot = self.objects.get(object)?.field(field).map(|(slot, _)| slot);
        if slot.is_some() {
            self.note_use(found, &pointer, Target::field(object, field));
        } else {
            let known: Vec<Name> = self.objects[object].by_name.keys().cloned().collect();
            self.unknown(found, pointer, &format!("field of `{object}`"), field, known.iter().map(|name| &**name));
        }
        slot
    }

    /// Compiles an expression and checks its names and types; everything wrong is reported at its place.
    pub fn expression(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        source: &str,
        scope: &super::names::Names<'_>,
    ) -> Option<(Expr, Option<Type>)> {
        let (result, errors) = scope.compile(&self.objects, &self.dimensions, source);
        for error in errors {
            self.report(found, pointer, &error);
        }
        if let Some((expr, _)) = &result {
            for target in scope.targets(&self.objects, &self.dimensions, expr) {
                self.note_use(found, pointer, target);
            }
        }
        result
    }

    fn report(&mut self, found: Found<'a>, pointer: &str, error: &ExprError) {
        self.diagnostics.error(error.code, found.file, pointer, error.message.clone()).at(error.line, error.column);
    }

    pub fn finish(self, packs: &[Pack], texts: Texts) -> (Option<Model>, Diagnostics) {
        let mut hash = Sha256::new();
        let mut infos = Vec::new();
        for pack in packs {
            hash.update(pack.hash.as_bytes());
            infos.push(PackInfo {
                name: pack.name.as_str().into(),
                version: pack.version.clone(),
                hash: pack.hash.clone(),
            });
        }
        let definitions =
            self.found.into_iter().map(|(key, found)| (key, (found.pack.into(), found.definition.clone()))).collect();
        let model = self.zone.map(|zone| Model {
            hash: hex(&hash.finalize()),
            zone,
            zone_name: self.zone_name,
            currency: self.currency,
            packs: infos,
            definitions,
            texts,
            objects: self.objects.into_iter().map(|(name, object)| (name, Arc::new(object))).collect(),
            templates: self.templates,
            dimensions: self.dimensions,
            rate_tables: self.rate_tables,
            schedules: self.schedules,
            sequences: self.sequences,
            calendars: self.calendars,
            plans: self.plans,
            postings: self.postings,
            statements: self.statements,
            roles: self.roles,
            menus: self.menus,
            dashboards: self.dashboards,
            uses: self.uses,
        });
        (model, self.diagnostics)
    }
}

fn check_name(diagnostics: &mut Diagnostics, file: &str, pointer: &str, name: &str) {
    let good = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
        && name.len() <= NAME_CHARS_MAX;
    if !good {
        diagnostics
            .error(Code::BadName, file, pointer, format!("`{name}` is not a good name"))
            .hint("names are snake_case, start with a letter and have at most 48 characters");
    }
}

/// The scope of an expression with these roots.
pub(super) fn scope<'s>(roots: &'s [&'s str], bare: Option<&'s dyn Fn(&str) -> bool>) -> Scope<'s> {
    Scope { roots, bare, functions: super::names::FUNCTIONS }
}
