//! The engine's deciding of the same orders: units of one party each, everything they need at hand.

use super::hand::Sums;
use super::plan::{Order, PERIOD, PLAN, day, grade, service};
use anyhow::{Context as _, Result, bail};
use packwork_engine::decide::decide;
use packwork_engine::decision::{Against, Command, Context, Decision, Outcome, Pin, SettleUnit, Terms, Traces};
use packwork_engine::facts::{Facts, Need};
use packwork_engine::model::Model;
use packwork_engine::moment::Moment;
use packwork_engine::record::{Record, slot};
use packwork_engine::value::Value;
use packwork_tests::conformance::world::World;
use rust_decimal::Decimal;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

/// Makes units out of orders.
pub struct Desk {
    pub world: World,
    at: Moment,
    parties: Vec<Uuid>,
    pattern: Arc<Record>,
    services: Vec<Value>,
    grades: Vec<Value>,
    /// What all units share: tables, the house.
    shared: Facts,
}

/// One command with what it needs.
pub struct Unit {
    pub facts: Facts,
    pub command: Command,
    context: Context,
}

impl Desk {
    pub fn new(mut world: World, parties: Vec<Uuid>, at: Moment) -> Result<Desk> {
        let input = json!({"code": "pattern", "party": "p0", "done_on": "2026-03-01", "service": "s00", "grade": "g0", "quantity": "1"});
        let input = input.as_object().cloned().unwrap_or_default();
        let decision = world.execute(&Command::Create { object: "job".into(), input }, at)?;
        let pattern = decision.subject.and_then(|(object, id)| world.memory.get(&object, id).cloned());
        let mut shared = Facts::default();
        let mut need = Need::default();
        need.collections.insert("rates".into());
        need.collections.insert("taxes".into());
        world.memory.fetch(&world.model, &need, &mut shared);
        Ok(Desk {
            world,
            at,
            parties,
            pattern: pattern.context("the pattern of orders is gone")?,
            services: (0..super::plan::SERVICES).map(|number| Value::text(&service(number))).collect(),
            grades: (0..super::plan::GRADES).map(|number| Value::text(&grade(number))).collect(),
            shared,
        })
    }

    /// The unit of a party's orders, decided once, so that everything is at hand.
    pub fn unit(&mut self, orders: &[Order], traces: Traces) -> Result<Unit> {
        let object = self.world.model.object("job").context("there are no orders")?;
        let slot_of =
            |name: &str| object.field(name).map(|(slot, _)| slot).with_context(|| format!("orders have no `{name}`"));
        let (party, done_on) = (slot_of("party")?, slot_of("done_on")?);
        let (service, grade, quantity) = (slot_of("service")?, slot_of("grade")?, slot_of("quantity")?);
        let mut facts = self.shared.clone();
        for order in orders {
            let mut values = self.pattern.values.clone();
            values[slot::ID] = Value::Id(order.id);
            values[party] = Value::Id(self.parties[order.party]);
            values[done_on] = Value::Date(day(order.day));
            values[service] = self.services[order.service].clone();
            values[grade] = self.grades[order.grade].clone();
            values[quantity] = Value::Decimal(Decimal::new(order.quantity, 2));
            let record = Record { object: self.pattern.object.clone(), values };
            facts.records.insert(("job".into(), order.id), Some(Arc::new(record)));
        }
        let ids = orders.iter().map(|order| order.id).collect();
        let unit = SettleUnit { plan: PLAN.into(), run: Uuid::from_u128(1), period: PERIOD.to_owned(), facts: ids };
        let terms = Terms { pin: Pin::AsRecorded, against: Against::Posted, traces };
        let command = Command::SettleBy(unit, terms);
        let context = Context { command: self.world.memory.next_command(), moment: self.at, actor: Default::default() };
        let mut unit = Unit { facts, command, context };
        loop {
            match decide(&self.world.model, &unit.facts, &unit.command, &unit.context) {
                Outcome::Needs(need) => self.world.memory.fetch(&self.world.model, &need, &mut unit.facts),
                Outcome::Refused(refusal) => bail!("settling was refused: {}", refusal.detail),
                Outcome::Decided(_) => return Ok(unit),
            }
        }
    }
}

impl Unit {
    pub fn decide(&self, model: &Model) -> Result<Decision> {
        match decide(model, &self.facts, &self.command, &self.context) {
            Outcome::Decided(decision) if decision.settled.failures.is_empty() => Ok(*decision),
            _ => bail!("the decision changed when it was asked again"),
        }
    }

    /// The same facts with traces or without.
    pub fn with(&mut self, traces: Traces) {
        if let Command::SettleBy(_, terms) = &mut self.command {
            terms.traces = traces;
        }
    }
}

/// Decides units on so many threads that take one after the other; the decisions are added up and dropped.
pub fn decide_all(model: &Model, units: &[Unit], threads: usize) -> Result<(Duration, Sums)> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<Sums> {
        let mut sums = Sums::default();
        while let Some(unit) = units.get(next.fetch_add(1, Ordering::Relaxed)) {
            for line in unit.decide(model)?.lines {
                sums.add(line.gross, line.net, line.tax);
            }
        }
        Ok(sums)
    };
    let from = Instant::now();
    let parts: Vec<Result<Sums>> = std::thread::scope(|scope| {
        let started: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        started.into_iter().map(|thread| thread.join().unwrap_or_else(|_| bail!("a thread died"))).collect()
    });
    let taken = from.elapsed();
    let mut sums = Sums::default();
    for part in parts {
        sums.put(part?);
    }
    Ok((taken, sums))
}
