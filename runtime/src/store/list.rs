//! Reading records: lists, counts, single ones, within the caller's rows.

use super::column::{self, Layout};
use super::connection::Connection;
use super::filter::{Paths, ROOT};
use super::sql::{Datum, Kind, Sql};
use super::{Scope, Store, StoreError};
use packwork_engine::model::Model;
use packwork_engine::object::{Field, Object};
use packwork_engine::query::{Filter, ListQuery, Sort};
use packwork_engine::record::{Name, Record, slot};
use packwork_engine::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Which records by deletion.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Life {
    Live,
    Deleted,
    Any,
}

/// The caller's rows that meet a filter: what every read of records starts from.
pub(super) struct Within<'m> {
    paths: Paths<'m>,
    filter: Filter,
    life: Life,
}

impl<'m> Within<'m> {
    pub(super) fn new(
        scope: &Scope,
        model: &'m Model,
        object: &str,
        filter: &Filter,
        life: Life,
    ) -> Result<Within<'m>, StoreError> {
        let filter = Filter::And(vec![scope.rights.rows(object), filter.clone()]);
        let mut paths = Paths::new(model, object)?;
        paths.add_filter(&filter)?;
        Ok(Within { paths, filter, life })
    }

    pub(super) fn paths(&mut self) -> &mut Paths<'m> {
        &mut self.paths
    }

    /// `FROM … WHERE …`, to which further conditions can be added with `AND`.
    pub(super) fn push_from_where(&self, sql: &mut Sql) -> Result<(), StoreError> {
        sql.push(" FROM ");
        self.paths.push_from(sql);
        sql.push(" WHERE ");
        match self.life {
            Life::Live => sql.push("t.f_deleted_at IS NULL AND "),
            Life::Deleted => sql.push("t.f_deleted_at IS NOT NULL AND "),
            Life::Any => sql,
        };
        self.paths.push_filter(sql, &self.filter)
    }
}

impl Store {
    pub async fn list(&self, scope: &Scope, model: &Model, query: &ListQuery) -> Result<Vec<Arc<Record>>, StoreError> {
        self.check(scope)?;
        let layout = Layout::of(model, &query.object)?;
        let mut connection = self.reader().await?;
        let mut sql = layout.sql(connection.dialect());
        sql.push("SELECT ").push(&layout.select_list(ROOT));
        push_page(&mut sql, scope, model, query)?;
        let rows = connection.rows("listing records", sql, &layout.kinds()).await?;
        rows.into_iter().map(|row| layout.decode(row)).collect()
    }

    /// The ids a list would give.
    pub async fn ids(&self, scope: &Scope, model: &Model, query: &ListQuery) -> Result<Vec<Uuid>, StoreError> {
        self.check(scope)?;
        let layout = Layout::of(model, &query.object)?;
        let mut connection = self.reader().await?;
        let mut sql = layout.sql(connection.dialect());
        sql.push("SELECT t.f_id");
        push_page(&mut sql, scope, model, query)?;
        let rows = connection.rows("listing ids", sql, &[Kind::Id]).await?;
        Ok(rows.into_iter().filter_map(first_id).collect())
    }

    /// How many live records meet the filter; counting stops at `cap`.
    pub async fn count(
        &self,
        scope: &Scope,
        model: &Model,
        object: &str,
        filter: &Filter,
        cap: Option<u32>,
    ) -> Result<u64, StoreError> {
        self.check(scope)?;
        let layout = Layout::of(model, object)?;
        let within = Within::new(scope, model, object, filter, Life::Live)?;
        let mut connection = self.reader().await?;
        let mut sql = layout.sql(connection.dialect());
        match cap {
            None => {
                sql.push("SELECT count(*)");
                within.push_from_where(&mut sql)?;
            }
            Some(cap) => {
                sql.push("SELECT count(*) FROM (SELECT 1");
                within.push_from_where(&mut sql)?;
                sql.push(" LIMIT ").bind(Datum::Int(i64::from(cap))).push(") AS counted");
            }
        }
        count_of(connection.row("counting records", sql, &[Kind::Int]).await?)
    }

    /// One record, deleted or not, if the caller may see it.
    pub async fn get(
        &self,
        scope: &Scope,
        model: &Model,
        object: &str,
        id: Uuid,
    ) -> Result<Option<Arc<Record>>, StoreError> {
        self.check(scope)?;
        let layout = Layout::of(model, object)?;
        let within = Within::new(scope, model, object, &Filter::All, Life::Any)?;
        let mut connection = self.reader().await?;
        let mut sql = layout.sql(connection.dialect());
        sql.push("SELECT ").push(&layout.select_list(ROOT));
        within.push_from_where(&mut sql)?;
        sql.push(" AND t.f_id = ").bind(Datum::Id(id));
        let row = connection.row("reading a record", sql, &layout.kinds()).await?;
        row.map(|row| layout.decode(row)).transpose()
    }

    /// The live record with this value in the object's key field.
    pub async fn by_key(
        &self,
        scope: &Scope,
        model: &Model,
        object: &str,
        key: &str,
    ) -> Result<Option<Uuid>, StoreError> {
        self.check(scope)?;
        let layout = Layout::of(model, object)?;
        let Some(key_slot) = layout.object.key else { return Ok(None) };
        let within = Within::new(scope, model, object, &Filter::All, Life::Live)?;
        let mut connection = self.reader().await?;
        let mut sql = layout.sql(connection.dialect());
        sql.push("SELECT t.f_id");
        within.push_from_where(&mut sql)?;
        let name = column::column(&layout.object.fields[key_slot]);
        sql.push(" AND t.").push(&name).push(" = ").bind(Datum::text(key));
        Ok(connection.row("finding a record by its key", sql, &[Kind::Id]).await?.and_then(first_id))
    }

    /// Which of these records the caller may see and are live.
    pub async fn visible(
        &self,
        scope: &Scope,
        model: &Model,
        object: &str,
        ids: Vec<Uuid>,
    ) -> Result<BTreeSet<Uuid>, StoreError> {
        self.check(scope)?;
        if ids.is_empty() {
            return Ok(BTreeSet::new());
        }
        let layout = Layout::of(model, object)?;
        let within = Within::new(scope, model, object, &Filter::All, Life::Live)?;
        let mut connection = self.reader().await?;
        let mut sql = layout.sql(connection.dialect());
        sql.push("SELECT t.f_id");
        within.push_from_where(&mut sql)?;
        sql.push(" AND ").any_of("t.f_id", Datum::Ids(ids));
        let rows = connection.rows("finding records by id", sql, &[Kind::Id]).await?;
        Ok(rows.into_iter().filter_map(first_id).collect())
    }

    /// The live owned rows of a record, in their order.
    pub async fn children(
        &self,
        scope: &Scope,
        model: &Model,
        child: &str,
        parent: Uuid,
    ) -> Result<Vec<Arc<Record>>, StoreError> {
        self.check(scope)?;
        let layout = Layout::of(model, child)?;
        let within = Within::new(scope, model, child, &Filter::All, Life::Live)?;
        let mut connection = self.reader().await?;
        let mut sql = layout.sql(connection.dialect());
        sql.push("SELECT ").push(&layout.select_list(ROOT));
        within.push_from_where(&mut sql)?;
        sql.push(" AND t.f_item_of = ").bind(Datum::Id(parent)).push(" ORDER BY t.f_item_rank, t.f_id");
        let rows = connection.rows("listing owned rows", sql, &layout.kinds()).await?;
        rows.into_iter().map(|row| layout.decode(row)).collect()
    }

    /// What names these records to people, one query per object. Row rules do not apply: a reference's title is part of
    /// the record that refers. What does not exist is absent.
    pub async fn titles(
        &self,
        scope: &Scope,
        model: &Model,
        of: &BTreeSet<(Name, Uuid)>,
    ) -> Result<BTreeMap<(Name, Uuid), String>, StoreError> {
        self.check(scope)?;
        let mut titles = BTreeMap::new();
        if of.is_empty() {
            return Ok(titles);
        }
        let mut connection = self.reader().await?;
        for (object, ids) in super::facts::by_object(of) {
            let Ok(layout) = Layout::of(model, &object) else { continue };
            let display = &layout.object.fields[layout.object.display];
            let Some(kind) = column::kind(display) else { continue };
            let mut sql = layout.sql(connection.dialect());
            sql.push("SELECT f_id, ").push(&column::column(display)).push(" FROM ").push(&layout.table());
            sql.push(" WHERE ").any_of("f_id", Datum::Ids(ids));
            for row in connection.rows("reading titles", sql, &[Kind::Id, kind]).await? {
                let [Datum::Id(id), datum] = <[Datum; 2]>::try_from(row).map_err(|_| short_row())? else { continue };
                titles.insert((object.clone(), id), title(display, datum)?);
            }
        }
        Ok(titles)
    }
}

pub(super) fn short_row() -> StoreError {
    StoreError::Corrupt { place: "a row".into(), cause: "it has fewer columns than asked for".into() }
}

fn title(field: &Field, datum: Datum) -> Result<String, StoreError> {
    let value = match datum {
        Datum::Decimal(number, _) => Value::Decimal(number),
        datum => column::value(field, datum, None)
            .map_err(|cause| StoreError::Corrupt { place: field.name.to_string(), cause })?,
    };
    Ok(match value.to_json() {
        serde_json::Value::String(text) => text,
        serde_json::Value::Null => String::new(),
        json => json.to_string(),
    })
}

pub(super) fn first_id(row: Vec<Datum>) -> Option<Uuid> {
    match row.into_iter().next() {
        Some(Datum::Id(id)) => Some(id),
        _ => None,
    }
}

pub(super) fn count_of(row: Option<Vec<Datum>>) -> Result<u64, StoreError> {
    match row.as_deref() {
        Some([Datum::Int(count)]) => Ok(u64::try_from(*count).unwrap_or(0)),
        _ => Err(short_row()),
    }
}

/// Everything of a list query after its columns.
fn push_page(sql: &mut Sql, scope: &Scope, model: &Model, query: &ListQuery) -> Result<(), StoreError> {
    let life = if query.deleted { Life::Deleted } else { Life::Live };
    let within = Within::new(scope, model, &query.object, &query.filter, life)?;
    let object = column::object(model, &query.object)?;
    let order = order(object, &query.sort)?;
    within.push_from_where(sql)?;
    if let Some(after) = &query.after {
        push_after(sql, &order, after)?;
    }
    sql.push(" ORDER BY ");
    for (index, key) in order.iter().enumerate() {
        if index > 0 {
            sql.push(", ");
        }
        sql.push(&key.name).push(if key.descending { " DESC" } else { "" });
        // Null is the least of all, on both databases. Ids are never null.
        if key.slot != slot::ID {
            sql.push(if key.descending { " NULLS LAST" } else { " NULLS FIRST" });
        }
    }
    sql.push(" LIMIT ").bind(Datum::Int(i64::from(query.limit)));
    Ok(())
}

struct OrderKey<'m> {
    slot: usize,
    field: &'m Field,
    kind: Kind,
    name: String,
    descending: bool,
}

/// The order of a list: as asked, then by id in the direction of the last key, so that one index serves both.
fn order<'m>(object: &'m Object, sort: &[Sort]) -> Result<Vec<OrderKey<'m>>, StoreError> {
    let bad = |name: &str| StoreError::BadQuery(format!("`{name}` cannot be sorted by"));
    let mut keys: Vec<OrderKey<'m>> = Vec::with_capacity(sort.len() + 1);
    let last = sort.last().is_some_and(|sort| sort.descending);
    for sort in sort.iter().copied().chain([Sort { slot: slot::ID, descending: last }]) {
        let field = object.fields.get(sort.slot).ok_or_else(|| bad("a slot that is not there"))?;
        let kind = column::kind(field).filter(|kind| *kind != Kind::Json).ok_or_else(|| bad(&field.name))?;
        let name = format!("t.{}", column::column(field));
        keys.push(OrderKey { slot: sort.slot, field, kind, name, descending: sort.descending });
        if sort.slot == slot::ID {
            break;
        }
    }
    Ok(keys)
}

/// `AND (key after its value OR key at its value AND the next key after …)`.
fn push_after(sql: &mut Sql, order: &[OrderKey<'_>], after: &[Value]) -> Result<(), StoreError> {
    // The last value is the id's; a cursor that was made for this order has one value per key.
    if after.len() != order.len() {
        return Err(StoreError::BadQuery("the cursor belongs to another order".into()));
    }
    let mut data = Vec::with_capacity(after.len());
    for (key, value) in order.iter().zip(after) {
        let datum = column::datum(key.field, key.kind, value);
        data.push(datum.map_err(|error| StoreError::BadQuery(error.message))?);
    }
    sql.push(" AND (");
    for (index, key) in order.iter().enumerate() {
        if index > 0 {
            sql.push(" OR ");
        }
        sql.push("(");
        for (before, datum) in order.iter().zip(&data).take(index) {
            sql.push(&before.name).push(" IS NOT DISTINCT FROM ").bind(datum.clone()).push(" AND ");
        }
        match (data[index].is_null(), key.descending) {
            (true, false) => sql.push(&key.name).push(" IS NOT NULL"),
            (true, true) => sql.push("FALSE"),
            (false, false) => sql.push(&key.name).push(" > ").bind(data[index].clone()),
            (false, true) if key.slot == slot::ID => sql.push(&key.name).push(" < ").bind(data[index].clone()),
            (false, true) => {
                sql.push("(").push(&key.name).push(" < ").bind(data[index].clone());
                sql.push(" OR ").push(&key.name).push(" IS NULL)")
            }
        };
        sql.push(")");
    }
    sql.push(")");
    Ok(())
}

/// Records by id, without row rules: for decisions.
pub(super) async fn records_by_id(
    connection: &mut Connection,
    layout: &Layout<'_>,
    ids: Vec<Uuid>,
) -> Result<Vec<Arc<Record>>, StoreError> {
    let mut sql = layout.sql(connection.dialect());
    sql.push("SELECT ").push(&layout.select_list(ROOT)).push(" FROM ").push(&layout.table()).push(" AS t WHERE ");
    sql.any_of("t.f_id", Datum::Ids(ids));
    let rows = connection.rows("reading records", sql, &layout.kinds()).await?;
    rows.into_iter().map(|row| layout.decode(row)).collect()
}
