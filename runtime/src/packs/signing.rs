//! Signing packs: keys of ed25519, and the list of those whose packs are taken.

use super::archive;
use crate::auth::Secret;
use crate::auth::token::hex;
use crate::entropy::Entropy;
use packwork_engine::refusal::Refusal;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use std::collections::BTreeMap;

/// Stands before what is signed, so that a signature of ours means nothing elsewhere.
const CONTEXT: &str = "packwork pack 1\n";
const KEY_BYTES: usize = 32;
/// Stands before a secret key in its file, so that nobody takes it for a public one.
const SECRET: &str = "packwork-secret-key ";

/// A secret key.
pub struct Key(Ed25519KeyPair);

impl std::fmt::Debug for Key {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Key({})", self.public())
    }
}

impl Key {
    /// A new key, and the text of its file.
    pub fn generate(entropy: &Entropy) -> (Key, Secret) {
        let seed: [u8; KEY_BYTES] = entropy.bytes();
        let key = Ed25519KeyPair::from_seed_unchecked(&seed).expect("every seed of that length is a key");
        (Key(key), Secret::new(format!("{SECRET}{}\n", hex(&seed))))
    }

    /// Reads the text of a key's file; `None` where it is none.
    pub fn parse(text: &str) -> Option<Key> {
        let seed = unhex(text.trim().strip_prefix(SECRET.trim())?.trim())?;
        Ed25519KeyPair::from_seed_unchecked(&seed).ok().map(Key)
    }

    pub fn public(&self) -> String {
        hex(self.0.public_key().as_ref())
    }

    /// Signs a content by its digest.
    pub fn sign(&self, content: &str) -> String {
        hex(self.0.sign(format!("{CONTEXT}{content}").as_bytes()).as_ref())
    }
}

/// Whether a signature is of that key and that content.
pub fn holds(public: &str, signature: &str, content: &str) -> bool {
    let (Some(key), Some(signature)) = (unhex(public), unhex(signature)) else { return false };
    UnparsedPublicKey::new(&ED25519, key).verify(format!("{CONTEXT}{content}").as_bytes(), &signature).is_ok()
}

/// Whose packs are taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// Names by public key.
    keys: BTreeMap<String, String>,
    /// Whether packs without a signature are refused.
    signed_only: bool,
}

impl Trust {
    /// Reads a list: a public key and a name on each line, `#` before remarks. `Err` is the number of a line that is none.
    pub fn parse(text: &str) -> Result<Trust, usize> {
        let mut keys = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let (key, name) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let key = key.to_ascii_lowercase();
            if unhex(&key).is_none_or(|bytes| bytes.len() != KEY_BYTES) {
                return Err(index + 1);
            }
            let name = if name.trim().is_empty() { key.clone() } else { name.trim().to_owned() };
            keys.insert(key, name);
        }
        Ok(Trust { keys, signed_only: false })
    }

    #[must_use]
    pub fn signed_only(self, signed_only: bool) -> Trust {
        Trust { signed_only, ..self }
    }

    pub fn name_of(&self, public: &str) -> Option<&str> {
        self.keys.get(&public.to_ascii_lowercase()).map(String::as_str)
    }

    /// Refuses a pack without a signature where they are required.
    pub fn may_be_unsigned(&self, pack: &str) -> Result<(), Box<Refusal>> {
        match self.signed_only {
            true => Err(archive::unsigned(pack)),
            false => Ok(()),
        }
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|letter| letter.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_key_and_content_only() {
        let (key, file) = Key::generate(&Entropy::seeded(1));
        let same = Key::parse(file.expose()).expect("a key reads back");
        assert_eq!(key.public(), same.public());
        let signature = key.sign("abc");
        assert_eq!(signature, same.sign("abc"), "the same key and content give the same signature");
        assert!(holds(&key.public(), &signature, "abc"));
        assert!(!holds(&key.public(), &signature, "abd"));
        let (other, _) = Key::generate(&Entropy::seeded(2));
        assert!(!holds(&other.public(), &signature, "abc"));
        assert!(!holds("zz", &signature, "abc") && !holds(&key.public(), "", "abc"));
        assert!(Key::parse(&key.public()).is_none() && Key::parse("").is_none());
        assert!(!format!("{key:?} {file:?}").contains(&file.expose()[SECRET.len()..]), "a secret does not print");
    }

    #[test]
    fn a_trust_list_has_a_key_and_a_name_on_each_line() {
        let (key, _) = Key::generate(&Entropy::seeded(1));
        let public = key.public();
        let list = Trust::parse(&format!("# ours\n\n{} Acme consulting  # since spring\n", public.to_uppercase()));
        assert_eq!(list.expect("it is a list").name_of(&public), Some("Acme consulting"));
        assert_eq!(Trust::parse(&public).expect("a name is not needed").name_of(&public), Some(public.as_str()));
        assert_eq!(Trust::parse("\nnonsense"), Err(2));
        assert_eq!(Trust::default().name_of(&public), None);
    }
}
