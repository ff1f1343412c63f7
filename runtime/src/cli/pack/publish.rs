//! `packwork pack new|plan|apply|remove|list|rollback`: packs on their way into a tenant.

use super::archive::{bytes_of, is_archive};
use super::shown::{items, print_plan, text};
use crate::cli::client::{Api, Target};
use crate::cli::progress::{Meter, count};
use crate::cli::table::{Align, Table};
use crate::packs::install::Progress;
use crate::packs::scaffold;
use crate::packs::shelf::to_json;
use crate::packs::source::read_packs;
use crate::telemetry;
use anyhow::{Context, bail};
use axum::http::Method;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value as Json, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Args)]
pub(in crate::cli) struct New {
    /// Name of the pack, such as return-desk; its folder is made here
    name: String,
    /// Folder to make it in
    #[arg(long, default_value = ".")]
    folder: PathBuf,
}

impl New {
    pub(in crate::cli) fn run(self) -> anyhow::Result<ExitCode> {
        if !scaffold::is_name(&self.name) {
            bail!("`{}` is no name for a pack: lower-case words joined by `-`, at most 40 characters", self.name);
        }
        let folder = self.folder.join(&self.name);
        if folder.exists() {
            bail!("`{}` is there already", folder.display());
        }
        for (file, bytes) in scaffold::files(&self.name) {
            let path = folder.join(file);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).with_context(|| format!("making the folder `{}`", parent.display()))?;
            }
            std::fs::write(&path, bytes).with_context(|| format!("writing `{}`", path.display()))?;
        }
        println!("{} is made. Next: packwork pack check {0}; packwork pack test {0}", folder.display());
        Ok(ExitCode::SUCCESS)
    }
}

#[derive(clap::Args)]
pub(in crate::cli) struct Plan {
    /// Folder of a pack, or of packs, or an archive (.pwpack), or the name of a pack that the server brings along
    folder: PathBuf,
    /// Who wins where tenant and pack have both changed a property: `object/work_order/fields/reason/title=pack`
    #[arg(long, value_name = "PROPERTY=WINNER")]
    resolve: Vec<String>,
    /// Write the plan into a file, for `packwork pack apply`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the plan as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// What whoever puts a plan into force accepts.
#[derive(Clone, Copy, clap::Args)]
struct Accept {
    /// Accept that cases come to something else
    #[arg(long)]
    accept_cases: bool,
    /// Grant what the packs' scripts ask leave for
    #[arg(long)]
    grant: bool,
}

impl Accept {
    fn json(self) -> Json {
        json!({"cases": self.accept_cases, "capabilities": self.grant})
    }
}

#[derive(clap::Args)]
pub(in crate::cli) struct Apply {
    /// A plan's hash, the file it was written to, or an archive (.pwpack), which is planned first
    plan: String,
    #[command(flatten)]
    accept: Accept,
    #[command(flatten)]
    target: Target,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Remove {
    /// Name of the pack
    name: String,
    /// Take it out at once; else only say what that would change
    #[arg(long)]
    apply: bool,
    #[command(flatten)]
    accept: Accept,
    #[command(flatten)]
    target: Target,
}

#[derive(clap::Args)]
pub(in crate::cli) struct List {
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(clap::Args)]
pub(in crate::cli) struct Rollback {
    /// Number of the version to go back to; the one before this where not given
    to: Option<i64>,
    #[command(flatten)]
    accept: Accept,
    #[command(flatten)]
    target: Target,
}

impl Plan {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<ExitCode> {
        telemetry::start("warn");
        let packs = packs_in(&self.folder)?;
        let mut resolutions = Map::new();
        for said in &self.resolve {
            let (property, winner) =
                said.rsplit_once('=').context("--resolve takes PROPERTY=pack or PROPERTY=tenant")?;
            resolutions.insert(property.to_owned(), json!(winner));
        }
        let api = self.target.connect().await?;
        let body = json!({"packs": packs, "resolutions": resolutions});
        let plan = api.call(Method::POST, "/packs/plan", Some(body)).await?;
        if let Some(file) = &self.out {
            std::fs::write(file, format!("{plan:#}\n")).with_context(|| format!("writing `{}`", file.display()))?;
        }
        if self.json {
            println!("{plan:#}");
        } else {
            print_plan(&plan, &self.target.locale);
        }
        Ok(verdict(&plan))
    }
}

fn packs_in(folder: &Path) -> anyhow::Result<Vec<Json>> {
    if is_archive(folder) {
        return Ok(vec![json!({"archive": BASE64_STANDARD.encode(bytes_of(folder)?)})]);
    }
    if let Some(name) = folder.to_str().filter(|name| !folder.exists() && scaffold::is_name(name)) {
        return Ok(vec![json!({"name": name})]);
    }
    let packs = read_packs(folder).with_context(|| format!("reading packs from `{}`", folder.display()))?;
    if packs.is_empty() {
        bail!("`{}` holds no pack: a pack is a folder with a pack.json", folder.display());
    }
    Ok(packs.iter().map(|files| json!({"files": to_json(files)})).collect())
}

/// Scripts must notice that a plan cannot be applied.
fn verdict(plan: &Json) -> ExitCode {
    if items(&plan["blocked"]).is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) }
}

impl Apply {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<ExitCode> {
        telemetry::start("warn");
        if is_archive(Path::new(&self.plan)) {
            let packs = packs_in(Path::new(&self.plan))?;
            let api = self.target.connect().await?;
            let plan = api.call(Method::POST, "/packs/plan", Some(json!({"packs": packs}))).await?;
            print_plan(&plan, &self.target.locale);
            return match items(&plan["blocked"]) {
                [] => apply(&api, &text(&plan["plan"]), self.accept).await,
                _ => Ok(verdict(&plan)),
            };
        }
        let hash = match std::fs::read_to_string(&self.plan) {
            Ok(text) => {
                let plan: Json = serde_json::from_str(&text).with_context(|| format!("`{}` is no plan", self.plan))?;
                plan["plan"].as_str().with_context(|| format!("`{}` is no plan", self.plan))?.to_owned()
            }
            Err(_) => self.plan.clone(),
        };
        let api = self.target.connect().await?;
        apply(&api, &hash, self.accept).await
    }
}

async fn apply(api: &Api, hash: &str, accept: Accept) -> anyhow::Result<ExitCode> {
    let body = json!({"plan": hash, "accept": accept.json()});
    let applied = api.call(Method::POST, "/packs/apply", Some(body)).await?;
    in_force(api, &applied).await
}

/// Says what is in force and sees the records through that have to be completed: without a server nobody else does.
async fn in_force(api: &Api, applied: &Json) -> anyhow::Result<ExitCode> {
    println!("Version {} of the definitions is in force.", applied["model"]["version"]);
    for id in items(&applied["jobs"]) {
        let meter = Meter::start();
        let step = |job: &Json| meter.step("completing records", count(&job["done"]), count(&job["total"]));
        let job = api.until_over(&format!("/jobs/{}", text(id)), &["waiting", "running"], step).await?;
        meter.finish();
        if job["status"] != "done" {
            let problem = text(&job["problem"]["detail"]);
            bail!("records are not complete: job {} is {} {problem}", text(id), text(&job["status"]));
        }
        println!("{} record(s) were completed.", job["done"]);
    }
    Ok(ExitCode::SUCCESS)
}

impl Remove {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<ExitCode> {
        telemetry::start("warn");
        let api = self.target.connect().await?;
        let plan = api.call(Method::POST, "/packs/plan", Some(json!({"remove": [self.name]}))).await?;
        print_plan(&plan, &self.target.locale);
        if !self.apply {
            return Ok(verdict(&plan));
        }
        apply(&api, &text(&plan["plan"]), self.accept).await
    }
}

impl List {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<ExitCode> {
        telemetry::start("warn");
        let api = self.target.connect().await?;
        let packs = api.call(Method::GET, "/packs", None).await?;
        if self.json {
            println!("{packs:#}");
            return Ok(ExitCode::SUCCESS);
        }
        let mut table = Table::new(&[("pack", Align::Left), ("version", Align::Left), ("title", Align::Left)]);
        for pack in items(&packs["data"]) {
            table.row(vec![text(&pack["name"]), text(&pack["version"]), text(&pack["title"])]);
        }
        print!("{}", table.render());
        for pack in items(&packs["available"]) {
            let (name, version, title) = (text(&pack["name"]), text(&pack["version"]), text(&pack["title"]));
            println!("On request: {name} {version}, {title} (packwork pack plan {name})");
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Rollback {
    pub(in crate::cli) async fn run(self) -> anyhow::Result<ExitCode> {
        telemetry::start("warn");
        let api = self.target.connect().await?;
        let body = json!({"to": self.to, "accept": self.accept.json()});
        let applied = api.call(Method::POST, "/definitions/rollback", Some(body)).await?;
        in_force(&api, &applied).await
    }
}
