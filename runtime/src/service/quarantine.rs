//! What left the definitions and is kept: a list for administrators, and deleting it for good. Knows no SQL.

use super::Answer;
use super::changes::may_configure;
use super::session::Caller;
use crate::app::App;
use crate::packs::install;
use crate::packs::shelf::{Loaded, from_json};
use crate::store::{Aside, Gone, GoneSeed};
use packwork_engine::definition::Kind;
use packwork_engine::diagnostic::Diagnostics;
use packwork_engine::moment::Moment;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::sync::Arc;

const DAY_MICROS: i64 = 24 * 3_600 * 1_000_000;
/// Longest age that can be asked for: a hundred years.
pub const AGE_DAYS_MAX: i64 = 36_500;

/// Everything that is kept, the oldest first.
pub async fn list(app: &App, caller: &Caller) -> Answer<Json> {
    may_configure(caller)?;
    let now = app.clock.now();
    let kept = app.store.quarantine(&caller.scope).await?;
    Ok(json!({"data": kept.iter().map(|aside| shown(aside, now)).collect::<Vec<_>>()}))
}

/// Deletes what has been kept for longer than so many days.
pub async fn purge(app: &Arc<App>, caller: &Caller, older_than_days: i64) -> Answer<Json> {
    may_configure(caller)?;
    let now = app.clock.now();
    // What was put aside at this very moment is not older than 0 days, but whoever says 0 means all of it.
    let before = Moment::from_micros(now.micros() - older_than_days * DAY_MICROS + 1);
    // No publication of this process comes between.
    let _publishing = app.publishing.lock().await;
    app.catch_up().await?;
    let seeds = gone_seeds(app).await?;
    super::scripts::flush(app).await?;
    let model = app.model();
    let gone = Gone {
        seeds: seeds.clone(),
        standing: install::brought_along(&model),
        scripts: model.scripts.keys().cloned().collect(),
    };
    let purged = app.store.purge(&caller.scope, before, gone, now).await?;
    for aside in &purged {
        tracing::info!(object = aside.object, column = aside.column, rows = aside.rows, "deleted for good");
    }
    let left = left(app, caller, &seeds).await?;
    Ok(json!({"purged": purged.iter().map(|aside| shown(aside, now)).collect::<Vec<_>>(), "left": left}))
}

/// What of packs that are gone is still there: what waits to be purged, and the records they have put into objects of others.
/// The history stays in any case.
async fn left(app: &App, caller: &Caller, seeds: &[GoneSeed]) -> Answer<Vec<Json>> {
    let now = app.clock.now();
    let kept = app.store.quarantine(&caller.scope).await?;
    let mut left: Vec<Json> = kept
        .iter()
        .map(|aside| {
            let mut shown = shown(aside, now);
            shown["what"] = json!(if aside.column.is_none() { "table" } else { "column" });
            shown
        })
        .collect();
    let model = app.model();
    for seed in seeds.iter().filter(|seed| model.object(&seed.object).is_some()) {
        let records = app.store.planted(&caller.scope, &seed.mark).await?;
        if records > 0 {
            left.push(json!({"what": "records", "object": seed.object, "pack": seed.pack, "rows": records}));
        }
    }
    Ok(left)
}

/// How many former versions are looked through for packs that are gone.
const VERSIONS_MAX: u32 = 200;

/// The seeds of packs that were in force and are not any more.
async fn gone_seeds(app: &App) -> Answer<Vec<GoneSeed>> {
    let (scope, model) = (app.system(), app.model());
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut gone: BTreeSet<GoneSeed> = BTreeSet::new();
    for version in app.store.versions(&scope, VERSIONS_MAX).await? {
        for pack in version.packs.iter().filter(|pack| !pack.is_removed()) {
            let stands = model.packs.iter().any(|standing| *standing.name == *pack.name);
            if stands || !seen.insert(pack.hash.clone()) {
                continue;
            }
            let Some(files) = app.store.pack_files(&scope, &pack.hash).await?.as_ref().and_then(from_json) else {
                continue;
            };
            gone.extend(Loaded::read(files, &mut Diagnostics::default()).pack.documents.iter().filter_map(
                |document| {
                    let (mark, object) = match document.kind {
                        Kind::Seed => (document.name.to_string(), document.json["object"].as_str()?.to_owned()),
                        Kind::RateTable => (format!("rate_table/{}", document.name), document.name.to_string()),
                        _ => return None,
                    };
                    Some(GoneSeed { mark, object, pack: pack.name.clone() })
                },
            ));
        }
    }
    // A seed of that name that is in force has its marks under the same name.
    gone.retain(|seed| {
        let (kind, name) = match seed.mark.strip_prefix("rate_table/") {
            Some(table) => (Kind::RateTable, table),
            None => (Kind::Seed, seed.mark.as_str()),
        };
        !model.documents.contains_key(&(kind, name.into()))
    });
    Ok(gone.into_iter().collect())
}

fn shown(aside: &Aside, now: Moment) -> Json {
    let mut shown = json!(aside);
    shown["age_days"] = json!((now.micros() - aside.since.micros()).max(0) / DAY_MICROS);
    shown
}
