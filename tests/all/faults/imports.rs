//! An import whose server is killed in the middle and started again: every row of the file is there once, none is
//! missing, and what is told of them is right.

use super::place::Place;
use packwork_tests::process::Process;
use packwork_tests::stream::{self, File, Incoming};
use serde_json::{Value as Json, json};
use std::fmt::Write;

const ROWS: usize = 100_000;
const UNITS: usize = 10;
/// One row of so many cannot be read, one leads nowhere, one repeats the key above it.
const EVERY: usize = 1_000;
const UNREADABLE: usize = 7;
const LEADING_NOWHERE: usize = 13;
const REPEATED: usize = 500;
/// Depots that are there before, under another name.
const EXISTING: usize = 20;
const OF_EXISTING: usize = 2;

#[test]
fn an_import_killed_at_sixty_percent_is_resumed_on_sqlite() {
    survives(Place::sqlite());
}

#[test]
fn an_import_killed_at_sixty_percent_is_resumed_on_postgres() {
    survives(Place::postgres());
}

fn code(row: usize) -> String {
    format!("D{row:06}")
}

/// A row of the file.
fn line(row: usize) -> String {
    let unit = row % UNITS;
    match row % EVERY {
        UNREADABLE => format!("{},网点 {row},many,U{unit}", code(row)),
        LEADING_NOWHERE => format!("{},网点 {row},{},nowhere", code(row), row % 50),
        REPEATED => format!("{},once more,1,U{unit}", code(row - 1)),
        _ => format!("{},网点 {row},{},U{unit}", code(row), row % 50),
    }
}

/// Whether a row becomes a record, or changes one.
fn is_applied(row: &usize) -> bool {
    ![UNREADABLE, LEADING_NOWHERE, REPEATED].contains(&(row % EVERY))
}

fn survives(place: Place) {
    let server = place.launch().start().expect("the server starts");
    for unit in 0..UNITS {
        post(&server, "/records/unit", json!({"code": format!("U{unit}"), "name": format!("Unit {unit}")}));
    }
    for at in 0..EXISTING {
        let row = at * (ROWS / EXISTING) + OF_EXISTING;
        post(&server, "/records/depot", json!({"code": code(row), "name": "old", "docks": 7}));
    }
    let mut file = String::from("code,name,docks,unit\n");
    (0..ROWS).for_each(|row| writeln!(file, "{}", line(row)).expect("a text takes text"));
    let uploaded =
        stream::upload(&server, "/api/v1/imports?object=depot&name=depots.csv", File::Bytes(file.as_bytes()));
    let uploaded = uploaded.expect("the server takes the file");
    assert_eq!(uploaded.status, 201, "{:#}", uploaded.json);
    let path = format!("/imports/{}", uploaded.json["id"].as_str().unwrap_or_default());
    post(&server, &format!("{path}/plan"), json!({"mode": "upsert", "by": "code"}));
    let planned = last(follow(&server, &path));
    let bad = ROWS / EVERY;
    let fresh = ROWS - 3 * bad - EXISTING;
    let mut counts = json!({
        "create": fresh, "update": EXISTING, "skip": 0, "duplicate": bad, "error": 2 * bad, "applied": 0, "kept": 0
    });
    assert_eq!((&planned["status"], &planned["counts"]), (&json!("planned"), &counts), "{planned:#}");

    post(&server, &format!("{path}/apply"), json!({}));
    let done = |import: &Json| import["done"].as_u64().unwrap_or(0);
    let mut events = follow(&server, &path);
    let killed_at = loop {
        let (_, import) = events.event().expect("the stream goes on").expect("the import is not over yet");
        if done(&import) >= ROWS as u64 * 6 / 10 {
            break done(&import);
        }
    };
    server.kill().expect("a child can be killed");
    let there = place.number("SELECT count(*) FROM o_depot");
    assert!(there > ROWS as i64 / 2 && there < (fresh + EXISTING) as i64, "{there} records when it was killed");

    let server = place.launch().start().expect("the server starts after the kill");
    let mut events = follow(&server, &path);
    let (_, resumed) = events.event().expect("the stream begins").expect("the import is there");
    assert!(done(&resumed) >= killed_at, "it goes on where it was: {resumed:#}");
    let applied = last(events);
    counts["applied"] = json!(fresh + EXISTING);
    assert_eq!((&applied["status"], &applied["counts"]), (&json!("applied"), &counts), "{applied:#}");
    check(&place, fresh);
    let mut errors = stream::open(&server, &format!("/api/v1{path}/errors.csv"), &[]).expect("there is an error file");
    let errors = errors.text().expect("the error file is text");
    let wanted = (0..ROWS).filter(|row| !is_applied(row)).map(line);
    let mut told = errors.trim_start_matches('\u{feff}').lines().skip(1);
    for line in wanted {
        let found = told.next().unwrap_or_default();
        let reason = found.strip_prefix(&format!("{line},"));
        assert!(reason.is_some_and(|reason| !reason.is_empty()), "`{line}` was told as `{found}`");
    }
    assert_eq!(told.next(), None);
}

/// What stands in the tables.
fn check(place: &Place, fresh: usize) {
    let all = (fresh + EXISTING) as i64;
    let docks: usize = (0..ROWS).filter(is_applied).map(|row| row % 50).sum();
    for (expect, sql) in [
        (all, "SELECT count(*) FROM o_depot"),
        (all, "SELECT count(DISTINCT f_code) FROM o_depot"),
        (all, "SELECT count(*) FROM o_depot WHERE f_name = '网点 ' || CAST(substr(f_code, 2) AS INTEGER)"),
        (docks as i64, "SELECT CAST(sum(f_docks) AS BIGINT) FROM o_depot"),
        (
            all,
            "SELECT count(*) FROM o_depot JOIN o_unit ON o_unit.f_id = o_depot.f_unit WHERE substr(o_unit.f_code, 2) = substr(o_depot.f_code, 7)",
        ),
        (EXISTING as i64, "SELECT count(*) FROM o_depot WHERE f_version = 2"),
        (fresh as i64, "SELECT count(*) FROM o_depot WHERE f_version = 1"),
        (all + EXISTING as i64, "SELECT count(*) FROM event WHERE object = 'depot'"),
        (EXISTING as i64, "SELECT count(*) FROM command WHERE subject_object = 'depot'"),
        (0, "SELECT count(*) FROM event WHERE command NOT IN (SELECT id FROM command)"),
        (0, "SELECT count(*) FROM job WHERE status IN ('waiting', 'running')"),
    ] {
        assert_eq!(place.number(sql), expect, "{sql}");
    }
}

pub(super) fn post(server: &Process, path: &str, body: Json) {
    let answer = server.client().send("POST", &format!("/api/v1{path}"), Some(&body), None);
    let answer = answer.expect("nobody kills the server now");
    assert!((200..300).contains(&answer.status), "{path}: {:#}", answer.json);
}

pub(super) fn follow(server: &Process, path: &str) -> Incoming {
    stream::open(server, &format!("/api/v1{path}/events"), &[]).expect("an import can be followed")
}

/// The last event of a job.
pub(super) fn last(mut events: Incoming) -> Json {
    let mut last = Json::Null;
    while let Some((_, import)) = events.event().expect("the stream ends with the job") {
        last = import;
    }
    last
}
