//! Passwords people can read off a screen and type.

use crate::auth::Secret;
use crate::entropy::Entropy;

/// Letters and digits that cannot be mistaken for each other.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// Twelve letters in groups of four: 60 bits.
pub(super) fn random(entropy: &Entropy) -> Secret {
    let bytes: [u8; 12] = entropy.bytes();
    let letters: Vec<char> = bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
    Secret::new(groups.join("-"))
}
