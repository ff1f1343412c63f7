//! Identities. Child ids derive from a command's id and a counter, so that deciding again gives the same bytes.

use crate::moment::Moment;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Derives the ids a decision needs.
#[derive(Debug)]
pub struct IdSource {
    command: Uuid,
    moment: Moment,
    counter: u64,
}

impl IdSource {
    pub fn new(command: Uuid, moment: Moment) -> IdSource {
        IdSource { command, moment, counter: 0 }
    }

    /// The next id, in UUIDv7 form: milliseconds of the moment, then the counter's order within the command, then hash bits.
    pub fn take(&mut self) -> Uuid {
        self.counter += 1;
        let mut hash = Sha256::new();
        hash.update(self.command.as_bytes());
        hash.update(self.counter.to_be_bytes());
        let digest = hash.finalize();
        let mut bytes = [0_u8; 16];
        bytes.copy_from_slice(&digest[..16]);
        let millis = u64::try_from(self.moment.millis()).unwrap_or(0).to_be_bytes();
        bytes[..6].copy_from_slice(&millis[2..]);
        bytes[6] = 0x70 | (bytes[6] & 0x0f);
        bytes[8] = 0x80 | (bytes[8] & 0x3f);
        Uuid::from_bytes(bytes)
    }
}
