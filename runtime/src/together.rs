//! One answer for many who ask at once: each gets what was read after they asked, and those who wait share one reading.

use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Mutex;

/// A number that is read again and again by many.
#[derive(Debug, Default)]
pub struct Together {
    /// Readings begun so far.
    begun: AtomicU64,
    /// The last reading that ended, and what it gave.
    last: Mutex<(u64, i64)>,
}

impl Together {
    /// What `reading` gives now, or gave to somebody since this call began. Who gives up while reading leaves it to the
    /// next who waits.
    pub async fn read<F, E>(&self, reading: impl FnOnce() -> F) -> Result<i64, E>
    where
        F: Future<Output = Result<i64, E>>,
    {
        let before = self.begun.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if last.0 > before {
            return Ok(last.1);
        }
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let value = reading().await?;
        *last = (number, value);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;
    use std::cell::Cell;
    use std::convert::Infallible;
    use tokio::sync::Notify;

    #[tokio::test]
    async fn those_who_come_during_a_reading_share_the_next_one() {
        let (together, gate, readings) = (Together::default(), Notify::new(), Cell::new(0));
        let ask = || {
            together.read(async || {
                readings.set(readings.get() + 1);
                gate.notified().await;
                Ok::<_, Infallible>(readings.get())
            })
        };
        let mut first = Box::pin(ask());
        assert!(futures_util::poll!(&mut first).is_pending());
        let mut others: Vec<_> = (0..5).map(|_| Box::pin(ask())).collect();
        for other in &mut others {
            assert!(futures_util::poll!(other).is_pending());
        }
        gate.notify_one();
        assert_eq!(first.await, Ok(1));
        gate.notify_one();
        assert_eq!(join_all(others).await, [Ok(2); 5]);
        gate.notify_one();
        assert_eq!((ask().await, readings.get()), (Ok(3), 3));
    }
}
