//! A unit of the packs' own plan for work orders: regions with tiers, partners with modes, eight dimensions on each line.

use crate::settle::prepare::{PARTNERS, PLACES};
use crate::settle::{PLAN, orders};
use anyhow::{Context as _, Result, bail};
use packwork::packs::install;
use packwork::packs::source::Source;
use packwork_engine::decide::decide;
use packwork_engine::decision::{Command, Context, Outcome, SettleUnit, UNIT_FACTS_MAX};
use packwork_engine::facts::Facts;
use packwork_engine::model::{Model, Settings};
use packwork_engine::moment::Moment;
use packwork_engine::record::{Record, slot};
use packwork_engine::testing::memory::Memory;
use packwork_engine::testing::seed;
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use std::sync::Arc;
use tokio::time::Instant;
use uuid::Uuid;

/// The best of so many decisions counts.
const TIMES: usize = 20;

pub fn figures() -> Result<Json> {
    let settings = Settings { zone: "Asia/Shanghai".into(), currency: "CNY".into() };
    let model = install::compile(&Source::Embedded, &settings).context("compiling the packs")?;
    let at = Moment::parse("2026-04-01T00:00:00Z").context("the moment is written wrong")?;
    let mut memory = seed::seeded(&model, at).context("seeding")?;
    let mut world = World { model: &model, memory: &mut memory, at };
    let mut known = world.facts()?;

    let command_id = memory.next_command();
    let context = Context { command: command_id, moment: at, actor: Default::default() };
    let run = Uuid::from_u128(1);
    let facts: Vec<Uuid> =
        known.records.keys().filter(|(object, _)| &**object == "work_order").map(|(_, id)| *id).collect();
    let command = Command::Settle(SettleUnit { plan: PLAN.into(), run, period: "2026-03".to_owned(), facts });
    let mut rounds = 0;
    loop {
        rounds += 1;
        match decide(&model, &known, &command, &context) {
            Outcome::Needs(need) => memory.fetch(&model, &need, &mut known),
            Outcome::Refused(refusal) => bail!("settling was refused: {}", refusal.detail),
            Outcome::Decided(_) => break,
        }
    }
    let mut best = u128::MAX;
    let mut lines = 0;
    for _ in 0..TIMES {
        let from = Instant::now();
        let outcome = decide(&model, &known, &command, &context);
        best = best.min(from.elapsed().as_nanos());
        let Outcome::Decided(decision) = outcome else { bail!("the decision changed when it was asked again") };
        lines = decision.lines.len();
    }
    let per_fact = u64::try_from(best / UNIT_FACTS_MAX as u128).unwrap_or(u64::MAX);
    Ok(json!({"facts": UNIT_FACTS_MAX, "lines": lines, "rounds": rounds, "times": TIMES, "ns_per_fact": per_fact}))
}

struct World<'w> {
    model: &'w Model,
    memory: &'w mut Memory,
    at: Moment,
}

impl World<'_> {
    fn create(&mut self, object: &str, input: Json) -> Result<Uuid> {
        let context = Context { command: self.memory.next_command(), moment: self.at, actor: Default::default() };
        let fields = input.as_object().cloned().unwrap_or_default();
        let command = Command::Create { object: object.into(), input: fields };
        match self.memory.execute(self.model, &command, &context) {
            Ok(decision) => decision.subject.map(|(_, id)| id).context("a record without id was created"),
            Err(refusal) => bail!("the {object} {input} was refused: {}", refusal.detail),
        }
    }

    /// Work orders of one month, as they were recorded, each a copy of a real one.
    fn facts(&mut self) -> Result<Facts> {
        self.create("legal_entity", json!({"code": "le_own", "name": "总公司"}))?;
        self.create("legal_entity", json!({"code": "le_other", "name": "合作方有限公司"}))?;
        self.create("department", json!({"code": "ops", "name": "服务运营部", "legal_entity": "le_own"}))?;
        let mut partners = Vec::new();
        for number in 0..PARTNERS {
            let mode = ["direct", "distribution", "joint"][number % 3];
            let code = format!("p{number:02}");
            let partner = json!({"code": code, "name": code, "mode": mode, "legal_entity": if number < 4 { "le_own" } else { "le_other" }});
            partners.push(self.create("partner", partner)?);
        }
        let mut patterns: Vec<Arc<Record>> = Vec::new();
        for (number, place) in PLACES.iter().enumerate() {
            let code = format!("c{number:02}");
            self.create("customer", json!({"code": code, "name": code, "address": format!("{place}{number}号")}))?;
            let order = json!({"template": "inspection", "customer": code, "service": "inspection", "quantity": "1", "partner": "p00", "department": "ops"});
            let id = self.create("work_order", order)?;
            patterns.push(self.memory.get("work_order", id).cloned().context("a work order is gone")?);
        }
        let mut services: Vec<Uuid> = self.memory.live("service_item").map(|record| record.id()).collect();
        let inspection =
            self.memory.by_key(self.model, "service_item", "inspection").context("there is no inspection")?;
        services.sort_by_key(|id| (*id != inspection, *id));

        let object = self.model.object("work_order").context("the packs have no work orders")?;
        let slot_of = |name: &str| {
            object.field(name).map(|(slot, _)| slot).with_context(|| format!("work orders have no `{name}`"))
        };
        let (service, partner, quantity) = (slot_of("service")?, slot_of("partner")?, slot_of("quantity")?);
        let (finished_at, day) = (slot_of("finished_at")?, slot_of("finished_at_day")?);
        let mut facts = Facts::default();
        let count = u32::try_from(UNIT_FACTS_MAX).context("a unit has too many facts")?;
        for order in orders::draw(count, services.len(), partners.len(), patterns.len()) {
            let mut values = patterns[order.pattern].values.clone();
            values[slot::ID] = Value::Id(order.id);
            values[slot::STATE] = Value::text("completed");
            values[service] = Value::Id(services[order.service]);
            values[partner] = Value::Id(partners[order.partner]);
            values[quantity] = Value::Decimal(Decimal::new(order.quantity, 2));
            values[finished_at] = Value::Moment(Moment::from_micros(order.finished_at));
            values[day] = Value::Date(order.day);
            let record = Record { object: "work_order".into(), values };
            facts.records.insert(("work_order".into(), order.id), Some(Arc::new(record)));
        }
        Ok(facts)
    }
}
