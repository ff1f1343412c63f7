//! The only door to system time. A test clock stands still until it is advanced by hand.
//! Knows nothing of zones or business dates.

use packwork_engine::moment::Moment;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tells the moment, to the microsecond. Clones of a test clock move together.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Test(Arc<AtomicI64>),
}

impl Clock {
    pub fn system() -> Clock {
        Clock(Source::System)
    }

    /// A clock that stands at `start` until it is advanced.
    pub fn test(start: Moment) -> Clock {
        Clock(Source::Test(Arc::new(AtomicI64::new(start.micros()))))
    }

    pub fn now(&self) -> Moment {
        match &self.0 {
            Source::System => Moment::from_micros(system_micros()),
            Source::Test(micros) => Moment::from_micros(micros.load(Ordering::SeqCst)),
        }
    }

    /// Microseconds that never go back, for how long something takes; a test clock's stand still too.
    pub fn ticks(&self) -> u64 {
        match &self.0 {
            Source::System => system_ticks(),
            Source::Test(micros) => u64::try_from(micros.load(Ordering::SeqCst)).unwrap_or_default(),
        }
    }

    /// Moves a test clock forward; a system clock cannot be moved and stays as it is.
    pub fn advance(&self, by: Duration) {
        if let Source::Test(micros) = &self.0 {
            micros.fetch_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX), Ordering::SeqCst);
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the door the rule speaks of")]
fn system_micros() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros),
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the door the rule speaks of")]
fn system_ticks() -> u64 {
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    u64::try_from(BEGUN.get_or_init(Instant::now).elapsed().as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_clock_moves_only_by_hand_and_with_its_clones() {
        let clock = Clock::test(Moment::from_micros(1_000));
        let other = clock.clone();
        assert_eq!(clock.now().micros(), 1_000);
        other.advance(Duration::from_millis(2));
        assert_eq!(clock.now().micros(), 3_000);
    }
}
