//! `packwork pack export|fetch`: what a tenant has changed, as a pack for other tenants; and a pack as the tenant has it.

use super::archive::{is_archive, write};
use crate::cli::client::Target;
use crate::packs::archive;
use crate::packs::shelf::from_json;
use crate::packs::source::Files;
use crate::telemetry;
use anyhow::{Context, bail};
use axum::http::Method;
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Written, and something could not be.
const LEFT: u8 = 2;

#[derive(clap::Args)]
pub(in crate::cli) struct Export {
    /// Name of the new pack
    #[arg(long)]
    name: String,
    /// Its version
    #[arg(long = "pack-version", value_name = "VERSION", default_value = "0.1.0")]
    version: String,
    /// Its title
    #[arg(long)]
    title: Option<String>,
    /// A folder to make, or a file that ends with .pwpack
    #[arg(long, short, value_name = "DIR|FILE")]
    output: PathBuf,
    #[command(flatten)]
    target: Target,
}

/// Its files are as they were installed, to the byte; the tenant's changes are not in them
#[derive(clap::Args)]
pub(in crate::cli) struct Fetch {
    /// Name of an installed pack
    name: String,
    /// A folder to make, or a file that ends with .pwpack
    #[arg(long, short, value_name = "DIR|FILE")]
    output: PathBuf,
    #[command(flatten)]
    target: Target,
}

impl Fetch {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<ExitCode> {
        telemetry::start("warn");
        is_free(&self.output)?;
        let api = self.target.connect().await?;
        let pack = api.call(Method::GET, &format!("/packs/{}/files", self.name), None).await?;
        let files = from_json(&pack["files"]).context("the answer holds no files")?;
        save(&self.output, &self.name, &text(&pack["version"]), &files)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Export {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<ExitCode> {
        telemetry::start("warn");
        is_free(&self.output)?;
        let api = self.target.connect().await?;
        let body = json!({"name": self.name, "version": self.version, "title": self.title});
        let exported = api.call(Method::POST, "/packs/export", Some(body)).await?;
        if exported["changes"] == 0 {
            bail!("this tenant has changed nothing that could be exported");
        }
        let files = from_json(&exported["files"]).context("the answer holds no files")?;
        save(&self.output, &self.name, &self.version, &files)?;
        let left_out = told(&exported["left_out"], |left| left["words"][self.locale()].as_str().map(str::to_owned));
        let missing = exported["findings"]
            .as_array()
            .map_or(0, |found| found.iter().filter(|finding| finding["code"] == "missing_text").count());
        if missing > 0 {
            println!("{missing} text(s) have no Chinese yet: they stand as null in i18n/zh-CN.json");
        }
        if exported["same"] == true {
            println!(
                "A tenant with the same packs that installs it has the same model: {}",
                text(&exported["model"]["hash"])
            );
        } else {
            println!("A tenant that installs it has another model than this one.");
            told(&exported["findings"], |finding| {
                let word = |name: &str| text(&finding[name]);
                (finding["severity"] == "error")
                    .then(|| format!("error[{}] {}: {}", word("code"), word("file"), word("message")))
            });
        }
        let whole = left_out == 0 && exported["same"] == true;
        Ok(if whole { ExitCode::SUCCESS } else { ExitCode::from(LEFT) })
    }

    fn locale(&self) -> &'static str {
        if self.target.locale.starts_with("zh") { "zh-CN" } else { "en" }
    }
}

fn is_free(output: &Path) -> anyhow::Result<()> {
    if output.exists() && !is_archive(output) {
        bail!("`{}` is there already", output.display());
    }
    Ok(())
}

/// Writes the files of a pack into a folder, or as an archive.
fn save(output: &Path, name: &str, version: &str, files: &Files) -> anyhow::Result<()> {
    if is_archive(output) {
        let bytes = archive::write(name, version, files, None)
            .map_err(|refusal| anyhow::anyhow!("{} ({})", refusal.detail, refusal.code))?;
        write(output, &bytes)?;
    } else {
        for (file, bytes) in files {
            put(output, file, bytes)?;
        }
    }
    println!("{}: {name} {version}, {} files", output.display(), files.len());
    Ok(())
}

fn put(folder: &Path, file: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let path = folder.join(file);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).with_context(|| format!("making the folder `{}`", parent.display()))?;
    }
    std::fs::write(&path, bytes).with_context(|| format!("writing `{}`", path.display()))
}

/// Prints a line for each item that has one; how many.
fn told(items: &Json, line: impl Fn(&Json) -> Option<String>) -> usize {
    let lines: Vec<String> = items.as_array().into_iter().flatten().filter_map(line).collect();
    lines.iter().for_each(|line| println!("  {line}"));
    lines.len()
}

fn text(json: &Json) -> String {
    json.as_str().unwrap_or_default().to_owned()
}
