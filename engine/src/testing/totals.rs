//! Rollups over records that refer, in memory: counted anew whenever a record is read.

use super::memory::Memory;
use super::rows::holds;
use crate::decision::Context;
use crate::env::Reader;
use crate::facts::{Facts, ROUNDS_MAX};
use crate::live;
use crate::model::Model;
use crate::money::Money;
use crate::object::{Children, CurrencySource, FieldKind, Rollup};
use crate::record::Record;
use crate::settlement::rounding::{Rounding, round};
use crate::value::Value;
use rust_decimal::Decimal;
use std::sync::Arc;

/// A record as it is read: with what refers to it.
pub fn with_totals(memory: &Memory, model: &Model, record: &Arc<Record>) -> Arc<Record> {
    let Some(object) = model.object(&record.object).filter(|object| object.has_totals) else { return record.clone() };
    let mut filled = Record::clone(record);
    for (slot, field) in object.fields.iter().enumerate() {
        let (Some(children), FieldKind::Rollup { of, scale, money, .. }) = (field.children(), &field.kind) else {
            continue;
        };
        let total = total(memory, model, children, record, (of, *scale));
        filled.values[slot] = match (total, money) {
            (None, _) => Value::Null,
            (Some(total), Some(CurrencySource::Fixed(currency))) => Value::Money(Money::new(total, currency)),
            (Some(total), _) => Value::Decimal(total),
        };
    }
    Arc::new(filled)
}

/// A record as people read it: with what refers to it, and what is computed on reading.
pub fn as_read(memory: &Memory, model: &Model, record: &Arc<Record>, context: &Context) -> Arc<Record> {
    let mut read = with_totals(memory, model, record);
    let Some(object) = model.object(&record.object).filter(|object| !object.live_order.is_empty()) else { return read };
    let (mut facts, mut memory) = (Facts::default(), memory.clone());
    for _ in 0..ROUNDS_MAX {
        let reader = Reader::new(model, &facts, context);
        read = Arc::new(live::computed(&reader, object, &read, None));
        let need = reader.needs();
        if need.is_empty() {
            break;
        }
        memory.fetch(model, &need, &mut facts);
    }
    read
}

fn total(
    memory: &Memory,
    model: &Model,
    children: &Children,
    parent: &Record,
    (of, scale): (&Rollup, u32),
) -> Option<Decimal> {
    let refers = |row: &&Arc<Record>| row.values[children.by] == Value::Id(parent.id());
    let counts = |row: &&Arc<Record>| holds(memory, model, children.counts(), row);
    let rows: Vec<&Arc<Record>> = memory.live(&children.object).filter(refers).filter(counts).collect();
    let number = |row: &&Arc<Record>| row.values[children.number?.0].as_decimal();
    let numbers = || rows.iter().filter_map(number);
    let sum = || numbers().sum::<Decimal>();
    match of {
        Rollup::Count => Some(rows.len().into()),
        Rollup::Sum(_) => Some(sum()),
        Rollup::Min(_) => numbers().min(),
        Rollup::Max(_) => numbers().max(),
        Rollup::Avg(_) => {
            sum().checked_div(numbers().count().into()).map(|average| round(average, scale, Rounding::HalfUp))
        }
    }
}
