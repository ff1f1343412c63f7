//! Backups of one tenant in one file, made while the server works, and put back into an empty place. The file is a
//! `tar` with a manifest at its end: names, sizes and SHA-256 of everything in it. Knows nothing of what records mean.

mod archive;
mod postgres;
mod sqlite;

use crate::clock::Clock;
use crate::store::Database;
use archive::{Reader, Writer};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The form of the archive; a reader refuses what it does not know.
const FORMAT: u32 = 1;

/// What an archive says about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// Version of Packwork that wrote it.
    pub version: String,
    pub database: Kind,
    pub tenant: String,
    /// When the snapshot was taken.
    pub at: String,
    /// The platform's migrations it has seen.
    pub migrations: Vec<String>,
    pub files: Vec<Entry>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// One file of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("`{}` exists already", .0.display())]
    Exists(PathBuf),
    #[error("`{}` is not empty: a backup is put back into an empty place only", .0.display())]
    FolderInUse(PathBuf),
    #[error("the tenant `{0}` has data there already: a backup is put back into an empty place only")]
    TenantInUse(String),
    #[error("there is no tenant `{0}`")]
    NoTenant(String),
    #[error("`{}` is no whole backup: {cause}", .path.display())]
    Corrupt { path: PathBuf, cause: String },
    #[error("the backup is of {found:?}; it can be put back there only")]
    OtherDatabase { found: Kind },
    #[error("the backup was written by version {version}, which is newer than this one")]
    Newer { version: String },
    #[error("while {doing}")]
    File {
        doing: String,
        #[source]
        cause: std::io::Error,
    },
    #[error("the database failed while {doing}")]
    Database {
        doing: String,
        #[source]
        cause: sqlx::Error,
    },
}

fn file_error(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
    let doing = doing.into();
    move |cause| Error::File { doing, cause }
}

fn database_error(doing: impl Into<String>) -> impl FnOnce(sqlx::Error) -> Error {
    let doing = doing.into();
    move |cause| Error::Database { doing, cause }
}

/// Writes a backup of a tenant to `to`; a server may work on the data meanwhile. `files` is the folder of attachments.
pub async fn backup(
    database: &Database,
    tenant: &str,
    files: &Path,
    to: &Path,
    clock: &Clock,
) -> Result<Manifest, Error> {
    if to.exists() {
        return Err(Error::Exists(to.to_owned()));
    }
    let part = with_ending(to, ".part");
    let done = write(database, tenant, files, &part, clock).await;
    if done.is_ok() {
        std::fs::rename(&part, to).map_err(file_error(format!("naming `{}`", to.display())))?;
    } else {
        let _ = std::fs::remove_file(&part);
    }
    done
}

async fn write(database: &Database, tenant: &str, files: &Path, part: &Path, clock: &Clock) -> Result<Manifest, Error> {
    let mut archive = Writer::create(part)?;
    let spool = with_ending(part, ".spool");
    let _ = std::fs::remove_file(&spool);
    let at = clock.now().to_string();
    let taken = match database {
        Database::Sqlite { folder } => sqlite::take(folder, tenant, &mut archive, &spool).await,
        Database::Postgres { url } => postgres::take(url, tenant, &mut archive, &spool).await,
    };
    let _ = std::fs::remove_file(&spool);
    let migrations = taken?;
    let kind = match database {
        Database::Sqlite { .. } => Kind::Sqlite,
        Database::Postgres { .. } => Kind::Postgres,
    };
    for path in files_below(files)? {
        let inside = path.strip_prefix(files).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        archive.append_file(&format!("{FILES}/{inside}"), &path)?;
    }
    archive.finish(|files| Manifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").into(),
        database: kind,
        tenant: tenant.to_owned(),
        at,
        migrations,
        files,
    })
}

/// Where attachments stand in an archive and in a data folder.
pub const FILES: &str = "attachments";

/// Puts a backup back under a tenant's name. On SQLite `data` must be empty or not be there, on PostgreSQL the tenant;
/// the files of attachments go below `data` on both.
pub async fn restore(archive: &Path, database: &Database, data: &Path, tenant: &str) -> Result<Manifest, Error> {
    let target = target(database, data);
    let is_used = |folder: &Path| match std::fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => folder.exists(),
    };
    if is_used(&target) {
        return Err(Error::FolderInUse(target));
    }
    let staged = with_ending(data, ".restoring");
    let _ = std::fs::remove_dir_all(&staged);
    let done = put_back(archive, database, &staged, data, tenant).await;
    let _ = std::fs::remove_dir_all(&staged);
    done
}

/// What appears as a whole, by its name.
fn target(database: &Database, data: &Path) -> PathBuf {
    match database {
        Database::Sqlite { .. } => data.to_owned(),
        Database::Postgres { .. } => data.join(FILES),
    }
}

async fn put_back(
    archive: &Path,
    database: &Database,
    staged: &Path,
    data: &Path,
    tenant: &str,
) -> Result<Manifest, Error> {
    // Everything is unpacked and verified beside the target, before anything is put in its place.
    let manifest = Reader::open(archive)?.unpack(staged)?;
    let wanted = match database {
        Database::Sqlite { .. } => Kind::Sqlite,
        Database::Postgres { .. } => Kind::Postgres,
    };
    if manifest.database != wanted {
        return Err(Error::OtherDatabase { found: manifest.database });
    }
    if !crate::store::knows_migrations(&manifest.migrations) {
        return Err(Error::Newer { version: manifest.version });
    }
    let whole = match database {
        Database::Sqlite { .. } => {
            sqlite::arrange(staged, tenant)?;
            staged.to_owned()
        }
        Database::Postgres { url } => {
            postgres::load(url, tenant, staged).await?;
            std::fs::create_dir_all(data).map_err(file_error("making the data folder"))?;
            staged.join(FILES)
        }
    };
    let target = target(database, data);
    if whole.exists() {
        let naming = || file_error(format!("naming `{}`", target.display()));
        if target.exists() {
            std::fs::remove_dir(&target).map_err(naming())?;
        }
        std::fs::rename(whole, &target).map_err(naming())?;
    }
    Ok(manifest)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// All files below a folder, in order; none where there is no such folder.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        if !folder.is_dir() {
            continue;
        }
        let reading = || format!("listing `{}`", folder.display());
        for entry in std::fs::read_dir(&folder).map_err(file_error(reading()))? {
            let path = entry.map_err(file_error(reading()))?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
