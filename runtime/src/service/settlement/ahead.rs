//! Reads what the chunks of a run are made of before their turn, and works out their lines, while the chunk before is
//! decided and posted. Under the writer is only asked whether anything of it changed since.

use super::facts::Facts;
use crate::app::App;
use crate::service::{Answer, Error};
use crate::store::{Ahead, Scope, Shared};
use packwork_engine::decision::Context;
use packwork_engine::model::Model;
use packwork_engine::record::Name;
use packwork_engine::settlement::reads::Reads;
use packwork_engine::settlement::settle;
use std::sync::Arc;
use tokio::sync::mpsc;
use uuid::Uuid;

/// Facts of one command: some 50 ms of the writer's time, so that nobody waits behind a run.
pub const CHUNK: usize = 1_000;
/// Chunks that wait for their turn, beside the one that is read and the one that is posted.
const WAITING: usize = 1;

/// The chunks of a run, in their order, each with what was read for it; `None` where the plan's definition does not tell
/// what its lines are made from.
pub fn chunks(
    app: &Arc<App>,
    model: &Arc<Model>,
    scope: &Scope,
    plan: &Name,
    facts: &Arc<Facts>,
) -> mpsc::Receiver<Answer<Option<Ahead>>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let reads = Reads::of(model, &model.plans[plan]).map(Arc::new);
    let (app, model, scope, plan, facts) = (app.clone(), model.clone(), scope.clone(), plan.clone(), facts.clone());
    tokio::spawn(async move {
        let mut shared = Shared::default();
        for chunk in facts.units.iter().flat_map(|unit| unit.facts.chunks(CHUNK)) {
            let read = match &reads {
                None => Ok(None),
                Some(reads) => read(&app, &model, &scope, &plan, reads, &mut shared, chunk).await.map(Some),
            };
            if sender.send(read).await.is_err() {
                break;
            }
        }
    });
    receiver
}

async fn read(
    app: &App,
    model: &Arc<Model>,
    scope: &Scope,
    plan: &Name,
    reads: &Arc<Reads>,
    shared: &mut Shared,
    chunk: &[Uuid],
) -> Answer<Ahead> {
    let context = Context { command: Uuid::nil(), moment: app.clock.now(), actor: scope.actor.clone() };
    let of = &model.plans[plan];
    let wanted = |facts: &_| settle::foresee(model, facts, &context, of, chunk);
    let mut ahead = app.store.read_ahead(scope, model, reads, &of.object, shared, wanted).await?;
    let (model, plan, chunk) = (model.clone(), plan.clone(), chunk.to_vec());
    let worked = move || {
        let worked = settle::work_out(&model, &ahead.facts, &context, &model.plans[&plan], &chunk);
        ahead.facts.ahead = Some(Arc::new(worked));
        // Asked for again in its turn: their revisions say whether they are the same.
        ahead.facts.collections.clear();
        ahead
    };
    tokio::task::spawn_blocking(worked).await.map_err(Error::task)
}
