//! Transitions: from one state to the next, with guard, input and what the step itself sets.

use super::Halt;
use super::draft::Draft;
use super::duplicates;
use super::records::{business_date, existing, object_of, stale};
use crate::codes::Code;
use crate::decision::{Decision, EventKind};
use crate::env::{Reader, RecordEnv};
use crate::expr::EvalError;
use crate::ids::IdSource;
use crate::object::{Lifecycle, Object, Transition};
use crate::record::{Name, Record, slot};
use crate::refusal::{FieldError, Refusal};
use crate::settlement::settle;
use crate::suggest;
use crate::value::Value;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

pub fn transition(
    reader: &Reader<'_>,
    object: &Name,
    id: Uuid,
    version: Option<i64>,
    name: &str,
    input: &Map<String, Json>,
) -> Result<Decision, Halt> {
    let object = object_of(reader, object)?;
    let Some(lifecycle) = &object.lifecycle else {
        return Err(Refusal::new(Code::UnknownTransition, format!("`{}` has no lifecycle", object.name))
            .with("transition", name)
            .into());
    };
    let Some(transition) = lifecycle.transition(name) else {
        return Err(unknown(object, lifecycle, name).into());
    };
    let former = existing(reader, object, id)?;
    if let Some(version) = version
        && former.version() != version
    {
        return Err(stale(&former, version).into());
    }
    may_start(reader, object, transition, &former)?;
    let mut draft = Draft::of(reader, object, former.clone());
    for member in input.keys() {
        if !transition.input.iter().any(|field| **field == **member) {
            let known: Vec<&str> = transition.input.iter().map(|field| &**field).collect();
            let message = format!("`{name}` takes no `{member}`; {}", suggest::hint(member, known));
            draft.errors.push(
                FieldError::new(Code::UnknownField, format!("/input/{member}"), message).with("field", member.as_str()),
            );
        }
    }
    let allowed: Map<String, Json> = input
        .iter()
        .filter(|(member, _)| transition.input.iter().any(|field| **field == ***member))
        .map(|(name, json)| (name.clone(), json.clone()))
        .collect();
    draft.read(&allowed, &[]);
    draft.values[slot::STATE] = Value::Text(transition.to.clone());
    let template = former.template().and_then(|name| reader.model.templates.get(name));
    for (field, expr) in &transition.default {
        if let Some((slot, _)) = object.field(field)
            && draft.values[slot].is_null()
        {
            draft.assign(slot, expr, reader.today(), None);
        }
    }
    for (field, expr) in &transition.set {
        if let Some((slot, _)) = object.field(field) {
            draft.assign(slot, expr, reader.today(), None);
        }
    }
    draft.fill_required(Some(&allowed));
    let date = business_date(reader, template, &draft.values);
    draft.formulas(date);
    let required: Vec<usize> =
        transition.require.iter().filter_map(|field| object.field(field).map(|(slot, _)| slot)).collect();
    draft.check_required(&required);
    draft.check_rules(&object.rules, date);
    draft.check_rules(template.map_or(&[], |template| &template.rules), date);
    draft.check_constraints();
    draft.verdict()?;
    duplicates::check(&draft)?;
    let mut decision = Decision::default();
    let mut ids = IdSource::new(reader.context.command, reader.context.moment);
    let record = draft.finish(&mut decision, &mut ids, EventKind::Transitioned, Some(name), date)?;
    settle::after_change(reader, object, &former, &record, &mut decision, &mut ids)?;
    Ok(decision)
}

/// Whether a transition may start: from this state, with its guard holding.
pub fn may_start(reader: &Reader<'_>, object: &Object, transition: &Transition, record: &Record) -> Result<(), Halt> {
    let state = record.state().unwrap_or_default();
    if !transition.from.iter().any(|from| **from == *state) {
        let from: Vec<&str> = transition.from.iter().map(|from| &**from).collect();
        let detail = format!("`{}` starts from {}; the record is in `{state}`", transition.name, from.join(" or "));
        return Err(Refusal::new(Code::TransitionNotAllowed, detail)
            .with("transition", &*transition.name)
            .with("state", state)
            .with("from", from)
            .with("object", &*object.name)
            .into());
    }
    let Some(guard) = &transition.guard else { return Ok(()) };
    let env = RecordEnv::of(reader, object, &record.values, reader.today());
    match env.eval(guard) {
        Ok(Value::Bool(true)) => Ok(()),
        Err(EvalError::Missing) => Err(Halt::Missing),
        Ok(_) | Err(EvalError::Failed(_)) => {
            let text = object
                .lifecycle
                .as_ref()
                .map(|lifecycle| format!("lifecycle/{}/transitions/{}/guard_message", lifecycle.name, transition.name))
                .unwrap_or_default();
            let detail =
                reader.model.texts.find("en", &text).unwrap_or_else(|| {
                    format!("the condition of `{}` does not hold: {}", transition.name, guard.source())
                });
            Err(Refusal::new(Code::GuardRefused, detail)
                .with("transition", &*transition.name)
                .with("text", text)
                .into())
        }
    }
}

fn unknown(object: &Object, lifecycle: &Lifecycle, name: &str) -> Refusal {
    let hint = suggest::hint(name, lifecycle.transitions.iter().map(|transition| &*transition.name));
    Refusal::new(Code::UnknownTransition, format!("`{}` has no transition `{name}`; {hint}", object.name))
        .with("transition", name)
        .with("object", &*object.name)
}
