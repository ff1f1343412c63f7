//! What behaviour tests share.

pub mod app;
pub mod cases;
pub mod conformance;
pub mod dice;
pub mod dump;
pub mod pack;
pub mod postgres;
pub mod process;
pub mod s3;
pub mod stream;
