//! Facts by what stands posted for them: which have lines, and which have lines although they are facts no longer.

use super::connection::Connection;
use super::line::standing;
use super::list::{Life, Within};
use super::sql::{Datum, Kind, Sql};
use super::{Scope, Store, StoreError};
use packwork_engine::model::Model;
use packwork_engine::moment::Date;
use packwork_engine::query::Filter;
use packwork_engine::record::Name;
use uuid::Uuid;

/// The facts of a plan and a period of its calendar: records of an object that meet a filter.
#[derive(Clone, Debug, PartialEq)]
pub struct FactsOf {
    pub plan: Name,
    pub period: String,
    pub object: Name,
    pub facts: Filter,
    /// No others are looked at.
    pub among: Option<Vec<Uuid>>,
}

impl Store {
    /// What has standing lines charged for a period, posted in it or late in one after it, and is none of its facts; by
    /// business date. Lines of late facts stand in the period too: they are an earlier one's. Names of periods sort as the
    /// periods do.
    pub async fn standing_without_fact(
        &self,
        scope: &Scope,
        model: &Model,
        of: &FactsOf,
    ) -> Result<Vec<Uuid>, StoreError> {
        self.check(scope)?;
        let facts = Within::new(scope, model, &of.object, &of.facts, Life::Live)?;
        let mut connection = self.reader().await?;
        let mut sql = Sql::new(connection.dialect());
        let stands = standing(sql.dialect);
        sql.push("SELECT l.fact FROM settlement_line AS l WHERE ").push(stands);
        sql.push(" AND l.period >= ").bind(Datum::text(&of.period));
        sql.push(" AND l.service_period = ").bind(Datum::text(&of.period));
        sql.push(" AND l.plan = ").bind(Datum::Text(of.plan.clone()));
        if let Some(among) = &of.among {
            sql.push(" AND ").any_of("l.fact", Datum::Ids(among.clone()));
        }
        sql.push(" AND NOT EXISTS (SELECT 1");
        facts.push_from_where(&mut sql)?;
        sql.push(" AND t.f_id = l.fact) GROUP BY l.fact ORDER BY max(l.business_date), l.fact");
        ids(&mut connection, sql).await
    }

    /// What has standing lines with a business date in `[from, until)`.
    pub async fn standing_between(
        &self,
        scope: &Scope,
        plan: &Name,
        from: Date,
        until: Date,
    ) -> Result<Vec<Uuid>, StoreError> {
        self.check(scope)?;
        let mut connection = self.reader().await?;
        let mut sql = Sql::new(connection.dialect());
        let stands = standing(sql.dialect);
        sql.push("SELECT DISTINCT l.fact FROM settlement_line AS l WHERE ").push(stands);
        sql.push(" AND l.plan = ").bind(Datum::Text(plan.clone()));
        sql.push(" AND l.business_date >= ").bind(Datum::Date(from));
        sql.push(" AND l.business_date < ").bind(Datum::Date(until)).push(" ORDER BY l.fact");
        ids(&mut connection, sql).await
    }
}

async fn ids(connection: &mut Connection, sql: Sql) -> Result<Vec<Uuid>, StoreError> {
    let rows = connection.rows("looking for facts with lines", sql, &[Kind::Id]).await?;
    Ok(rows.into_iter().filter_map(super::list::first_id).collect())
}
