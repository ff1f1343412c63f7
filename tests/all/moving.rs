//! Facts that are settled and then change their date, their amount or their party: whoever stands behind them in their
//! groups, old and new, moves with them, in the same command. Seeds are fixed.

use packwork_engine::definition::Kind;
use packwork_engine::moment::Date;
use packwork_engine::record::{Record, slot};
use packwork_engine::value::Value;
use packwork_tests::conformance::planned::{Company, company};
use packwork_tests::conformance::world::World;
use packwork_tests::dice::Dice;
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

const PARTIES: [&str; 2] = ["left", "right"];

/// A company that pays 10 each for the first ten of a party's year, 7 each up to thirty, then 5.
fn paying_by_steps() -> Company<World> {
    let tiers = json!([{"up_to": "10", "rate": "10"}, {"up_to": "30", "rate": "7"}, {"up_to": null, "rate": "5"}]);
    let amount = json!({"apply": "s", "to": "record.amount", "cumulate": {"by": ["payee"], "period": "year"}});
    let definitions = company(&[])
        .with(Kind::Schedule, "s", json!({"mode": "graduated", "tiers": tiers}))
        .settling_sales(json!({"payee": "record.party", "amount": amount}));
    let mut company = Company::on_the_engine(definitions).expect("the definitions are sound");
    for party in PARTIES {
        company.party(party, json!({})).expect("a party");
    }
    company
}

/// What so many cost in all.
fn steps(quantity: Decimal) -> Decimal {
    let [ten, thirty] = [Decimal::TEN, Decimal::from(30)];
    let within = |from: Decimal, to: Decimal| (quantity.min(to) - from).max(Decimal::ZERO);
    within(Decimal::ZERO, ten) * ten
        + within(ten, thirty) * Decimal::from(7)
        + within(thirty, Decimal::MAX) * Decimal::from(5)
}

/// What each sale should have been paid, told by its records alone: in the order of day and id of its party.
fn owed(company: &Company<World>) -> BTreeMap<Uuid, Decimal> {
    let object = company.ground.model.object("sale").expect("there are sales");
    let of = |field: &str| object.field(field).expect("sales have it").0;
    let (party, day, amount) = (of("party"), of("sold_on"), of("amount"));
    let mut sales: BTreeMap<(Option<Uuid>, Option<Date>, Uuid), Decimal> = BTreeMap::new();
    for sale in company.ground.memory.live("sale") {
        let place = (sale.values[party].as_id(), sale.values[day].as_date(), sale.id());
        sales.insert(place, sale.values[amount].as_decimal().expect("sales have an amount"));
    }
    let mut sums: BTreeMap<Option<Uuid>, Decimal> = BTreeMap::new();
    sales
        .into_iter()
        .map(|((party, _, id), amount)| {
            let before = sums.entry(party).or_default();
            let owed = steps(*before + amount) - steps(*before);
            *before += amount;
            (id, owed)
        })
        .collect()
}

fn paid(company: &Company<World>) -> BTreeMap<Uuid, Decimal> {
    let mut paid: BTreeMap<Uuid, Decimal> = BTreeMap::new();
    for line in &company.ground.memory.lines {
        *paid.entry(line.fact).or_default() += line.gross;
    }
    paid
}

#[test]
fn who_moves_behind_another_gives_its_place_up() {
    let mut company = paying_by_steps();
    let first = company.sale("left", 3, Decimal::from(8), json!({})).expect("a sale");
    let second = company.sale("left", 5, Decimal::from(7), json!({})).expect("a sale");
    company.run("2026").expect("they can be settled");
    assert_eq!(paid(&company), BTreeMap::from([(first, Decimal::from(80)), (second, Decimal::from(20 + 35))]));
    company.change("sale", first, json!({"sold_on": "2026-01-20"})).expect("nobody forbids it");
    assert_eq!(paid(&company), BTreeMap::from([(second, Decimal::from(70)), (first, Decimal::from(30 + 35))]));
    assert_eq!(company.run_once("2026").expect("it can be run again"), 0);
}

#[test]
fn who_moves_into_another_month_is_paid_in_that_one() {
    let line = json!({"payee": "record.party", "amount": "record.amount"});
    let mut company =
        Company::on_the_engine(company(&[]).settling_sales_in("month", line)).expect("the definitions are sound");
    company.party("left", json!({})).expect("a party");
    let sale = company.sale("left", 3, Decimal::from(8), json!({})).expect("a sale");
    company.run("2026-01").expect("it can be settled");
    company.change("sale", sale, json!({"sold_on": "2026-02-03"})).expect("nobody forbids it");
    let lines = company.ground.memory.lines.iter();
    let told: Vec<(String, Decimal)> = lines.map(|line| (line.service_period.to_string(), line.gross)).collect();
    let eight = Decimal::from(8);
    assert_eq!(
        told,
        [("2026-01", eight), ("2026-01", -eight), ("2026-02", eight)].map(|(month, gross)| (month.to_owned(), gross))
    );
    assert_eq!(
        [company.run_once("2026-01"), company.run_once("2026-02")].map(|run| run.expect("it can be run")),
        [0, 0]
    );
}

/// As a run finds it whose commands did not settle what they changed.
#[test]
fn a_run_over_facts_that_have_moved_comes_to_the_same() {
    let mut company = paying_by_steps();
    let first = company.sale("left", 3, Decimal::from(8), json!({})).expect("a sale");
    let second = company.sale("left", 5, Decimal::from(7), json!({})).expect("a sale");
    company.run("2026").expect("they can be settled");
    // Behind the engine's back: the date alone.
    let object = company.ground.model.object("sale").expect("there are sales");
    let day = object.field("sold_on").expect("they have a day").0;
    let moved = company.ground.memory.get("sale", first).expect("it is there").clone();
    let mut values = moved.values.clone();
    values[day] = Value::Date(Date::constant(2026, 1, 20));
    assert_eq!(values[slot::ID].as_id(), Some(first));
    company.ground.memory.put(Arc::new(Record { object: "sale".into(), values }));
    company.run("2026").expect("they can be settled again");
    assert_eq!(paid(&company), BTreeMap::from([(second, Decimal::from(70)), (first, Decimal::from(30 + 35))]));
}

#[test]
fn whatever_changes_everybody_is_paid_by_their_place() {
    for seed in [1_u64, 7, 42] {
        let mut company = paying_by_steps();
        let mut dice = Dice(seed);
        let mut sales: Vec<Uuid> = Vec::new();
        for _ in 0..12 {
            let amount = Decimal::from(1 + dice.roll(9));
            sales.push(company.sale(PARTIES[dice.roll(2)], dice.roll(60), amount, json!({})).expect("a sale"));
        }
        company.run("2026").expect("they can be settled");
        assert_eq!(paid(&company), owed(&company), "seed {seed}: at first");
        for change in 0..40 {
            let id = sales[dice.roll(12)];
            let day = |dice: &mut Dice| format!("2026-{:02}-{:02}", 1 + dice.roll(3), 1 + dice.roll(28));
            let input: Json = match dice.roll(4) {
                0 => json!({"amount": Decimal::from(1 + dice.roll(9)).to_string()}),
                1 => json!({"party": PARTIES[dice.roll(2)]}),
                2 => json!({"sold_on": day(&mut dice)}),
                _ => json!({"sold_on": day(&mut dice), "party": PARTIES[dice.roll(2)]}),
            };
            company.change("sale", id, input.clone()).expect("nobody forbids it");
            let mut paid = paid(&company);
            paid.retain(|_, sum| !sum.is_zero());
            assert_eq!(paid, owed(&company), "seed {seed}, change {change}: {input}");
            assert_eq!(
                company.run_once("2026").expect("it can be run again"),
                0,
                "seed {seed}, change {change}: {input}"
            );
        }
    }
}

/// A share of each transaction has nothing to count together: the least and the most are those of each.
#[test]
fn a_share_of_each_transaction_keeps_its_flat_amount_least_and_most_beside_others() {
    let tier = json!({"up_to": null, "rate": "2.99%", "flat": "0.50"});
    let amount = json!({"apply": "s", "to": "record.amount", "cumulate": {"by": ["payee"], "period": "year"}});
    let definitions = company(&[])
        .with(Kind::Schedule, "s", json!({"mode": "percentage", "minimum": "1.75", "maximum": "12", "tiers": [tier]}))
        .settling_sales(json!({"payee": "record.party", "amount": amount}));
    let mut company = Company::on_the_engine(definitions).expect("the definitions are sound");
    company.party("left", json!({})).expect("a party");
    for (day, amount) in [10, 80, 10_000].into_iter().enumerate() {
        company.sale("left", day, Decimal::from(amount), json!({})).expect("a sale");
    }
    let paid: Vec<String> =
        company.run("2026").expect("they can be settled").iter().map(|line| line.gross.to_string()).collect();
    assert_eq!(paid, ["1.75", "2.89", "12.00"]);
}

/// Each fact would have the whole of it: refused where the plan names the schedule, and where a cell of a table does.
#[test]
fn an_allowance_is_not_given_to_each_fact_of_a_group() {
    let tier = json!({"up_to": null, "rate": "0.03"});
    let free = || json!({"mode": "percentage", "free_amount": "100", "tiers": [tier]});
    let cumulate = json!({"by": ["payee"], "period": "year"});
    let named = json!({"apply": "s", "to": "record.amount", "cumulate": cumulate});
    let definitions = company(&[])
        .with(Kind::Schedule, "s", free())
        .settling_sales(json!({"payee": "record.party", "amount": named}));
    let refused = Company::on_the_engine(definitions).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.contains("/lines/0/amount/cumulate"), "{refused}");

    let by_name =
        json!({"apply": "if record.amount > 0 { \"s\" } else { \"s\" }", "to": "record.amount", "cumulate": cumulate});
    let definitions = company(&[])
        .with(Kind::Schedule, "s", free())
        .settling_sales(json!({"payee": "record.party", "amount": by_name}));
    let mut company = Company::on_the_engine(definitions).expect("only a fact can tell");
    company.party("left", json!({})).expect("a party");
    company.sale("left", 0, Decimal::from(80), json!({})).expect("a sale");
    let refused = company.run("2026").err().map(|error| error.to_string()).unwrap_or_default();
    assert!(refused.contains("bad_schedule"), "{refused}");
}
