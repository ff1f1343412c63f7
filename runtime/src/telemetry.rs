//! Logs: one line per event on standard error, with the request's id; JSON where `PACKWORK_LOG_FORMAT=json`.

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// Starts logging. `PACKWORK_LOG` is a level or a list of levels by part of the program (`info,sqlx=warn`); where it says
/// nothing that can be read, `default` counts.
pub fn start(default: &str) {
    let written = std::env::var("PACKWORK_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    let filter = written.or_else(|| default.parse().ok()).unwrap_or_default();
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false).with_ansi(terminal);
    let json = std::env::var("PACKWORK_LOG_FORMAT").is_ok_and(|format| format == "json");
    let lines = if json { lines.json().boxed() } else { lines.boxed() };
    // A second start (tests in one process) keeps the first one's subscriber.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
}
