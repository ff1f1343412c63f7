//! Finding many records at once: by the text in one field, by id, what a command did to them.

use super::column::{self, Layout};
use super::list::{Life, Within};
use super::sql::{Datum, Kind, Sql};
use super::{Scope, Store, StoreError};
use packwork_engine::decision::Change;
use packwork_engine::model::Model;
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

    /// What commands changed in these records: by (record, command).
    pub async fn changes_by(
        &self,
        scope: &Scope,
        of: &[(Uuid, Uuid)],
    ) -> Result<BTreeMap<(Uuid, Uuid), BTreeMap<String, Change>>, StoreError> {
        self.check(scope)?;
        let mut found = BTreeMap::new();
        if of.is_empty() {
            return Ok(found);
        }
        let (records, commands): (Vec<Uuid>, Vec<Uuid>) = of.iter().copied().unzip();
        let mut connection = self.reader().await?;
        let mut sql = Sql::of(connection.dialect(), "SELECT record, command, changes FROM event WHERE ", vec![]);
        sql.any_of("record", Datum::Ids(records)).push(" AND ").any_of("command", Datum::Ids(commands));
        for row in connection.rows("reading changes", sql, &[Kind::Id, Kind::Id, Kind::Json]).await? {
            let mut row = super::line::Columns::of("event", row);
            found.insert((row.id()?, row.id()?), row.json()?);
        }
        Ok(found)
    }
}
