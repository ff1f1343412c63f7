//! What a run would find: the facts of a plan and period in units, and deciding them without writing.

use crate::app::App;
use crate::auth::token::hex;
use crate::service::{Answer, Error, command};
use crate::store::{LineQuery, Scope};
use packwork_engine::codes::Code;
use packwork_engine::decision::{Command, Decision, SettleUnit, UNIT_FACTS_MAX};
use packwork_engine::model::Model;
use packwork_engine::object::FieldKind;
use packwork_engine::period::Period;
use packwork_engine::query::{AggregateQuery, Comparison, Filter, FilterPath, Group, Measure};
use packwork_engine::record::{Name, slot};
use packwork_engine::refusal::Refusal;
use packwork_engine::settlement::line::Line;
use packwork_engine::settlement::plan::Plan;
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// The facts of one plan and period, in the order they are settled.
pub struct Facts {
    pub units: Vec<Unit>,
    /// Digest of the facts' ids and versions: the same facts give the same digest.
    pub hash: String,
}

pub struct Unit {
    /// What divides the run; `None` where the plan names nothing, or for facts that are none any more.
    pub of: Option<Uuid>,
    pub facts: Vec<Uuid>,
}

impl Facts {
    pub fn count(&self) -> usize {
        self.units.iter().map(|unit| unit.facts.len()).sum()
    }
}

/// Finds the facts of a period: records in the plan's state by business date, then those whose lines stand although
/// they are facts no longer (reopened, deleted), so that their lines are taken back.
pub async fn facts(app: &App, model: &Arc<Model>, scope: &Scope, plan: &Plan, period: &Period) -> Answer<Facts> {
    let group = |slot: usize| Group { label: slot.to_string(), path: FilterPath { slots: vec![slot] }, part: None };
    let unit_slot = plan.unit_slot.unwrap_or(slot::ID);
    // One narrow row per fact: neither order nor versions need whole records.
    let query = AggregateQuery {
        object: plan.object.clone(),
        filter: in_period(model, plan, period),
        group_by: vec![group(unit_slot), group(plan.day_slot), group(slot::ID), group(slot::VERSION)],
        measures: vec![("n".into(), Measure::Count)],
        limit: u32::MAX,
    };
    let mut rows = app.store.aggregate(scope, model, &query).await?;
    if plan.unit_slot.is_none() {
        for row in &mut rows {
            row[0] = Value::Null;
        }
    }
    rows.sort_by(|a, b| a[..3].cmp(&b[..3]));

    let mut hash = Sha256::new();
    hash.update(model.hash.as_bytes());
    let mut units: Vec<Unit> = Vec::new();
    let mut seen = BTreeSet::new();
    for row in &rows {
        let (of, Some(id)) = (row[0].as_id(), row[2].as_id()) else { continue };
        hash.update(id.as_bytes());
        hash.update(row[3].as_decimal().unwrap_or_default().normalize().to_string());
        seen.insert(id);
        match units.last_mut().filter(|unit| unit.of == of) {
            Some(unit) => unit.facts.push(id),
            None => units.push(Unit { of, facts: vec![id] }),
        }
    }
    let gone = standing_without_fact(app, scope, plan, period, &seen).await?;
    for id in &gone {
        hash.update(id.as_bytes());
    }
    if !gone.is_empty() {
        units.push(Unit { of: None, facts: gone });
    }
    Ok(Facts { units, hash: hex(&hash.finalize()) })
}

fn in_period(model: &Model, plan: &Plan, period: &Period) -> Filter {
    let compare = |slot: usize, comparison| Filter::Compare { path: FilterPath { slots: vec![slot] }, comparison };
    let day = model.object(&plan.object).and_then(|object| object.fields.get(plan.day_slot));
    let days = match day.map(|field| &field.kind) {
        Some(FieldKind::Moment) => {
            use packwork_engine::moment::Moment;
            let at = |date| Value::Moment(Moment::start_of(date, &model.zone));
            Comparison::Within(at(period.from), at(period.to))
        }
        _ => Comparison::Within(Value::Date(period.from), Value::Date(period.to)),
    };
    Filter::And(vec![
        compare(slot::STATE, Comparison::Equal(Value::Text(plan.state.clone()))),
        compare(plan.day_slot, days),
    ])
}

async fn standing_without_fact(
    app: &App,
    scope: &Scope,
    plan: &Plan,
    period: &Period,
    facts: &BTreeSet<Uuid>,
) -> Answer<Vec<Uuid>> {
    const PAGE: u32 = 1_000;
    let mut gone = BTreeMap::new();
    let mut after = None;
    loop {
        let query = LineQuery {
            plan: Some(plan.name.clone()),
            period: Some(period.name.clone()),
            standing: true,
            after,
            limit: PAGE,
            ..LineQuery::default()
        };
        let page = app.store.lines(scope, &query).await?;
        for stored in page.iter().filter(|stored| !facts.contains(&stored.line.fact)) {
            // Late facts of an earlier period stand here too; they are that period's facts, not gone ones.
            if stored.line.service_period == period.name {
                gone.insert(stored.line.fact, stored.line.business_date);
            }
        }
        after = page.last().map(|stored| stored.seq);
        if page.len() < PAGE as usize {
            break;
        }
    }
    let mut gone: Vec<_> = gone.into_iter().map(|(fact, date)| (date, fact)).collect();
    gone.sort();
    Ok(gone.into_iter().map(|(_, fact)| fact).collect())
}

/// A fact, or a whole unit, that could not be settled.
#[derive(Clone, Debug)]
pub struct Failure {
    pub unit: Option<Uuid>,
    pub fact: Option<(Name, Uuid)>,
    pub refusal: Refusal,
}

/// What the commands of a run add up to.
#[derive(Debug, Default)]
pub struct Tally {
    pub facts: u64,
    pub units: u64,
    pub lines: u64,
    pub reversed: u64,
    pub unchanged: u64,
    pub amount: Decimal,
    pub currency: Option<Name>,
    pub statements: BTreeSet<Uuid>,
    pub failures: Vec<Failure>,
    /// Facts for which lines would be written.
    pub changed_facts: BTreeSet<Uuid>,
    hash: Sha256,
}

impl Tally {
    pub fn over(facts: &Facts) -> Tally {
        Tally { units: facts.units.len() as u64, ..Tally::default() }
    }

    pub fn add(&mut self, unit: Option<Uuid>, decision: &Decision) {
        self.facts += decision.settled.facts;
        self.unchanged += decision.settled.unchanged;
        for line in &decision.lines {
            self.lines += 1;
            self.reversed += u64::from(line.reverses.is_some());
            self.amount += line.gross;
            self.currency.get_or_insert_with(|| line.currency.clone());
            self.statements.extend(line.statement);
            self.changed_facts.insert(line.fact);
            hash_line(&mut self.hash, line);
        }
        self.failures.extend(decision.settled.failures.iter().map(|failure| Failure {
            unit,
            fact: Some((failure.object.clone(), failure.fact)),
            refusal: failure.refusal.clone(),
        }));
    }

    pub fn refused(&mut self, unit: Option<Uuid>, refusal: Refusal) {
        self.failures.push(Failure { unit, fact: None, refusal });
    }

    pub fn output_hash(&self) -> String {
        hex(&self.hash.clone().finalize())
    }

    pub fn pending(&self) -> usize {
        self.failures.iter().filter(|failure| failure.refusal.code == Code::PricePending).count()
    }
}

/// Ids and moments differ from run to run; what is owed does not.
fn hash_line(hash: &mut Sha256, line: &Line) {
    let content: Json = json!([
        &*line.plan,
        &*line.line,
        line.fact,
        line.payer.id,
        line.payee.id,
        line.business_date.to_string(),
        line.period,
        line.service_period,
        line.corrects,
        line.reverses.is_some(),
        line.quantity.normalize().to_string(),
        line.gross.normalize().to_string(),
        line.net.normalize().to_string(),
        line.tax.normalize().to_string(),
        &*line.currency,
    ]);
    hash.update(content.to_string());
}

/// Decides all facts and writes nothing. Facts of one unit see each other only within one command.
pub async fn preview(app: &App, model: &Arc<Model>, scope: &Scope, plan: &Plan, facts: &Facts) -> Answer<Tally> {
    let mut tally = Tally::over(facts);
    let run = app.entropy.uuid(app.clock.now());
    for unit in &facts.units {
        for chunk in unit.facts.chunks(UNIT_FACTS_MAX) {
            let settle = SettleUnit { plan: plan.name.clone(), run, facts: chunk.to_vec() };
            match command::decide_only(app, model, scope, &Command::Settle(settle)).await {
                Ok(decision) => tally.add(unit.of, &decision),
                Err(Error::Refused(refusal)) => tally.refused(unit.of, *refusal),
                Err(failure) => return Err(failure),
            }
        }
    }
    Ok(tally)
}
