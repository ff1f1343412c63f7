//! Session tokens: 32 random bytes for the caller, their SHA-256 for the store, and the CSRF value derived from them.

use super::Secret;
use sha2::{Digest, Sha256};

/// A session token as the caller holds it.
#[derive(Clone, Debug)]
pub struct Token(Secret);

impl Token {
    pub fn from_bytes(bytes: [u8; 32]) -> Token {
        Token(Secret::new(hex(&bytes)))
    }

    /// Reads what a caller sent; `None` for what cannot be one of ours.
    pub fn parse(text: &str) -> Option<Token> {
        let fits = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        fits.then(|| Token(Secret::new(text)))
    }

    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What the store keeps: the token itself cannot be made from it.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.expose().as_bytes()).into()
    }

    /// What a page sends back to show that it could read an answer of ours.
    pub fn csrf(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(b"csrf:");
        hash.update(self.0.expose().as_bytes());
        hex(&hash.finalize()[..16])
    }
}

/// Compares without telling by its time where two texts differ.
pub fn same(left: &str, right: &str) -> bool {
    left.len() == right.len() && left.bytes().zip(right.bytes()).fold(0, |seen, (a, b)| seen | (a ^ b)) == 0
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
