//! Parts of a measurement: processes of their own, and the folders and copies they work on.

use anyhow::{Context, Result, bail};
use packwork::auth::Secret;
use packwork::store::Database;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub const TENANT: &str = "main";

/// A folder is SQLite's, a `postgres://…` address PostgreSQL's.
pub fn is_postgres(at: &str) -> bool {
    at.starts_with("postgres")
}

/// Where the product finds its data.
pub fn store(at: &str) -> Database {
    match is_postgres(at) {
        true => Database::Postgres { url: Secret::new(at) },
        false => Database::Sqlite { folder: at.into() },
    }
}

/// Runs a part in a process of its own and reads its figures.
pub fn run(part: &str, rest: &[&str]) -> Result<Json> {
    let output = command(part, rest)?.output().with_context(|| format!("starting the part `{part}`"))?;
    if !output.status.success() {
        bail!("the part `{part}` failed");
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("reading the figures of `{part}`"))
}

/// This program as one part of a measurement.
pub fn command(part: &str, rest: &[&str]) -> Result<Command> {
    let program = std::env::current_exe().context("finding this program")?;
    let mut command = Command::new(program);
    command.arg("--child").arg(part).args(rest).stdin(Stdio::null()).stderr(Stdio::inherit());
    Ok(command)
}

/// A tenant's file in a data folder.
pub fn database(folder: &Path) -> PathBuf {
    folder.join("tenants").join(format!("{TENANT}.db"))
}

pub fn text(path: &Path) -> Result<&str> {
    path.to_str().context("the temporary folder has a name that is no text")
}

/// A fresh copy of a data folder's database.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        std::fs::remove_dir_all(to).context("removing an earlier copy")?;
    }
    std::fs::create_dir_all(to.join("tenants")).context("making a folder for a copy")?;
    std::fs::copy(database(from), database(to)).context("copying the database")?;
    // Written back now rather than under the first program that syncs.
    std::fs::File::open(database(to)).and_then(|file| file.sync_all()).context("syncing the copy")
}

/// A folder that goes with the measurement.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Result<Folder> {
        let path = std::env::temp_dir().join(format!("packwork-load-{}", std::process::id()));
        std::fs::create_dir_all(&path).context("making a temporary folder")?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
