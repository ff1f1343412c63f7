//! Rate tables as people edit them: listed, looked over, changed many rows at once. What a change means the engine
//! decides; the rows are records, and who may do what with records may do it here.

pub mod change;
pub mod findings;

use super::records::list::{self, Listed};
use super::records::{self, may};
use super::session::Caller;
use super::{Answer, Error, refuse, texts};
use crate::app::App;
use crate::store::Scope;
use packwork_engine::access::Action;
use packwork_engine::codes::Code;
use packwork_engine::facts::{Collection, Facts, Need};
use packwork_engine::model::Model;
use packwork_engine::moment::{Date, Moment};
use packwork_engine::object::Object;
use packwork_engine::record::{Name, slot};
use packwork_engine::settlement::plan::RateTable;
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// A rate table the caller may read, with the object of its rows.
pub fn table<'m>(model: &'m Model, caller: &Caller, name: &str) -> Answer<(&'m RateTable, Arc<Object>)> {
    let Some(table) = model.rate_tables.get(name) else {
        let known: Vec<&str> = model.rate_tables.keys().map(|name| &**name).collect();
        let refusal = refuse(Code::UnknownDefinition, format!("there is no rate table `{name}`"));
        return Err(refusal.with("name", name).with("known", known).into());
    };
    Ok((table, records::object(model, caller, name)?))
}

/// The rate tables the caller may read.
pub fn tables(app: &App, caller: &Caller) -> Answer<Json> {
    let model = app.model();
    let readable = model.rate_tables.values().filter(|table| caller.rights().may(&table.name, Action::Read));
    let data: Vec<Json> = readable
        .map(|table| {
            let title = texts::object_title(&model, caller.locale, &table.name);
            json!({"name": &*table.name, "title": title, "rights": rights(caller, &table.name)})
        })
        .collect();
    Ok(json!({"data": data}))
}

fn rights(caller: &Caller, table: &str) -> Json {
    let may = |action| caller.rights().may(table, action);
    json!({"create": may(Action::Create), "update": may(Action::Update)})
}

/// One table: what its rows are made of, and at which revision they stand.
pub async fn one(app: &App, caller: &Caller, name: &str) -> Answer<Json> {
    let model = app.model();
    let (table, object) = table(&model, caller, name)?;
    let rows = rows_of(app, &model, &app.system(), &table.name).await?;
    let superseded = object.field("superseded_at").map_or(slot::ID, |(slot, _)| slot);
    let live = rows.records.iter().filter(|row| !row.is_deleted() && row.values[superseded].is_null()).count();
    let titled = |slot: usize| {
        let field = &object.fields[slot];
        json!({"name": &*field.name, "title": texts::field_title(&model, caller.locale, field)})
    };
    Ok(json!({
        "name": &*table.name,
        "title": texts::object_title(&model, caller.locale, &table.name),
        "hit": table.policy,
        "no_match": table.no_match,
        "columns": table.columns.iter().map(|column| titled(column.slot)).collect::<Vec<_>>(),
        "values": table.values.iter().map(|value| titled(value.slot)).collect::<Vec<_>>(),
        "rows": live,
        "versions": rows.records.len(),
        "revision": rows.revision,
        "rights": rights(caller, &table.name),
    }))
}

/// All rows of a table, those superseded among them.
pub(in crate::service) async fn rows_of(
    app: &App,
    model: &Model,
    scope: &Scope,
    table: &Name,
) -> Answer<Arc<Collection>> {
    let mut facts = Facts::default();
    let need = Need { collections: [table.clone()].into(), ..Need::default() };
    app.store.fetch(scope, model, &need, &mut facts).await?;
    facts.collections.remove(table).ok_or_else(|| Error::Broken(format!("the rows of `{table}` were not read")))
}

/// Rows as asked for: by the day they hold on, by when they were known.
pub struct AskedRows {
    pub list: list::Asked,
    pub valid_at: Option<Date>,
    /// As the table was known then; as it is known now where not given.
    pub recorded_at: Option<Moment>,
    /// Every version that was ever known.
    pub all: bool,
}

pub async fn rows(app: &App, caller: &Caller, name: &str, mut asked: AskedRows) -> Answer<Listed> {
    table(&app.model(), caller, name)?;
    let mut conditions: Vec<Json> = asked.list.filter.take().into_iter().filter(|filter| !filter.is_null()).collect();
    if let Some(day) = asked.valid_at.map(|day| day.to_string()) {
        conditions.push(json!({"or": [{"valid_from": {"is_null": true}}, {"valid_from": {"lte": day}}]}));
        conditions.push(json!({"or": [{"valid_to": {"is_null": true}}, {"valid_to": {"gt": day}}]}));
    }
    match asked.recorded_at.map(|moment| moment.to_string()) {
        _ if asked.all => {}
        None => conditions.push(json!({"superseded_at": {"is_null": true}})),
        Some(moment) => {
            conditions.push(json!({"recorded_at": {"lte": moment}}));
            conditions.push(json!({"or": [{"superseded_at": {"is_null": true}}, {"superseded_at": {"gt": moment}}]}));
        }
    }
    asked.list.filter = Some(json!({"and": conditions}));
    if asked.list.sort.is_empty() {
        asked.list.sort = vec!["row".into()];
    }
    list::list(app, caller, name, asked.list).await
}

/// The caller may add rows, and close those that are there.
fn may_edit(caller: &Caller, object: &Object, adds: bool, ends: bool) -> Answer<()> {
    if adds {
        may(caller, object, Action::Create, "create")?;
    }
    if ends {
        may(caller, object, Action::Update, "update")?;
    }
    Ok(())
}
