//! What a running server does now and then: what nobody needs any more goes, in small pieces between people's commands.

use super::{Answer, chain};
use crate::app::App;
use packwork_engine::moment::Moment;
use std::sync::Arc;
use std::time::Duration;

/// How long a repeat of a request is known.
pub const KEY_DAYS: i64 = 7;
/// Keys forgotten in one transaction.
const KEYS_AT_ONCE: u32 = 500;
const EVERY: Duration = Duration::from_secs(3_600);

/// Runs until the task is dropped.
pub async fn keep(app: Arc<App>) {
    loop {
        if let Err(error) = tidy(&app).await {
            tracing::warn!(error = %chain(&error), "housekeeping failed and is tried again later");
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// One round.
pub async fn tidy(app: &App) -> Answer<()> {
    let micros = KEY_DAYS * 24 * 3_600 * 1_000_000;
    let before = Moment::from_micros(app.clock.now().micros() - micros);
    while app.store.forget_keys(&app.system(), before, KEYS_AT_ONCE).await? >= u64::from(KEYS_AT_ONCE) {}
    super::attachments::tidy(app).await
}
