//! `packwork schemas`: writes what editors, the engine and the UI read.

use anyhow::Context;
use packwork_engine::definition::Kind;
use std::path::PathBuf;

/// Write the JSON Schemas of all kinds of definitions.
#[derive(clap::Args)]
pub(super) struct Schemas {
    /// Folder to write to
    #[arg(default_value = "schemas")]
    folder: PathBuf,
    /// Only say which files differ; fails when one does
    #[arg(long)]
    check: bool,
}

impl Schemas {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let mut differing = Vec::new();
        for kind in Kind::ALL {
            let path = self.folder.join(format!("{}.json", kind.as_str()));
            let text = format!("{:#}\n", kind.json_schema());
            if std::fs::read_to_string(&path).is_ok_and(|written| written == text) {
                continue;
            }
            differing.push(path.display().to_string());
            if !self.check {
                std::fs::create_dir_all(&self.folder)?;
                std::fs::write(&path, text).with_context(|| format!("writing `{}`", path.display()))?;
            }
        }
        match (self.check, differing.is_empty()) {
            (true, false) => anyhow::bail!("not up to date: {} (run `packwork schemas`)", differing.join(", ")),
            _ => {
                println!("{} schemas, {} written", Kind::ALL.len(), if self.check { 0 } else { differing.len() });
                Ok(())
            }
        }
    }
}
