//! What left the definitions and is kept: a list for administrators, and deleting it for good. Knows no SQL.

use super::Answer;
use super::changes::may_configure;
use super::session::Caller;
use crate::app::App;
use crate::store::Aside;
use packwork_engine::moment::Moment;
use serde_json::{Value as Json, json};

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
pub async fn purge(app: &App, caller: &Caller, older_than_days: i64) -> Answer<Json> {
    may_configure(caller)?;
    let now = app.clock.now();
    // What was put aside at this very moment is not older than 0 days, but whoever says 0 means all of it.
    let before = Moment::from_micros(now.micros() - older_than_days * DAY_MICROS + 1);
    // No publication of this process comes between.
    let _publishing = app.publishing.lock().await;
    let purged = app.store.purge(&caller.scope, before).await?;
    for aside in &purged {
        tracing::info!(object = aside.object, column = aside.column, rows = aside.rows, "deleted for good");
    }
    Ok(json!({"purged": purged.iter().map(|aside| shown(aside, now)).collect::<Vec<_>>()}))
}

fn shown(aside: &Aside, now: Moment) -> Json {
    let mut shown = json!(aside);
    shown["age_days"] = json!((now.micros() - aside.since.micros()).max(0) / DAY_MICROS);
    shown
}
