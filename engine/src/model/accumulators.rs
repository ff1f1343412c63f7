//! Accumulators against the objects, fields and calendars they name.

use super::checker::{Checker, Found};
use super::names::Names;
use crate::codes::Code;
use crate::definition::accumulator::{AccumulatorDefinition, Sign, SourceDefinition};
use crate::definition::{Definition, Kind};
use crate::expr::Type;
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
        let window = Window {
            grace_days: written.grace_days.unwrap_or(0),
            calculation_days: written.calculation_days.unwrap_or(1),
        };
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
        let of = match (&written.object, &written.line) {
            (Some(object), None) => {
                if !self.expect_object(found, format!("{pointer}/object"), object) {
                    return None;
                }
                for (index, field) in by.iter().enumerate() {
                    self.expect_field(found, format!("/by/{index}"), object, field);
                }
                let object: Name = object.as_str().into();
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
        Some(Source { of, value, is_negative: written.sign == Some(Sign::Minus) })
    }
}
