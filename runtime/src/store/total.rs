//! What accumulators count: facts and lines under a key, with their filters as the database's. Row rules do not apply: a
//! decision sees everything.

use super::column::Layout;
use super::connection::Connection;
use super::filter::ROOT;
use super::list::{Life, Within};
use super::sql::{Datum, Sql};
use super::{Scope, StoreError, line};
use packwork_engine::facts::{Counted, CountedOf, Facts, TotalQuery};
use packwork_engine::model::Model;
use packwork_engine::query::{Comparison, Filter, FilterPath};
use packwork_engine::record::{Name, slot};
use packwork_engine::settlement::accumulator::{Source, SourceOf};
use packwork_engine::settlement::plan::{DERIVED, counts_as};
use packwork_engine::value::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Adds everything asked for to the facts, each total in the order of business date and id.
pub(super) async fn fetch(
    connection: &mut Connection,
    model: &Model,
    wanted: &BTreeSet<TotalQuery>,
    facts: &mut Facts,
) -> Result<(), StoreError> {
    for query in wanted {
        let Some(accumulator) = model.accumulators.get(&query.accumulator) else { continue };
        let mut found = Vec::new();
        for (place, source) in accumulator.sources.iter().enumerate() {
            match &source.of {
                SourceOf::Facts { object, state } => {
                    let filter = within(source, state.as_ref(), query);
                    found.extend(records(connection, model, object, source, place, &filter).await?);
                }
                SourceOf::Lines(name) => {
                    found.extend(lines(connection, &accumulator.by, name, place, query).await?);
                }
            }
        }
        found.sort_by_key(|counted| (counted.place(), counted.source));
        facts.totals.insert(query.clone(), found);
    }
    Ok(())
}

/// The facts of a source under a key, in its state, on the days asked for.
fn within(source: &Source, state: Option<&Name>, query: &TotalQuery) -> Filter {
    let compare = |slot: usize, comparison| Filter::Compare { path: FilterPath::of(slot), comparison };
    let key = source.key.iter().zip(&query.key);
    let mut filters: Vec<Filter> = key.map(|(slot, value)| compare(*slot, Comparison::Equal(value.clone()))).collect();
    filters.extend(state.map(|state| compare(slot::STATE, Comparison::Equal(Value::Text(state.clone())))));
    let days = Comparison::Within(Value::Date(query.from), Value::Date(query.until));
    filters.extend(source.day_slot.map(|slot| compare(slot, days)));
    filters.push(source.filter.clone());
    Filter::And(filters)
}

async fn records(
    connection: &mut Connection,
    model: &Model,
    object: &Name,
    source: &Source,
    place: usize,
    filter: &Filter,
) -> Result<Vec<Counted>, StoreError> {
    let layout = Layout::of(model, object)?;
    let within = Within::new(&Scope::system(""), model, object, filter, Life::Live)?;
    let mut sql = layout.sql(connection.dialect());
    sql.push("SELECT ").push(&layout.select_list(ROOT));
    within.push_from_where(&mut sql)?;
    let mut found = Vec::new();
    for row in connection.rows("reading what counts", sql, &layout.kinds()).await? {
        let record = layout.decode(row)?;
        let date = source.day_slot.and_then(|slot| record.values[slot].as_date());
        found.extend(date.map(|date| Counted { source: place, date, of: CountedOf::Record(record) }));
    }
    Ok(found)
}

/// Standing lines with an id, and what is derived from them; what pays accrued lines counts under its own name only, and
/// what rounds the tax of a statement does not count.
async fn lines(
    connection: &mut Connection,
    by: &[Name],
    name: &Name,
    place: usize,
    query: &TotalQuery,
) -> Result<Vec<Counted>, StoreError> {
    let (text, kinds) = line::select();
    let mut sql = Sql::new(connection.dialect());
    let stands = line::standing(sql.dialect);
    sql.push(&text).push(stands);
    // Which of the derived ones count is asked of the lines found.
    let derived = format!("{name}{DERIVED}");
    let binds = vec![Datum::Text(name.clone()), Datum::text(&derived), Datum::text(&derived)];
    sql.with(" AND (l.line = ? OR substr(l.line, 1, length(?)) = ?)", binds);
    sql.push(" AND l.business_date >= ").bind(Datum::Date(query.from));
    sql.push(" AND l.business_date < ").bind(Datum::Date(query.until));
    for (member, value) in by.iter().zip(&query.key) {
        let datum = match value {
            Value::Id(id) => Datum::Id(*id),
            Value::Text(text) => Datum::Text(text.clone()),
            _ => continue,
        };
        // Only members of a line are let into a key of lines.
        sql.push(" AND l.").push(member).push(" = ").bind(datum);
    }
    sql.push(" ORDER BY l.seq");
    let rows = connection.rows("reading lines that count", sql, &kinds).await?;
    let mut counted = Vec::with_capacity(rows.len());
    for row in rows {
        let line = line::decode(row)?.line;
        if counts_as(&line.line, name) {
            let date = line.business_date;
            counted.push(Counted { source: place, date, of: CountedOf::Line(Arc::new(line)) });
        }
    }
    Ok(counted)
}
