//! `packwork pack build|keygen|verify`: packs as files that can be signed, sent and checked.

use super::{Beside, gather};
use crate::cli::serve::trust_list;
use crate::entropy::Entropy;
use crate::packs::archive::{self, ARCHIVE_BYTES_MAX, ENDING};
use crate::packs::check::findings;
use crate::packs::signing::{Key, Trust};
use crate::packs::source::name_of;
use anyhow::{Context, bail};
use packwork_engine::diagnostic::Severity;
use packwork_engine::refusal::Refusal;
use serde_json::{Value as Json, json};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Args)]
pub(in crate::cli) struct Build {
    /// Folder of one pack
    folder: PathBuf,
    /// File to write, ending with .pwpack
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Sign it with this secret key (see `packwork pack keygen`)
    #[arg(long, value_name = "KEYFILE")]
    sign: Option<PathBuf>,
    #[command(flatten)]
    beside: Beside,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Keygen {
    /// Where the secret key goes; the public one goes beside it, with the ending .pub
    #[arg(long, short, value_name = "FILE", default_value = "packwork.key")]
    output: PathBuf,
    /// Whose key it is, for the trust lists of others
    #[arg(long, value_name = "NAME", default_value = "")]
    name: String,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Verify {
    /// A .pwpack
    archive: PathBuf,
    /// Trust list: a public key and a name on each line
    #[arg(long, env = "PACKWORK_TRUST", value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

/// A refusal on the command line: its words and its code.
fn failed(refusal: &Refusal) -> anyhow::Error {
    anyhow::anyhow!("{} ({})", refusal.detail, refusal.code)
}

pub(super) fn is_archive(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == ENDING)
}

/// The bytes of an archive; of a larger one just enough to be refused.
pub(super) fn bytes_of(path: &Path) -> anyhow::Result<Vec<u8>> {
    let reading = || format!("reading `{}`", path.display());
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).with_context(reading)?;
    file.take(ARCHIVE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).with_context(reading)?;
    Ok(bytes)
}

/// Writes a file whole, or leaves what was there.
pub(super) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let writing = || format!("writing `{}`", path.display());
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    std::fs::write(&part, bytes).with_context(writing)?;
    std::fs::rename(&part, path).with_context(writing)
}

impl Build {
    pub(in crate::cli) fn run(self) -> anyhow::Result<ExitCode> {
        if !is_archive(&self.output) {
            bail!("`{}` does not end with .{ENDING}", self.output.display());
        }
        if !self.folder.join("pack.json").is_file() {
            bail!("`{}` is no pack: it has no pack.json", self.folder.display());
        }
        let gathered = gather(&self.folder, &self.beside)?;
        let errors: Vec<_> =
            findings(&gathered).into_iter().filter(|finding| finding.severity == Severity::Error).collect();
        if !errors.is_empty() {
            errors.iter().for_each(|finding| eprintln!("{finding}"));
            bail!("the pack has {} error(s); it is not built", errors.len());
        }
        let key = self.sign.as_ref().map(|file| key_of(file)).transpose()?;
        let files = gathered.files.iter().find(|files| gathered.own.contains(&name_of(files)));
        let files = files.context("the folder holds no pack")?;
        let manifest: Json = serde_json::from_slice(&files["pack.json"]).context("reading pack.json")?;
        let text = |member: &str| manifest[member].as_str().unwrap_or_default();
        let (name, version) = (text("name"), text("version"));
        let bytes = archive::write(name, version, files, key.as_ref()).map_err(|refusal| failed(&refusal))?;
        write(&self.output, &bytes)?;
        let signed = key.map_or_else(|| "not signed".to_owned(), |key| format!("signed with {}", key.public()));
        println!("{}: {name} {version}, {} files, {signed}", self.output.display(), files.len());
        Ok(ExitCode::SUCCESS)
    }
}

fn key_of(file: &Path) -> anyhow::Result<Key> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading `{}`", file.display()))?;
    Key::parse(&text).with_context(|| format!("`{}` is no secret key of `packwork pack keygen`", file.display()))
}

impl Keygen {
    pub(in crate::cli) fn run(self) -> anyhow::Result<ExitCode> {
        let (key, secret) = Key::generate(&Entropy::system());
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.output).with_context(|| format!("making `{}`", self.output.display()))?;
        file.write_all(secret.expose().as_bytes())?;
        file.sync_all()?;
        let line = format!("{} {}", key.public(), self.name).trim().to_owned();
        let public = self.output.with_extension("pub");
        std::fs::write(&public, format!("{line}\n")).with_context(|| format!("writing `{}`", public.display()))?;
        println!("{} is secret: keep it.", self.output.display());
        println!("{} is for the trust lists of those who take your packs:\n{line}", public.display());
        Ok(ExitCode::SUCCESS)
    }
}

impl Verify {
    pub(in crate::cli) fn run(self) -> anyhow::Result<ExitCode> {
        let trust = self.trust.as_ref().map(|file| trust_list(file)).transpose()?.unwrap_or_else(Trust::default);
        let archive = archive::read(&bytes_of(&self.archive)?, &trust).map_err(|refusal| failed(&refusal))?;
        if self.json {
            println!(
                "{:#}",
                json!({"name": archive.name, "version": archive.version, "content": archive.content,
                    "signer": archive.signer, "files": archive.files.len()})
            );
            return Ok(ExitCode::SUCCESS);
        }
        let signer = archive.signer.map_or_else(|| "not signed".to_owned(), |signer| format!("signed by {signer}"));
        println!("{} {}, {} files, {signer}", archive.name, archive.version, archive.files.len());
        println!("content {}", archive.content);
        Ok(ExitCode::SUCCESS)
    }
}
