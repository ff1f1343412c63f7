//! The rules of the house that a machine can check. Each exception names its reason, and goes when it is not needed
//! any more. Knows nothing of what the code does.

use crate::repository::{self, File, files, report};
use std::collections::BTreeSet;

/// A file longer than this has a second noun in it.
const LINES_MAX: usize = 900;

/// Where a rule does not hold, and why.
struct Exception {
    path: &'static str,
    word: &'static str,
    reason: &'static str,
}

const LONG_FILES: &[Exception] = &[];

const FLOATS: &[Exception] = &[];

const TIME: &[Exception] = &[
    Exception { path: "runtime/src/clock.rs", word: "SystemTime", reason: "the one door to system time" },
    Exception { path: "runtime/src/clock.rs", word: "Instant", reason: "the one door to how long something takes" },
    Exception { path: "runtime/src/cli/progress.rs", word: "Instant", reason: "how often the terminal is told" },
    Exception { path: "runtime/src/http/gate.rs", word: "Instant", reason: "how long a request took, for the log" },
];

const RANDOMNESS: &[Exception] =
    &[Exception { path: "runtime/src/entropy.rs", word: "getrandom", reason: "the one door to randomness" }];

fn rust() -> Vec<File> {
    let mut all = files("engine", &[".rs"]);
    all.extend(files("runtime", &[".rs"]));
    all
}

/// Findings of `words` in code (not in comments or texts), less the exceptions; an exception without a finding is one.
fn words_in_code(words: &[&str], exceptions: &[Exception]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut used = BTreeSet::new();
    for file in rust() {
        for (line, code) in code_of(&file.text).lines().enumerate() {
            for word in identifiers(code).filter(|found| words.contains(found)) {
                let excepted = exceptions.iter().position(|one| one.path == file.path && one.word == word);
                match excepted {
                    Some(index) => drop(used.insert(index)),
                    None => findings.push(format!("{}:{}: `{word}`", file.path, line + 1)),
                }
            }
        }
    }
    for (index, one) in exceptions.iter().enumerate() {
        if !used.contains(&index) {
            findings
                .push(format!("{} is excepted for `{}` ({}), and does not need it", one.path, one.word, one.reason));
        }
    }
    findings
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent: Vec<String> =
        rust().into_iter().filter(|file| !file.text.starts_with("//!")).map(|file| file.path).collect();
    report("the first lines (`//!`) say what a module is for and what it must not know:", &silent);
}

#[test]
fn money_never_meets_a_binary_float() {
    let words = ["f32", "f64", "as_f32", "as_f64", "from_f32", "from_f64", "to_f32", "to_f64"];
    report("numbers are exact: use Decimal", &words_in_code(&words, FLOATS));
}

#[test]
fn time_enters_through_the_clock() {
    report("time enters through runtime/src/clock.rs, nowhere else:", &words_in_code(&["SystemTime", "Instant"], TIME));
}

#[test]
fn randomness_enters_through_entropy() {
    let words = ["getrandom", "rand", "thread_rng", "now_v7", "new_v4"];
    report("randomness enters through runtime/src/entropy.rs, nowhere else:", &words_in_code(&words, RANDOMNESS));
}

#[test]
fn nothing_half_done_is_left() {
    let mut findings = Vec::new();
    for file in rust().into_iter().chain(files("tests/all", &[".rs"])).chain(files("tests/src", &[".rs"])) {
        for (line, code) in code_of(&file.text).lines().enumerate() {
            for name in ["todo", "unimplemented", "dbg"] {
                if code.contains(&format!("{name}!")) {
                    findings.push(format!("{}:{}: `{name}!`", file.path, line + 1));
                }
            }
        }
    }
    report("finish it or leave it out:", &findings);
}

#[test]
fn what_is_left_to_do_says_why() {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME")];
    let mut findings = Vec::new();
    let folders = ["engine", "runtime", "tests", "admin-ui/src"];
    for file in folders.iter().flat_map(|folder| files(folder, &[".rs", ".ts", ".tsx", ".mjs", ".sql", ".sh"])) {
        for (line, text) in file.text.lines().enumerate() {
            for mark in marks {
                let Some(at) = text.find(mark) else { continue };
                let before = text[..at].chars().next_back();
                let after = &text[at + mark.len()..];
                let is_word = before.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_')
                    && !after.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_');
                let reason = after.split_once(": ").map_or("", |(_, reason)| reason.trim());
                if is_word && reason.chars().count() < 10 {
                    findings.push(format!("{}:{}", file.path, line + 1));
                }
            }
        }
    }
    report("write the reason behind it, after a colon:", &findings);
}

#[test]
fn files_stay_readable() {
    let mut findings = Vec::new();
    for file in rust().into_iter().chain(files("tests/all", &[".rs"])).chain(files("tests/src", &[".rs"])) {
        let lines = file.text.lines().count();
        let exception = LONG_FILES.iter().find(|one| one.path == file.path);
        let limit = exception.map_or(LINES_MAX, |one| one.word.parse().expect("the word of a long file is its limit"));
        if lines > limit {
            findings.push(format!("{} has {lines} lines, more than {limit}", file.path));
        }
        if let Some(one) = exception
            && lines <= LINES_MAX
        {
            findings.push(format!("{} is excepted ({}), and does not need it", one.path, one.reason));
        }
    }
    report("split at the second noun:", &findings);
}

#[test]
fn statements_name_their_columns() {
    let mut findings = Vec::new();
    let needle = concat!("SELECT", " *");
    // Not tests/load: there whole results are compared as sets, whatever their columns.
    let tests = files("tests/all", &[".rs", ".sql"]).into_iter().chain(files("tests/src", &[".rs", ".sql"]));
    for file in files("runtime", &[".rs", ".sql"]).into_iter().chain(tests) {
        for (line, text) in file.text.lines().enumerate() {
            let upper = text.to_uppercase();
            if upper.split_whitespace().collect::<Vec<_>>().join(" ").contains(needle) {
                findings.push(format!("{}:{}", file.path, line + 1));
            }
        }
    }
    report("a statement names its columns: another version of the table must not change its answer:", &findings);
}

#[test]
fn migrations_come_in_pairs() {
    let sqlite = repository::names("runtime/migrations/sqlite");
    let postgres = repository::names("runtime/migrations/postgres");
    assert!(!sqlite.is_empty(), "there are no migrations in runtime/migrations/sqlite: have they moved?");
    assert_eq!(sqlite, postgres, "each migration is written for both databases, under one name");
    for (at, name) in sqlite.iter().enumerate() {
        let number = at + 1;
        assert!(
            name.starts_with(&format!("{number:04}_")),
            "migrations are numbered without gaps: `{name}` should start with `{number:04}_`"
        );
    }
}

#[test]
fn package_locks_name_no_registry() {
    let needle = concat!("\"resolved\": ", "\"http");
    let findings: Vec<String> = ["admin-ui/package-lock.json", "tests/e2e/package-lock.json"]
        .into_iter()
        .filter(|path| repository::read(path).expect("both lock files are checked in").contains(needle))
        .map(str::to_owned)
        .collect();
    report("write the lock file with `omit-lockfile-registry-resolved=true`, as .npmrc says:", &findings);
}

#[test]
fn the_top_level_is_the_fixed_layout() {
    let layout = ["Cargo.toml", "engine", "runtime", "schemas", "packs", "admin-ui", "tests", "docs"];
    let beside = [
        ".cargo",
        ".ci",
        ".config",
        ".editorconfig",
        ".gitattributes",
        ".gitignore",
        ".github",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "Cargo.lock",
        "LICENSE",
        "Makefile",
        "README.md",
        "README.zh-CN.md",
        "clippy.toml",
        "deny.toml",
        "rust-toolchain.toml",
        "rustfmt.toml",
    ];
    let local = [".git", "target", "data", ".idea", ".vscode", ".DS_Store"];
    let found = repository::names("");
    let mut findings: Vec<String> = layout
        .iter()
        .filter(|name| !found.iter().any(|one| one == *name))
        .map(|name| format!("`{name}` is missing"))
        .collect();
    for name in &found {
        let known = layout.iter().chain(&beside).chain(&local).any(|one| one == name) || name.ends_with(".log");
        if !known {
            findings.push(format!("`{name}` has no place at the top level"));
        }
    }
    report("the layout is fixed, see docs/architecture.md:", &findings);
}

#[test]
fn links_in_the_docs_lead_somewhere() {
    let mut findings = Vec::new();
    let top = ["README.md", "README.zh-CN.md", "CONTRIBUTING.md", "CHANGELOG.md"];
    let top = top.into_iter().filter_map(|path| Some(File { path: path.to_owned(), text: repository::read(path)? }));
    for file in files("docs", &[".md"]).into_iter().chain(top) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for target in links(&file.text) {
            let target = target.split('#').next().unwrap_or_default();
            let inside = !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:");
            if inside && !repository::root().join(folder).join(target).exists() {
                findings.push(format!("{}: {target}", file.path));
            }
        }
    }
    report("a link leads to a file that is there:", &findings);
}

/// The targets of `[text](target)`, outside fenced code.
fn links(text: &str) -> Vec<&str> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        let mut rest = if fenced { "" } else { line };
        while let Some((_, after)) = rest.split_once("](") {
            let Some((target, left)) = after.split_once(')') else { break };
            found.push(target.trim());
            rest = left;
        }
    }
    found
}

/// The text with comments and the insides of literals blanked; lines stay where they are.
fn code_of(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let bytes: Vec<char> = text.chars().collect();
    let mut at = 0;
    let blank = |out: &mut String, from: usize, to: usize| {
        out.extend(bytes[from..to].iter().map(|letter| if *letter == '\n' { '\n' } else { ' ' }));
    };
    while at < bytes.len() {
        let end = match (bytes[at], bytes.get(at + 1)) {
            ('/', Some('/')) => end_of(&bytes, at, |rest| rest[0] == '\n'),
            ('/', Some('*')) => end_of_comment(&bytes, at),
            ('"', _) => end_of_text(&bytes, at),
            ('r', Some('"' | '#'))
                if !at.checked_sub(1).is_some_and(|before| is_word(bytes[before]) && bytes[before] != 'b') =>
            {
                end_of_raw_text(&bytes, at)
            }
            ('\'', _) => end_of_letter(&bytes, at),
            _ => at,
        };
        if end == at {
            out.push(bytes[at]);
            at += 1;
        } else {
            blank(&mut out, at, end);
            at = end;
        }
    }
    out
}

fn end_of(letters: &[char], from: usize, stops: impl Fn(&[char]) -> bool) -> usize {
    (from..letters.len()).find(|at| stops(&letters[*at..])).unwrap_or(letters.len())
}

fn end_of_comment(letters: &[char], from: usize) -> usize {
    let mut depth = 0;
    let mut at = from;
    while at < letters.len() {
        match (letters[at], letters.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn end_of_text(letters: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while at < letters.len() {
        match letters[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    letters.len()
}

/// `r"..."`, `r#"..."#`; a raw identifier (`r#type`) is code.
fn end_of_raw_text(letters: &[char], from: usize) -> usize {
    let hashes = letters[from + 1..].iter().take_while(|letter| **letter == '#').count();
    let start = from + 1 + hashes;
    if letters.get(start) != Some(&'"') {
        return from;
    }
    let closes =
        |rest: &[char]| rest[0] == '"' && rest[1..].iter().take_while(|letter| **letter == '#').count() >= hashes;
    (end_of(letters, start + 1, closes) + 1 + hashes).min(letters.len())
}

/// `'a'`, `'\n'`; a lifetime is code.
fn end_of_letter(letters: &[char], from: usize) -> usize {
    match letters.get(from + 1) {
        Some('\\') => end_of(letters, from + 3, |rest| rest[0] == '\'') + 1,
        Some(_) if letters.get(from + 2) == Some(&'\'') => from + 3,
        _ => from,
    }
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The identifiers of a line of code, and the type a number says it has (`1.0f64`).
fn identifiers(code: &str) -> impl Iterator<Item = &str> {
    code.split(|letter| !is_word(letter)).filter(|word| !word.is_empty()).map(|word| {
        if !word.starts_with(|letter: char| letter.is_ascii_digit()) {
            return word;
        }
        word.find("f32").or_else(|| word.find("f64")).map_or(word, |at| &word[at..])
    })
}

#[test]
fn code_is_told_from_comments_and_texts() {
    let check = |text: &str, expect: &str| {
        assert_eq!(code_of(text).split_whitespace().collect::<Vec<_>>().join(" "), expect, "{text}")
    };
    check("let a = 1; // f64", "let a = 1;");
    check("a /* f64 /* f32 */ */ b", "a b");
    check(r#"say("f64 \" f32"); b"#, "say( ); b");
    check(r##"say(r#"f64 " f32"#); b"##, "say( ); b");
    check("let r#type: &'a str = f('\"', '\\n', b'x');", "let r#type: &'a str = f( , , b );");
    assert_eq!(identifiers("let x: f64 = 1.0f32 + 0x1f64;").filter(|word| *word == "f64" || *word == "f32").count(), 3);
}
