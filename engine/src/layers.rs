//! Layers of definitions: what packs write, what other packs extend, what the tenant changes. Composed into one
//! document per definition that knows of every property where it comes from. Pure documents: what they mean is the
//! model's business, where they are kept the shell's.

pub mod compose;
pub mod content;
pub mod difference;
pub mod edit;
pub mod path;
pub mod promote;
pub mod renames;
#[cfg(test)]
mod tests;
pub mod upgrade;

use crate::definition::Kind;
use crate::moment::Moment;
use crate::record::Name;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

pub use compose::{Composed, compose};

/// One definition as a pack writes it: of its own, or an extension of another pack's.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// With its pack: `base/objects/region.json`.
    pub file: String,
    pub kind: Kind,
    pub name: Name,
    pub json: Arc<Json>,
}

impl Document {
    /// Whether it adds to a definition of another pack.
    pub fn extends(&self) -> bool {
        self.json.get("extends").and_then(Json::as_bool).unwrap_or_default()
    }
}

/// One property the tenant has set or taken out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub kind: Kind,
    pub name: Name,
    /// Identity of the definition; it outlives renames.
    pub uid: String,
    /// Name path; empty for the whole definition.
    pub path: String,
    /// `None`: taken out.
    pub value: Option<Json>,
    /// Hash of the packaged value this was based on; `None` where the pack had none.
    pub base: Option<String>,
    /// Version of the pack the definition belonged to.
    pub pack_version: String,
    pub author: Option<Uuid>,
    pub at: Moment,
    pub reason: String,
}

impl Change {
    pub fn key(&self) -> (Kind, Name) {
        (self.kind, self.name.clone())
    }
}

/// Where a property comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// The pack the definition belongs to.
    Pack { pack: Name, file: String },
    /// Another pack.
    Extension { pack: Name, file: String },
    /// The tenant.
    Tenant { author: Option<Uuid>, at: Moment, reason: String },
}

impl Origin {
    pub fn pack(&self) -> Option<&Name> {
        match self {
            Origin::Pack { pack, .. } | Origin::Extension { pack, .. } => Some(pack),
            Origin::Tenant { .. } => None,
        }
    }
}

/// The pack of definitions the tenant has made.
pub const TENANT: &str = "tenant";

/// One definition as it stands with all layers.
#[derive(Clone, Debug, PartialEq)]
pub struct Composite {
    /// The pack it belongs to; [`TENANT`] for the tenant's own.
    pub pack: Name,
    pub file: String,
    pub uid: String,
    /// The document, its Chinese texts under [`path::CHINESE`].
    pub json: Arc<Json>,
    pub hash: String,
    /// Where properties come from: each path holds for all below it that is not named itself.
    pub origins: BTreeMap<String, Origin>,
}

impl Composite {
    /// Where a property comes from.
    pub fn origin(&self, path: &str) -> &Origin {
        let mut at = path;
        loop {
            if let Some(origin) = self.origins.get(at) {
                return origin;
            }
            match at.rsplit_once('/') {
                Some((parent, _)) => at = parent,
                None => return &self.origins[""],
            }
        }
    }

    /// The document without its Chinese texts.
    pub fn plain(&self) -> Json {
        let mut json = (*self.json).clone();
        path::remove(&mut json, &path::below("", path::CHINESE));
        json
    }

    /// Chinese texts by path inside the definition (`fields/number/title`).
    pub fn chinese(&self) -> impl Iterator<Item = (&String, &str)> {
        let texts = self.json.get(path::CHINESE).and_then(Json::as_object).into_iter().flatten();
        texts.filter_map(|(path, text)| Some((path, text.as_str()?)))
    }

    /// Every property that ends a path, with where it comes from.
    pub fn provenance(&self) -> Vec<(String, &Origin)> {
        let mut found = Vec::new();
        self.walk("", &self.json, &mut found);
        found
    }

    fn walk<'c>(&'c self, at: &str, json: &Json, found: &mut Vec<(String, &'c Origin)>) {
        match json {
            Json::Object(members) if !members.is_empty() => {
                for (name, value) in members {
                    self.walk(&path::below(at, name), value, found);
                }
            }
            Json::Array(items) if !items.is_empty() && path::is_keyed(items) => {
                for (name, item) in items.iter().filter_map(|item| Some((path::key(item)?, item))) {
                    self.walk(&path::below(at, name), item, found);
                }
            }
            _ => found.push((at.to_owned(), self.origin(at))),
        }
    }
}
