//! Records that look alike, as far as the caller may know of them: those they may see are named, others counted.

use super::{id, known, load, may, may_write, object};
use crate::app::App;
use crate::service::command::{self, OutcomeOfOne};
use crate::service::session::Caller;
use crate::service::view::Titles;
use crate::service::{Answer, Error, refuse};
use crate::store::Idempotency;
use packwork_engine::access::Action;
use packwork_engine::codes::Code;
use packwork_engine::decide::alike;
use packwork_engine::decision::Context;
use packwork_engine::facts::{Facts, ROUNDS_MAX};
use packwork_engine::model::Model;
use packwork_engine::object::Object;
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// Who looks like a record with these values, without writing anything.
pub async fn find(
    app: &App,
    caller: &Caller,
    object_name: &str,
    written_id: Option<&str>,
    input: Map<String, Json>,
) -> Answer<Json> {
    let model = app.model();
    let object = match written_id {
        Some(_) => object(&model, caller, object_name)?,
        None => known(&model, object_name)?,
    };
    let record = match written_id {
        Some(written) => {
            let id = id(app, &model, caller, &object, written).await?;
            load(app, &model, caller, &object, id).await?;
            may(caller, &object, Action::Update, "update")?;
            Some(id)
        }
        None => {
            may(caller, &object, Action::Create, "create")?;
            None
        }
    };
    may_write(caller, &object, &input)?;
    let now = app.clock.now();
    let context = Context { command: app.entropy.uuid(now), moment: now, actor: caller.scope.actor.clone() };
    let mut facts = Facts::default();
    for _ in 0..=ROUNDS_MAX {
        match alike(&model, &facts, &context, &object, record, &input) {
            Err(need) => app.store.fetch(&caller.scope, &model, &need, &mut facts).await?,
            Ok(found) => {
                // Of a value that is hidden from the caller nobody tells them who has it too.
                let shown = |slot: usize| caller.rights().shows(&object.name, &object.fields[slot].name);
                let found = found.into_iter().filter(|alike| alike.rule.parts.iter().all(|(slot, _)| shown(*slot)));
                let found = found.map(|alike| (alike.rule.name.clone(), alike.records)).collect();
                return Ok(json!({"data": shown_to(app, &model, caller, &object, found).await?}));
            }
        }
    }
    Err(refuse(Code::TooManyRounds, "the question needed too many rounds of reading").with("limit", ROUNDS_MAX).into())
}

/// By rule: action, title, the records the caller may see, and how many others there are.
async fn shown_to(
    app: &App,
    model: &Model,
    caller: &Caller,
    object: &Object,
    found: Vec<(Name, Vec<Uuid>)>,
) -> Answer<Vec<Json>> {
    let ids: BTreeSet<Uuid> = found.iter().flat_map(|(_, ids)| ids).copied().collect();
    let visible = match caller.rights().may(&object.name, Action::Read) {
        true => app.store.visible(&caller.scope, model, &object.name, ids.into_iter().collect()).await?,
        false => BTreeSet::new(),
    };
    let wanted = visible.iter().map(|id| (object.name.clone(), *id)).collect();
    let titles = Titles::load(app, model, caller, wanted).await?;
    let shown = found.into_iter().filter_map(|(name, ids)| {
        let rule = object.duplicates.iter().find(|rule| rule.name == name)?;
        let (seen, hidden): (Vec<Uuid>, Vec<Uuid>) = ids.into_iter().partition(|id| visible.contains(id));
        let records: Vec<Json> = seen.into_iter().map(|id| titles.reference(&object.name, id)).collect();
        Some(json!({
            "rule": &*rule.name,
            "action": rule.action,
            "title": model.texts.get(caller.locale.as_str(), &rule.text),
            "records": records,
            "hidden": hidden.len(),
        }))
    });
    Ok(shown.collect())
}

fn is_about(refusal: &Refusal) -> bool {
    matches!(refusal.code, Code::DuplicateRecord | Code::PossibleDuplicate)
}

/// A refusal because of records that look alike, with these as the caller may know of them.
pub async fn told(app: &App, model: &Model, caller: &Caller, mut refusal: Refusal) -> Answer<Refusal> {
    if !is_about(&refusal) {
        return Ok(refusal);
    }
    let object = refusal.params.get("object").and_then(Json::as_str).and_then(|name| model.object(name)).cloned();
    let Some(object) = object else { return Ok(refusal) };
    let data = refusal.params.get("data").and_then(Json::as_array).cloned().unwrap_or_default();
    let found = data.iter().filter_map(|entry| {
        let ids = entry["records"].as_array()?.iter().filter_map(|id| Uuid::parse_str(id.as_str()?).ok());
        Some((entry["rule"].as_str()?.into(), ids.collect()))
    });
    let shown = shown_to(app, model, caller, &object, found.collect()).await?;
    let titles: Vec<&str> = shown.iter().filter_map(|entry| entry["title"].as_str()).collect();
    refusal.params.insert("rules", json!(titles));
    refusal.params.insert("data", Json::Array(shown));
    Ok(refusal)
}

/// The same of what became of a command.
pub async fn as_seen<T>(app: &App, model: &Model, caller: &Caller, done: Answer<T>) -> Answer<T> {
    match done {
        Err(Error::Refused(refusal)) => Err(Error::Refused(Box::new(told(app, model, caller, *refusal).await?))),
        done => done,
    }
}

/// The refusal with nobody named, for where nothing can be looked up: all are counted.
pub fn unnamed(refusal: &Refusal) -> Refusal {
    let mut refusal = refusal.clone();
    if !is_about(&refusal) {
        return refusal;
    }
    for entry in refusal.params.get_mut("data").and_then(Json::as_array_mut).into_iter().flatten() {
        let hidden = entry["records"].as_array().map_or(0, Vec::len);
        entry["records"] = json!([]);
        entry["hidden"] = json!(hidden);
    }
    refusal
}

/// What became of many commands, with nobody named.
pub fn all_unnamed(outcomes: &[OutcomeOfOne]) -> Vec<OutcomeOfOne> {
    let one = |outcome: &OutcomeOfOne| match outcome {
        Err(refusal) => Err(Box::new(unnamed(refusal))),
        Ok(applied) => Ok(applied.clone()),
    };
    outcomes.iter().map(one).collect()
}

/// What became of many commands, as the caller may know it; whether anything had to be looked up.
pub async fn all_told(app: &App, model: &Arc<Model>, caller: &Caller, outcomes: &mut [OutcomeOfOne]) -> Answer<bool> {
    let mut looked_up = false;
    for outcome in outcomes {
        if let Err(refusal) = outcome
            && is_about(refusal)
        {
            **refusal = told(app, model, caller, (**refusal).clone()).await?;
            looked_up = true;
        }
    }
    Ok(looked_up)
}

/// Keeps the reply that names whom the caller may see, in place of the one that was kept with the commands.
pub async fn keep_reply(app: &App, caller: &Caller, key: Option<&Idempotency>, reply: &Json) -> Answer<()> {
    let Some(key) = key else { return Ok(()) };
    if let Some(command) = command::command_of(app, caller, key).await? {
        app.store.save_reply(&caller.scope, command, reply).await?;
    }
    Ok(())
}
