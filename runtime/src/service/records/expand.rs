//! What stands beside a record: records it refers to, rows it owns, single fields of what it refers to. Read for a whole
//! page at once, one statement per relation, within the caller's rows: what they may not read is absent.

use super::list::{bad, sort, unknown_field};
use crate::app::App;
use crate::service::session::Caller;
use crate::service::view::{Page, Titles, field_json};
use crate::service::{self, Answer};
use crate::store::RowsQuery;
use packwork_engine::access::Action;
use packwork_engine::live;
use packwork_engine::model::Model;
use packwork_engine::object::{FieldKind, Object};
use packwork_engine::query::Sort;
use packwork_engine::record::{Name, Record, slot};
use packwork_engine::refusal::Refusal;
use packwork_engine::value::Value;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

/// Relations of one request.
const EXPANSIONS_MAX: usize = 5;
/// Rows of one relation of one record, where nobody says how many.
const ROWS: u32 = 20;
pub const ROWS_MAX: u32 = 200;

/// A relation as asked for.
#[derive(Clone, Debug, Default)]
pub struct Expand {
    pub name: String,
    pub fields: Option<Vec<String>>,
    pub limit: Option<u32>,
    pub sort: Vec<String>,
}

/// A relation that is there and may be read.
#[derive(Debug)]
pub struct Expansion {
    /// Of the field that leads there.
    pub slot: usize,
    name: String,
    /// The objects it leads to.
    to: Vec<Name>,
    kind: Leads,
    only: Option<BTreeSet<String>>,
    limit: u32,
    sort: Vec<Sort>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Leads {
    One,
    Several,
    Rows,
}

/// Reads the relations of a request; those the caller may not read are left out.
pub fn read(
    app: &App,
    model: &Model,
    caller: &Caller,
    object: &Object,
    asked: &[Expand],
) -> Result<Vec<Expansion>, Refusal> {
    if asked.len() > EXPANSIONS_MAX {
        let detail = format!("at most {EXPANSIONS_MAX} relations are expanded at once");
        return Err(bad("expand", detail).with("maximum", EXPANSIONS_MAX));
    }
    let mut expansions = Vec::new();
    for asked in asked {
        let name = asked.name.as_str();
        if name.contains('.') {
            let detail = format!("`{name}` leads too far: relations are expanded one level; `fields` follows further");
            return Err(bad("expand", detail).with("field", name));
        }
        let (at, field) = object.field(name).ok_or_else(|| unknown_field(caller, object, name))?;
        let (to, kind) = match &field.kind {
            FieldKind::Id { to, .. } => (to.clone(), Leads::One),
            FieldKind::Ids { to } => (to.clone(), Leads::Several),
            FieldKind::Items { to } => (vec![to.clone()], Leads::Rows),
            _ => return Err(bad("expand", format!("`{name}` leads to no records")).with("field", name)),
        };
        let limit = match asked.limit {
            None => ROWS,
            Some(limit @ 1..=ROWS_MAX) => limit,
            Some(_) => {
                let detail = format!("`limit` of `{name}` is a number from 1 to {ROWS_MAX}");
                return Err(bad("expand", detail).with("field", name).with("maximum", ROWS_MAX));
            }
        };
        let targets: Vec<&Arc<Object>> = to.iter().filter_map(|to| model.object(to)).collect();
        if let Some(fields) = &asked.fields {
            for field in fields {
                if targets.iter().all(|target| target.field(field).is_none())
                    && let Some(target) = targets.first()
                {
                    return Err(unknown_field(caller, target, field).with("pointer", format!("/expand/{name}/fields")));
                }
            }
        }
        let order = match (kind, &asked.sort[..]) {
            (Leads::Rows, []) => vec![Sort::by(slot::POSITION, false)],
            (Leads::Rows, names) => match targets.first() {
                Some(target) => sort(app, model, caller, target, names)?,
                None => Vec::new(),
            },
            (_, []) => Vec::new(),
            _ => return Err(bad("expand", format!("`{name}` leads to no owned rows; it has no `sort`"))),
        };
        let rights = caller.rights();
        let to: Vec<Name> = to.into_iter().filter(|to| rights.may(to, Action::Read)).collect();
        if rights.shows(&object.name, name) && !to.is_empty() {
            let only = asked.fields.as_ref().map(|fields| fields.iter().cloned().collect());
            expansions.push(Expansion { slot: at, name: name.to_owned(), to, kind, only, limit, sort: order });
        }
    }
    Ok(expansions)
}

/// `_expanded` of each record, by its id.
pub async fn load(
    app: &App,
    model: &Arc<Model>,
    caller: &Caller,
    object: &Object,
    records: &[Arc<Record>],
    expansions: &[Expansion],
) -> Answer<BTreeMap<Uuid, Map<String, Json>>> {
    let mut expanded: BTreeMap<Uuid, Map<String, Json>> = BTreeMap::new();
    if expansions.is_empty() {
        return Ok(expanded);
    }
    for record in records {
        expanded.insert(record.id(), Map::new());
    }
    for expansion in expansions {
        match expansion.kind {
            Leads::Rows => rows(app, model, caller, records, expansion, &mut expanded).await?,
            _ => referenced(app, model, caller, object, records, expansion, &mut expanded).await?,
        }
    }
    Ok(expanded)
}

async fn rows(
    app: &App,
    model: &Arc<Model>,
    caller: &Caller,
    records: &[Arc<Record>],
    expansion: &Expansion,
    expanded: &mut BTreeMap<Uuid, Map<String, Json>>,
) -> Answer<()> {
    let Some(child) = expansion.to.first().and_then(|to| model.object(to)) else { return Ok(()) };
    let query = RowsQuery {
        object: child.name.clone(),
        parents: records.iter().map(|record| record.id()).collect(),
        sort: expansion.sort.clone(),
        // One more than is shown tells whether there are more.
        limit: Some(expansion.limit + 1),
        slots: expansion.only.as_ref().map(|only| slots(child, only, [slot::PARENT])),
    };
    let found = app.store.rows_of(&caller.scope, model, &query).await?;
    let page = Page::load(app, model, caller, child, found, expansion.only.clone(), false).await?;
    let mut of_parent: BTreeMap<Uuid, Vec<Json>> = BTreeMap::new();
    for row in &page.records {
        if let Some(parent) = row.parent() {
            of_parent.entry(parent).or_default().push(Json::Object(page.json(model, caller, row)));
        }
    }
    for (id, shown) in expanded {
        let mut rows = of_parent.remove(id).unwrap_or_default();
        let more = rows.len() > expansion.limit as usize;
        rows.truncate(expansion.limit as usize);
        shown.insert(expansion.name.clone(), json!({"data": rows, "more": more}));
    }
    Ok(())
}

async fn referenced(
    app: &App,
    model: &Arc<Model>,
    caller: &Caller,
    object: &Object,
    records: &[Arc<Record>],
    expansion: &Expansion,
    expanded: &mut BTreeMap<Uuid, Map<String, Json>>,
) -> Answer<()> {
    let ids_of = |record: &Record| -> Vec<Uuid> {
        match record.values.get(expansion.slot) {
            Some(Value::Id(id)) => vec![*id],
            Some(Value::List(ids)) => ids.iter().filter_map(Value::as_id).collect(),
            _ => Vec::new(),
        }
    };
    // Of a long list only as many as are shown, and one to tell that there are more.
    let most = expansion.limit as usize + 1;
    let wanted: BTreeSet<Uuid> = records.iter().flat_map(|record| ids_of(record).into_iter().take(most)).collect();
    let wanted: Vec<Uuid> = wanted.into_iter().collect();
    let mut found: BTreeMap<Uuid, Json> = BTreeMap::new();
    for to in &expansion.to {
        let Some(target) = model.object(to).filter(|_| !wanted.is_empty()) else { continue };
        let slots = expansion.only.as_ref().map(|only| slots(target, only, []));
        let there = app.store.by_ids(&caller.scope, model, to, &wanted, slots.as_ref()).await?;
        let page = Page::load(app, model, caller, target, there, expansion.only.clone(), false).await?;
        for record in &page.records {
            found.insert(record.id(), Json::Object(page.json(model, caller, record)));
        }
    }
    let is_list = matches!(object.fields.get(expansion.slot).map(|field| &field.kind), Some(FieldKind::Ids { .. }));
    for record in records {
        let Some(shown) = expanded.get_mut(&record.id()) else { continue };
        let ids = ids_of(record);
        if is_list {
            let data: Vec<&Json> = ids.iter().take(most - 1).filter_map(|id| found.get(id)).collect();
            shown.insert(expansion.name.clone(), json!({"data": data, "more": ids.len() >= most}));
        } else if let Some(target) = ids.first().and_then(|id| found.get(id)) {
            shown.insert(expansion.name.clone(), target.clone());
        }
    }
    Ok(())
}

/// The slots that a record of these fields is made from.
fn slots<const N: usize>(object: &Object, only: &BTreeSet<String>, more: [usize; N]) -> BTreeSet<usize> {
    let named = only.iter().filter_map(|name| object.field(name)).map(|(at, _)| at);
    let always = [slot::ID, slot::VERSION, slot::STATE, object.display];
    let mut slots = named.chain(always).chain(object.key).chain(more).collect();
    live::with_reads(object, &mut slots);
    slots
}

/// Fields of what a record refers to: by the path that was asked for.
#[derive(Debug, Default)]
pub struct Related {
    pub values: Map<String, Json>,
    pub refs: Map<String, Json>,
}

/// Records on the way to related fields: from which record of the page each was reached.
struct Step<'m> {
    object: &'m Arc<Object>,
    reached: Vec<(Uuid, Arc<Record>)>,
    /// What is left to walk, and the whole path as it was asked for.
    paths: Vec<(&'m str, &'m str)>,
}

/// Values of paths such as `owner.name`, by the id of the record they start from. One statement per reference followed.
pub async fn related<'m>(
    app: &App,
    model: &'m Arc<Model>,
    caller: &Caller,
    object: &'m Arc<Object>,
    records: &[Arc<Record>],
    paths: &'m [String],
) -> Answer<BTreeMap<Uuid, Related>> {
    let mut found: BTreeMap<Uuid, Related> = BTreeMap::new();
    for record in records {
        found.insert(record.id(), Related::default());
    }
    let reached = records.iter().map(|record| (record.id(), record.clone())).collect();
    let paths = paths.iter().map(|path| (path.as_str(), path.as_str())).collect();
    let mut steps = vec![Step { object, reached, paths }];
    let mut titles: Vec<(Uuid, &str, &[Name], Uuid)> = Vec::new();
    while let Some(step) = steps.pop() {
        let mut onward: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
        for (left, whole) in &step.paths {
            match left.split_once('.') {
                Some((first, rest)) => onward.entry(first).or_default().push((rest, whole)),
                None => {
                    let (at, field) =
                        step.object.field(left).ok_or_else(|| unknown_field(caller, step.object, left))?;
                    if matches!(field.kind, FieldKind::Items { .. }) || at == slot::TRACE {
                        return Err(bad("fields", format!("`{whole}` holds rows; expand them")).into());
                    }
                    if !caller.rights().shows(&step.object.name, left) {
                        continue;
                    }
                    for (root, record) in &step.reached {
                        let Some(related) = found.get_mut(root) else { continue };
                        let value = record.values.get(at).unwrap_or(&Value::Null);
                        related.values.insert((*whole).to_owned(), field_json(field, value));
                        if let (FieldKind::Id { to, .. }, Value::Id(id)) = (&field.kind, value) {
                            titles.push((*root, *whole, &to[..], *id));
                        }
                    }
                }
            }
        }
        for (first, paths) in onward {
            let (at, field) = step.object.field(first).ok_or_else(|| unknown_field(caller, step.object, first))?;
            let target = match &field.kind {
                FieldKind::Id { to, .. } if to.len() == 1 => model.object(&to[0]),
                _ => None,
            };
            let target = target.ok_or_else(|| {
                bad("fields", format!("`{first}` is not a reference to one object")).with("field", first)
            })?;
            let names: BTreeSet<String> =
                paths.iter().map(|(left, _)| left.split('.').next().unwrap_or(left).to_owned()).collect();
            for name in &names {
                target.field(name).ok_or_else(|| unknown_field(caller, target, name))?;
            }
            let rights = caller.rights();
            if !rights.shows(&step.object.name, first) || !rights.may(&target.name, Action::Read) {
                continue;
            }
            let leads = |record: &Record| record.values.get(at).and_then(Value::as_id);
            let ids: BTreeSet<Uuid> = step.reached.iter().filter_map(|(_, record)| leads(record)).collect();
            let ids: Vec<Uuid> = ids.into_iter().collect();
            let slots = slots(target, &names, []);
            let mut there = app.store.by_ids(&caller.scope, model, &target.name, &ids, Some(&slots)).await?;
            service::live::fill(app, model, caller, target, &mut there, Some(&names)).await?;
            let there: BTreeMap<Uuid, Arc<Record>> = there.into_iter().map(|record| (record.id(), record)).collect();
            let next =
                step.reached.iter().filter_map(|(root, record)| Some((*root, there.get(&leads(record)?)?.clone())));
            steps.push(Step { object: target, reached: next.collect(), paths });
        }
    }
    let wanted = titles.iter().flat_map(|(_, _, to, id)| to.iter().map(|to| (to.clone(), *id))).collect();
    let named = Titles::load(app, model, caller, wanted).await?;
    for (root, whole, to, id) in titles {
        if let Some(related) = found.get_mut(&root) {
            related.refs.insert(whole.to_owned(), named.any(to, id));
        }
    }
    Ok(found)
}
