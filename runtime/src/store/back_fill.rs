//! Records that are older than their definition: which of them lack something, and completing some of them together
//! with the step of the job that does it.

use super::bulk::{self, Applied, Bulk};
use super::column::table;
use super::connection::Connection;
use super::job::{self, Held, NewJob, Step, advance};
use super::line::Columns;
use super::publication::Version;
use super::sql::{Datum, Kind, Sql};
use super::tables::{Step as TableStep, TablePlan};
use super::transaction::{End, Locks};
use super::{Scope, Store, StoreError};
use packwork_engine::ids::id_of_text;
use packwork_engine::model::Model;
use packwork_engine::refusal::Refusal;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Kind of the jobs that complete records.
pub const BACK_FILL: &str = "back_fill";

/// The records of one object, and of what it owns, that are to be completed: columns by object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackFill {
    pub object: String,
    pub columns: BTreeMap<String, BTreeSet<String>>,
}

/// Makes the step of a job from what became of its commands.
pub type StepOf = Box<dyn Fn(&[Result<Applied, Box<Refusal>>]) -> Step + Send + Sync + 'static>;

impl BackFill {
    /// `WHERE …` over the rows `a` of the object.
    fn condition(&self) -> String {
        let mut lacking = Vec::new();
        for (object, columns) in &self.columns {
            let empty: Vec<String> = columns.iter().map(|column| format!("{column} IS NULL")).collect();
            let empty = empty.join(" OR ");
            lacking.push(match *object == self.object {
                true => format!("({empty})"),
                false => format!(
                    "a.f_id IN (SELECT f_item_of FROM {} WHERE f_deleted_at IS NULL AND ({empty}))",
                    table(object)
                ),
            });
        }
        format!("WHERE a.f_deleted_at IS NULL AND ({})", lacking.join(" OR "))
    }
}

impl Store {
    /// The next records that lack something, in the order of their ids.
    pub async fn incomplete(
        &self,
        scope: &Scope,
        back_fill: &BackFill,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<Uuid>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let mut sql = Sql::new(connection.dialect());
        sql.push("SELECT a.f_id FROM ").push(&table(&back_fill.object)).push(" AS a ").push(&back_fill.condition());
        if let Some(after) = after {
            sql.push(" AND a.f_id > ").bind(Datum::Id(after));
        }
        sql.push(" ORDER BY a.f_id LIMIT ").bind(Datum::Int(i64::from(limit)));
        let rows = connection.rows("looking for records that lack something", sql, &[Kind::Id]).await?;
        rows.into_iter().map(|row| Columns::of("record", row).id()).collect()
    }

    /// Carries out the commands of one unit of a job, each for itself; nothing where the job was lost.
    pub async fn carry_out_unit(
        &self,
        scope: &Scope,
        model: &Arc<Model>,
        bulk: Bulk,
        step: StepOf,
    ) -> Result<Held, StoreError> {
        self.check(scope)?;
        let keys = bulk.locks.clone();
        let carried = Arc::new((self.clone(), scope.clone(), model.clone(), bulk, step));
        let (held, collections) = self
            .transact_many(Locks { exclusive: false, keys }, move |connection, savepoints| {
                let carried = carried.clone();
                Box::pin(async move {
                    let (store, scope, model, bulk, step) = &*carried;
                    let done = bulk::carry_out_each(store, connection, scope, model, bulk, savepoints).await?;
                    let Some((executed, collections)) = done else { return Ok(None) };
                    Ok(Some(match advance(connection, &step(&executed)).await? {
                        Held::Yes => End::Keep((Held::Yes, collections)),
                        Held::Lost => End::Undo((Held::Lost, BTreeMap::new())),
                    }))
                })
            })
            .await?;
        self.keep_collections(model, &collections);
        Ok(held)
    }
}

/// Adds the jobs a plan of tables asks for, in the transaction that carries it out; their ids.
pub(super) async fn begin(
    connection: &mut Connection,
    plan: &TablePlan,
    version: &Version,
) -> Result<Vec<Uuid>, StoreError> {
    let mut wanted: BTreeMap<&str, BackFill> = BTreeMap::new();
    for planned in &plan.steps {
        if let TableStep::BackFill { object, root, column } = &planned.step {
            let back_fill =
                wanted.entry(root).or_insert_with(|| BackFill { object: root.clone(), columns: BTreeMap::new() });
            back_fill.columns.entry(object.clone()).or_default().insert(column.clone());
        }
    }
    let mut jobs = Vec::new();
    for back_fill in wanted.into_values() {
        let text = format!("SELECT count(*) FROM {} AS a {}", table(&back_fill.object), back_fill.condition());
        let sql = Sql::of(connection.dialect(), &text, vec![]);
        let row = connection.row("counting records that lack something", sql, &[Kind::Int]).await?;
        let total = Columns::of("count", row.unwrap_or_default()).int()?;
        if total == 0 {
            continue;
        }
        let new = NewJob {
            id: job_id(version, &back_fill.object),
            kind: BACK_FILL,
            subject: None,
            actor: version.author,
            input: serde_json::json!(back_fill),
            total: Some(total),
            at: version.at,
        };
        job::insert(connection, &new).await?;
        jobs.push(new.id);
    }
    Ok(jobs)
}

/// The same for a publication that is tried again.
fn job_id(version: &Version, object: &str) -> Uuid {
    let text = format!("{BACK_FILL} {} {} {} {object}", version.number, version.hash, version.at.micros());
    id_of_text(&text)
}
