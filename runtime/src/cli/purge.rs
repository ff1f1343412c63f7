//! `packwork purge`: lists what left the definitions and is kept with its data; with `--older-than` and `--yes` deletes
//! it for good.

use super::client::Target;
use super::table::{Align, Table};
use crate::telemetry;
use anyhow::{Context, bail};
use axum::http::Method;
use serde_json::{Value as Json, json};
use std::process::ExitCode;

/// List what left the definitions and is kept; delete it for good.
#[derive(clap::Args)]
pub(super) struct Purge {
    /// Only what has been kept for longer than so many days: 30 or 30d
    #[arg(long, value_name = "DAYS", value_parser = days)]
    older_than: Option<i64>,
    /// Delete it: it does not come back. Needs --older-than
    #[arg(long, requires = "older_than")]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

fn days(text: &str) -> Result<i64, String> {
    let number = text.strip_suffix('d').unwrap_or(text);
    number.parse().ok().filter(|days| *days >= 0).ok_or_else(|| format!("`{text}` is no number of days"))
}

impl Purge {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        telemetry::start("warn");
        let chinese = self.target.locale.starts_with("zh");
        let api = self.target.connect().await?;
        let (answer, member) = match (self.older_than, self.yes) {
            (Some(days), true) => {
                let body = json!({"older_than_days": days});
                (api.call(Method::POST, "/quarantine/purge", Some(body)).await?, "purged")
            }
            _ => (api.call(Method::GET, "/quarantine", None).await?, "data"),
        };
        let Some(kept) = answer[member].as_array() else { bail!("the server answered something else: {answer}") };
        let old_enough = |aside: &&Json| {
            self.yes || self.older_than.is_none_or(|days| aside["age_days"].as_i64().is_some_and(|age| age >= days))
        };
        let kept: Vec<&Json> = kept.iter().filter(old_enough).collect();
        if self.json {
            println!("{}", serde_json::to_string_pretty(&json!({member: kept})).context("writing JSON")?);
            return Ok(ExitCode::SUCCESS);
        }
        if !kept.is_empty() {
            print!("{}", table(&kept, chinese));
        }
        println!("{}", said(kept.len(), self.yes, chinese));
        for left in answer["left"].as_array().into_iter().flatten() {
            println!("{}", left_over(left, chinese));
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn table(kept: &[&Json], chinese: bool) -> String {
    let titles = match chinese {
        true => ["对象", "字段", "停用时间", "天数", "行数"],
        false => ["object", "field", "since", "days", "rows"],
    };
    let aligns = [Align::Left, Align::Left, Align::Left, Align::Right, Align::Right];
    let columns: Vec<(&str, Align)> = titles.into_iter().zip(aligns).collect();
    let mut table = Table::new(&columns);
    for aside in kept {
        let text = |name: &str| aside[name].as_str().unwrap_or_default().to_owned();
        let whole = if chinese { "（整表）" } else { "(whole table)" };
        let field = aside["field"].as_str().map_or_else(|| whole.to_owned(), str::to_owned);
        table.row(vec![text("object"), field, text("since"), aside["age_days"].to_string(), aside["rows"].to_string()]);
    }
    table.render()
}

/// One thing that packs which are gone have left.
fn left_over(left: &Json, chinese: bool) -> String {
    let text = |name: &str| left[name].as_str().unwrap_or_default();
    let (object, rows) = (text("object"), &left["rows"]);
    match (text("what"), chinese) {
        ("records", true) => format!("仍保留：扩展包“{}”写入“{object}”的 {rows} 条记录", text("pack")),
        ("records", false) => format!("still there: {rows} record(s) that `{}` put into `{object}`", text("pack")),
        (_, true) => format!("仍保留：“{object}”{}的 {rows} 行", text("field")),
        (_, false) => format!("still there: {rows} row(s) of `{object}` {}", text("field")),
    }
}

fn said(number: usize, deleted: bool, chinese: bool) -> String {
    match (deleted, chinese) {
        (true, true) => format!("已永久删除 {number} 项"),
        (true, false) => format!("{number} deleted for good"),
        (false, true) => format!("{number} 项已停用并保留；加 --older-than 天数 --yes 可永久删除"),
        (false, false) => format!("{number} kept; --older-than DAYS --yes deletes for good"),
    }
}
