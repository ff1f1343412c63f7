//! Running again: a run keeps where the tenant stood when it began, and the next one over the same plan and period asks what
//! was written since of what its lines are made from. Where that is nothing there is nothing to decide; where it is little,
//! only the facts it concerns are, with those behind them in their groups.

use super::facts;
use crate::app::App;
use crate::service::Answer;
use crate::store::{Run, RunStatus, Scope, Standpoint};
use packwork_engine::decision::Context;
use packwork_engine::facts::{Facts, ROUNDS_MAX};
use packwork_engine::model::Model;
use packwork_engine::period::Period;
use packwork_engine::settlement::plan::{InState, Plan};
use packwork_engine::settlement::reads::Reads;
use packwork_engine::settlement::settle;
use packwork_engine::value::Value;
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Changes, and facts they concern at first, beyond which everything is decided: telling who is concerned would cost as much.
const CHANGES_MAX: usize = 5_000;

/// Where the tenant stands as a run begins, and the records its lines are made from.
pub struct Beginning {
    standpoint: Standpoint,
    reads: Reads,
}

/// What a run has to look at.
pub enum Since {
    /// Every fact.
    All,
    /// Nothing: everything is as this run left it.
    Unchanged(Run),
    /// These facts alone: everything else is as this run left it.
    Few(Run, BTreeSet<Uuid>),
}

impl Beginning {
    /// `None` for plans whose lines are made from more than the records their paths lead to.
    pub async fn of(app: &App, model: &Model, scope: &Scope, plan: &Plan) -> Answer<Option<Beginning>> {
        let Some(reads) = Reads::of(model, plan) else { return Ok(None) };
        let standpoint = app.store.standpoint(scope, &plan.name, &plan.calendar).await?;
        Ok(Some(Beginning { standpoint, reads }))
    }

    /// What is kept with the run: where the tenant stood, and how many lines the run leaves if nobody else posted any.
    pub async fn kept(self, app: &App, model: &Model, scope: &Scope, plan: &Plan, run: &Run) -> Answer<Json> {
        let mut stood = self.standpoint;
        stood.lines += run.lines;
        let ended = app.store.standpoint(scope, &plan.name, &plan.calendar).await?;
        // The run's own lines need not be passed over again where no others are among them.
        if ended.lines == stood.lines {
            stood.last_line = ended.last_line;
        }
        Ok(json!({"model": model.hash, "standpoint": stood}))
    }

    /// What changed since the last run over the plan and period.
    pub async fn since(
        &self,
        app: &App,
        model: &Arc<Model>,
        scope: &Scope,
        run: &Run,
        (of, period): (&InState, &Period),
    ) -> Answer<Since> {
        let runs = app.store.runs(scope, Some(&run.plan), Some(&run.period), 2).await?;
        let Some(former) = runs.into_iter().find(|former| former.id != run.id) else { return Ok(Since::All) };
        let kept = &former.details["since"];
        let stood = serde_json::from_value::<Standpoint>(kept["standpoint"].clone()).ok();
        let ended = matches!(former.status, RunStatus::Done | RunStatus::Partial);
        let same_terms = |stood: &Standpoint| kept["model"] == *model.hash && self.standpoint.closed == stood.closed;
        let Some(stood) = stood.filter(|stood| ended && same_terms(stood)) else { return Ok(Since::All) };
        // What failed is looked at again whatever changed.
        let Some(mut concerned) = failed(&former) else { return Ok(Since::All) };

        let changes = app.store.changes_since(scope, &stood.seen, &self.reads.objects, CHANGES_MAX).await?;
        let others = self.standpoint.lines - stood.lines;
        if changes.is_empty() && others == 0 && concerned.is_empty() {
            return Ok(Since::Unchanged(former));
        }
        if changes.len() > CHANGES_MAX {
            return Ok(Since::All);
        }
        let mut led: BTreeMap<Vec<usize>, Vec<Value>> = BTreeMap::new();
        for change in changes {
            let Some(ways) = self.reads.ways.get(&change.object) else { return Ok(Since::All) };
            for way in ways {
                match way.is_empty() {
                    true => drop(concerned.insert(change.record)),
                    // Whoever refers to a new record was changed too.
                    false if change.is_new => {}
                    false => led.entry(way.clone()).or_default().push(Value::Id(change.record)),
                }
            }
        }
        let plan = &model.plans[&run.plan];
        concerned.extend(facts::leading_to(app, model, scope, plan, (of, period), led, CHANGES_MAX).await?);
        let moved = match others {
            0 => Vec::new(),
            _ => app.store.lines_since(scope, &run.plan, stood.last_line, former.id, CHANGES_MAX).await?,
        };
        // A transaction that ended late has lines among those counted before.
        let told = i64::try_from(moved.len()).is_ok_and(|told| told == others);
        if !told || moved.len() > CHANGES_MAX || concerned.len() > CHANGES_MAX {
            return Ok(Since::All);
        }
        let context = Context { command: Uuid::nil(), moment: app.clock.now(), actor: scope.actor.clone() };
        let mut at_hand = Facts::default();
        for _ in 0..ROUNDS_MAX {
            match settle::behind(model, &at_hand, &context, plan, &concerned, &moved) {
                Ok(found) => return Ok(Since::Few(former, found)),
                Err(need) => app.store.fetch(scope, model, &need, &mut at_hand).await?,
            }
        }
        Ok(Since::All)
    }
}

/// The facts a run failed with; `None` where not all of them are known.
fn failed(run: &Run) -> Option<BTreeSet<Uuid>> {
    let kept = run.details["failures"].as_array().map(Vec::as_slice).unwrap_or_default();
    if usize::try_from(run.failed).ok()? != kept.len() {
        return None;
    }
    kept.iter().map(|failure| Uuid::parse_str(failure["fact"].as_str()?).ok()).collect()
}
