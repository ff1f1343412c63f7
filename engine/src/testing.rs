//! What tests of definitions stand on: an in-memory store, and the runner of pack cases, which drives it and HTTP alike.
//! A plain reference of what a store does, not a fast one. No clock, no randomness: moments and names come from the case.

pub mod bare;
pub mod case;
mod compare;
mod counting;
pub mod memory;
mod rows;
pub mod seed;
pub mod settling;
mod stated;
#[cfg(test)]
mod tests;
mod totals;

pub use rows::holds;
