//! `packwork schemas`: writes what editors, the engine and the UI read.

use anyhow::Context;
use packwork_engine::definition::Kind;
use packwork_engine::pack::manifest::Manifest;
use std::path::PathBuf;

/// Write the JSON Schemas of all kinds of definitions, and of pack.json.
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
        let schemas = Kind::ALL.iter().map(|kind| (kind.as_str(), kind.json_schema()));
        let schemas: Vec<_> = schemas.chain([("pack", Manifest::schema())]).collect();
        for (name, schema) in &schemas {
            let path = self.folder.join(format!("{name}.json"));
            let text = format!("{schema:#}\n");
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
                println!("{} schemas, {} written", schemas.len(), if self.check { 0 } else { differing.len() });
                Ok(())
            }
        }
    }
}
