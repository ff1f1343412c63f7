//! What became of edits in the folder of packs a server works from.

use super::may_configure;
use crate::app::App;
use crate::service::Answer;
use crate::service::session::Caller;
use serde_json::{Value as Json, json};
use std::time::Duration;

/// How long a caller waits for the next reload: shorter than a request may take.
const WAIT: Duration = Duration::from_secs(20);

/// The last reload; with `after`, the first one past that number, or the last one when nothing happens.
pub async fn state(app: &App, caller: &Caller, after: Option<u64>) -> Answer<Json> {
    may_configure(caller)?;
    let reload = match after {
        Some(number) if app.reloads.now().watching => app.reloads.after(number, WAIT).await,
        _ => app.reloads.now(),
    };
    let current = app.in_force();
    let status = match (reload.watching, &reload.refused) {
        (false, _) => "off",
        (true, None) => "in_force",
        (true, Some(_)) => "refused",
    };
    Ok(json!({
        "status": status,
        "number": reload.number,
        "detail": reload.refused.as_ref().map(|refused| &refused.detail),
        "findings": reload.refused.map(|refused| refused.findings).unwrap_or_default(),
        "model": {"version": current.number, "hash": current.model.hash},
    }))
}
