//! Settlement runs: one command per chunk of a unit, so that people's commands go between and a failing unit stands
//! alone; what came of it is kept with the run.

use super::ahead::{self, CHUNK};
use super::facts::{self, Facts};
use super::preview::{self, Failure, Tally};
use super::since::{Beginning, Since};
use super::{Reach, may, period, plan, reach};
use crate::app::App;
use crate::auth::token::hex;
use crate::service::command::{self, Done};
use crate::service::session::Caller;
use crate::service::view::{Titles, scaled};
use crate::service::{Answer, Error, messages, refuse};
use crate::store::{Ahead, Run, RunHold, RunStatus, Scope, StoreError};
use packwork_engine::access::SettlementAction;
use packwork_engine::codes::Code;
use packwork_engine::decision::{Command, Pin, SettleUnit, Terms};
use packwork_engine::definition::role::SettlementRead;
use packwork_engine::model::Model;
use packwork_engine::period::Period;
use packwork_engine::settlement::plan::Plan;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// Failures kept with a run; their number is kept whole.
const FAILURES_KEPT: usize = 500;
/// Runs of one answer.
const RUNS_MAX: u32 = 200;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    #[default]
    Commit,
    Preview,
}

impl Mode {
    pub fn named(name: &str) -> Option<Mode> {
        match name {
            "commit" => Some(Mode::Commit),
            "preview" => Some(Mode::Preview),
            _ => None,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Mode::Commit => "commit",
            Mode::Preview => "preview",
        }
    }
}

/// A run as asked for.
pub struct Asked {
    pub plan: String,
    pub period: String,
    pub mode: Mode,
    /// Which rates hold for what was settled before.
    pub pin: Pin,
    pub key: Option<String>,
}

/// Runs a plan over a period and waits for its end. A caller who goes away does not stop it.
pub async fn start(app: &Arc<App>, caller: &Caller, asked: Asked) -> Answer<(Json, bool)> {
    may(caller, SettlementAction::Run, "run")?;
    let model = app.model();
    let plan_name = plan(&model, &asked.plan)?.name.clone();
    let calendar = super::calendar(&model, &model.plans[&plan_name].calendar)?;
    let period = period(calendar, &asked.period)?;
    if asked.mode == Mode::Preview {
        return Ok((preview_run(app, &model, caller, &plan_name, &period, asked.pin).await?, false));
    }
    let by = if asked.pin == Pin::Latest { " by the latest rates" } else { "" };
    let described = format!("run {plan_name} {}{by}", period.name);
    let (claimed, before) = command::claim(app, &model, caller, asked.key.as_deref(), &described).await?;
    if let Some(before) = before {
        return Ok((before, true));
    }
    let now = app.clock.now();
    let run = Run {
        id: app.entropy.uuid(now),
        plan: plan_name.clone(),
        period: period.name.clone(),
        status: RunStatus::Running,
        started_at: now,
        finished_at: None,
        actor: caller.id,
        facts: 0,
        done: 0,
        unchanged: 0,
        failed: 0,
        lines: 0,
        details: json!({}),
    };
    let held = app.store.hold_run(&caller.scope, run.id).await?;
    app.store.insert_run(&caller.scope, &run).await.map_err(|error| named(error, &run))?;
    let work = Work { app: app.clone(), model: model.clone(), period, run, pin: asked.pin, _held: held };
    let finished = tokio::spawn(work.carry_out()).await.map_err(Error::task)?;
    let run = match finished {
        Ok(run) => run,
        Err((mut run, error)) => {
            run.status = RunStatus::Failed;
            run.finished_at = Some(app.clock.now());
            app.store.update_run(&app.system(), &run).await?;
            return Err(error);
        }
    };
    let shown = run_json(app, &model, caller, &run).await?;
    if let Some(command) = claimed {
        app.store.save_reply(&caller.scope, command, &shown).await?;
    }
    Ok((shown, false))
}

/// Says which plan and period are busy.
fn named(error: StoreError, run: &Run) -> Error {
    match Error::from(error) {
        Error::Refused(refusal) if refusal.code == Code::RunActive => {
            let refusal = refusal.with("plan", &*run.plan).with("period", run.period.as_str());
            Error::Refused(Box::new(refusal))
        }
        other => other,
    }
}

struct Work {
    app: Arc<App>,
    model: Arc<Model>,
    period: Period,
    run: Run,
    pin: Pin,
    _held: RunHold,
}

impl Work {
    async fn carry_out(mut self) -> Result<Run, (Run, Error)> {
        match self.settle().await {
            Ok(()) => Ok(self.run),
            Err(error) => Err((self.run, error)),
        }
    }

    async fn settle(&mut self) -> Answer<()> {
        // The person may start the run; what it then does, the system does.
        let scope = self.app.system();
        let model = self.model.clone();
        let plan = &model.plans[&self.run.plan];
        let beginning = Beginning::of(&self.app, &self.model, &scope, plan).await?;
        let since = match (&beginning, plan.in_state(), self.pin) {
            (Some(beginning), Some(of), Pin::AsRecorded) => {
                beginning.since(&self.app, &self.model, &scope, &self.run, (of, &self.period)).await?
            }
            _ => Since::All,
        };
        let (facts, former) = match since {
            Since::Unchanged(former) => {
                unchanged(&mut self.run, &former);
                return self.end(&scope, plan, beginning).await;
            }
            Since::All => (facts::facts(&self.app, &self.model, &scope, plan, &self.period).await?, None),
            Since::Few(former, ids) => {
                let of = (plan.in_state().expect("only facts in a state have a former run"), &self.period);
                let ids = ids.into_iter().collect();
                let facts = facts::records_of(&self.app, &self.model, &scope, plan, of, Some(ids)).await?;
                // Of all facts only the number is told, while these are settled.
                let (app, model, scope) = (self.app.clone(), self.model.clone(), scope.clone());
                let (plan, period) = (plan.name.clone(), self.period.clone());
                let all = async move { facts::count(&app, &model, &scope, &model.plans[&plan], &period).await };
                (facts, Some((former, tokio::spawn(all))))
            }
        };
        let facts = Arc::new(facts);
        // Those that are as the former run left them are done; until they are counted, as many as it had.
        let looked_at = counted(facts.count());
        self.run.facts = former.as_ref().map_or(0, |(former, _)| former.facts).max(looked_at);
        self.run.done = self.run.facts - looked_at;
        let mut tally = Tally::over(&facts);
        let mut reading = ahead::chunks(&self.app, &self.model, &scope, &plan.name, &facts);
        let mut cancelled = false;
        'units: for unit in &facts.units {
            for chunk in unit.facts.chunks(CHUNK) {
                let ahead = reading.recv().await.ok_or_else(|| Error::Broken("reading ahead ended early".into()))??;
                self.settle_chunk(&scope, plan, (unit.of, chunk), ahead, &mut tally).await?;
                self.run.done += i64::try_from(chunk.len()).unwrap_or(0);
                cancelled = self.app.store.is_run_cancelling(&scope, self.run.id).await?;
                if cancelled {
                    break 'units;
                }
            }
            self.run.lines = i64::try_from(tally.lines).unwrap_or(i64::MAX);
            self.app.store.update_run(&scope, &self.run).await?;
        }
        let former = match former {
            Some((former, all)) => {
                let settled = (all.await.map_err(Error::task)?? + facts.gone).saturating_sub(facts.count());
                tally.unchanged += settled as u64;
                self.run.done += counted(settled) + looked_at - self.run.facts;
                self.run.facts = counted(settled) + looked_at;
                Some(former)
            }
            None => None,
        };
        finish(&mut self.run, &facts, &tally);
        if let Some(former) = &former {
            after(&mut self.run, former);
        }
        self.run.details["pin"] = json!(pin_name(self.pin));
        if cancelled {
            self.run.status = RunStatus::Cancelled;
        }
        self.end(&scope, plan, beginning).await
    }

    /// Settles a chunk in one command. Where the database cannot keep an amount of it, it is tried again in halves until the
    /// fact to blame stands alone.
    async fn settle_chunk(
        &self,
        scope: &Scope,
        plan: &Plan,
        (unit, chunk): (Option<Uuid>, &[Uuid]),
        ahead: Option<Ahead>,
        tally: &mut Tally,
    ) -> Answer<()> {
        // The next one last.
        let mut waiting = vec![(chunk, ahead)];
        while let Some((facts, ahead)) = waiting.pop() {
            let settle = SettleUnit {
                plan: plan.name.clone(),
                run: self.run.id,
                period: self.period.name.clone(),
                facts: facts.to_vec(),
            };
            let (at, settle) = (self.app.clock.now(), pinned(settle, self.pin));
            match command::run_ahead(&self.app, &self.model, scope, settle, at, ahead).await {
                Ok(Done::Now { decision, .. }) => tally.add(unit, &decision),
                Ok(Done::Before { .. }) => return Err(Error::Broken("a settling command was a repeat".into())),
                Err(Error::Refused(refusal)) if facts.len() > 1 && is_of_a_number(refusal.code) => {
                    let (first, second) = facts.split_at(facts.len() / 2);
                    waiting.extend([(second, None), (first, None)]);
                }
                Err(Error::Refused(refusal)) => {
                    let only = facts.first().filter(|_| facts.len() == 1 && plan.in_state().is_some());
                    tally.refused(unit, only.map(|fact| (plan.object.clone(), *fact)), *refusal);
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(())
    }

    /// Stores how the run ended, and what the next one may take for granted.
    async fn end(&mut self, scope: &Scope, plan: &Plan, beginning: Option<Beginning>) -> Answer<()> {
        if let Some(beginning) = beginning.filter(|_| self.run.status != RunStatus::Cancelled) {
            self.run.details["since"] = beginning.kept(&self.app, &self.model, scope, plan, &self.run).await?;
        }
        self.run.finished_at = Some(self.app.clock.now());
        Ok(self.app.store.update_run(scope, &self.run).await?)
    }
}

/// Whether a number of some fact is to blame.
fn is_of_a_number(code: Code) -> bool {
    matches!(code, Code::TooManyDigits | Code::AmountOverflow)
}

/// The command that settles a chunk by the rates asked for.
fn pinned(unit: SettleUnit, pin: Pin) -> Command {
    match pin {
        Pin::AsRecorded => Command::Settle(unit),
        Pin::Latest => Command::SettleBy(unit, Terms { pin, ..Terms::default() }),
    }
}

fn pin_name(pin: Pin) -> &'static str {
    match pin {
        Pin::AsRecorded => "as_recorded",
        Pin::Latest => "latest",
    }
}

fn finish(run: &mut Run, facts: &Facts, tally: &Tally) {
    run.unchanged = i64::try_from(tally.unchanged).unwrap_or(i64::MAX);
    run.failed = i64::try_from(tally.failures.len()).unwrap_or(i64::MAX);
    run.lines = i64::try_from(tally.lines).unwrap_or(i64::MAX);
    run.status = if tally.failures.is_empty() { RunStatus::Done } else { RunStatus::Partial };
    run.details = json!({
        "v": 1,
        "units": tally.units,
        "reversed": tally.reversed,
        "amount": scaled(tally.amount, 2),
        "currency": tally.currency.as_deref(),
        "statements": tally.statements,
        "failures": tally.failures.iter().take(FAILURES_KEPT).map(failure_kept).collect::<Vec<_>>(),
        "input_hash": facts.hash,
        "output_hash": tally.output_hash(),
    });
}

/// A run that settled only what changed since a former one.
fn after(run: &mut Run, former: &Run) {
    let of = [&former.details["input_hash"], &run.details["input_hash"]].map(|hash| hash.as_str().unwrap_or_default());
    run.details["input_hash"] = json!(hex(&Sha256::digest(of.concat())));
    run.details["after"] = json!(former.id);
}

fn counted(facts: usize) -> i64 {
    i64::try_from(facts).unwrap_or(i64::MAX)
}

/// A run that finds everything as a former one left it.
fn unchanged(run: &mut Run, former: &Run) {
    (run.facts, run.done, run.unchanged) = (former.facts, former.facts, former.facts);
    run.status = RunStatus::Done;
    run.details = json!({
        "v": 1,
        "units": former.details["units"],
        "reversed": 0,
        "amount": scaled(Decimal::ZERO, 2),
        "currency": former.details["currency"],
        "statements": [],
        "failures": [],
        "input_hash": former.details["input_hash"],
        "output_hash": Tally::default().output_hash(),
        "same_as": former.details.get("same_as").cloned().unwrap_or_else(|| json!(former.id)),
    });
}

fn failure_kept(failure: &Failure) -> Json {
    json!({
        "unit": failure.unit,
        "object": failure.fact.as_ref().map(|(object, _)| &**object),
        "fact": failure.fact.as_ref().map(|(_, id)| id),
        "code": failure.refusal.code,
        "detail": failure.refusal.detail,
        "params": failure.refusal.params,
    })
}

async fn preview_run(
    app: &App,
    model: &Arc<Model>,
    caller: &Caller,
    plan: &str,
    period: &Period,
    pin: Pin,
) -> Answer<Json> {
    let started = app.clock.now();
    let scope = app.system();
    let facts = facts::facts(app, model, &scope, &model.plans[plan], period).await?;
    let tally = preview::preview_by(app, model, &scope, &model.plans[plan], &facts, |unit| pinned(unit, pin)).await?;
    let mut run = Run {
        id: Uuid::nil(),
        plan: plan.into(),
        period: period.name.clone(),
        status: RunStatus::Done,
        started_at: started,
        finished_at: Some(app.clock.now()),
        actor: caller.id,
        facts: i64::try_from(facts.count()).unwrap_or(i64::MAX),
        done: 0,
        unchanged: 0,
        failed: 0,
        lines: 0,
        details: json!({}),
    };
    finish(&mut run, &facts, &tally);
    run.details["pin"] = json!(pin_name(pin));
    let mut shown = run_json(app, model, caller, &run).await?;
    shown["id"] = Json::Null;
    shown["mode"] = json!(Mode::Preview.as_str());
    Ok(shown)
}

pub async fn one(app: &App, caller: &Caller, id: Uuid) -> Answer<Json> {
    see(caller)?;
    let run = app.store.run(&caller.scope, id).await?;
    let run =
        run.ok_or_else(|| refuse(Code::NotFound, format!("there is no run `{id}`")).with("id", id.to_string()))?;
    run_json(app, &app.model(), caller, &run).await
}

/// Asks a run to stop after the command it is at. What it posted stands; another run does the rest.
pub async fn cancel(app: &App, caller: &Caller, id: Uuid) -> Answer<Json> {
    may(caller, SettlementAction::Run, "run")?;
    if !app.store.cancel_run(&caller.scope, id).await? && app.store.run(&caller.scope, id).await?.is_some() {
        return Err(refuse(Code::RunEnded, "the run has ended").with("id", id.to_string()).into());
    }
    one(app, caller, id).await
}

pub async fn list(app: &App, caller: &Caller, plan: Option<&str>, period: Option<&str>, limit: u32) -> Answer<Json> {
    see(caller)?;
    let model = app.model();
    let runs = app.store.runs(&caller.scope, plan, period, limit.min(RUNS_MAX)).await?;
    let mut data = Vec::new();
    for run in &runs {
        data.push(run_json(app, &model, caller, run).await?);
    }
    Ok(json!({"data": data, "next_cursor": null}))
}

fn see(caller: &Caller) -> Answer<()> {
    if caller.rights().settlement_read() == SettlementRead::All || reach(caller)? == Reach::All {
        return Ok(());
    }
    Err(refuse(Code::Forbidden, "you may not read runs").with("action", "runs").into())
}

/// `Run` of the contract, failures in the caller's language.
async fn run_json(app: &App, model: &Model, caller: &Caller, run: &Run) -> Answer<Json> {
    let kept = run.details["failures"].as_array().map(Vec::as_slice).unwrap_or_default();
    let fact_of = |failure: &Json| {
        let id = failure["fact"].as_str().and_then(|id| Uuid::parse_str(id).ok())?;
        Some((failure["object"].as_str()?.into(), id))
    };
    let unit_object = model.plans.get(&run.plan).and_then(|plan| {
        if plan.in_state().is_none() {
            return Some(plan.object.clone());
        }
        let field = model.object(&plan.object)?.fields.get(plan.unit_slot?)?;
        match &field.kind {
            packwork_engine::object::FieldKind::Id { to, .. } => to.first().cloned(),
            _ => None,
        }
    });
    let unit_of = |failure: &Json| {
        let id = failure["unit"].as_str().and_then(|id| Uuid::parse_str(id).ok())?;
        Some((unit_object.clone()?, id))
    };
    let wanted: BTreeSet<_> = kept.iter().flat_map(|failure| [fact_of(failure), unit_of(failure)]).flatten().collect();
    let titles = Titles::load(app, model, caller, wanted).await?;
    let failures: Vec<Json> = kept
        .iter()
        .map(|failure| {
            let code = failure["code"].as_str().unwrap_or_default();
            let english = failure["detail"].as_str().unwrap_or_default();
            json!({
                "unit": unit_of(failure).map(|(object, id)| titles.of(&object, id)),
                "fact": fact_of(failure).map(|(object, id)| titles.reference(&object, id)),
                "code": code,
                "detail": messages::stored_text(model, caller.locale, code, english, &failure["params"]),
                "params": failure["params"],
            })
        })
        .collect();
    let status = match run.status {
        RunStatus::Running => "running",
        RunStatus::Done if run.lines == 0 => "unchanged",
        RunStatus::Done => "completed",
        RunStatus::Partial => "partial",
        RunStatus::Failed => "failed",
        RunStatus::Cancelled => "cancelled",
    };
    let details = &run.details;
    Ok(json!({
        "id": run.id,
        "plan": &*run.plan,
        "period": run.period,
        "mode": Mode::Commit.as_str(),
        "status": status,
        "started_at": run.started_at.to_string(),
        "finished_at": run.finished_at.map(|moment| moment.to_string()),
        "facts": run.facts,
        "done": run.done,
        "lines": run.lines,
        "reversed": details["reversed"].as_u64().unwrap_or(0),
        "unchanged": run.unchanged,
        "amount": details["amount"].as_str().unwrap_or("0.00"),
        "currency": details["currency"].as_str().unwrap_or(&model.currency),
        "units": details["units"].as_u64().unwrap_or(0),
        "failed": run.failed,
        "failures": failures,
        "statements": details.get("statements").cloned().unwrap_or_else(|| json!([])),
        "input_hash": details["input_hash"],
        "output_hash": details["output_hash"],
        "same_as": details["same_as"],
        "after": details["after"],
        "pin": details["pin"].as_str().unwrap_or("as_recorded"),
    }))
}

/// Runs a former process was in the middle of: what they posted stands, and a new run does the rest.
pub async fn give_up_abandoned(app: &App) -> Result<(), StoreError> {
    let scope = app.system();
    for run in app.store.fail_abandoned_runs(&scope, app.clock.now()).await? {
        tracing::warn!(run = %run.id, plan = %run.plan, period = %run.period, "a run was broken off by a stop; it is marked as failed");
    }
    Ok(())
}
