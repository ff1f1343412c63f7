//! The compiled definitions of one tenant: immutable, shared, complete. Nothing downstream checks again.

mod accumulators;
mod chains;
mod checker;
mod duplicates;
mod flows;
mod named;
mod names;
mod objects;
mod plans;
mod reports;
mod rest;
mod rollups;
mod scripts;
mod seeds;
mod shares;
mod tables;
#[cfg(test)]
mod tests;
mod unused;
pub mod uses;

use crate::codes::Code;
use crate::definition::dashboard::DashboardDefinition;
use crate::definition::menu::MenuDefinition;
use crate::definition::role::RoleDefinition;
use crate::definition::{Definition, Kind};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::layers::{Change, Composed, Composite, Origin, TENANT, compose, path};
use crate::moment::Zone;
use crate::object::Object;
use crate::object::classify::Dimension;
use crate::object::template::Template;
use crate::pack::{Pack, order, texts};
use crate::period::PeriodCalendar;
use crate::record::Name;
use crate::script::{Capability, Script};
use crate::settlement::accumulator::Accumulator;
use crate::settlement::chain::Chain;
use crate::settlement::plan::{NumberFormat, Plan, Posting, RateTable, StatementForm};
use crate::settlement::schedule::Schedule;
use checker::Checker;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use names::{FUNCTIONS, ROOTS};
pub use objects::DIGITS_MAX;

/// What a tenant's packs say, compiled.
#[derive(Debug)]
pub struct Model {
    /// Digest of all definitions.
    pub hash: String,
    /// Number of the version they were published as; 0 where they were not.
    pub version: i64,
    pub zone: Zone,
    pub zone_name: String,
    /// The tenant's own currency.
    pub currency: Name,
    pub packs: Vec<PackInfo>,
    /// Every definition with its layers.
    pub documents: BTreeMap<(Kind, Name), Composite>,
    /// Changes of the tenant whose place is gone.
    pub dormant: Vec<Change>,
    /// Every definition as written but seeds, for reading: (kind, name) -> (pack, definition).
    pub definitions: BTreeMap<(Kind, Name), (Name, Definition)>,
    pub texts: Texts,
    pub objects: BTreeMap<Name, Arc<Object>>,
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
    /// In the order they are shown.
    pub menus: Vec<MenuDefinition>,
    pub dashboards: BTreeMap<Name, DashboardDefinition>,
    /// What names what.
    pub uses: BTreeSet<uses::Use>,
    /// Expressions that are more than formulas, by address.
    pub scripts: BTreeMap<String, Script>,
}

/// What a tenant is set to at its creation.
#[derive(Clone, Debug)]
pub struct Settings {
    /// IANA name of the time zone.
    pub zone: String,
    /// ISO 4217 code of the tenant's own currency.
    pub currency: String,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { zone: "Asia/Shanghai".into(), currency: "CNY".into() }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct PackInfo {
    pub name: Name,
    pub version: String,
    /// Digest of the pack's files.
    pub hash: String,
    /// What it asks leave for.
    pub capabilities: BTreeSet<Capability>,
}

/// The texts of all definitions, by path (`object/work_order/fields/number/title`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Texts {
    pub english: BTreeMap<String, String>,
    pub chinese: BTreeMap<String, String>,
}

impl Texts {
    /// The text at a path in a locale; English where Chinese is missing, the path's last name where both are.
    pub fn get(&self, locale: &str, path: &str) -> String {
        self.find(locale, path).unwrap_or_else(|| humanized(path))
    }

    pub fn find(&self, locale: &str, path: &str) -> Option<String> {
        let chinese = if locale.starts_with("zh") { self.chinese.get(path) } else { None };
        chinese.or_else(|| self.english.get(path)).cloned()
    }
}

/// `fields/valid_from/title` -> `Valid from`.
fn humanized(path: &str) -> String {
    let name = path.trim_end_matches("/title").rsplit('/').next().unwrap_or(path).replace('_', " ");
    let mut letters = name.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => name,
    }
}

/// The composed documents as what they say; what cannot be read any more with its extensions is reported.
fn typed(composed: &Composed, diagnostics: &mut Diagnostics) -> BTreeMap<(Kind, Name), (Name, Definition)> {
    let mut definitions = BTreeMap::new();
    for ((kind, name), composite) in &composed.documents {
        match Definition::from_json(*kind, &composite.json) {
            Ok(definition) => {
                definitions.insert((*kind, name.clone()), (composite.pack.clone(), definition));
            }
            Err(error) => {
                let message = format!("the definition cannot be read: {error}");
                diagnostics.error(Code::BadDefinition, &composite.file, "", message);
            }
        }
    }
    definitions
}

/// Findings about a definition stand where its part was written: in an extension, or among the tenant's changes.
fn places_in_layers(
    documents: &BTreeMap<(Kind, Name), Composite>,
    packs: &[Pack],
    found: Diagnostics,
) -> Vec<Diagnostic> {
    let layered: BTreeMap<&str, &Composite> = documents
        .values()
        .filter(|composite| composite.origins.len() > 1)
        .map(|composite| (composite.file.as_str(), composite))
        .collect();
    let mut moved = Diagnostics::default();
    moved.extend(found.into_sorted().into_iter().map(|mut finding| {
        let Some(composite) = layered.get(finding.file.as_str()) else { return finding };
        let place = path::of_pointer(&composite.json, &finding.pointer);
        match composite.origin(&place) {
            Origin::Pack { .. } => {}
            Origin::Extension { file, .. } => {
                let documents = packs.iter().flat_map(|pack| &pack.documents);
                if let Some(document) = documents.into_iter().find(|document| document.file == *file) {
                    finding.pointer = path::to_pointer(&document.json, &place);
                    finding.file.clone_from(file);
                }
            }
            Origin::Tenant { .. } => {
                finding.pointer = place;
                let file = composite.file.split_once('/').map_or("", |(_, file)| file);
                finding.file = format!("{TENANT}/{file}");
            }
        }
        finding
    }));
    moved.into_sorted()
}

impl Model {
    /// Checks and compiles packs. All findings come back; the model only if none of them is an error.
    pub fn compile(packs: Vec<Pack>, settings: &Settings) -> (Option<Model>, Vec<Diagnostic>) {
        Model::compile_with(packs, &[], settings)
    }

    /// The same with the tenant's changes on top.
    pub fn compile_with(packs: Vec<Pack>, overlay: &[Change], settings: &Settings) -> (Option<Model>, Vec<Diagnostic>) {
        let mut diagnostics = Diagnostics::default();
        let packs = order::ordered(packs, &mut diagnostics);
        let composed = compose(&packs, overlay, &mut diagnostics);
        let definitions = typed(&composed, &mut diagnostics);
        let mut texts = names::system_texts();
        texts::all(&packs, &composed.documents, &definitions, &mut texts);
        let mut checker = Checker::new(&composed, &definitions, settings, diagnostics);
        checker.tables();
        checker.shapes();
        checker.flows();
        checker.expressions();
        checker.accumulators();
        checker.chains();
        checker.plans();
        checker.rest();
        checker.check_dependencies(&order::closures(&packs));
        checker.check_capabilities(&packs);
        let (parts, mut found) = checker.finish();
        let mut model = match parts.model(&packs, composed, definitions, texts) {
            Ok(model) => model,
            Err(composed) => return (None, places_in_layers(&composed.documents, &packs, found)),
        };
        rollups::filters(&mut model, &mut found);
        accumulators::filters(&mut model, &mut found);
        reports::check(&model, &mut found);
        named::note(&mut model);
        if !found.has_errors() {
            unused::tell(&model, &mut found);
        }
        // They are checked; whoever plants them reads them again.
        model.definitions.retain(|(kind, _), _| *kind != Kind::Seed);
        let sound = !found.has_errors();
        let found = places_in_layers(&model.documents, &packs, found);
        (sound.then_some(model), found)
    }

    pub fn object(&self, name: &str) -> Option<&Arc<Object>> {
        self.objects.get(name)
    }
}
