//! Where packs come from: the binary itself, or a folder on disk.

use include_dir::{Dir, include_dir};
use packwork_engine::codes::Code;
use packwork_engine::pack::FILE_BYTES_MAX;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

static EMBEDDED: Dir<'_> = include_dir!("$OUT_DIR/packs");

/// Files of one pack, by path inside it.
pub type Files = BTreeMap<String, Vec<u8>>;

#[derive(Clone, Debug, Default)]
pub enum Source {
    #[default]
    Embedded,
    Folder(PathBuf),
    /// Given by a test.
    Given(Vec<Files>),
}

#[derive(Debug, thiserror::Error)]
#[error("reading packs from `{}`", .folder.display())]
pub struct Unreadable {
    folder: PathBuf,
    source: io::Error,
}

/// Of a larger file one byte more than allowed is read: enough to say that it is too large.
const READ_MAX: u64 = FILE_BYTES_MAX as u64 + 1;

impl Source {
    /// The packs' files, in the order of their folders.
    pub fn read(&self) -> Result<Vec<Files>, Unreadable> {
        match self {
            Source::Embedded => Ok(EMBEDDED.dirs().map(embedded).filter(is_pack).collect()),
            Source::Given(packs) => Ok(packs.clone()),
            Source::Folder(folder) => {
                read_packs(folder).map_err(|source| Unreadable { folder: folder.clone(), source })
            }
        }
    }
}

/// What a pack calls itself; empty where its manifest cannot be read.
pub fn name_of(files: &Files) -> String {
    let manifest = files.get("pack.json").and_then(|bytes| serde_json::from_slice::<serde_json::Value>(bytes).ok());
    manifest.and_then(|manifest| manifest["name"].as_str().map(str::to_owned)).unwrap_or_default()
}

fn is_pack(files: &Files) -> bool {
    files.contains_key("pack.json")
}

fn embedded(pack: &Dir<'_>) -> Files {
    fn collect(root: &Path, folder: &Dir<'_>, files: &mut Files) {
        for file in folder.files() {
            let path = file.path().strip_prefix(root).unwrap_or(file.path());
            files.insert(path.to_string_lossy().replace('\\', "/"), file.contents().to_vec());
        }
        for inner in folder.dirs() {
            collect(root, inner, files);
        }
    }
    let mut files = Files::new();
    collect(pack.path(), pack, &mut files);
    files
}

/// Every pack in a folder.
pub fn read_packs(folder: &Path) -> io::Result<Vec<Files>> {
    pack_folders(folder)?.iter().map(|folder| read_pack(folder)).collect()
}

/// The folders of packs: a folder with a `pack.json` is one, and so is each such folder inside it.
pub fn pack_folders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    if folder.join("pack.json").is_file() {
        return Ok(vec![folder.to_owned()]);
    }
    let mut folders: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.join("pack.json").is_file() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// The files of the pack in a folder.
pub fn read_pack(folder: &Path) -> io::Result<Files> {
    fn collect(root: &Path, folder: &Path, files: &mut Files) -> io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            let kind = entry.file_type()?;
            if kind.is_dir() {
                collect(root, &path, files)?;
            } else if !kind.is_file() {
                // It would bring in what stands elsewhere, or never end.
                let told = format!("`{}` is a link or no file at all ({})", path.display(), Code::ArchiveLink);
                return Err(io::Error::new(io::ErrorKind::InvalidInput, told));
            } else {
                let inside = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
                let mut bytes = Vec::new();
                File::open(&path)?.take(READ_MAX).read_to_end(&mut bytes)?;
                files.insert(inside, bytes);
            }
        }
        Ok(())
    }
    let mut files = Files::new();
    collect(folder, folder, &mut files)?;
    Ok(files)
}
