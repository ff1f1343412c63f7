//! Fetches what a decision needs, in few statements. Row rules do not apply: a decision sees everything.

use super::column::{self, Layout};
use super::connection::Connection;
use super::filter::ROOT;
use super::list::{Life, records_sql};
use super::sql::{Datum, Dialect, Kind, Sql};
use super::{Scope, Store, StoreError, attachment, cumulation, duplicate, line, statement, total};
use packwork_engine::decide::{CLEARED_MAX, is_cleared};
use packwork_engine::facts::{Collection, Facts, Need};
use packwork_engine::model::Model;
use packwork_engine::object::{Field, FieldKind};
use packwork_engine::record::{Name, Record};
use packwork_engine::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Values one statement looks for: few texts of statements, and far below what a statement may bind.
const HOLDERS_AT_ONCE: usize = 500;

/// The records a decision needs, object by object.
pub(super) struct Records<'m> {
    by_object: Vec<(Layout<'m>, Vec<Uuid>)>,
}

impl<'m> Records<'m> {
    pub(super) fn of(model: &'m Model, need: &Need) -> Result<Records<'m>, StoreError> {
        let grouped = by_object(&need.records).into_iter();
        let layouts = grouped.map(|(object, ids)| Ok((Layout::of(model, &object)?, ids)));
        Ok(Records { by_object: layouts.collect::<Result<_, StoreError>>()? })
    }

    /// The same, where only some slots are looked at: those of objects that are named.
    pub(super) fn reading(
        model: &'m Model,
        need: &Need,
        slots: &BTreeMap<Name, BTreeSet<usize>>,
    ) -> Result<Records<'m>, StoreError> {
        let mut records = Records::of(model, need)?;
        for (layout, _) in &mut records.by_object {
            layout.read_only(slots.get(&layout.object.name));
        }
        Ok(records)
    }

    pub(super) fn statements(&self, dialect: Dialect) -> Vec<(Sql, Vec<Kind>)> {
        let statement =
            |(layout, ids): &(Layout<'_>, Vec<Uuid>)| (records_sql(dialect, layout, ids.clone()), layout.kinds());
        self.by_object.iter().map(statement).collect()
    }

    /// Adds what the statements gave; what they did not find is known not to exist.
    pub(super) fn add(self, rows: Vec<Vec<Vec<Datum>>>, facts: &mut Facts) -> Result<(), StoreError> {
        for ((layout, ids), rows) in self.by_object.into_iter().zip(rows) {
            let object = &layout.object.name;
            facts.records.extend(ids.iter().map(|id| ((object.clone(), *id), None)));
            for row in rows {
                let record = layout.decode(row)?;
                facts.records.insert((object.clone(), record.id()), Some(record));
            }
        }
        Ok(())
    }
}

/// Ids of several objects, object by object.
pub(super) fn by_object(of: &BTreeSet<(Name, Uuid)>) -> BTreeMap<Name, Vec<Uuid>> {
    let mut grouped: BTreeMap<Name, Vec<Uuid>> = BTreeMap::new();
    for (object, id) in of {
        grouped.entry(object.clone()).or_default().push(*id);
    }
    grouped
}

impl Store {
    /// Adds everything asked for to the facts. Numbers are only given inside a command: here none is taken.
    pub async fn fetch(&self, scope: &Scope, model: &Model, need: &Need, facts: &mut Facts) -> Result<(), StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        self.fetch_with(&mut connection, model, need, facts).await?;
        self.keep_collections(model, &facts.collections);
        Ok(())
    }

    /// As [`Store::fetch`], and takes the numbers asked for.
    pub(super) async fn fetch_for_command(
        &self,
        connection: &mut Connection,
        model: &Model,
        need: &Need,
        facts: &mut Facts,
    ) -> Result<(), StoreError> {
        self.lock_duplicates(connection, model, need).await?;
        self.fetch_with(connection, model, need, facts).await?;
        for counter in &need.numbers {
            let numbers = self.next_numbers(connection, counter, 1).await?;
            facts.numbers.extend(numbers.first().map(|number| (counter.clone(), *number)));
        }
        Ok(())
    }

    pub(super) async fn fetch_with(
        &self,
        connection: &mut Connection,
        model: &Model,
        need: &Need,
        facts: &mut Facts,
    ) -> Result<(), StoreError> {
        let records = Records::of(model, need)?;
        let statements = records.statements(connection.dialect());
        records.add(connection.rows_of_each("reading records", statements).await?, facts)?;
        attachment::fetch(connection, &need.attachments, facts).await?;
        fetch_keys(connection, model, need, facts).await?;
        fetch_holders(connection, model, need, facts).await?;
        duplicate::fetch(connection, &need.duplicates, facts).await?;
        self.fetch_collections(connection, model, need, facts).await?;
        for (object, parents) in by_object(&need.children) {
            let found = fetch_children(connection, model, &object, parents, Life::Live).await?;
            facts.children.extend(found);
        }
        for (object, parents) in by_object(&need.deleted_children) {
            let found = fetch_children(connection, model, &object, parents, Life::Deleted).await?;
            facts.deleted_children.extend(found);
        }
        for (object, id) in &need.referring {
            let found = fetch_referring(connection, model, object, *id).await?;
            facts.referring.insert((object.clone(), *id), found);
        }
        super::history::fetch_since(connection, &need.since, facts).await?;
        for (object, ids) in by_object(&need.referrers) {
            fetch_referrers(connection, model, &object, ids, facts).await?;
        }
        for calendar in &need.closed_periods {
            let closed = super::period::closed_names(connection, calendar).await?;
            facts.closed_periods.insert(calendar.clone(), closed);
        }
        statement::fetch_heads(connection, &need.statements, facts).await?;
        statement::fetch_stated(connection, &need.stated, facts).await?;
        line::fetch_standing(connection, &need.lines, facts).await?;
        cumulation::fetch(connection, model, &need.cumulated, facts).await?;
        super::rate_use::fetch(connection, &need.rate_uses, facts).await?;
        total::fetch(connection, model, &need.totals, facts).await
    }

    async fn fetch_collections(
        &self,
        connection: &mut Connection,
        model: &Model,
        need: &Need,
        facts: &mut Facts,
    ) -> Result<(), StoreError> {
        if need.collections.is_empty() {
            return Ok(());
        }
        let revisions = revisions(connection, need.collections.iter().cloned().collect()).await?;
        for object in &need.collections {
            let revision = revisions.get(object).copied().unwrap_or(0);
            if let Some(kept) = self.inner.collections.get(object, &model.hash, revision) {
                facts.collections.insert(object.clone(), kept);
                continue;
            }
            let collection = read_collection(connection, model, object, revision).await?;
            facts.collections.insert(object.clone(), Arc::new(collection));
        }
        Ok(())
    }

    /// Keeps collections that were read, once their revisions are committed.
    pub(super) fn keep_collections(&self, model: &Model, collections: &BTreeMap<Name, Arc<Collection>>) {
        for (object, collection) in collections {
            self.inner.collections.put(object, &model.hash, collection);
        }
    }
}

async fn revisions(connection: &mut Connection, objects: Vec<Name>) -> Result<BTreeMap<Name, i64>, StoreError> {
    let mut sql = Sql::of(connection.dialect(), "SELECT object, revision FROM collection_revision WHERE ", vec![]);
    sql.any_of("object", Datum::Texts(objects));
    let rows = connection.rows("reading revisions", sql, &[Kind::Text, Kind::Int]).await?;
    let pair = |row: Vec<Datum>| match &row[..] {
        [Datum::Text(object), Datum::Int(revision)] => Some((object.clone(), *revision)),
        _ => None,
    };
    Ok(rows.into_iter().filter_map(pair).collect())
}

/// All live records; read again if somebody wrote one in between, so that rows and revision belong together.
async fn read_collection(
    connection: &mut Connection,
    model: &Model,
    object: &Name,
    mut revision: i64,
) -> Result<Collection, StoreError> {
    let layout = Layout::of(model, object)?;
    loop {
        let mut sql = layout.sql(connection.dialect());
        sql.push("SELECT ").push(&layout.select_list(ROOT)).push(" FROM ").push(layout.table());
        sql.push(" AS t WHERE t.f_deleted_at IS NULL ORDER BY t.f_id");
        let rows = connection.rows("reading a collection", sql, &layout.kinds()).await?;
        let after = revisions(connection, vec![object.clone()]).await?.get(object).copied().unwrap_or(0);
        if after == revision {
            let records = rows.into_iter().map(|row| layout.decode(row)).collect::<Result<_, _>>()?;
            return Ok(Collection::new(revision, records));
        }
        revision = after;
    }
}

async fn fetch_keys(
    connection: &mut Connection,
    model: &Model,
    need: &Need,
    facts: &mut Facts,
) -> Result<(), StoreError> {
    let mut by_object: BTreeMap<&Name, Vec<Name>> = BTreeMap::new();
    for (object, key) in &need.keys {
        facts.keys.insert((object.clone(), key.clone()), None);
        by_object.entry(object).or_default().push(key.as_str().into());
    }
    for (object, keys) in by_object {
        let layout = Layout::of(model, object)?;
        let Some(key) = layout.object.key else { continue };
        let name = column::column(&layout.object.fields[key]);
        let mut sql = layout.sql(connection.dialect());
        sql.push("SELECT f_id, ").push(&name).push(" FROM ").push(layout.table());
        sql.push(" WHERE f_deleted_at IS NULL AND ").any_of(&name, Datum::Texts(keys));
        for row in connection.rows("finding records by key", sql, &[Kind::Id, Kind::Text]).await? {
            if let [Datum::Id(id), Datum::Text(key)] = &row[..] {
                facts.keys.insert((object.clone(), key.to_string()), Some(*id));
            }
        }
    }
    Ok(())
}

/// Who has these values in unique fields: one statement per field.
async fn fetch_holders(
    connection: &mut Connection,
    model: &Model,
    need: &Need,
    facts: &mut Facts,
) -> Result<(), StoreError> {
    let mut by_field: BTreeMap<(&Name, &Name), Vec<&Value>> = BTreeMap::new();
    for (object, field, value) in &need.holders {
        facts.holders.insert((object.clone(), field.clone(), value.clone()), None);
        by_field.entry((object, field)).or_default().push(value);
    }
    for ((object, name), values) in by_field {
        let layout = Layout::of(model, object)?;
        let Some((_, field)) = layout.object.field(name) else { continue };
        let Some(kind) = column::kind(field) else { continue };
        let column = column::column(field);
        for values in values.chunks(HOLDERS_AT_ONCE) {
            let mut sql = layout.sql(connection.dialect());
            sql.push("SELECT f_id, ").push(&column).push(" FROM ").push(layout.table());
            sql.push(" WHERE f_deleted_at IS NULL AND ").push(&column).push(" IN (");
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    sql.push(", ");
                }
                let datum = column::datum(field, kind, value);
                sql.bind(datum.map_err(|error| StoreError::BadQuery(error.message))?);
            }
            sql.push(")");
            for row in connection.rows("finding records by a unique value", sql, &[Kind::Id, kind]).await? {
                let Ok([Datum::Id(id), datum]) = <[Datum; 2]>::try_from(row) else { continue };
                let value = column::value(field, datum, None)
                    .map_err(|cause| StoreError::Corrupt { place: name.to_string(), cause })?;
                facts.holders.insert((object.clone(), name.clone(), value), Some(id));
            }
        }
    }
    Ok(())
}

async fn fetch_children(
    connection: &mut Connection,
    model: &Model,
    object: &Name,
    parents: Vec<Uuid>,
    life: Life,
) -> Result<BTreeMap<(Name, Uuid), Vec<Arc<Record>>>, StoreError> {
    let layout = Layout::of(model, object)?;
    let mut found: BTreeMap<(Name, Uuid), Vec<Arc<Record>>> =
        parents.iter().map(|parent| ((object.clone(), *parent), Vec::new())).collect();
    let mut sql = layout.sql(connection.dialect());
    sql.push("SELECT ").push(&layout.select_list(ROOT)).push(" FROM ").push(layout.table());
    sql.push(" AS t WHERE t.f_deleted_at ").push(if life == Life::Deleted {
        "IS NOT NULL AND "
    } else {
        "IS NULL AND "
    });
    sql.any_of("t.f_item_of", Datum::Ids(parents));
    sql.push(" ORDER BY t.f_item_of, t.f_item_rank, t.f_id");
    for row in connection.rows("reading owned rows", sql, &layout.kinds()).await? {
        let record = layout.decode(row)?;
        if let Some(parent) = record.parent() {
            found.entry((object.clone(), parent)).or_default().push(record);
        }
    }
    Ok(found)
}

/// Live records with a reference that the deletion of its target empties; one more than that may be.
async fn fetch_referring(
    connection: &mut Connection,
    model: &Model,
    object: &Name,
    id: Uuid,
) -> Result<Vec<Arc<Record>>, StoreError> {
    let mut found: BTreeMap<Uuid, Arc<Record>> = BTreeMap::new();
    for (name, referring) in &model.objects {
        let leads = |field: &Field| match &field.kind {
            FieldKind::Id { to, .. } => to.contains(object) && is_cleared(referring, field),
            _ => false,
        };
        for (_, field) in referring.own_fields().filter(|(_, field)| leads(field)) {
            let layout = Layout::of(model, name)?;
            let mut sql = layout.sql(connection.dialect());
            sql.push("SELECT ").push(&layout.select_list(ROOT)).push(" FROM ").push(layout.table());
            sql.push(" AS t WHERE t.f_deleted_at IS NULL AND t.").push(&column::column(field)).push(" = ");
            sql.bind(Datum::Id(id)).push(" ORDER BY t.f_id LIMIT ").number(CLEARED_MAX + 1);
            for row in connection.rows("finding references to empty", sql, &layout.kinds()).await? {
                let record = layout.decode(row)?;
                found.insert(record.id(), record);
            }
        }
    }
    Ok(found.into_values().collect())
}

/// Asks every field that may lead to the object whether it does.
async fn fetch_referrers(
    connection: &mut Connection,
    model: &Model,
    object: &Name,
    ids: Vec<Uuid>,
    facts: &mut Facts,
) -> Result<(), StoreError> {
    facts.referrers.extend(ids.iter().map(|id| ((object.clone(), *id), Vec::new())));
    for (name, referring) in &model.objects {
        let layout = Layout::of(model, name)?;
        for (slot, field) in referring.fields.iter().enumerate() {
            let several = match &field.kind {
                FieldKind::Id { to, .. } if to.contains(object) => false,
                FieldKind::Ids { to } if to.contains(object) => true,
                _ => continue,
            };
            // System fields (who made it, whose it is) do not keep a user from being deleted.
            if slot < packwork_engine::record::slot::OWN {
                continue;
            }
            let column = column::column(field);
            let mut sql = layout.sql(connection.dialect());
            if several {
                let texts = ids.iter().map(|id| id.to_string().into()).collect();
                let items = sql.dialect.json_texts(&column);
                sql.push("SELECT DISTINCT item.value FROM ").push(layout.table()).push(", ").push(&items);
                sql.push(" WHERE f_deleted_at IS NULL AND ").any_of("item.value", Datum::Texts(texts));
            } else {
                sql.push("SELECT DISTINCT ").push(&column).push(" FROM ").push(layout.table());
                sql.push(" WHERE f_deleted_at IS NULL AND ").any_of(&column, Datum::Ids(ids.clone()));
            }
            let kind = if several { Kind::Text } else { Kind::Id };
            for row in connection.rows("looking for referring records", sql, &[kind]).await? {
                let id = match &row[..] {
                    [Datum::Id(id)] => *id,
                    [Datum::Text(text)] => match text.parse() {
                        Ok(id) => id,
                        Err(_) => continue,
                    },
                    _ => continue,
                };
                if let Some(found) = facts.referrers.get_mut(&(object.clone(), id)) {
                    found.push(format!("{name}.{}", field.name));
                }
            }
        }
    }
    Ok(())
}
