//! Open to-dos.

use super::line::Columns;
use super::list::count_of;
use super::sql::{Datum, Kind, Sql};
use super::{Scope, Store, StoreError};
use packwork_engine::moment::Moment;
use packwork_engine::record::Name;
use uuid::Uuid;

/// Whose to-dos are asked for.
#[derive(Clone, Copy, Debug)]
pub enum TodoFor<'a> {
    All,
    Roles(&'a [String]),
    Record { object: &'a str, id: Uuid },
}

#[derive(Clone, Debug, PartialEq)]
pub struct StoredTodo {
    pub object: Name,
    pub record: Uuid,
    pub todo: String,
    pub role: String,
    pub opened_at: Moment,
}

impl Store {
    /// Open to-dos, oldest first.
    pub async fn todos(&self, scope: &Scope, whose: TodoFor<'_>, limit: u32) -> Result<Vec<StoredTodo>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let mut sql = Sql::new(connection.dialect());
        sql.push("SELECT object, record, todo, role, opened_at FROM todo WHERE closed_at IS NULL");
        push_whose(&mut sql, whose);
        sql.push(" ORDER BY opened_at, record, todo LIMIT ").bind(Datum::Int(i64::from(limit)));
        let kinds = [Kind::Text, Kind::Id, Kind::Text, Kind::Text, Kind::Int];
        let read = |row| {
            let mut row = Columns::of("todo", row);
            Ok(StoredTodo {
                object: row.text()?,
                record: row.id()?,
                todo: row.text()?.to_string(),
                role: row.text()?.to_string(),
                opened_at: row.moment()?,
            })
        };
        connection.rows("listing to-dos", sql, &kinds).await?.into_iter().map(read).collect()
    }

    pub async fn todo_count(&self, scope: &Scope, whose: TodoFor<'_>) -> Result<u64, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let mut sql = Sql::new(connection.dialect());
        sql.push("SELECT count(*) FROM todo WHERE closed_at IS NULL");
        push_whose(&mut sql, whose);
        count_of(connection.row("counting to-dos", sql, &[Kind::Int]).await?)
    }
}

fn push_whose(sql: &mut Sql, whose: TodoFor<'_>) {
    match whose {
        TodoFor::All => {}
        TodoFor::Roles(roles) => {
            sql.push(" AND ");
            sql.any_of("role", Datum::Texts(roles.iter().map(|role| role.as_str().into()).collect()));
        }
        TodoFor::Record { object, id } => {
            sql.with(" AND record = ? AND object = ?", vec![Datum::Id(id), Datum::text(object)]);
        }
    }
}
