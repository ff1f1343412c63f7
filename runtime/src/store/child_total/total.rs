//! One rollup over records that refer: what it is made of, how its totals are read in a statement, and what some of the
//! records come to.

use crate::store::StoreError;
use crate::store::aggregate::overflow;
use crate::store::column::{Layout, column};
use crate::store::connection::Connection;
use crate::store::filter::{By, Paths, ROOT};
use crate::store::sql::{Datum, Dialect, Kind, Sql};
use packwork_engine::access::Rights;
use packwork_engine::model::Model;
use packwork_engine::object::{Children, Field, FieldKind, Object, Rollup};
use packwork_engine::record::Name;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// What is made of the records that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    Count,
    Sum,
    Least,
    Greatest,
    Average,
}

impl Made {
    fn of(rollup: &Rollup) -> Made {
        match rollup {
            Rollup::Count => Made::Count,
            Rollup::Sum(_) => Made::Sum,
            Rollup::Min(_) => Made::Least,
            Rollup::Max(_) => Made::Greatest,
            Rollup::Avg(_) => Made::Average,
        }
    }

    /// Of two numbers the one that is kept.
    pub(crate) fn further(self, one: Decimal, other: Decimal) -> Decimal {
        if self == Made::Least { one.min(other) } else { one.max(other) }
    }

    /// The function that finds what is kept of many numbers.
    fn extreme(self) -> &'static str {
        if self == Made::Least { "min" } else { "max" }
    }

    pub(crate) fn is_extreme(self) -> bool {
        matches!(self, Made::Least | Made::Greatest)
    }

    pub(crate) fn adds_up(self) -> bool {
        matches!(self, Made::Sum | Made::Average)
    }
}

/// How a total is read beside the rows of its object.
#[derive(Clone, Debug)]
pub(crate) struct Total {
    key: Name,
    made: Made,
}

impl Total {
    /// Of a rollup over records that refer; nothing of any other field.
    pub(crate) fn of(field: &Field) -> Option<Total> {
        let FieldKind::Rollup { of, .. } = &field.kind else { return None };
        Some(Total { key: field.children()?.key.clone(), made: Made::of(of) })
    }

    /// The total of a row of an alias. Whom nothing refers to has no row of totals: nothing counts and adds up to zero.
    pub(crate) fn text(&self, alias: &str) -> String {
        let kept = |of: &str| {
            format!("(SELECT {of} FROM child_total AS k WHERE k.rollup = '{}' AND k.parent = {alias}.f_id)", self.key)
        };
        let zero = match self.made {
            Made::Count => format!("coalesce({}, CAST(0 AS NUMERIC))", kept("CAST(k.records AS NUMERIC)")),
            Made::Sum => format!("coalesce({}, CAST(0 AS NUMERIC))", kept("k.total")),
            Made::Least | Made::Greatest | Made::Average => return kept("k.value"),
        };
        // Behind a reference that is empty there is nobody to have a total.
        if alias == ROOT { zero } else { format!("CASE WHEN {alias}.f_id IS NOT NULL THEN {zero} END") }
    }
}

/// A rollup as moving its totals needs it.
pub(crate) struct Rolled<'m> {
    pub(crate) children: &'m Children,
    pub(crate) made: Made,
    /// Digits of the number that counts, and of what is made of it.
    pub(crate) scale: u32,
    pub(crate) digits: u32,
    /// Slots of the records that count, on which the totals depend.
    pub(crate) reads: BTreeSet<usize>,
    counting: &'m Object,
}

impl<'m> Rolled<'m> {
    pub(crate) fn of(model: &'m Model, object: &'m Object, slot: usize) -> Option<Rolled<'m>> {
        let FieldKind::Rollup { of, scale, .. } = &object.fields.get(slot)?.kind else { return None };
        let children = object.fields[slot].children()?;
        let counting = model.object(&children.object)?;
        let scale_of_number = children.number.map_or(0, |(_, scale)| scale);
        Some(Rolled {
            children,
            made: Made::of(of),
            scale: scale_of_number,
            digits: *scale,
            reads: children.reads(),
            counting,
        })
    }

    /// Those for which records of an object count.
    pub(crate) fn over(model: &'m Model, object: &str) -> impl Iterator<Item = Rolled<'m>> {
        let rollups = model.object(object).into_iter().flat_map(|object| &object.counted_by);
        rollups.filter_map(|(of, slot)| Rolled::of(model, model.object(of)?, *slot))
    }

    fn by(&self) -> String {
        format!("{ROOT}.{}", column(&self.counting.fields[self.children.by]))
    }

    /// The column of the number; a count has none.
    fn number(&self) -> Option<String> {
        self.children.number.map(|(slot, _)| format!("{ROOT}.{}", column(&self.counting.fields[slot])))
    }

    /// What the totals depend on, in words.
    pub(super) fn form(&self) -> String {
        let fields = &self.counting.fields;
        let number = self.children.number.map_or("", |(slot, _)| &*fields[slot].name);
        let filter = self.children.filter.as_ref().map(|filter| serde_json::json!(filter).to_string());
        format!(
            "{}.{} {:?} {number} {} {} {}",
            self.children.object,
            fields[self.children.by].name,
            self.made,
            self.scale,
            self.digits,
            filter.unwrap_or_default()
        )
    }

    /// The record referred to, how many count, how many have the number, their sum, and the least or the greatest.
    pub(super) fn push_columns(&self, sql: &mut Sql) {
        sql.push(&self.by()).push(", count(*), ");
        let Some(number) = self.number() else {
            sql.push("count(*), CAST(0 AS NUMERIC), CAST(NULL AS NUMERIC)");
            return;
        };
        sql.push("count(").push(&number).push("), ");
        match self.made.adds_up() {
            true => sql.push("coalesce(sum(").push(&number).push("), CAST(0 AS NUMERIC)), "),
            false => sql.push("CAST(0 AS NUMERIC), "),
        };
        match self.made.is_extreme() {
            true => sql.push(self.made.extreme()).push("(").push(&number).push(")"),
            false => sql.push("CAST(NULL AS NUMERIC)"),
        };
    }

    /// `FROM … WHERE …`: the records that count.
    pub(super) fn push_counting(&self, sql: &mut Sql, model: &Model) -> Result<(), StoreError> {
        let mut paths = Paths::new(model, &Arc::new(Rights::system()), &self.children.object)?;
        let filter = self.children.counts();
        paths.add_filter(filter, By::Model)?;
        sql.push(" FROM ");
        paths.push_from(sql)?;
        sql.push(" WHERE t.f_deleted_at IS NULL AND ").push(&self.by()).push(" IS NOT NULL AND ");
        paths.push_filter(sql, filter, By::Model)
    }

    pub(super) fn push_grouped(&self, sql: &mut Sql) {
        sql.push(" GROUP BY ").push(&self.by());
    }

    /// A statement about the records that count.
    pub(super) fn sql(&self, dialect: Dialect, model: &Model) -> Result<Sql, StoreError> {
        Ok(Layout::of(model, &self.children.object)?.sql(dialect))
    }
}

/// What some records come to for one that they refer to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Counted {
    pub(crate) records: i64,
    pub(crate) filled: i64,
    pub(crate) total: Decimal,
    /// The least or the greatest number, where the rollup keeps that.
    pub(crate) extreme: Option<Decimal>,
}

/// What these records come to, as they stand now: by the record they refer to.
pub(crate) async fn counted(
    connection: &mut Connection,
    model: &Model,
    rollup: &Rolled<'_>,
    ids: Vec<Uuid>,
) -> Result<BTreeMap<Uuid, Counted>, StoreError> {
    among(connection, model, rollup, "t.f_id", ids).await
}

/// What all records that refer to some come to.
pub(crate) async fn counted_for(
    connection: &mut Connection,
    model: &Model,
    rollup: &Rolled<'_>,
    parents: Vec<Uuid>,
) -> Result<BTreeMap<Uuid, Counted>, StoreError> {
    among(connection, model, rollup, &rollup.by(), parents).await
}

async fn among(
    connection: &mut Connection,
    model: &Model,
    rollup: &Rolled<'_>,
    column: &str,
    ids: Vec<Uuid>,
) -> Result<BTreeMap<Uuid, Counted>, StoreError> {
    let mut found = BTreeMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let mut sql = rollup.sql(connection.dialect(), model)?;
    sql.push("SELECT ");
    rollup.push_columns(&mut sql);
    rollup.push_counting(&mut sql, model)?;
    sql.push(" AND ").any_of(column, Datum::Ids(ids));
    rollup.push_grouped(&mut sql);
    let number = Kind::Decimal(rollup.scale);
    let kinds = [Kind::Id, Kind::Int, Kind::Int, number, number];
    for row in connection.rows("adding up what refers", sql, &kinds).await.map_err(overflow)? {
        let [Datum::Id(parent), Datum::Int(records), Datum::Int(filled), total, extreme] = &row[..] else { continue };
        let number = |datum: &Datum| if let Datum::Decimal(number, _) = datum { Some(*number) } else { None };
        let total = number(total).unwrap_or_default();
        let counted = Counted { records: *records, filled: *filled, total, extreme: number(extreme) };
        found.insert(*parent, counted);
    }
    Ok(found)
}

/// The least or the greatest number of all that refer to each of some records.
pub(crate) async fn extremes(
    connection: &mut Connection,
    model: &Model,
    rollup: &Rolled<'_>,
    parents: &BTreeSet<Uuid>,
) -> Result<BTreeMap<Uuid, Decimal>, StoreError> {
    let counted = counted_for(connection, model, rollup, parents.iter().copied().collect()).await?;
    Ok(counted.into_iter().filter_map(|(parent, counted)| Some((parent, counted.extreme?))).collect())
}

/// Writes values of totals that are there.
pub(super) async fn set_values(
    connection: &mut Connection,
    key: &Name,
    digits: u32,
    values: &BTreeMap<Uuid, Option<Decimal>>,
) -> Result<(), StoreError> {
    if values.is_empty() {
        return Ok(());
    }
    let mut sql = Sql::new(connection.dialect());
    sql.push("UPDATE child_total SET value = v.column2 FROM (VALUES ");
    for (index, (parent, value)) in values.iter().enumerate() {
        let value = value.map_or(Datum::Null(Kind::Decimal(digits)), |value| Datum::Decimal(value, digits));
        sql.push(if index == 0 { "" } else { ", " }).with("(?, ?)", vec![Datum::Id(*parent), value]);
    }
    sql.push(") AS v WHERE child_total.rollup = ").bind(Datum::Text(key.clone()));
    sql.push(" AND child_total.parent = v.column1");
    connection.execute("writing values of totals", sql).await.map(|_| ())
}
