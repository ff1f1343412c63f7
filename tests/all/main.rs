//! Behaviour tests across layers.

mod coverage;
mod purity;
mod repository;
mod store;
mod tidy;
