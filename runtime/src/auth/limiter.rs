//! The brake on guessing passwords: per login and address, in memory, moved by the caller's clock.

use packwork_engine::moment::Moment;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Wrong passwords allowed per login and address within [`WINDOW_SECONDS`].
pub const ATTEMPTS_MAX: usize = 8;
pub const WINDOW_SECONDS: i64 = 300;
/// Pairs remembered at once: beyond this some are forgotten, so that a flood cannot fill the memory.
const PAIRS_MAX: usize = 10_000;

/// Counts failed sign-ins.
#[derive(Debug, Default)]
pub struct SignInLimiter {
    failures: Mutex<BTreeMap<(String, String), Vec<Moment>>>,
}

impl SignInLimiter {
    /// Seconds to wait before the next attempt, if there were too many.
    pub fn wait_seconds(&self, login: &str, address: &str, now: Moment) -> Option<i64> {
        let failures = self.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let moments = failures.get(&(login.to_owned(), address.to_owned()))?;
        let recent: Vec<&Moment> =
            moments.iter().filter(|moment| age_seconds(**moment, now) < WINDOW_SECONDS).collect();
        if recent.len() < ATTEMPTS_MAX {
            return None;
        }
        recent.first().map(|oldest| (WINDOW_SECONDS - age_seconds(**oldest, now)).max(1))
    }

    pub fn failed(&self, login: &str, address: &str, now: Moment) {
        let mut failures = self.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if failures.len() >= PAIRS_MAX {
            failures.retain(|_, moments| moments.iter().any(|moment| age_seconds(*moment, now) < WINDOW_SECONDS));
            if failures.len() >= PAIRS_MAX {
                failures.pop_first();
            }
        }
        let moments = failures.entry((login.to_owned(), address.to_owned())).or_default();
        moments.retain(|moment| age_seconds(*moment, now) < WINDOW_SECONDS);
        moments.push(now);
    }

    pub fn succeeded(&self, login: &str, address: &str) {
        let mut failures = self.failures.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        failures.remove(&(login.to_owned(), address.to_owned()));
    }
}

fn age_seconds(moment: Moment, now: Moment) -> i64 {
    (now.micros() - moment.micros()) / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_opens_again_when_the_clock_moves() {
        let limiter = SignInLimiter::default();
        let at = |seconds: i64| Moment::from_micros(seconds * 1_000_000);
        for _ in 0..ATTEMPTS_MAX {
            assert_eq!(limiter.wait_seconds("li", "::1", at(0)), None);
            limiter.failed("li", "::1", at(0));
        }
        assert_eq!(limiter.wait_seconds("li", "::1", at(10)), Some(WINDOW_SECONDS - 10));
        assert_eq!(limiter.wait_seconds("li", "::2", at(10)), None);
        assert_eq!(limiter.wait_seconds("li", "::1", at(WINDOW_SECONDS)), None);
        limiter.succeeded("li", "::1");
        assert_eq!(limiter.wait_seconds("li", "::1", at(10)), None);
    }
}
