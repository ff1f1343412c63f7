//! What is known of attached files. The bytes lie elsewhere (`files`); a row is written before its file gets its name.

use super::line::Columns;
use super::sql::{Datum, Kind, Sql};
use super::transaction::{End, Locks};
use super::{Scope, Store, StoreError};
use packwork_engine::moment::Moment;
use packwork_engine::record::Name;
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq)]
pub struct Attachment {
    pub id: Uuid,
    pub object: Name,
    pub record: Uuid,
    pub field: Option<Name>,
    pub name: String,
    /// As read from the content.
    pub media_type: String,
    pub size: i64,
    pub sha256: String,
    pub uploaded_by: Option<Uuid>,
    pub uploaded_at: Moment,
}

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
        record: row.id()?,
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
    pub async fn add_attachment(&self, scope: &Scope, attachment: &Attachment) -> Result<(), StoreError> {
        self.check(scope)?;
        let binds = vec![
            Datum::Id(attachment.id),
            Datum::Text(attachment.object.clone()),
            Datum::Id(attachment.record),
            Datum::optional_text(attachment.field.as_deref()),
            Datum::text(&attachment.name),
            Datum::text(&attachment.media_type),
            Datum::Int(attachment.size),
            Datum::text(&attachment.sha256),
            Datum::optional_id(attachment.uploaded_by),
            Datum::Int(attachment.uploaded_at.micros()),
        ];
        self.transact(Locks::default(), move |connection| {
            let binds = binds.clone();
            Box::pin(async move {
                let text = "INSERT INTO attachment
                    (id, object, record, field, name, type, size, sha256, uploaded_by, uploaded_at)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
                connection.execute("noting an attachment", Sql::of(connection.dialect(), text, binds)).await?;
                Ok(End::Keep(()))
            })
        })
        .await
    }

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

    pub async fn delete_attachment(&self, scope: &Scope, id: Uuid, at: Moment) -> Result<(), StoreError> {
        self.check(scope)?;
        self.transact(Locks::default(), move |connection| {
            Box::pin(async move {
                let text = "UPDATE attachment SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL";
                let sql = Sql::of(connection.dialect(), text, vec![Datum::Int(at.micros()), Datum::Id(id)]);
                connection.execute("deleting an attachment", sql).await?;
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
