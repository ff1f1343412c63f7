//! The consultants' guide, walked: every command of it is run as it stands, and both languages show the same ones.

use super::desk::Desk;
use crate::faults::place::{BINARY, packs};
use crate::repository;
use std::process::Command;

/// The shell blocks of a guide, in order.
fn blocks(guide: &str) -> Vec<String> {
    let text = repository::read(guide).expect("the guide is there");
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        match (&mut open, line) {
            (None, "```sh") => open = Some(String::new()),
            (Some(block), "```") => {
                blocks.push(std::mem::take(block));
                open = None;
            }
            (Some(block), line) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    assert!(open.is_none(), "a block of {guide} does not end");
    blocks
}

#[test]
fn every_command_of_the_consultants_guide_works() {
    let english = blocks("docs/guides/consultants.md");
    assert_eq!(english, blocks("docs/guides/consultants.zh-CN.md"), "both languages show the same commands");
    assert!(english.iter().map(|block| block.matches("packwork ").count()).sum::<usize>() > 20, "{english:#?}");
    let desk = Desk::new();
    let programs = desk.path("programs");
    std::fs::create_dir_all(&programs).expect("a folder can be made");
    std::os::unix::fs::symlink(BINARY, programs.join("packwork")).expect("a link can be made");
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    for block in english {
        let mut command = Command::new("sh");
        command.args(["-e", "-c", &block]).current_dir(desk.path("")).env("PATH", &path);
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
}
