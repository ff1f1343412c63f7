//! Behaviour tests across layers.

mod cases;
mod coverage;
mod http;
mod purity;
mod repository;
mod settling;
mod store;
mod tidy;
