//! The names of a pack's files: each stays inside, none is taken for another one, none is there for nothing.

use super::texts;
use crate::codes::Code;
use crate::diagnostic::Diagnostics;
use std::collections::BTreeMap;

/// Whether a path leads nowhere but below the folder it is read from, on every system.
pub fn stays_inside(path: &str) -> bool {
    let parts = path.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    parts && !path.contains(['\\', ':', '\0', '\u{fffd}'])
}

/// Files that no product reads are told, and so are those that not every system can keep apart.
pub(super) fn check(files: &BTreeMap<String, Vec<u8>>, folder: &str, diagnostics: &mut Diagnostics) {
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for name in files.keys() {
        let file = format!("{folder}{name}");
        if !stays_inside(name) {
            diagnostics
                .error(Code::UnsafePath, &file, "", format!("`{name}` is no path inside a pack"))
                .hint("names of files and folders, joined by `/`");
        }
        if let Some(other) = seen.insert(name.to_lowercase(), name) {
            let message = format!("`{name}` and `{other}` differ in capitals only: not every system keeps them apart");
            diagnostics.error(Code::DuplicateEntry, &file, "", message).hint("give one of them another name");
        }
        let is_text = name.starts_with("i18n/") && name != texts::CHINESE;
        if is_text || name.ends_with(".rhai") {
            let hint = match is_text {
                true => "texts are read from `i18n/zh-CN.json`; the English ones stand in the definitions",
                false => "scripts stand in the definitions, as formulas",
            };
            diagnostics.warning(Code::UnusedFile, &file, "", format!("nothing reads `{name}`")).hint(hint);
        }
    }
}
