//! Packs: a folder of definitions with their texts. Read here from bytes; where bytes come from is the shell's business.

pub mod files;
pub mod manifest;
pub mod order;
pub mod places;
pub mod shape;
pub mod texts;
pub mod uids;
pub mod version;

use crate::codes::Code;
use crate::definition::{Definition, Kind};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::layers::Document;
use crate::layers::upgrade::Policy;
use crate::script::Capability;
use crate::suggest;
use manifest::{MANIFEST, Manifest};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A pack as read: every file understood as far as possible.
#[derive(Clone, Debug, Default)]
pub struct Pack {
    pub name: String,
    pub version: String,
    /// Packs this one needs, with the range of their versions.
    pub requires: BTreeMap<String, String>,
    pub title: String,
    pub description: String,
    /// It comes into a tenant when somebody asks for it, or another pack needs it.
    pub on_request: bool,
    /// The definitions as written.
    pub documents: Vec<Document>,
    /// What an upgrade does where the tenant and the pack have both changed a property, by pattern of its path
    /// (`object/work_order/fields/*/title`).
    pub policies: BTreeMap<String, Policy>,
    /// Chinese texts by path (`object/work_order/title`).
    pub chinese: BTreeMap<String, String>,
    /// What its scripts do beyond their own records; an administrator grants it.
    pub capabilities: BTreeSet<Capability>,
    /// Whether every file of it could be read: else nothing is said of texts, which may stand in the others.
    pub is_whole: bool,
    /// Digest of all files.
    pub hash: String,
}

/// A file that is larger than this is no definition.
pub const FILE_BYTES_MAX: usize = 8 * 1024 * 1024;

impl Pack {
    /// Reads the files of a pack, by path inside it. What cannot be read is reported and left out.
    pub fn read(files: &BTreeMap<String, Vec<u8>>, diagnostics: &mut Diagnostics) -> Pack {
        Pack::read_in("", files, diagnostics)
    }

    /// The same for a pack of a folder, which is named where the pack cannot say its own name.
    pub fn read_in(folder: &str, files: &BTreeMap<String, Vec<u8>>, diagnostics: &mut Diagnostics) -> Pack {
        let mut of_manifest = Diagnostics::default();
        let read = Manifest::read(files.get(MANIFEST), MANIFEST, &mut of_manifest);
        let is_readable = read.is_some();
        let manifest = read.unwrap_or_default();
        let capabilities = manifest.capabilities(MANIFEST, &mut of_manifest);
        let home = if manifest.name.is_empty() { folder } else { manifest.name.as_str() };
        let folder = if home.is_empty() { String::new() } else { format!("{home}/") };
        let found = of_manifest.into_sorted().into_iter();
        diagnostics.extend(found.map(|finding| Diagnostic { file: format!("{folder}{}", finding.file), ..finding }));
        files::check(files, &folder, diagnostics);
        let texts = texts::read(files.get(texts::CHINESE), &format!("{folder}{}", texts::CHINESE), diagnostics);
        let mut pack = Pack {
            capabilities,
            name: manifest.name,
            version: manifest.version,
            requires: manifest.requires,
            title: manifest.title,
            description: manifest.description,
            on_request: manifest.on_request,
            is_whole: is_readable && texts.is_some(),
            chinese: texts.into_iter().flatten().filter_map(|(path, text)| Some((path, text?))).collect(),
            hash: digest(files),
            documents: Vec::new(),
            policies: manifest.policies,
        };
        for (file, bytes) in files {
            let is_definition = file.ends_with(".json") && file != MANIFEST && !file.starts_with("i18n/");
            let file = format!("{folder}{file}");
            if is_definition {
                let document = read_definition(&file, bytes, diagnostics);
                pack.is_whole &= document.is_some();
                pack.documents.extend(document);
            }
        }
        pack
    }
}

/// Reads one definition: all that is wrong with its shape is reported, and what is left of it is read on.
pub fn read_definition(file: &str, bytes: &[u8], diagnostics: &mut Diagnostics) -> Option<Document> {
    let mut json = parse(file, bytes, diagnostics)?;
    if !json.is_object() {
        diagnostics.error(Code::BadDefinition, file, "", "the file is no JSON object");
        return None;
    }
    let Some(kind_name) = json.get("kind").and_then(Json::as_str).map(str::to_owned) else {
        diagnostics.error(Code::BadDefinition, file, "/kind", "the file does not say its `kind`").hint(kinds_hint(""));
        return None;
    };
    let Some(kind) = Kind::named(&kind_name) else {
        diagnostics
            .error(Code::BadDefinition, file, "/kind", format!("`{kind_name}` is not a kind of definition"))
            .hint(kinds_hint(&kind_name));
        return None;
    };
    shape::check(kind, &mut json, file, diagnostics);
    match Definition::from_json(kind, &json) {
        // Whatever stands in it would be told at places of that length.
        Ok(definition) if definition.name().len() > NAME_BYTES_READ_MAX => {
            let mut shown: String = definition.name().chars().take(20).collect();
            shown.push('…');
            diagnostics
                .error(Code::BadName, file, "/name", format!("`{shown}` is not a good name"))
                .hint("names are snake_case, start with a letter and have at most 48 characters");
            None
        }
        Ok(definition) => {
            Some(Document { file: file.to_owned(), kind, name: definition.name().into(), json: Arc::new(json) })
        }
        Err(error) => {
            diagnostics.error(Code::BadDefinition, file, "", format!("the definition cannot be read: {error}"));
            None
        }
    }
}

/// Longer names are not read at all.
const NAME_BYTES_READ_MAX: usize = 200;

fn kinds_hint(kind: &str) -> String {
    suggest::hint(kind, Kind::ALL.iter().map(|kind| kind.as_str()))
}

fn parse(file: &str, bytes: &[u8], diagnostics: &mut Diagnostics) -> Option<Json> {
    if bytes.len() > FILE_BYTES_MAX {
        let message = format!("the file has more than {} MiB", FILE_BYTES_MAX >> 20);
        diagnostics
            .error(Code::FileTooLarge, file, "", message)
            .hint("many records belong into an import, many rows of a price table into its rows as records");
        return None;
    }
    let text = match text_of(bytes) {
        Ok(text) => text,
        Err(error) => {
            let message = format!("the file is not UTF-8 from byte {}", error.valid_up_to() + 1);
            let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
            diagnostics.error(Code::NotUtf8, file, "", message).hint("save the file as UTF-8").in_file(line, column);
            return None;
        }
    };
    match serde_json::from_str(text) {
        Ok(json) => {
            for (pointer, (line, column)) in places::repeated(text, &json) {
                let name = pointer.rsplit('/').next().unwrap_or_default().replace("~1", "/").replace("~0", "~");
                diagnostics
                    .error(
                        Code::DuplicateKey,
                        file,
                        &pointer,
                        format!("`{name}` is written twice; only one would count"),
                    )
                    .hint("take one of them out")
                    .in_file(line, column);
            }
            Some(json)
        }
        Err(error) => {
            // The place is said beside it.
            let told = error.to_string();
            let told = told.split(" at line ").next().unwrap_or_default();
            diagnostics
                .error(Code::MalformedJson, file, "", format!("not valid JSON: {told}"))
                .in_file(error.line(), error.column().max(1));
            None
        }
    }
}

/// The text of a file, without a byte order mark.
pub fn text_of(bytes: &[u8]) -> Result<&str, std::str::Utf8Error> {
    std::str::from_utf8(bytes).map(|text| text.trim_start_matches('\u{feff}'))
}

/// Digest of all files of a pack.
pub fn digest(files: &BTreeMap<String, Vec<u8>>) -> String {
    let mut hash = Sha256::new();
    for (name, bytes) in files {
        hash.update((name.len() as u64).to_be_bytes());
        hash.update(name);
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    }
    hex(&hash.finalize())
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        text.push(char::from_digit(u32::from(byte >> 4), 16).expect("a nibble is a hexadecimal digit"));
        text.push(char::from_digit(u32::from(byte & 0xf), 16).expect("a nibble is a hexadecimal digit"));
        text
    })
}
