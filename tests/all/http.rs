//! The HTTP contract, asked of the real router: sign-in, access, bad input, repeats.

mod access;
mod bulk;
mod input;
mod reading;
mod records;
mod session;
mod settlement;
