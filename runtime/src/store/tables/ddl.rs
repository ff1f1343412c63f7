//! The statements of a plan's steps in the dialect of each database, and what the catalogue notes of them.

use super::plan::{Step, kind_of};
use crate::store::StoreError;
use crate::store::column::table;
use crate::store::sql::{Datum, Dialect, Sql};
use packwork_engine::moment::Moment;

/// The statements of one step, in order.
pub(super) fn statements(dialect: Dialect, step: &Step) -> Result<Vec<String>, StoreError> {
    let kind = |text: &str| {
        kind_of(text).map(|kind| dialect.column_type(kind)).ok_or_else(|| StoreError::Corrupt {
            place: "object_column.kind".into(),
            cause: format!("`{text}` is no kind"),
        })
    };
    Ok(match step {
        Step::CreateTable { object, owner, columns } => {
            let mut texts = Vec::with_capacity(columns.len());
            for (name, of) in columns {
                let mut text = format!("{name} {}", kind(of)?);
                match (name.as_str(), owner) {
                    ("f_id", _) => text.push_str(" NOT NULL PRIMARY KEY"),
                    ("f_version", _) => text.push_str(" NOT NULL"),
                    ("f_item_of", Some(owner)) => text.push_str(&format!(" REFERENCES {owner} (f_id)")),
                    _ => {}
                }
                texts.push(text);
            }
            let strict = if dialect == Dialect::Sqlite { " STRICT" } else { "" };
            vec![format!("CREATE TABLE {} ({}){strict}", table(object), texts.join(", "))]
        }
        Step::RenameTable { object, from } => vec![format!("ALTER TABLE {} RENAME TO {}", table(from), table(object))],
        Step::AddColumn { object, column, kind: of } => {
            vec![format!("ALTER TABLE {} ADD COLUMN {column} {}", table(object), kind(of)?)]
        }
        Step::RenameColumn { object, from, to } | Step::MoveColumnAway { object, column: from, name: to } => {
            vec![format!("ALTER TABLE {} RENAME COLUMN {from} TO {to}", table(object))]
        }
        Step::WidenColumn { object, column, from, to } => vec![match dialect {
            // Whole numbers of the smallest unit: a smaller unit, more of them.
            Dialect::Sqlite => {
                let factor = 10_i64.pow(to - from);
                format!("UPDATE {} SET {column} = {column} * {factor} WHERE {column} IS NOT NULL", table(object))
            }
            Dialect::Postgres => {
                let of = kind(&format!("decimal {to}"))?;
                format!("ALTER TABLE {} ALTER COLUMN {column} TYPE {of}", table(object))
            }
        }],
        Step::NarrowColumn { object, column, from, to } => vec![match dialect {
            Dialect::Sqlite => {
                let factor = 10_i64.pow(from - to);
                format!("UPDATE {} SET {column} = {column} / {factor} WHERE {column} IS NOT NULL", table(object))
            }
            Dialect::Postgres => {
                let of = kind(&format!("decimal {to}"))?;
                format!("ALTER TABLE {} ALTER COLUMN {column} TYPE {of}", table(object))
            }
        }],
        Step::QuarantineColumn { .. }
        | Step::QuarantineTable { .. }
        | Step::RestoreColumn { .. }
        | Step::RestoreTable { .. }
        | Step::BackFill { .. }
        | Step::MoveState { .. }
        | Step::MakeTotals { .. } => Vec::new(),
        Step::MoveTableAway { object, name } => {
            vec![format!("ALTER TABLE {} RENAME TO {}", table(object), table(name))]
        }
        Step::DropIndex { index, .. } => vec![format!("DROP INDEX IF EXISTS {index}")],
        Step::AddIndex { object, index, unique, columns } => {
            vec![create_index(dialect, object, index, *unique, columns)]
        }
    })
}

fn create_index(dialect: Dialect, object: &str, index: &str, unique: bool, columns: &str) -> String {
    let on = table(object);
    if unique {
        return format!("CREATE UNIQUE INDEX {index} ON {on} ({columns}) WHERE f_deleted_at IS NULL");
    }
    // Lists sort nulls first on both databases; PostgreSQL's indexes put them last unless told.
    let (keys, covers) = columns.split_once(" INCLUDE ").unwrap_or((columns, ""));
    let text = match dialect {
        Dialect::Sqlite if covers.is_empty() => format!("({keys})"),
        Dialect::Sqlite => format!("({keys}, {covers})"),
        Dialect::Postgres => {
            let keys: Vec<String> = keys.split(", ").map(|name| format!("{name} NULLS FIRST")).collect();
            let covers = if covers.is_empty() { String::new() } else { format!(" INCLUDE ({covers})") };
            format!("({}){covers}", keys.join(", "))
        }
    };
    // What is deleted is neither listed nor added up: without it a declared index alone can answer.
    let live = if index.starts_with("d_") { " WHERE f_deleted_at IS NULL" } else { "" };
    format!("CREATE INDEX {index} ON {on} {text}{live}")
}

/// Where the platform's tables name objects.
const NAMING_OBJECTS: &[(&str, &str)] = &[
    ("object_column", "object"),
    ("object_index", "object"),
    ("quarantine", "object"),
    ("collection_revision", "object"),
    ("command", "subject_object"),
    ("event", "object"),
    ("todo", "object"),
    ("settlement_line", "fact_object"),
    ("settlement_line", "payer_object"),
    ("settlement_line", "payee_object"),
    ("ledger_entry", "payer_object"),
    ("ledger_entry", "payee_object"),
    ("statement", "payer_object"),
    ("statement", "payee_object"),
    ("comment", "object"),
    ("attachment", "object"),
    ("import", "object"),
    ("import_mapping", "object"),
];

/// What the catalogue notes of a step that is done at a moment.
pub(super) fn notes(dialect: Dialect, step: &Step, at: Moment) -> Vec<Sql> {
    let sql = |text: &str, binds: &[&str]| Sql::of(dialect, text, binds.iter().map(|bind| Datum::text(bind)).collect());
    let insert = "INSERT INTO object_column (object, name, kind) VALUES (?, ?, ?)";
    let out = "INSERT INTO quarantine (object, name, kind, at)
        SELECT object, name, kind, CAST(? AS BIGINT) FROM object_column WHERE object = ?";
    let set_aside = |object: &str, column: Option<&str>| {
        let mut move_out = Sql::of(dialect, out, vec![Datum::Int(at.micros()), Datum::text(object)]);
        let mut clear = sql("DELETE FROM object_column WHERE object = ?", &[object]);
        if let Some(column) = column {
            move_out.with(" AND name = ?", vec![Datum::text(column)]);
            clear.with(" AND name = ?", vec![Datum::text(column)]);
        }
        vec![move_out, clear]
    };
    let take_back = |object: &str, column: &str| {
        let back = "INSERT INTO object_column (object, name, kind)
            SELECT object, name, kind FROM quarantine WHERE object = ? AND name = ?";
        let clear = "DELETE FROM quarantine WHERE object = ? AND name = ?";
        [sql(back, &[object, column]), sql(clear, &[object, column])]
    };
    match step {
        Step::CreateTable { object, columns, .. } => {
            columns.iter().map(|(name, kind)| sql(insert, &[object, name, kind])).collect()
        }
        Step::RenameTable { object, from } => {
            let follow = |(table, column): &(&str, &str)| {
                sql(&format!("UPDATE {table} SET {column} = ? WHERE {column} = ?"), &[object, from])
            };
            NAMING_OBJECTS.iter().map(follow).collect()
        }
        Step::AddColumn { object, column, kind } => vec![sql(insert, &[object, column, kind])],
        Step::RenameColumn { object, from, to } => {
            vec![sql("UPDATE object_column SET name = ? WHERE object = ? AND name = ?", &[to, object, from])]
        }
        Step::WidenColumn { object, column, to, .. } | Step::NarrowColumn { object, column, to, .. } => {
            let kind = format!("decimal {to}");
            vec![sql("UPDATE object_column SET kind = ? WHERE object = ? AND name = ?", &[&kind, object, column])]
        }
        Step::QuarantineColumn { object, column } => set_aside(object, Some(column)),
        Step::QuarantineTable { object } => set_aside(object, None),
        Step::RestoreColumn { object, column } => take_back(object, column).into(),
        Step::RestoreTable { object, columns } => columns.iter().flat_map(|column| take_back(object, column)).collect(),
        Step::MoveColumnAway { object, column, name } => {
            vec![sql("UPDATE quarantine SET name = ? WHERE object = ? AND name = ?", &[name, object, column])]
        }
        Step::MoveTableAway { object, name } => {
            vec![sql("UPDATE quarantine SET object = ? WHERE object = ?", &[name, object])]
        }
        Step::BackFill { .. } | Step::MoveState { .. } | Step::MakeTotals { .. } => Vec::new(),
        Step::DropIndex { object, index } => {
            vec![sql("DELETE FROM object_index WHERE object = ? AND name = ?", &[object, index])]
        }
        Step::AddIndex { object, index, columns, .. } => {
            vec![sql("INSERT INTO object_index (object, name, columns) VALUES (?, ?, ?)", &[object, index, columns])]
        }
    }
}

/// A query for the number of rows that stand in the way of a step, over the table as it is named before; none where
/// nothing can.
pub(super) fn obstacles(dialect: Dialect, step: &Step, object: &str) -> Option<String> {
    match step {
        Step::WidenColumn { column, from, to, .. } => {
            // 18 digits in all, on both databases.
            let before = 18_u32.saturating_sub(*to);
            let limit = match dialect {
                Dialect::Sqlite => format!("1{}", "0".repeat((before + from) as usize)),
                Dialect::Postgres => format!("1{}", "0".repeat(before as usize)),
            };
            Some(format!("SELECT count(*) FROM {} WHERE abs({column}) >= {limit}", table(object)))
        }
        Step::NarrowColumn { column, from, to, .. } => {
            let lost = match dialect {
                Dialect::Sqlite => format!("{column} % {} <> 0", 10_i64.pow(from - to)),
                Dialect::Postgres => format!("{column} <> trunc({column}, {to})"),
            };
            Some(format!("SELECT count(*) FROM {} WHERE {lost}", table(object)))
        }
        Step::AddIndex { unique: true, columns, .. } => {
            let filled: Vec<String> = columns.split(", ").map(|column| format!("{column} IS NOT NULL")).collect();
            Some(format!(
                "SELECT count(*) FROM (SELECT 1 FROM {} WHERE f_deleted_at IS NULL AND {} GROUP BY {columns}
                 HAVING count(*) > 1) AS same",
                table(object),
                filled.join(" AND ")
            ))
        }
        _ => None,
    }
}
