//! The product's own run: the service function behind `POST /settlement/runs`, twice; the second finds nothing to do.
//! Then one late order.

use super::{PERIOD, PLAN, prepare};
use crate::process::{Stretch, peak_rss_kib};
use anyhow::{Result, ensure};
use packwork::app::App;
use packwork::service::Locale;
use packwork::service::session::Caller;
use packwork::service::settlement::run::{self, Asked, Mode};
use packwork_engine::decision::Command;
use serde_json::{Value as Json, json};
use std::sync::Arc;

pub async fn run(at: &str) -> Result<Json> {
    let app = prepare::open(at).await?;
    let opened_rss_kib = peak_rss_kib();
    let stretch = Stretch::begin();
    let first = settle(&app).await?;
    let measured = stretch.end();
    let peak_rss_kib = peak_rss_kib();
    ensure!(first["status"] == "completed", "the run ended as {first}");
    let stretch = Stretch::begin();
    let second = settle(&app).await?;
    let again = stretch.end();
    ensure!(second["status"] == "unchanged" && second["lines"] == 0, "the second run ended as {second}");
    Ok(json!({
        "first": measured,
        "again": again,
        "lines": first["lines"],
        "opened_rss_kib": opened_rss_kib,
        "peak_rss_kib": peak_rss_kib,
        "peak_rss_again_kib": self::peak_rss_kib(),
    }))
}

/// What one late order costs where the month is settled.
pub async fn late(at: &str) -> Result<Json> {
    let app = prepare::open(at).await?;
    let stretch = Stretch::begin();
    let lines = complete_late(&app).await?;
    let completing = stretch.end();
    let stretch = Stretch::begin();
    let run = settle(&app).await?;
    let looking = stretch.end();
    ensure!(run["lines"] == 0 && !run["after"].is_null(), "the run after a late order ended as {run}");
    Ok(json!({"completing": completing, "lines": lines, "run": looking, "units": run["units"]}))
}

/// An order of the month's second day for a partner whose steps count over the month: all of its orders stand behind it, and
/// the command that completes it settles them. How many lines that posted.
async fn complete_late(app: &Arc<App>) -> Result<u64> {
    let order = json!({"template": "inspection", "customer": "c002", "service": "inspection", "quantity": "3", "subject": "迟到的单",
        "partner": format!("p{:02}", prepare::LATE), "department": "ops", "owner": "sales0"});
    let before = posted(app).await?;
    let id = prepare::create(app, "work_order", order).await?;
    for (transition, input) in [
        ("dispatch", json!({})),
        ("start", json!({})),
        ("complete", json!({"finished_at": "2026-03-02T09:00:00+08:00"})),
    ] {
        let input = input.as_object().cloned().unwrap_or_default();
        let transition = transition.to_owned();
        prepare::execute(
            app,
            Command::Transition { object: "work_order".into(), id, version: None, transition, input },
        )
        .await?;
    }
    Ok(u64::try_from(posted(app).await? - before)?)
}

/// How many lines stand or were taken back.
async fn posted(app: &Arc<App>) -> Result<i64> {
    let model = app.model();
    Ok(app.store.standpoint(&app.system(), PLAN, &model.plans[PLAN].calendar).await?.lines)
}

async fn settle(app: &Arc<App>) -> Result<Json> {
    let caller = Caller::system(app, Locale::English);
    let asked = Asked {
        plan: PLAN.into(),
        period: PERIOD.into(),
        mode: Mode::Commit,
        pin: packwork_engine::decision::Pin::AsRecorded,
        key: None,
    };
    Ok(run::start(app, &caller, asked).await?.0)
}
