//! Where the product's time goes: the run's own steps, taken one after the other with a clock between them. The whole
//! is a little slower than the run itself, because here reading goes through a second connection.

use super::{PERIOD, PLAN, prepare};
use anyhow::{Context as _, Result, bail};
use packwork::service::settlement::facts;
use packwork::store::{Execute, Executed};
use packwork_engine::decide::decide;
use packwork_engine::decision::{Command, Context, Decision, Outcome, SettleUnit};
use packwork_engine::facts::Facts;
use serde_json::{Value as Json, json};
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// As in the product's run.
const CHUNK: usize = 500;

#[derive(Default)]
struct Spent {
    listing: Duration,
    fetching: Duration,
    deciding: Duration,
    writing: Duration,
    committing: Duration,
    commands: u32,
    rounds: u32,
    bytes: usize,
}

pub async fn run(folder: &Path) -> Result<Json> {
    let app = prepare::open(folder).await?;
    let (model, scope) = (app.model(), app.system());
    let plan = model.plans.get(PLAN).context("the packs have no such plan")?;
    let calendar = model.calendars.get(&plan.calendar).context("the plan has no calendar")?;
    let period = calendar.named(PERIOD).context("the calendar has no such period")?;
    let mut spent = Spent::default();

    let from = Instant::now();
    let facts = facts::facts(&app, &model, &scope, plan, &period).await?;
    spent.listing = from.elapsed();

    let run = app.entropy.uuid(app.clock.now());
    for chunk in facts.units.iter().flat_map(|unit| unit.facts.chunks(CHUNK)) {
        spent.commands += 1;
        let at = app.clock.now();
        let context = Context { command: app.entropy.uuid(at), moment: at, actor: scope.actor.clone() };
        let command = Command::Settle(SettleUnit {
            plan: plan.name.clone(),
            run,
            period: period.name.clone(),
            facts: chunk.to_vec(),
        });
        let mut known = Facts::default();
        let decision = loop {
            spent.rounds += 1;
            let from = Instant::now();
            let outcome = decide(&model, &known, &command, &context);
            spent.deciding += from.elapsed();
            match outcome {
                Outcome::Decided(decision) => break decision,
                Outcome::Refused(refusal) => bail!("a unit was refused: {}", refusal.detail),
                Outcome::Needs(need) => {
                    let from = Instant::now();
                    app.store.fetch(&scope, &model, &need, &mut known).await?;
                    spent.fetching += from.elapsed();
                }
            }
        };
        spent.bytes += decision
            .lines
            .iter()
            .map(|line| serde_json::to_string(&line.trace).map_or(0, |text| text.len()))
            .sum::<usize>();
        // The same command, decided already: what remains is writing it and the commit.
        spent.writing += store(&app, &scope, &model, context.command, decision).await?;
        // The commit of next to nothing, which is mostly the disk's.
        let at = app.clock.now();
        spent.committing += store(&app, &scope, &model, app.entropy.uuid(at), Box::default()).await?;
    }
    let seconds = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Ok(json!({
        "listing_ms": seconds(spent.listing),
        "fetching_ms": seconds(spent.fetching),
        "deciding_ms": seconds(spent.deciding),
        "writing_ms": seconds(spent.writing.saturating_sub(spent.committing)),
        "committing_ms": seconds(spent.committing),
        "commands": spent.commands,
        "rounds": spent.rounds,
        "trace_bytes": spent.bytes,
    }))
}

async fn store(
    app: &packwork::app::App,
    scope: &packwork::store::Scope,
    model: &std::sync::Arc<packwork_engine::model::Model>,
    command: uuid::Uuid,
    decision: Box<Decision>,
) -> Result<Duration> {
    let decided = Mutex::new(Some(decision));
    let request = Execute {
        command_id: command,
        at: app.clock.now(),
        idempotency: None,
        locks: Vec::new(),
        reply: None,
        ahead: None,
        decide: Box::new(move |_| {
            let decision = decided.lock().ok().and_then(|mut decided| decided.take());
            Outcome::Decided(decision.unwrap_or_default())
        }),
    };
    let from = Instant::now();
    let executed = app.store.execute(scope, model, request).await?;
    let spent = from.elapsed();
    match executed {
        Executed::Applied(_) => Ok(spent),
        other => bail!("a decided command was not applied: {other:?}"),
    }
}
