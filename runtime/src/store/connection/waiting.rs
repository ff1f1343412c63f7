//! Statements that go to the database together: on SQLite with the next one, on PostgreSQL inserts as one statement. What a statement costs is mostly the way to the thread
//! that has the file, or to the server, and back; their order and their meaning stay the same. See `docs/decisions/0039`.

use super::super::sql::{Dialect, Sql};
use super::super::sqlite::bind_sqlite;
use sqlx::sqlite::SqliteArguments;

#[derive(Default)]
pub(super) struct Waiting {
    statements: Vec<(Sql, What)>,
    /// Whether inserts wait too.
    pub(super) gathers: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// A savepoint or its end.
    Mark,
    Insert,
}

impl Waiting {
    pub(super) fn add(&mut self, sql: Sql, what: What) {
        self.statements.push((sql, what));
    }

    pub(super) fn has_inserts(&self) -> bool {
        self.statements.iter().any(|(_, what)| *what == What::Insert)
    }

    pub(super) fn len(&self) -> usize {
        self.statements.len()
    }

    /// The last one, to be sent with all before it.
    pub(super) fn take_last(&mut self) -> Option<Sql> {
        self.statements.pop().map(|(sql, _)| sql)
    }

    /// All inserts as one statement of PostgreSQL: each but the last is a part that is carried out in full.
    pub(super) fn take_as_one(&mut self) -> Sql {
        let mut all = Sql::new(Dialect::Postgres);
        let count = self.statements.len();
        for (index, (sql, _)) in self.statements.drain(..).enumerate() {
            if index + 1 == count {
                all.append(sql);
            } else {
                all.push(if index == 0 { "WITH " } else { ", " }).push("w").number(index).push(" AS (");
                all.append(sql).push(")");
                all.push(if index + 2 == count { " " } else { "" });
            }
        }
        all
    }

    pub(super) fn forget_all(&mut self) {
        self.statements.clear();
    }

    /// What was to be written before the command is undone needs not be written; its savepoint stands.
    pub(super) fn forget_inserts(&mut self) {
        self.statements.retain(|(_, what)| *what == What::Mark);
    }

    /// The statement behind all that wait. Where its values cannot be sent, savepoints go on waiting: what is undone
    /// later is undone to them.
    pub(super) fn before(&mut self, mut sql: Sql) -> Result<(String, SqliteArguments), sqlx::Error> {
        if !self.statements.is_empty() {
            let mut all = Sql::new(sql.dialect);
            for (waiting, _) in &mut self.statements {
                all.push(&waiting.text).push("; ");
                all.binds.append(&mut waiting.binds);
            }
            all.push(&sql.text);
            all.binds.append(&mut sql.binds);
            sql = all;
        }
        let bound = bind_sqlite(sql.binds);
        match bound {
            Ok(_) => self.statements.clear(),
            Err(_) => self.forget_inserts(),
        }
        Ok((sql.text, bound?))
    }
}
