//! What a caller may do with a record now, and why not. Buttons are drawn from this and from nothing else.

use crate::app::App;
use crate::service::session::Caller;
use crate::service::view::text::{Bracket, Text};
use crate::service::{Answer, messages, refuse, texts};
use packwork_engine::access::{Available, AvailableKind, available};
use packwork_engine::codes::Code;
use packwork_engine::decision::Context;
use packwork_engine::facts::{Facts, ROUNDS_MAX};
use packwork_engine::model::Model;
use packwork_engine::object::Object;
use packwork_engine::record::Record;
use uuid::Uuid;

/// `_actions` of a record, written.
pub async fn of(app: &App, model: &Model, caller: &Caller, object: &Object, record: &Record) -> Answer<Text> {
    let context = Context { command: Uuid::nil(), moment: app.clock.now(), actor: caller.scope.actor.clone() };
    let mut facts = Facts::default();
    for _ in 0..=ROUNDS_MAX {
        match available(model, &facts, &context, caller.rights(), record) {
            Ok(found) => {
                let mut text = Text::with_capacity(1_024);
                text.open(Bracket::Array);
                for action in &found {
                    write(model, caller, object, action, &mut text);
                }
                text.close(Bracket::Array);
                return Ok(text);
            }
            Err(need) => app.store.fetch(&caller.scope, model, &need, &mut facts).await?,
        }
    }
    Err(refuse(Code::TooManyRounds, "the actions needed too many rounds of reading").with("limit", ROUNDS_MAX).into())
}

fn write(model: &Model, caller: &Caller, object: &Object, action: &Available, text: &mut Text) {
    let (kind, title) = match action.kind {
        AvailableKind::Transition => {
            ("transition", texts::transition_title(model, caller.locale, object, &action.name))
        }
        AvailableKind::Update => ("update", texts::edit(caller.locale).to_owned()),
        AvailableKind::Delete => ("delete", texts::delete(caller.locale).to_owned()),
        AvailableKind::Restore => ("restore", texts::restore(caller.locale).to_owned()),
    };
    text.open(Bracket::Object).name("name").string(&action.name).name("kind").string(kind);
    text.name("title").string(&title).name("primary").boolean(action.primary);
    text.name("destructive").boolean(action.destructive).name("allowed").boolean(action.refused.is_none());
    text.name("input").json(&action.input);
    let transition = object.lifecycle.as_ref().and_then(|lifecycle| lifecycle.transition(&action.name));
    if let Some(transition) = transition.filter(|_| action.kind == AvailableKind::Transition) {
        text.name("required").json(&transition.require);
    }
    if let Some(refusal) = &action.refused {
        let reason = messages::text(model, caller.locale, refusal.code, &refusal.detail, &refusal.params);
        text.name("reason").string(&reason);
    }
    text.close(Bracket::Object);
}
