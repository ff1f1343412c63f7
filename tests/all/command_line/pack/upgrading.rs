//! Upgrades with the real binary that end in the middle: at a write to the database's log the process is killed, on data of
//! its own; whoever upgrades again finishes it, and it comes to the same as an upgrade nobody disturbed. Without a server
//! the command itself completes the records that lack something. (Jobs that are killed are `definitions::back_fill`.)

use super::desk::{DONE, Desk, out};
use crate::faults::place::packs;
use packwork_tests::postgres::{Server, execute, of_database};
use serde_json::Value as Json;
use sqlx::{Connection, PgConnection};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Records that are there when the new version comes.
const RECORDS: usize = 400;
/// Fewer kills than this show nothing.
const KILLS_MIN: usize = 3;

/// Where customers have their data: each a folder, or a database of one server.
enum Place {
    Folders,
    Databases(Server),
}

impl Place {
    fn command(&self, desk: &Desk, customer: &str, arguments: &[&str]) -> Command {
        let mut command = desk.command(arguments);
        command.env("PACKWORK_PACKS_DIR", packs()).args(["--data", customer]);
        if let Place::Databases(server) = self {
            command.env("PACKWORK_DATABASE", of_database(&server.url, customer));
        }
        command
    }

    #[track_caller]
    fn done(&self, desk: &Desk, customer: &str, arguments: &[&str]) -> String {
        ended(self.command(desk, customer, arguments).output().expect("the binary runs"))
    }

    async fn make(&self, customer: &str) {
        if let Place::Databases(server) = self {
            execute(&server.url, &format!("CREATE DATABASE {customer}")).await.expect("a database can be made");
        }
    }

    /// A customer with the same data.
    async fn copy(&self, desk: &Desk, from: &str, to: &str) {
        match self {
            Place::Folders => copy(&desk.path(from), &desk.path(to)),
            Place::Databases(server) => {
                let copy = format!("CREATE DATABASE {to} TEMPLATE {from}");
                execute(&server.url, &copy).await.expect("a database can be copied");
            }
        }
    }

    async fn log(&self, desk: &Desk, customer: &str) -> Log {
        match self {
            Place::Folders => Log::File(desk.path(customer).join("tenants/main.db-wal")),
            Place::Databases(server) => {
                Log::Server(PgConnection::connect(&server.url).await.expect("the server is there"))
            }
        }
    }
}

/// The log that every write goes to first.
enum Log {
    File(PathBuf),
    Server(PgConnection),
}

impl Log {
    /// How far it is.
    async fn end(&mut self) -> u64 {
        match self {
            Log::File(path) => std::fs::metadata(path).map_or(0, |file| file.len()),
            Log::Server(connection) => {
                let end = "SELECT (pg_current_wal_insert_lsn() - '0/0')::BIGINT";
                let end: i64 = sqlx::query_scalar(end).fetch_one(connection).await.expect("the server answers");
                end.unsigned_abs()
            }
        }
    }
}

/// A customer who works with version 0.1.0 of a pack; the folder has 0.2.0.
async fn customer(place: &Place) -> Desk {
    let desk = Desk::new();
    place.make("customer").await;
    desk.told(&["pack", "new", "return-desk"], DONE);
    let done = |arguments: &[&str]| drop(place.done(&desk, "customer", arguments));
    done(&["user", "add", "admin", "--role", "admin", "--password", "correct horse battery"]);
    desk.told(&["pack", "build", "return-desk", "--output", "first.pwpack"], DONE);
    done(&["pack", "apply", "first.pwpack", "--lang", "en"]);
    let rows: String = (0..RECORDS).map(|row| format!("Case {row},2026-03-20\n")).collect();
    std::fs::write(desk.path("first.csv"), format!("subject,due\n{rows}")).expect("a file can be written");
    done(&["import", "first.csv", "--object", "return_desk"]);

    desk.replace("return-desk/pack.json", "\"version\": \"0.1.0\"", "\"version\": \"0.2.0\"");
    desk.replace(
        "return-desk/objects/return_desk.json",
        "\"fields\": {",
        r#""fields": {
            "reason": {"type": "text", "title": "Reason", "required": true, "default": "none given"},
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
    desk.told(&["pack", "build", "return-desk", "--output", "next.pwpack"], DONE);
    desk
}

#[track_caller]
fn ended(output: Output) -> String {
    assert_eq!(output.status.code(), DONE, "{}\n{}", out(&output), super::desk::errors(&output));
    out(&output)
}

const UPGRADE: &[&str] = &["pack", "apply", "next.pwpack", "--lang", "en"];

/// Everything somebody would look at afterwards: cases, reasons, packs with their versions.
fn seen(place: &Place, desk: &Desk, customer: &str) -> [Vec<String>; 3] {
    let rows = |object: &str, fields: &str| {
        place.done(desk, customer, &["export", "--object", object, "--fields", fields, "-o", "after.csv"]);
        let text = std::fs::read_to_string(desk.path("after.csv")).expect("it was written");
        let mut rows: Vec<String> = text.lines().skip(1).map(str::to_owned).collect();
        rows.sort();
        rows
    };
    let listed = place.done(desk, customer, &["pack", "list", "--json"]);
    let listed: Json = serde_json::from_str(&listed).unwrap_or_else(|_| panic!("{listed}"));
    let packs = listed["data"].as_array().unwrap_or_else(|| panic!("{listed:#}"));
    let packs = packs.iter().map(|pack| format!("{} {}", pack["name"], pack["version"])).collect();
    [rows("return_desk", "subject,reason,state"), rows("return_reason", "code"), packs]
}

/// Runs an upgrade and kills it at its `nth` write to the log; whether it lived to be killed.
async fn killed_at(place: &Place, desk: &Desk, customer: &str, nth: usize) -> bool {
    let mut log = place.log(desk, customer).await;
    let mut length = log.end().await;
    let mut upgrade = place.command(desk, customer, UPGRADE);
    let mut child = upgrade.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
    let mut writes = 0;
    while writes < nth {
        if child.try_wait().expect("a child can be asked").is_some() {
            return false;
        }
        let now = log.end().await;
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

async fn an_upgrade_killed_at_any_write_is_finished_by_the_next(place: Place) {
    let desk = customer(&place).await;
    place.copy(&desk, "customer", "whole").await;
    let told = place.done(&desk, "whole", UPGRADE);
    assert!(told.contains(&format!("{RECORDS} record(s) were completed.")), "{told}");
    let expected = seen(&place, &desk, "whole");
    let [cases, reasons, packs] = &expected;
    assert_eq!((cases.len(), &reasons[..]), (RECORDS, &["broken", "late"].map(str::to_owned)[..]));
    assert!(cases.iter().all(|case| case.contains("none given")), "{cases:?}");
    assert!(packs.iter().any(|pack| pack.contains("return-desk") && pack.contains("0.2.0")), "{packs:?}");

    // In longer and longer steps.
    let (mut killed, mut write) = (0, 1);
    loop {
        let customer = format!("killed_{write}");
        place.copy(&desk, "customer", &customer).await;
        if !killed_at(&place, &desk, &customer, write).await {
            break;
        }
        killed += 1;
        place.done(&desk, &customer, UPGRADE);
        for (now, expected) in seen(&place, &desk, &customer).iter().zip(&expected) {
            let differ: Vec<_> = now.iter().zip(expected).filter(|(now, expected)| now != expected).take(3).collect();
            assert!(differ.is_empty(), "killed at write {write}: {differ:?}");
            assert_eq!(now.len(), expected.len(), "killed at write {write}");
        }
        place.done(&desk, &customer, &["doctor"]);
        write *= 2;
    }
    assert!(killed >= KILLS_MIN, "it was killed {killed} times only");
}

#[tokio::test]
async fn killed_on_sqlite() {
    an_upgrade_killed_at_any_write_is_finished_by_the_next(Place::Folders).await;
}

#[tokio::test]
async fn killed_on_postgres() {
    let server = Server::start().expect("PostgreSQL starts");
    an_upgrade_killed_at_any_write_is_finished_by_the_next(Place::Databases(server)).await;
}
