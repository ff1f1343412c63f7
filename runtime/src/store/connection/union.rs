//! Several queries of PostgreSQL as one statement: each row says whose it is and holds the columns of all of them, of which
//! only those of its own query are not null. What a query by a key costs is mostly the way to the server and back.

use super::super::sql::{Dialect, Kind, Sql};

/// Queries in one statement.
pub(super) struct Union {
    pub(super) sql: Sql,
    /// Of each query: where its columns begin, and what they hold.
    parts: Vec<(usize, Vec<Kind>)>,
}

impl Union {
    pub(super) fn of(queries: Vec<(Sql, Vec<Kind>)>) -> Union {
        // The first column says whose row it is.
        let mut begin = 1;
        let (mut queried, mut parts) = (Vec::with_capacity(queries.len()), Vec::with_capacity(queries.len()));
        for (sql, kinds) in queries {
            let columns = kinds.len();
            parts.push((begin, kinds));
            queried.push(sql);
            begin += columns;
        }
        let mut sql = Sql::new(Dialect::Postgres);
        for (at, query) in queried.into_iter().enumerate() {
            sql.push(if at == 0 { "SELECT " } else { " UNION ALL SELECT " }).number(at).push("::bigint");
            for (of, (_, kinds)) in parts.iter().enumerate() {
                if of == at {
                    sql.push(", q.*");
                } else {
                    for kind in kinds {
                        sql.push(nothing(*kind));
                    }
                }
            }
            sql.push(" FROM (").append(query).push(") AS q");
        }
        Union { sql, parts }
    }

    /// Where a query's columns begin in a row, and what they hold.
    pub(super) fn part(&self, at: usize) -> Option<(usize, &[Kind])> {
        self.parts.get(at).map(|(begin, kinds)| (*begin, &kinds[..]))
    }
}

/// A null of a kind: without its type the server would take it for a text.
fn nothing(kind: Kind) -> &'static str {
    match kind {
        Kind::Id => ", NULL::uuid",
        Kind::Text => ", NULL::text",
        Kind::Decimal(_) => ", NULL::numeric",
        Kind::Bool => ", NULL::boolean",
        Kind::Date => ", NULL::date",
        Kind::Int => ", NULL::bigint",
        Kind::Json => ", NULL::jsonb",
        Kind::Bytes => ", NULL::bytea",
    }
}
