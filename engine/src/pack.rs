//! Packs: a folder of definitions with their texts. Read here from bytes; where bytes come from is the shell's business.

use crate::definition::Definition;
use crate::diagnostic::Diagnostics;
use std::collections::BTreeMap;

/// A pack as read: every file understood as far as possible.
#[derive(Clone, Debug, Default)]
pub struct Pack {
    pub name: String,
    pub version: String,
    pub requires: BTreeMap<String, String>,
    /// (file, definition).
    pub definitions: Vec<(String, Definition)>,
    pub chinese: BTreeMap<String, String>,
    pub hash: String,
}

impl Pack {
    /// Reads the files of a pack, by path inside it. What cannot be read is reported and left out.
    pub fn read(_files: &BTreeMap<String, Vec<u8>>, _diagnostics: &mut Diagnostics) -> Pack {
        Pack::default()
    }
}
