//! Loading what packs bring along into an in-memory store: seeds that are no demonstration, then rows of rate tables.

use super::memory::Memory;
use crate::codes::Code;
use crate::decision::{Command, Context};
use crate::definition::seed::SeedDefinition;
use crate::definition::{Definition, Kind};
use crate::facts::Facts;
use crate::model::Model;
use crate::moment::Moment;
use crate::refusal::Refusal;
use serde_json::{Map, Value as Json};

/// A record of a pack that was refused.
#[derive(Debug, thiserror::Error)]
#[error("the record {record} of `{source_name}` was refused with {}: {}", .refusal.code, .refusal.detail)]
pub struct Error {
    /// The seed or rate table.
    pub source_name: String,
    pub record: String,
    pub refusal: Box<Refusal>,
}

/// A store with everything the packs of a model bring along, written at one moment.
pub fn seeded(model: &Model, at: Moment) -> Result<Memory, Error> {
    let mut memory = Memory::default();
    for seed in model.seeds(false) {
        plant(&mut memory, model, &seed, at)?;
    }
    for ((kind, _), (_, definition)) in &model.definitions {
        let (Kind::RateTable, Definition::RateTable(table)) = (kind, definition) else { continue };
        for row in &table.rows {
            let row: Map<String, Json> = row.clone().into_iter().collect();
            let command = Command::AddRate { table: table.name.as_str().into(), row: row.clone() };
            let context = Context { command: memory.next_command(), moment: at, actor: Default::default() };
            let written = memory.execute(model, &command, &context);
            written.map_err(|refusal| Error {
                source_name: table.name.clone(),
                record: Json::Object(row).to_string(),
                refusal,
            })?;
        }
    }
    // Cases look at what they cause themselves.
    memory.events.clear();
    Ok(memory)
}

/// Writes the records of a seed in rounds: those that refer to others of the same seed wait for the next round.
fn plant(memory: &mut Memory, model: &Model, seed: &SeedDefinition, at: Moment) -> Result<(), Error> {
    let mut waiting: Vec<&indexmap::IndexMap<String, Json>> = seed.records.iter().collect();
    while !waiting.is_empty() {
        // One reading serves a whole round; only what the round itself writes is missing in it.
        let mut facts = Facts::default();
        let mut refused = Vec::new();
        let mut first = None;
        let before = waiting.len();
        for record in waiting {
            let input = record
                .iter()
                .filter(|(name, _)| !name.starts_with('$'))
                .map(|(name, json)| (name.clone(), json.clone()))
                .collect();
            let command = Command::Create { object: seed.object.as_str().into(), input };
            let context = Context { command: memory.next_command(), moment: at, actor: Default::default() };
            facts.numbers.clear();
            match memory.execute_with(model, &command, &context, &mut facts) {
                Ok(_) => {}
                Err(refusal) if refusal.code == Code::BadReference => {
                    first.get_or_insert((record, refusal));
                    refused.push(record);
                }
                Err(refusal) => return Err(failed(seed, record, refusal)),
            }
        }
        if let Some((record, refusal)) = first.filter(|_| refused.len() == before) {
            return Err(failed(seed, record, refusal));
        }
        waiting = refused;
    }
    Ok(())
}

fn failed(seed: &SeedDefinition, record: &indexmap::IndexMap<String, Json>, refusal: Box<Refusal>) -> Error {
    let record: Map<String, Json> = record.clone().into_iter().collect();
    Error { source_name: seed.name.clone(), record: Json::Object(record).to_string(), refusal }
}
