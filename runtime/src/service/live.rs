//! Formulas that are computed when records are read: for a whole page at once, what they read fetched in few rounds.

use super::Answer;
use super::session::Caller;
use crate::app::App;
use packwork_engine::decision::Context;
use packwork_engine::env::Reader;
use packwork_engine::facts::{Facts, Need, ROUNDS_MAX};
use packwork_engine::live;
use packwork_engine::model::Model;
use packwork_engine::object::Object;
use packwork_engine::record::Record;
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// Computes what is live of these records, where any of these fields (all where it is not said) is.
pub async fn fill(
    app: &App,
    model: &Model,
    caller: &Caller,
    object: &Object,
    records: &mut [Arc<Record>],
    only: Option<&BTreeSet<String>>,
) -> Answer<()> {
    let named = |only: &BTreeSet<String>| only.iter().filter_map(|name| object.field(name)).map(|(at, _)| at).collect();
    let mut wanted: Option<BTreeSet<usize>> = only.map(named);
    if let Some(wanted) = &mut wanted {
        live::with_reads(object, wanted);
    }
    let is_wanted = |at: &usize| wanted.as_ref().is_none_or(|wanted| wanted.contains(at));
    if records.is_empty() || !object.live_order.iter().any(is_wanted) {
        return Ok(());
    }
    let actor = caller.scope.actor.clone();
    let context = Context { command: Uuid::nil(), moment: app.clock.now(), actor };
    let mut facts = Facts::default();
    for _ in 0..ROUNDS_MAX {
        let mut need = Need::default();
        for record in records.iter_mut() {
            let reader = Reader::new(model, &facts, &context);
            let computed = live::computed(&reader, object, record, wanted.as_ref());
            need.merge(reader.needs());
            *record = Arc::new(computed);
        }
        if need.is_empty() {
            break;
        }
        app.store.fetch(&caller.scope, model, &need, &mut facts).await?;
    }
    Ok(())
}
