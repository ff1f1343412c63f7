//! A consultant's desk: a folder with the product's packs, trimmed, in which packs are made and changed by hand.

use crate::faults::place::{BINARY, packs};
use packwork::packs::cases::ground::Folder;
use packwork::packs::source::Files;
use packwork_tests::app::files_of;
use packwork_tests::process::Launch;
use serde_json::Value as Json;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Done as asked; done, and something is left; not done.
pub(super) const DONE: Option<i32> = Some(0);
pub(super) const FAILED: Option<i32> = Some(1);
pub(super) const LEFT: Option<i32> = Some(2);

pub(super) struct Desk {
    folder: Folder,
}

impl Desk {
    /// A desk with the product's packs in `packs`.
    pub(super) fn new() -> Desk {
        let desk = Desk { folder: Folder::new("packwork-desk").expect("a test may write to the temporary folder") };
        for files in files_of(&[]) {
            let name = name_of(&files);
            desk.put(&format!("packs/{name}"), &files);
        }
        desk
    }

    /// A customer's tenant in `data`, of the pack `base` without its records and one more; words that lead there.
    pub(super) fn customer(&self) -> [&'static str; 4] {
        let data = self.path("data");
        let launch = Launch { binary: Path::new(BINARY), data: &data, packs: packs(), database: None };
        launch.start().and_then(|server| server.kill()).expect("a server starts");
        ["--packs-dir", self.packs(), "--data", "data"]
    }

    /// A folder of few packs that bring nothing along.
    pub(super) fn packs(&self) -> &'static str {
        packs().to_str().expect("the temporary folder has a name that is text")
    }

    pub(super) fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    /// Writes the files of a pack.
    pub(super) fn put(&self, folder: &str, files: &Files) {
        for (file, bytes) in files {
            let path = self.path(folder).join(file);
            std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("folders can be made");
            std::fs::write(path, bytes).expect("files can be written");
        }
    }

    /// Changes a text file; what is to be replaced must be there.
    pub(super) fn replace(&self, file: &str, from: &str, to: &str) {
        let path = self.path(file);
        let text = std::fs::read_to_string(&path).expect("the file is there");
        assert!(text.contains(from), "{file} does not contain {from}");
        std::fs::write(path, text.replacen(from, to, 1)).expect("it can be written");
    }

    /// Runs the binary in this folder.
    pub(super) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary runs")
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.args(arguments).current_dir(self.folder.path());
        for variable in ["PACKWORK_DATABASE", "PACKWORK_DATA", "PACKWORK_PACKS_DIR", "PACKWORK_LOCALE"] {
            command.env_remove(variable);
        }
        command.env("PACKWORK_LOG", "error");
        command
    }

    /// Runs a command that must end so, and gives what it printed.
    #[track_caller]
    pub(super) fn told(&self, arguments: &[&str], code: Option<i32>) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), code, "{arguments:?}\n{}\n{}", out(&output), errors(&output));
        match code {
            FAILED => errors(&output),
            _ => out(&output),
        }
    }

    /// The same for a command that prints JSON.
    #[track_caller]
    pub(super) fn json(&self, arguments: &[&str], code: Option<i32>) -> Json {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), code, "{arguments:?}\n{}\n{}", out(&output), errors(&output));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", out(&output)))
    }
}

pub(super) fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(super) fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

pub(super) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn name_of(files: &Files) -> String {
    let manifest: Json = serde_json::from_slice(&files["pack.json"]).expect("a manifest is JSON");
    manifest["name"].as_str().expect("a pack has a name").to_owned()
}
