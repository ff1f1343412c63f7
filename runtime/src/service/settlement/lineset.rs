//! The lines a plan would have over facts of the past, under given definitions, rows and terms: decided chunk by chunk and
//! handed on, nothing written, nothing kept but what groups add up to.

use super::facts::Facts;
use crate::app::App;
use crate::service::{Answer, Error, refuse};
use crate::store::Scope;
use packwork_engine::codes::Code;
use packwork_engine::decide::decide;
use packwork_engine::decision::{Against, Command, Context, FactFailure, Outcome, Pin, SettleUnit, Terms, Traces};
use packwork_engine::facts::{Collection, CumulationQuery, Facts as EngineFacts, Need, ROUNDS_MAX};
use packwork_engine::model::Model;
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use packwork_engine::settlement::desired::{Counts, Group};
use packwork_engine::settlement::line::Line;
use packwork_engine::settlement::plan::Plan;
use packwork_engine::settlement::settle::adds_to;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// What the lines of a side are made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Lines that stand.
    Posted,
    /// Settled anew by the rows the posted lines were made by.
    AsRecorded,
    /// Settled anew by the rows of now.
    Latest,
}

impl Basis {
    pub const ALL: [Basis; 3] = [Basis::Posted, Basis::AsRecorded, Basis::Latest];

    pub fn as_str(self) -> &'static str {
        match self {
            Basis::Posted => "posted",
            Basis::AsRecorded => "as_recorded",
            Basis::Latest => "latest",
        }
    }

    pub fn named(name: &str) -> Option<Basis> {
        Basis::ALL.into_iter().find(|basis| basis.as_str() == name)
    }
}

/// One side of a comparison.
pub struct Side {
    pub basis: Basis,
    pub model: Arc<Model>,
    /// Rate tables as they would be.
    pub drafts: BTreeMap<Name, Arc<Collection>>,
    /// By how much the groups of lines differ from what is posted, over the facts that were dealt with.
    shifts: BTreeMap<(Name, Group), Decimal>,
}

/// What one side has for a chunk of facts.
#[derive(Default)]
pub struct Made {
    pub lines: Vec<Arc<Line>>,
    pub failures: Vec<FactFailure>,
    /// The chunk could not be decided at all.
    pub refused: Option<Refusal>,
}

impl Side {
    pub fn new(basis: Basis, model: Arc<Model>) -> Side {
        Side { basis, model, drafts: BTreeMap::new(), shifts: BTreeMap::new() }
    }

    pub fn plan(&self, name: &str) -> Option<&Plan> {
        self.model.plans.get(name)
    }

    /// The lines of some facts of one unit; chunks come in the order facts are settled in.
    pub async fn lines(
        &mut self,
        app: &App,
        scope: &Scope,
        plan_name: &Name,
        facts: &Facts,
        chunk: &[Uuid],
    ) -> Answer<Made> {
        let model = self.model.clone();
        let Some(plan) = model.plans.get(plan_name) else { return Ok(Made::default()) };
        let posted = posted(app, scope, &model, plan, chunk).await?;
        if self.basis == Basis::Posted {
            let closing = plan.in_state().is_none();
            let of_period = |line: &&Arc<Line>| !closing || *line.service_period == *facts.period;
            let lines = posted.values().flatten().filter(of_period).cloned().collect();
            return Ok(Made { lines, ..Made::default() });
        }
        let at = app.clock.now();
        let unit = SettleUnit {
            plan: plan_name.clone(),
            run: Uuid::nil(),
            period: facts.period.clone(),
            facts: chunk.to_vec(),
        };
        let pin = if self.basis == Basis::Latest { Pin::Latest } else { Pin::AsRecorded };
        let command = Command::SettleBy(unit, Terms { pin, against: Against::Nothing, traces: Traces::Left });
        let context = Context { command: app.entropy.uuid(at), moment: at, actor: scope.actor.clone() };
        let mut known = EngineFacts::default();
        for fact in chunk {
            known.lines.insert((plan_name.clone(), *fact), posted.get(fact).cloned().unwrap_or_default());
        }
        // Lines are told for the periods of their facts, closed or not.
        known.closed_periods.insert(plan.calendar.clone(), BTreeSet::new());
        known.collections.extend(self.drafts.iter().map(|(name, rows)| (name.clone(), rows.clone())));
        for _ in 0..=ROUNDS_MAX {
            match decide(&model, &known, &command, &context) {
                Outcome::Decided(decision) => {
                    let lines: Vec<Arc<Line>> = decision.lines.into_iter().map(Arc::new).collect();
                    self.shift(plan, posted.values().flatten(), Decimal::NEGATIVE_ONE);
                    self.shift(plan, &lines, Decimal::ONE);
                    return Ok(Made { lines, failures: decision.settled.failures, refused: None });
                }
                Outcome::Refused(refusal) => {
                    return Ok(Made { refused: Some(*refusal), ..Made::default() });
                }
                Outcome::Needs(need) => self.fetch(app, scope, &need, &mut known).await?,
            }
        }
        Err(refuse(Code::TooManyRounds, "the lines needed too many rounds of reading").with("limit", ROUNDS_MAX).into())
    }

    /// Fetches what is needed. Draft rows are not among what the store sees, so that it never takes them for rows of its
    /// own; groups are told as they would be.
    async fn fetch(&self, app: &App, scope: &Scope, need: &Need, known: &mut EngineFacts) -> Answer<()> {
        for name in self.drafts.keys() {
            known.collections.remove(name);
        }
        app.store.fetch(scope, &self.model, need, known).await.map_err(Error::from)?;
        for query in &need.cumulated {
            if let Some(found) = known.cumulated.get_mut(query) {
                found.sum += self.shift_of(query);
            }
        }
        known.collections.extend(self.drafts.iter().map(|(name, rows)| (name.clone(), rows.clone())));
        Ok(())
    }

    fn shift<'l>(&mut self, plan: &Plan, lines: impl IntoIterator<Item = &'l Arc<Line>>, sign: Decimal) {
        for line in lines {
            if let Some((name, group, value)) = adds_to(plan, line) {
                *self.shifts.entry((name, group)).or_default() += sign * value;
            }
        }
    }

    fn shift_of(&self, query: &CumulationQuery) -> Decimal {
        let counts: Counts = query.counts;
        let group = Group { digest: query.group.clone(), period: query.period.clone(), counts };
        self.shifts.get(&(query.line.clone(), group)).copied().unwrap_or_default()
    }
}

/// What stands posted for facts.
async fn posted(
    app: &App,
    scope: &Scope,
    model: &Model,
    plan: &Plan,
    chunk: &[Uuid],
) -> Answer<BTreeMap<Uuid, Vec<Arc<Line>>>> {
    let mut known = EngineFacts::default();
    let lines = chunk.iter().map(|fact| (plan.name.clone(), *fact)).collect();
    app.store.fetch(scope, model, &Need { lines, ..Need::default() }, &mut known).await?;
    Ok(known.lines.into_iter().map(|((_, fact), lines)| (fact, lines)).collect())
}
