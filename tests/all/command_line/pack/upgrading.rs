//! Upgrades with the real binary that end in the middle: at a write to the tenant's log the process is killed, on data of
//! its own; whoever upgrades again finishes it, and it comes to the same as an upgrade nobody disturbed. (Records that are
//! completed afterwards, by a job, are `definitions::back_fill`.)

use super::desk::{DONE, Desk, out};
use crate::faults::place::packs;
use serde_json::Value as Json;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Records that are there when the new version comes.
const RECORDS: usize = 400;
/// Fewer kills than this show nothing.
const KILLS_MIN: usize = 3;

/// A customer who works with version 0.1.0 of a pack; the folder has 0.2.0.
fn customer() -> Desk {
    let desk = Desk::new();
    desk.told(&["pack", "new", "return-desk"], DONE);
    let password = "correct horse battery";
    let add = ["user", "add", "admin", "--role", "admin", "--password", password, "--data", "customer"];
    done(run(&desk, &add));
    done(run(&desk, &["pack", "build", "return-desk", "--output", "first.pwpack"]));
    done(run(&desk, &["pack", "apply", "first.pwpack", "--lang", "en", "--data", "customer"]));
    let rows: String = (0..RECORDS).map(|row| format!("Case {row},2026-03-20\n")).collect();
    std::fs::write(desk.path("first.csv"), format!("subject,due\n{rows}")).expect("a file can be written");
    done(run(&desk, &["import", "first.csv", "--object", "return_desk", "--data", "customer"]));

    desk.replace("return-desk/pack.json", "\"version\": \"0.1.0\"", "\"version\": \"0.2.0\"");
    desk.replace(
        "return-desk/objects/return_desk.json",
        "\"fields\": {",
        r#""fields": {
            "reason": {"type": "text", "title": "Reason"},
            "why": {"type": "reference", "title": "Why", "to": "return_reason"},"#,
    );
    desk.replace(
        "return-desk/i18n/zh-CN.json",
        "{",
        r#"{
            "object/return_desk/fields/reason/title": "原因", "object/return_desk/fields/why/title": "为何",
            "object/return_reason/title": "退货原因", "object/return_reason/plural": "退货原因",
            "object/return_reason/fields/code/title": "代码","#,
    );
    let seed = r#"{"kind": "seed", "name": "return_reasons", "object": "return_reason", "records": [{"code": "broken"}, {"code": "late"}]}"#;
    let reasons = r#"{"kind": "object", "name": "return_reason", "title": "Reason", "plural": "Reasons", "display": "code", "key": "code",
        "fields": {"code": {"type": "text", "title": "Code", "required": true, "unique": true}}}"#;
    desk.put(
        "return-desk",
        &[("objects/return_reason.json", reasons), ("seed/return_reasons.json", seed)]
            .map(|(file, text)| (file.to_owned(), text.as_bytes().to_vec()))
            .into(),
    );
    done(run(&desk, &["pack", "build", "return-desk", "--output", "next.pwpack"]));
    desk
}

fn command(desk: &Desk, arguments: &[&str]) -> Command {
    let mut command = desk.command(arguments);
    command.env("PACKWORK_PACKS_DIR", packs());
    command
}

fn run(desk: &Desk, arguments: &[&str]) -> Output {
    command(desk, arguments).output().expect("the binary runs")
}

#[track_caller]
fn done(output: Output) -> String {
    assert_eq!(output.status.code(), DONE, "{}\n{}", out(&output), super::desk::errors(&output));
    out(&output)
}

fn upgrade(data: &str) -> [&str; 7] {
    ["pack", "apply", "next.pwpack", "--lang", "en", "--data", data]
}

/// Everything somebody would look at afterwards: cases, reasons, packs with their versions.
fn seen(desk: &Desk, data: &str) -> [Vec<String>; 3] {
    let rows = |object: &str, fields: &str| {
        let asked = ["export", "--object", object, "--fields", fields, "-o", "after.csv", "--data", data];
        done(run(desk, &asked));
        let text = std::fs::read_to_string(desk.path("after.csv")).expect("it was written");
        let mut rows: Vec<String> = text.lines().skip(1).map(str::to_owned).collect();
        rows.sort();
        rows
    };
    let listed = done(run(desk, &["pack", "list", "--json", "--data", data]));
    let listed: Json = serde_json::from_str(&listed).unwrap_or_else(|_| panic!("{listed}"));
    let packs = listed["data"].as_array().unwrap_or_else(|| panic!("{listed:#}"));
    let packs = packs.iter().map(|pack| format!("{} {}", pack["name"], pack["version"])).collect();
    [rows("return_desk", "subject,reason,state"), rows("return_reason", "code"), packs]
}

/// Runs an upgrade and kills it at its `nth` write to the log; whether it lived to be killed.
fn killed_at(desk: &Desk, data: &str, nth: usize) -> bool {
    let log = desk.path(data).join("tenants/main.db-wal");
    let mut child = command(desk, &upgrade(data)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
    let (mut length, mut writes) = (0, 0);
    while writes < nth {
        if child.try_wait().expect("a child can be asked").is_some() {
            return false;
        }
        let now = std::fs::metadata(&log).map_or(0, |file| file.len());
        writes += usize::from(now > length);
        length = now;
        std::thread::yield_now();
    }
    child.kill().expect("a child can be killed");
    !child.wait().expect("it is gone").success()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder can be made");
    for entry in std::fs::read_dir(from).expect("the folder is there") {
        let entry = entry.expect("it can be read");
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(std::fs::copy(&path, &target).expect("a file can be copied")),
        }
    }
}

#[test]
fn an_upgrade_killed_at_any_write_is_finished_by_the_next() {
    let desk = customer();
    copy(&desk.path("customer"), &desk.path("whole"));
    done(run(&desk, &upgrade("whole")));
    let expected = seen(&desk, "whole");
    let [cases, reasons, packs] = &expected;
    assert_eq!((cases.len(), &reasons[..]), (RECORDS, &["broken", "late"].map(str::to_owned)[..]));
    assert!(packs.iter().any(|pack| pack.contains("return-desk") && pack.contains("0.2.0")), "{packs:?}");

    // The first writes one by one, then in longer and longer steps.
    let (mut killed, mut write) = (0, 1);
    loop {
        let data = format!("killed-{write}");
        copy(&desk.path("customer"), &desk.path(&data));
        if !killed_at(&desk, &data, write) {
            break;
        }
        killed += 1;
        done(run(&desk, &upgrade(&data)));
        for (now, expected) in seen(&desk, &data).iter().zip(&expected) {
            let differ: Vec<_> = now.iter().zip(expected).filter(|(now, expected)| now != expected).take(3).collect();
            assert!(differ.is_empty(), "killed at write {write}: {differ:?}");
            assert_eq!(now.len(), expected.len(), "killed at write {write}");
        }
        done(run(&desk, &["doctor", "--data", &data]));
        write += 1 + write / 2;
    }
    assert!(killed >= KILLS_MIN, "it was killed {killed} times only");
}
