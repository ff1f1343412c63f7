//! Packs on their way into a tenant: their files, the records they bring along. What definitions mean is the engine's
//! business.

pub mod install;
pub mod scaffold;
pub mod seed;
pub mod shelf;
pub mod source;
pub mod when;
