//! What behaviour tests share.

pub mod postgres;
