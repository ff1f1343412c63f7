//! The archive: a `tar` that any `tar` can list, whose last entry is the manifest. Written and read as a stream.

use super::{Entry, Error, FORMAT, Manifest, file_error};
use crate::auth::token::hex;
use crate::tar::{self, BLOCK, padding};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Component, Path, PathBuf};

pub(super) const MANIFEST: &str = "manifest.json";
const BUFFER: usize = 64 * 1024;
/// Of the manifest: a line for each file, and no backup has millions of them.
const MANIFEST_BYTES_MAX: u64 = 256 * 1024 * 1024;

pub(super) struct Writer {
    file: BufWriter<File>,
    entries: Vec<Entry>,
}

impl Writer {
    pub(super) fn create(path: &Path) -> Result<Writer, Error> {
        let file = File::create(path).map_err(file_error(format!("making `{}`", path.display())))?;
        Ok(Writer { file: BufWriter::with_capacity(BUFFER, file), entries: Vec::new() })
    }

    pub(super) fn append_file(&mut self, name: &str, path: &Path) -> Result<(), Error> {
        let doing = || file_error(format!("packing `{}`", path.display()));
        let file = File::open(path).map_err(doing())?;
        let bytes = file.metadata().map_err(doing())?.len();
        self.append(name, bytes, file)
    }

    pub(super) fn append_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.append(name, bytes.len() as u64, bytes)
    }

    /// Exactly so many bytes: a file that grows meanwhile is packed as long as it was.
    fn append(&mut self, name: &str, bytes: u64, from: impl Read) -> Result<(), Error> {
        let doing = || file_error(format!("packing `{name}`"));
        self.file.write_all(&header(name, bytes)?).map_err(doing())?;
        let mut hash = Sha256::new();
        let mut left = bytes;
        let mut from = from.take(bytes);
        let mut buffer = vec![0_u8; BUFFER];
        while left > 0 {
            let read = from.read(&mut buffer).map_err(doing())?;
            if read == 0 {
                return Err(doing()(std::io::ErrorKind::UnexpectedEof.into()));
            }
            hash.update(&buffer[..read]);
            self.file.write_all(&buffer[..read]).map_err(doing())?;
            left -= read as u64;
        }
        self.file.write_all(&vec![0; padding(bytes)]).map_err(doing())?;
        self.entries.push(Entry { name: name.to_owned(), bytes, sha256: hex(&hash.finalize()) });
        Ok(())
    }

    /// Writes the manifest and makes sure that all of it is on the disk.
    pub(super) fn finish(mut self, manifest: impl FnOnce(Vec<Entry>) -> Manifest) -> Result<Manifest, Error> {
        let doing = || file_error("ending the backup");
        let manifest = manifest(std::mem::take(&mut self.entries));
        let text = serde_json::to_vec_pretty(&manifest).map_err(|error| doing()(error.into()))?;
        self.append_bytes(MANIFEST, &text)?;
        self.file.write_all(&[0; 2 * BLOCK]).map_err(doing())?;
        let file = self.file.into_inner().map_err(|error| doing()(error.into_error()))?;
        file.sync_all().map_err(doing())?;
        Ok(manifest)
    }
}

fn header(name: &str, bytes: u64) -> Result<[u8; BLOCK], Error> {
    let too_long = || file_error(format!("packing `{name}`"))(std::io::Error::other("the name is too long"));
    tar::header(name, bytes).ok_or_else(too_long)
}

pub(super) struct Reader {
    path: PathBuf,
    file: BufReader<File>,
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Reader, Error> {
        let file = File::open(path).map_err(file_error(format!("opening `{}`", path.display())))?;
        Ok(Reader { path: path.to_owned(), file: BufReader::with_capacity(BUFFER, file) })
    }

    fn corrupt(&self, cause: impl Into<String>) -> Error {
        Error::Corrupt { path: self.path.clone(), cause: cause.into() }
    }

    /// Unpacks everything below a folder and holds it against the manifest.
    pub(super) fn unpack(mut self, into: &Path) -> Result<Manifest, Error> {
        let mut found = Vec::new();
        loop {
            let mut block = [0_u8; BLOCK];
            self.file.read_exact(&mut block).map_err(|_| self.corrupt("it ends too early"))?;
            if block.iter().all(|byte| *byte == 0) {
                return Err(self.corrupt("it has no manifest"));
            }
            let (name, bytes) = self.entry(&block)?;
            if name == MANIFEST {
                return self.verified(bytes, &found);
            }
            let target = into.join(&name);
            let doing = || file_error(format!("unpacking `{name}`"));
            if let Some(folder) = target.parent() {
                std::fs::create_dir_all(folder).map_err(doing())?;
            }
            let mut file = File::create_new(&target).map_err(doing())?;
            let sha256 = self.copy(bytes, &mut file)?;
            file.sync_all().map_err(doing())?;
            found.push(Entry { name, bytes, sha256 });
        }
    }

    fn entry(&self, block: &[u8; BLOCK]) -> Result<(String, u64), Error> {
        let head = tar::read(block).map_err(|damage| self.corrupt(damage.to_string()))?;
        let inside = Path::new(&head.name).components().all(|part| matches!(part, Component::Normal(_)));
        if head.name.is_empty() || !inside || head.kind != tar::FILE {
            return Err(self.corrupt(format!("`{}` is no file of a backup", head.name)));
        }
        Ok((head.name, head.bytes))
    }

    fn copy(&mut self, bytes: u64, to: &mut impl Write) -> Result<String, Error> {
        let mut hash = Sha256::new();
        let mut left = bytes;
        let mut buffer = vec![0_u8; BUFFER];
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(BUFFER).min(BUFFER);
            self.file.read_exact(&mut buffer[..wanted]).map_err(|_| self.corrupt("it ends too early"))?;
            hash.update(&buffer[..wanted]);
            to.write_all(&buffer[..wanted]).map_err(file_error("unpacking"))?;
            left -= wanted as u64;
        }
        let mut rest = vec![0_u8; padding(bytes)];
        self.file.read_exact(&mut rest).map_err(|_| self.corrupt("it ends too early"))?;
        Ok(hex(&hash.finalize()))
    }

    fn verified(mut self, bytes: u64, found: &[Entry]) -> Result<Manifest, Error> {
        if bytes > MANIFEST_BYTES_MAX {
            return Err(self.corrupt("the manifest is too large"));
        }
        let mut text = Vec::new();
        self.copy(bytes, &mut text)?;
        let manifest: Manifest =
            serde_json::from_slice(&text).map_err(|error| self.corrupt(format!("the manifest: {error}")))?;
        if manifest.format != FORMAT {
            return Err(Error::Newer { version: manifest.version });
        }
        for entry in &manifest.files {
            match found.iter().find(|found| found.name == entry.name) {
                None => return Err(self.corrupt(format!("`{}` is missing", entry.name))),
                Some(found) if found != entry => {
                    return Err(self.corrupt(format!("`{}` is not what was packed", entry.name)));
                }
                Some(_) => {}
            }
        }
        if let Some(more) = found.iter().find(|found| manifest.files.iter().all(|entry| entry.name != found.name)) {
            return Err(self.corrupt(format!("`{}` does not belong to it", more.name)));
        }
        Ok(manifest)
    }
}
