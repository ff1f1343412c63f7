//! Formulas that are computed when a record is read: over the record as it is, what it refers to, and the moment of
//! reading. Nothing of them is kept. What cannot be computed is empty, for it must not keep a record from being read.

use crate::decide::{Halt, fitted};
use crate::env::{Reader, RecordEnv};
use crate::object::Object;
use crate::record::Record;
use crate::value::Value;
use std::collections::BTreeSet;

/// The slots that what is computed for some slots is made from, these included.
pub fn with_reads(object: &Object, slots: &mut BTreeSet<usize>) {
    // Each formula stands behind those it reads: from the end on, everything is found in one pass.
    for slot in object.live_order.iter().rev() {
        if slots.contains(slot)
            && let Some(reads) = object.live_reads.get(slot)
        {
            slots.extend(reads);
        }
    }
}

/// The record with its live formulas computed, those of `wanted` slots where not all are. While facts are missing, they
/// are noted with the reader.
pub fn computed(reader: &Reader<'_>, object: &Object, record: &Record, wanted: Option<&BTreeSet<usize>>) -> Record {
    let mut computed = record.clone();
    let date = reader.today();
    for slot in &object.live_order {
        let field = &object.fields[*slot];
        let Some(formula) = field.formula.as_ref().filter(|_| wanted.is_none_or(|wanted| wanted.contains(slot))) else {
            continue;
        };
        let values = &computed.values;
        let env = RecordEnv::of(reader, object, values, date);
        let value = env.eval(formula).map_err(Halt::from);
        let value = value.and_then(|value| fitted(reader, object, values, field, value));
        computed.values[*slot] = value.unwrap_or(Value::Null);
    }
    computed
}
