//! Reports against the whole model: filters, paths through references, measures, conditions and orders.

use super::Model;
use crate::decision::Actor;
use crate::definition::report::ReportDefinition;
use crate::definition::{Definition, Kind};
use crate::diagnostic::Diagnostics;
use crate::moment::Moment;
use crate::query::filter::{self, Terms};
use crate::query::{Filter, sums};
use crate::refusal::Refusal;

/// What is wrong with reports, in their files; those with mistakes already are not looked at again.
pub(super) fn check(model: &Model, found: &mut Diagnostics) {
    for ((kind, name), (_, definition)) in &model.definitions {
        let Definition::Report(report) = definition else { continue };
        let file = model.documents.get(&(*kind, name.clone())).map_or("", |composite| &composite.file);
        if found.has_errors_in(file) {
            continue;
        }
        let Some((pointer, refusal)) = wrong(model, report) else { continue };
        found.error(refusal.code, file, pointer, &refusal.detail);
    }
}

/// The first part that does not fit, and why.
fn wrong(model: &Model, report: &ReportDefinition) -> Option<(String, Refusal)> {
    let object = model.object(&report.object)?;
    let actor = Actor::default();
    let terms = Terms { model, actor: &actor, now: Some(Moment::from_micros(0)), sees: &|_, _| true };
    if let Some(written) = &report.filter
        && let Err(refusal) = filter::read(&terms, object, written)
    {
        let inside = refusal.params.get("pointer").and_then(|pointer| pointer.as_str()).unwrap_or_default();
        return Some((format!("/filter{inside}"), refusal));
    }
    let refusal = sums::read(&terms, object, Filter::All, &report.written()).err()?;
    let member = ["parameter", "pointer"].iter().find_map(|name| refusal.params.get(name)?.as_str());
    Some((format!("/{}", member.unwrap_or_default()), refusal))
}

impl Model {
    pub fn report(&self, name: &str) -> Option<&ReportDefinition> {
        match self.definitions.get(&(Kind::Report, name.into())) {
            Some((_, Definition::Report(report))) => Some(report),
            _ => None,
        }
    }

    /// All reports, by name.
    pub fn reports(&self) -> impl Iterator<Item = (&str, &ReportDefinition)> {
        self.definitions.iter().filter_map(|((_, name), (_, definition))| match definition {
            Definition::Report(report) => Some((&**name, &**report)),
            _ => None,
        })
    }
}
