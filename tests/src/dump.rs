//! Everything a tenant has stored, read past the product: schema and rows of every table, in an order of their own.

use crate::app::TestApp;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};

/// One table as it stands.
#[derive(Debug)]
pub struct Dumped {
    pub name: String,
    /// Columns, indexes and constraints.
    pub schema: Vec<String>,
    pub rows: Vec<String>,
}

/// The tenant's tables, by name.
pub async fn dump(test: &TestApp) -> Vec<Dumped> {
    match test.postgres() {
        Some(url) => postgres(url).await,
        None => sqlite(test).await,
    }
    .expect("the database can be read")
}

async fn sqlite(test: &TestApp) -> sqlx::Result<Vec<Dumped>> {
    let url = format!("sqlite://{}?mode=ro", test.sqlite().display());
    let mut connection = SqliteConnection::connect(&url).await?;
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let mut dumped = Vec::new();
    for name in sqlx::query_scalar::<_, String>(tables).fetch_all(&mut connection).await? {
        let schema = format!(
            "SELECT type || ' ' || sql FROM sqlite_schema WHERE tbl_name = '{name}' AND sql IS NOT NULL ORDER BY 1"
        );
        let schema = sqlx::query_scalar(AssertSqlSafe(schema)).fetch_all(&mut connection).await?;
        let columns = format!("SELECT name FROM pragma_table_info('{name}')");
        let columns: Vec<String> = sqlx::query_scalar(AssertSqlSafe(columns)).fetch_all(&mut connection).await?;
        let shown: Vec<String> = columns.iter().map(|column| format!("'{column}=' || quote(\"{column}\")")).collect();
        let rows = format!("SELECT {} FROM \"{name}\" ORDER BY 1", shown.join(" || ', ' || "));
        let rows = sqlx::query_scalar(AssertSqlSafe(rows)).fetch_all(&mut connection).await?;
        dumped.push(Dumped { name, schema, rows });
    }
    connection.close().await?;
    Ok(dumped)
}

async fn postgres(url: &str) -> sqlx::Result<Vec<Dumped>> {
    let mut connection = PgConnection::connect(url).await?;
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 't_main' ORDER BY 1";
    let mut dumped = Vec::new();
    for name in sqlx::query_scalar::<_, String>(tables).fetch_all(&mut connection).await? {
        let schema = format!(
            "SELECT 'column ' || column_name || ' ' || data_type || ' ' || coalesce(numeric_scale::text, '') || ' ' || is_nullable
                || ' ' || coalesce(column_default, '') || ' ' || coalesce(collation_name, '')
             FROM information_schema.columns WHERE table_schema = 't_main' AND table_name = '{name}'
             UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 't_main' AND tablename = '{name}'
             UNION ALL SELECT 'constraint ' || conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
             WHERE conrelid = 't_main.\"{name}\"'::regclass ORDER BY 1"
        );
        let schema = sqlx::query_scalar(AssertSqlSafe(schema)).fetch_all(&mut connection).await?;
        let rows = format!("SELECT to_jsonb(t)::text FROM t_main.\"{name}\" AS t ORDER BY 1");
        let rows = sqlx::query_scalar(AssertSqlSafe(rows)).fetch_all(&mut connection).await?;
        dumped.push(Dumped { name, schema, rows });
    }
    connection.close().await?;
    Ok(dumped)
}
