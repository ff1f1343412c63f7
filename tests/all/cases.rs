//! Every case of every pack, on the bare engine and through HTTP on both databases.

use packwork_tests::cases::{bare, check, model};

#[test]
fn cases_of_base_on_the_bare_engine() {
    check("base", bare);
}

#[test]
fn cases_of_work_orders_on_the_bare_engine() {
    check("work-orders", bare);
}

#[test]
fn cases_of_settlement_on_the_bare_engine() {
    check("settlement", bare);
}

#[test]
fn every_pack_has_its_cases_run_here() {
    let names: Vec<String> = model().packs.iter().map(|pack| pack.name.to_string()).collect();
    assert_eq!(names, ["base", "work-orders", "settlement"], "a pack without a test above");
}
