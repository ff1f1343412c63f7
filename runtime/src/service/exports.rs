//! Exports of lists as files, made while they are sent: page after page, so that neither memory nor a transaction grows
//! with them.

pub mod csv;
