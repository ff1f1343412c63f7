//! What a plan reads, told by its definition alone: the records its expressions lead to, so that they are fetched before
//! any fact is decided; and the objects whose changes may move a line, so that a run can tell that nothing did.

use super::desired::Known;
use super::plan::{
    AdjustKind, Amount, By, ConvertInput, Cumulate, Lookup, On, PartySource, Pays, Plan, PlanLine, StepKind, TaxRate,
    Used,
};
use crate::env::{Reader, RecordEnv, Route};
use crate::expr::{Env as _, Expr, Path};
use crate::model::Model;
use crate::object::{FieldKind, Object};
use crate::record::{Name, slot};
use std::collections::{BTreeMap, BTreeSet};

/// Functions that look beyond the paths an expression names.
const LOOKING: [&str; 5] = ["now", "today", "locate", "rate", "lookup"];

/// A plan's expressions, parties and tables.
#[derive(Default)]
struct Parts<'p> {
    exprs: Vec<&'p Expr>,
    parties: Vec<&'p PartySource>,
    tables: Vec<&'p Name>,
    /// It adds up, divides or takes back what others have.
    beyond: bool,
}

impl<'p> Parts<'p> {
    fn of(plan: &'p Plan) -> Parts<'p> {
        let mut parts = Parts { beyond: matches!(plan.on, On::Close(_)), ..Parts::default() };
        parts.exprs.extend(&plan.when);
        for step in &plan.steps {
            match &step.kind {
                StepKind::Formula(expr) => parts.exprs.push(expr),
                StepKind::Lookup(lookup) => parts.lookup(lookup),
                StepKind::Convert(convert) => {
                    parts.tables.push(&convert.table);
                    parts.exprs.push(&convert.amount);
                    parts.exprs.extend(convert.inputs.iter().filter_map(|input| match input {
                        ConvertInput::Value(expr) => Some(expr),
                        ConvertInput::From | ConvertInput::To => None,
                    }));
                }
                StepKind::Total(total) => {
                    parts.beyond = true;
                    parts.exprs.extend(&total.key);
                }
            }
        }
        plan.lines.iter().for_each(|line| parts.line(line));
        parts
    }

    fn lookup(&mut self, lookup: &'p Lookup) {
        self.tables.push(&lookup.table);
        self.exprs.extend(&lookup.inputs);
    }

    fn party(&mut self, party: &'p PartySource) {
        self.parties.push(party);
        if let PartySource::Expression { expr, .. } = party {
            self.exprs.push(expr);
        }
    }

    fn cumulate(&mut self, cumulate: &'p Cumulate) {
        self.exprs.extend(cumulate.by.iter().filter_map(|by| match by {
            By::Value(expr) => Some(expr),
            By::Payer | By::Payee | By::Fixed(_) | By::Row(_) => None,
        }));
    }

    fn line(&mut self, line: &'p PlanLine) {
        self.exprs.extend(&line.when);
        self.exprs.extend(line.dimensions.iter().map(|(_, expr)| expr));
        self.exprs.extend(line.hold.iter().filter_map(|hold| hold.until.as_ref()));
        match &line.pays {
            Pays::One { payer, payee, amount } => {
                self.party(payer);
                self.party(payee);
                self.amount(amount);
            }
            Pays::Chain { payer, base, seller, .. } => {
                self.beyond = true;
                self.exprs.push(base);
                [Some(payer), seller.as_ref()].into_iter().flatten().for_each(|party| self.party(party));
            }
            Pays::Mirror(mirror) => {
                self.beyond = true;
                self.exprs.extend([&mirror.fact, &mirror.of, &mirror.back]);
            }
        }
        for adjust in &line.adjusts {
            let used = match &adjust.kind {
                AdjustKind::Cap { most, used } => {
                    self.exprs.push(most);
                    used
                }
                AdjustKind::Minimum { least, used, days } => {
                    self.exprs.push(least);
                    self.exprs.extend(days.iter().flat_map(|(active, all)| [active, all]));
                    used
                }
            };
            match used {
                Used::Nothing => {}
                Used::Own(cumulate) => self.cumulate(cumulate),
                Used::Total(total) => {
                    self.beyond = true;
                    self.exprs.extend(&total.key);
                }
            }
        }
        match line.tax.as_ref().map(|tax| &tax.rate) {
            Some(TaxRate::Lookup(lookup)) => self.lookup(lookup),
            Some(TaxRate::Formula(expr)) => self.exprs.push(expr),
            Some(TaxRate::None | TaxRate::Fixed(_)) | None => {}
        }
    }

    fn amount(&mut self, amount: &'p Amount) {
        match amount {
            Amount::Formula(expr) => self.exprs.push(expr),
            Amount::Apply { price, quantity, cumulate } => {
                self.exprs.extend([price, quantity]);
                cumulate.iter().for_each(|cumulate| self.cumulate(cumulate));
            }
            Amount::Entitled(entitled) => {
                self.beyond = true;
                self.exprs.extend([&entitled.schedule, &entitled.volume]);
                self.exprs.extend(entitled.growth.iter().map(|(growth, _)| growth));
            }
        }
    }

    /// What is read, each path once.
    fn paths(&self) -> BTreeSet<&'p Path> {
        self.exprs.iter().flat_map(|expr| expr.reads()).collect()
    }
}

/// Gives every path that begins at a field of the fact or at a step a number, and tells the plan's expressions.
pub fn route(plan: &mut Plan, object: &Object) {
    let parts = Parts::of(plan);
    let is_record = |root: &str| root == "user" || plan.unit_root().is_some_and(|unit| **unit == *root);
    let of_step = |path: &Path| {
        let place = plan.steps.iter().position(|step| step.name == path.root && !is_record(&path.root))?;
        Some(Route::of_let(place, path))
    };
    let route_of = |path: &Path| if is_of_fact(path) { Route::of(object, path) } else { of_step(path) };
    let routes: Vec<Route> = parts.paths().into_iter().filter_map(route_of).collect();
    for expr in &parts.exprs {
        expr.number(|path| routes.binary_search_by(|route| route.path.cmp(path)).ok());
    }
    plan.routes = routes;
}

/// What the facts of a plan lead to, to be fetched before the first of them is decided.
pub struct Leads<'p> {
    /// Of paths that go on behind a field.
    routes: Vec<(usize, &'p Path)>,
    /// Parties that facts name, with their object.
    parties: Vec<(&'p Expr, &'p Name)>,
    /// Parties that are the same for all facts, by object and key.
    fixed: Vec<(&'p Name, &'p str)>,
}

impl<'p> Leads<'p> {
    pub fn of(plan: &'p Plan) -> Leads<'p> {
        let numbered = plan.routes.iter().enumerate().filter(|(_, route)| route.goes_on());
        let routes = numbered.map(|(number, route)| (number, &route.path)).collect();
        let mut leads = Leads { routes, parties: Vec::new(), fixed: Vec::new() };
        for party in Parts::of(plan).parties {
            match party {
                PartySource::Fixed { object, key } => leads.fixed.push((object, key)),
                PartySource::Expression { expr, object } if expr.as_path().is_some_and(is_of_fact) => {
                    leads.parties.push((expr, object));
                }
                PartySource::Expression { .. } => {}
            }
        }
        leads
    }

    /// Notes what all facts lead to and is not at hand.
    pub fn foresee_shared(&self, reader: &Reader<'_>, known: &Known<'_>) {
        for (object, key) in &self.fixed {
            let _ = known.keyed(reader, object, key);
        }
    }

    /// Notes what a fact leads to and is not at hand. Nothing is decided by it: what cannot be followed says so later.
    pub fn foresee(&self, reader: &Reader<'_>, known: &Known<'_>, env: &RecordEnv<'_>) {
        for (number, path) in &self.routes {
            let _ = env.numbered(*number, path);
        }
        for (expr, object) in &self.parties {
            if let Ok(Some(id)) = env.read(expr).map(|value| value.as_id()) {
                let _ = known.legal_entity(reader, object, id);
            }
        }
    }
}

/// What a plan's lines are made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Reads {
    /// The objects whose records they are.
    pub objects: BTreeSet<Name>,
    /// What of a record that is read by itself is looked at; collections are read whole.
    pub slots: BTreeMap<Name, BTreeSet<usize>>,
    /// By which references of the fact a record is met: none for the fact itself. An object that is not here is read whole,
    /// or found otherwise than by the fact's references: any of its records may matter to any fact.
    pub ways: BTreeMap<Name, BTreeSet<Vec<usize>>>,
}

fn is_of_fact(path: &Path) -> bool {
    &*path.root == "record"
}

/// What every record is asked for.
const OF_ALL: [usize; 4] = [slot::ID, slot::VERSION, slot::STATE, slot::DELETED_AT];

impl Reads {
    /// `None` where it cannot be told by the plan's paths, because it adds up, divides or takes back what others have, asks
    /// for the day, or reads what moves without an event of its own.
    pub fn of(model: &Model, plan: &Plan) -> Option<Reads> {
        let parts = Parts::of(plan);
        let looks =
            |expr: &&Expr| expr.is_script() || expr.calls().iter().any(|call| LOOKING.contains(&&*call.function));
        if parts.beyond || parts.exprs.iter().any(looks) {
            return None;
        }
        if parts.exprs.iter().flat_map(|expr| expr.reads()).any(|path| &*path.root == "user") {
            return None;
        }
        let mut reads = Reads { objects: BTreeSet::new(), slots: BTreeMap::new(), ways: BTreeMap::new() };
        reads.ways.insert(plan.object.clone(), BTreeSet::from([Vec::new()]));
        let mut whole: BTreeSet<Name> = BTreeSet::new();
        let of_fact = plan.in_state().map(|facts| [facts.day_slot, facts.date_slot]);
        reads.add(&plan.object, of_fact.into_iter().flatten().chain(plan.unit_slot));
        whole.extend(parts.tables.iter().map(|table| (*table).clone()));
        for party in &parts.parties {
            let object = match party {
                PartySource::Expression { expr, object } if expr.as_path().is_some_and(is_of_fact) => object,
                PartySource::Expression { object, .. } | PartySource::Fixed { object, .. } => {
                    whole.insert(object.clone());
                    object
                }
            };
            let entity = model.object(object).and_then(|object| object.role("party", "legal_entity"));
            reads.add(object, entity.map(|(slot, _)| slot));
        }
        for dimension in model.dimensions.values().filter(|dimension| !dimension.classifications.is_empty()) {
            whole.insert(dimension.of.clone());
            whole.extend(dimension.classifications.values().map(|classification| classification.rows.clone()));
        }
        let mut led = parts.paths().into_iter().filter(|path| is_of_fact(path));
        if !led.all(|path| reads.follow(model, plan, path, &mut whole)) {
            return None;
        }
        // Refusals name records by their keys.
        for (object, slots) in &mut reads.slots {
            slots.extend(model.object(object).and_then(|object| object.key));
        }
        reads.ways.retain(|object, _| !whole.contains(object));
        reads.objects.extend(whole);
        Some(reads)
    }

    fn add(&mut self, object: &Name, slots: impl IntoIterator<Item = usize>) {
        self.objects.insert(object.clone());
        self.slots.entry(object.clone()).or_insert_with(|| OF_ALL.into()).extend(slots);
    }

    /// Adds what a path leads over; whether what it reads moves only with an event. Behind a reference that may lead to
    /// several objects no way is told: what is there is `whole`.
    fn follow(&mut self, model: &Model, plan: &Plan, path: &Path, whole: &mut BTreeSet<Name>) -> bool {
        let mut at: BTreeMap<Name, Option<Vec<usize>>> = BTreeMap::from([(plan.object.clone(), Some(Vec::new()))]);
        for step in &path.steps {
            let mut next: BTreeMap<Name, Option<Vec<usize>>> = BTreeMap::new();
            for (object, way) in at.iter().filter_map(|(name, way)| Some((model.object(name)?, way))) {
                self.add(&object.name, None);
                let Some((slot, field)) = object.field(step) else { continue };
                if object.live_order.contains(&slot) {
                    return false;
                }
                self.add(&object.name, Some(slot));
                match &field.kind {
                    FieldKind::Id { to, .. } => {
                        let way: Option<Vec<usize>> = way.as_ref().map(|way| [way.as_slice(), &[slot]].concat());
                        for object in to {
                            self.objects.insert(object.clone());
                            match &way {
                                Some(way) => drop(self.ways.entry(object.clone()).or_default().insert(way.clone())),
                                None => drop(whole.insert(object.clone())),
                            }
                            next.insert(object.clone(), way.clone().filter(|_| to.len() == 1));
                        }
                    }
                    FieldKind::Ids { .. } | FieldKind::Items { .. } | FieldKind::Rollup { .. } => return false,
                    _ => {}
                }
            }
            at = next;
        }
        true
    }
}
