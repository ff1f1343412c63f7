//! What a plan settles: records in a state, or the ends of periods; and the totals it reads for them.

use crate::codes::Code;
use crate::definition::Kind;
use crate::definition::settlement_plan::{SettlementPlanDefinition, StepDefinition, TotalDefinition};
use crate::model::checker::{Checker, Found};
use crate::model::names::Names;
use crate::object::FieldKind;
use crate::record::Name;
use crate::settlement::accumulator::SourceOf;
use crate::settlement::plan::{InState, On, Total, Units, UnitsFrom, Until};

/// What a plan settles, as far as it could be told.
pub(super) struct PlanFacts {
    pub object: Name,
    pub on: Option<On>,
    pub calendar: String,
    /// The unit's name, where the ends of periods are settled.
    pub root: Option<Name>,
}

/// Expressions that stand for members of a key where the definition leaves them out.
#[derive(Default)]
pub(super) struct KeySources {
    pub payer: Option<String>,
    pub payee: Option<String>,
}

impl<'a> Checker<'a> {
    pub(super) fn facts(&mut self, found: Found<'a>, written: &SettlementPlanDefinition) -> Option<PlanFacts> {
        match &written.on.close {
            None => self.facts_in_state(found, written),
            Some(close) => self.units(found, written, close),
        }
    }

    fn facts_in_state(&mut self, found: Found<'a>, written: &SettlementPlanDefinition) -> Option<PlanFacts> {
        if !self.expect_object(found, "/on/object", &written.on.object) {
            return None;
        }
        let object: Name = written.on.object.as_str().into();
        self.check_state(found, "/on/state", &object, &written.on.state);
        let date_slot = self.expect_field(found, "/business_date", &object, &written.business_date);
        let day_slot = date_slot.and_then(|slot| self.day_slot(found, "/business_date", &object, slot));
        let state: Name = written.on.state.as_str().into();
        let on = date_slot.zip(day_slot).map(|(date_slot, day_slot)| On::State(InState { state, date_slot, day_slot }));
        Some(PlanFacts { object, on, calendar: written.period_calendar.clone(), root: None })
    }

    /// The slot of the business date of a date or moment; reported where it is neither.
    pub fn day_slot(&mut self, found: Found<'a>, pointer: &str, object: &Name, slot: usize) -> Option<usize> {
        let fields = &self.objects[object].fields;
        match fields[slot].kind {
            FieldKind::Date => Some(slot),
            FieldKind::Moment => fields.iter().position(|field| field.day_of == Some(slot)),
            _ => {
                self.error(Code::BadProperty, found, pointer, "the business date must be a date or a moment");
                None
            }
        }
    }

    fn units(&mut self, found: Found<'a>, written: &SettlementPlanDefinition, close: &str) -> Option<PlanFacts> {
        if !written.business_date.is_empty() {
            let message = "a plan that settles periods has no business date: it is the period's last day";
            self.error(Code::BadProperty, found, "/business_date", message);
        }
        if !written.period_calendar.is_empty() && written.period_calendar != close {
            let message = format!("the plan settles the periods of `{close}`");
            self.error(Code::BadProperty, found, "/period_calendar", message);
        }
        let root = written.for_each.as_ref().map(|unit| unit.0.trim().to_owned());
        if let Some(root) = &root {
            self.check_name(found, "/for_each", root);
        }
        let calendar = close.to_owned();
        if !written.on.object.is_empty() {
            if !self.expect_object(found, "/on/object", &written.on.object) {
                return None;
            }
            let object: Name = written.on.object.as_str().into();
            let state = (!written.on.state.is_empty()).then(|| Name::from(written.on.state.as_str()));
            if let Some(state) = &state {
                self.check_state(found, "/on/state", &object, state);
            }
            let root: Name = root.map_or_else(|| object.clone(), |root| root.as_str().into());
            let on = On::Close(Units { root: root.clone(), from: UnitsFrom::Records { state } });
            return Some(PlanFacts { object, on: Some(on), calendar, root: Some(root) });
        }
        let Some(root) = root else {
            let hint = "name the member of the accumulators' key that is settled, or give `on` an `object`";
            let message = "the plan does not say whose periods it settles";
            self.diagnostics.error(Code::MissingProperty, found.file, "/for_each", message).hint(hint);
            return None;
        };
        self.units_of_totals(found, written, root.as_str().into(), calendar)
    }

    /// The unit is a member of the key of every accumulator the steps read.
    fn units_of_totals(
        &mut self,
        found: Found<'a>,
        written: &SettlementPlanDefinition,
        root: Name,
        calendar: String,
    ) -> Option<PlanFacts> {
        let mut from = Vec::new();
        let mut object: Option<Name> = None;
        for step in written.steps.values() {
            let StepDefinition::Total(total) = step else { continue };
            let Some(accumulator) = self.accumulators.get(total.accumulator.as_str()) else { continue };
            let Some(place) = accumulator.by.iter().position(|by| *by == root) else { continue };
            let own = accumulator.sources.iter().find_map(|source| match &source.of {
                SourceOf::Facts { object, .. } => match &self.objects[object].fields[source.key[place]].kind {
                    FieldKind::Id { to, .. } => to.first().filter(|_| to.len() == 1).cloned(),
                    _ => None,
                },
                SourceOf::Lines(_) => None,
            });
            object = object.or(own);
            from.push((accumulator.name.clone(), place));
        }
        let Some(object) = object else {
            let message = format!("no accumulator of the plan has `{root}` in its key as a reference to one object");
            let hint = "read an accumulator whose `by` names the unit, or give `on` an `object`";
            self.diagnostics.error(Code::UnknownReference, found.file, "/for_each", message).hint(hint);
            return None;
        };
        from.sort();
        from.dedup();
        let on = On::Close(Units { root: root.clone(), from: UnitsFrom::Totals(from) });
        Some(PlanFacts { object, on: Some(on), calendar, root: Some(root) })
    }

    /// The total of an accumulator, with an expression for each member of its key.
    pub(super) fn total(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        written: &TotalDefinition,
        names: &Names<'_>,
        facts: &PlanFacts,
        sources: &KeySources,
    ) -> Option<Total> {
        if !self.expect(found, format!("{pointer}/accumulator"), Kind::Accumulator, &written.accumulator) {
            return None;
        }
        let accumulator = self.accumulators.get(written.accumulator.as_str())?;
        let by = accumulator.by.clone();
        let undated = accumulator
            .sources
            .iter()
            .any(|source| source.day_slot.is_none() && matches!(source.of, SourceOf::Facts { .. }));
        if undated {
            let message = format!("the facts of `{}` do not say which date decides their period", written.accumulator);
            let hint = "give each source of the accumulator a `date`";
            let place = format!("{pointer}/accumulator");
            self.diagnostics.error(Code::MissingProperty, found.file, place, message).hint(hint);
        }
        for name in written.with.keys().filter(|name| !by.iter().any(|by| **by == ***name)) {
            let known = by.iter().map(|by| &**by);
            self.unknown(found, format!("{pointer}/with/{name}"), "member of the key", name, known);
        }
        let mut key = Vec::new();
        for member in &by {
            let has_field = self.objects[names.object].field(member).is_some();
            let source = match (written.with.get(&**member), &**member) {
                (Some(expression), _) => Some(expression.0.clone()),
                (None, "payer") if sources.payer.is_some() => sources.payer.clone(),
                (None, "payee") if sources.payee.is_some() => sources.payee.clone(),
                (None, name) if facts.root.as_deref() == Some(name) => Some(name.to_owned()),
                (None, name) => has_field.then(|| format!("record.{name}")),
            };
            match source {
                Some(source) => {
                    let place = format!("{pointer}/with/{member}");
                    key.extend(self.expression(found, &place, &source, names).map(|(expr, _)| expr));
                }
                None => {
                    let message = format!("the member `{member}` of the key of `{}` is not given", written.accumulator);
                    self.error(Code::MissingProperty, found, format!("{pointer}/with"), message);
                }
            }
        }
        let until = written.to.unwrap_or(if facts.root.is_some() { Until::PeriodEnd } else { Until::Fact });
        let message = match (until, &facts.root) {
            (Until::Fact, Some(_)) => Some("where periods are settled there is no fact to count up to"),
            (Until::PeriodEnd | Until::Whole, None) => Some("a fact knows what stood before it, not what follows"),
            _ => None,
        };
        if let Some(message) = message {
            self.error(Code::BadProperty, found, format!("{pointer}/to"), message);
        }
        (key.len() == by.len()).then(|| Total {
            accumulator: written.accumulator.as_str().into(),
            key,
            until,
            back: written.back.unwrap_or(0),
        })
    }
}
