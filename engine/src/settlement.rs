//! Settlement: who owes whom how much, why, and provably so. The lines that should exist are computed,
//! compared with those posted, and the difference is posted.

pub mod allocation;
pub mod line;
pub mod rounding;
pub mod schedule;
pub mod table;
pub mod tax;
pub mod trace;
