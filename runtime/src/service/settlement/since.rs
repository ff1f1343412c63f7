//! Running again where nothing changed: a run keeps where the tenant stood when it began, and the next one over the same
//! plan and period first asks whether anything its lines are made from was written since. If not, there is nothing to decide.

use crate::app::App;
use crate::service::Answer;
use crate::store::{Run, RunStatus, Scope, Standpoint};
use packwork_engine::model::Model;
use packwork_engine::record::Name;
use packwork_engine::settlement::plan::Plan;
use packwork_engine::settlement::reads::Reads;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// Where the tenant stands as a run begins, and the records its lines are made from.
pub struct Beginning {
    standpoint: Standpoint,
    objects: BTreeSet<Name>,
}

impl Beginning {
    /// `None` for plans whose lines are made from more than the records their paths lead to.
    pub async fn of(app: &App, model: &Model, scope: &Scope, plan: &Plan) -> Answer<Option<Beginning>> {
        let Some(reads) = Reads::of(model, plan) else { return Ok(None) };
        let standpoint = app.store.standpoint(scope, &plan.name, &plan.calendar).await?;
        Ok(Some(Beginning { standpoint, objects: reads.objects }))
    }

    /// What is kept with the run.
    pub fn kept(&self, model: &Model) -> Json {
        json!({"model": model.hash, "standpoint": self.standpoint})
    }

    /// The last run over the plan and period, where it settled every fact and nothing changed since it began.
    pub async fn same_as(&self, app: &App, model: &Model, scope: &Scope, run: &Run) -> Answer<Option<Run>> {
        let runs = app.store.runs(scope, Some(&run.plan), Some(&run.period), 2).await?;
        let Some(former) = runs.into_iter().find(|former| former.id != run.id) else { return Ok(None) };
        let since = &former.details["since"];
        let stood = serde_json::from_value::<Standpoint>(since["standpoint"].clone()).ok();
        let Some(stood) = stood.filter(|_| former.status == RunStatus::Done && since["model"] == *model.hash) else {
            return Ok(None);
        };
        // Its own lines are no change.
        let lines = stood.lines + former.lines;
        if self.standpoint.lines != lines || self.standpoint.closed != stood.closed {
            return Ok(None);
        }
        let changed = app.store.changed_since(scope, &stood.seen, &self.objects).await?;
        Ok((!changed).then_some(former))
    }
}
