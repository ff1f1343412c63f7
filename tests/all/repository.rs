//! The repository as files, for the tests that keep its rules. Knows no rule itself.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that are built, downloaded or private to one machine.
const NOT_OURS: &[&str] = &[".git", "target", "data", "node_modules", "dist", "output", ".idea", ".vscode"];

/// Where the repository begins.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A file below the root, by its path with forward slashes.
#[derive(Debug)]
pub struct File {
    pub path: String,
    pub text: String,
}

/// The text files below `folder` whose name ends in one of `endings`, in order of their paths.
pub fn files(folder: &str, endings: &[&str]) -> Vec<File> {
    let mut found = Vec::new();
    walk(&root().join(folder), folder.trim_matches('/'), endings, &mut found);
    assert!(!found.is_empty(), "there is no file ending in {endings:?} below `{folder}`: has it moved?");
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn walk(folder: &Path, inside: &str, endings: &[&str], found: &mut Vec<File>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let entry = entry.expect("a folder that could be opened can be read");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if inside.is_empty() { name.clone() } else { format!("{inside}/{name}") };
        if entry.path().is_dir() {
            if !NOT_OURS.contains(&name.as_str()) {
                walk(&entry.path(), &path, endings, found);
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            let text = fs::read_to_string(entry.path()).unwrap_or_else(|error| panic!("{path}: {error}"));
            found.push(File { path, text });
        }
    }
}

/// The text of one file; `None` when there is none.
pub fn read(path: &str) -> Option<String> {
    fs::read_to_string(root().join(path)).ok()
}

/// Names of what stands directly in `folder`, in order; nothing when there is no such folder.
pub fn names(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Fails with every finding at once, under what the reader should do about them.
pub fn report(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}\n  {}\n", findings.join("\n  "));
}
