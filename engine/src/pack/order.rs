//! The order of packs: each after those it requires.

use super::Pack;
use super::version::{Range, Version};
use crate::codes::Code;
use crate::diagnostic::Diagnostics;
use std::collections::{BTreeMap, BTreeSet};

/// Orders packs by dependency, by name where they do not depend on each other. Missing packs, versions out of
/// range and circles are reported.
pub fn ordered(packs: Vec<Pack>, diagnostics: &mut Diagnostics) -> Vec<Pack> {
    let mut waiting: BTreeMap<String, Pack> = BTreeMap::new();
    for pack in packs {
        if let Some(former) = waiting.insert(pack.name.clone(), pack) {
            diagnostics.error(
                Code::DuplicateDefinition,
                &format!("{}/pack.json", former.name),
                "/name",
                format!("two packs are named `{}`", former.name),
            );
        }
    }
    for pack in waiting.values() {
        for (name, range) in &pack.requires {
            let file = format!("{}/pack.json", pack.name);
            let place = format!("/requires/{name}");
            match waiting.get(name) {
                None => {
                    diagnostics
                        .error(
                            Code::PackDependency,
                            &file,
                            place,
                            format!("pack `{}` requires `{name}`, which is not there", pack.name),
                        )
                        .hint("add the pack, or take the requirement out");
                }
                Some(required) if !holds(range, &required.version) => {
                    let message =
                        format!("pack `{}` requires `{name}` {range}; there is {}", pack.name, required.version);
                    diagnostics.error(Code::PackDependency, &file, place, message);
                }
                Some(_) => {}
            }
        }
    }
    let mut order: Vec<Pack> = Vec::new();
    let mut done: BTreeSet<String> = BTreeSet::new();
    while !waiting.is_empty() {
        let known: BTreeSet<String> = waiting.keys().cloned().collect();
        let ready =
            waiting.values().find(|pack| pack.requires.keys().all(|name| done.contains(name) || !known.contains(name)));
        let Some(name) = ready.map(|pack| pack.name.clone()) else {
            let circle = circle(&waiting);
            let mut told = circle.clone();
            told.push(circle[0]);
            diagnostics
                .error(
                    Code::PackCycle,
                    &format!("{}/pack.json", circle[0]),
                    format!("/requires/{}", told[1]),
                    format!("these packs require each other: {}", told.join(" -> ")),
                )
                .hint("move what both need into a pack that requires neither");
            order.extend(waiting.into_values());
            break;
        };
        done.insert(name.clone());
        order.extend(waiting.remove(&name));
    }
    order
}

/// Packs that wait for each other, beginning with the first by name; every pack that waits leads to some circle.
fn circle(waiting: &BTreeMap<String, Pack>) -> Vec<&str> {
    let mut path: Vec<&str> = Vec::new();
    let mut at = waiting.keys().next().map(String::as_str);
    while let Some(name) = at {
        if let Some(begin) = path.iter().position(|known| *known == name) {
            let mut circle = path.split_off(begin);
            let first = circle.iter().enumerate().min_by_key(|(_, name)| **name).map_or(0, |(index, _)| index);
            circle.rotate_left(first);
            return circle;
        }
        path.push(name);
        at = waiting[name].requires.keys().map(String::as_str).find(|name| waiting.contains_key(*name));
    }
    path
}

/// What each pack requires, directly and through others.
pub fn closures(packs: &[Pack]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut closures: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    // Packs stand after those they require.
    for pack in packs {
        let mut all: BTreeSet<&str> = pack.requires.keys().map(String::as_str).collect();
        let further = pack.requires.keys().filter_map(|name| closures.get(name.as_str()));
        all.extend(further.flatten().copied().collect::<Vec<_>>());
        closures.insert(&pack.name, all);
    }
    closures
}

/// Whether a version is in a range. One that cannot be read was reported where it is written.
fn holds(range: &str, version: &str) -> bool {
    match (Range::parse(range), Version::parse(version)) {
        (Some(range), Some(version)) => range.holds(version),
        _ => true,
    }
}
