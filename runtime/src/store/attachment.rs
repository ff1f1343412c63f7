//! What is known of attached files. The bytes lie elsewhere (`files`); a row is written before its file gets its name.

use super::apply::insert_rows;
use super::connection::Connection;
use super::line::Columns;
use super::sql::{Datum, Kind, Sql};
use super::transaction::{End, Locks};
use super::{Scope, Store, StoreError};
use packwork_engine::attachment::{Attachment, FileChange};
use packwork_engine::codes::Code;
use packwork_engine::facts::Facts;
use packwork_engine::moment::Moment;
use packwork_engine::refusal::{FieldError, Refusal};
use std::collections::BTreeSet;
use uuid::Uuid;

const SELECT: &str =
    "SELECT id, object, record, field, name, type, size, sha256, uploaded_by, uploaded_at FROM attachment
    WHERE deleted_at IS NULL AND ";
const KINDS: [Kind; 10] =
    [Kind::Id, Kind::Text, Kind::Id, Kind::Text, Kind::Text, Kind::Text, Kind::Int, Kind::Text, Kind::Id, Kind::Int];

/// Attachments of one record a list shows.
const LISTED_MAX: i64 = 1_000;

fn decode(row: Vec<Datum>) -> Result<Attachment, StoreError> {
    let mut row = Columns::of("attachment", row);
    Ok(Attachment {
        id: row.id()?,
        object: row.text()?,
        record: row.optional_id(),
        field: row.optional_text(),
        name: row.text()?.to_string(),
        media_type: row.text()?.to_string(),
        size: row.int()?,
        sha256: row.text()?.to_string(),
        uploaded_by: row.optional_id(),
        uploaded_at: row.moment()?,
    })
}

impl Store {
    /// One attachment. Whether the caller may see its record is asked with what it says.
    pub async fn attachment(&self, scope: &Scope, id: Uuid) -> Result<Option<Attachment>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let sql = Sql::of(connection.dialect(), &format!("{SELECT} id = ?"), vec![Datum::Id(id)]);
        connection.row("reading an attachment", sql, &KINDS).await?.map(decode).transpose()
    }

    /// The attachments of a record, in the order they came.
    pub async fn attachments(&self, scope: &Scope, object: &str, record: Uuid) -> Result<Vec<Attachment>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let text = format!("{SELECT} record = ? AND object = ? ORDER BY uploaded_at, id LIMIT ?");
        let binds = vec![Datum::Id(record), Datum::text(object), Datum::Int(LISTED_MAX)];
        let rows = connection.rows("listing attachments", Sql::of(connection.dialect(), &text, binds), &KINDS).await?;
        rows.into_iter().map(decode).collect()
    }

    /// Every attachment of the tenant, by id, so many after one.
    pub async fn attachments_after(
        &self,
        scope: &Scope,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<Attachment>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let text = format!("{SELECT} id > ? ORDER BY id LIMIT ?");
        let binds = vec![Datum::Id(after.unwrap_or(Uuid::nil())), Datum::Int(i64::from(limit))];
        let rows = connection.rows("reading attachments", Sql::of(connection.dialect(), &text, binds), &KINDS).await?;
        rows.into_iter().map(decode).collect()
    }

    /// Gives up files whose record was not made by then.
    pub async fn give_up_attachments(&self, scope: &Scope, before: Moment, at: Moment) -> Result<(), StoreError> {
        self.check(scope)?;
        self.transact(Locks::default(), move |connection| {
            Box::pin(async move {
                let text = "UPDATE attachment SET deleted_at = ?
                    WHERE record IS NULL AND deleted_at IS NULL AND uploaded_at < ?";
                let binds = vec![Datum::Int(at.micros()), Datum::Int(before.micros())];
                let sql = Sql::of(connection.dialect(), text, binds);
                connection.execute("giving up attachments", sql).await?;
                Ok(End::Keep(()))
            })
        })
        .await
    }

    /// Attachments that were deleted and whose files may go.
    pub async fn deleted_attachments(&self, scope: &Scope, limit: u32) -> Result<Vec<Uuid>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let text = "SELECT id FROM attachment WHERE deleted_at IS NOT NULL ORDER BY deleted_at LIMIT ?";
        let sql = Sql::of(connection.dialect(), text, vec![Datum::Int(i64::from(limit))]);
        let rows = connection.rows("listing deleted attachments", sql, &[Kind::Id]).await?;
        Ok(rows.into_iter().filter_map(super::list::first_id).collect())
    }

    /// Forgets deleted attachments whose files are gone.
    pub async fn forget_attachments(&self, scope: &Scope, ids: Vec<Uuid>) -> Result<(), StoreError> {
        self.check(scope)?;
        self.transact(Locks::default(), move |connection| {
            let ids = ids.clone();
            Box::pin(async move {
                let text = "DELETE FROM attachment WHERE deleted_at IS NOT NULL AND ";
                let mut sql = Sql::of(connection.dialect(), text, vec![]);
                sql.any_of("id", Datum::Ids(ids));
                connection.execute("forgetting attachments", sql).await?;
                Ok(End::Keep(()))
            })
        })
        .await
    }
}

pub(super) async fn fetch(
    connection: &mut Connection,
    ids: &BTreeSet<Uuid>,
    facts: &mut Facts,
) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    facts.attachments.extend(ids.iter().map(|id| (*id, None)));
    let mut sql = Sql::of(connection.dialect(), SELECT, vec![]);
    sql.any_of("id", Datum::Ids(ids.iter().copied().collect()));
    for row in connection.rows("finding attachments", sql, &KINDS).await? {
        let attachment = decode(row)?;
        facts.attachments.insert(attachment.id, Some(attachment));
    }
    Ok(())
}

/// Carries out what was decided of files; a refusal where somebody else took or deleted one meanwhile.
pub(super) async fn apply(connection: &mut Connection, changes: &[FileChange]) -> Result<Option<Refusal>, StoreError> {
    for change in changes {
        match change {
            FileChange::Add(attachment) => add(connection, attachment).await?,
            FileChange::Claim { id, object, record, field } => {
                let text = "UPDATE attachment SET record = ?, field = ? WHERE id = ? AND deleted_at IS NULL
                    AND (record IS NULL OR record = ?) AND object = ?";
                let binds = vec![
                    Datum::Id(*record),
                    Datum::Text(field.clone()),
                    Datum::Id(*id),
                    Datum::Id(*record),
                    Datum::Text(object.clone()),
                ];
                let sql = Sql::of(connection.dialect(), text, binds);
                if connection.execute("claiming an attachment", sql).await? == 0 {
                    let message = format!("the file `{id}` is not there any more, or belongs to another record");
                    let error = FieldError::new(Code::BadReference, format!("/{field}"), message);
                    let error = error.with("field", &**field).with("value", id.to_string());
                    return Ok(Some(Refusal::of_fields(vec![error])));
                }
            }
            FileChange::Drop { id, at } => {
                let text = "UPDATE attachment SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL";
                let sql = Sql::of(connection.dialect(), text, vec![Datum::Int(at.micros()), Datum::Id(*id)]);
                connection.execute("deleting an attachment", sql).await?;
            }
        }
    }
    Ok(None)
}

async fn add(connection: &mut Connection, attachment: &Attachment) -> Result<(), StoreError> {
    let row = vec![
        Datum::Id(attachment.id),
        Datum::Text(attachment.object.clone()),
        Datum::optional_id(attachment.record),
        Datum::optional_text(attachment.field.as_deref()),
        Datum::text(&attachment.name),
        Datum::text(&attachment.media_type),
        Datum::Int(attachment.size),
        Datum::text(&attachment.sha256),
        Datum::optional_id(attachment.uploaded_by),
        Datum::Int(attachment.uploaded_at.micros()),
    ];
    let into = "attachment (id, object, record, field, name, type, size, sha256, uploaded_by, uploaded_at)";
    insert_rows(connection, "noting an attachment", "", into, vec![row]).await
}
