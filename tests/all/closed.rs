//! Facts of a closed period that are settled again: each of a fact's lines stands or is taken back for itself, also those
//! that are named after another line.

use packwork_engine::decision::{Command, SettleUnit};
use packwork_engine::definition::Kind;
use packwork_engine::moment::Moment;
use packwork_engine::settlement::replay::Replay;
use packwork_tests::conformance::planned::{Company, company, facts, plan_of};
use packwork_tests::conformance::world::{Definitions, World, any_date};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What is owed under each line's name, reversals counted.
fn owed(company: &Company<World>) -> BTreeMap<String, Decimal> {
    let mut sums: BTreeMap<String, Decimal> = BTreeMap::new();
    for line in &company.ground.memory.lines {
        *sums.entry(line.line.to_string()).or_default() += line.gross;
    }
    sums
}

/// Closes the year of all sales, when it is over.
fn close(company: &mut Company<World>) {
    company.at = Moment::parse("2027-02-01T00:00:00Z").expect("the constant is a moment");
    company.close("year", "2026").expect("the year is closed");
}

fn of(sums: &[(&str, i64)]) -> BTreeMap<String, Decimal> {
    sums.iter().map(|(line, sum)| ((*line).to_owned(), Decimal::from(*sum))).collect()
}

/// Sales paid up a chain, with two bonuses for a peer.
fn with_bonuses(second: &str) -> Definitions {
    let rows = json!([{"id": "r", "rank": "r", "rate": "0.10", "valid": ["1900-01-01", null]}]);
    let table =
        json!({"columns": {"rank": {"text": true}}, "values": {"rate": {"type": "decimal", "scale": 2}}, "rows": rows});
    let looked_up = json!({"lookup": "figures", "with": {"rank": "party.rank"}});
    let chain = json!({
        "party": "party", "path": "party.upline", "levels": 2, "method": {"differential": {"rate": looked_up}},
        "peer_bonus": [{"id": "first", "rate": "0.01"}, {"id": "second", "rate": second}],
        "round": {"at": "pool", "mode": "half_up"},
    });
    let line = json!({"payee": "record.party", "chain": "c", "base": "record.amount"});
    company(&[]).with(Kind::Chain, "c", chain).settling_sales(line).with(Kind::RateTable, "figures", table)
}

#[test]
fn one_of_two_bonuses_changes() {
    let mut company = Company::on_the_engine(with_bonuses("0.02")).expect("the definitions are sound");
    company.party("top", json!({"rank": "r"})).expect("a party");
    company.party("low", json!({"rank": "r", "upline": "top"})).expect("a party");
    company.sale("low", 0, Decimal::ONE_HUNDRED, json!({})).expect("a sale");
    company.run("2026").expect("the sale is settled");
    let sums = |second: i64| of(&[("line", 10), ("line.first", 1), ("line.second", second)]);
    assert_eq!(owed(&company), sums(2));

    close(&mut company);
    let other: Company<World> = Company::on_the_engine(with_bonuses("0.03")).expect("the definitions are sound");
    company.ground.model = other.ground.model;
    company.run("2026").expect("the sale is settled again");
    assert_eq!(owed(&company), sums(3));
}

/// A capped sale, and a record that takes so many of a hundred parts of it back.
fn capped() -> Definitions {
    let cap = json!({"id": "cap", "cap": {"value": "30"}, "used": {"accumulator": "paid"}, "cut": "line"});
    let paid = json!({"of": [{"line": "line", "sum": "amount"}], "by": ["payee"], "period": "year"});
    let line = json!({"payee": "record.party", "amount": "record.amount", "adjust": [cap]});
    let fields: Json = json!({
        "sale": {"type": "reference", "title": "Sale", "to": "sale"},
        "percent": {"type": "decimal", "title": "Percent", "scale": 0},
    });
    let mirror = json!({"mirror": {"plan": "plan", "fact": "record.sale", "of": "100", "back": "record.percent"}});
    let mut correcting = plan_of("correction", mirror);
    correcting["lines"][0].as_object_mut().expect("a line is a map").remove("payer");
    company(&[]).with(Kind::Accumulator, "paid", paid).settling_sales(line).beside(facts("correction", fields)).with(
        Kind::SettlementPlan,
        "correcting",
        correcting,
    )
}

#[test]
fn what_mirrors_a_capped_line_is_posted_once() {
    let mut company = Company::on_the_engine(capped()).expect("the definitions are sound");
    company.party("seller", json!({})).expect("a party");
    let sale = company.sale("seller", 0, Decimal::ONE_HUNDRED, json!({})).expect("a sale");
    company.run("2026").expect("the sale is settled");
    let correction =
        json!({"code": "c1", "made_on": any_date().to_string(), "sale": sale.to_string(), "percent": "50"});
    let correction = company.create("correction", correction).expect("a correction");
    let again = |company: &mut Company<World>| {
        let (facts, run) = (vec![correction], Uuid::from_u128(1));
        let unit = SettleUnit { plan: "correcting".into(), run, period: "2026".to_owned(), facts };
        let settled = company.ground.execute(&Command::Settle(unit), company.at);
        settled.unwrap_or_else(|error| panic!("{error:#}")).lines.len()
    };
    assert_eq!([again(&mut company), again(&mut company)], [2, 0], "each of both lines is taken back in part, once");
    assert_eq!(owed(&company), of(&[("line", 50), ("line.cap", -35)]), "half of either is left");
    let lines = &company.ground.memory.lines;
    let (back, originals): (Vec<_>, Vec<_>) = lines.iter().cloned().partition(|line| line.trace.mirrored.is_some());
    assert!(back.iter().all(|line| Replay::of(line, &originals).agrees), "computed again it comes to the same");

    close(&mut company);
    assert_eq!(again(&mut company), 0, "nothing changed");

    // Corrected later, all of both comes back: with the change itself.
    company.change("correction", correction, json!({"percent": "100"})).expect("a change");
    assert_eq!(owed(&company), of(&[("line", 0), ("line.cap", 0)]));
    assert_eq!(again(&mut company), 0, "nothing changed");
}
