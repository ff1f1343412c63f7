//! All that is wrong with packs in a folder, in the order of their files.

use super::source::{Files, Source, name_of, pack_folders, read_pack};
use anyhow::Context;
use packwork_engine::diagnostic::{Diagnostic, Diagnostics, Severity};
use packwork_engine::model::{Model, Settings};
use packwork_engine::pack::{Pack, places, text_of};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The packs of a folder together with those they may require.
pub struct Gathered {
    pub files: Vec<Files>,
    /// What the packs in the folder are called; where one does not say so, by its folder. In their order, before the others.
    pub own: Vec<String>,
}

/// Reads the packs of a folder; those of the source stand beside them, unless the folder has a pack of that name.
pub fn gather(folder: &Path, beside: &Source) -> anyhow::Result<Gathered> {
    let reading = || format!("reading packs from `{}`", folder.display());
    let folders = pack_folders(folder).with_context(reading)?;
    if folders.is_empty() {
        anyhow::bail!("`{}` holds no pack: a pack is a folder with a pack.json", folder.display());
    }
    let mut files =
        folders.iter().map(|folder| read_pack(folder)).collect::<Result<Vec<_>, _>>().with_context(reading)?;
    let called = |(files, folder): (&Files, &PathBuf)| match name_of(files) {
        name if name.is_empty() => {
            let folder = folder.canonicalize().unwrap_or_else(|_| folder.clone());
            folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        }
        name => name,
    };
    let own: Vec<String> = files.iter().zip(&folders).map(called).collect();
    files.extend(beside.read()?.into_iter().filter(|files| !own.contains(&name_of(files))));
    Ok(Gathered { files, own })
}

/// Everything found in the folder's packs, and what is so wrong beside them that they cannot work: file by file, and in
/// each from its beginning to its end.
pub fn findings(gathered: &Gathered) -> Vec<Diagnostic> {
    let mut found = Diagnostics::default();
    let names = gathered.own.iter().map(String::as_str).chain(std::iter::repeat(""));
    let packs = gathered.files.iter().zip(names).map(|(files, name)| Pack::read_in(name, files, &mut found)).collect();
    let (_, compiled) = Model::compile(packs, &Settings::default());
    found.extend(compiled);
    let of_folder = |finding: &Diagnostic| {
        let pack = finding.file.split('/').next().unwrap_or_default();
        gathered.own.iter().any(|own| own == pack) || finding.severity == Severity::Error
    };
    let mut found: Vec<Diagnostic> = found.into_sorted().into_iter().filter(of_folder).collect();
    let beside = gathered.files.iter().skip(gathered.own.len()).map(|files| (name_of(files), files));
    let packs: BTreeMap<String, &Files> = gathered.own.iter().cloned().zip(&gathered.files).chain(beside).collect();
    places::locate(&mut found, |file| {
        let (pack, inside) = file.split_once('/').unwrap_or(("", file));
        packs.get(pack)?.get(inside).and_then(|bytes| text_of(bytes).ok())
    });
    found.sort_by(|a, b| (&a.file, a.place).cmp(&(&b.file, b.place)));
    found
}
