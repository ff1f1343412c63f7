//! Accumulators against the objects, fields and calendars they name.

use super::Model;
use super::checker::{Checker, Found};
use super::names::Names;
use crate::codes::Code;
use crate::decision::Actor;
use crate::definition::accumulator::{AccumulatorDefinition, Sign, SourceDefinition};
use crate::definition::{Definition, Kind};
use crate::diagnostic::Diagnostics;
use crate::expr::Type;
use crate::query::Filter;
use crate::query::filter::{self, Terms};
use crate::record::Name;
use crate::settlement::accumulator::{Accumulator, Source, SourceOf, Window};

/// Members of a line that may make up a key.
const LINE_KEYS: &[&str] = &["payer", "payee", "plan", "line", "currency"];

impl<'a> Checker<'a> {
    pub fn accumulators(&mut self) {
        for (name, found) in self.of_kind(Kind::Accumulator) {
            if let Definition::Accumulator(written) = found.definition
                && let Some(accumulator) = self.accumulator(&name, found, written)
            {
                self.accumulators.insert(name, accumulator);
            }
        }
    }

    fn accumulator(&mut self, name: &Name, found: Found<'a>, written: &AccumulatorDefinition) -> Option<Accumulator> {
        self.expect(found, "/period", Kind::PeriodCalendar, &written.period);
        if written.of.is_empty() {
            self.missing(found, "of");
        }
        let mut sources = Vec::new();
        for (index, source) in written.of.iter().enumerate() {
            sources.push(self.accumulated(found, &format!("/of/{index}"), source, &written.by)?);
        }
        let window = Window { grace_days: written.grace_days, calculation_days: written.calculation_days.unwrap_or(1) };
        Some(Accumulator {
            name: name.clone(),
            sources,
            by: written.by.iter().map(|by| by.as_str().into()).collect(),
            calendar: written.period.as_str().into(),
            measure: written.measure.unwrap_or_default(),
            window,
        })
    }

    fn accumulated(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        written: &SourceDefinition,
        by: &[String],
    ) -> Option<Source> {
        let line: [(Name, Type); 1] = [("line".into(), Type::Any)];
        let (mut key, mut day_slot) = (Vec::new(), None);
        let of = match (&written.object, &written.line) {
            (Some(object), None) => {
                if !self.expect_object(found, format!("{pointer}/object"), object) {
                    return None;
                }
                for (index, field) in by.iter().enumerate() {
                    key.extend(self.expect_field(found, format!("/by/{index}"), object, field));
                }
                let object: Name = object.as_str().into();
                if let Some(date) = &written.date {
                    let place = format!("{pointer}/date");
                    let slot = self.expect_field(found, &place, &object, date)?;
                    day_slot = self.day_slot(found, &place, &object, slot);
                }
                if key.len() < by.len() {
                    return None;
                }
                if let Some(state) = &written.state {
                    self.check_state(found, &format!("{pointer}/state"), &object, state);
                }
                SourceOf::Facts { object, state: written.state.as_deref().map(Name::from) }
            }
            (None, Some(line)) => {
                for (index, member) in by.iter().enumerate().filter(|(_, by)| !LINE_KEYS.contains(&by.as_str())) {
                    let known = LINE_KEYS.iter().copied();
                    self.unknown(found, format!("/by/{index}"), "member of a line", member, known);
                }
                SourceOf::Lines(line.as_str().into())
            }
            _ => {
                self.error(Code::BadProperty, found, pointer, "a source is either an `object` or a `line`");
                return None;
            }
        };
        let names = match &of {
            SourceOf::Facts { object, .. } => Names { object, bare: true, extra: &[] },
            // A bare `amount` is the line's.
            SourceOf::Lines(_) => Names { object: "", bare: false, extra: &line },
        };
        let text = match (&of, written.sum.0.as_str()) {
            (SourceOf::Lines(_), bare) if bare.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_') => {
                format!("line.{bare}")
            }
            (_, text) => text.to_owned(),
        };
        let value = self.expression(found, &format!("{pointer}/sum"), &text, &names)?.0;
        let is_negative = written.sign == Some(Sign::Minus);
        Some(Source { of, key, day_slot, filter: Filter::All, value, is_negative })
    }
}

/// Reads the filters of accumulators: what they name is looked for in the finished model.
pub(super) fn filters(model: &mut Model, diagnostics: &mut Diagnostics) {
    let mut read: Vec<(Name, usize, Filter)> = Vec::new();
    let actor = Actor::default();
    for (name, accumulator) in &model.accumulators {
        let key = (Kind::Accumulator, name.clone());
        let Some((_, Definition::Accumulator(written))) = model.definitions.get(&key) else { continue };
        let Some(json) = &written.filter else { continue };
        let file = model.documents.get(&key).map_or("", |composite| composite.file.as_str());
        for (index, source) in accumulator.sources.iter().enumerate() {
            let SourceOf::Facts { object, .. } = &source.of else {
                diagnostics
                    .error(Code::BadProperty, file, "/where", "lines have no fields to filter by")
                    .hint("take the filter away, or count the facts instead of their lines");
                continue;
            };
            let terms = Terms { model, actor: &actor, now: None, sees: &|_, _| true };
            match filter::read(&terms, &model.objects[object], json) {
                Ok(filter) => read.push((name.clone(), index, filter)),
                Err(refusal) => {
                    let pointer =
                        refusal.params.get("pointer").and_then(|pointer| pointer.as_str()).unwrap_or_default();
                    let message = format!("the filter does not fit `{object}`: {}", refusal.detail);
                    diagnostics
                        .error(refusal.code, file, format!("/where{pointer}"), message)
                        .hint("a filter names fields that every object of the accumulator has");
                }
            }
        }
    }
    for (name, index, filter) in read {
        if let Some(accumulator) = model.accumulators.get_mut(&name) {
            accumulator.sources[index].filter = filter;
        }
    }
}
