//! The cases of the industry packs, each version alone and with the other pack, on the bare engine and through HTTP.

use packwork_tests::app::{Industry, On};
use packwork_tests::cases::{check_industry, check_industry_bare};

const FIRST: Industry = super::fixture::FIRST;
const SECOND: Industry = super::fixture::SECOND;

#[test]
fn each_pack_stands_alone_on_the_bare_engine() {
    check_industry_bare(&[("retail-returns", "1.0.0")]);
    check_industry_bare(&[("retail-returns", "2.0.0")]);
    check_industry_bare(&[("field-service", "1.0.0")]);
    check_industry_bare(&[("field-service", "2.0.0")]);
}

#[test]
fn both_packs_together_on_the_bare_engine() {
    check_industry_bare(FIRST);
    check_industry_bare(SECOND);
}

#[test]
fn versions_of_two_packs_mix() {
    check_industry_bare(&[("retail-returns", "2.0.0"), ("field-service", "1.0.0")]);
    check_industry_bare(&[("retail-returns", "1.0.0"), ("field-service", "2.0.0")]);
}

#[test]
fn first_versions_through_http_on_sqlite() {
    check_industry(On::Sqlite, FIRST);
}

#[test]
fn first_versions_through_http_on_postgres() {
    check_industry(On::Postgres, FIRST);
}

#[test]
fn second_versions_through_http_on_sqlite() {
    check_industry(On::Sqlite, SECOND);
}

#[test]
fn second_versions_through_http_on_postgres() {
    check_industry(On::Postgres, SECOND);
}
