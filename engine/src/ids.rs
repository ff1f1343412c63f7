//! Identities. Child ids derive from a command's id and a counter, so that deciding again gives the same bytes; ids of
//! later moments are larger, so that what is written together lies together in the database.

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

    /// The next id, a UUIDv7: milliseconds of the moment, its fraction of a millisecond in 1/4096, the order within the
    /// command (255 stands for all after it), 54 bits of a hash.
    pub fn take(&mut self) -> Uuid {
        self.counter += 1;
        let digest = digest(&[self.command.as_bytes(), &self.counter.to_be_bytes()]);
        let micros = u64::try_from(self.moment.micros()).unwrap_or(0);
        let fraction = ((micros % 1_000) * 4_096 / 1_000) as u16;
        let order = u8::try_from(self.counter).unwrap_or(u8::MAX);
        let tail = u64::from(order) << 54 | digest >> 10;
        Uuid::from_u64_pair((micros / 1_000) << 16 | 0x7000 | u64::from(fraction), VARIANT | tail)
    }
}

/// The command a job carries out for one of its rows: the same however often the job is resumed. A UUIDv8 in the order of
/// the rows, beginning with the time of the job's own id.
pub fn command_of_row(job: Uuid, purpose: &str, row: u64) -> Uuid {
    let digest = digest(&[job.as_bytes(), purpose.as_bytes(), &row.to_be_bytes()]);
    let (time, _) = job.as_u64_pair();
    // 12 and 22 bits of the row's number, 40 of the hash.
    let first = time & !0xffff | 0x8000 | (row >> 22 & 0xfff);
    Uuid::from_u64_pair(first, VARIANT | (row & 0x3f_ffff) << 40 | digest >> 24)
}

/// The id of what a text names, a UUIDv8: the same whenever it is asked for.
pub fn id_of_text(text: &str) -> Uuid {
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&Sha256::digest(text)[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// The first two bits of the second half say by which rules a UUID is made.
const VARIANT: u64 = 0b10 << 62;

/// The first 64 bits of a SHA-256.
fn digest(parts: &[&[u8]]) -> u64 {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    let mut bytes = [0_u8; 8];
    bytes.copy_from_slice(&hash.finalize()[..8]);
    u64::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::{IdSource, command_of_row, id_of_text};
    use crate::moment::Moment;
    use uuid::{Uuid, Variant, Version};

    fn command() -> Uuid {
        Uuid::from_u128(0x0198_0000_0000_7000_8000_0000_0000_0001)
    }

    #[test]
    fn ids_follow_the_moment_to_the_microsecond_and_then_their_order() {
        let ids = |micros| {
            let mut source = IdSource::new(command(), Moment::from_micros(micros));
            (0..300).map(|_| source.take()).collect::<Vec<_>>()
        };
        let (first, second) = (ids(1_800_000_000_000_001), ids(1_800_000_000_000_002));
        assert!(first[..255].is_sorted() && first.iter().max() < second.iter().min());
        assert_eq!(first, ids(1_800_000_000_000_001), "deciding again gives the same ids");
        let distinct: std::collections::BTreeSet<&Uuid> = first.iter().chain(&second).collect();
        assert_eq!(distinct.len(), 600);
        for id in first {
            assert_eq!((id.get_version(), id.get_variant()), (Some(Version::SortRand), Variant::RFC4122));
        }
    }

    #[test]
    fn commands_of_rows_follow_their_rows() {
        let rows = [0, 1, 2, 500, 1 << 21, (1 << 22) - 1, 1 << 22, 20_000_000];
        let ids = rows.map(|row| command_of_row(command(), "apply", row));
        assert!(ids.is_sorted(), "{ids:?}");
        for (row, id) in rows.iter().zip(ids) {
            assert_eq!((id.get_version(), id.get_variant()), (Some(Version::Custom), Variant::RFC4122));
            assert_eq!(id, command_of_row(command(), "apply", *row));
            assert_ne!(id, command_of_row(command(), "revert", *row));
        }
    }
    #[test]
    fn what_a_text_names_has_one_id() {
        let id = id_of_text("state 3 of order");
        assert_eq!(id.to_string(), "566c3444-cb46-8d5e-be3f-4bea357675b4");
        assert_eq!((id.get_version(), id.get_variant()), (Some(Version::Custom), Variant::RFC4122));
    }
}
