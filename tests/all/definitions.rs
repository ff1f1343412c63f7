//! Definitions change without fear: plans, upgrades under the tenant's changes, going back, on both databases.

mod back_fill;
pub mod fixture;
mod locks;
mod publishing;
mod quarantine;
mod scripts;
mod shares;
mod totals;
mod under_way;
mod upgrades;
mod widening;
