//! Gathers what the binary carries: the built UI, the packs and the schemas. Copies files and nothing else:
//! it never runs npm and never touches the network.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const NOT_BUILT: &str = include_str!("src/ui/not-built.html");

fn main() -> io::Result<()> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("cargo names the crate's folder")).join("..");
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("cargo names the output folder"));

    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/ui/not-built.html");
    println!("cargo::rerun-if-env-changed=REQUIRE_UI");
    for name in ["packs", "schemas"] {
        gather(&root.join(name), &out.join(name))?;
    }

    let dist = root.join("admin-ui/dist");
    // An empty folder can be watched; a missing one would make cargo run this script at every build.
    fs::create_dir_all(&dist)?;
    gather(&dist, &out.join("ui"))?;
    if !dist.join("index.html").is_file() {
        let required = std::env::var("REQUIRE_UI").is_ok_and(|value| value == "1");
        assert!(!required, "REQUIRE_UI=1, but {} has no index.html: build the UI first", dist.display());
        fs::write(out.join("ui/index.html"), NOT_BUILT)?;
        fs::write(out.join("ui/.not-built"), "")?;
    }
    Ok(())
}

/// Makes `to` hold what `from` holds, which may be nothing.
fn gather(from: &Path, to: &Path) -> io::Result<()> {
    println!("cargo::rerun-if-changed={}", from.display());
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir_all(to)?;
    if from.is_dir() { copy(from, to) } else { Ok(()) }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(&target)?;
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
