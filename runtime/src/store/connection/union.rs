//! Several queries of PostgreSQL as one statement: each row says whose it is and holds the columns of all of them, of which
//! only those of its own query are not null. What a query by a key costs is mostly the way to the server and back.

use super::super::sql::{Dialect, Kind, Sql};

/// Columns of the queries in one statement: each of them names all, and a server takes 1,664.
const COLUMNS_MAX: usize = 200;

/// Queries, those of one statement together. One with many columns goes alone.
pub(super) fn statements(queries: Vec<(Sql, Vec<Kind>)>) -> Vec<Vec<(Sql, Vec<Kind>)>> {
    let mut statements: Vec<Vec<(Sql, Vec<Kind>)>> = Vec::new();
    let mut columns = 0;
    for query in queries {
        columns += query.1.len();
        match statements.last_mut().filter(|_| columns <= COLUMNS_MAX) {
            Some(together) => together.push(query),
            None => {
                columns = query.1.len();
                statements.push(vec![query]);
            }
        }
    }
    statements
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sql::Datum;

    fn query(text: &str, binds: &[i64], kinds: &[Kind]) -> (Sql, Vec<Kind>) {
        let binds = binds.iter().map(|number| Datum::Int(*number)).collect();
        (Sql::of(Dialect::Postgres, text, binds), kinds.to_vec())
    }

    #[test]
    fn each_row_says_whose_it_is() {
        let first = query("SELECT a, b FROM x WHERE c = ?", &[7], &[Kind::Id, Kind::Text]);
        let second = query("SELECT d FROM y WHERE e = ? OR f = ?", &[8, 9], &[Kind::Decimal(2)]);
        let union = Union::of(vec![first, second]);
        assert_eq!(
            union.sql.text,
            "SELECT 0::bigint, q.*, NULL::numeric FROM (SELECT a, b FROM x WHERE c = $1) AS q \
             UNION ALL SELECT 1::bigint, NULL::uuid, NULL::text, q.* FROM (SELECT d FROM y WHERE e = $2 OR f = $3) AS q"
        );
        assert_eq!(union.sql.binds, [7, 8, 9].map(Datum::Int));
        assert_eq!(union.part(0), Some((1, &[Kind::Id, Kind::Text][..])));
        assert_eq!(union.part(1), Some((3, &[Kind::Decimal(2)][..])));
        assert_eq!(union.part(2), None);
    }

    #[test]
    fn statements_stay_within_their_columns() {
        let queries = [60, 60, 80, 1, 300, 150, 50, 50].map(|columns| query("", &[], &vec![Kind::Int; columns]));
        let sizes = |together: &Vec<(Sql, Vec<Kind>)>| together.iter().map(|(_, kinds)| kinds.len()).collect();
        let found: Vec<Vec<usize>> = statements(queries.into()).iter().map(sizes).collect();
        assert_eq!(found, [vec![60, 60, 80], vec![1], vec![300], vec![150, 50], vec![50]]);
    }
}
