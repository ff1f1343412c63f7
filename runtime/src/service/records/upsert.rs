//! A record named by a value of a unique field: created where nobody has the value, changed where somebody has.

use super::{Given, View, accepting, answer, before, known, may, may_write};
use crate::app::App;
use crate::service::bulk::upsert_check;
use crate::service::command::{self, Done};
use crate::service::session::Caller;
use crate::service::{Answer, Error};
use packwork_engine::access::Action;
use packwork_engine::codes::Code;
use packwork_engine::decide::unique_value;
use packwork_engine::decision::{Command, Write};
use packwork_engine::facts::{Facts, Need};
use packwork_engine::query::Filter;
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Somebody else may create or change the record at the same time: asked again, it is seen.
const ATTEMPTS_MAX: u32 = 3;

/// The record, and whether it was created.
pub async fn upsert(
    app: &App,
    caller: &Caller,
    object_name: &str,
    (by, value): (&str, &str),
    given: Given,
) -> Answer<(View, bool)> {
    let Given { input, accepts_duplicates, key } = given;
    let model = app.model();
    let object = known(&model, object_name)?;
    if let Some(view) = before(app, &model, caller, &object, key.as_ref()).await? {
        let created = view.version == 1;
        return Ok((view, created));
    }
    // Refused early: nobody learns who has the value.
    if let (Err(refusal), Err(_)) =
        (may(caller, &object, Action::Create, "create"), may(caller, &object, Action::Update, "update"))
    {
        return Err(refusal.into());
    }
    may_write(caller, &object, &input)?;
    let value = Json::String(value.to_owned());
    let (field, read) = unique_value(&object, by, &value)?;
    let mut attempt = 0;
    loop {
        attempt += 1;
        let mut visible = BTreeSet::new();
        if caller.rights().rows(&object.name) != Filter::All {
            let holders = BTreeSet::from([(object.name.clone(), field.name.clone(), read.clone())]);
            let mut facts = Facts::default();
            app.store.fetch(&caller.scope, &model, &Need { holders, ..Need::default() }, &mut facts).await?;
            let ids = facts.holders.into_values().flatten().collect();
            visible = app.store.visible(&caller.scope, &model, &object.name, ids).await?;
        }
        let check = upsert_check(caller, &object, Arc::new(visible));
        let command = Command::Upsert {
            object: object.name.clone(),
            field: field.name.clone(),
            value: value.clone(),
            input: input.clone(),
        };
        let command = accepting(accepts_duplicates, command);
        match command::run_checked(app, &model, caller, command, key.clone(), check).await {
            Err(Error::Refused(refusal))
                if attempt < ATTEMPTS_MAX && matches!(refusal.code, Code::NotUnique | Code::StaleVersion) => {}
            Err(error) => return Err(error),
            Ok(done) => {
                let created = match &done {
                    Done::Now { decision, .. } => {
                        let about = decision.subject.as_ref().map(|(_, id)| *id);
                        let of_subject =
                            |write: &Write| matches!(write, Write::Insert(record) if Some(record.id()) == about);
                        Some(decision.writes.iter().any(of_subject))
                    }
                    Done::Before { .. } => None,
                };
                let view = answer(app, &model, caller, &object, done, None).await?;
                let created = created.unwrap_or(view.version == 1);
                return Ok((view, created));
            }
        }
    }
}
