//! `packwork pack check`: all that is wrong with packs, in the order of their files.

use super::archive::write;
use super::{Beside, gather};
use crate::packs::check::findings;
use crate::packs::source::{name_of, pack_folders, read_pack};
use crate::packs::words;
use crate::service::Locale;
use anyhow::Context;
use packwork_engine::definition::Kind;
use packwork_engine::diagnostic::Severity;
use packwork_engine::layers::content;
use packwork_engine::pack::{text_of, uids};
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The check itself could not be done. Packs with errors are an answer, and exit with 1.
const FAILED: u8 = 2;

/// Exit codes: 0 no errors, 1 the packs have errors (with `--strict`: or warnings), 2 they could not be checked
#[derive(clap::Args)]
pub(in crate::cli) struct Check {
    folder: PathBuf,
    /// Write missing identities (`uid`) into the files
    #[arg(long)]
    fix: bool,
    /// Let warnings fail it too
    #[arg(long)]
    strict: bool,
    /// Language of the findings
    #[arg(long, env = "PACKWORK_LOCALE", value_enum, default_value = "en")]
    lang: Locale,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    beside: Beside,
}

/// Writes the identities that are missing into the files of definitions; the files it has written.
fn fix(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut written = Vec::new();
    let reading = || format!("reading packs from `{}`", folder.display());
    for place in pack_folders(folder).with_context(reading)? {
        let files = read_pack(&place).with_context(reading)?;
        let pack = name_of(&files);
        let definitions = files.iter().filter(|(file, _)| file.ends_with(".json") && !file.starts_with("i18n/"));
        for (file, bytes) in definitions.filter(|(file, _)| *file != "pack.json" && !pack.is_empty()) {
            let Some(text) = text_of(bytes).ok().and_then(|text| identified(&pack, text)) else { continue };
            let path = place.join(file);
            write(&path, text.as_bytes())?;
            written.push(path.display().to_string());
        }
    }
    Ok(written)
}

/// The text of a definition with its identity; `None` where it needs none.
fn identified(pack: &str, text: &str) -> Option<String> {
    let json: Json = serde_json::from_str(text).ok()?;
    let member = |name: &str| json.get(name).and_then(Json::as_str);
    let first_name = member("was").or_else(|| member("name"))?;
    uids::with_uid(text, &content::uid(pack, Kind::named(member("kind")?)?, first_name))
}

impl Check {
    pub(in crate::cli) fn run(self) -> ExitCode {
        self.checked().unwrap_or_else(|error| {
            eprintln!("packwork: {error:#}");
            ExitCode::from(FAILED)
        })
    }

    fn checked(self) -> anyhow::Result<ExitCode> {
        let fixed = if self.fix { fix(&self.folder)? } else { Vec::new() };
        let found = findings(&gather(&self.folder, &self.beside)?);
        let errors = found.iter().filter(|finding| finding.severity == Severity::Error).count();
        let warnings = found.len() - errors;
        if self.json {
            let told: Vec<_> = found.into_iter().map(|finding| words::told(self.lang, finding)).collect();
            println!("{:#}", json!({"errors": errors, "warnings": warnings, "findings": told, "fixed": fixed}));
        } else {
            for file in &fixed {
                match self.lang {
                    Locale::Chinese => println!("已写入 uid：{file}"),
                    Locale::English => println!("wrote the uid into {file}"),
                }
            }
            for finding in &found {
                println!("{}", words::line(self.lang, finding));
            }
            println!("{}", words::counts(self.lang, errors, warnings));
        }
        let fails = errors > 0 || self.strict && warnings > 0;
        Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}
