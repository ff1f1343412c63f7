//! Look-ups of a plan's steps: what a row gives is made once, and each line tells of it as its own step asked.

use packwork_engine::decision::{Command, SettleUnit};
use packwork_engine::definition::Kind;
use packwork_engine::moment::Moment;
use packwork_engine::settlement::line::Line;
use packwork_tests::conformance::world::{Definitions, World};
use rust_decimal::Decimal;
use serde_json::{Value as Json, json};
use uuid::Uuid;

/// A job pays what two steps find for two services; the table's rows are given.
fn world(rows: Json) -> World {
    let code = json!({"type": "text", "title": "Code", "required": true, "unique": true});
    let party = json!({"display": "code", "key": "code", "traits": {"party": {}}, "fields": {"code": code}});
    let text = |title: &str| json!({"type": "text", "title": title});
    let job = json!({"display": "code", "key": "code", "fields": {
        "code": code, "done_on": {"type": "date", "title": "Done on", "required": true},
        "one": text("One"), "other": text("Other"),
    }});
    let plan = json!({
        "on": {"object": "job", "state": "done"}, "business_date": "done_on", "period_calendar": "month",
        "let": {
            "first": {"lookup": "rates", "with": {"service": "record.one"}},
            "second": {"lookup": "rates", "with": {"service": "record.other"}},
        },
        "lines": [{"id": "fee", "title": "Fee", "payer": {"value": "party/house"}, "payee": {"value": "party/guest"},
            "amount": "first.rate + second.rate"}],
    });
    let rates = json!({"hit": "unique", "columns": {"service": {"text": true}},
        "values": {"rate": {"type": "decimal", "scale": 2}}, "rows": rows});
    let definitions = Definitions::new()
        .with(Kind::Object, "party", party)
        .with(Kind::Object, "job", job)
        .with(Kind::Lifecycle, "job", json!({"on": "job", "initial": "done", "states": {"done": {"title": "Done"}}}))
        .with(Kind::PeriodCalendar, "month", json!({"every": "month"}))
        .with(Kind::RateTable, "rates", rates)
        .with(Kind::SettlementPlan, "plan", plan);
    definitions.compile().unwrap_or_else(|error| panic!("{error:#}"))
}

fn created(world: &mut World, object: &str, input: Json) -> Uuid {
    let input = input.as_object().cloned().unwrap_or_default();
    let at = Moment::parse("2026-04-01T00:00:00Z").expect("the constant is a moment");
    let decision = world.execute(&Command::Create { object: object.into(), input }, at);
    decision.unwrap_or_else(|error| panic!("{error:#}")).subject.map(|(_, id)| id).expect("a record was created")
}

/// The lines of jobs on days, with the services each step asks for.
fn settled(world: &mut World, jobs: &[(&str, &str, &str)]) -> Vec<Line> {
    for party in ["house", "guest"] {
        created(world, "party", json!({"code": party}));
    }
    let job = |(number, (day, one, other)): (usize, &(&str, &str, &str))| {
        let input = json!({"code": format!("j{number}"), "done_on": day, "one": one, "other": other});
        created(world, "job", input)
    };
    let facts = jobs.iter().enumerate().map(job).collect();
    let unit = SettleUnit { plan: "plan".into(), run: Uuid::from_u128(1), period: "2026-03".to_owned(), facts };
    let at = Moment::parse("2026-04-01T00:00:00Z").expect("the constant is a moment");
    let decision = world.execute(&Command::Settle(unit), at).unwrap_or_else(|error| panic!("{error:#}"));
    decision.lines
}

/// Of each line the amount, and of each look-up step, row, day and what was asked.
fn told(lines: &[Line]) -> Vec<(Decimal, Vec<[String; 4]>)> {
    let lookup = |lookup: &packwork_engine::settlement::trace::LookupTrace| {
        let asked = lookup.found.inputs.get("service").cloned().unwrap_or_default();
        [lookup.found.step.to_string(), lookup.found.row.to_string(), lookup.date.to_string(), asked]
    };
    lines.iter().map(|line| (line.gross, line.trace.lookups.iter().map(lookup).collect())).collect()
}

fn expected(step: &str, row: &str, day: &str, asked: &str) -> [String; 4] {
    [step, row, day, asked].map(str::to_owned)
}

/// What four jobs are told, the last row of the table being given.
fn check(last: Json) {
    let last_id = last["id"].as_str().expect("a row has an id").to_owned();
    let mut world = world(json!([
        {"id": "a1", "service": "a", "rate": "1", "valid": ["2026-01-01", "2026-03-10"]},
        {"id": "a2", "service": "a", "rate": "3", "valid": ["2026-03-10", null]},
        {"id": "b", "service": "b", "rate": "10", "valid": ["2026-01-01", null]},
        last,
    ]));
    let jobs = [("2026-03-02", "a", "a"), ("2026-03-03", "b", "a"), ("2026-03-20", "a", "b"), ("2026-03-21", "b", "c")];
    let lines = settled(&mut world, &jobs);
    let wanted = [
        ("2.00", expected("first", "a1", "2026-03-02", "a"), expected("second", "a1", "2026-03-02", "a")),
        ("11.00", expected("first", "b", "2026-03-03", "b"), expected("second", "a1", "2026-03-03", "a")),
        ("13.00", expected("first", "a2", "2026-03-20", "a"), expected("second", "b", "2026-03-20", "b")),
        ("15.00", expected("first", "b", "2026-03-21", "b"), expected("second", &last_id, "2026-03-21", "c")),
    ];
    let wanted: Vec<(Decimal, Vec<[String; 4]>)> = wanted
        .into_iter()
        .map(|(amount, first, second)| (amount.parse().expect("a number"), vec![first, second]))
        .collect();
    assert_eq!(told(&lines), wanted);
}

#[test]
fn each_step_tells_its_own_look_up() {
    check(json!({"id": "c", "service": "c", "rate": "5", "valid": ["2026-01-01", null]}));
}

#[test]
fn a_row_for_anything_tells_what_was_asked() {
    check(json!({"id": "any", "rate": "5", "valid": ["2026-01-01", null]}));
}
