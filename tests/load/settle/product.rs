//! The product's own run: the service function behind `POST /settlement/runs`, twice; the second finds nothing to do.

use super::{PERIOD, PLAN, prepare};
use crate::process::{Stretch, peak_rss_kib};
use anyhow::{Result, ensure};
use packwork::app::App;
use packwork::service::Locale;
use packwork::service::session::Caller;
use packwork::service::settlement::run::{self, Asked, Mode};
use serde_json::{Value as Json, json};
use std::path::Path;
use std::sync::Arc;

pub async fn run(folder: &Path) -> Result<Json> {
    let app = prepare::open(folder).await?;
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
