//! Proving who somebody is: password hashes, session tokens, and the brake on guessing. Knows nothing of
//! HTTP or storage.

pub mod limiter;
pub mod password;
pub mod secret;
pub mod token;

pub use limiter::SignInLimiter;
pub use secret::Secret;
pub use token::Token;
