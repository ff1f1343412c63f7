//! `packwork import`: a file of records, planned, shown, applied; or an earlier import taken back.

use super::client::{Api, Target};
use super::progress::{Meter, count};
use super::table::{Align, Table};
use crate::packs::install::Progress;
use crate::telemetry;
use anyhow::{Context, bail};
use axum::http::Method;
use serde_json::{Map, Value as Json, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Import records from a CSV or XLSX file.
#[derive(clap::Args)]
pub(super) struct Import {
    /// The file
    #[arg(required_unless_present_any = ["revert", "resume"])]
    file: Option<PathBuf>,
    /// Object whose records are imported
    #[arg(long, required_unless_present_any = ["revert", "resume"])]
    object: Option<String>,
    /// Unique field by which records are found
    #[arg(long)]
    by: Option<String>,
    /// create, update or upsert
    #[arg(long)]
    mode: Option<String>,
    /// What becomes of duplicates: skip, update, create or error
    #[arg(long)]
    duplicates: Option<String>,
    /// Which column fills which field: a JSON file
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Write the rows that were not applied, with the reasons, to this file
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,
    /// Take an earlier import back
    #[arg(long, value_name = "ID", conflicts_with_all = ["file", "object", "dry_run"])]
    revert: Option<String>,
    /// Go on with an import that was cancelled or failed
    #[arg(long, value_name = "ID", conflicts_with_all = ["file", "object", "dry_run", "revert"])]
    resume: Option<String>,
    /// Say how far it is from the first moment on, also where it is quick
    #[arg(long)]
    progress: bool,
    /// Print the import as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// Rows in error that are shown.
const SHOWN_MAX: usize = 20;

impl Import {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        telemetry::start("warn");
        let api = self.target.connect().await?;
        let import = match (&self.revert, &self.resume) {
            (Some(id), _) => {
                api.call(Method::POST, &format!("/imports/{id}/revert"), Some(json!({}))).await?;
                self.follow(&api, id, "taking back").await?
            }
            (None, Some(id)) => {
                api.call(Method::POST, &format!("/imports/{id}/resume"), Some(json!({}))).await?;
                self.follow(&api, id, "going on").await?
            }
            (None, None) => self.import(&api).await?,
        };
        if self.json {
            println!("{import:#}");
        } else {
            print(&import);
            errors(&api, &import).await?;
        }
        if let Some(path) = &self.errors {
            self.write_errors(&api, &import, path).await?;
        }
        if import["status"] == "failed" || import["status"] == "cancelled" {
            bail!("the import {} {}", text(&import["status"]), text(&import["problem"]["detail"]));
        }
        // Scripts must notice that something is left.
        let left = ["error", "kept"].iter().any(|name| import["counts"][*name].as_i64().unwrap_or(0) > 0);
        Ok(if left { ExitCode::from(2) } else { ExitCode::SUCCESS })
    }

    /// Nothing is written where nothing was left out.
    async fn write_errors(&self, api: &Api, import: &Json, path: &Path) -> anyhow::Result<()> {
        let left_out = ["error", "duplicate"].iter().any(|name| import["counts"][*name].as_i64().unwrap_or(0) > 0);
        if left_out {
            let from = format!("/imports/{}/errors.csv", text(&import["id"]));
            let bytes = api.save(Method::GET, &from, None, path).await?;
            eprintln!("{}: {bytes} bytes", path.display());
        }
        Ok(())
    }

    async fn import(&self, api: &Api) -> anyhow::Result<Json> {
        let (Some(path), Some(object)) = (&self.file, &self.object) else { bail!("name a file and --object") };
        let mut asked = Map::new();
        if let Some(file) = &self.mapping {
            let text = std::fs::read_to_string(file).with_context(|| format!("reading `{}`", file.display()))?;
            let mapping = serde_json::from_str(&text).with_context(|| format!("`{}` is no JSON", file.display()))?;
            asked.insert("mapping".into(), mapping);
        }
        for (name, value) in [("by", &self.by), ("mode", &self.mode), ("duplicates", &self.duplicates)] {
            if let Some(value) = value {
                asked.insert(name.into(), json!(value));
            }
        }
        let file = tokio::fs::File::open(path).await.with_context(|| format!("reading `{}`", path.display()))?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let uploaded =
            api.upload(&format!("/imports?object={}&name={}", encoded(object), encoded(&name)), file).await?;
        let id = uploaded["id"].as_str().context("the server gave no id")?.to_owned();
        api.call(Method::POST, &format!("/imports/{id}/plan"), Some(Json::Object(asked))).await?;
        let planned = self.follow(api, &id, "planning").await?;
        if self.dry_run || planned["status"] != "planned" {
            return Ok(planned);
        }
        api.call(Method::POST, &format!("/imports/{id}/apply"), Some(json!({}))).await?;
        self.follow(api, &id, "applying").await
    }

    /// Waits for the end of a job, saying how far it is.
    async fn follow(&self, api: &Api, id: &str, what: &str) -> anyhow::Result<Json> {
        let meter = Meter::start().eager(self.progress);
        let step = |import: &Json| {
            // While a file is planned nobody knows yet how many rows it has.
            let rows = if import["status"] == "planning" { 0 } else { count(&import["rows"]) };
            meter.step(what, count(&import["done"]), rows);
        };
        let over = api.until_over(&format!("/imports/{id}"), &["planning", "applying", "reverting"], step).await?;
        meter.finish();
        Ok(over)
    }
}

fn print(import: &Json) {
    let columns = ["create", "update", "skip", "duplicate", "error", "applied", "kept"];
    let mut head = vec![("import", Align::Left), ("status", Align::Left), ("rows", Align::Right)];
    head.extend(columns.map(|name| (name, Align::Right)));
    let mut table = Table::new(&head);
    let mut cells = vec![text(&import["id"]), text(&import["status"]), text(&import["rows"])];
    cells.extend(columns.map(|name| text(&import["counts"][name])));
    table.row(cells);
    print!("{}", table.render());
}

/// The first rows that were not applied, with their reasons.
async fn errors(api: &Api, import: &Json) -> anyhow::Result<()> {
    if import["counts"]["error"].as_i64().unwrap_or(0) == 0 {
        return Ok(());
    }
    let path = format!("/imports/{}/rows?outcome=error&limit={SHOWN_MAX}", text(&import["id"]));
    let rows = api.call(Method::GET, &path, None).await?;
    let mut table = Table::new(&[("row", Align::Right), ("column", Align::Left), ("reason", Align::Left)]);
    for row in rows["data"].as_array().into_iter().flatten() {
        for error in row["errors"].as_array().into_iter().flatten() {
            table.row(vec![text(&row["row"]), text(&error["column"]), text(&error["message"])]);
        }
    }
    print!("\n{}", table.render());
    Ok(())
}

fn text(json: &Json) -> String {
    match json {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A value in a query string.
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}
