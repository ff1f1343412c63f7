//! What scripts cost and were run with: added up and kept for all processes of a tenant.

use super::connection::Connection;
use super::line::Columns;
use super::sql::{Datum, Kind, Sql};
use super::transaction::{End, Locks};
use super::{Scope, Store, StoreError};
use packwork_engine::moment::Moment;
use serde_json::Value as Json;
use std::sync::Arc;
use uuid::Uuid;

/// Inputs that are kept of one script.
pub const INPUTS_KEPT: usize = 10;

/// The bounds of the histogram of operations; the last bucket has none.
pub const OPERATIONS_UP_TO: [u64; 4] = [100, 1_000, 10_000, 50_000];

/// What the runs of a script came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptUsage {
    pub script: String,
    /// When it was first counted.
    pub since: Moment,
    pub runs: i64,
    pub failures: i64,
    pub operations: i64,
    pub operations_max: i64,
    pub micros: i64,
    /// Runs by [`OPERATIONS_UP_TO`], and those beyond.
    pub histogram: [i64; 5],
}

/// One run that can be repeated.
#[derive(Clone, Debug, PartialEq)]
pub struct ScriptInput {
    pub id: Uuid,
    pub script: String,
    pub at: Moment,
    /// Inputs and what came of them.
    pub document: Json,
}

const USAGE: &str = "script, since, runs, failures, operations, operations_max, micros, up_to_100, up_to_1000, up_to_10000, \
    up_to_50000, beyond";

impl Store {
    /// Adds what scripts have cost, and keeps their last inputs.
    pub async fn add_script_runs(
        &self,
        scope: &Scope,
        usage: Vec<ScriptUsage>,
        inputs: Vec<ScriptInput>,
    ) -> Result<(), StoreError> {
        self.check(scope)?;
        let counted = Arc::new((usage, inputs));
        self.transact(Locks::key("script usage"), move |connection| {
            let counted = counted.clone();
            Box::pin(async move {
                for usage in &counted.0 {
                    add(connection, usage).await?;
                }
                for input in &counted.1 {
                    keep(connection, input).await?;
                }
                Ok(End::Keep(()))
            })
        })
        .await
    }

    pub async fn script_usage(&self, scope: &Scope) -> Result<Vec<ScriptUsage>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let sql = Sql::of(connection.dialect(), &format!("SELECT {USAGE} FROM script_usage ORDER BY script"), vec![]);
        let mut kinds = [Kind::Int; 12];
        kinds[0] = Kind::Text;
        let read = |row| {
            let mut row = Columns::of("script_usage", row);
            Ok(ScriptUsage {
                script: row.text()?.to_string(),
                since: row.moment()?,
                runs: row.int()?,
                failures: row.int()?,
                operations: row.int()?,
                operations_max: row.int()?,
                micros: row.int()?,
                histogram: [row.int()?, row.int()?, row.int()?, row.int()?, row.int()?],
            })
        };
        connection.rows("reading what scripts cost", sql, &kinds).await?.into_iter().map(read).collect()
    }

    /// The last inputs of a script, newest first.
    pub async fn script_inputs(&self, scope: &Scope, script: &str) -> Result<Vec<ScriptInput>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let text = "SELECT id, at, document FROM script_input WHERE script = ? ORDER BY at DESC, id DESC LIMIT ?";
        let binds = vec![Datum::text(script), kept()];
        let sql = Sql::of(connection.dialect(), text, binds);
        let rows = connection.rows("reading inputs of a script", sql, &[Kind::Id, Kind::Int, Kind::Text]).await?;
        rows.into_iter()
            .map(|row| {
                let mut row = Columns::of("script_input", row);
                let id = row.optional_id().unwrap_or_default();
                let (at, text) = (row.moment()?, row.text()?);
                let document = serde_json::from_str(&text).map_err(|error| StoreError::Corrupt {
                    place: "script_input.document".to_owned(),
                    cause: error.to_string(),
                })?;
                Ok(ScriptInput { id, script: script.to_owned(), at, document })
            })
            .collect()
    }
}

fn kept() -> Datum {
    Datum::Int(i64::try_from(INPUTS_KEPT).unwrap_or(i64::MAX))
}

async fn add(connection: &mut Connection, usage: &ScriptUsage) -> Result<(), StoreError> {
    let text = format!(
        "INSERT INTO script_usage ({USAGE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (script) DO UPDATE SET runs = script_usage.runs + excluded.runs,
         failures = script_usage.failures + excluded.failures,
         operations = script_usage.operations + excluded.operations,
         operations_max = CASE WHEN excluded.operations_max > script_usage.operations_max
         THEN excluded.operations_max ELSE script_usage.operations_max END,
         micros = script_usage.micros + excluded.micros,
         up_to_100 = script_usage.up_to_100 + excluded.up_to_100,
         up_to_1000 = script_usage.up_to_1000 + excluded.up_to_1000,
         up_to_10000 = script_usage.up_to_10000 + excluded.up_to_10000,
         up_to_50000 = script_usage.up_to_50000 + excluded.up_to_50000,
         beyond = script_usage.beyond + excluded.beyond"
    );
    let numbers =
        [usage.since.micros(), usage.runs, usage.failures, usage.operations, usage.operations_max, usage.micros];
    let numbers = numbers.into_iter().chain(usage.histogram).map(Datum::Int);
    let binds = [Datum::text(&usage.script)].into_iter().chain(numbers).collect();
    connection.execute("adding what a script cost", Sql::of(connection.dialect(), &text, binds)).await.map(|_| ())
}

async fn keep(connection: &mut Connection, input: &ScriptInput) -> Result<(), StoreError> {
    let doing = "keeping inputs of a script";
    let text = "INSERT INTO script_input (id, script, at, document) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING";
    let binds = vec![
        Datum::Id(input.id),
        Datum::text(&input.script),
        Datum::Int(input.at.micros()),
        Datum::text(&input.document.to_string()),
    ];
    connection.execute(doing, Sql::of(connection.dialect(), text, binds)).await?;
    let text = "DELETE FROM script_input WHERE script = ? AND id NOT IN
        (SELECT id FROM script_input WHERE script = ? ORDER BY at DESC, id DESC LIMIT ?)";
    let binds = vec![Datum::text(&input.script), Datum::text(&input.script), kept()];
    connection.execute(doing, Sql::of(connection.dialect(), text, binds)).await.map(|_| ())
}
