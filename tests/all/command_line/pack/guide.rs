//! The consultants' guide, walked: every command of it is run as it stands, and both languages show the same ones.

use super::desk::Desk;
use crate::faults::place::{BINARY, block_on, packs};
use crate::repository;
use packwork_tests::postgres;
use packwork_tests::process::Launch;
use serde_json::{Value as Json, json};
use std::path::Path;
use std::process::Command;

/// What a reader of a guide does.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// A block for the shell.
    Shell(String),
    /// What somebody changes in the browser: a definition, a property and its new value.
    Browser([String; 3]),
}

const IN_THE_BROWSER: &str = "<!-- in the browser: ";

/// The steps of a guide, in order. Every block of it is one.
fn steps(guide: &str) -> Vec<Step> {
    let text = repository::read(guide).expect("the guide is there");
    let mut steps = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        match (&mut open, line) {
            (None, "```sh") => open = Some(String::new()),
            (Some(block), "```") => {
                steps.push(Step::Shell(std::mem::take(block)));
                open = None;
            }
            (Some(block), line) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, line) => {
                assert!(!line.trim_start().starts_with("```"), "{guide}: nobody runs a block that begins with {line}");
                if let Some(edit) = line.strip_prefix(IN_THE_BROWSER).and_then(|rest| rest.strip_suffix(" -->")) {
                    let words: Vec<String> = edit.split(' ').map(str::to_owned).collect();
                    steps.push(Step::Browser(words.try_into().expect("a definition, a property, a value")));
                }
            }
        }
    }
    assert!(open.is_none(), "a block of {guide} does not end");
    steps
}

/// Commands in sentences, between backticks.
fn mentioned(guide: &str) -> Vec<String> {
    let text = repository::read(guide).expect("the guide is there").replace('\n', " ");
    let spans = text.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2));
    spans.filter(|span| span.starts_with("packwork ")).map(str::to_owned).collect()
}

/// Servers that run until somebody ends them: the tests of live reload and of the demonstration start them.
const STARTED_ELSEWHERE: &[&str] = &["packwork serve --packs-dir my-packs", "packwork demo"];

/// Publishes one change, as an administrator does in the browser.
fn change(desk: &Desk, [definition, property, value]: &[String; 3]) {
    let data = desk.path("customer");
    let launch = Launch { binary: Path::new(BINARY), data: &data, packs: packs(), database: None };
    let server = launch.start().expect("the server starts");
    let mut client = server.client();
    let mut send = |method: &str, path: &str, body: &Json| {
        let answer = client.send(method, &format!("/api/v1{path}"), Some(body), None).expect("the server answers");
        assert!(answer.status < 300, "{:#}", answer.json);
        answer.json
    };
    let mut edited = send("GET", &format!("/definitions/{definition}"), &json!({}));
    *edited.pointer_mut(property).expect("the property is there") = json!(value);
    send("PUT", &format!("/definitions/{definition}"), &edited);
    let plan = send("POST", "/definitions/plan", &json!({}));
    send("POST", "/definitions/apply", &json!({"plan": plan["plan"]}));
    server.kill().expect("a child can be killed");
}

#[test]
fn every_command_of_the_consultants_guide_works() {
    let guides = ["docs/guides/consultants.md", "docs/guides/consultants.zh-CN.md"];
    let english = steps(guides[0]);
    assert_eq!(english, steps(guides[1]), "both languages show the same commands");
    let shell: String = english
        .iter()
        .filter_map(|step| match step {
            Step::Shell(block) => Some(block.as_str()),
            Step::Browser(_) => None,
        })
        .collect();
    assert!(shell.matches("packwork ").count() > 30, "{shell}");
    for guide in guides {
        for command in mentioned(guide) {
            let is_run = shell.contains(&command) || STARTED_ELSEWHERE.contains(&command.as_str());
            assert!(is_run, "{guide} speaks of `{command}`, which nobody runs");
        }
    }
    let desk = Desk::new();
    let database = block_on(postgres::fresh_database()).expect("PostgreSQL makes a database");
    let programs = desk.path("programs");
    std::fs::create_dir_all(&programs).expect("a folder can be made");
    std::os::unix::fs::symlink(BINARY, programs.join("packwork")).expect("a link can be made");
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    for step in english {
        let block = match &step {
            Step::Shell(block) => block,
            Step::Browser(edit) => {
                change(&desk, edit);
                continue;
            }
        };
        let mut command = Command::new("sh");
        command.args(["-e", "-c", block]).current_dir(desk.path("")).env("PATH", &path).env("DATABASE", &database);
        // The product's own records take long to install, and nothing here is about them.
        command.env("PACKWORK_PACKS_DIR", packs()).env("PACKWORK_LOG", "error");
        for variable in ["PACKWORK_DATABASE", "PACKWORK_DATA", "PACKWORK_LOCALE", "PACKWORK_TENANT"] {
            command.env_remove(variable);
        }
        let output = command.output().expect("there is a shell");
        let told = format!("{}{}", super::desk::out(&output), super::desk::errors(&output));
        assert!(output.status.success(), "{block}\n{told}");
    }
    let after = super::desk::read(&desk.path("after.csv"));
    assert_eq!(after.lines().count(), 3, "{after}");
    let same = ["customer", "production"].map(|data| desk.path(data).join("tenants/main.db").is_file());
    assert_eq!(same, [true, true], "both tenants are there");
}
