//! `packwork pack`: what consultants need while writing one.

mod archive;
mod check;
mod export;
mod publish;
mod shown;
mod test;

use crate::packs::check::{self as check_of, Gathered};
use crate::packs::source::Source;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Make, check and test packs, bring them into a tenant.
#[derive(clap::Subcommand)]
pub(super) enum Pack {
    /// Say everything that is wrong with a pack, or with a folder of packs
    Check(check::Check),
    /// Run the cases of a pack, or of a folder of packs
    Test(test::Test),
    /// Make a new pack that passes check and test
    New(publish::New),
    /// Pack a folder into one file, signed if wanted
    Build(archive::Build),
    /// Make a key to sign packs with
    Keygen(archive::Keygen),
    /// Check an archive: whole, unaltered, signed by somebody trusted
    Verify(archive::Verify),
    /// Write what a tenant has changed as a pack for other tenants
    Export(export::Export),
    /// Write an installed pack into a folder or an archive
    Fetch(export::Fetch),
    /// Say what installing or upgrading packs would change
    Plan(publish::Plan),
    /// Put a plan into force
    Apply(publish::Apply),
    /// Take a pack out; its data is kept
    Remove(publish::Remove),
    /// List the packs of a tenant
    List(publish::List),
    /// Bring back a former version of the definitions
    Rollback(publish::Rollback),
}

impl Pack {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Pack::Check(check) => Ok(check.run()),
            Pack::Test(test) => test.run().await,
            Pack::New(new) => new.run(),
            Pack::Build(build) => build.run(),
            Pack::Keygen(keygen) => keygen.run(),
            Pack::Verify(verify) => verify.run(),
            Pack::Export(export) => export.run().await,
            Pack::Fetch(fetch) => fetch.run().await,
            Pack::Plan(plan) => plan.run().await,
            Pack::Apply(apply) => apply.run().await,
            Pack::Remove(remove) => remove.run().await,
            Pack::List(list) => list.run().await,
            Pack::Rollback(rollback) => rollback.run().await,
        }
    }
}

/// Where packs come from that others may require.
#[derive(clap::Args)]
struct Beside {
    /// Packs that these may require, instead of those in the binary
    #[arg(long, env = "PACKWORK_PACKS_DIR", value_name = "DIR")]
    packs_dir: Option<PathBuf>,
}

/// The packs of a folder together with those they may require.
fn gather(folder: &Path, beside: &Beside) -> anyhow::Result<Gathered> {
    check_of::gather(folder, &beside.packs_dir.clone().map_or(Source::Embedded, Source::Folder))
}
