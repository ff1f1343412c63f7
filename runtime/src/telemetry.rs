//! Logs: one line per event on standard error, with the request's id; JSON where `PACKWORK_LOG_FORMAT=json`.

use tracing_subscriber::EnvFilter;

/// Starts logging; `default` is the filter where `PACKWORK_LOG` says nothing.
pub fn start(default: &str) {
    let filter = EnvFilter::try_from_env("PACKWORK_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(terminal);
    let json = std::env::var("PACKWORK_LOG_FORMAT").is_ok_and(|format| format == "json");
    // A second start (tests in one process) keeps the first one's subscriber.
    let _ = if json { builder.json().try_init() } else { builder.try_init() };
}
