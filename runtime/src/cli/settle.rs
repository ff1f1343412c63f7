//! `packwork settle`: run a plan, close a period, explain a line.

use super::client::Target;
use super::table::{Align, Table};
use crate::telemetry;
use axum::http::Method;
use serde_json::{Value as Json, json};
use std::process::ExitCode;

/// Run and close settlement, explain a line.
#[derive(clap::Subcommand)]
pub(super) enum Settle {
    /// Run a settlement plan over a period
    Run(Run),
    /// Let a run stop; what it posted stands, and another run does the rest
    Cancel(Cancel),
    /// Close a period
    Close(Close),
    /// Say why a line has its amount
    Explain(Explain),
}

#[derive(clap::Args)]
pub(super) struct Run {
    /// Settlement plan
    #[arg(long)]
    plan: String,
    /// Period, such as 2026-03
    #[arg(long)]
    period: String,
    /// Only say what would be posted
    #[arg(long)]
    preview: bool,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(clap::Args)]
pub(super) struct Cancel {
    /// Id of the run
    run: String,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(clap::Args)]
pub(super) struct Close {
    /// Period, such as 2026-03
    #[arg(long)]
    period: String,
    /// Period calendar
    #[arg(long, default_value = "month")]
    calendar: String,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

#[derive(clap::Args)]
pub(super) struct Explain {
    /// Id of the line
    line: String,
    /// Compute the amount again from what is stored and compare; exit code 2 when it differs
    #[arg(long)]
    replay: bool,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

impl Settle {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        telemetry::start("warn");
        match self {
            Settle::Run(run) => run.run().await,
            Settle::Cancel(cancel) => cancel.run().await,
            Settle::Close(close) => close.run().await,
            Settle::Explain(explain) => explain.run().await,
        }
    }
}

impl Run {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let api = self.target.connect().await?;
        let mode = if self.preview { "preview" } else { "commit" };
        let body = json!({"plan": self.plan, "period": self.period, "mode": mode});
        let run = api.call(Method::POST, "/settlement/runs", Some(body)).await?;
        if self.json {
            println!("{run:#}");
        } else {
            print_run(&run);
        }
        // Scripts must notice that something is left.
        Ok(if run["status"] == "partial" { ExitCode::from(2) } else { ExitCode::SUCCESS })
    }
}

fn print_run(run: &Json) {
    let mut table = Table::new(&[
        ("plan", Align::Left),
        ("period", Align::Left),
        ("status", Align::Left),
        ("facts", Align::Right),
        ("lines", Align::Right),
        ("reversed", Align::Right),
        ("unchanged", Align::Right),
        ("failed", Align::Right),
        ("amount", Align::Right),
    ]);
    let amount = format!("{} {}", text(&run["amount"]), text(&run["currency"]));
    table.row(vec![
        text(&run["plan"]),
        text(&run["period"]),
        text(&run["status"]),
        text(&run["facts"]),
        text(&run["lines"]),
        text(&run["reversed"]),
        text(&run["unchanged"]),
        text(&run["failed"]),
        amount,
    ]);
    print!("{}", table.render());
    let failures = run["failures"].as_array().map(Vec::as_slice).unwrap_or_default();
    if failures.is_empty() {
        return;
    }
    let mut table =
        Table::new(&[("unit", Align::Left), ("fact", Align::Left), ("code", Align::Left), ("detail", Align::Left)]);
    for failure in failures {
        table.row(vec![
            text(&failure["unit"]),
            text(&failure["fact"]["title"]),
            text(&failure["code"]),
            text(&failure["detail"]),
        ]);
    }
    print!("\n{}", table.render());
}

impl Cancel {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let api = self.target.connect().await?;
        let run = api.call(Method::POST, &format!("/settlement/runs/{}/cancel", self.run), None).await?;
        if self.json {
            println!("{run:#}");
        } else {
            print_run(&run);
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Close {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let api = self.target.connect().await?;
        let path = format!("/settlement/periods/{}/close", self.period);
        let period = api.call(Method::POST, &path, Some(json!({"calendar": self.calendar}))).await?;
        if self.json {
            println!("{period:#}");
            return Ok(ExitCode::SUCCESS);
        }
        let mut table = Table::new(&[
            ("period", Align::Left),
            ("from", Align::Left),
            ("to", Align::Left),
            ("status", Align::Left),
            ("lines", Align::Right),
            ("amount", Align::Right),
        ]);
        let amount = format!("{} {}", text(&period["amount"]["amount"]), text(&period["amount"]["currency"]));
        let cells = ["name", "from", "to", "status", "lines"].map(|name| text(&period[name]));
        table.row(cells.into_iter().chain([amount]).collect());
        print!("{}", table.render());
        Ok(ExitCode::SUCCESS)
    }
}

impl Explain {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let api = self.target.connect().await?;
        let path = format!("/settlement/lines/{}/explain?replay={}", self.line, self.replay);
        let explanation = api.call(Method::GET, &path, None).await?;
        let differs = explanation["replay"]["agrees"] == false;
        if self.json {
            println!("{explanation:#}");
        } else {
            println!("{}", text(&explanation["sentence"]));
            for node in explanation["tree"].as_array().into_iter().flatten() {
                print_node(node, 1);
            }
            if self.replay {
                print_replay(&explanation["replay"], self.target.locale.starts_with("zh"));
            }
        }
        Ok(if differs { ExitCode::from(2) } else { ExitCode::SUCCESS })
    }
}

fn print_replay(replay: &Json, chinese: bool) {
    let [step, stored, computed] =
        if chinese { ["步骤", "记录", "复算"] } else { ["step", "stored", "computed again"] };
    let mut table =
        Table::new(&[(step, Align::Left), (stored, Align::Right), (computed, Align::Right), ("", Align::Left)]);
    for step in replay["steps"].as_array().into_iter().flatten() {
        let mark = if step["agrees"] == true { "=" } else { "≠" };
        table.row(vec![text(&step["title"]), text(&step["stored"]), text(&step["computed"]), mark.to_owned()]);
    }
    print!("\n{}\n{}\n", table.render(), text(&replay["sentence"]));
}

fn print_node(node: &Json, depth: usize) {
    let note = match text(&node["note"]) {
        note if note.is_empty() => note,
        note => format!("  ({note})"),
    };
    println!("{}{}: {}{note}", "  ".repeat(depth), text(&node["label"]), text(&node["value"]));
    for child in node["children"].as_array().into_iter().flatten() {
        print_node(child, depth + 1);
    }
}

fn text(json: &Json) -> String {
    match json {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}
