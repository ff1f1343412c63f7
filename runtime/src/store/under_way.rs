//! What is under way and would lose its ground when other definitions come into force: records in a state that goes, runs
//! of a plan that goes, imports into an object that goes, price rows by a schedule that goes. Counted when a plan is made, and again in the transaction that
//! publishes, which no command overlaps.

use super::column::table;
use super::connection::Connection;
use super::line::Columns;
use super::run::RunStatus;
use super::sql::{Datum, Kind, Sql};
use super::{Scope, Store, StoreError};
use packwork_engine::definition::Kind as DefinitionKind;
use packwork_engine::layers::{Composite, renames};
use packwork_engine::record::Name;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

const DOING: &str = "counting what is under way";
/// Statuses of an import on which somebody works.
const IMPORTING: [&str; 3] = ["planning", "applying", "reverting"];

/// What goes, of which something may be under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ground {
    State {
        object: Name,
        lifecycle: Name,
        state: Name,
    },
    Plan(Name),
    Object(Name),
    /// A schedule that rows of a rate table name.
    Schedule {
        table: Name,
        schedule: Name,
    },
}

/// So much is under way on ground that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnderWay {
    pub ground: Ground,
    pub rows: i64,
}

/// All that goes when a model comes after a former one.
#[derive(Clone, Debug, Default)]
pub(super) struct Leaving {
    /// By object and lifecycle, as the former model calls them.
    states: Vec<(Name, Name, Vec<Name>)>,
    plans: Vec<Name>,
    objects: Vec<Name>,
    schedules: Vec<Name>,
    /// Rate tables that stay, with each of their values that may be a schedule, as the former model calls them.
    scheduled: Vec<(Name, Name)>,
}

/// Records of an object that stand in another state from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StateMove {
    /// As the former model calls it.
    pub(super) object_was: String,
    pub(super) object: String,
    pub(super) from: String,
    pub(super) to: String,
}

/// Definitions with their layers; they need not compile.
pub type Documents = BTreeMap<(DefinitionKind, Name), Composite>;

/// The lifecycle of an object.
fn lifecycle_of<'d>(documents: &'d Documents, object: &str) -> Option<(&'d Name, &'d Json)> {
    let mut lifecycles = documents.iter().filter(|((kind, _), _)| *kind == DefinitionKind::Lifecycle);
    let found = lifecycles.find(|(_, composite)| composite.json["on"] == *object);
    found.map(|((_, name), composite)| (name, &*composite.json))
}

/// What records stand in: objects, and price tables with their rows.
fn objects(documents: &Documents) -> impl Iterator<Item = &Name> {
    let kinds = [DefinitionKind::Object, DefinitionKind::RateTable];
    documents.keys().filter(move |(kind, _)| kinds.contains(kind)).map(|(_, name)| name)
}

impl Leaving {
    pub(super) fn of(former: &Documents, next: &Documents) -> Leaving {
        let renamed = renames::of_objects(former, next);
        let present =
            |name: &Name| renamed.get(&**name).map_or_else(|| name.clone(), |present| present.as_str().into());
        let kept: BTreeSet<&Name> = objects(next).collect();
        let mut leaving = Leaving::default();
        for name in objects(former) {
            let present = present(name);
            if !kept.contains(&present) {
                leaving.objects.push(name.clone());
                continue;
            }
            let Some((lifecycle, before)) = lifecycle_of(former, name) else { continue };
            let now = lifecycle_of(next, &present).map(|(_, now)| now);
            let moved = now.map(|now| renames::of_states(before, now)).unwrap_or_default();
            let goes = |state: &str, written: &Json| match now {
                Some(now) => now["states"].get(state).is_none() && !moved.contains_key(state),
                // Without any lifecycle, a state that was final needs none.
                None => written["final"] != true,
            };
            let states = before["states"].as_object().into_iter().flatten();
            let gone: Vec<Name> = states
                .filter(|(state, written)| goes(state, written))
                .map(|(state, _)| state.as_str().into())
                .collect();
            if !gone.is_empty() {
                leaving.states.push((name.clone(), lifecycle.clone(), gone));
            }
        }
        let gone = |kind: DefinitionKind| -> Vec<Name> {
            let of_kind = former.keys().filter(|key| key.0 == kind && !next.contains_key(*key));
            of_kind.map(|(_, name)| name.clone()).collect()
        };
        leaving.plans = gone(DefinitionKind::SettlementPlan);
        leaving.schedules = gone(DefinitionKind::Schedule);
        if !leaving.schedules.is_empty() {
            let tables = former.iter().filter(|(key, _)| key.0 == DefinitionKind::RateTable);
            let kept = tables.filter(|((_, name), _)| kept.contains(&present(name)));
            leaving.scheduled = kept.flat_map(|((_, name), table)| scheduled(name, &table.json)).collect();
        }
        leaving
    }

    /// What of it is in use, by the tables as the former model has made them.
    pub(super) async fn in_use(&self, connection: &mut Connection) -> Result<Vec<UnderWay>, StoreError> {
        let mut found = Vec::new();
        for (object, lifecycle, states) in &self.states {
            for (state, rows) in in_states(connection, object, states).await? {
                let (object, lifecycle) = (object.clone(), lifecycle.clone());
                found.push(UnderWay { ground: Ground::State { object, lifecycle, state }, rows });
            }
        }
        for plan in &self.plans {
            let text = "SELECT count(*) FROM settlement_run WHERE plan = ? AND status = ?";
            let binds = vec![Datum::text(plan), Datum::text(RunStatus::Running.as_str())];
            let rows = counted(connection, text, binds).await?;
            found.extend((rows > 0).then(|| UnderWay { ground: Ground::Plan(plan.clone()), rows }));
        }
        for object in &self.objects {
            let text = "SELECT count(*) FROM import WHERE object = ? AND status IN (?, ?, ?)";
            let binds = [&**object].into_iter().chain(IMPORTING).map(Datum::text).collect();
            let rows = counted(connection, text, binds).await?;
            found.extend((rows > 0).then(|| UnderWay { ground: Ground::Object(object.clone()), rows }));
        }
        for (of, value) in &self.scheduled {
            let text = format!(
                "SELECT f_{value}_schedule, count(*) FROM {} WHERE f_deleted_at IS NULL AND f_superseded_at IS NULL AND ",
                table(of)
            );
            for (schedule, rows) in by_value(connection, &text, &format!("f_{value}_schedule"), &self.schedules).await?
            {
                found.push(UnderWay { ground: Ground::Schedule { table: of.clone(), schedule }, rows });
            }
        }
        Ok(found)
    }
}

/// The values of a rate table that may be a schedule.
fn scheduled(name: &Name, table: &Json) -> Vec<(Name, Name)> {
    let values = table["values"].as_object().into_iter().flatten();
    let of_schedules = values.filter(|(_, value)| value["type"] == "money_or_schedule");
    of_schedules.map(|(value, _)| (name.clone(), value.as_str().into())).collect()
}

/// Which states take the records of which others when definitions come after former ones.
pub(super) fn state_moves(former: &Documents, next: &Documents) -> Vec<StateMove> {
    let renamed = renames::of_objects(former, next);
    let mut moves = Vec::new();
    for name in objects(former) {
        let object = renamed.get(&**name).map_or_else(|| name.to_string(), String::clone);
        let (Some((_, before)), Some((_, now))) = (lifecycle_of(former, name), lifecycle_of(next, &object)) else {
            continue;
        };
        let moved = renames::of_states(before, now).into_iter();
        moves.extend(moved.map(|(from, to)| StateMove {
            object_was: name.to_string(),
            object: object.clone(),
            from,
            to,
        }));
    }
    moves
}

impl Store {
    /// Everything under way that loses its ground when definitions come after former ones.
    pub async fn under_way(
        &self,
        scope: &Scope,
        former: &Documents,
        next: &Documents,
    ) -> Result<Vec<UnderWay>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        Leaving::of(former, next).in_use(&mut connection).await
    }
}

/// Live records in each of these states, where there are some.
async fn in_states(connection: &mut Connection, object: &str, states: &[Name]) -> Result<Vec<(Name, i64)>, StoreError> {
    let text = format!("SELECT f_state, count(*) FROM {} WHERE f_deleted_at IS NULL AND ", table(object));
    by_value(connection, &text, "f_state", states).await
}

/// How many rows have each of these values in a column, where there are some.
async fn by_value(
    connection: &mut Connection,
    select: &str,
    column: &str,
    values: &[Name],
) -> Result<Vec<(Name, i64)>, StoreError> {
    let mut sql = Sql::of(connection.dialect(), select, vec![]);
    sql.any_of(column, Datum::Texts(values.to_vec())).push(&format!(" GROUP BY {column} ORDER BY {column}"));
    let rows = connection.rows(DOING, sql, &[Kind::Text, Kind::Int]).await?;
    rows.into_iter()
        .map(|row| {
            let mut row = Columns::of("value", row);
            Ok((row.text()?, row.int()?))
        })
        .collect()
}

async fn counted(connection: &mut Connection, text: &str, binds: Vec<Datum>) -> Result<i64, StoreError> {
    let sql = Sql::of(connection.dialect(), text, binds);
    let row = connection.row(DOING, sql, &[Kind::Int]).await?;
    Columns::of("count", row.unwrap_or_default()).int()
}
