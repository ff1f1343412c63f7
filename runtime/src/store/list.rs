//! Reading records: lists, counts, single ones, within the caller's rows.

use super::column::{self, Layout};
use super::connection::Connection;
use super::filter::{By, Paths, ROOT};
use super::sql::{Datum, Dialect, Kind, Sql};
use super::{Scope, Store, StoreError};
use packwork_engine::model::Model;
use packwork_engine::object::{Field, FieldKind};
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
    rows: Filter,
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
        let rows = scope.rights.rows(object);
        let mut paths = Paths::new(model, &scope.rights, object)?;
        paths.add_filter(&rows, By::Model)?;
        paths.add_filter(filter, By::Caller)?;
        Ok(Within { paths, rows, filter: filter.clone(), life })
    }

    pub(super) fn paths(&mut self) -> &mut Paths<'m> {
        &mut self.paths
    }

    /// `FROM … WHERE …`, to which further conditions can be added with `AND`.
    pub(super) fn push_from_where(&self, sql: &mut Sql) -> Result<(), StoreError> {
        sql.push(" FROM ");
        self.paths.push_from(sql)?;
        sql.push(" WHERE ");
        match self.life {
            Life::Live => sql.push("t.f_deleted_at IS NULL AND "),
            Life::Deleted => sql.push("t.f_deleted_at IS NOT NULL AND "),
            Life::Any => sql,
        };
        if self.rows != Filter::All {
            self.paths.push_filter(sql, &self.rows, By::Model)?;
            sql.push(" AND ");
        }
        self.paths.push_filter(sql, &self.filter, By::Caller)
    }
}

/// A page of a list.
#[derive(Debug)]
pub struct ListPage {
    pub records: Vec<Arc<Record>>,
    /// Where the next page goes on: the sort values of the last record and its id; absent where this is the last page.
    pub next: Option<Vec<Value>>,
}

impl Store {
    /// The records of a page, in order.
    pub async fn list(&self, scope: &Scope, model: &Model, query: &ListQuery) -> Result<Vec<Arc<Record>>, StoreError> {
        self.check(scope)?;
        let listing = Listing::new(scope, model, query)?;
        let mut connection = self.reader().await?;
        Ok(listing.read(&mut connection, query.limit).await?.into_iter().map(|(record, _)| record).collect())
    }

    /// The same with the place where the next page begins.
    pub async fn page(&self, scope: &Scope, model: &Model, query: &ListQuery) -> Result<ListPage, StoreError> {
        self.check(scope)?;
        let listing = Listing::new(scope, model, query)?;
        let mut connection = self.reader().await?;
        // One more than asked for tells whether there is a next page.
        let mut found = listing.read(&mut connection, query.limit.saturating_add(1)).await?;
        let more = found.len() > query.limit as usize;
        found.truncate(query.limit as usize);
        let next = found.last().filter(|_| more).map(|(_, place)| place.clone());
        Ok(ListPage { records: found.into_iter().map(|(record, _)| record).collect(), next })
    }

    /// How the database would read a page, were the tables large: tells whether an index serves it.
    pub async fn plan_of(&self, scope: &Scope, model: &Model, query: &ListQuery) -> Result<String, StoreError> {
        self.check(scope)?;
        let listing = Listing::new(scope, model, query)?;
        let part = query.after.as_deref().map_or(Part::Whole, Part::After);
        let mut connection = self.reader().await?;
        let dialect = connection.dialect();
        let (explain, kinds) = match dialect {
            Dialect::Sqlite => ("EXPLAIN QUERY PLAN ", &[Kind::Int, Kind::Int, Kind::Int, Kind::Text][..]),
            Dialect::Postgres => ("EXPLAIN ", &[Kind::Text][..]),
        };
        let (sql, _) = listing.statement(Sql::of(dialect, explain, Vec::new()), query.limit, part)?;
        if dialect == Dialect::Postgres {
            // Small tables are read whole, whatever indexes they have.
            connection.script("planning", "SET enable_seqscan = off; SET enable_sort = off".to_owned()).await?;
        }
        let rows = connection.rows("planning a list", sql, kinds).await;
        if dialect == Dialect::Postgres {
            connection.script("planning", "RESET enable_seqscan; RESET enable_sort".to_owned()).await?;
        }
        let lines = rows?.into_iter().filter_map(|row| match row.into_iter().next_back() {
            Some(Datum::Text(line)) => Some(format!("{line}\n")),
            _ => None,
        });
        Ok(lines.collect())
    }

    /// The ids a list would give.
    pub async fn ids(&self, scope: &Scope, model: &Model, query: &ListQuery) -> Result<Vec<Uuid>, StoreError> {
        self.check(scope)?;
        let query = ListQuery { slots: Some(BTreeSet::new()), ..query.clone() };
        let listing = Listing::new(scope, model, &query)?;
        let mut connection = self.reader().await?;
        let found = listing.read(&mut connection, query.limit).await?;
        Ok(found.iter().map(|(record, _)| record.id()).collect())
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
        let query = ListQuery { object: object.into(), filter: filter.clone(), ..ListQuery::default() };
        self.count_list(scope, model, &query, cap).await
    }

    /// How many records a list would give in all; counting stops at `cap`.
    pub async fn count_list(
        &self,
        scope: &Scope,
        model: &Model,
        query: &ListQuery,
        cap: Option<u32>,
    ) -> Result<u64, StoreError> {
        self.check(scope)?;
        let layout = Layout::of(model, &query.object)?;
        let within = Within::new(scope, model, &query.object, &query.filter, life(query))?;
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
        // Titles are text nearly everywhere: all of them in one statement.
        let mut texts: Vec<(Name, String, Vec<Uuid>)> = Vec::new();
        for (object, ids) in super::facts::by_object(of) {
            let Ok(layout) = Layout::of(model, &object) else { continue };
            let display = &layout.object.fields[layout.object.display];
            let Some(kind) = column::kind(display) else { continue };
            let name = column::column(display);
            if kind == Kind::Text {
                texts.push((object, name, ids));
                continue;
            }
            let mut sql = layout.sql(connection.dialect());
            sql.push("SELECT f_id, ").push(&name).push(" FROM ").push(layout.table());
            sql.push(" WHERE ").any_of("f_id", Datum::Ids(ids));
            for row in connection.rows("reading titles", sql, &[Kind::Id, kind]).await? {
                let [Datum::Id(id), datum] = <[Datum; 2]>::try_from(row).map_err(|_| short_row())? else { continue };
                titles.insert((object.clone(), id), title(display, datum)?);
            }
        }
        let Some((first, ..)) = texts.first() else { return Ok(titles) };
        let mut sql = Layout::of(model, first)?.sql(connection.dialect());
        let objects: Vec<Name> = texts.iter().map(|(object, ..)| object.clone()).collect();
        for (index, (object, name, ids)) in texts.into_iter().enumerate() {
            sql.push(if index > 0 { " UNION ALL SELECT " } else { "SELECT CAST(" }).number(index);
            sql.push(if index > 0 { ", f_id, " } else { " AS BIGINT), f_id, " }).push(&name);
            sql.push(" FROM ").push(&column::table(&object)).push(" WHERE ").any_of("f_id", Datum::Ids(ids));
        }
        for row in connection.rows("reading titles", sql, &[Kind::Int, Kind::Id, Kind::Text]).await? {
            let [Datum::Int(of), Datum::Id(id), text] = <[Datum; 3]>::try_from(row).map_err(|_| short_row())? else {
                continue;
            };
            let object = usize::try_from(of).ok().and_then(|of| objects.get(of)).ok_or_else(short_row)?;
            let text = if let Datum::Text(text) = &text { text.to_string() } else { String::new() };
            titles.insert((object.clone(), id), text);
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

fn life(query: &ListQuery) -> Life {
    if query.deleted { Life::Deleted } else { Life::Live }
}

/// A list as it is asked for: selected columns, conditions, order.
struct Listing<'q> {
    query: &'q ListQuery,
    layout: Layout<'q>,
    within: Within<'q>,
    order: Vec<OrderKey<'q>>,
}

/// A record and its place in the order: the values of the sort keys, the id last.
type Placed = (Arc<Record>, Vec<Value>);

impl<'q> Listing<'q> {
    fn new(scope: &Scope, model: &'q Model, query: &'q ListQuery) -> Result<Listing<'q>, StoreError> {
        let mut within = Within::new(scope, model, &query.object, &query.filter, life(query))?;
        let order = order(&mut within, &query.sort)?;
        let own = order.iter().filter_map(|key| key.own);
        let slots = query.slots.as_ref().map(|slots| slots.iter().copied().chain(own).collect());
        let layout = Layout::of(model, &query.object)?.reading(slots.as_ref());
        Ok(Listing { query, layout, within, order })
    }

    async fn read(&self, connection: &mut Connection, limit: u32) -> Result<Vec<Placed>, StoreError> {
        let Some(after) = &self.query.after else { return self.part(connection, limit, Part::Whole).await };
        if after.len() != self.order.len() {
            return Err(StoreError::BadQuery("the cursor belongs to another order".into()));
        }
        let first = &self.order[0];
        let nulls_follow = first.descending && first.own != Some(slot::ID) && !after[0].is_null();
        if !nulls_follow {
            return self.part(connection, limit, Part::After(after)).await;
        }
        // Nulls stand behind the values, where no range of an index reaches both: two statements, each with its range.
        let mut found = self.part(connection, limit, Part::After(after)).await?;
        let left = limit - u32::try_from(found.len()).unwrap_or(limit);
        if left > 0 && !first.is_never_null() {
            found.extend(self.part(connection, left, Part::Nulls).await?);
        }
        Ok(found)
    }

    /// What is sent, and the kinds of the columns that come back.
    fn statement(&self, mut sql: Sql, limit: u32, part: Part<'_>) -> Result<(Sql, Vec<Kind>), StoreError> {
        let mut kinds = self.layout.kinds();
        sql.push("SELECT ").push(&self.layout.select_list(ROOT));
        for key in self.order.iter().filter(|key| key.own.is_none()) {
            sql.push(", ").push(&key.name);
            kinds.push(key.kind);
        }
        self.within.push_from_where(&mut sql)?;
        match part {
            Part::Whole => {}
            Part::After(after) => push_after(&mut sql, &self.order, after)?,
            Part::Nulls => {
                sql.push(" AND ").push(&self.order[0].name).push(" IS NULL");
            }
        }
        push_order(&mut sql, &self.order);
        sql.push(" LIMIT ").bind(Datum::Int(i64::from(limit)));
        Ok((sql, kinds))
    }

    async fn part(&self, connection: &mut Connection, limit: u32, part: Part<'_>) -> Result<Vec<Placed>, StoreError> {
        let (sql, kinds) = self.statement(self.layout.sql(connection.dialect()), limit, part)?;
        let own_columns = self.layout.kinds().len();
        let rows = connection.rows("listing records", sql, &kinds).await?;
        rows.into_iter()
            .map(|mut row| {
                let mut beside = row.split_off(own_columns).into_iter();
                let record = self.layout.decode(row)?;
                let place: Result<Vec<Value>, StoreError> = self
                    .order
                    .iter()
                    .map(|key| match key.own {
                        Some(slot) => Ok(record.values[slot].clone()),
                        None => related(key.field, beside.next()),
                    })
                    .collect();
                Ok((record, place?))
            })
            .collect()
    }
}

/// Which part of a list a statement reads.
enum Part<'q> {
    Whole,
    /// Behind these values, as far as the first key has one.
    After(&'q [Value]),
    /// Where the first key is null.
    Nulls,
}

/// The value of a sort key that belongs to what the record refers to; of money the amount alone.
fn related(field: &Field, datum: Option<Datum>) -> Result<Value, StoreError> {
    match datum {
        Some(Datum::Decimal(number, _)) => Ok(Value::Decimal(number)),
        Some(datum) => column::value(field, datum, None)
            .map_err(|cause| StoreError::Corrupt { place: field.name.to_string(), cause }),
        None => Err(short_row()),
    }
}

pub(super) fn push_order(sql: &mut Sql, order: &[OrderKey<'_>]) {
    sql.push(" ORDER BY ");
    for (index, key) in order.iter().enumerate() {
        if index > 0 {
            sql.push(", ");
        }
        // Null is the least of all, on both databases. Said of the id too: the indexes say it.
        sql.push(&key.name).push(if key.descending { " DESC NULLS LAST" } else { " NULLS FIRST" });
    }
}

pub(super) struct OrderKey<'m> {
    /// The slot, where it is the record's own.
    own: Option<usize>,
    field: &'m Field,
    kind: Kind,
    name: String,
    descending: bool,
}

impl OrderKey<'_> {
    fn is_never_null(&self) -> bool {
        matches!(self.own, Some(slot::ID | slot::VERSION | slot::CREATED_AT | slot::UPDATED_AT))
    }
}

/// The order of a list: as asked, then by id in the direction of the last key, so that one index serves both.
pub(super) fn order<'m>(within: &mut Within<'m>, sort: &[Sort]) -> Result<Vec<OrderKey<'m>>, StoreError> {
    let bad = |name: &str| StoreError::BadQuery(format!("`{name}` cannot be sorted by"));
    let mut keys: Vec<OrderKey<'m>> = Vec::with_capacity(sort.len() + 1);
    let id = Sort::by(slot::ID, sort.last().is_some_and(|sort| sort.descending));
    for sort in sort.iter().chain([&id]) {
        within.paths.add_path(&sort.path, By::Caller)?;
        let (alias, field) = within.paths.field(&sort.path, By::Caller)?;
        let kind = column::kind(field).filter(|kind| *kind != Kind::Json && field.kind != FieldKind::Location);
        let kind = kind.ok_or_else(|| bad(&field.name))?;
        let name = column::value_of(alias, field);
        let own = match sort.path.slots[..] {
            [slot] => Some(slot),
            _ => None,
        };
        keys.push(OrderKey { own, field, kind, name, descending: sort.descending });
        if own == Some(slot::ID) {
            break;
        }
    }
    Ok(keys)
}

/// `AND (key after its value OR key at its value AND the next key after …)`.
fn push_after(sql: &mut Sql, order: &[OrderKey<'_>], after: &[Value]) -> Result<(), StoreError> {
    let mut data = Vec::with_capacity(after.len());
    for (key, value) in order.iter().zip(after) {
        let datum = column::datum(key.field, key.kind, value);
        data.push(datum.map_err(|error| StoreError::BadQuery(error.message))?);
    }
    if let Some((first, datum)) = order.first().zip(data.first()).filter(|(_, datum)| !datum.is_null()) {
        // Says nothing that the rest does not: it is what lets an index begin where the page does.
        sql.push(" AND ").push(&first.name).push(if first.descending { " <= " } else { " >= " }).bind(datum.clone());
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
            (false, true) if index == 0 || key.is_never_null() => {
                sql.push(&key.name).push(" < ").bind(data[index].clone())
            }
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
    let sql = records_sql(connection.dialect(), layout, ids);
    let rows = connection.rows("reading records", sql, &layout.kinds()).await?;
    rows.into_iter().map(|row| layout.decode(row)).collect()
}

/// The statement of [`records_by_id`].
pub(super) fn records_sql(dialect: Dialect, layout: &Layout<'_>, ids: Vec<Uuid>) -> Sql {
    let mut sql = layout.sql(dialect);
    sql.push("SELECT ").push(&layout.select_list(ROOT)).push(" FROM ").push(layout.table()).push(" AS t WHERE ");
    sql.any_of("t.f_id", Datum::Ids(ids));
    sql
}
