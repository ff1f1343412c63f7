//! Comments on records, and who is mentioned in them.

use super::command::{Executed, Once};
use super::line::Columns;
use super::sql::{Datum, Kind, Sql};
use super::transaction::End;
use super::{Scope, Store, StoreError};
use packwork_engine::moment::Moment;
use packwork_engine::record::Name;
use std::collections::BTreeMap;
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq)]
pub struct Comment {
    pub id: Uuid,
    pub object: Name,
    pub record: Uuid,
    pub text: String,
    pub author: Option<Uuid>,
    pub created_at: Moment,
    pub edited_at: Option<Moment>,
}

/// A comment in which a user is mentioned.
#[derive(Clone, Debug, PartialEq)]
pub struct Mention {
    pub comment: Comment,
    pub read: bool,
}

/// Where a page goes on: after this moment and id, going back in time.
pub type After = Option<(Moment, Uuid)>;

const COLUMNS: &str = "c.id, c.object, c.record, c.text, c.author, c.created_at, c.edited_at";
const KINDS: [Kind; 7] = [Kind::Id, Kind::Text, Kind::Id, Kind::Text, Kind::Id, Kind::Int, Kind::Int];

fn decode(row: &mut Columns) -> Result<Comment, StoreError> {
    Ok(Comment {
        id: row.id()?,
        object: row.text()?,
        record: row.id()?,
        text: row.text()?.to_string(),
        author: row.optional_id(),
        created_at: row.moment()?,
        edited_at: row.optional_int().map(Moment::from_micros),
    })
}

fn push_after(sql: &mut Sql, moment: &str, after: After) {
    if let Some((at, id)) = after {
        let binds = vec![Datum::Int(at.micros()), Datum::Int(at.micros()), Datum::Id(id)];
        sql.with(&format!(" AND ({moment} < ? OR ({moment} = ? AND c.id < ?))"), binds);
    }
}

impl Store {
    /// Adds a comment and its mentions; with a key only once.
    pub async fn add_comment(
        &self,
        scope: &Scope,
        comment: Comment,
        mentioned: Vec<Uuid>,
        once: Option<Once>,
    ) -> Result<Option<Executed>, StoreError> {
        self.check(scope)?;
        let scope = scope.clone();
        self.transact(Once::locks(once.as_ref(), &scope, None), move |connection| {
            let (scope, comment, mentioned, once) = (scope.clone(), comment.clone(), mentioned.clone(), once.clone());
            Box::pin(async move {
                if let Some(before) = Once::before(once.as_ref(), connection, &scope).await? {
                    return Ok(End::Undo(Some(before)));
                }
                let sql = Sql::of(
                    connection.dialect(),
                    "INSERT INTO comment (id, object, record, text, author, created_at) VALUES (?, ?, ?, ?, ?, ?)",
                    vec![
                        Datum::Id(comment.id),
                        Datum::Text(comment.object.clone()),
                        Datum::Id(comment.record),
                        Datum::text(&comment.text),
                        Datum::optional_id(comment.author),
                        Datum::Int(comment.created_at.micros()),
                    ],
                );
                connection.execute("writing a comment", sql).await?;
                mention(connection, comment.id, comment.created_at, &mentioned).await?;
                Ok(End::Keep(None))
            })
        })
        .await
    }

    /// Changes a comment's text. Whoever was mentioned before has read what they have read.
    pub async fn edit_comment(
        &self,
        scope: &Scope,
        comment: &Comment,
        mentioned: Vec<Uuid>,
        at: Moment,
        once: Option<Once>,
    ) -> Result<Option<Executed>, StoreError> {
        self.check(scope)?;
        let (id, text, scope) = (comment.id, comment.text.clone(), scope.clone());
        self.transact(Once::locks(once.as_ref(), &scope, Some(format!("comment {id}"))), move |connection| {
            let (scope, text, mentioned, once) = (scope.clone(), text.clone(), mentioned.clone(), once.clone());
            Box::pin(async move {
                if let Some(before) = Once::before(once.as_ref(), connection, &scope).await? {
                    return Ok(End::Undo(Some(before)));
                }
                let binds = vec![Datum::text(&text), Datum::Int(at.micros()), Datum::Id(id)];
                let change = "UPDATE comment SET text = ?, edited_at = ? WHERE id = ?";
                let change = Sql::of(connection.dialect(), change, binds);
                connection.execute("changing a comment", change).await?;
                let mut gone = Sql::of(
                    connection.dialect(),
                    "DELETE FROM mention WHERE comment = ? AND NOT ",
                    vec![Datum::Id(id)],
                );
                gone.any_of("user_id", Datum::Ids(mentioned.clone()));
                connection.execute("taking mentions back", gone).await?;
                mention(connection, id, at, &mentioned).await?;
                Ok(End::Keep(None))
            })
        })
        .await
    }

    pub async fn delete_comment(
        &self,
        scope: &Scope,
        id: Uuid,
        once: Option<Once>,
    ) -> Result<Option<Executed>, StoreError> {
        self.check(scope)?;
        let scope = scope.clone();
        self.transact(Once::locks(once.as_ref(), &scope, Some(format!("comment {id}"))), move |connection| {
            let (scope, once) = (scope.clone(), once.clone());
            Box::pin(async move {
                if let Some(before) = Once::before(once.as_ref(), connection, &scope).await? {
                    return Ok(End::Undo(Some(before)));
                }
                for text in ["DELETE FROM mention WHERE comment = ?", "DELETE FROM comment WHERE id = ?"] {
                    let sql = Sql::of(connection.dialect(), text, vec![Datum::Id(id)]);
                    connection.execute("deleting a comment", sql).await?;
                }
                Ok(End::Keep(None))
            })
        })
        .await
    }

    pub async fn comment(&self, scope: &Scope, id: Uuid) -> Result<Option<Comment>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let text = format!("SELECT {COLUMNS} FROM comment AS c WHERE c.id = ?");
        let sql = Sql::of(connection.dialect(), &text, vec![Datum::Id(id)]);
        let row = connection.row("reading a comment", sql, &KINDS).await?;
        row.map(|row| decode(&mut Columns::of("comment", row))).transpose()
    }

    /// Comments on a record, newest first. Whether the caller may see the record is asked before.
    pub async fn comments(
        &self,
        scope: &Scope,
        object: &str,
        record: Uuid,
        limit: u32,
        after: After,
    ) -> Result<Vec<Comment>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let text = format!("SELECT {COLUMNS} FROM comment AS c WHERE c.record = ? AND c.object = ?");
        let mut sql = Sql::of(connection.dialect(), &text, vec![Datum::Id(record), Datum::text(object)]);
        push_after(&mut sql, "c.created_at", after);
        sql.push(" ORDER BY c.created_at DESC, c.id DESC LIMIT ").bind(Datum::Int(i64::from(limit)));
        let rows = connection.rows("listing comments", sql, &KINDS).await?;
        rows.into_iter().map(|row| decode(&mut Columns::of("comment", row))).collect()
    }

    /// Who is mentioned in these comments.
    pub async fn mentioned(&self, scope: &Scope, comments: Vec<Uuid>) -> Result<BTreeMap<Uuid, Vec<Uuid>>, StoreError> {
        self.check(scope)?;
        let mut found: BTreeMap<Uuid, Vec<Uuid>> = BTreeMap::new();
        if comments.is_empty() {
            return Ok(found);
        }
        let mut connection = self.reader().await?;
        let mut sql = Sql::of(connection.dialect(), "SELECT comment, user_id FROM mention WHERE ", vec![]);
        sql.any_of("comment", Datum::Ids(comments)).push(" ORDER BY user_id");
        for row in connection.rows("reading mentions", sql, &[Kind::Id, Kind::Id]).await? {
            let mut row = Columns::of("mention", row);
            found.entry(row.id()?).or_default().push(row.id()?);
        }
        Ok(found)
    }

    /// Comments in which a user is mentioned, newest first.
    pub async fn mentions(
        &self,
        scope: &Scope,
        user: Uuid,
        limit: u32,
        after: After,
    ) -> Result<Vec<Mention>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let text = format!(
            "SELECT {COLUMNS}, m.read_at FROM mention AS m JOIN comment AS c ON c.id = m.comment WHERE m.user_id = ?"
        );
        let mut sql = Sql::of(connection.dialect(), &text, vec![Datum::Id(user)]);
        push_after(&mut sql, "c.created_at", after);
        sql.push(" ORDER BY c.created_at DESC, c.id DESC LIMIT ").bind(Datum::Int(i64::from(limit)));
        let kinds: Vec<Kind> = KINDS.into_iter().chain([Kind::Int]).collect();
        let read = |row| {
            let mut row = Columns::of("mention", row);
            Ok(Mention { comment: decode(&mut row)?, read: row.optional_int().is_some() })
        };
        connection.rows("listing mentions", sql, &kinds).await?.into_iter().map(read).collect()
    }

    pub async fn unread_mentions(&self, scope: &Scope, user: Uuid) -> Result<u64, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let text = "SELECT count(*) FROM mention WHERE user_id = ? AND read_at IS NULL";
        let sql = Sql::of(connection.dialect(), text, vec![Datum::Id(user)]);
        super::list::count_of(connection.row("counting mentions", sql, &[Kind::Int]).await?)
    }

    /// Everything a user is mentioned in so far is read.
    pub async fn read_mentions(
        &self,
        scope: &Scope,
        user: Uuid,
        at: Moment,
        once: Option<Once>,
    ) -> Result<Option<Executed>, StoreError> {
        self.check(scope)?;
        let scope = scope.clone();
        self.transact(Once::locks(once.as_ref(), &scope, None), move |connection| {
            let (scope, once) = (scope.clone(), once.clone());
            Box::pin(async move {
                if let Some(before) = Once::before(once.as_ref(), connection, &scope).await? {
                    return Ok(End::Undo(Some(before)));
                }
                let text = "UPDATE mention SET read_at = ? WHERE user_id = ? AND read_at IS NULL";
                let sql = Sql::of(connection.dialect(), text, vec![Datum::Int(at.micros()), Datum::Id(user)]);
                connection.execute("marking mentions as read", sql).await?;
                Ok(End::Keep(None))
            })
        })
        .await
    }
}

async fn mention(
    connection: &mut super::connection::Connection,
    comment: Uuid,
    at: Moment,
    users: &[Uuid],
) -> Result<(), StoreError> {
    for user in users {
        let sql = Sql::of(
            connection.dialect(),
            "INSERT INTO mention (user_id, comment, created_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            vec![Datum::Id(*user), Datum::Id(comment), Datum::Int(at.micros())],
        );
        connection.execute("writing a mention", sql).await?;
    }
    Ok(())
}
