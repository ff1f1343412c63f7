//! What accumulators count in an in-memory store. A database answers the same with its filters.

use super::memory::Memory;
use super::rows;
use crate::facts::{Counted, CountedOf, TotalQuery};
use crate::model::Model;
use crate::moment::Date;
use crate::record::Record;
use crate::settlement::accumulator::{Source, SourceOf};
use crate::settlement::line::Line;
use crate::settlement::plan::counts_as;
use crate::value::Value;
use std::sync::Arc;
use uuid::Uuid;

impl Memory {
    /// Everything an accumulator counts under a key, in the order of business date and id.
    pub(super) fn counted(&self, model: &Model, standing: &[Arc<Line>], query: &TotalQuery) -> Vec<Counted> {
        let Some(accumulator) = model.accumulators.get(&query.accumulator) else { return Vec::new() };
        let within = |date: Date| query.from <= date && date < query.until;
        let mut found = Vec::new();
        for (place, source) in accumulator.sources.iter().enumerate() {
            match &source.of {
                SourceOf::Facts { .. } => found.extend(
                    self.counted_records(model, source)
                        .filter(|(date, _)| within(*date))
                        .filter(|(_, record)| {
                            source.key.iter().zip(&query.key).all(|(slot, value)| record.values[*slot] == *value)
                        })
                        .map(|(date, record)| Counted { source: place, date, of: CountedOf::Record(record.clone()) }),
                ),
                SourceOf::Lines(name) => found.extend(
                    standing
                        .iter()
                        .filter(|line| within(line.business_date) && counts_as(&line.line, name))
                        .filter(|line| accumulator.by.iter().zip(&query.key).all(|(by, value)| has(line, by, value)))
                        .map(|line| Counted {
                            source: place,
                            date: line.business_date,
                            of: CountedOf::Line(line.clone()),
                        }),
                ),
            }
        }
        found.sort_by_key(|counted| (counted.place(), counted.source));
        found
    }

    /// The facts of a source that meet its filter, with their business dates.
    pub(super) fn counted_records<'m>(
        &'m self,
        model: &'m Model,
        source: &'m Source,
    ) -> impl Iterator<Item = (Date, &'m Arc<Record>)> {
        let (object, state) = match &source.of {
            SourceOf::Facts { object, state } => (&**object, state.as_deref()),
            SourceOf::Lines(_) => ("", None),
        };
        self.live(object)
            .filter(move |record| state.is_none_or(|state| record.state() == Some(state)))
            .filter(|record| rows::holds(self, model, &source.filter, record))
            .filter_map(|record| Some((record.values[source.day_slot?].as_date()?, record)))
    }
}

/// Whether a line has a value in a member of a key.
fn has(line: &Line, by: &str, value: &Value) -> bool {
    let is = |id: Uuid| *value == Value::Id(id);
    match by {
        "payer" => is(line.payer.id),
        "payee" => is(line.payee.id),
        "plan" => value.as_text() == Some(&*line.plan),
        "line" => value.as_text() == Some(&*line.line),
        "currency" => value.as_text() == Some(&*line.currency),
        _ => false,
    }
}
