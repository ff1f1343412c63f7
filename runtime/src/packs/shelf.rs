//! Packs with their files: read from a source or out of the store, and put into an order. What is in force is the
//! packs, the tenant's changes, and the model compiled from both.

use super::install::Error;
use super::source::{Files, Source};
use crate::store::{PackContent, PackVersion, Scope, Store, Version};
use packwork_engine::definition::Kind;
use packwork_engine::diagnostic::{Diagnostic, Diagnostics};
use packwork_engine::layers::{Change, Composed, compose};
use packwork_engine::model::{Model, Settings};
use packwork_engine::pack::{Pack, hex, order};
use packwork_engine::script::Rules;
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A pack, read, with the files it was read from.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub pack: Pack,
    pub files: Arc<Files>,
}

impl Loaded {
    /// Reads a pack; what is wrong with it is reported.
    pub fn read(files: Files, found: &mut Diagnostics) -> Loaded {
        Loaded::of(Arc::new(files), found)
    }

    fn of(files: Arc<Files>, found: &mut Diagnostics) -> Loaded {
        Loaded { pack: Pack::read(&files, found), files }
    }

    pub fn version(&self) -> PackVersion {
        PackVersion { name: self.pack.name.clone(), version: self.pack.version.clone(), hash: self.pack.hash.clone() }
    }

    pub fn content(&self) -> PackContent {
        PackContent { pack: self.version(), files: to_json(&self.files) }
    }
}

/// Files as one document: texts as they are, other bytes in hexadecimal.
pub fn to_json(files: &Files) -> Json {
    let entry = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) => Json::from(text),
        Err(_) => serde_json::json!({"hex": hex(bytes)}),
    };
    Json::Object(files.iter().map(|(name, bytes)| (name.clone(), entry(bytes))).collect::<Map<String, Json>>())
}

/// Reads such a document back; `None` where it is none.
pub fn from_json(json: &Json) -> Option<Files> {
    let bytes = |entry: &Json| match entry {
        Json::String(text) => Some(text.clone().into_bytes()),
        other => {
            let text = other.get("hex")?.as_str()?;
            let digit = |at: usize| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
            (0..text.len()).step_by(2).map(digit).collect()
        }
    };
    json.as_object()?.iter().map(|(name, entry)| Some((name.clone(), bytes(entry)?))).collect()
}

/// The definitions a tenant works with.
#[derive(Debug)]
pub struct InForce {
    /// Number of the version; 0 before the first is noted.
    pub number: i64,
    pub model: Arc<Model>,
    /// The packs the model was compiled from, without what they say: that is read again by whoever plans a change.
    resting: Vec<(PackVersion, Arc<Files>)>,
    /// Packs of the binary that somebody took out.
    pub removed: BTreeSet<String>,
    pub overlay: Vec<Change>,
    /// What administrators have granted and stopped.
    pub scripts: Rules,
}

impl InForce {
    pub fn of(version: &Version, mut model: Model, candidate: Candidate) -> InForce {
        model.version = version.number;
        let removed = version.packs.iter().filter(|pack| pack.is_removed()).map(|pack| pack.name.clone());
        model.govern(&version.scripts);
        InForce {
            number: version.number,
            model: Arc::new(model),
            resting: candidate.packs.into_iter().map(|loaded| (loaded.version(), loaded.files)).collect(),
            removed: removed.collect(),
            overlay: candidate.overlay,
            scripts: version.scripts.clone(),
        }
    }

    /// The packs, read again.
    pub fn packs(&self) -> Vec<Loaded> {
        // They compiled: nothing is wrong with them.
        let mut found = Diagnostics::default();
        self.resting.iter().map(|(_, files)| Loaded::of(files.clone(), &mut found)).collect()
    }

    /// The version of a pack, where it is installed.
    pub fn version_of(&self, pack: &str) -> Option<&str> {
        let installed = self.resting.iter().find(|(version, _)| version.name == pack);
        installed.map(|(version, _)| version.version.as_str())
    }

    /// The packs, those that were taken out among them.
    pub fn versions(&self) -> Vec<PackVersion> {
        versions_of(self.resting.iter().map(|(version, _)| version.clone()), &self.removed)
    }
}

/// The packs of a version, those that were taken out among them.
pub fn shelf_versions(packs: &[Loaded], removed: &BTreeSet<String>) -> Vec<PackVersion> {
    versions_of(packs.iter().map(Loaded::version), removed)
}

fn versions_of(installed: impl Iterator<Item = PackVersion>, removed: &BTreeSet<String>) -> Vec<PackVersion> {
    let gone =
        removed.iter().map(|name| PackVersion { name: name.clone(), version: String::new(), hash: String::new() });
    let mut versions: Vec<PackVersion> = installed.chain(gone).collect();
    versions.sort();
    versions
}

/// The content of each definition of a model, by kind and name.
pub fn manifest(model: &Model) -> BTreeMap<String, String> {
    let address = |kind: Kind, name: &str| format!("{}/{name}", kind.as_str());
    model.documents.iter().map(|((kind, name), composite)| (address(*kind, name), composite.hash.clone())).collect()
}

/// Packs and changes that may become what is in force.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub packs: Vec<Loaded>,
    pub overlay: Vec<Change>,
}

impl Candidate {
    pub fn packs_only(&self) -> Vec<Pack> {
        self.packs.iter().map(|loaded| loaded.pack.clone()).collect()
    }

    /// All layers; findings are for whoever compiles.
    pub fn composed(&self) -> Composed {
        let mut ignored = Diagnostics::default();
        let packs = order::ordered(self.packs_only(), &mut ignored);
        compose(&packs, &self.overlay, &mut ignored)
    }

    /// The model, or what is wrong; `read` is what reading the packs found.
    pub fn compile(&self, settings: &Settings, read: Diagnostics) -> Result<(Model, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut found = read;
        let (model, compiled) = Model::compile_with(self.packs_only(), &self.overlay, settings);
        found.extend(compiled);
        let unsound = found.has_errors();
        let found = found.into_sorted();
        match model {
            Some(model) if !unsound => Ok((model, found)),
            _ => Err(found),
        }
    }
}

/// The packs of a source that are wanted where these are installed, and what reading them found.
pub fn read(source: &Source, installed: &BTreeSet<String>) -> Result<(Vec<Loaded>, Diagnostics), Error> {
    let mut found = Diagnostics::default();
    let mut packs: Vec<Loaded> = source.read()?.into_iter().map(|files| Loaded::read(files, &mut found)).collect();
    if !matches!(source, Source::Given(_)) {
        keep_wanted(&mut packs, installed);
    }
    Ok((packs, found))
}

/// Leaves out what comes on request only, where it is not installed and no other pack needs it.
fn keep_wanted(packs: &mut Vec<Loaded>, installed: &BTreeSet<String>) {
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    let mut following: Vec<&Loaded> =
        packs.iter().filter(|loaded| !loaded.pack.on_request || installed.contains(&loaded.pack.name)).collect();
    while let Some(loaded) = following.pop() {
        if wanted.insert(loaded.pack.name.clone()) {
            following.extend(packs.iter().filter(|other| loaded.pack.requires.contains_key(&other.pack.name)));
        }
    }
    packs.retain(|loaded| wanted.contains(&loaded.pack.name));
}

/// The packs of a version out of the store.
pub async fn stored(store: &Store, scope: &Scope, version: &Version) -> Result<Vec<Loaded>, Error> {
    let mut found = Diagnostics::default();
    let mut packs = Vec::with_capacity(version.packs.len());
    for pack in version.packs.iter().filter(|pack| !pack.is_removed()) {
        let files = store.pack_files(scope, &pack.hash).await?.as_ref().and_then(from_json);
        let files = files.ok_or_else(|| Error::Missing { name: pack.name.clone(), version: pack.version.clone() })?;
        packs.push(Loaded::read(files, &mut found));
    }
    Ok(packs)
}

/// What a start brings into force: the source's packs, and those that were applied to the tenant. Of two versions of a
/// pack the newer one; a folder is somebody's work in progress and always wins.
pub fn gathered(source: &Source, given: Vec<Loaded>, applied: Vec<Loaded>, removed: &BTreeSet<String>) -> Vec<Loaded> {
    let mut packs = given;
    if matches!(source, Source::Embedded) {
        packs.retain(|loaded| !removed.contains(&loaded.pack.name));
    }
    for stored in applied {
        match packs.iter().position(|pack| pack.pack.name == stored.pack.name) {
            None => packs.push(stored),
            Some(at) => {
                let newer = numbers(&stored.pack.version) > numbers(&packs[at].pack.version);
                if newer && matches!(source, Source::Embedded) {
                    packs[at] = stored;
                }
            }
        }
    }
    packs.sort_by(|a, b| a.pack.name.cmp(&b.pack.name));
    packs
}

/// A version as numbers to compare.
pub fn numbers(version: &str) -> Vec<u64> {
    version.split(['.', '-', '+']).map(|part| part.parse().unwrap_or(0)).collect()
}
