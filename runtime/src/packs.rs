//! Packs on their way into a tenant: their files, the records they bring along. What definitions mean is the engine's
//! business.

pub mod archive;
pub mod cases;
pub mod check;
pub mod install;
pub mod scaffold;
pub mod seed;
pub mod shelf;
pub mod signing;
pub mod source;
pub mod watch;
pub mod when;
pub mod words;
