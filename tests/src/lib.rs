//! What behaviour tests share.

pub mod app;
pub mod cases;
pub mod conformance;
pub mod postgres;
pub mod process;
