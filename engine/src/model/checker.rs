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
use crate::layers::{Composed, Composite, content};
use crate::moment::Zone;
use crate::object::Object;
use crate::object::classify::Dimension;
use crate::object::template::Template;
use crate::pack::Pack;
use crate::period::PeriodCalendar;
use crate::record::Name;
use crate::script::Script;
use crate::settlement::accumulator::Accumulator;
use crate::settlement::chain::Chain;
use crate::settlement::plan::{NumberFormat, Plan, Posting, RateTable, StatementForm};
use crate::settlement::schedule::Schedule;
use crate::suggest;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A definition and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    pub pack: &'a str,
    pub file: &'a str,
    pub definition: &'a Definition,
    pub composite: &'a Composite,
}

/// What becomes of the result of an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeps {
    /// It is kept in the record.
    Result,
    /// Something is decided by it, now.
    Decision,
    /// It is told to whoever reads the record.
    Nothing,
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
    pub accumulators: BTreeMap<Name, Accumulator>,
    pub chains: BTreeMap<Name, Chain>,
    pub plans: BTreeMap<Name, Plan>,
    pub postings: BTreeMap<Name, Posting>,
    pub statements: BTreeMap<Name, StatementForm>,
    pub roles: BTreeMap<Name, RoleDefinition>,
    pub menus: Vec<MenuDefinition>,
    pub dashboards: BTreeMap<Name, DashboardDefinition>,
    pub uses: BTreeSet<Use>,
    pub scripts: BTreeMap<String, Script>,
}

/// Longest name of a definition, field, option or state: it becomes part of table, column and index names.
const NAME_CHARS_MAX: usize = 48;

impl<'a> Checker<'a> {
    pub fn new(
        composed: &'a Composed,
        definitions: &'a BTreeMap<(Kind, Name), (Name, Definition)>,
        settings: &Settings,
        mut diagnostics: Diagnostics,
    ) -> Checker<'a> {
        let mut found: BTreeMap<(Kind, Name), Found<'a>> = BTreeMap::new();
        for (key, (pack, definition)) in definitions {
            let Some(composite) = composed.documents.get(key) else { continue };
            check_name(&mut diagnostics, &composite.file, "/name", definition.name());
            found.insert(key.clone(), Found { pack, file: &composite.file, definition, composite });
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
            accumulators: BTreeMap::new(),
            chains: BTreeMap::new(),
            plans: BTreeMap::new(),
            postings: BTreeMap::new(),
            statements: BTreeMap::new(),
            roles: BTreeMap::new(),
            menus: Vec::new(),
            dashboards: BTreeMap::new(),
            uses: BTreeSet::new(),
            scripts: BTreeMap::new(),
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
            let hint = suggest::hint(field, known.iter().map(|name| &**name));
            let message = format!("`{object}` has no field `{field}`");
            self.diagnostics.error(Code::UnknownReference, found.file, pointer, message).hint(hint);
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
        self.expression_that(Keeps::Decision, found, pointer, source, scope)
    }

    /// The same where it matters what becomes of the result.
    pub fn expression_that(
        &mut self,
        keeps: Keeps,
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
            self.script(found, pointer, expr, scope);
            for remark in expr.remarks() {
                let message = remark.message.clone();
                self.diagnostics.warning(remark.code, found.file, pointer, message).at(remark.line, remark.column);
            }
            if keeps == Keeps::Nothing {
                for target in scope.targets_beyond(&self.objects, &self.dimensions, expr) {
                    self.check_kept(Keeps::Decision, found, pointer, &target);
                }
            }
            for target in scope.targets(&self.objects, &self.dimensions, expr) {
                self.check_kept(keeps, found, pointer, &target);
                self.note_use(found, pointer, target);
            }
        }
        result
    }

    /// Whether what an expression reads is there when it is evaluated, and its result true for as long as it is kept.
    fn check_kept(&mut self, keeps: Keeps, found: Found<'a>, pointer: &str, target: &Target) {
        let field = target.member.as_ref().and_then(|member| self.objects.get(&target.name)?.field(member));
        let Some((_, field)) = field else { return };
        let name = &field.name;
        let (message, hint) = match keeps {
            Keeps::Decision | Keeps::Result if field.live => (
                format!("`{name}` is computed when its record is read; only live formulas of that record can use it"),
                "say here what it is computed from",
            ),
            Keeps::Result if field.children().is_some() => (
                format!(
                    "`{name}` is a rollup over other records; what is computed from it and kept would not be current"
                ),
                "a formula can be live: `\"live\": true`",
            ),
            Keeps::Decision if field.children().is_some() => {
                if let Some(object) = self.objects.get_mut(&target.name) {
                    object.totals_decide = true;
                }
                return;
            }
            _ => return,
        };
        self.diagnostics.error(Code::NotKept, found.file, pointer, message).hint(hint);
    }

    pub(super) fn report(&mut self, found: Found<'a>, pointer: &str, error: &ExprError) {
        self.diagnostics.error(error.code, found.file, pointer, error.message.clone()).at(error.line, error.column);
    }

    /// What was compiled, let go of the documents it was read from.
    pub fn finish(self) -> (Parts, Diagnostics) {
        let parts = Parts {
            zone: self.zone,
            zone_name: self.zone_name,
            currency: self.currency,
            objects: self.objects,
            templates: self.templates,
            dimensions: self.dimensions,
            rate_tables: self.rate_tables,
            schedules: self.schedules,
            sequences: self.sequences,
            calendars: self.calendars,
            accumulators: self.accumulators,
            chains: self.chains,
            plans: self.plans,
            postings: self.postings,
            statements: self.statements,
            roles: self.roles,
            menus: self.menus,
            dashboards: self.dashboards,
            uses: self.uses,
            scripts: self.scripts,
        };
        (parts, self.diagnostics)
    }
}

/// What checking has compiled.
pub(super) struct Parts {
    zone: Option<Zone>,
    zone_name: String,
    currency: Name,
    objects: BTreeMap<Name, Object>,
    templates: BTreeMap<Name, Template>,
    dimensions: BTreeMap<Name, Dimension>,
    rate_tables: BTreeMap<Name, RateTable>,
    schedules: BTreeMap<Name, Schedule>,
    sequences: BTreeMap<Name, NumberFormat>,
    calendars: BTreeMap<Name, PeriodCalendar>,
    accumulators: BTreeMap<Name, Accumulator>,
    chains: BTreeMap<Name, Chain>,
    plans: BTreeMap<Name, Plan>,
    postings: BTreeMap<Name, Posting>,
    statements: BTreeMap<Name, StatementForm>,
    roles: BTreeMap<Name, RoleDefinition>,
    menus: Vec<MenuDefinition>,
    dashboards: BTreeMap<Name, DashboardDefinition>,
    uses: BTreeSet<Use>,
    scripts: BTreeMap<String, Script>,
}

impl Parts {
    pub fn model(
        self,
        packs: &[Pack],
        composed: Composed,
        definitions: BTreeMap<(Kind, Name), (Name, Definition)>,
        texts: Texts,
    ) -> Result<Model, Box<Composed>> {
        let info = |pack: &Pack| PackInfo {
            name: pack.name.as_str().into(),
            version: pack.version.clone(),
            hash: pack.hash.clone(),
            capabilities: pack.capabilities.clone(),
        };
        let Some(zone) = self.zone else { return Err(Box::new(composed)) };
        Ok(Model {
            hash: content::of_model(&composed.documents),
            version: 0,
            zone,
            zone_name: self.zone_name,
            currency: self.currency,
            packs: packs.iter().map(info).collect(),
            documents: composed.documents,
            dormant: composed.dormant,
            definitions,
            texts,
            objects: self.objects.into_iter().map(|(name, object)| (name, Arc::new(object))).collect(),
            templates: self.templates,
            dimensions: self.dimensions,
            rate_tables: self.rate_tables,
            schedules: self.schedules,
            sequences: self.sequences,
            calendars: self.calendars,
            accumulators: self.accumulators,
            chains: self.chains,
            plans: self.plans,
            postings: self.postings,
            statements: self.statements,
            roles: self.roles,
            menus: self.menus,
            dashboards: self.dashboards,
            uses: self.uses,
            scripts: self.scripts,
        })
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
