//! `packwork doctor`: looks at all that is stored and says what does not fit, with the records it is about. Works
//! beside a running server and changes nothing, unless told to repair what is made from records or posted lines alone.

use super::serve::{DATA, database, files, packs};
use crate::config::{Config, Flags};
use crate::files::Files;
use crate::packs::install;
use crate::store::{Drift, Scope, Store};
use anyhow::Context;
use packwork_engine::model::Settings;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

/// Check all that is stored; exit code 1 when something does not fit.
#[derive(clap::Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    flags: Flags,
    /// Print the findings as JSON, one a line, then a summary
    #[arg(long)]
    json: bool,
    /// Make keys of look-alikes, totals of rollups and sums of groups anew where they do not fit; with SQLite, stop the
    /// server first
    #[arg(long)]
    repair: bool,
}

impl Doctor {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let config = Config::load(&self.flags, Path::new(DATA))?;
        let settings = Settings { zone: config.time_zone.clone(), currency: config.currency.clone() };
        let store = Store::open_to_read(&database(&config), &config.tenant).await?;
        let model = install::published(&store, &packs(&config), &settings).await?;
        let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
        let mut found = |drift: Drift| {
            *counts.entry(drift.check).or_default() += 1;
            if self.json {
                println!("{}", serde_json::json!(drift));
            } else {
                println!("{}", sentence(&drift));
            }
        };
        let check = store.check_data(&Scope::system(&config.tenant), &model, &mut found).await?;
        let records = check.all().await?;
        let files = files(&config)?;
        attachments(&store, &Scope::system(&config.tenant), &files, &mut found).await?;
        store.close().await;
        let mut total: u64 = counts.values().sum();
        let of = |check: &str| counts.get(check).copied().filter(|_| self.repair).unwrap_or(0);
        let (keys, totals, groups) = (of("duplicate_key"), of("total"), of("cumulation"));
        let repaired = keys + totals + groups;
        if repaired > 0 {
            let scope = Scope::system(&config.tenant);
            let store =
                Store::open(&database(&config), &config.tenant).await.context("opening the data to repair it")?;
            if keys > 0 {
                store.renew_duplicates(&scope, &model).await?;
            }
            if totals > 0 {
                store.renew_totals(&scope, &model).await?;
            }
            if groups > 0 {
                store.renew_cumulation(&scope).await?;
            }
            store.close().await;
            total -= repaired;
        }
        if self.json {
            println!(
                "{}",
                serde_json::json!({"records": records, "findings": total, "by_check": counts, "repaired": repaired})
            );
        } else {
            let repaired = if repaired > 0 { format!(", {repaired} repaired") } else { String::new() };
            println!("{records} records checked, {total} finding(s){repaired}");
        }
        Ok(if total == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Attachments read in one round.
const TOGETHER: u32 = 500;

/// Every attachment's file is there, whole and unchanged.
async fn attachments(store: &Store, scope: &Scope, files: &Files, found: &mut impl FnMut(Drift)) -> anyhow::Result<()> {
    let mut last = None;
    loop {
        let page = store.attachments_after(scope, last, TOGETHER).await?;
        let Some(newest) = page.last() else { return Ok(()) };
        last = Some(newest.id);
        for attachment in page {
            let detail = match files.measure(attachment.id).await? {
                Some((_, sha256)) if sha256 == attachment.sha256 => continue,
                Some((size, _)) => {
                    format!("the file of `{}` was changed: {size} bytes of {}", attachment.name, attachment.size)
                }
                // Removed since the page was read.
                None if store.attachment(scope, attachment.id).await?.is_none() => continue,
                None => format!("the file of `{}` is not there", attachment.name),
            };
            let object = Some(attachment.object.to_string());
            let field = attachment.field.map(|name| name.to_string());
            found(Drift { check: "attachment", object, record: attachment.record, field, detail });
        }
    }
}

fn sentence(drift: &Drift) -> String {
    let mut text = drift.check.to_owned();
    for part in [drift.object.clone(), drift.record.map(|id| id.to_string()), drift.field.clone()].into_iter().flatten()
    {
        text.push(' ');
        text.push_str(&part);
    }
    format!("{text}: {}", drift.detail)
}
