//! The lines of a plan: whom each pays, and what.

use super::facts::PlanFacts;
use crate::codes::Code;
use crate::definition::settlement_plan::{
    AmountDefinition, ApplyDefinition, CumulateDefinition, EntitledDefinition, LineDefinition, MirrorDefinition,
};
use crate::definition::{Definition, Expression, Kind, Operand};
use crate::expr::{Expr, Type};
use crate::model::checker::{Checker, Found};
use crate::model::names::Names;
use crate::record::Name;
use crate::settlement::chain::Climb;
use crate::settlement::plan::{
    Amount, By, Cumulate, Entitled, HOLD_DAYS_MAX, Hold, Mirror, PartySource, Pays, PlanLine, Step, StepKind,
};

/// What expressions of a plan's lines see.
pub(super) struct LineScope<'s> {
    pub names: &'s Names<'s>,
    pub steps: &'s [Step],
    pub facts: &'s PlanFacts,
    /// The plan's lines appear on statements.
    pub stated: bool,
}

impl<'a> Checker<'a> {
    pub(super) fn plan_line(
        &mut self,
        found: Found<'a>,
        index: usize,
        written: &LineDefinition,
        scope: &LineScope<'_>,
    ) -> Option<PlanLine> {
        let names = scope.names;
        let pointer = format!("/lines/{index}");
        self.check_name(found, &format!("{pointer}/id"), &written.id);
        let when =
            written.when.as_ref().and_then(|when| self.condition(found, &format!("{pointer}/when"), &when.0, names));
        let pays = self.pays(found, &pointer, written, scope);
        let adjusts = self.adjusts(found, &pointer, written, scope);
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
        let pays = pays?;
        let paid_by = self.paid_by(found, &pointer, written, scope, &pays);
        let hold = self.hold(found, &pointer, written, scope);
        Some(PlanLine {
            id: written.id.as_str().into(),
            when,
            pays,
            adjusts,
            tax,
            rounding: written.round.mode,
            dimensions,
            paid_by,
            hold,
        })
    }

    fn pays(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        written: &LineDefinition,
        scope: &LineScope<'_>,
    ) -> Option<Pays> {
        let names = scope.names;
        let stated =
            [written.amount.is_some(), written.entitled.is_some(), written.chain.is_some(), written.mirror.is_some()];
        match stated.iter().filter(|stated| **stated).count() {
            0 => {
                self.error(Code::MissingProperty, found, pointer, "the line has no `amount`");
                return None;
            }
            1 => {}
            _ => {
                let message = "a line has exactly one of `amount`, `entitled`, `chain` and `mirror`";
                self.error(Code::BadProperty, found, pointer, message);
                return None;
            }
        }
        let only_entitled = [
            ("retroactive_from", written.retroactive_from.is_some()),
            ("settle", written.settle.is_some()),
            ("phase", written.phase.is_some()),
        ];
        if let (Some((property, _)), None) = (only_entitled.iter().find(|(_, stated)| *stated), &written.entitled) {
            let message = format!("only a line with `entitled` has `{property}`");
            self.error(Code::BadProperty, found, format!("{pointer}/{property}"), message);
        }
        if let Some(mirror) = &written.mirror {
            for (property, stated) in [("payer", written.payer.is_some()), ("payee", written.payee.is_some())] {
                if stated {
                    let message = "the parties are those of the lines that are mirrored";
                    self.error(Code::BadProperty, found, format!("{pointer}/{property}"), message);
                }
            }
            return self.mirror(found, &format!("{pointer}/mirror"), mirror, names).map(Pays::Mirror);
        }
        let payer = self.party(found, &format!("{pointer}/payer"), written.payer.as_ref(), names);
        if let Some(chain) = &written.chain {
            return self.pays_chain(found, pointer, chain, written, payer?, names);
        }
        let payee = self.party(found, &format!("{pointer}/payee"), written.payee.as_ref(), names);
        let place = format!("{pointer}/amount");
        let amount = match (&written.amount, &written.entitled) {
            (Some(AmountDefinition::Formula(source)), _) => {
                self.expression(found, &place, &source.0, names).map(|(expr, _)| Amount::Formula(expr))
            }
            (Some(AmountDefinition::Apply(apply)), _) => self.apply(found, &place, apply, scope),
            (None, Some(entitled)) => self.entitled(found, &format!("{pointer}/entitled"), entitled, written, scope),
            (None, None) => None,
        };
        Some(Pays::One { payer: payer?, payee: payee?, amount: amount? })
    }

    fn pays_chain(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        chain: &str,
        written: &LineDefinition,
        payer: PartySource,
        names: &Names<'_>,
    ) -> Option<Pays> {
        let place = format!("{pointer}/chain");
        let seller = match &written.payee {
            Some(_) => Some(self.party(found, &format!("{pointer}/payee"), written.payee.as_ref(), names)?),
            None => None,
        };
        if !self.expect(found, &place, Kind::Chain, chain) {
            return None;
        }
        let compiled = self.chains.get(chain)?;
        let (party, listed) = (compiled.party.clone(), matches!(compiled.path, Some(Climb::Listed(_))));
        let base_of_chain = match self.found.get(&(Kind::Chain, chain.into())).map(|found| found.definition) {
            Some(Definition::Chain(definition)) => {
                definition.pool.as_ref().and_then(|pool| pool.base.as_ref()).map(|base| base.0.clone())
            }
            _ => None,
        };
        let Some(party) = party else {
            let hint = "give the chain a `party`: the object of its parties";
            let message = format!("the chain `{chain}` does not say whose its parties are");
            self.diagnostics.error(Code::MissingProperty, found.file, place, message).hint(hint);
            return None;
        };
        match &seller {
            None if !listed => {
                let hint = "give the line a `payee`: the first party, from which the chain climbs";
                let message = format!("nothing says where the chain `{chain}` begins");
                self.diagnostics.error(Code::MissingProperty, found.file, place, message).hint(hint);
                return None;
            }
            Some(PartySource::Expression { object, .. } | PartySource::Fixed { object, .. }) if *object != party => {
                let message = format!("the chain's parties are of `{party}`, its first one is a `{object}`");
                self.error(Code::ScriptType, found, format!("{pointer}/payee"), message);
                return None;
            }
            _ => {}
        }
        let place = format!("{pointer}/base");
        let base = match written.base.as_ref().map(|base| base.0.clone()).or(base_of_chain) {
            Some(base) => self.expression(found, &place, &base, names)?.0,
            None => {
                self.error(Code::MissingProperty, found, place, "a chain needs a `base`: what its rates are shares of");
                return None;
            }
        };
        Some(Pays::Chain { payer, chain: chain.into(), base, seller })
    }

    fn mirror(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        written: &MirrorDefinition,
        names: &Names<'_>,
    ) -> Option<Mirror> {
        if !self.expect(found, format!("{pointer}/plan"), Kind::SettlementPlan, &written.plan) {
            return None;
        }
        let mirrored = self.found.get(&(Kind::SettlementPlan, written.plan.as_str().into()))?;
        let Definition::SettlementPlan(plan) = mirrored.definition else { return None };
        let object: Name = plan.on.object.as_str().into();
        let mut expr =
            |name: &str, source: &Expression| self.expression(found, &format!("{pointer}/{name}"), &source.0, names);
        let (fact, of, back) = (expr("fact", &written.fact), expr("of", &written.of), expr("back", &written.back));
        let (fact, given) = fact?;
        if given.is_some_and(|given| !matches!(&given, Type::Any) && given != Type::Reference(object.clone())) {
            let message = format!("the plan `{}` settles records of `{object}`", written.plan);
            self.error(Code::ScriptType, found, format!("{pointer}/fact"), message);
            return None;
        }
        Some(Mirror { plan: written.plan.as_str().into(), object, fact, of: of?.0, back: back?.0 })
    }

    fn apply(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        written: &ApplyDefinition,
        scope: &LineScope<'_>,
    ) -> Option<Amount> {
        let price = self.priced_by(found, &format!("{pointer}/apply"), &written.apply, scope.names);
        let quantity = self.expression(found, &format!("{pointer}/to"), &written.to.0, scope.names);
        let cumulate = match &written.cumulate {
            None => None,
            Some(cumulate) => Some(self.cumulate(found, &format!("{pointer}/cumulate"), cumulate, scope)?),
        };
        let named = self.schedules.get(written.apply.0.trim()).filter(|_| cumulate.is_some());
        if named.is_some_and(|schedule| schedule.leaves_free()) {
            let hint =
                "read how many and how much stood before the fact as totals (`\"to\": \"fact\"`), and write a formula";
            let message = "what a schedule leaves free of a period is not shared by the facts that `cumulate` counts";
            let place = format!("{pointer}/cumulate");
            self.diagnostics.error(Code::BadProperty, found.file, place, message).hint(hint);
            return None;
        }
        Some(Amount::Apply { price: price?, quantity: quantity?.0, cumulate })
    }

    fn cumulate(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        written: &CumulateDefinition,
        scope: &LineScope<'_>,
    ) -> Option<Cumulate> {
        self.expect(found, format!("{pointer}/period"), Kind::PeriodCalendar, &written.period);
        let is_lookup =
            |name: &str| scope.steps.iter().any(|step| *step.name == *name && matches!(step.kind, StepKind::Lookup(_)));
        let mut by = Vec::new();
        for (index, Expression(source)) in written.by.iter().enumerate() {
            by.push(match source.as_str() {
                "payee" => By::Payee,
                "payer" => By::Payer,
                name if is_lookup(name) => By::Row(name.into()),
                _ => By::Value(self.expression(found, &format!("{pointer}/by/{index}"), source, scope.names)?.0),
            });
        }
        Some(Cumulate { by, calendar: written.period.as_str().into() })
    }

    /// A price as a formula gives it, or the name of a schedule.
    fn priced_by(&mut self, found: Found<'a>, pointer: &str, written: &Expression, names: &Names<'_>) -> Option<Expr> {
        let name = written.0.trim();
        let is_step = names.extra.iter().any(|(step, _)| **step == *name);
        if !is_step && self.schedules.contains_key(name) {
            self.expect(found, pointer, Kind::Schedule, name);
            return self.expression(found, pointer, &format!("\"{name}\""), names).map(|(expr, _)| expr);
        }
        self.expression(found, pointer, &written.0, names).map(|(expr, _)| expr)
    }

    fn entitled(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        written: &EntitledDefinition,
        line: &LineDefinition,
        scope: &LineScope<'_>,
    ) -> Option<Amount> {
        if scope.facts.root.is_none() {
            let hint = "settle it where the period ends: `\"on\": {\"close\": \"month\"}`";
            let message = "what a period is entitled to is not known fact by fact";
            self.diagnostics.error(Code::BadProperty, found.file, pointer, message).hint(hint);
            return None;
        }
        let schedule = self.priced_by(found, &format!("{pointer}/apply"), &written.apply, scope.names);
        let volume = self.expression(found, &format!("{pointer}/to"), &written.to.0, scope.names);
        let compared = match &written.compared_with {
            Some(compared) => {
                Some(self.expression(found, &format!("{pointer}/compared_with"), &compared.0, scope.names)?.0)
            }
            None => None,
        };
        if written.growth_base.is_some() && compared.is_none() {
            let message = "only a volume that is compared has a `growth_base`";
            self.error(Code::BadProperty, found, format!("{pointer}/growth_base"), message);
        }
        let volume = volume?.0;
        let over = match &written.over {
            Some(over) => {
                self.expect(found, format!("{pointer}/over"), Kind::PeriodCalendar, over).then(|| over.as_str().into())
            }
            None => self.calendar_of(&volume, scope),
        };
        Some(Amount::Entitled(Entitled {
            schedule: schedule?,
            volume,
            from: line.retroactive_from.unwrap_or_default(),
            growth: compared.map(|compared| (compared, written.growth_base.unwrap_or_default())),
            over,
        }))
    }

    /// The calendar of the first total a volume reads.
    fn calendar_of(&self, volume: &Expr, scope: &LineScope<'_>) -> Option<Name> {
        volume.reads().iter().find_map(|path| {
            let step = scope.steps.iter().find(|step| step.name == path.root)?;
            match &step.kind {
                StepKind::Total(total) => self.accumulators.get(&total.accumulator).map(|total| total.calendar.clone()),
                StepKind::Formula(_) | StepKind::Lookup(_) | StepKind::Convert(_) => None,
            }
        })
    }

    /// The calendar at whose periods' ends an accrued line is paid.
    fn paid_by(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        written: &LineDefinition,
        scope: &LineScope<'_>,
        pays: &Pays,
    ) -> Option<Name> {
        let phase = written.phase.as_ref()?;
        let Pays::One { amount: Amount::Entitled(terms), .. } = pays else { return None };
        if phase.accrue != scope.facts.calendar {
            let message = format!("the plan settles the periods of `{}`", scope.facts.calendar);
            self.error(Code::BadProperty, found, format!("{pointer}/phase/accrue"), message);
        }
        let over = terms.over.as_deref().unwrap_or(&scope.facts.calendar);
        if phase.pay != *over {
            let message = format!("the volume adds up over `{over}`: it is paid at the end of its periods");
            self.error(Code::BadProperty, found, format!("{pointer}/phase/pay"), message);
        }
        Some(phase.pay.as_str().into())
    }

    fn hold(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        written: &LineDefinition,
        scope: &LineScope<'_>,
    ) -> Option<Hold> {
        let hold = written.hold.as_ref()?;
        let place = format!("{pointer}/hold");
        let until = hold.until.as_ref().and_then(|until| {
            let place = format!("{place}/until");
            let (expr, given) = self.expression(found, &place, &until.0, scope.names)?;
            if given.is_some_and(|given| !matches!(given, Type::Date | Type::Any | Type::Null)) {
                self.error(Code::ScriptType, found, place, "a line is held until a date");
            }
            Some(expr)
        });
        if hold.days.is_some_and(|days| !(1..=HOLD_DAYS_MAX).contains(&days)) {
            let message = format!("a line is held for 1 to {HOLD_DAYS_MAX} days");
            self.error(Code::OutOfRange, found, format!("{place}/days"), message);
        } else if hold.days.is_none() && hold.until.is_none() {
            self.error(Code::MissingProperty, found, place, "a hold has `days`, `until` or both");
        } else if !scope.stated {
            self.error(Code::BadProperty, found, place, "a plan without `statement` holds nothing back from one");
        } else if written.phase.is_some() || written.mirror.is_some() {
            let message = match written.mirror.is_some() {
                true => "what is taken back is held as long as what it takes back",
                false => "what is accrued waits for its payment already",
            };
            self.error(Code::BadProperty, found, place, message);
        }
        Some(Hold { days: hold.days, until })
    }

    /// An operand of an adjustment, as an expression.
    pub(super) fn figure_of(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        written: &Operand,
        names: &Names<'_>,
    ) -> Option<Expr> {
        match written {
            Operand::Expression(source) => self.expression(found, pointer, &source.0, names).map(|(expr, _)| expr),
            Operand::Literal(literal) => {
                let number = literal.value.as_str().filter(|text| text.parse::<rust_decimal::Decimal>().is_ok());
                match number {
                    Some(number) => self.expression(found, pointer, number, names).map(|(expr, _)| expr),
                    None => {
                        let message = "the figure must be a decimal written as a string";
                        self.error(Code::BadProperty, found, format!("{pointer}/value"), message);
                        None
                    }
                }
            }
        }
    }
}
