//! Packs as files (`.pwpack`): a `tar` whose first entry says what follows, how it hashes and who signed it. The same pack
//! gives the same bytes. What is read is judged before anything is kept: nothing of an archive reaches a disk.

use super::signing::{self, Key, Trust};
use super::source::Files;
use crate::tar::{self, BLOCK};
use packwork_engine::codes::Code;
use packwork_engine::pack::files::stays_inside;
use packwork_engine::pack::{self, FILE_BYTES_MAX};
use packwork_engine::refusal::Refusal;
use serde::{Deserialize, Serialize};

/// Ending of the file's name.
pub const ENDING: &str = "pwpack";
/// The largest archive: in an upload, a third larger, it still passes.
pub const ARCHIVE_BYTES_MAX: usize = 11 * 1024 * 1024;
/// A pack of more files than this has its files in the wrong place.
const FILES_MAX: usize = 10_000;
/// Of the first entry: it has five short members.
const SEAL_BYTES_MAX: u64 = 16 * 1024;
const SEAL: &str = "pwpack.json";
const FORMAT: u32 = 1;

/// The first entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seal {
    format: u32,
    name: String,
    version: String,
    /// Digest of all files.
    content: String,
    /// The public key of whoever signed it, and the signature over the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    signer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
}

/// What an archive holds, found whole and unaltered.
#[derive(Clone, Debug)]
pub struct Archive {
    pub name: String,
    pub version: String,
    pub content: String,
    /// Who signed it, as the trust list calls them.
    pub signer: Option<String>,
    pub files: Files,
}

/// Packs the files of a pack. `name` and `version` are those of its manifest.
pub fn write(name: &str, version: &str, files: &Files, key: Option<&Key>) -> Result<Vec<u8>, Box<Refusal>> {
    let content = pack::digest(files);
    let signature = key.map(|key| key.sign(&content));
    let seal = Seal {
        format: FORMAT,
        name: name.to_owned(),
        version: version.to_owned(),
        content,
        signer: key.map(Key::public),
        signature,
    };
    let seal = serde_json::to_string_pretty(&seal).expect("a seal is JSON");
    let mut out = Vec::new();
    append(&mut out, SEAL, format!("{seal}\n").as_bytes())?;
    for (file, bytes) in files {
        append(&mut out, &format!("{name}/{file}"), bytes)?;
    }
    out.extend_from_slice(&[0; 2 * BLOCK]);
    if out.len() > ARCHIVE_BYTES_MAX {
        return Err(too_large(format!("the archive would have {} bytes", out.len())));
    }
    Ok(out)
}

fn append(out: &mut Vec<u8>, name: &str, bytes: &[u8]) -> Result<(), Box<Refusal>> {
    if !stays_inside(name) {
        return Err(unsafe_path(name));
    }
    let header = tar::header(name, bytes.len() as u64)
        .ok_or_else(|| bad(format!("`{name}` has more than {} bytes in its name", tar::NAME_BYTES_MAX)))?;
    out.extend_from_slice(&header);
    out.extend_from_slice(bytes);
    out.resize(out.len() + tar::padding(bytes.len() as u64), 0);
    Ok(())
}

fn bad(detail: impl Into<String>) -> Box<Refusal> {
    let detail = detail.into();
    Box::new(Refusal::new(Code::BadArchive, detail.clone()).with("cause", detail))
}

fn too_large(detail: impl Into<String>) -> Box<Refusal> {
    let detail = Refusal::new(Code::ArchiveTooLarge, detail);
    Box::new(detail.with("limit", "ARCHIVE_BYTES_MAX").with("limit_bytes", ARCHIVE_BYTES_MAX))
}

fn unsafe_path(path: &str) -> Box<Refusal> {
    Box::new(Refusal::new(Code::UnsafePath, format!("`{path}` leads out of the archive")).with("path", path))
}

/// Reads an archive: whole, unaltered, and signed by somebody the list trusts. Unsigned ones pass where the list does not
/// insist.
pub fn read(bytes: &[u8], trust: &Trust) -> Result<Archive, Box<Refusal>> {
    let (seal, files) = unpack(bytes)?;
    let manifest = files.get("pack.json").and_then(|bytes| serde_json::from_slice::<serde_json::Value>(bytes).ok());
    let says = |member: &str| manifest.as_ref().and_then(|manifest| manifest[member].as_str()).unwrap_or_default();
    if (says("name"), says("version")) != (seal.name.as_str(), seal.version.as_str()) {
        return Err(bad("its seal and its pack.json say different names or versions"));
    }
    let content = pack::digest(&files);
    if content != seal.content {
        return Err(Box::new(
            Refusal::new(Code::ArchiveAltered, "the files are not those that were packed")
                .with("expected", seal.content)
                .with("found", content),
        ));
    }
    let signer = match (&seal.signer, &seal.signature) {
        (Some(signer), Some(signature)) => {
            if !signing::holds(signer, signature, &content) {
                return Err(Box::new(
                    Refusal::new(Code::BadSignature, format!("the signature of `{}` is wrong", seal.name))
                        .with("pack", seal.name)
                        .with("signer", signer.as_str()),
                ));
            }
            let known = trust.name_of(signer).map(str::to_owned);
            Some(known.ok_or_else(|| {
                Box::new(
                    Refusal::new(Code::UnknownSigner, format!("nobody here trusts the key {signer}"))
                        .with("pack", seal.name.as_str())
                        .with("signer", signer.as_str()),
                )
            })?)
        }
        (None, None) => {
            trust.may_be_unsigned(&seal.name)?;
            None
        }
        _ => return Err(bad("the seal has a signer without a signature, or the other way round")),
    };
    Ok(Archive { name: seal.name, version: seal.version, content, signer, files })
}

/// The seal and the files. Every size is held against its limit before what it announces is read.
fn unpack(bytes: &[u8]) -> Result<(Seal, Files), Box<Refusal>> {
    if bytes.len() > ARCHIVE_BYTES_MAX {
        return Err(too_large(format!("the archive has more than {} MiB", ARCHIVE_BYTES_MAX >> 20)));
    }
    let mut rest = bytes;
    let Some(seal) = entry(&mut rest, SEAL_BYTES_MAX)?.filter(|(head, _)| head.name == SEAL) else {
        return Err(bad(format!("it does not begin with `{SEAL}`")));
    };
    let seal: Seal = serde_json::from_slice(seal.1).map_err(|error| bad(format!("its seal: {error}")))?;
    if seal.format != FORMAT {
        return Err(bad(format!("it has format {}, and this version reads {FORMAT}", seal.format)));
    }
    let mut files = Files::new();
    while let Some((head, content)) = entry(&mut rest, FILE_BYTES_MAX as u64)? {
        let inside = head.name.strip_prefix(&seal.name).and_then(|rest| rest.strip_prefix('/'));
        let Some(inside) = inside else { return Err(bad(format!("`{}` is not below `{}`", head.name, seal.name))) };
        if files.insert(inside.to_owned(), content.to_vec()).is_some() {
            let refusal = Refusal::new(Code::DuplicateEntry, format!("`{}` is there twice", head.name));
            return Err(Box::new(refusal.with("path", head.name)));
        }
        if files.len() > FILES_MAX {
            return Err(too_large(format!("the archive has more than {FILES_MAX} files")));
        }
    }
    if rest.iter().any(|byte| *byte != 0) {
        return Err(bad("something stands after its end"));
    }
    Ok((seal, files))
}

/// The next entry and its content; none at the end.
fn entry<'b>(rest: &mut &'b [u8], bytes_max: u64) -> Result<Option<(tar::Head, &'b [u8])>, Box<Refusal>> {
    let (block, after) = rest.split_first_chunk::<BLOCK>().ok_or_else(|| bad("it ends too early"))?;
    if block.iter().all(|byte| *byte == 0) {
        *rest = after;
        return Ok(None);
    }
    let head = tar::read(block).map_err(|damage| bad(damage.to_string()))?;
    if head.kind != tar::FILE {
        let refusal = Refusal::new(Code::ArchiveLink, format!("`{}` is a link or no file at all", head.name));
        return Err(Box::new(refusal.with("path", head.name)));
    }
    if !stays_inside(&head.name) {
        return Err(unsafe_path(&head.name));
    }
    if head.bytes > bytes_max {
        return Err(too_large(format!("`{}` announces {} bytes, more than {bytes_max}", head.name, head.bytes)));
    }
    let bytes = usize::try_from(head.bytes).map_err(|_| bad("it ends too early"))?;
    let whole = bytes + tar::padding(head.bytes);
    if after.len() < whole {
        return Err(bad("it ends too early"));
    }
    *rest = &after[whole..];
    Ok(Some((head, &after[..bytes])))
}

/// What is said where a signature is required.
pub(super) fn unsigned(name: &str) -> Box<Refusal> {
    let detail = format!("`{name}` is not signed, and this tenant takes signed packs only");
    Box::new(Refusal::new(Code::UnsignedPack, detail).with("pack", name))
}
