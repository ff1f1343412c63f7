//! What is under way, counted for whoever wants to change the definitions.

use super::column::table;
use super::line::Columns;
use super::run::RunStatus;
use super::sql::{Datum, Kind, Sql};
use super::{Scope, Store, StoreError};
use packwork_engine::model::Model;
use packwork_engine::record::Name;
use std::sync::Arc;

const DOING: &str = "counting what is under way";
/// Statuses of an import on which somebody works.
const IMPORTING: [&str; 3] = ["planning", "applying", "reverting"];

impl Store {
    /// Live records in each of these states, where there are some.
    pub async fn in_states(
        &self,
        scope: &Scope,
        model: &Model,
        object: &str,
        states: &[Name],
    ) -> Result<Vec<(Name, i64)>, StoreError> {
        self.check(scope)?;
        if model.object(object).is_none() {
            return Ok(Vec::new());
        }
        let mut connection = self.reader().await?;
        let text = format!("SELECT f_state, count(*) FROM {} WHERE f_deleted_at IS NULL AND ", table(object));
        let mut sql = Sql::of(connection.dialect(), &text, vec![]);
        let states: Vec<Arc<str>> = states.to_vec();
        sql.any_of("f_state", Datum::Texts(states)).push(" GROUP BY f_state ORDER BY f_state");
        let rows = connection.rows(DOING, sql, &[Kind::Text, Kind::Int]).await?;
        rows.into_iter()
            .map(|row| {
                let mut row = Columns::of("state", row);
                Ok((row.text()?, row.int()?))
            })
            .collect()
    }

    /// Runs of a plan that have not ended.
    pub async fn running_of_plan(&self, scope: &Scope, plan: &str) -> Result<i64, StoreError> {
        let text = "SELECT count(*) FROM settlement_run WHERE plan = ? AND status = ?";
        self.counted(scope, text, vec![Datum::text(plan), Datum::text(RunStatus::Running.as_str())]).await
    }

    /// Imports into an object on which somebody works.
    pub async fn imports_under_way(&self, scope: &Scope, object: &str) -> Result<i64, StoreError> {
        let text = "SELECT count(*) FROM import WHERE object = ? AND status IN (?, ?, ?)";
        let binds = [object].into_iter().chain(IMPORTING).map(Datum::text).collect();
        self.counted(scope, text, binds).await
    }

    async fn counted(&self, scope: &Scope, text: &str, binds: Vec<Datum>) -> Result<i64, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let sql = Sql::of(connection.dialect(), text, binds);
        let row = connection.row(DOING, sql, &[Kind::Int]).await?;
        Columns::of("count", row.unwrap_or_default()).int()
    }
}
