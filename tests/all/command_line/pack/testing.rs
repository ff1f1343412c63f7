//! `packwork pack test`: the same cases on the engine and through HTTP on both databases, and what is told of them.

use super::desk::{DONE, Desk, FAILED, LEFT, errors, out, read};
use crate::faults::place::block_on;
use packwork_tests::postgres;
use quick_xml::Reader;
use quick_xml::events::Event;
use sqlx::{Connection, PgConnection};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Name, attributes and text of an element.
type Element = (String, Vec<(String, String)>, String);

/// Elements of an XML document with their attributes and texts; a document that is none fails.
fn elements(xml: &str) -> Vec<Element> {
    let mut reader = Reader::from_str(xml);
    let mut found: Vec<Element> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    loop {
        let event = reader.read_event().unwrap_or_else(|error| panic!("{error}: {xml}"));
        match event {
            Event::Start(ref start) | Event::Empty(ref start) => {
                let attributes = start.attributes().map(|attribute| {
                    let attribute = attribute.expect("an attribute is well-formed");
                    let value = quick_xml::escape::unescape(&attribute.value).expect("it is escaped").into_owned();
                    (attribute.key.as_ref().to_owned(), value)
                });
                let name = start.name().as_ref().to_owned();
                found.push((name, attributes.collect(), String::new()));
                if matches!(event, Event::Start(_)) {
                    open.push(found.len() - 1);
                }
            }
            Event::End(_) => drop(open.pop().expect("it was opened")),
            Event::Text(text) => {
                if let Some(at) = open.last() {
                    found[*at].2.push_str(&text);
                }
            }
            Event::GeneralRef(name) => {
                let letter =
                    quick_xml::escape::unescape(&format!("&{};", &*name)).expect("it is a reference").into_owned();
                found[*open.last().expect("it is inside an element")].2.push_str(&letter);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert!(open.is_empty(), "every element is closed");
    found
}

#[test]
fn cases_run_on_the_engine_and_through_http_on_both_databases() {
    let desk = Desk::new();
    desk.told(&["pack", "new", "return-desk", "--folder", "packs"], DONE);
    let database = block_on(postgres::fresh_database()).expect("PostgreSQL makes a database");
    let passed = |on: &str| {
        let asked =
            ["pack", "test", "packs", "--filter", "return-desk/", "--json", "--on", on, "--database", &database];
        let told = desk.json(&asked, DONE);
        assert_eq!((&told["on"], &told["passed"], &told["failed"]), (&on.into(), &1.into(), &0.into()), "{told:#}");
        assert_eq!(told["cases"][0]["name"], "return_desk_is_finished");
    };
    ["engine", "sqlite", "postgres"].into_iter().for_each(passed);

    // A case that expects something else: the first difference, how it came to it, and the same on all three.
    desk.replace(
        "packs/return-desk/cases/return_desk_is_finished.json",
        "\"state\": \"done\"",
        "\"state\": \"<gone> & \\u0007\"",
    );
    let mut traces = Vec::new();
    for on in ["engine", "sqlite", "postgres"] {
        let asked = ["pack", "test", "packs", "--filter", "return_desk", "--on", on, "--junit", "result.xml"];
        let asked: Vec<&str> = asked.into_iter().chain(["--database", &database]).collect();
        let told = desk.told(&asked, LEFT);
        assert!(told.contains("FAIL  return-desk/return_desk_is_finished: a record is finished"), "{told}");
        assert!(told.contains("record one: `state`: expected <gone> & \u{7}, got done"), "{told}");
        assert!(told.contains("step 2 (transition finish on one): done"), "{told}");
        assert!(told.ends_with("0 passed, 1 failed\n"), "{told}");
        traces.push(told);
        let xml = elements(&read(&desk.path("result.xml")));
        let find = |name: &str| xml.iter().find(|(found, ..)| found == name).expect("the element is there");
        let has = |name: &str, attribute: &str, value: &str| {
            let found = find(name).1.iter().find(|(found, _)| found == attribute).map(|(_, value)| value.as_str());
            assert_eq!(found, Some(value), "{name} {attribute}");
        };
        has("testsuites", "failures", "1");
        has("testsuite", "name", "return-desk");
        has("testcase", "classname", "return-desk");
        has("testcase", "name", "return_desk_is_finished");
        has("failure", "message", "record one: `state`: expected <gone> & \u{fffd}, got done");
        assert!(find("failure").2.contains("step 1 (create return_desk as one): done"), "{:?}", find("failure").2);
        let time = find("testcase").1.iter().find(|(name, _)| name == "time").expect("it says how long it took");
        assert!(time.1.split_once('.').is_some_and(|(_, after)| after.len() == 3), "{time:?}");
    }
    assert!(traces.windows(2).all(|two| two[0] == two[1]), "{traces:#?}");

    assert_eq!(databases_of_cases(&database), [] as [String; 0], "databases of cases are dropped");
}

/// Names of databases that runs of cases have made beside this one.
fn databases_of_cases(database: &str) -> Vec<String> {
    let name = database.rsplit('/').next().unwrap_or_default();
    let found = block_on(async {
        let mut connection = PgConnection::connect(database).await?;
        let sql = "SELECT datname::text FROM pg_database WHERE starts_with(datname, $1 || '_cases_') ORDER BY 1";
        sqlx::query_scalar(sql).bind(name).fetch_all(&mut connection).await
    });
    found.expect("PostgreSQL can be asked")
}

fn folders_of_cases(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let named = entries.map(|entry| entry.expect("it can be read").path());
    named.filter(|path| path.to_string_lossy().contains("packwork-cases-")).collect()
}

/// Kills a run as soon as it has made a place for its cases, and runs it again to its end.
fn a_killed_run_is_cleared_by_the_next(on: &[&str], left: impl Fn(&Path) -> usize) {
    let desk = Desk::new();
    desk.told(&["pack", "new", "return-desk", "--folder", "packs"], DONE);
    let temporary = desk.path("temporary");
    std::fs::create_dir_all(&temporary).expect("a folder can be made");
    let asked: Vec<&str> =
        ["pack", "test", "packs", "--filter", "return-desk/"].into_iter().chain(on.iter().copied()).collect();
    let mut killed = desk.command(&asked).env("TMPDIR", &temporary).stdout(Stdio::null()).spawn().expect("it runs");
    while left(&temporary) == 0 {
        assert_eq!(killed.try_wait().expect("a child can be asked"), None, "it ended before it could be killed");
        std::thread::yield_now();
    }
    killed.kill().expect("a child can be killed");
    killed.wait().expect("it is gone");
    assert!(left(&temporary) > 0, "a killed run clears nothing up");
    let next = desk.command(&asked).env("TMPDIR", &temporary).output().expect("it runs");
    assert_eq!(next.status.code(), DONE, "{}{}", out(&next), errors(&next));
    assert_eq!(left(&temporary), 0);
}

#[test]
fn a_killed_run_on_sqlite_is_cleared_by_the_next() {
    a_killed_run_is_cleared_by_the_next(&["--on", "sqlite"], |temporary| folders_of_cases(temporary).len());
}

#[test]
fn a_killed_run_on_postgres_is_cleared_by_the_next() {
    let database = block_on(postgres::fresh_database()).expect("PostgreSQL makes a database");
    a_killed_run_is_cleared_by_the_next(&["--on", "postgres", "--database", &database], |temporary| {
        let databases = databases_of_cases(&database).len();
        // A folder comes first: both have to be there, and both have to go.
        if databases == 0 && !folders_of_cases(temporary).is_empty() {
            0
        } else {
            databases + folders_of_cases(temporary).len()
        }
    });
}

#[test]
fn what_cannot_be_tested_says_why() {
    let desk = Desk::new();
    desk.told(&["pack", "new", "return-desk"], DONE);
    let check = |arguments: &[&str], expect: &str| {
        let told = desk.told(arguments, FAILED);
        assert!(told.contains(expect), "{told}");
    };
    check(&["pack", "test", "return-desk", "--on", "postgres"], "--database");
    let nowhere = "postgres://nobody@127.0.0.1:1/nothing";
    check(&["pack", "test", "return-desk", "--on", "postgres", "--database", nowhere], "right to create databases");
    check(&["pack", "test", "nowhere"], "nowhere");
    check(&["pack", "test", "packs/base/seed"], "holds no pack");
    desk.replace("return-desk/lifecycles/return_desk.json", "\"to\": \"done\"", "\"to\": \"gone\"");
    check(&["pack", "test", "return-desk", "--on", "sqlite"], "unknown_reference");
    // Clap's own answer to words it does not know.
    assert_eq!(desk.run(&["pack", "test", "return-desk", "--on", "oracle"]).status.code(), LEFT);
}
