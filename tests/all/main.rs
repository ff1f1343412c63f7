//! Behaviour tests across layers.

mod cases;
mod chains;
mod channel;
mod closed;
mod command_line;
mod conformance;
mod coverage;
mod definitions;
mod faults;
mod files;
mod http;
mod moving;
mod proof;
mod purity;
mod repository;
mod sentences;
mod settling;
mod steps;
mod store;
mod tidy;
