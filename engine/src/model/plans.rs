//! Settlement plans, postings and statements against the objects, tables and calendars they name.

mod adjusts;
mod facts;
mod lines;
mod sources;

use super::checker::{Checker, Found};
use super::names::Names;
use crate::codes::Code;
use crate::definition::posting::PostingDefinition;
use crate::definition::settlement_plan::{PostingChoice, SettlementPlanDefinition, StepDefinition};
use crate::definition::statement::NegativePolicy;
use crate::definition::{Definition, Kind};
use crate::expr::{Expr, Type};
use crate::object::FieldKind;
use crate::pack::hex;
use crate::record::Name;
use crate::settlement::accumulator::SourceOf;
use crate::settlement::plan::{
    By, NumberFormat, PartySource, Pays, Plan, PlanLine, Posting, PostingEntry, StatementForm, Step, StepKind, Total,
    base_of,
};
use crate::settlement::reads::route;
use crate::settlement::rounding::Rounding;
use crate::settlement::tax::Policy;
use crate::suggest;
use facts::KeySources;
use lines::LineScope;
use sha2::{Digest, Sha256};

/// The most lines a plan gives one fact: more is a table written as lines.
const LINES_MAX: usize = 100;

impl<'a> Checker<'a> {
    pub fn plans(&mut self) {
        for (name, found) in self.of_kind(Kind::Posting) {
            if let Definition::Posting(written) = found.definition {
                let posting = self.posting(&name, found, written);
                self.postings.insert(name, posting);
            }
        }
        for (name, found) in self.of_kind(Kind::Statement) {
            let Definition::Statement(written) = found.definition else { continue };
            self.expect(found, "/period_calendar", Kind::PeriodCalendar, &written.period_calendar);
            match (&written.write_off, written.negative == NegativePolicy::WriteOff) {
                (Some(posting), true) => {
                    let known = self.expect(found, "/write_off", Kind::Posting, posting);
                    if known && self.postings.get(posting.as_str()).is_some_and(|posting| posting.entries.len() != 1) {
                        let message = "a debt is given up by one entry: the posting has another number of them";
                        self.error(Code::BadProperty, found, "/write_off", message.to_owned());
                    }
                }
                (None, true) => self.missing(found, "write_off"),
                (Some(_), false) => {
                    let message = "`write_off` needs `\"negative\": \"write_off\"`: other debts are not given up";
                    self.error(Code::BadProperty, found, "/write_off", message.to_owned());
                }
                (None, false) => {}
            }
            if written.tax.round.is_some() && written.tax.at == Policy::Line {
                let message = "lines round their tax as the plan says: `round` belongs to `\"at\": \"document\"`";
                self.error(Code::BadProperty, found, "/tax/round", message.to_owned());
            }
            match NumberFormat::parse(&written.number, None) {
                Ok(number) => {
                    let form = StatementForm {
                        name: name.clone(),
                        calendar: written.period_calendar.as_str().into(),
                        number,
                        netting: written.netting,
                        negative: written.negative,
                        write_off: written.write_off.as_deref().map(Name::from),
                        tax_rounded_once: match written.tax.at {
                            Policy::Document => Some(written.tax.round.unwrap_or(Rounding::HalfUp)),
                            Policy::Line => None,
                        },
                    };
                    self.statements.insert(name, form);
                }
                Err(message) => self.error(Code::BadProperty, found, "/number", message),
            }
        }
        for (name, found) in self.of_kind(Kind::SettlementPlan) {
            if let Definition::SettlementPlan(written) = found.definition
                && let Some(plan) = self.plan(&name, found, written)
            {
                if let (Some(object), Some(_)) = (self.objects.get_mut(&plan.object), plan.in_state()) {
                    object.plans.push(name.clone());
                }
                self.plans.insert(name, plan);
            }
        }
        self.accumulated_lines();
    }

    fn posting(&mut self, name: &Name, found: Found<'a>, written: &PostingDefinition) -> Posting {
        for (index, entry) in written.entries.iter().enumerate() {
            for (member, account) in [("debit", &entry.debit), ("credit", &entry.credit)] {
                if !written.accounts.contains_key(account) {
                    self.unknown(
                        found,
                        format!("/entries/{index}/{member}"),
                        "account",
                        account,
                        written.accounts.keys().map(String::as_str),
                    );
                }
            }
        }
        let entries = written.entries.iter().map(|entry| PostingEntry {
            line: entry.line.as_deref().map(Name::from),
            debit: entry.debit.as_str().into(),
            credit: entry.credit.as_str().into(),
            amount: entry.amount,
        });
        Posting { name: name.clone(), entries: entries.collect() }
    }

    fn plan(&mut self, name: &Name, found: Found<'a>, written: &SettlementPlanDefinition) -> Option<Plan> {
        let facts = self.facts(found, written)?;
        self.expect(
            found,
            if facts.root.is_some() { "/on/close" } else { "/period_calendar" },
            Kind::PeriodCalendar,
            &facts.calendar,
        );
        let (posting, paying) = self.postings_of(found, written);
        if let Some(statement) = &written.statement {
            self.expect(found, "/statement", Kind::Statement, statement);
        }
        if written.lines.is_empty() {
            self.missing(found, "lines");
        }
        if written.lines.len() > LINES_MAX {
            self.error(Code::BadProperty, found, "/lines", format!("a plan has at most {LINES_MAX} lines"));
        }
        let object = facts.object.clone();
        let mut extra: Vec<(Name, Type)> = Vec::new();
        extra.extend(facts.root.as_ref().map(|root| (root.clone(), Type::Reference(object.clone()))));
        let mut steps = Vec::new();
        for (step_name, step) in &written.steps {
            let pointer = format!("/let/{step_name}");
            self.check_name(found, &pointer, step_name);
            let names = Names { object: &object, bare: false, extra: &extra };
            let (kind, step_type) = match step {
                StepDefinition::Formula(source) => match self.expression(found, &pointer, &source.0, &names) {
                    Some((expr, found_type)) => (StepKind::Formula(expr), found_type.unwrap_or(Type::Any)),
                    None => continue,
                },
                StepDefinition::Lookup(lookup) => match self.lookup(found, &pointer, lookup, &names) {
                    Some(lookup) => (StepKind::Lookup(lookup), Type::Map),
                    None => continue,
                },
                StepDefinition::Convert(convert) => match self.convert(found, &pointer, convert, &names) {
                    Some(convert) => (StepKind::Convert(convert), Type::Money),
                    None => continue,
                },
                StepDefinition::Total(total) => {
                    match self.total(found, &pointer, total, &names, &facts, &KeySources::default()) {
                        Some(total) => (StepKind::Total(total), Type::Decimal),
                        None => continue,
                    }
                }
            };
            steps.push(Step { name: step_name.as_str().into(), kind });
            extra.push((step_name.as_str().into(), step_type));
        }
        let names = Names { object: &object, bare: false, extra: &extra };
        let when = written.on.when.as_ref().and_then(|when| self.condition(found, "/on/when", &when.0, &names));
        let unit = match (&facts.root, &written.for_each) {
            (None, Some(unit)) => self.expression(found, "/for_each", &unit.0, &names),
            _ => None,
        };
        let stated = written.statement.is_some();
        let scope = LineScope { names: &names, steps: &steps, facts: &facts, stated };
        let lines: Vec<PlanLine> = written
            .lines
            .iter()
            .enumerate()
            .filter_map(|(index, line)| self.plan_line(found, index, line, &scope))
            .collect();
        let unit_slot = match (&unit, lines.first().map(|line| &line.pays)) {
            (Some((expr, _)), _) => self.own_slot(&object, expr),
            (None, Some(Pays::One { payee: PartySource::Expression { expr, .. }, .. })) if facts.root.is_none() => {
                self.own_slot(&object, expr)
            }
            _ => None,
        };
        let unit_slot = unit_slot.filter(|unit| self.counts_within(&object, *unit, &steps, &lines));
        let digest = Sha256::digest(found.definition.to_json().to_string());
        let mut plan = Plan {
            name: name.clone(),
            object,
            on: facts.on?,
            when,
            calendar: facts.calendar.as_str().into(),
            unit_slot,
            steps,
            lines,
            posting,
            paying,
            statement: written.statement.as_deref().map(Name::from),
            digest: hex(&digest)[..16].into(),
            routes: Vec::new(),
        };
        let object = plan.object.clone();
        route(&mut plan, &self.objects[&object]);
        Some(plan)
    }

    fn postings_of(&mut self, found: Found<'a>, written: &SettlementPlanDefinition) -> (Option<Name>, Option<Name>) {
        match &written.posting {
            None => (None, None),
            Some(PostingChoice::One(posting)) => {
                self.expect(found, "/posting", Kind::Posting, posting);
                (Some(posting.as_str().into()), Some(posting.as_str().into()))
            }
            Some(PostingChoice::Phases(phases)) => {
                self.expect(found, "/posting/accrue", Kind::Posting, &phases.accrue);
                self.expect(found, "/posting/pay", Kind::Posting, &phases.pay);
                (Some(phases.accrue.as_str().into()), Some(phases.pay.as_str().into()))
            }
        }
    }

    pub fn check_state(&mut self, found: Found<'a>, pointer: &str, object: &Name, state: &str) {
        let states: Vec<Name> = match &self.objects[object].lifecycle {
            Some(lifecycle) => lifecycle.states.iter().map(|state| state.name.clone()).collect(),
            None => Vec::new(),
        };
        if !states.iter().any(|known| **known == *state) {
            let hint = suggest::hint(state, states.iter().map(|name| &**name));
            let message = format!("`{object}` has no state `{state}`");
            self.diagnostics.error(Code::UnknownReference, found.file, pointer, message).hint(hint);
        }
    }

    /// Whether all that is counted together has the same unit: units are settled one after the other, and what counts
    /// together must be settled in the order of its days.
    fn counts_within(&self, object: &Name, unit: usize, steps: &[Step], lines: &[PlanLine]) -> bool {
        let is_unit = |expr: &Expr| self.own_slot(object, expr) == Some(unit);
        let is_party = |party: &PartySource| matches!(party, PartySource::Expression { expr, .. } if is_unit(expr));
        let groups = lines.iter().all(|line| {
            let (payer, payee) = match &line.pays {
                Pays::One { payer, payee, .. } => (is_party(payer), is_party(payee)),
                Pays::Chain { payer, .. } => (is_party(payer), false),
                Pays::Mirror(_) => (false, false),
            };
            line.cumulates().all(|cumulate| {
                cumulate.by.iter().any(|by| match by {
                    By::Payer => payer,
                    By::Payee => payee,
                    By::Value(expr) => is_unit(expr),
                    By::Fixed(_) | By::Row(_) => false,
                })
            })
        });
        let of_steps = steps.iter().filter_map(|step| match &step.kind {
            StepKind::Total(total) => Some(total),
            StepKind::Formula(_) | StepKind::Lookup(_) | StepKind::Convert(_) => None,
        });
        let counts_lines = |total: &Total| {
            let sources = self.accumulators.get(&total.accumulator).map_or(&[][..], |accumulator| &accumulator.sources);
            sources.iter().any(|source| match &source.of {
                SourceOf::Lines(of) => lines.iter().any(|line| *line.id == *base_of(of)),
                SourceOf::Facts { .. } => false,
            })
        };
        let mut totals = of_steps.chain(lines.iter().flat_map(PlanLine::totals));
        groups && totals.all(|total| !counts_lines(total) || total.key.iter().any(is_unit))
    }

    /// The slot of a plain reference field of the fact itself.
    fn own_slot(&self, object: &Name, expr: &Expr) -> Option<usize> {
        let path = expr.as_path()?;
        match &path.steps[..] {
            [field] if &*path.root == "record" => self.objects[object]
                .field(field)
                .filter(|(_, field)| matches!(field.kind, FieldKind::Id { .. }))
                .map(|(slot, _)| slot),
            _ => None,
        }
    }
}
