//! `packwork import`: what it prints, what it leaves, how it ends.

use crate::faults::place::Place;
use serde_json::Value as Json;
use std::fmt::Write;
use std::path::PathBuf;
use std::process::Output;

/// Done as asked; something is left; not done.
const DONE: Option<i32> = Some(0);
const LEFT: Option<i32> = Some(2);
const FAILED: Option<i32> = Some(1);

pub(super) fn file(place: &Place, name: &str, text: &str) -> PathBuf {
    let path = place.folder.join(name);
    std::fs::write(&path, text).expect("the test's folder can be written to");
    path
}

fn text(path: &std::path::Path) -> &str {
    path.to_str().expect("the temporary folder has a name that is text")
}

/// Imports depots from a file.
pub(super) fn import(place: &Place, path: &std::path::Path, more: &[&str]) -> Output {
    let mut words = vec!["import", text(path), "--object", "depot"];
    words.extend(more);
    place.run(&words)
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The code an import ends with, its JSON.
fn as_json(output: &Output) -> (Option<i32>, Json) {
    let json = serde_json::from_slice(&output.stdout);
    (output.status.code(), json.unwrap_or_else(|_| panic!("{}\n{}", out(output), errors(output))))
}

#[test]
fn an_import_says_what_became_of_the_file_and_ends_accordingly() {
    let place = Place::sqlite();
    let server = place.launch().start().expect("the server starts");
    let broken = file(&place, "broken.csv", "code,name,docks\nD1,one,1\nD2,,2\nD3,=three,many\n");
    let left_out = place.folder.join("left out.csv");

    let planned = import(&place, &broken, &["--dry-run", "--json"]);
    let (code, json) = as_json(&planned);
    assert_eq!((code, &json["status"], &json["counts"]["create"]), (LEFT, &"planned".into(), &1.into()), "{json:#}");
    assert_eq!(place.number("SELECT count(*) FROM o_depot"), 0);

    let applied = import(&place, &broken, &["--by", "code", "--errors", text(&left_out)]);
    assert_eq!(applied.status.code(), LEFT, "{}", errors(&applied));
    assert_eq!(place.number("SELECT count(*) FROM o_depot"), 1);
    // What is wrong is told by the titles people know, in their language.
    assert!(out(&applied).contains("applied") && out(&applied).contains("请填写“名称”"), "{}", out(&applied));
    let told = std::fs::read_to_string(&left_out).expect("the rows left out are written");
    let told: Vec<&str> = told.trim_start_matches('\u{feff}').lines().collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(told[1], "D2,,2,name：请填写“名称”");
    assert!(told[2].starts_with("D3,'=three,many,docks："), "a formula does nothing in the file either: {}", told[2]);

    std::fs::remove_file(&left_out).expect("the file is there");
    let mended = file(&place, "mended.csv", "code,name,docks\nD1,uno,1\nD2,two,2\nD3,three,3\n");
    let (code, json) = as_json(&import(&place, &mended, &["--by", "code", "--json", "--errors", text(&left_out)]));
    assert_eq!((code, &json["counts"]["applied"]), (DONE, &3.into()), "{json:#}");
    assert!(!left_out.exists(), "nothing was left out");

    // Where no server works on the folder, the command does the work itself.
    server.kill().expect("a child can be killed");
    let id = json["id"].as_str().unwrap_or_default();
    let (code, reverted) = as_json(&place.run(&["import", "--revert", id, "--json"]));
    assert_eq!((code, &reverted["status"]), (DONE, &"reverted".into()), "{reverted:#}");
    assert_eq!(place.number("SELECT count(*) FROM o_depot WHERE f_deleted_at IS NULL AND f_name = 'one'"), 1);
    assert_eq!(place.number("SELECT count(*) FROM o_depot WHERE f_deleted_at IS NULL"), 1);
    let again = place.run(&["import", "--resume", id]);
    assert!(again.status.code() == FAILED && errors(&again).contains("import_state"), "{}", errors(&again));
}

#[test]
fn what_cannot_be_imported_at_all_fails_with_its_reason() {
    let place = Place::sqlite();
    let empty = file(&place, "empty.csv", "code,name\n");
    let check = |output: Output, expect: &str| {
        assert_eq!(output.status.code(), FAILED, "{}", out(&output));
        assert!(errors(&output).contains(expect), "{}", errors(&output));
    };
    check(import(&place, &empty, &[]), "there is no tenant");
    let _server = place.launch().start().expect("the server starts");
    check(import(&place, &empty, &[]), "bad_file");
    check(import(&place, &place.folder.join("nothing.csv"), &[]), "nothing.csv");
    check(place.run(&["import", text(&empty), "--object", "nothing"]), "unknown_object");
    check(place.run(&["import", "--revert", "nothing"]), "not_found");
    // Clap's own answer to words it does not know.
    assert_eq!(place.run(&["import"]).status.code(), Some(2));
}

#[test]
fn a_long_import_tells_a_log_how_far_it_is() {
    let place = Place::sqlite();
    let _server = place.launch().start().expect("the server starts");
    let mut lines = String::from("code,name\n");
    (0..4_000).for_each(|row| writeln!(lines, "L{row:05},Depot {row}").expect("a text takes text"));
    let path = file(&place, "long.csv", &lines);
    let imported = import(&place, &path, &["--progress"]);
    let told = errors(&imported);
    assert_eq!(imported.status.code(), DONE, "{told}");
    assert!(!told.contains(['\r', '\u{1b}']), "a log has lines, nothing that moves: {told:?}");
    let steps = |what: &str| -> Vec<u64> {
        let lines = told.lines().filter_map(|line| line.strip_prefix(what)?.split(' ').next()?.parse().ok());
        lines.collect()
    };
    let applying = steps("applying: ");
    assert!(!steps("planning: ").is_empty() && !applying.is_empty(), "{told}");
    assert!(applying.is_sorted(), "{told}");
    assert!(
        told.lines().filter(|line| line.starts_with("applying: ")).all(|line| line.ends_with(" of 4000")),
        "{told}"
    );
}
