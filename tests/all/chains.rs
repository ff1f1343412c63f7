//! Chains that cannot be settled as they stand: the fact is left out with its reason, and settled once that is mended.

use packwork_engine::definition::Kind;
use packwork_tests::conformance::planned::{Company, company};
use packwork_tests::conformance::world::World;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};

/// A company whose sales are divided along uplines, two levels of 10 % and 5 %.
fn climbing(more: Json) -> Company<World> {
    let mut chain = json!({
        "party": "party",
        "path": "party.upline",
        "levels": 2,
        "method": {"levels": {"rates": ["0.10", "0.05"]}},
        "remainder": {"value": "party/platform"},
        "round": {"at": "pool", "mode": "half_up"},
    });
    if let (Some(chain), Json::Object(more)) = (chain.as_object_mut(), more) {
        chain.extend(more);
    }
    let line = json!({"payee": "record.party", "chain": "c", "base": "record.amount"});
    let definitions = company(&[]).with(Kind::Chain, "c", chain).settling_sales(line);
    let mut company = Company::on_the_engine(definitions).expect("the definitions are sound");
    company.party("platform", json!({})).expect("a party");
    company
}

fn refused(company: &mut Company<World>) -> String {
    company.run("2026").expect_err("the sale cannot be settled").to_string()
}

fn paid(company: &mut Company<World>) -> Vec<Decimal> {
    company.run("2026").expect("the sale can be settled").iter().map(|line| line.gross).collect()
}

#[test]
fn uplines_in_a_circle_settle_nothing_until_it_is_opened() {
    let mut company = climbing(json!({}));
    let top = company.party("top", json!({})).expect("a party");
    company.party("low", json!({"upline": "top"})).expect("a party");
    company.change("party", top, json!({"upline": "low"})).expect("nobody forbids it");
    company.sale("low", 0, Decimal::ONE_HUNDRED, json!({})).expect("a sale");
    assert!(refused(&mut company).starts_with("chain_cycle: "), "{}", refused(&mut company));
    company.change("party", top, json!({"upline": null})).expect("a party may stand alone");
    assert_eq!(paid(&mut company), [Decimal::TEN, Decimal::from(5)]);
}

#[test]
fn who_is_their_own_upline_settles_nothing() {
    let mut company = climbing(json!({}));
    let alone = company.party("alone", json!({})).expect("a party");
    company.change("party", alone, json!({"upline": "alone"})).expect("nobody forbids it");
    company.sale("alone", 0, Decimal::ONE_HUNDRED, json!({})).expect("a sale");
    assert!(refused(&mut company).starts_with("chain_cycle: "), "{}", refused(&mut company));
}

#[test]
fn a_chain_has_fifty_parties_and_no_more() {
    let mut company = climbing(json!({}));
    company.party("p1", json!({})).expect("a party");
    for n in 2..=51 {
        company.party(&format!("p{n}"), json!({"upline": format!("p{}", n - 1)})).expect("a party");
    }
    let fifty = company.sale("p50", 0, Decimal::ONE_HUNDRED, json!({})).expect("a sale");
    assert_eq!(paid(&mut company), [Decimal::TEN, Decimal::from(5)]);
    company.sale("p51", 1, Decimal::ONE_HUNDRED, json!({})).expect("a sale");
    assert!(refused(&mut company).starts_with("chain_too_long: "), "{}", refused(&mut company));
    let lines = &company.ground.memory.lines;
    assert!(lines.iter().all(|line| line.fact == fifty), "the other sale is left out whole");
}

#[test]
fn payouts_are_at_most_a_share_of_what_was_paid() {
    let limited = |most: &str| {
        let mut company = climbing(json!({"limit": {"share": most, "of": "record.amount"}}));
        company.party("low", json!({})).expect("a party");
        company.sale("low", 0, Decimal::ONE_HUNDRED, json!({})).expect("a sale");
        company
    };
    assert_eq!(paid(&mut limited("0.10")), [Decimal::TEN]);
    assert!(refused(&mut limited("0.0999")).starts_with("chain_limit: "));
}

#[test]
fn a_partner_in_two_chains_is_paid_by_each() {
    let mut company = climbing(json!({}));
    company.party("top", json!({})).expect("a party");
    for low in ["left", "right"] {
        company.party(low, json!({"upline": "top"})).expect("a party");
    }
    company.sale("left", 0, Decimal::ONE_HUNDRED, json!({})).expect("a sale");
    company.sale("right", 1, Decimal::from(40), json!({})).expect("a sale");
    // What the top sells itself is a chain in which it is the first.
    company.sale("top", 2, Decimal::from(60), json!({})).expect("a sale");
    let lines = company.run("2026").expect("the sales can be settled");
    let of = |code: &str| -> Decimal {
        let id = company.ground.memory.by_key(&company.ground.model, "party", code).expect("a party");
        lines.iter().filter(|line| line.payee == id).map(|line| line.gross).sum()
    };
    assert_eq!([of("left"), of("right"), of("top")], [10, 4, 5 + 2 + 6].map(Decimal::from));
    assert_eq!(company.run_once("2026").expect("nothing has changed"), 0);
}
