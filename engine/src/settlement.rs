//! Settlement: who owes whom how much, why, and provably so. The lines that should exist are computed,
//! compared with those posted, and the difference is posted.

pub mod accumulator;
pub mod adjust;
pub mod allocation;
pub mod attribution;
pub mod chain;
pub mod desired;
pub mod discount;
pub mod ledger;
pub mod line;
pub mod matching;
pub mod plan;
pub mod post;
pub mod rate;
pub mod reads;
pub mod rebate;
pub mod replay;
pub mod rounding;
pub mod schedule;
pub mod settle;
pub mod statement;
pub mod table;
pub mod tax;
pub mod trace;
