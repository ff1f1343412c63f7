//! Where the product's time goes: the run's own steps, taken one after the other with a clock between them. The run itself
//! reads and works out the next chunk while one is posted, so that it takes less than the sum.

use super::{PERIOD, PLAN, prepare};
use anyhow::{Context as _, Result, bail};
use packwork::service::settlement::ahead::CHUNK;
use packwork::service::settlement::facts;
use packwork::store::{Execute, Executed, Shared};
use packwork_engine::decide::decide;
use packwork_engine::decision::{Command, Context, SettleUnit};
use packwork_engine::settlement::reads::Reads;
use packwork_engine::settlement::settle;
use serde_json::{Value as Json, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;

#[derive(Default)]
struct Spent {
    listing: Duration,
    reading: Duration,
    working: Duration,
    turns: Duration,
    commands: u32,
    bytes: usize,
}

/// What deciding under the writer took, and how often it was asked.
#[derive(Default)]
struct Decided {
    time: Duration,
    rounds: u32,
}

pub async fn run(at: &str) -> Result<Json> {
    let app = prepare::open(at).await?;
    let (model, scope) = (app.model(), app.system());
    let plan = model.plans.get(PLAN).context("the packs have no such plan")?;
    let calendar = model.calendars.get(&plan.calendar).context("the plan has no calendar")?;
    let period = calendar.named(PERIOD).context("the calendar has no such period")?;
    let reads = Arc::new(Reads::of(&model, plan).context("what the plan reads cannot be told")?);
    let mut spent = Spent::default();
    let decided = Arc::new(Mutex::new(Decided::default()));

    let from = Instant::now();
    let facts = facts::facts(&app, &model, &scope, plan, &period).await?;
    spent.listing = from.elapsed();

    let run = app.entropy.uuid(app.clock.now());
    let mut shared = Shared::default();
    for chunk in facts.units.iter().flat_map(|unit| unit.facts.chunks(CHUNK)) {
        spent.commands += 1;
        let at = app.clock.now();
        let context = Context { command: app.entropy.uuid(at), moment: at, actor: scope.actor.clone() };
        let from = Instant::now();
        let wanted = |facts: &_| settle::foresee(&model, facts, &context, plan, chunk);
        let mut ahead = app.store.read_ahead(&scope, &model, &reads, &plan.object, &mut shared, wanted).await?;
        spent.reading += from.elapsed();
        let from = Instant::now();
        let worked = settle::work_out(&model, &ahead.facts, &context, plan, chunk);
        spent.working += from.elapsed();
        ahead.facts.ahead = Some(Arc::new(worked));
        ahead.facts.collections.clear();
        let unit = SettleUnit { plan: plan.name.clone(), run, period: period.name.clone(), facts: chunk.to_vec() };
        let (command, of_model, told) = (Command::Settle(unit), model.clone(), decided.clone());
        let (id, context) = (context.command, Context { command: Uuid::nil(), ..context });
        let request = Execute {
            command_id: id,
            at,
            idempotency: None,
            locks: Vec::new(),
            reply: None,
            ahead: Some(ahead),
            decide: Box::new(move |facts| {
                let from = Instant::now();
                let context = Context { command: id, ..context.clone() };
                let outcome = decide(&of_model, facts, &command, &context);
                if let Ok(mut told) = told.lock() {
                    told.time += from.elapsed();
                    told.rounds += 1;
                }
                outcome
            }),
        };
        let from = Instant::now();
        let executed = app.store.execute(&scope, &model, request).await?;
        spent.turns += from.elapsed();
        let Executed::Applied(decision) = executed else { bail!("a unit was not settled: {executed:?}") };
        let bytes = |trace| serde_json::to_string(trace).map_or(0, |text| text.len());
        spent.bytes += decision.lines.iter().map(|line| bytes(&line.trace)).sum::<usize>();
    }
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let decided = decided.lock().map_or_else(|_| Decided::default(), |mut decided| std::mem::take(&mut *decided));
    Ok(json!({
        "listing_ms": millis(spent.listing),
        "reading_ms": millis(spent.reading),
        "working_ms": millis(spent.working),
        "deciding_ms": millis(decided.time),
        "posting_ms": millis(spent.turns.saturating_sub(decided.time)),
        "commands": spent.commands,
        "rounds": decided.rounds,
        "trace_bytes": spent.bytes,
    }))
}
