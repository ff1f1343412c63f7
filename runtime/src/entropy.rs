//! The only door to randomness: bytes, tokens and ids. Seeded for tests, so that a failing one can be repeated.

use packwork_engine::moment::Moment;
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// Ids are no secrets: each thread fetches the bytes of many at once.
const FETCHED: usize = 1_024;

thread_local! {
    /// What is left over of the last fetch, and where it begins.
    static LEFT: RefCell<([u8; FETCHED], usize)> = const { RefCell::new(([0; FETCHED], FETCHED)) };
}

/// Gives random bytes. Clones of a seeded source share one stream.
#[derive(Clone)]
pub struct Entropy(Source);

#[derive(Clone)]
enum Source {
    System,
    Seeded { seed: u64, counter: Arc<AtomicU64> },
}

impl std::fmt::Debug for Entropy {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Source::System => out.write_str("Entropy::system"),
            Source::Seeded { seed, .. } => write!(out, "Entropy::seeded({seed})"),
        }
    }
}

impl Entropy {
    pub fn system() -> Entropy {
        Entropy(Source::System)
    }

    /// A repeatable source, for tests.
    pub fn seeded(seed: u64) -> Entropy {
        Entropy(Source::Seeded { seed, counter: Arc::new(AtomicU64::new(0)) })
    }

    #[expect(clippy::disallowed_methods, reason = "this is the door the rule speaks of")]
    pub fn fill(&self, bytes: &mut [u8]) {
        match &self.0 {
            Source::System => {
                getrandom::fill(bytes).expect("the operating system gives random bytes; nothing is safe without them")
            }
            Source::Seeded { seed, counter } => {
                for chunk in bytes.chunks_mut(32) {
                    let mut hash = Sha256::new();
                    hash.update(seed.to_be_bytes());
                    hash.update(counter.fetch_add(1, Ordering::SeqCst).to_be_bytes());
                    chunk.copy_from_slice(&hash.finalize()[..chunk.len()]);
                }
            }
        }
    }

    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0_u8; N];
        self.fill(&mut bytes);
        bytes
    }

    fn fetched(&self) -> [u8; 16] {
        LEFT.with_borrow_mut(|(left, from)| {
            if *from == FETCHED {
                self.fill(left);
                *from = 0;
            }
            let bytes = std::array::from_fn(|at| left[*from + at]);
            *from += bytes.len();
            bytes
        })
    }

    /// A UUIDv7: the moment's milliseconds, then random bits.
    pub fn uuid(&self, now: Moment) -> Uuid {
        let mut bytes: [u8; 16] = match self.0 {
            Source::System => self.fetched(),
            Source::Seeded { .. } => self.bytes(),
        };
        let millis = u64::try_from(now.millis()).unwrap_or(0).to_be_bytes();
        bytes[..6].copy_from_slice(&millis[2..]);
        bytes[6] = 0x70 | (bytes[6] & 0x0f);
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        Uuid::from_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_seven_and_carry_their_millisecond() {
        let id = Entropy::seeded(1).uuid(Moment::from_micros(1_760_000_000_123_456));
        assert_eq!((id.get_version_num(), &id.as_bytes()[..6]), (7, &1_760_000_000_123_u64.to_be_bytes()[2..]));
    }

    #[test]
    fn ids_differ_though_their_bytes_are_fetched_together() {
        let ids: std::collections::BTreeSet<Uuid> =
            (0..1_000).map(|_| Entropy::system().uuid(Moment::from_micros(0))).collect();
        assert_eq!(ids.len(), 1_000);
    }

    #[test]
    fn one_seed_gives_one_stream() {
        let (one, other) = (Entropy::seeded(7), Entropy::seeded(7));
        assert_eq!(one.bytes::<40>(), other.bytes::<40>());
        assert_ne!(one.bytes::<16>(), Entropy::seeded(8).bytes::<16>());
    }
}
