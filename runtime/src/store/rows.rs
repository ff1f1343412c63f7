//! Records beside others: the rows that records own, and records by their ids. One statement for a whole page, within
//! the caller's rows.

use super::column::Layout;
use super::filter::ROOT;
use super::list::{Life, Within, order, push_order};
use super::sql::Datum;
use super::{Scope, Store, StoreError};
use packwork_engine::model::Model;
use packwork_engine::query::{Filter, Sort};
use packwork_engine::record::{Name, Record, slot};
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// Live owned rows of several records.
#[derive(Clone, Debug, Default)]
pub struct RowsQuery {
    /// The object of the rows.
    pub object: Name,
    pub parents: Vec<Uuid>,
    pub sort: Vec<Sort>,
    /// Rows of each parent; absent for all.
    pub limit: Option<u32>,
    /// The slots that are wanted; absent for all.
    pub slots: Option<BTreeSet<usize>>,
}

impl Store {
    /// The rows of each parent in their order, one parent after the other.
    pub async fn rows_of(
        &self,
        scope: &Scope,
        model: &Model,
        query: &RowsQuery,
    ) -> Result<Vec<Arc<Record>>, StoreError> {
        self.check(scope)?;
        if query.parents.is_empty() {
            return Ok(Vec::new());
        }
        let slots = query.slots.as_ref().map(|slots| slots.iter().copied().chain([slot::PARENT]).collect());
        let layout = Layout::of(model, &query.object)?.reading(slots.as_ref());
        let mut within = Within::new(scope, model, &query.object, &Filter::All, Life::Live)?;
        let order = order(&mut within, &query.sort)?;
        let mut connection = self.reader().await?;
        let mut sql = layout.sql(connection.dialect());
        sql.push("SELECT ").push(&layout.select_list(ROOT)).push(" FROM (SELECT ").push(&layout.select_list(ROOT));
        sql.push(", row_number() OVER (PARTITION BY t.f_item_of");
        push_order(&mut sql, &order);
        sql.push(") AS place");
        within.push_from_where(&mut sql)?;
        sql.push(" AND ").any_of("t.f_item_of", Datum::Ids(query.parents.clone()));
        sql.push(") AS t");
        if let Some(limit) = query.limit {
            sql.push(" WHERE t.place <= ").bind(Datum::Int(i64::from(limit)));
        }
        sql.push(" ORDER BY t.f_item_of, t.place");
        let rows = connection.rows("listing owned rows", sql, &layout.kinds()).await?;
        rows.into_iter().map(|row| layout.decode(row)).collect()
    }

    /// The live records of an object among these ids that the caller may read, in no particular order.
    pub async fn by_ids(
        &self,
        scope: &Scope,
        model: &Model,
        object: &str,
        ids: &[Uuid],
        slots: Option<&BTreeSet<usize>>,
    ) -> Result<Vec<Arc<Record>>, StoreError> {
        self.check(scope)?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let layout = Layout::of(model, object)?.reading(slots);
        let within = Within::new(scope, model, object, &Filter::All, Life::Live)?;
        let mut connection = self.reader().await?;
        let mut sql = layout.sql(connection.dialect());
        sql.push("SELECT ").push(&layout.select_list(ROOT));
        within.push_from_where(&mut sql)?;
        sql.push(" AND ").any_of("t.f_id", Datum::Ids(ids.to_vec()));
        let rows = connection.rows("reading records by id", sql, &layout.kinds()).await?;
        rows.into_iter().map(|row| layout.decode(row)).collect()
    }

    /// The live owned rows of a record, in their order.
    pub async fn children(
        &self,
        scope: &Scope,
        model: &Model,
        child: &str,
        parent: Uuid,
    ) -> Result<Vec<Arc<Record>>, StoreError> {
        let sort = vec![Sort::by(slot::POSITION, false)];
        let query = RowsQuery { object: child.into(), parents: vec![parent], sort, ..RowsQuery::default() };
        self.rows_of(scope, model, &query).await
    }
}
