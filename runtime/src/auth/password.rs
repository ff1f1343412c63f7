//! Passwords as argon2id hashes. Hashing takes tens of milliseconds on purpose: run it off the async threads.

use super::Secret;
use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};

/// Longer passwords are refused before they are hashed, so that nobody makes us hash megabytes.
pub const PASSWORD_BYTES_MAX: usize = 1_024;

#[derive(Debug, thiserror::Error)]
#[error("the password cannot be hashed: {0}")]
pub struct HashFailed(String);

/// The hash to store, with its parameters and salt in it.
pub fn hash(password: &Secret, salt: &[u8; 16]) -> Result<String, HashFailed> {
    Argon2::default()
        .hash_password_with_salt(password.expose().as_bytes(), salt)
        .map(|hash| hash.to_string())
        .map_err(|error| HashFailed(error.to_string()))
}

/// Whether a password is the one that was hashed. A stored text that is no hash fits no password.
pub fn verify(password: &Secret, stored: &str) -> bool {
    if password.expose().len() > PASSWORD_BYTES_MAX {
        return false;
    }
    let Ok(parsed) = PasswordHash::new(stored) else { return false };
    Argon2::default().verify_password(password.expose().as_bytes(), &parsed).is_ok()
}

/// A hash nobody knows the password of: verifying against it takes as long for an unknown login as for a known one.
pub const DECOY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$cGFja3dvcmstZGVjb3k$4Dp8cGhJ3kYHfJw0FqCwqCq1oJt0wq4mVdVw8pG0ZtM";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hashed_password_fits() {
        let stored = hash(&Secret::new("correct horse"), &[7; 16]).expect("a short password can be hashed");
        assert!(stored.starts_with("$argon2id$"), "{stored}");
        assert!(verify(&Secret::new("correct horse"), &stored));
        assert!(!verify(&Secret::new("correct horses"), &stored));
        assert!(!verify(&Secret::new("correct horse"), "not a hash"));
    }

    #[test]
    fn the_decoy_is_a_hash_that_fits_nothing() {
        assert!(PasswordHash::new(DECOY).is_ok());
        assert!(!verify(&Secret::new(""), DECOY));
    }
}
