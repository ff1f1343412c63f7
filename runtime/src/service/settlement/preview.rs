//! What the commands of a run add up to, and deciding them without writing.

use super::facts::Facts;
use crate::app::App;
use crate::auth::token::hex;
use crate::service::{Answer, Error, command};
use crate::store::Scope;
use packwork_engine::codes::Code;
use packwork_engine::decision::{Command, Decision, SettleUnit, UNIT_FACTS_MAX};
use packwork_engine::model::Model;
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use packwork_engine::settlement::line::Line;
use packwork_engine::settlement::plan::Plan;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

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
            self.reversed += u64::from(line.takes_back());
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

    /// A command was refused: for a fact, where it had but one, or for the unit.
    pub fn refused(&mut self, unit: Option<Uuid>, fact: Option<(Name, Uuid)>, refusal: Refusal) {
        self.failures.push(Failure { unit, fact, refusal });
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
        line.takes_back(),
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
    preview_by(app, model, scope, plan, facts, Command::Settle).await
}

/// The same by commands of other terms.
pub async fn preview_by(
    app: &App,
    model: &Arc<Model>,
    scope: &Scope,
    plan: &Plan,
    facts: &Facts,
    command_of: impl Fn(SettleUnit) -> Command,
) -> Answer<Tally> {
    let mut tally = Tally::over(facts);
    let run = app.entropy.uuid(app.clock.now());
    for unit in &facts.units {
        for chunk in unit.facts.chunks(UNIT_FACTS_MAX) {
            let (plan, period) = (plan.name.clone(), facts.period.clone());
            let settle = SettleUnit { plan, run, period, facts: chunk.to_vec() };
            match command::decide_only(app, model, scope, &command_of(settle)).await {
                Ok(decision) => tally.add(unit.of, &decision),
                Err(Error::Refused(refusal)) => tally.refused(unit.of, None, *refusal),
                Err(failure) => return Err(failure),
            }
        }
    }
    Ok(tally)
}
