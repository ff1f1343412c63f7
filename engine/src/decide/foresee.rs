//! What a command will ask for, told by its words alone: whoever carries out many of them fetches that beforehand and
//! asks each once. What is not foreseen is asked for in the usual way; what is foreseen in vain costs a look-up. Keys
//! come first, and the records they lead to when it is asked again.

use crate::decision::Command;
use crate::facts::{Facts, Need};
use crate::model::Model;
use crate::object::duplicate::DuplicateRule;
use crate::object::input::{self, Keys, NotYet, Read};
use crate::object::{FieldKind, Object};
use crate::record::Name;
use crate::value::Value;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

/// Adds what a command will ask for and the facts do not hold yet.
pub fn foresee(model: &Model, facts: &Facts, command: &Command, need: &mut Need) {
    match command.plain() {
        Command::Create { object, input } => {
            if let Some(object) = model.object(object) {
                of_input(model, facts, object, input, need);
                let accepts = matches!(command, Command::AcceptingDuplicates(_));
                of_duplicates(facts, object, input, accepts, need);
            }
        }
        Command::Update { object, id, input, .. } => {
            of_record(facts, object, *id, need);
            if let Some(object) = model.object(object) {
                of_input(model, facts, object, input, need);
            }
        }
        Command::Delete { object, id, .. } => {
            of_record(facts, object, *id, need);
            let key = (object.clone(), *id);
            if !facts.referrers.contains_key(&key) {
                need.referrers.insert(key);
            }
        }
        _ => {}
    }
}

fn of_record(facts: &Facts, object: &Name, id: Uuid, need: &mut Need) {
    let key = (object.clone(), id);
    if !facts.collections.contains_key(object) && !facts.records.contains_key(&key) {
        need.records.insert(key);
    }
}

/// Whom the input refers to, by id or by key.
fn of_input(model: &Model, facts: &Facts, object: &Object, input: &Map<String, Json>, need: &mut Need) {
    for (name, json) in input {
        let Some((_, field)) = object.field(name) else { continue };
        let (FieldKind::Id { to, .. } | FieldKind::Ids { to }) = &field.kind else { continue };
        let one = std::slice::from_ref(json);
        for text in json.as_array().map_or(one, Vec::as_slice).iter().filter_map(Json::as_str) {
            for target in to.iter().filter(|target| model.object(target).is_some()) {
                match Uuid::parse_str(text) {
                    Ok(id) => of_record(facts, target, id, need),
                    Err(_) => {
                        let key = (target.clone(), text.to_owned());
                        match facts.keys.get(&key) {
                            Some(Some(id)) => of_record(facts, target, *id, need),
                            Some(None) => {}
                            None => drop(need.keys.insert(key)),
                        }
                    }
                }
            }
        }
    }
}

struct NoKeys;

impl Keys for NoKeys {
    fn find(&self, _: &[Name], _: &str) -> Result<Option<Uuid>, NotYet> {
        Err(NotYet)
    }
}

/// Who looks like the record, as far as its input tells.
fn of_duplicates(facts: &Facts, object: &Object, input: &Map<String, Json>, accepts: bool, need: &mut Need) {
    let asked = |rule: &&DuplicateRule| !(accepts && rule.action == crate::definition::object::DuplicateAction::Warn);
    let mut values: Option<Vec<Value>> = None;
    for rule in object.duplicates.iter().filter(asked) {
        let values = values.get_or_insert_with(|| vec![Value::Null; object.fields.len()]);
        for (slot, _) in &rule.parts {
            let field = &object.fields[*slot];
            if let Some(json) = input.get(&*field.name)
                && let Read::Value(value) = input::read(field, json, "", "", &NoKeys)
            {
                values[*slot] = value;
            }
        }
        if let Some(key) = rule.key(values) {
            let key = (object.name.clone(), rule.name.clone(), key);
            if !facts.duplicates.contains_key(&key) {
                need.duplicates.insert(key);
            }
        }
    }
}
