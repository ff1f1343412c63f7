//! `packwork export`: to a file, and to whoever stops reading.

use super::imports::{file, import};
use crate::faults::place::{BINARY, Place};
use std::fmt::Write;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

const ROWS: usize = 4_000;

#[test]
fn an_export_is_a_whole_file_or_ends_quietly_where_nobody_reads_on() {
    let place = Place::sqlite();
    // Makes the tenant; the commands then do without it.
    place.launch().start().and_then(|server| server.kill()).expect("the server starts");
    let mut lines = String::from("code,name\n");
    // More than a pipe holds, by far.
    (0..ROWS).for_each(|row| writeln!(lines, "L{row:05},{}", "Depot ".repeat(20)).expect("a text takes text"));
    let path = file(&place, "long.csv", &lines);
    assert_eq!(import(&place, &path, &[]).status.code(), Some(0));

    let exported = place.folder.join("depots.csv");
    let wanted = exported.to_str().expect("the temporary folder has a name that is text");
    let written = place.run(&["export", "--object", "depot", "--fields", "code,name", "--sort", "code", "-o", wanted]);
    assert_eq!(written.status.code(), Some(0), "{}", String::from_utf8_lossy(&written.stderr));
    let text = std::fs::read_to_string(&exported).expect("the file is there");
    assert_eq!(text.lines().count(), ROWS + 1);
    assert!(text.lines().nth(1).is_some_and(|line| line.starts_with("L00000,Depot")), "{:?}", text.lines().nth(1));

    let refused = place.run(&["export", "--object", "nothing", "-o", wanted]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(std::fs::read_to_string(&exported).ok(), Some(text), "what was there is left as it was");
    assert!(!place.folder.join("depots.csv.part").exists());

    let mut command = Command::new(BINARY);
    command.args(["export", "--object", "depot", "--format", "ndjson", "--data"]).arg(&place.folder);
    command.arg("--packs-dir").arg(crate::faults::place::packs()).env_remove("PACKWORK_DATABASE");
    command.env("PACKWORK_LOG", "error").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let mut line = String::new();
    let mut reader = BufReader::new(child.stdout.take().expect("the output is piped"));
    reader.read_line(&mut line).expect("a first line comes");
    assert!(line.starts_with('{'), "{line}");
    drop(reader);
    let mut told = String::new();
    child.stderr.take().expect("it is piped").read_to_string(&mut told).expect("the errors are text");
    let ended = child.wait().expect("the child ends");
    assert_eq!((ended.code(), &*told), (Some(0), ""));
}
