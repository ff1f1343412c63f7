//! Acts: HTTP, storage, effects, sign-in and the command line around the engine.

pub mod auth;
pub mod clock;
pub mod entropy;
pub mod store;
