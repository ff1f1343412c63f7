//! Of a file: a consistent copy made by the database itself while others read and write.

use super::archive::Writer;
use super::{Error, database_error, file_error};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection, Row};
use std::path::Path;
use std::time::Duration;

const NAME: &str = "tenant.db";
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// Packs a snapshot of the tenant's file; gives the migrations it has seen.
pub(super) async fn take(
    folder: &Path,
    tenant: &str,
    archive: &mut Writer,
    spool: &Path,
) -> Result<Vec<String>, Error> {
    let file = folder.join("tenants").join(format!("{tenant}.db"));
    if !file.is_file() {
        return Err(Error::NoTenant(tenant.to_owned()));
    }
    let options = SqliteConnectOptions::new().filename(&file).create_if_missing(false).busy_timeout(BUSY_TIMEOUT);
    let mut connection =
        SqliteConnection::connect_with(&options).await.map_err(database_error("opening the tenant's file"))?;
    let copy = sqlx::query("VACUUM INTO ?").bind(spool.to_string_lossy().into_owned());
    copy.execute(&mut connection).await.map_err(database_error("copying the tenant's file"))?;
    connection.close().await.map_err(database_error("closing the tenant's file"))?;
    let options = SqliteConnectOptions::new().filename(spool).create_if_missing(false).read_only(true);
    let mut copy = SqliteConnection::connect_with(&options).await.map_err(database_error("opening the copy"))?;
    let rows = sqlx::query("SELECT name FROM migration ORDER BY name").fetch_all(&mut copy).await;
    let names = rows.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect());
    let names = names.map_err(database_error("reading the copy"))?;
    copy.close().await.map_err(database_error("closing the copy"))?;
    archive.append_file(NAME, spool)?;
    Ok(names)
}

/// Brings what was unpacked into the form of a data folder.
pub(super) fn arrange(staged: &Path, tenant: &str) -> Result<(), Error> {
    let tenants = staged.join("tenants");
    std::fs::create_dir_all(&tenants).map_err(file_error("arranging the data folder"))?;
    let target = tenants.join(format!("{tenant}.db"));
    std::fs::rename(staged.join(NAME), target).map_err(file_error("arranging the data folder"))
}
