//! What a process used: wall time, processor time, memory. From `/proc`, so on Linux only.

use serde_json::{Value as Json, json};
use tokio::time::Instant;

/// Clock ticks per second in `/proc/self/stat`: 100 on every Linux that people run.
const TICKS_PER_SECOND: u64 = 100;

/// A stretch of work being measured.
pub struct Stretch {
    started: Instant,
    cpu_ms: u64,
}

impl Stretch {
    pub fn begin() -> Stretch {
        Stretch { started: Instant::now(), cpu_ms: cpu_ms() }
    }

    pub fn end(&self) -> Json {
        let wall_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        json!({"wall_ms": wall_ms, "cpu_ms": cpu_ms().saturating_sub(self.cpu_ms)})
    }
}

/// Processor time of this process so far, user and system, of all its threads.
fn cpu_ms() -> u64 {
    cpu_ms_in("self")
}

/// Processor time of another process so far.
pub fn cpu_ms_of(process: u32) -> u64 {
    cpu_ms_in(&process.to_string())
}

fn cpu_ms_in(process: &str) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name of the program may contain spaces; it ends with the last parenthesis.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
    ticks * 1_000 / TICKS_PER_SECOND
}

/// The most memory this process held so far, in KiB.
pub fn peak_rss_kib() -> u64 {
    status_kib("self", "VmHWM:")
}

/// The most memory another process held so far, in KiB.
pub fn peak_rss_kib_of(process: u32) -> u64 {
    status_kib(&process.to_string(), "VmHWM:")
}

/// What another process holds now, in KiB.
pub fn rss_kib(process: u32) -> u64 {
    status_kib(&process.to_string(), "VmRSS:")
}

fn status_kib(process: &str, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
