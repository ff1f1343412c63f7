//! `packwork backup` and `packwork restore`. Both work beside a running server, `restore` into an empty place only.

use super::serve::{DATA, database};
use crate::backup;
use crate::clock::Clock;
use crate::config::{Config, Flags};
use std::path::{Path, PathBuf};

/// Write a backup of the tenant to a file, while the server works.
#[derive(clap::Args)]
pub(super) struct Backup {
    #[command(flatten)]
    flags: Flags,
    /// The file to write; it must not be there yet
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
}

/// Put a backup back, into an empty data folder or a tenant of PostgreSQL that is not there yet.
#[derive(clap::Args)]
pub(super) struct Restore {
    /// The file that `backup` wrote
    archive: PathBuf,
    #[command(flatten)]
    flags: Flags,
}

impl Backup {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let config = Config::load(&self.flags, Path::new(DATA))?;
        let tenant = &config.tenant;
        let files = config.data.join(backup::FILES);
        let done = backup::backup(&database(&config), tenant, &files, &self.to, &Clock::system()).await?;
        let bytes: u64 = done.files.iter().map(|file| file.bytes).sum();
        println!(
            "`{}`: tenant `{tenant}` as of {}, {} files, {bytes} bytes",
            self.to.display(),
            done.at,
            done.files.len()
        );
        Ok(())
    }
}

impl Restore {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let config = Config::load(&self.flags, Path::new(DATA))?;
        let tenant = &config.tenant;
        let done = backup::restore(&self.archive, &database(&config), &config.data, tenant).await?;
        println!("Tenant `{tenant}` is as it was at {} (`packwork doctor` checks it)", done.at);
        Ok(())
    }
}
