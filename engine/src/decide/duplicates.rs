//! Records that look like others. Warnings are for new records: whoever creates one is asked. What blocks stands in the
//! way of every change that makes a record look like another one.

use super::Halt;
use super::draft::{Draft, is_echo};
use crate::codes::Code;
use crate::decision::Context;
use crate::definition::object::DuplicateAction;
use crate::env::Reader;
use crate::facts::{Facts, Need};
use crate::model::Model;
use crate::object::Object;
use crate::object::duplicate::{CANDIDATES_MAX, DuplicateRule};
use crate::record::slot;
use crate::refusal::Refusal;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

/// Records that look like one, by a rule.
#[derive(Clone, Debug)]
pub struct Alike<'m> {
    pub rule: &'m DuplicateRule,
    pub records: Vec<Uuid>,
}

/// Refuses a record that looks like others where a rule says so.
pub fn check(draft: &Draft<'_, '_>) -> Result<(), Halt> {
    let (reader, object) = (draft.reader, draft.object);
    let former = draft.former.as_ref().filter(|former| !former.is_deleted());
    let mut found = Vec::new();
    let mut waiting = false;
    for rule in &object.duplicates {
        if rule.action == DuplicateAction::Warn && (draft.former.is_some() || reader.accepts_duplicates) {
            continue;
        }
        let Some(key) = rule.key(&draft.values) else { continue };
        // What looked alike before is no reason to refuse another change.
        if former.and_then(|former| rule.key(&former.values)).is_some_and(|before| before == key) {
            continue;
        }
        match candidates(reader, object, rule, key, draft.values[slot::ID].as_id()) {
            Some(records) if records.is_empty() => {}
            Some(records) => found.push(Alike { rule, records }),
            None => waiting = true,
        }
    }
    if waiting {
        return Err(Halt::Missing);
    }
    if found.is_empty() { Ok(()) } else { Err(refusal(object, &found).into()) }
}

/// Live records with a key, but for the one that asks; `None` where they are still to be fetched.
fn candidates(
    reader: &Reader<'_>,
    object: &Object,
    rule: &DuplicateRule,
    key: String,
    own: Option<Uuid>,
) -> Option<Vec<Uuid>> {
    let key = (object.name.clone(), rule.name.clone(), key);
    let Some(records) = reader.facts.duplicates.get(&key) else {
        reader.need(|need| {
            need.duplicates.insert(key);
        });
        return None;
    };
    Some(records.iter().copied().filter(|id| Some(*id) != own).take(CANDIDATES_MAX).collect())
}

fn refusal(object: &Object, found: &[Alike<'_>]) -> Refusal {
    let blocked = found.iter().any(|alike| alike.rule.action == DuplicateAction::Block);
    let rules: Vec<&str> = found.iter().map(|alike| &*alike.rule.name).collect();
    let (code, what) = match blocked {
        true => (Code::DuplicateRecord, "the record looks like another one, which is not allowed"),
        false => (Code::PossibleDuplicate, "the record looks like another one"),
    };
    let data: Vec<Json> = found
        .iter()
        .map(|alike| json!({"rule": &*alike.rule.name, "action": alike.rule.action, "records": alike.records}))
        .collect();
    Refusal::new(code, format!("{what}: {}", rules.join(", "))).with("object", &*object.name).with("data", data)
}

/// Who looks like a record with these values: a new one, or one that is there as it would become. Values that cannot be
/// read are left out: whoever fills a form is asked before it is complete. What is missing is needed first.
pub fn alike<'m>(
    model: &'m Model,
    facts: &Facts,
    context: &Context,
    object: &'m Object,
    id: Option<Uuid>,
    input: &Map<String, Json>,
) -> Result<Vec<Alike<'m>>, Box<Need>> {
    let reader = Reader::new(model, facts, context);
    let mut draft = match id {
        None => Draft::new(&reader, object, Uuid::nil()),
        Some(id) => match reader.record(&object.name, id) {
            Ok(Some(record)) => Draft::of(&reader, object, record),
            Ok(None) => return Ok(Vec::new()),
            Err(_) => return Err(Box::new(reader.needs())),
        },
    };
    let known = |name: &String| object.field(name).is_some() && !is_echo(object, name);
    let input: Map<String, Json> =
        input.iter().filter(|(name, _)| known(name)).map(|(name, json)| (name.clone(), json.clone())).collect();
    draft.read(&input, &[]);
    if id.is_none() {
        draft.defaults(None);
    }
    draft.formulas(reader.today());
    let mut found = Vec::new();
    for rule in &object.duplicates {
        let Some(key) = rule.key(&draft.values) else { continue };
        let records = candidates(&reader, object, rule, key, id).unwrap_or_default();
        if !records.is_empty() {
            found.push(Alike { rule, records });
        }
    }
    let needs = reader.needs();
    if needs.is_empty() { Ok(found) } else { Err(Box::new(needs)) }
}
