//! What documents contain, as hashes: equal contents have equal hashes, however they were layered.

use super::Composite;
use super::path::CHINESE;
use crate::definition::Kind;
use crate::pack::hex;
use crate::record::Name;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Members of the envelope that say where a definition comes from rather than what it is.
const OF_ORIGIN: &[&str] = &["$schema", "extends", "remove", "order", "uid", "was"];

/// The hash of one value.
pub fn of(value: &Json) -> String {
    let mut hash = Sha256::new();
    feed(&mut hash, value);
    hex(&hash.finalize())
}

/// The hash of a definition: its document and its texts, without where they come from.
pub fn of_document(json: &Json) -> String {
    let mut hash = Sha256::new();
    if let Json::Object(members) = json {
        for (name, value) in members {
            if !OF_ORIGIN.contains(&name.as_str()) && name != CHINESE {
                text(&mut hash, b'k', name);
                feed(&mut hash, value);
            }
        }
        // Texts have no order.
        let texts: BTreeMap<&String, &Json> =
            members.get(CHINESE).and_then(Json::as_object).into_iter().flatten().collect();
        for (path, value) in texts {
            text(&mut hash, b't', path);
            feed(&mut hash, value);
        }
    }
    hex(&hash.finalize())
}

/// The hash of a model: its definitions by name.
pub fn of_model(documents: &BTreeMap<(Kind, Name), Composite>) -> String {
    let mut hash = Sha256::new();
    for ((kind, name), composite) in documents {
        text(&mut hash, b'k', kind.as_str());
        text(&mut hash, b'n', name);
        hash.update(composite.hash.as_bytes());
    }
    hex(&hash.finalize())
}

/// The identity of a definition that has none written: of the pack and the name it was first known by.
pub fn uid(pack: &str, kind: Kind, first_name: &str) -> String {
    let mut hash = Sha256::new();
    for part in [pack, kind.as_str(), first_name] {
        text(&mut hash, b'u', part);
    }
    hex(&hash.finalize()[..8])
}

fn text(hash: &mut Sha256, mark: u8, text: &str) {
    hash.update([mark]);
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text);
}

fn feed(hash: &mut Sha256, value: &Json) {
    match value {
        Json::Null => hash.update(b"z"),
        Json::Bool(flag) => hash.update(if *flag { b"y" } else { b"n" }),
        Json::Number(number) => text(hash, b'#', &number.to_string()),
        Json::String(string) => text(hash, b's', string),
        Json::Array(items) => {
            hash.update(b"[");
            items.iter().for_each(|item| feed(hash, item));
            hash.update(b"]");
        }
        Json::Object(members) => {
            hash.update(b"{");
            for (name, value) in members {
                text(hash, b'k', name);
                feed(hash, value);
            }
            hash.update(b"}");
        }
    }
}
