//! How far long work is: a moving line on a terminal, a line now and then elsewhere. Silent for what is quick.

use crate::packs::install::Progress;
use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use tokio::time::{Duration, Instant};

/// Work that ends within this says nothing.
const QUIET: Duration = Duration::from_millis(1_500);
const TERMINAL_EVERY: Duration = Duration::from_millis(100);
const LINES_EVERY: Duration = Duration::from_secs(2);

pub(super) struct Meter {
    started: Instant,
    terminal: bool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last: Option<Instant>,
    shown: bool,
}

impl Meter {
    pub(super) fn start() -> Meter {
        Meter { started: Instant::now(), terminal: std::io::stderr().is_terminal(), state: Mutex::default() }
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
        if now.duration_since(self.started) < QUIET {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let every = if self.terminal { TERMINAL_EVERY } else { LINES_EVERY };
        if state.last.is_some_and(|last| now.duration_since(last) < every) && (done < of || !self.terminal) {
            return;
        }
        state.last = Some(now);
        state.shown = true;
        if self.terminal {
            const WIDTH: usize = 30;
            let filled = (done * WIDTH).checked_div(of).unwrap_or(WIDTH);
            eprint!("\r\x1b[K[{}{}] {done}/{of} {what}", "#".repeat(filled), " ".repeat(WIDTH - filled.min(WIDTH)));
            let _ = std::io::stderr().flush();
        } else {
            eprintln!("{what}: {done} of {of}");
        }
    }
}
