//! All that is wrong with packs in a folder, in the order of their files.

use super::source::{Files, Source, name_of, read_packs};
use anyhow::Context;
use packwork_engine::diagnostic::{Diagnostic, Diagnostics, Severity};
use packwork_engine::model::{Model, Settings};
use packwork_engine::pack::{Pack, places, text_of};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The packs of a folder together with those they may require.
pub struct Gathered {
    pub files: Vec<Files>,
    /// Names of the packs in the folder.
    pub own: BTreeSet<String>,
}

/// Reads the packs of a folder; those of the source stand beside them, unless the folder has a pack of that name.
pub fn gather(folder: &Path, beside: &Source) -> anyhow::Result<Gathered> {
    let mut files = read_packs(folder).with_context(|| format!("reading packs from `{}`", folder.display()))?;
    if files.is_empty() {
        anyhow::bail!("`{}` holds no pack: a pack is a folder with a pack.json", folder.display());
    }
    let own: BTreeSet<String> = files.iter().map(name_of).collect();
    files.extend(beside.read()?.into_iter().filter(|files| !own.contains(&name_of(files))));
    Ok(Gathered { files, own })
}

/// Everything found in the folder's packs, and what is so wrong beside them that they cannot work.
pub fn findings(gathered: &Gathered) -> Vec<Diagnostic> {
    let mut found = Diagnostics::default();
    let packs = gathered.files.iter().map(|files| Pack::read(files, &mut found)).collect();
    let (_, compiled) = Model::compile(packs, &Settings::default());
    found.extend(compiled);
    let of_folder = |finding: &Diagnostic| {
        let pack = finding.file.split('/').next().unwrap_or_default();
        gathered.own.contains(pack) || finding.severity == Severity::Error
    };
    let mut found: Vec<Diagnostic> = found.into_sorted().into_iter().filter(of_folder).collect();
    let packs: BTreeMap<String, &Files> = gathered.files.iter().map(|files| (name_of(files), files)).collect();
    places::locate(&mut found, |file| {
        let (pack, inside) = file.split_once('/').unwrap_or(("", file));
        packs.get(pack)?.get(inside).and_then(|bytes| text_of(bytes).ok())
    });
    found
}
