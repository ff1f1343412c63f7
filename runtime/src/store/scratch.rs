//! Databases of PostgreSQL to throw away: made beside another one, copied, dropped. Knows nothing of what is in them.

use super::StoreError;
use crate::auth::secret::Secret;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// The same server, another database.
pub fn beside(server: &Secret, name: &str) -> Secret {
    let url = server.expose();
    let (base, query) = url.split_once('?').map_or((url, String::new()), |(base, query)| (base, format!("?{query}")));
    let after_scheme = base.find("://").map_or(0, |at| at + 3);
    let base = base[after_scheme..].find('/').map_or(base, |at| &base[..after_scheme + at]);
    Secret::new(format!("{base}/{name}{query}"))
}

/// Of a name of PostgreSQL, 63 bytes, what leaves room for more.
const NAME_CHARS_MAX: usize = 30;

/// The name of the database an address leads to, as the beginning of other names.
pub fn name_of(server: &Secret) -> String {
    let url = server.expose().split('?').next().unwrap_or_default();
    let name = url.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let name: String = name.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect();
    name.chars().take(NAME_CHARS_MAX).collect()
}

/// Makes a database, empty or as a copy of another one of that server; its address.
pub async fn create_database(server: &Secret, name: &str, like: Option<&str>) -> Result<Secret, StoreError> {
    let template = like.map(|like| format!(" TEMPLATE \"{like}\"")).unwrap_or_default();
    execute(server, "making a database", format!("CREATE DATABASE \"{name}\"{template}")).await?;
    Ok(beside(server, name))
}

/// A database that is copied must have no guests; those that just left may still be on their way out.
pub async fn seal(server: &Secret, name: &str) -> Result<(), StoreError> {
    let doing = "sealing a database";
    execute(server, doing, format!("ALTER DATABASE \"{name}\" WITH ALLOW_CONNECTIONS false")).await?;
    let leave = format!("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'");
    execute(server, doing, leave).await
}

/// Drops a database, whoever is still in it.
pub async fn drop_database(server: &Secret, name: &str) -> Result<(), StoreError> {
    execute(server, "dropping a database", format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)")).await
}

async fn execute(server: &Secret, doing: &'static str, sql: String) -> Result<(), StoreError> {
    let failed = |cause| StoreError::Database { doing, cause };
    let mut connection = PgConnection::connect(server.expose()).await.map_err(failed)?;
    connection.execute(AssertSqlSafe(sql)).await.map_err(failed)?;
    connection.close().await.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_database_keeps_server_and_settings() {
        for (server, expect) in [
            ("postgres://u:p@host:5432/postgres", "postgres://u:p@host:5432/cases"),
            ("postgres://u:p@host:5432/postgres?sslmode=require", "postgres://u:p@host:5432/cases?sslmode=require"),
            ("postgres://host", "postgres://host/cases"),
        ] {
            assert_eq!(beside(&Secret::new(server), "cases").expose(), expect);
        }
        assert_eq!(name_of(&Secret::new("postgres://u:p@host/Acme-1?sslmode=require")), "acme1");
    }
}
