//! Databases of PostgreSQL to throw away: made beside another one, copied, dropped. Knows nothing of what is in them.

use super::StoreError;
use crate::auth::secret::Secret;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::collections::BTreeMap;

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

/// The databases of one run, known as in use for as long as it lives: a lock of the server, which goes with the process.
#[derive(Debug)]
pub struct Claim {
    prefix: String,
    _connection: PgConnection,
}

const CLAIM: &str = "SELECT pg_advisory_lock(hashtextextended($1, 0))";
const CLAIM_IF_FREE: &str = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))";
const CLAIMING: &str = "claiming databases of cases";

/// What stands between the name of the server's database and that of a run.
const OF_CASES: &str = "_cases_";

impl Claim {
    pub async fn new(server: &Secret, run: &str) -> Result<Claim, StoreError> {
        let failed = |cause| StoreError::Database { doing: CLAIMING, cause };
        let prefix = format!("{}{OF_CASES}{run}", name_of(server));
        let mut connection = PgConnection::connect(server.expose()).await.map_err(failed)?;
        sqlx::query(CLAIM).bind(&prefix).execute(&mut connection).await.map_err(failed)?;
        Ok(Claim { prefix, _connection: connection })
    }

    /// The name of one of its databases.
    pub fn name(&self, number: u64) -> String {
        format!("{}_{number}", self.prefix)
    }
}

/// Drops what runs that were killed have left; those of runs that live stay. How many it dropped.
pub async fn clear_abandoned(server: &Secret) -> Result<usize, StoreError> {
    let failed = |cause| StoreError::Database { doing: "clearing databases of cases", cause };
    let mut connection = PgConnection::connect(server.expose()).await.map_err(failed)?;
    let begins = format!("{}{OF_CASES}", name_of(server));
    let names: Vec<String> = sqlx::query_scalar("SELECT datname::text FROM pg_database WHERE starts_with(datname, $1)")
        .bind(&begins)
        .fetch_all(&mut connection)
        .await
        .map_err(failed)?;
    let mut runs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for name in &names {
        if let Some((run, number)) = name.rsplit_once('_')
            && number.parse::<u64>().is_ok()
        {
            runs.entry(run).or_default().push(name);
        }
    }
    let mut dropped = 0;
    for (run, names) in runs {
        let free: bool =
            sqlx::query_scalar(CLAIM_IF_FREE).bind(run).fetch_one(&mut connection).await.map_err(failed)?;
        if !free {
            continue;
        }
        for name in names {
            drop_database(server, name).await?;
            dropped += 1;
        }
    }
    // The locks go with the connection.
    connection.close().await.map_err(failed)?;
    Ok(dropped)
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
