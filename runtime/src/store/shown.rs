//! One record with the titles of what it refers to, in one statement: what opening a record costs most is statements.

use super::column::{self, Layout};
use super::filter::ROOT;
use super::list::{Life, Within};
use super::sql::{Datum, Kind};
use super::{Scope, Store, StoreError};
use packwork_engine::model::Model;
use packwork_engine::object::{Field, FieldKind};
use packwork_engine::query::Filter;
use packwork_engine::record::{Name, Record};
use packwork_engine::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Titles by object and id.
pub type TitlesOf = BTreeMap<(Name, Uuid), String>;

impl Store {
    /// One record, deleted or not, if the caller may see it, and what names the records its references lead to: those
    /// that lead to one object only and are named by a text. What does not exist is absent.
    pub async fn get_titled(
        &self,
        scope: &Scope,
        model: &Model,
        object: &str,
        id: Uuid,
    ) -> Result<Option<(Arc<Record>, TitlesOf)>, StoreError> {
        self.check(scope)?;
        let layout = Layout::of(model, object)?;
        let within = Within::new(scope, model, object, &Filter::All, Life::Any)?;
        let mut connection = self.reader().await?;
        let mut sql = layout.sql(connection.dialect());
        let mut kinds = layout.kinds();
        let own = kinds.len();
        sql.push("SELECT ").push(&layout.select_list(ROOT));
        let mut titled = Vec::new();
        for (slot, field) in layout.object.fields.iter().enumerate() {
            let Some((target, display)) = named_by_text(model, field) else { continue };
            sql.push(", (SELECT coalesce(r.").push(&column::column(display)).push(", '') FROM ");
            sql.push(&column::table(target)).push(" AS r WHERE r.f_id = ").push(ROOT).push(".");
            sql.push(&column::column(field)).push(")");
            kinds.push(Kind::Text);
            titled.push((slot, target));
        }
        within.push_from_where(&mut sql)?;
        sql.push(" AND t.f_id = ").bind(Datum::Id(id));
        let Some(mut row) = connection.row("reading a record", sql, &kinds).await? else { return Ok(None) };
        let titles = row.split_off(own);
        let record = layout.decode(row)?;
        let named = titled.into_iter().zip(titles).filter_map(|((slot, target), title)| {
            match (record.values.get(slot), title) {
                (Some(Value::Id(id)), Datum::Text(title)) => Some(((target.clone(), *id), title.to_string())),
                _ => None,
            }
        });
        let titles = named.collect();
        Ok(Some((record, titles)))
    }
}

/// Where a reference leads, and the text that names it there.
fn named_by_text<'m>(model: &'m Model, field: &'m Field) -> Option<(&'m Name, &'m Field)> {
    let FieldKind::Id { to, .. } = &field.kind else { return None };
    let [target] = &to[..] else { return None };
    let object = model.object(target)?;
    let display = object.fields.get(object.display)?;
    (column::kind(display) == Some(Kind::Text)).then_some((target, display))
}
