//! Settlement plans, postings and statements against the objects, tables and calendars they name.

use super::checker::{Checker, Found};
use super::names::Names;
use crate::codes::Code;
use crate::definition::posting::PostingDefinition;
use crate::definition::settlement_plan::{
    AmountDefinition, ApplyDefinition, LineDefinition, LookupDefinition, SettlementPlanDefinition, StepDefinition,
    TaxDefinition,
};
use crate::definition::{Definition, Expression, Kind, Operand};
use crate::expr::{Expr, Type};
use crate::object::FieldKind;
use crate::pack::hex;
use crate::record::Name;
use crate::settlement::plan::{
    Amount, By, Cumulate, Lookup, NumberFormat, PartySource, Plan, PlanLine, Posting, PostingEntry, StatementForm,
    Step, StepKind, Tax, TaxRate,
};
use crate::settlement::rounding::Rounding;
use crate::value::Value;
use rust_decimal::Decimal;
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
            match NumberFormat::parse(&written.number, None) {
                Ok(number) => {
                    let form =
                        StatementForm { name: name.clone(), calendar: written.period_calendar.as_str().into(), number };
                    self.statements.insert(name, form);
                }
                Err(message) => self.error(Code::BadProperty, found, "/number", message),
            }
        }
        for (name, found) in self.of_kind(Kind::SettlementPlan) {
            if let Definition::SettlementPlan(written) = found.definition
                && let Some(plan) = self.plan(&name, found, written)
            {
                if let Some(object) = self.objects.get_mut(&plan.object) {
                    object.plans.push(name.clone());
                }
                self.plans.insert(name, plan);
            }
        }
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
        if !self.expect_object(found, "/on/object", &written.on.object) {
            return None;
        }
        let object: Name = written.on.object.as_str().into();
        self.check_state(found, "/on/state", &object, &written.on.state);
        self.expect(found, "/period_calendar", Kind::PeriodCalendar, &written.period_calendar);
        if let Some(posting) = &written.posting {
            self.expect(found, "/posting", Kind::Posting, posting);
        }
        if let Some(statement) = &written.statement {
            self.expect(found, "/statement", Kind::Statement, statement);
        }
        if written.lines.is_empty() {
            self.missing(found, "lines");
        }
        if written.lines.len() > LINES_MAX {
            self.error(Code::BadProperty, found, "/lines", format!("a plan has at most {LINES_MAX} lines"));
        }
        let date_slot = self.expect_field(found, "/business_date", &object, &written.business_date);
        let day_slot = date_slot.and_then(|slot| match self.objects[&object].fields[slot].kind {
            FieldKind::Date => Some(slot),
            FieldKind::Moment => self.objects[&object].fields.iter().position(|field| field.day_of == Some(slot)),
            _ => {
                self.error(Code::BadProperty, found, "/business_date", "the business date must be a date or a moment");
                None
            }
        });
        let mut extra: Vec<(Name, Type)> = Vec::new();
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
            };
            steps.push(Step { name: step_name.as_str().into(), kind });
            extra.push((step_name.as_str().into(), step_type));
        }
        let names = Names { object: &object, bare: false, extra: &extra };
        let when = written.on.when.as_ref().and_then(|when| self.condition(found, "/on/when", &when.0, &names));
        let unit = written.for_each.as_ref().and_then(|unit| self.expression(found, "/for_each", &unit.0, &names));
        let lines: Vec<PlanLine> = written
            .lines
            .iter()
            .enumerate()
            .filter_map(|(index, line)| self.plan_line(found, index, line, &names, &steps))
            .collect();
        let unit_slot = match (&unit, lines.first().map(|line| &line.payee)) {
            (Some((expr, _)), _) => self.own_slot(&object, expr),
            (None, Some(PartySource::Expression { expr, .. })) => self.own_slot(&object, expr),
            _ => None,
        };
        let digest = Sha256::digest(found.definition.to_json().to_string());
        Some(Plan {
            name: name.clone(),
            object,
            state: written.on.state.as_str().into(),
            when,
            date_slot: date_slot?,
            day_slot: day_slot?,
            calendar: written.period_calendar.as_str().into(),
            unit_slot,
            steps,
            lines,
            posting: written.posting.as_deref().map(Name::from),
            statement: written.statement.as_deref().map(Name::from),
            digest: hex(&digest)[..16].to_owned(),
        })
    }

    pub fn check_state(&mut self, found: Found<'a>, pointer: &str, object: &Name, state: &str) {
        let states: Vec<Name> = match &self.objects[object].lifecycle {
            Some(lifecycle) => lifecycle.states.iter().map(|state| state.name.clone()).collect(),
            None => Vec::new(),
        };
        if !states.iter().any(|known| **known == *state) {
            self.unknown(found, pointer, &format!("state of `{object}`"), state, states.iter().map(|name| &**name));
        }
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

    fn plan_line(
        &mut self,
        found: Found<'a>,
        index: usize,
        written: &LineDefinition,
        names: &Names<'_>,
        steps: &[Step],
    ) -> Option<PlanLine> {
        let pointer = format!("/lines/{index}");
        self.check_name(found, &format!("{pointer}/id"), &written.id);
        let when =
            written.when.as_ref().and_then(|when| self.condition(found, &format!("{pointer}/when"), &when.0, names));
        let payer = self.party(found, &format!("{pointer}/payer"), written.payer.as_ref(), names);
        let payee = self.party(found, &format!("{pointer}/payee"), written.payee.as_ref(), names);
        let amount = match &written.amount {
            Some(AmountDefinition::Formula(source)) => self
                .expression(found, &format!("{pointer}/amount"), &source.0, names)
                .map(|(expr, _)| Amount::Formula(expr)),
            Some(AmountDefinition::Apply(apply)) => {
                self.apply(found, &format!("{pointer}/amount"), apply, names, steps)
            }
            None => {
                self.error(Code::MissingProperty, found, pointer.clone(), "the line has no `amount`");
                None
            }
        };
        let tax = match &written.tax {
            Some(tax) => Some(self.tax(found, &format!("{pointer}/tax"), tax, names)?),
            None => None,
        };
        let mut dimensions = Vec::new();
        for (name, source) in &written.dimensions {
            let place = format!("{pointer}/dimensions/{name}");
            if let Some((expr, _)) = self.expression(found, &place, &source.0, names) {
                dimensions.push((name.as_str().into(), expr));
            }
        }
        Some(PlanLine {
            id: written.id.as_str().into(),
            when,
            payer: payer?,
            payee: payee?,
            amount: amount?,
            tax,
            rounding: written.round.mode,
            dimensions,
        })
    }

    fn party(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        operand: Option<&Operand>,
        names: &Names<'_>,
    ) -> Option<PartySource> {
        let party_objects: Vec<Name> = self
            .objects
            .values()
            .filter(|object| object.traits.contains_key("party"))
            .map(|object| object.name.clone())
            .collect();
        match operand {
            None => {
                self.error(Code::MissingProperty, found, pointer, "every line has a payer and a payee");
                None
            }
            Some(Operand::Literal(literal)) => {
                let text = literal.value.as_str().unwrap_or_default();
                let (object, key) = match text.split_once('/') {
                    Some((object, key)) => (object.to_owned(), key.to_owned()),
                    None => (party_objects.first().map(|name| name.to_string()).unwrap_or_default(), text.to_owned()),
                };
                if !party_objects.iter().any(|name| **name == *object) {
                    self.unknown(
                        found,
                        format!("{pointer}/value"),
                        "object with the trait `party`",
                        &object,
                        party_objects.iter().map(|name| &**name),
                    );
                    return None;
                }
                Some(PartySource::Fixed { object: object.as_str().into(), key })
            }
            Some(Operand::Expression(source)) => {
                let (expr, given) = self.expression(found, pointer, &source.0, names)?;
                match given {
                    Some(Type::Reference(object)) if party_objects.contains(&object) => {
                        Some(PartySource::Expression { expr, object })
                    }
                    Some(Type::Reference(object)) => {
                        let hint = "add the trait `party` with the role `legal_entity` to the object";
                        self.diagnostics
                            .error(Code::ScriptType, found.file, pointer, format!("a `{object}` is not a party"))
                            .hint(hint);
                        None
                    }
                    _ => {
                        self.error(
                            Code::ScriptType,
                            found,
                            pointer,
                            "a payer or payee must be a reference to exactly one object",
                        );
                        None
                    }
                }
            }
        }
    }

    fn apply(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        written: &ApplyDefinition,
        names: &Names<'_>,
        steps: &[Step],
    ) -> Option<Amount> {
        let price = self.expression(found, &format!("{pointer}/apply"), &written.apply.0, names).map(|(expr, _)| expr);
        let quantity = self.expression(found, &format!("{pointer}/to"), &written.to.0, names).map(|(expr, _)| expr);
        let cumulate = match &written.cumulate {
            None => None,
            Some(cumulate) => {
                self.expect(found, format!("{pointer}/cumulate/period"), Kind::PeriodCalendar, &cumulate.period);
                let mut by = Vec::new();
                for (index, Expression(source)) in cumulate.by.iter().enumerate() {
                    by.push(match source.as_str() {
                        "payee" => By::Payee,
                        "payer" => By::Payer,
                        _ if steps
                            .iter()
                            .any(|step| *step.name == **source && matches!(step.kind, StepKind::Lookup(_))) =>
                        {
                            By::Row(source.as_str().into())
                        }
                        _ => By::Value(
                            self.expression(found, &format!("{pointer}/cumulate/by/{index}"), source, names)?.0,
                        ),
                    });
                }
                Some(Cumulate { by, calendar: cumulate.period.as_str().into() })
            }
        };
        Some(Amount::Apply { price: price?, quantity: quantity?, cumulate })
    }

    fn tax(&mut self, found: Found<'a>, pointer: &str, written: &TaxDefinition, names: &Names<'_>) -> Option<Tax> {
        let rate = match (&written.lookup, &written.rate) {
            (Some(table), None) => {
                let lookup = LookupDefinition { lookup: table.clone(), with: written.with.clone(), no_match: None };
                let lookup = self.lookup(found, pointer, &lookup, names)?;
                if !self.rate_tables[&lookup.table].values.iter().any(|value| &*value.name == "rate") {
                    self.error(
                        Code::UnknownReference,
                        found,
                        format!("{pointer}/lookup"),
                        format!("`{table}` has no value `rate`"),
                    );
                }
                TaxRate::Lookup(lookup)
            }
            (None, Some(Operand::Literal(literal))) => {
                match literal.value.as_str().and_then(|text| text.parse::<Decimal>().ok()) {
                    Some(rate) => TaxRate::Fixed(rate),
                    None => {
                        self.error(
                            Code::BadProperty,
                            found,
                            format!("{pointer}/rate/value"),
                            "the rate must be a decimal written as a string",
                        );
                        return None;
                    }
                }
            }
            (None, Some(Operand::Expression(source))) => {
                TaxRate::Formula(self.expression(found, &format!("{pointer}/rate"), &source.0, names)?.0)
            }
            (None, None) => TaxRate::None,
            (Some(_), Some(_)) => {
                self.error(Code::BadProperty, found, pointer, "a tax has `lookup` or `rate`, not both");
                return None;
            }
        };
        Some(Tax { mode: written.mode, rate, rounding: written.round.unwrap_or(Rounding::HalfUp) })
    }

    pub fn lookup(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        written: &LookupDefinition,
        names: &Names<'_>,
    ) -> Option<Lookup> {
        if !self.expect(found, format!("{pointer}/lookup"), Kind::RateTable, &written.lookup) {
            return None;
        }
        let table = self.rate_tables.get(written.lookup.as_str())?;
        let columns: Vec<(Name, Option<String>)> = table
            .columns
            .iter()
            .map(|column| (column.name.clone(), column.from.as_ref().map(|from| from.source().to_owned())))
            .collect();
        let values: Vec<Name> = table.values.iter().map(|value| value.name.clone()).collect();
        let specs: Vec<Name> = columns.iter().map(|(name, _)| name.clone()).collect();
        for name in written.with.keys() {
            if !specs.iter().any(|column| **column == **name) {
                self.unknown(found, format!("{pointer}/with/{name}"), "column", name, specs.iter().map(|name| &**name));
            }
        }
        let mut inputs = Vec::new();
        for (name, from) in columns {
            let place = format!("{pointer}/with/{name}");
            let source = match written.with.get(&*name) {
                Some(expression) => expression.0.clone(),
                None => match from {
                    Some(from) => from,
                    None => {
                        self.error(
                            Code::MissingProperty,
                            found,
                            format!("{pointer}/with"),
                            format!("the column `{name}` of `{}` is not given", written.lookup),
                        );
                        continue;
                    }
                },
            };
            inputs.extend(self.expression(found, &place, &source, names).map(|(expr, _)| expr));
        }
        let otherwise = match &written.no_match {
            None => None,
            Some(given) => Some(self.otherwise(found, pointer, given, &values)?),
        };
        (inputs.len() == specs.len()).then(|| Lookup { table: written.lookup.as_str().into(), inputs, otherwise })
    }

    /// Values taken when no row matches: `{"value": x}` for all, or one per value.
    fn otherwise(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        given: &serde_json::Value,
        values: &[Name],
    ) -> Option<Vec<(Name, Value)>> {
        let decimal =
            |json: &serde_json::Value| json.as_str().and_then(|text| text.parse::<Decimal>().ok()).map(Value::Decimal);
        let read: Option<Vec<(Name, Value)>> = match given.get("value") {
            Some(value) => {
                decimal(value).map(|value| values.iter().map(|name| (name.clone(), value.clone())).collect())
            }
            None => values.iter().map(|name| Some((name.clone(), decimal(given.get(&**name)?)?))).collect(),
        };
        if read.is_none() {
            let hint = "write {\"value\": \"0.00\"}, or a decimal string for each value of the table";
            self.diagnostics
                .error(
                    Code::BadProperty,
                    found.file,
                    format!("{pointer}/no_match"),
                    "the values for no match cannot be read",
                )
                .hint(hint);
        }
        read
    }
}
