//! Industry packs as proof: two packs in two versions each, their cases in every world, and the way from one version to
//! the next under a tenant's own changes, on both databases.

mod cases;
mod fixture;
mod leaving;
mod promises;
mod residue;
mod upgrades;
