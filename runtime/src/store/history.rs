//! Events: what happened to a record, newest first. Append-only.

use super::connection::Connection;
use super::line::Columns;
use super::sql::{Datum, Kind, Sql};
use super::{Scope, Store, StoreError};
use packwork_engine::decision::{Change, EventKind};
use packwork_engine::facts::{Facts, Since};
use packwork_engine::moment::Moment;
use packwork_engine::record::Name;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// An event as it was stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredEvent {
    /// Place in the tenant's history; later events have greater ones.
    pub seq: i64,
    pub id: Uuid,
    pub object: Name,
    pub record: Uuid,
    pub kind: EventKind,
    pub transition: Option<String>,
    pub changes: BTreeMap<String, Change>,
    pub at: Moment,
    pub actor: Option<Uuid>,
    pub command: Uuid,
    /// The record's version afterwards; 0 where it was not noted.
    pub version: i64,
    /// Digest of the definitions in force; unknown of old events.
    pub model: Option<Name>,
}

impl Store {
    /// The newest events of a record, before the given place. Whether the caller may see the record is asked before,
    /// with [`Store::get`].
    pub async fn history(
        &self,
        scope: &Scope,
        object: &str,
        id: Uuid,
        limit: u32,
        before: Option<i64>,
    ) -> Result<Vec<StoredEvent>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let mut sql = Sql::of(
            connection.dialect(),
            &format!("SELECT {COLUMNS} FROM event WHERE record = ? AND object = ?"),
            vec![Datum::Id(id), Datum::text(object)],
        );
        if let Some(before) = before {
            sql.push(" AND seq < ").bind(Datum::Int(before));
        }
        sql.push(" ORDER BY seq DESC LIMIT ").bind(Datum::Int(i64::from(limit)));
        let rows = connection.rows("reading a history", sql, &KINDS).await?;
        rows.into_iter().map(decode).collect()
    }
}

pub(super) const COLUMNS: &str =
    "seq, id, object, record, kind, transition, changes, at, actor, command, version, model";

/// The most events of a record that a view of the past is folded from.
pub const FOLDED_MAX: u32 = 10_000;

/// What was changed of records after the versions asked for.
pub(super) async fn fetch_since(
    connection: &mut Connection,
    wanted: &BTreeSet<(Name, Uuid, i64)>,
    facts: &mut Facts,
) -> Result<(), StoreError> {
    for (object, id, version) in wanted {
        let sql = Sql::of(
            connection.dialect(),
            "SELECT version, changes FROM event WHERE record = ? AND object = ? AND version > ? ORDER BY seq",
            vec![Datum::Id(*id), Datum::Text(object.clone()), Datum::Int(*version)],
        );
        let mut since = Since { upto: *version, ..Since::default() };
        for row in connection.rows("reading what was changed since", sql, &[Kind::Int, Kind::Json]).await? {
            let mut row = Columns::of("event", row);
            if row.int()? != since.upto + 1 {
                break;
            }
            since.upto += 1;
            let changes: BTreeMap<String, Change> = row.json()?;
            for (field, change) in changes {
                since.base.entry(field).or_insert(change.old);
            }
        }
        facts.since.insert((object.clone(), *id, *version), Arc::new(since));
    }
    Ok(())
}

pub(super) const KINDS: [Kind; 12] = [
    Kind::Int,
    Kind::Id,
    Kind::Text,
    Kind::Id,
    Kind::Text,
    Kind::Text,
    Kind::Json,
    Kind::Int,
    Kind::Id,
    Kind::Id,
    Kind::Int,
    Kind::Text,
];

const EVENTS: [EventKind; 5] =
    [EventKind::Created, EventKind::Updated, EventKind::Transitioned, EventKind::Deleted, EventKind::Restored];

pub(super) fn decode(row: Vec<Datum>) -> Result<StoredEvent, StoreError> {
    let mut row = Columns::of("event", row);
    Ok(StoredEvent {
        seq: row.int()?,
        id: row.id()?,
        object: row.text()?,
        record: row.id()?,
        kind: {
            let text = row.text()?;
            let kind = EVENTS.into_iter().find(|kind| kind.as_str() == &*text);
            kind.ok_or_else(|| row.wrong(format!("`{text}` is no kind of event")))?
        },
        transition: row.optional_text().map(|text| text.to_string()),
        changes: row.json()?,
        at: row.moment()?,
        actor: row.optional_id(),
        command: row.id()?,
        version: row.optional_int().unwrap_or(0),
        model: row.optional_text(),
    })
}
