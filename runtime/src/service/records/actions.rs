//! What a caller may do with a record now, and why not. Buttons are drawn from this and from nothing else.

use crate::app::App;
use crate::service::command;
use crate::service::session::Caller;
use crate::service::{Answer, Error, texts};
use packwork_engine::access::Action;
use packwork_engine::codes::Code;
use packwork_engine::decision::Command;
use packwork_engine::model::Model;
use packwork_engine::object::{Object, Source};
use packwork_engine::record::Record;
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

pub async fn of(app: &App, model: &Arc<Model>, caller: &Caller, object: &Object, record: &Record) -> Answer<Vec<Json>> {
    let mut actions = Vec::new();
    let rights = caller.rights();
    let state = record.state();
    if let Some(lifecycle) = &object.lifecycle {
        for transition in &lifecycle.transitions {
            let starts_here = transition.from.is_empty() || state.is_some_and(|state| transition.from.iter().any(|from| **from == *state));
            // Steps of other states are no answer to "what now": they would only fill the page.
            if !starts_here {
                continue;
            }
            let reason = if !rights.may(&object.name, Action::Transition(&transition.name)) {
                Some(texts::no_right(caller.locale).to_owned())
            } else if transition.guard.is_some() {
                guarded(app, model, caller, object, record, &transition.name).await?
            } else {
                None
            };
            let mut action = json!({
                "name": &*transition.name,
                "kind": "transition",
                "title": texts::transition_title(model, caller.locale, object, &transition.name),
                "primary": transition.primary,
                "destructive": transition.destructive,
                "allowed": reason.is_none(),
                "input": transition.input,
                "required": transition.require,
            });
            if let Some(reason) = reason {
                action["reason"] = json!(reason);
            }
            actions.push(action);
        }
    }
    let closed = object.lifecycle.as_ref().and_then(|lifecycle| lifecycle.state(state?)).is_some_and(|state| state.is_final);
    let fixed = object.source == Source::RateTable;
    for (name, action, title) in [
        ("update", Action::Update, texts::edit(caller.locale)),
        ("delete", Action::Delete, texts::delete(caller.locale)),
    ] {
        if fixed {
            continue;
        }
        let reason = if !rights.may(&object.name, action) {
            Some(texts::no_right(caller.locale))
        } else if closed {
            Some(texts::final_state(caller.locale))
        } else {
            None
        };
        let mut action = json!({
            "name": name,
            "kind": name,
            "title": title,
            "primary": false,
            "destructive": name == "delete",
            "allowed": reason.is_none(),
            "input": [],
        });
        if let Some(reason) = reason {
            action["reason"] = json!(reason);
        }
        actions.push(action);
    }
    Ok(actions)
}

/// Why a guard does not hold now. Input that is still missing is no reason: it comes with the step.
async fn guarded(
    app: &App,
    model: &Arc<Model>,
    caller: &Caller,
    object: &Object,
    record: &Record,
    transition: &str,
) -> Answer<Option<String>> {
    let command = Command::Transition {
        object: object.name.clone(),
        id: record.id(),
        version: None,
        transition: transition.to_owned(),
        input: Map::new(),
    };
    match command::decide_only(app, model, &caller.scope, &command).await {
        Ok(_) => Ok(None),
        Err(Error::Refused(refusal)) if refusal.code == Code::GuardRefused => {
            let lifecycle = object.lifecycle.as_ref().map_or("", |lifecycle| &*lifecycle.name);
            let path = format!("lifecycle/{lifecycle}/transitions/{transition}/guard_message");
            Ok(Some(model.texts.find(caller.locale.as_str(), &path).unwrap_or(refusal.detail)))
        }
        Err(Error::Refused(_)) => Ok(None),
        Err(failure) => Err(failure),
    }
}
