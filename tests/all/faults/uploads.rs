//! Files that are too much: refused or told, with memory that does not grow with them.

use super::imports::{follow, last, post};
use super::place::Place;
use packwork_tests::process::Process;
use packwork_tests::stream::{self, File};
use serde_json::json;
use std::io::{Read, repeat};

const MIB: u64 = 1024 * 1024;
/// What the server may hold while it is sent, or reads, a file of any size.
const MEMORY_MAX_KIB: u64 = 200 * 1024;

#[test]
fn a_line_of_a_gigabyte_is_refused_on_sqlite() {
    refuses_a_gigabyte(Place::sqlite());
}

#[test]
fn a_line_of_a_gigabyte_is_refused_on_postgres() {
    refuses_a_gigabyte(Place::postgres());
}

#[test]
fn a_line_of_nearly_a_whole_file_is_one_row_in_error_on_sqlite() {
    tells_of_a_long_line(Place::sqlite());
}

#[test]
fn a_line_of_nearly_a_whole_file_is_one_row_in_error_on_postgres() {
    tells_of_a_long_line(Place::postgres());
}

fn has_memory_left(server: &Process) {
    let peak = server.peak_rss_kib();
    assert!(peak < MEMORY_MAX_KIB, "the server held {peak} KiB");
}

const UPLOAD: &str = "/api/v1/imports?object=depot&name=long.csv";

fn refuses_a_gigabyte(place: Place) {
    let server = place.launch().start().expect("the server starts");
    let mut file = "code,name\nD1,".as_bytes().chain(repeat(b'x').take(1024 * MIB));
    let answer = stream::upload(&server, UPLOAD, File::Endless(&mut file)).expect("the server answers");
    assert_eq!((answer.status, &answer.json["code"]), (413, &json!("body_too_large")), "{:#}", answer.json);
    assert_eq!(answer.json["params"]["limit_bytes"], 200 * MIB);
    has_memory_left(&server);
    // Who says beforehand how much is coming is told before it comes.
    let answer = stream::announce(&server, UPLOAD, 1024 * MIB).expect("the server answers");
    assert_eq!((answer.status, &answer.json["code"]), (413, &json!("body_too_large")), "{:#}", answer.json);
    assert_eq!(place.number("SELECT count(*) FROM import_piece"), 0, "nothing of it is kept");
    assert_eq!(server.client().send("GET", "/readyz", None, None).expect("the server lives").status, 200);
}

fn tells_of_a_long_line(place: Place) {
    let server = place.launch().start().expect("the server starts");
    let begin = "code,name\nD1,one\nD2,".as_bytes();
    let mut file = begin.chain(repeat(b'x').take(128 * MIB)).chain("\nD3,three\n".as_bytes());
    let uploaded = stream::upload(&server, UPLOAD, File::Endless(&mut file)).expect("the server answers");
    assert_eq!(uploaded.status, 201, "{:#}", uploaded.json);
    let path = format!("/imports/{}", uploaded.json["id"].as_str().unwrap_or_default());
    post(&server, &format!("{path}/plan"), json!({"mode": "create"}));
    let planned = last(follow(&server, &path));
    let told = (&planned["status"], &planned["counts"]["create"], &planned["counts"]["error"]);
    assert_eq!(told, (&json!("planned"), &json!(2), &json!(1)), "{planned:#}");
    let rows = server.client().send("GET", &format!("/api/v1{path}/rows?outcome=error"), None, None);
    let rows = rows.expect("the server lives").json;
    assert_eq!((&rows["data"][0]["row"], &rows["data"][0]["errors"][0]["code"]), (&json!(3), &json!("bad_row")));
    has_memory_left(&server);
}
