//! Definitions that do nothing by themselves and that nobody names.

use super::Model;
use crate::codes::Code;
use crate::definition::Kind;
use crate::diagnostic::Diagnostics;
use crate::record::Name;
use std::collections::BTreeSet;

/// Kinds that come to something only through others.
const SERVING: [Kind; 6] =
    [Kind::Schedule, Kind::Accumulator, Kind::Chain, Kind::Posting, Kind::Sequence, Kind::RateTable];

/// Kinds that show or try something and compute nothing with it.
const LOOKING_ON: [Kind; 6] = [Kind::Menu, Kind::Role, Kind::Dashboard, Kind::Report, Kind::Seed, Kind::Case];

/// Warns of them; a pack that is made for others may leave them to those.
pub(super) fn tell(model: &Model, found: &mut Diagnostics) {
    let of_others = model.uses.iter().filter(|used| {
        let itself = used.by.0 == used.target.kind && used.by.1 == used.target.name;
        !itself && !LOOKING_ON.contains(&used.by.0)
    });
    let used: BTreeSet<(Kind, &Name)> = of_others.map(|used| (used.target.kind, &used.target.name)).collect();
    for ((kind, name), composite) in &model.documents {
        // Rows of a rate table are an object of its name.
        let is_used = used.contains(&(*kind, name)) || *kind == Kind::RateTable && used.contains(&(Kind::Object, name));
        if SERVING.contains(kind) && !is_used {
            let message = format!("no definition uses the {} `{name}`", kind.as_str());
            found.warning(Code::UnusedDefinition, &composite.file, "/name", message);
        }
    }
}
