//! The engine's dependencies: what would let it wait, listen or ask is absent from its tree.

use std::collections::BTreeSet;
use std::process::Command;

/// Crates that act, by name or by the beginning of it (`sqlx-`).
const ABSENT: &[&str] = &[
    "async-std",
    "axum",
    "chrono",
    "hyper",
    "hyper-",
    "mio",
    "postgres",
    "rand",
    "reqwest",
    "rusqlite",
    "rustls",
    "sea-query",
    "smol",
    "socket2",
    "sqlx",
    "sqlx-",
    "tokio",
    "tokio-",
    "tower",
    "tower-",
    "tracing-subscriber",
    "ureq",
];

#[test]
fn nothing_that_acts_is_in_the_engines_tree() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let arguments =
        ["tree", "--offline", "-p", "packwork-engine", "-e", "normal", "--prefix", "none", "--format", "{p}"];
    let output = Command::new(cargo)
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the tests are run by cargo, so it can be started");
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let tree: BTreeSet<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(tree.contains("rhai"), "the tree does not look like the engine's:\n{text}");
    let acts =
        |name: &str| ABSENT.iter().any(|absent| name == *absent || (absent.ends_with('-') && name.starts_with(absent)));
    let found: Vec<&str> = tree.into_iter().filter(|name| acts(name)).collect();
    assert!(found.is_empty(), "the engine decides and does nothing else, but depends on {found:?}");
}
