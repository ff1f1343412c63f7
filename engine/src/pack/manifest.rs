//! `pack.json`: what a pack is called, what it needs and what it asks leave for.

use super::version::{Range, Version};
use super::{parse, shape};
use crate::codes::Code;
use crate::diagnostic::Diagnostics;
use crate::layers::upgrade::Policy;
use crate::script::Capability;
use crate::suggest;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// The file of a pack that says what it is.
pub const MANIFEST: &str = "pack.json";
/// Names stand in paths, addresses and names of files.
pub const NAME_CHARS_MAX: usize = 40;

/// What a pack is called, what it needs and what it asks leave for.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(deny_unknown_fields)]
pub struct Manifest {
    /// The schema of this file, so that editors complete and check while typing.
    #[serde(rename = "$schema")]
    pub schema: Option<String>,
    /// Name of the pack among all packs: lower-case words joined by `-`, at most 40 characters.
    pub name: String,
    /// Version of the pack: three numbers, as `1.0.0`. A new one is published for every change that leaves the house.
    pub version: String,
    /// English title; the Chinese one stands in `i18n/zh-CN.json` as `pack/title`.
    pub title: String,
    /// What the pack is for, in a sentence or two; the Chinese one stands in `i18n/zh-CN.json` as `pack/description`.
    pub description: String,
    /// The licence it is given away under, such as `Apache-2.0`.
    pub license: Option<String>,
    /// The versions of Packwork it works with, as a range (`^0.1`); every version where not given.
    pub engine: Option<String>,
    /// It comes into a tenant when somebody asks for it, or another pack needs it; else with the first start.
    pub on_request: bool,
    /// Packs this one needs, with the range of their versions: `^1.2` (as compatible as 1.2), `1.2` (any 1.2.x),
    /// `>=1.2, <3`, or `*`. Only what is required may be used and extended.
    pub requires: BTreeMap<String, String>,
    /// What an upgrade does where the tenant and the pack have both changed a property, by pattern of its path:
    /// `{"object/work_order/fields/*/title": "ask"}`. Where nothing is said the tenant wins.
    pub policies: BTreeMap<String, Policy>,
    /// What the pack's scripts do beyond their own records; an administrator grants it.
    pub capabilities: Vec<String>,
}

impl Manifest {
    /// The JSON Schema of `pack.json`.
    pub fn schema() -> Json {
        let settings = schemars::generate::SchemaSettings::draft2020_12();
        let mut schema = settings.into_generator().into_root_schema_for::<Manifest>();
        schema.insert("$id".into(), "https://packwork.dev/schemas/pack.json".into());
        serde_json::json!(schema)
    }

    /// Reads it as far as possible; everything that is wrong is reported.
    pub(super) fn read(bytes: Option<&Vec<u8>>, file: &str, diagnostics: &mut Diagnostics) -> Option<Manifest> {
        let Some(bytes) = bytes else {
            diagnostics.error(Code::BadDefinition, file, "", format!("the pack has no `{MANIFEST}`"));
            return None;
        };
        let mut json = parse(file, bytes, diagnostics)?;
        if !json.is_object() {
            diagnostics.error(Code::BadDefinition, file, "", "the file is no JSON object");
            return None;
        }
        shape::check_manifest(&mut json, file, diagnostics);
        let manifest: Manifest = match serde_json::from_value(json.clone()) {
            Ok(manifest) => manifest,
            Err(error) => {
                diagnostics.error(Code::BadDefinition, file, "", format!("the definition cannot be read: {error}"));
                return None;
            }
        };
        manifest.check(file, diagnostics);
        Some(manifest)
    }

    fn check(&self, file: &str, diagnostics: &mut Diagnostics) {
        let wrong = diagnostics.has_errors_in(file);
        for (member, text) in [("name", &self.name), ("version", &self.version)] {
            // A wrong one was reported and taken out.
            if text.is_empty() && !wrong {
                let message = format!("the pack has no `{member}`");
                diagnostics.error(Code::MissingProperty, file, format!("/{member}"), message);
            }
        }
        if !self.name.is_empty() && !is_name(&self.name) {
            let shown: String = self.name.chars().take(NAME_CHARS_MAX).collect();
            diagnostics
                .error(Code::BadName, file, "/name", format!("`{shown}` is no name for a pack"))
                .hint("lower-case words joined by `-`, at most 40 characters");
        }
        if !self.version.is_empty() && Version::parse(&self.version).is_none() {
            diagnostics
                .error(Code::BadProperty, file, "/version", format!("`{}` is no version", self.version))
                .hint("three numbers, as 1.0.0");
        }
        for (name, range) in &self.requires {
            if Range::parse(range).is_none() {
                let place = format!("/requires/{}", crate::layers::path::escaped(name));
                diagnostics
                    .error(Code::BadProperty, file, place, format!("`{range}` is no range of versions"))
                    .hint(RANGES);
            }
        }
        if let Some(engine) = &self.engine {
            let here = env!("CARGO_PKG_VERSION");
            match (Range::parse(engine), Version::parse(here)) {
                (None, _) => {
                    diagnostics
                        .error(Code::BadProperty, file, "/engine", format!("`{engine}` is no range of versions"))
                        .hint(RANGES);
                }
                (Some(range), Some(version)) if !range.holds(version) => {
                    let message = format!("the pack is for Packwork {engine}; this is {here}");
                    diagnostics.error(Code::PackDependency, file, "/engine", message);
                }
                _ => {}
            }
        }
    }

    pub(super) fn capabilities(&self, file: &str, diagnostics: &mut Diagnostics) -> BTreeSet<Capability> {
        let mut capabilities = BTreeSet::new();
        for (index, name) in self.capabilities.iter().enumerate() {
            match Capability::named(name) {
                Some(capability) => drop(capabilities.insert(capability)),
                None => {
                    let known = Capability::ALL.iter().map(|known| known.as_str());
                    diagnostics
                        .error(
                            Code::UnknownCapability,
                            file,
                            format!("/capabilities/{index}"),
                            format!("there is no capability `{name}`"),
                        )
                        .hint(suggest::hint(name, known));
                }
            }
        }
        capabilities
    }
}

const RANGES: &str = "write ^1.2, 1.2, >=1.2, or * for every version";

/// Lower-case words joined by `-`.
pub fn is_name(name: &str) -> bool {
    name.len() <= NAME_CHARS_MAX
        && name.split('-').all(|word| {
            word.starts_with(|letter: char| letter.is_ascii_lowercase())
                && word.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
        })
}
