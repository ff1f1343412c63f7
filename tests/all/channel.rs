//! Kinds of settlement working together: rebates over a quarter, commissions along uplines and their returns, subsidies
//! under a cap, commitments. The cases of the pack `channel` on the bare engine and through HTTP on both databases.

use packwork_tests::app::{Industry, On};
use packwork_tests::cases::{check_industry, check_industry_bare};

const CHANNEL: Industry = &[("channel", "1.0.0")];

#[test]
fn cases_of_channel_on_the_bare_engine() {
    check_industry_bare(CHANNEL);
}

#[test]
fn cases_of_channel_through_http_on_sqlite() {
    check_industry(On::Sqlite, CHANNEL);
}

#[test]
fn cases_of_channel_through_http_on_postgres() {
    check_industry(On::Postgres, CHANNEL);
}
