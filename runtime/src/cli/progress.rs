//! How far long work is: a moving line on a terminal, a line now and then elsewhere. Silent for what is quick.

use crate::packs::install::Progress;
use serde_json::Value as Json;
use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use tokio::time::{Duration, Instant};

/// Work that ends within this says nothing.
const QUIET: Duration = Duration::from_millis(1_500);
const TERMINAL_EVERY: Duration = Duration::from_millis(100);
const LINES_EVERY: Duration = Duration::from_secs(2);

/// A count as answers have it.
pub(super) fn count(json: &Json) -> usize {
    json.as_u64().and_then(|number| usize::try_from(number).ok()).unwrap_or(0)
}

pub(super) struct Meter {
    started: Instant,
    terminal: bool,
    /// Says all there is to say, from the first moment on.
    eager: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: Option<Instant>,
    shown: bool,
}

impl Meter {
    pub(super) fn start() -> Meter {
        let terminal = std::io::stderr().is_terminal();
        Meter { started: Instant::now(), terminal, eager: false, state: Mutex::default() }
    }

    pub(super) fn eager(self, eager: bool) -> Meter {
        Meter { eager, ..self }
    }

    /// Ends the moving line.
    pub(super) fn finish(&self) {
        let state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if state.shown && self.terminal {
            eprintln!();
        }
    }
}

impl Progress for Meter {
    fn step(&self, what: &str, done: usize, of: usize) {
        let now = Instant::now();
        if !self.eager && now.duration_since(self.started) < QUIET {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let every = match (self.eager, self.terminal) {
            (true, _) => Duration::ZERO,
            (false, true) => TERMINAL_EVERY,
            (false, false) => LINES_EVERY,
        };
        let ends = of > 0 && done >= of;
        if state.last.is_some_and(|last| now.duration_since(last) < every) && !(ends && self.terminal) {
            return;
        }
        state.last = Some(now);
        state.shown = true;
        if of == 0 {
            let (before, after) = if self.terminal { ("\r\x1b[K", "") } else { ("", "\n") };
            eprint!("{before}{what}: {done}{after}");
            let _ = std::io::stderr().flush();
        } else if self.terminal {
            const WIDTH: usize = 30;
            let filled = (done * WIDTH).checked_div(of).unwrap_or(WIDTH);
            eprint!("\r\x1b[K[{}{}] {done}/{of} {what}", "#".repeat(filled), " ".repeat(WIDTH - filled.min(WIDTH)));
            let _ = std::io::stderr().flush();
        } else {
            eprintln!("{what}: {done} of {of}");
        }
    }
}
