//! Finding many records at once: by the text in one field, by id, what was done to them.

use super::column::{self, Layout};
use super::list::{Life, Within};
use super::sql::{Datum, Kind, Sql};
use super::{Scope, Store, StoreError};
use packwork_engine::decision::Change;
use packwork_engine::model::Model;
use packwork_engine::moment::Moment;
use packwork_engine::query::Filter;
use packwork_engine::record::Name;
use std::collections::BTreeMap;
use uuid::Uuid;

impl Store {
    /// Live records within the caller's rows whose field is one of these texts: text and id.
    pub async fn find(
        &self,
        scope: &Scope,
        model: &Model,
        object: &str,
        slot: usize,
        texts: Vec<Name>,
    ) -> Result<Vec<(Name, Uuid)>, StoreError> {
        self.check(scope)?;
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let layout = Layout::of(model, object)?;
        let field = &layout.object.fields[slot];
        if column::kind(field) != Some(Kind::Text) {
            return Err(StoreError::BadQuery(format!("records are found by texts, not by `{}`", field.name)));
        }
        let within = Within::new(scope, model, object, &Filter::All, Life::Live)?;
        let name = format!("t.{}", column::column(field));
        let mut connection = self.reader().await?;
        let mut sql = layout.sql(connection.dialect());
        sql.push("SELECT ").push(&name).push(", t.f_id");
        within.push_from_where(&mut sql)?;
        sql.push(" AND ").any_of(&name, Datum::Texts(texts));
        let rows = connection.rows("finding records", sql, &[Kind::Text, Kind::Id]).await?;
        let pair = |row: Vec<Datum>| match &row[..] {
            [Datum::Text(text), Datum::Id(id)] => Some((text.clone(), *id)),
            _ => None,
        };
        Ok(rows.into_iter().filter_map(pair).collect())
    }

    /// What was changed in these records at these moments: by record and moment.
    pub async fn changes_at(
        &self,
        scope: &Scope,
        of: &[(Uuid, Moment)],
    ) -> Result<BTreeMap<(Uuid, Moment), BTreeMap<String, Change>>, StoreError> {
        self.check(scope)?;
        let mut found = BTreeMap::new();
        if of.is_empty() {
            return Ok(found);
        }
        let (records, moments): (Vec<Uuid>, Vec<i64>) = of.iter().map(|(record, at)| (*record, at.micros())).unzip();
        let mut connection = self.reader().await?;
        let mut sql = Sql::of(connection.dialect(), "SELECT record, at, changes FROM event WHERE ", vec![]);
        sql.any_of("record", Datum::Ids(records)).push(" AND ").any_of("at", Datum::Ints(moments));
        for row in connection.rows("reading changes", sql, &[Kind::Id, Kind::Int, Kind::Json]).await? {
            let mut row = super::line::Columns::of("event", row);
            found.insert((row.id()?, row.moment()?), row.json()?);
        }
        Ok(found)
    }
}
