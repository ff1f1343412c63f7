//! Every case of every pack, on the bare engine and through HTTP on both databases.

use packwork_tests::app::On;
use packwork_tests::cases::http::world;
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
fn cases_of_base_through_http_on_sqlite() {
    check("base", || world(On::Sqlite));
}

#[test]
fn cases_of_base_through_http_on_postgres() {
    check("base", || world(On::Postgres));
}

#[test]
fn cases_of_work_orders_through_http_on_sqlite() {
    check("work-orders", || world(On::Sqlite));
}

#[test]
fn cases_of_work_orders_through_http_on_postgres() {
    check("work-orders", || world(On::Postgres));
}

#[test]
fn cases_of_settlement_through_http_on_sqlite() {
    check("settlement", || world(On::Sqlite));
}

#[test]
fn cases_of_settlement_through_http_on_postgres() {
    check("settlement", || world(On::Postgres));
}

#[test]
fn every_pack_has_its_cases_run_here() {
    let names: Vec<String> = model().packs.iter().map(|pack| pack.name.to_string()).collect();
    assert_eq!(names, ["base", "work-orders", "settlement"], "a pack without a test above");
}
