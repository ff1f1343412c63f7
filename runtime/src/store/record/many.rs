//! Changes and removals of many records in few statements: those of one object that change the same fields go
//! together. Which of them were too late is told by which ids come back.

use super::{Change, UniqueMove, constraint_refusal, encoded, remove, stale, unique_move, update};
use crate::store::StoreError;
use crate::store::column::Layout;
use crate::store::connection::Connection;
use crate::store::sql::{Datum, Kind, Sql};
use packwork_engine::model::Model;
use packwork_engine::record::Name;
use packwork_engine::refusal::Refusal;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Rows of one statement: few sizes, so that few are prepared. What is left goes one by one.
const CHUNKS: [usize; 2] = [128, 16];

/// Carries out changes. Where a unique value may move from one record to another, they keep their order.
pub(super) async fn update_all(
    connection: &mut Connection,
    model: &Model,
    changes: &[Change<'_>],
) -> Result<Option<Refusal>, StoreError> {
    let mut alike: BTreeMap<(&Name, Vec<usize>), Vec<&Change<'_>>> = BTreeMap::new();
    let mut alone: Vec<&Change<'_>> = Vec::new();
    for change in changes {
        match unique_move(model, &change.record.object, change.record, change.changed) {
            UniqueMove::Takes => alone.push(change),
            _ => alike.entry((&change.record.object, change.slots())).or_default().push(change),
        }
    }
    for ((object, slots), changes) in alike {
        let layout = Layout::of(model, object)?;
        let mut left = &changes[..];
        while let Some(size) = CHUNKS.into_iter().find(|size| *size <= left.len()) {
            let (now, later) = left.split_at(size);
            if let Some(refusal) = update_together(connection, &layout, &slots, now).await? {
                return Ok(Some(refusal));
            }
            left = later;
        }
        for change in left {
            if let Some(refusal) = update(connection, model, change).await? {
                return Ok(Some(refusal));
            }
        }
    }
    for change in alone {
        if let Some(refusal) = update(connection, model, change).await? {
            return Ok(Some(refusal));
        }
    }
    Ok(None)
}

async fn update_together(
    connection: &mut Connection,
    layout: &Layout<'_>,
    slots: &[usize],
    changes: &[&Change<'_>],
) -> Result<Option<Refusal>, StoreError> {
    let columns: Vec<&str> = slots
        .iter()
        .flat_map(|slot| layout.columns().iter().filter(move |column| column.slot == *slot))
        .map(|column| column.name.as_str())
        .collect();
    let table = layout.table();
    let mut sql = layout.sql(connection.dialect());
    sql.push("UPDATE ").push(table).push(" SET ");
    for (index, column) in columns.iter().enumerate() {
        sql.push(if index == 0 { "" } else { ", " }).push(column).push(" = v.column").number(index + 3);
    }
    sql.push(" FROM (VALUES ");
    let mut errors = Vec::new();
    for (index, change) in changes.iter().enumerate() {
        let mut row = vec![Datum::Id(change.record.id()), version(change.expected)];
        row.extend(encoded(layout, change.record, slots, &mut errors));
        push_row(&mut sql, index, row);
    }
    if !errors.is_empty() {
        return Ok(Some(Refusal::of_fields(errors)));
    }
    sql.push(") AS v WHERE ").push(table).push(".f_id = v.column1 AND ").push(table);
    sql.push(".f_version = v.column2 RETURNING ").push(table).push(".f_id");
    let done = match connection.rows("changing records", sql, &[Kind::Id]).await {
        Ok(rows) => ids(rows),
        Err(error) => return constraint_refusal(layout, Err(error)),
    };
    match changes.iter().find(|change| !done.contains(&change.record.id())) {
        None => Ok(None),
        Some(late) => stale(connection, layout, late.record.id(), Some((late.record, late.changed))).await.map(Some),
    }
}

/// Removes owned rows, each while its version is the expected one.
pub(super) async fn remove_all(
    connection: &mut Connection,
    model: &Model,
    object: &Name,
    rows: &[(Uuid, i64)],
) -> Result<Option<Refusal>, StoreError> {
    let layout = Layout::of(model, object)?;
    let mut left = rows;
    while let Some(size) = CHUNKS.into_iter().find(|size| *size <= left.len()) {
        let (now, later) = left.split_at(size);
        let mut sql = layout.sql(connection.dialect());
        sql.push("DELETE FROM ").push(layout.table()).push(" WHERE (f_id, f_version) IN (VALUES ");
        for (index, (id, expected)) in now.iter().enumerate() {
            push_row(&mut sql, index, vec![Datum::Id(*id), version(*expected)]);
        }
        sql.push(") RETURNING f_id");
        let done = ids(connection.rows("removing owned rows", sql, &[Kind::Id]).await?);
        if let Some((late, _)) = now.iter().find(|(id, _)| !done.contains(id)) {
            return stale(connection, &layout, *late, None).await.map(Some);
        }
        left = later;
    }
    for (id, expected) in left {
        if let Some(refusal) = remove(connection, &layout, *id, *expected).await? {
            return Ok(Some(refusal));
        }
    }
    Ok(None)
}

fn version(expected: i64) -> Datum {
    Datum::Decimal(Decimal::from(expected), 0)
}

fn push_row(sql: &mut Sql, index: usize, row: Vec<Datum>) {
    sql.push(if index == 0 { "(" } else { ", (" });
    for (place, datum) in row.into_iter().enumerate() {
        sql.push(if place == 0 { "" } else { ", " }).bind(datum);
    }
    sql.push(")");
}

fn ids(rows: Vec<Vec<Datum>>) -> BTreeSet<Uuid> {
    let id = |row: Vec<Datum>| match row.first() {
        Some(Datum::Id(id)) => Some(*id),
        _ => None,
    };
    rows.into_iter().filter_map(id).collect()
}
