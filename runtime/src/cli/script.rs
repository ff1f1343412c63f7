//! `packwork script`: what scripts cost and may do, stopping them, running them again with the inputs they had.

use super::client::Target;
use super::table::{Align, Table};
use crate::telemetry;
use anyhow::Context;
use axum::http::Method;
use serde_json::{Value as Json, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// Some runs come to something else now.
const DIFFER: u8 = 2;

/// Look at scripts, grant what packs ask for, stop them, run them again
#[derive(clap::Subcommand)]
pub(super) enum Script {
    /// List the scripts in force with what they cost, and what packs ask leave for
    List(Read),
    /// Stop a script: whatever needs it is refused, on every node
    Stop(Stop),
    /// Let a stopped script run again
    Start(One),
    /// Grant a pack what its scripts ask leave for
    Grant(Grant),
    /// Take back what was granted to a pack
    Revoke(Grant),
    /// Run a script again with its last inputs; nothing is written
    Replay(Replay),
}

#[derive(clap::Args)]
pub(super) struct Read {
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(clap::Args)]
pub(super) struct Stop {
    /// Address of the script, such as object/work_order/fields/fee/formula
    script: String,
    /// Why; people whose commands are refused read it
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    target: Target,
}

#[derive(clap::Args)]
pub(super) struct One {
    /// Address of the script, such as object/work_order/fields/fee/formula
    script: String,
    #[command(flatten)]
    target: Target,
}

#[derive(clap::Args)]
pub(super) struct Grant {
    /// Name of the pack
    pack: String,
    /// Capabilities, such as records
    #[arg(required = true)]
    capabilities: Vec<String>,
    #[command(flatten)]
    target: Target,
}

/// Exit codes: 0 the same as before, 2 some runs differ, 1 it could not be done
#[derive(clap::Args)]
pub(super) struct Replay {
    /// Address of the script, such as object/work_order/fields/fee/formula
    script: String,
    /// A file with another text of the script, which is run in its place
    #[arg(long, value_name = "FILE")]
    source: Option<PathBuf>,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

impl Script {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        telemetry::start("warn");
        match self {
            Script::List(list) => list.run().await,
            Script::Stop(Stop { script, reason, target }) => {
                state(&target, "/scripts/stop", json!({"script": script, "reason": reason})).await
            }
            Script::Start(One { script, target }) => state(&target, "/scripts/start", json!({"script": script})).await,
            Script::Grant(Grant { pack, capabilities, target }) => {
                granted(&target, json!({"pack": pack, "grant": capabilities})).await
            }
            Script::Revoke(Grant { pack, capabilities, target }) => {
                granted(&target, json!({"pack": pack, "revoke": capabilities})).await
            }
            Script::Replay(replay) => replay.run().await,
        }
    }
}

async fn state(target: &Target, path: &str, body: Json) -> anyhow::Result<ExitCode> {
    let script = target.connect().await?.call(Method::POST, path, Some(body)).await?;
    println!("{}: {}", text(&script["script"]), status(&script["status"], is_chinese(target)));
    Ok(ExitCode::SUCCESS)
}

async fn granted(target: &Target, body: Json) -> anyhow::Result<ExitCode> {
    let answer = target.connect().await?.call(Method::POST, "/scripts/grants", Some(body)).await?;
    let listed: Vec<String> = items(&answer["granted"]).iter().map(text).collect();
    let none = if is_chinese(target) { "（无）" } else { "(nothing)" };
    let listed = if listed.is_empty() { none.to_owned() } else { listed.join(", ") };
    println!("{}: {listed}", text(&answer["pack"]));
    Ok(ExitCode::SUCCESS)
}

impl Read {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let answer = self.target.connect().await?.call(Method::GET, "/scripts", None).await?;
        if self.json {
            println!("{answer:#}");
            return Ok(ExitCode::SUCCESS);
        }
        let chinese = is_chinese(&self.target);
        let titles = match chinese {
            true => ["脚本", "扩展包", "状态", "次数", "失败", "步数（最多）", "耗时占比"],
            false => ["script", "pack", "status", "runs", "failed", "steps (most)", "share of time"],
        };
        let aligns = [Align::Left, Align::Left, Align::Left, Align::Right, Align::Right, Align::Right, Align::Right];
        let columns: Vec<(&str, Align)> = titles.into_iter().zip(aligns).collect();
        let mut table = Table::new(&columns);
        for script in items(&answer["data"]) {
            let usage = &script["usage"];
            let number = |name: &str| usage[name].as_i64().unwrap_or(0).to_string();
            table.row(vec![
                text(&script["script"]),
                text(&script["pack"]),
                status(&script["status"], chinese).to_owned(),
                number("runs"),
                number("failures"),
                number("operations_max"),
                usage["share"].as_str().unwrap_or("0").to_owned(),
            ]);
        }
        print!("{}", table.render());
        for asked in items(&answer["capabilities"]) {
            let (pack, capability, title) = (text(&asked["pack"]), text(&asked["capability"]), text(&asked["title"]));
            let said = match (asked["granted"] == true, chinese) {
                (true, true) => "已授予",
                (true, false) => "granted",
                (false, true) => "未授予",
                (false, false) => "not granted",
            };
            println!("{pack}: {capability} ({title}): {said}");
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Replay {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let mut body = json!({"script": self.script});
        if let Some(file) = &self.source {
            let source = std::fs::read_to_string(file).with_context(|| format!("reading `{}`", file.display()))?;
            body["source"] = json!(source);
        }
        let answer = self.target.connect().await?.call(Method::POST, "/scripts/replay", Some(body)).await?;
        if self.json {
            println!("{answer:#}");
        } else {
            let chinese = is_chinese(&self.target);
            for row in items(&answer["data"]) {
                let said = match (row["same"] == true, chinese) {
                    (true, true) => "相同",
                    (true, false) => "same  ",
                    (false, true) => "不同",
                    (false, false) => "DIFFER",
                };
                println!("{said}  {}  {} -> {}", text(&row["at"]), gave(&row["was"]), gave(&row["now"]));
            }
            match chinese {
                true => println!("{} 次相同，{} 次不同", answer["same"], answer["differ"]),
                false => println!("{} the same, {} differ", answer["same"], answer["differ"]),
            }
        }
        Ok(if answer["differ"] == 0 { ExitCode::SUCCESS } else { ExitCode::from(DIFFER) })
    }
}

/// A result: its value, or why there is none.
fn gave(outcome: &Json) -> String {
    match outcome.get("value") {
        Some(value) => value.to_string(),
        None => text(&outcome["failed"]),
    }
}

fn status(status: &Json, chinese: bool) -> &str {
    match (status.as_str().unwrap_or_default(), chinese) {
        ("active", true) => "运行中",
        ("stopped", true) => "已停用",
        ("not_granted", true) => "未授权",
        ("gone", true) => "已不存在",
        ("not_granted", false) => "not granted",
        (status, _) => status,
    }
}

fn is_chinese(target: &Target) -> bool {
    target.locale.starts_with("zh")
}

fn items(json: &Json) -> &[Json] {
    json.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(json: &Json) -> String {
    json.as_str().unwrap_or_default().to_owned()
}
