//! The settlement both programs know: 500 dated rates by service and grade, three graduated bands on what a party's month
//! comes to, a minimum charge, tax by service. Here as definitions; `hand` has it as a program.

use crate::settle::orders::Numbers;
use anyhow::{Context as _, Result};
use packwork_engine::decision::Command;
use packwork_engine::definition::Kind;
use packwork_engine::moment::{Date, Moment};
use packwork_tests::conformance::world::{Definitions, World};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use uuid::Uuid;

pub const PLAN: &str = "fees";
pub const PERIOD: &str = "2026-03";
pub const SERVICES: usize = 20;
pub const GRADES: usize = 5;
/// Versions of each rate, one for each day of five of the month and what follows it.
pub const VERSIONS: usize = 5;
/// Days of the month on which the versions begin.
pub const BEGIN: [i8; VERSIONS] = [1, 7, 13, 19, 25];
/// The bands: up to which sum of the month, and which share of the base they pay, in hundredths.
pub const BANDS: [(Option<i64>, i64); 3] = [(Some(20_000), 100), (Some(50_000), 95), (None, 90)];
/// The least base of an order.
pub const MINIMUM: i64 = 30;

/// The rate of a service and grade in a version, in hundredths.
pub fn rate(service: usize, grade: usize, version: usize) -> i64 {
    let number = service * 7 + grade * 13 + version * 3;
    1_000 + i64::try_from(number).unwrap_or(0) * 17
}

/// The tax of a service, in hundredths.
pub fn tax(service: usize) -> i64 {
    [6, 9, 13][service % 3]
}

pub fn service(number: usize) -> String {
    format!("s{number:02}")
}

pub fn grade(number: usize) -> String {
    format!("g{number}")
}

pub fn day(of_month: i8) -> Date {
    jiff::civil::date(2026, 3, of_month)
}

/// One order; both programs are given the same.
#[derive(Clone, Copy)]
pub struct Order {
    pub id: Uuid,
    pub party: usize,
    pub service: usize,
    pub grade: usize,
    pub day: i8,
    /// In hundredths.
    pub quantity: i64,
}

/// The orders of a party, in the order of day and id.
pub fn orders(party: usize, count: usize) -> Vec<Order> {
    let mut numbers = Numbers::seeded(party as u64);
    let drawn = (0..count).map(|_| Order {
        id: numbers.id(1_772_323_200_000),
        party,
        service: numbers.below(SERVICES),
        grade: numbers.below(GRADES),
        day: i8::try_from(1 + numbers.below(31)).unwrap_or(1),
        quantity: 25 * i64::try_from(1 + numbers.below(32)).unwrap_or(1),
    });
    let mut orders: Vec<Order> = drawn.collect();
    orders.sort_by_key(|order| (order.day, order.id));
    orders
}

/// The compiled definitions with the parties.
pub fn world(parties: usize, at: Moment) -> Result<(World, Vec<Uuid>)> {
    let mut world = definitions().compile().context("compiling the plan")?;
    let mut create = |code: &str| -> Result<Uuid> {
        let input = json!({"code": code}).as_object().cloned().unwrap_or_default();
        let decision = world.execute(&Command::Create { object: "party".into(), input }, at)?;
        decision.subject.map(|(_, id)| id).context("no party was created")
    };
    create("house")?;
    let parties = (0..parties).map(|number| create(&format!("p{number}"))).collect::<Result<_>>()?;
    Ok((world, parties))
}

fn definitions() -> Definitions {
    let text = |title: &str| json!({"type": "text", "title": title});
    let code = json!({"type": "text", "title": "Code", "required": true, "unique": true});
    let party = json!({"display": "code", "key": "code", "traits": {"party": {}}, "fields": {"code": code}});
    let order = json!({
        "display": "code",
        "key": "code",
        "fields": {
            "code": code,
            "party": {"type": "reference", "title": "Party", "to": "party", "required": true},
            "done_on": {"type": "date", "title": "Done on", "required": true},
            "service": text("Service"),
            "grade": text("Grade"),
            "quantity": {"type": "decimal", "title": "Quantity", "scale": 2},
        },
    });
    let tiers: Vec<Json> = BANDS
        .iter()
        .map(|(up_to, share)| {
            let share = Decimal::new(*share, 2).to_string();
            match up_to {
                Some(up_to) => json!({"up_to": up_to.to_string(), "rate": share}),
                None => json!({"rate": share}),
            }
        })
        .collect();
    let plan = json!({
        "on": {"object": "job", "state": "done"},
        "business_date": "done_on",
        "period_calendar": "month",
        "let": {
            "row": {"lookup": "rates", "with": {"service": "record.service", "grade": "record.grade"}},
            "base": format!("max(row.rate * record.quantity, {MINIMUM})"),
        },
        "lines": [{
            "id": "fee",
            "title": "Fee",
            "payer": {"value": "party/house"},
            "payee": "record.party",
            "amount": {"apply": "bands", "to": "base", "cumulate": {"by": ["payee"], "period": "month"}},
            "tax": {"lookup": "taxes", "with": {"service": "record.service"}, "mode": "inclusive"},
            "dimensions": {"service": "record.service", "grade": "record.grade"},
        }],
        "posting": "fees",
        "statement": "month",
    });
    let account = |kind: &str| json!({"title": kind, "type": kind});
    let posting = json!({
        "accounts": {"cost": account("expense"), "vat": account("asset"), "payable": account("liability")},
        "entries": [
            {"id": "cost", "debit": "cost", "credit": "payable", "amount": "net"},
            {"id": "vat", "debit": "vat", "credit": "payable", "amount": "tax"},
        ],
    });
    Definitions::new()
        .with(Kind::Object, "party", party)
        .with(Kind::Object, "job", order)
        .with(Kind::Lifecycle, "job", json!({"on": "job", "initial": "done", "states": {"done": {"title": "Done"}}}))
        .with(Kind::PeriodCalendar, "month", json!({"every": "month"}))
        .with(Kind::Schedule, "bands", json!({"mode": "graduated_percentage", "tiers": tiers}))
        .with(Kind::RateTable, "rates", rates())
        .with(Kind::RateTable, "taxes", taxes())
        .with(Kind::Posting, "fees", posting)
        .with(Kind::Statement, "month", json!({"period_calendar": "month", "number": "ST-{yyyy}{MM}-{seq:6}"}))
        .with(Kind::SettlementPlan, PLAN, plan)
}

fn rates() -> Json {
    let mut rows = Vec::new();
    for (number_of_service, number_of_grade) in (0..SERVICES).flat_map(|of| (0..GRADES).map(move |grade| (of, grade))) {
        for (version, begins) in BEGIN.into_iter().enumerate() {
            let rate = Decimal::new(rate(number_of_service, number_of_grade, version), 2).to_string();
            let until = BEGIN.get(version + 1).map(|next| day(*next).to_string());
            let (service, grade) = (service(number_of_service), grade(number_of_grade));
            rows.push(json!({"id": format!("{service}_{grade}_{version}"), "service": service, "grade": grade,
                "rate": rate, "valid": [day(begins).to_string(), until]}));
        }
    }
    table(json!({"service": {"text": true}, "grade": {"text": true}}), rows)
}

fn taxes() -> Json {
    let rows = (0..SERVICES).map(|number| {
        let rate = Decimal::new(tax(number), 2).to_string();
        json!({"id": service(number), "service": service(number), "rate": rate, "valid": ["2019-04-01", null]})
    });
    table(json!({"service": {"text": true}}), rows.collect())
}

fn table(columns: Json, rows: Vec<Json>) -> Json {
    json!({"hit": "unique", "columns": columns, "values": {"rate": {"type": "decimal", "scale": 4}}, "rows": rows})
}
