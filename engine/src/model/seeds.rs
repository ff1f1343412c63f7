//! What packs bring along: thousands of rows, needed when they are planted and never again. A model keeps them as they are
//! written and reads them when they are asked for.

use super::Model;
use crate::definition::seed::SeedDefinition;
use crate::definition::{Definition, Kind};

impl Model {
    /// The seeds, those of demonstrations or all others, in the order of their packs, then of their ranks.
    pub fn seeds(&self, demo: bool) -> Vec<SeedDefinition> {
        let place = |pack: &str| self.packs.iter().position(|known| *known.name == *pack);
        let written = self.documents.iter().filter(|((kind, _), _)| *kind == Kind::Seed);
        let mut seeds: Vec<_> = written
            .filter_map(|((kind, _), composite)| match Definition::from_json(*kind, &composite.json) {
                Ok(Definition::Seed(seed)) if seed.demo == demo => Some((place(&composite.pack), *seed)),
                _ => None,
            })
            .collect();
        seeds.sort_by(|a, b| (a.0, a.1.rank, &a.1.name).cmp(&(b.0, b.1.rank, &b.1.name)));
        seeds.into_iter().map(|(_, seed)| seed).collect()
    }
}
