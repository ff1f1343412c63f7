//! What a caller may do with a record now, and why not. Buttons are drawn from this and from nothing else.

use crate::app::App;
use crate::service::session::Caller;
use crate::service::{Answer, messages, refuse, texts};
use packwork_engine::access::{Available, AvailableKind, available};
use packwork_engine::codes::Code;
use packwork_engine::decision::Context;
use packwork_engine::facts::{Facts, ROUNDS_MAX};
use packwork_engine::model::Model;
use packwork_engine::object::Object;
use packwork_engine::record::Record;
use serde_json::{Value as Json, json};

pub async fn of(app: &App, model: &Model, caller: &Caller, object: &Object, record: &Record) -> Answer<Vec<Json>> {
    let now = app.clock.now();
    let context = Context { command: app.entropy.uuid(now), moment: now, actor: caller.scope.actor.clone() };
    let mut facts = Facts::default();
    for _ in 0..=ROUNDS_MAX {
        match available(model, &facts, &context, caller.rights(), record) {
            Ok(found) => return Ok(found.iter().map(|action| shown(model, caller, object, action)).collect()),
            Err(need) => app.store.fetch(&caller.scope, model, &need, &mut facts).await?,
        }
    }
    Err(refuse(Code::TooManyRounds, "the actions needed too many rounds of reading").with("limit", ROUNDS_MAX).into())
}

fn shown(model: &Model, caller: &Caller, object: &Object, action: &Available) -> Json {
    let (kind, title) = match action.kind {
        AvailableKind::Transition => {
            ("transition", texts::transition_title(model, caller.locale, object, &action.name))
        }
        AvailableKind::Update => ("update", texts::edit(caller.locale).to_owned()),
        AvailableKind::Delete => ("delete", texts::delete(caller.locale).to_owned()),
        AvailableKind::Restore => ("restore", texts::restore(caller.locale).to_owned()),
    };
    let mut shown = json!({
        "name": action.name,
        "kind": kind,
        "title": title,
        "primary": action.primary,
        "destructive": action.destructive,
        "allowed": action.refused.is_none(),
        "input": action.input,
    });
    let transition = object.lifecycle.as_ref().and_then(|lifecycle| lifecycle.transition(&action.name));
    if let Some(transition) = transition.filter(|_| action.kind == AvailableKind::Transition) {
        shown["required"] = json!(transition.require);
    }
    if let Some(refusal) = &action.refused {
        shown["reason"] = json!(messages::text(model, caller.locale, refusal.code, &refusal.detail, &refusal.params));
    }
    shown
}
