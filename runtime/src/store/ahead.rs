//! What a unit of a run is made of, read before its turn: records by what the plan looks at of them, in one snapshot.
//! Under the writer only one question is left, whether any of it was written since. Knows nothing of how lines are made.

use super::connection::Connection;
use super::facts::Records;
use super::since::Seen;
use super::{Scope, Store, StoreError};
use packwork_engine::facts::{Facts, Need, ROUNDS_MAX};
use packwork_engine::model::Model;
use packwork_engine::record::{Name, Record};
use packwork_engine::settlement::reads::Reads;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Facts that were read ahead, good for as long as no record of these objects is written.
#[derive(Clone, Debug)]
pub struct Ahead {
    pub facts: Facts,
    seen: Seen,
    reads: Arc<Reads>,
}

impl Ahead {
    pub(super) async fn holds(&self, connection: &mut Connection) -> Result<bool, StoreError> {
        Ok(!self.seen.is_past(connection, &self.reads.objects).await?)
    }
}

/// Records many units lead to, kept from one to the next.
#[derive(Debug, Default)]
pub struct Shared {
    seen: Option<Seen>,
    records: BTreeMap<(Name, Uuid), Option<Arc<Record>>>,
    keys: BTreeMap<(Name, String), Option<Uuid>>,
}

/// Records kept at most: some ten thousand customers and partners are the most that units have in common.
const SHARED_MAX: usize = 50_000;

impl Shared {
    /// Moves what is at hand from the need to the facts.
    fn give(&self, need: &mut Need, facts: &mut Facts) {
        need.records.retain(|key| match self.records.get(key) {
            Some(found) => facts.records.insert(key.clone(), found.clone()).is_some(),
            None => true,
        });
        need.keys.retain(|key| match self.keys.get(key) {
            Some(found) => facts.keys.insert(key.clone(), *found).is_some(),
            None => true,
        });
    }

    fn keep(&mut self, need: &Need, facts: &Facts, own: &Name) {
        if self.records.len() > SHARED_MAX {
            self.records.clear();
        }
        let led_to = need.records.iter().filter(|(object, _)| object != own);
        self.records.extend(led_to.filter_map(|key| Some((key.clone(), facts.records.get(key)?.clone()))));
        self.keys.extend(need.keys.iter().filter_map(|key| Some((key.clone(), *facts.keys.get(key)?))));
    }
}

impl Store {
    /// Reads what is asked for until nothing more is, all in one snapshot. `own` are the facts themselves: nobody shares them.
    pub async fn read_ahead(
        &self,
        scope: &Scope,
        model: &Model,
        reads: &Arc<Reads>,
        own: &Name,
        shared: &mut Shared,
        wanted: impl Fn(&Facts) -> Need,
    ) -> Result<Ahead, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        connection.begin_reading().await?;
        let now = Seen::now(&mut connection).await?;
        match &shared.seen {
            Some(seen) if !seen.is_past(&mut connection, &reads.objects).await? => {}
            _ => *shared = Shared { seen: Some(now.clone()), ..Shared::default() },
        }
        let mut facts = Facts::default();
        for _ in 0..ROUNDS_MAX {
            let mut need = wanted(&facts);
            if need.is_empty() {
                break;
            }
            shared.give(&mut need, &mut facts);
            let records = Records::reading(model, &need, &reads.slots)?;
            let statements = records.statements(connection.dialect());
            records.add(connection.rows_of_each("reading records ahead", statements).await?, &mut facts)?;
            let (keys, collections) = (need.keys.clone(), need.collections.clone());
            let rest = Need { keys, collections, ..Need::default() };
            self.fetch_with(&mut connection, model, &rest, &mut facts).await?;
            shared.keep(&need, &facts, own);
        }
        connection.commit().await?;
        self.keep_collections(model, &facts.collections);
        let seen = shared.seen.clone().unwrap_or(now);
        Ok(Ahead { facts, seen, reads: reads.clone() })
    }
}
