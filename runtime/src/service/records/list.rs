//! Lists of records: what a caller asked for in JSON becomes a query over slots.

use super::expand::{self, Expand};
use super::{cursor, settled};
use crate::app::App;
use crate::service::session::Caller;
use crate::service::view::text::{Bracket, Text};
use crate::service::view::{Beside, Page, shown_slots};
use crate::service::{Answer, Error, refuse};
use crate::store::StoreError;
use packwork_engine::access::Action;
use packwork_engine::codes::Code;
use packwork_engine::live;
use packwork_engine::model::Model;
use packwork_engine::object::{Field, FieldKind, Object};
use packwork_engine::query::filter::{self, TEXT_CHARS_MAX, Terms};
use packwork_engine::query::{Filter, ListQuery, Sort};
use packwork_engine::record::slot;
use packwork_engine::refusal::Refusal;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Where a capped count stops: enough to say "many".
const COUNT_CAP: u32 = 1_000;
/// Keys of one order.
const SORT_MAX: usize = 8;
/// Fields one list names.
const FIELDS_MAX: usize = 500;

/// A list as asked for: members of the query string or of the body.
#[derive(Debug, Default)]
pub struct Asked {
    pub filter: Option<Json>,
    pub sort: Vec<String>,
    pub fields: Option<Vec<String>>,
    pub expand: Vec<Expand>,
    pub search: Option<String>,
    pub limit: u32,
    pub cursor: Option<String>,
    pub count: Count,
    /// The recycle bin.
    pub deleted: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Count {
    #[default]
    None,
    Capped,
    Exact,
}

pub async fn list(app: &App, caller: &Caller, object_name: &str, asked: Asked) -> Answer<Listed> {
    let model = app.model();
    let object = super::object(&model, caller, object_name)?;
    if asked.deleted {
        super::may(caller, &object, Action::Delete, "delete")?;
    }
    let filter = selected(app, &model, caller, &object, asked.filter.as_ref(), asked.search.as_deref())?;
    let names = if asked.sort.is_empty() { usual_sort(caller, &object) } else { asked.sort.clone() };
    let sort = sort(app, &model, caller, &object, &names)?;
    let fields = asked.fields.as_ref().map(|names| Fields::read(caller, &object, names)).transpose()?;
    let expansions = expand::read(app, &model, caller, &object, &asked.expand)?;
    // A cursor holds for one order of one selection.
    let described = format!("{} {:?} {:?} {names:?} {}", object.name, asked.filter, asked.search, asked.deleted);
    let after = asked.cursor.as_deref().map(|text| app.cursors.read(&described, text)).transpose()?;
    let has_cursor = after.is_some();
    let slots = fields.as_ref().map_or_else(|| shown_slots(&object), |fields| fields.slots(&object));
    let slots = slots.into_iter().chain(expansions.iter().map(|expansion| expansion.slot)).collect();
    let query = ListQuery {
        object: object.name.clone(),
        filter,
        sort,
        limit: asked.limit,
        after,
        deleted: asked.deleted,
        slots: Some(slots),
    };
    let page = app.store.page(&caller.scope, &model, &query).await.map_err(|error| match error {
        // The list's fields became others since the cursor was given.
        StoreError::BadQuery(_) if has_cursor => Error::from(cursor::foreign()),
        error => error.into(),
    })?;
    let next = page.next.map(|values| app.cursors.write(&described, &values));
    let records = page.records;
    let (count, capped) = match asked.count {
        Count::None => (None, false),
        Count::Exact => (Some(app.store.count_list(&caller.scope, &model, &query, None).await?), false),
        Count::Capped => {
            let count = app.store.count_list(&caller.scope, &model, &query, Some(COUNT_CAP + 1)).await?;
            (Some(count.min(u64::from(COUNT_CAP))), count > u64::from(COUNT_CAP))
        }
    };
    let wants_settlement = fields.as_ref().is_none_or(|fields| fields.own.contains("_settlement"));
    let settlement = match !object.plans.is_empty() && wants_settlement {
        true => settled::of_records(app, &model, caller, &object, &records).await?,
        false => BTreeMap::new(),
    };
    let mut related = match &fields {
        Some(fields) => expand::related(app, &model, caller, &object, &records, &fields.related).await?,
        None => BTreeMap::new(),
    };
    let mut expanded = expand::load(app, &model, caller, &object, &records, &expansions).await?;
    let with_items = fields.as_ref().is_some_and(|fields| fields.items);
    let only = fields.map(|fields| fields.own);
    let page = Page::load(app, &model, caller, &object, records, only, with_items).await?;
    let beside = page.records.iter().map(|record| {
        let mut beside = Beside::default();
        if let Some(settlement) = settlement.get(&record.id()) {
            beside.members.insert("_settlement".into(), settlement.clone());
        }
        if let Some(related) = related.remove(&record.id()) {
            beside.refs = related.refs;
            beside.members.extend(related.values);
        }
        if let Some(expanded) = expanded.remove(&record.id()) {
            beside.members.insert("_expanded".into(), Json::Object(expanded));
        }
        beside
    });
    let beside = beside.collect();
    Ok(Listed { model, page, beside, next, count, capped })
}

/// A page of records, ready to be written.
pub struct Listed {
    model: Arc<Model>,
    page: Page,
    /// Of each record.
    beside: Vec<Beside>,
    /// The cursor of the page after it.
    pub next: Option<String>,
    count: Option<u64>,
    capped: bool,
}

impl Listed {
    /// The answer to who asked for the list.
    pub fn text(&self, caller: &Caller) -> Vec<u8> {
        let mut text = Text::with_capacity(self.page.records.len() * 1_536 + 256);
        text.open(Bracket::Object).name("data").open(Bracket::Array);
        for (record, beside) in self.page.records.iter().zip(&self.beside) {
            self.page.write(&self.model, caller, record, beside, &mut text);
        }
        text.close(Bracket::Array).name("next_cursor").json(&json!(self.next));
        text.name("count").json(&json!(self.count));
        if self.capped {
            text.name("count_capped").boolean(true);
        }
        text.close(Bracket::Object);
        text.finish()
    }

    /// The records, for who makes something else of them.
    pub fn records(&self, caller: &Caller) -> impl Iterator<Item = Map<String, Json>> {
        let shown = self.page.records.iter().zip(&self.beside);
        shown.map(|(record, beside)| self.page.json_with(&self.model, caller, record, beside))
    }
}

/// What `fields` asks for.
struct Fields {
    /// Of the record itself, and members such as `_settlement`.
    own: BTreeSet<String>,
    /// `owner.name`.
    related: Vec<String>,
    /// Owned rows are among them.
    items: bool,
}

impl Fields {
    fn read(caller: &Caller, object: &Object, names: &[String]) -> Result<Fields, Refusal> {
        if names.len() > FIELDS_MAX {
            return Err(bad("fields", format!("a list names at most {FIELDS_MAX} fields")).with("maximum", FIELDS_MAX));
        }
        let mut fields = Fields { own: BTreeSet::new(), related: Vec::new(), items: false };
        for name in names.iter().filter(|name| !name.is_empty()) {
            let first = name.split('.').next().unwrap_or(name);
            match object.field(first) {
                None if !name.starts_with('_') => return Err(unknown_field(caller, object, first)),
                Some((_, field)) => fields.items |= first == name && matches!(field.kind, FieldKind::Items { .. }),
                None => {}
            }
            if first == name {
                fields.own.insert(name.clone());
            } else if !fields.related.contains(name) {
                fields.related.push(name.clone());
            }
        }
        Ok(fields)
    }

    /// What is read of the record: what is shown, what names it, what leads on.
    fn slots(&self, object: &Object) -> BTreeSet<usize> {
        let firsts = self.related.iter().filter_map(|path| path.split('.').next());
        let named = self.own.iter().map(String::as_str).chain(firsts);
        let always = [slot::ID, slot::VERSION, slot::STATE, object.display];
        let named = named.filter_map(|name| object.field(name)).map(|(at, _)| at);
        let mut slots = named.chain(always).chain(object.key).collect();
        live::with_reads(object, &mut slots);
        slots
    }
}

/// The filter a caller wrote, with what they searched for.
pub fn selected(
    app: &App,
    model: &Model,
    caller: &Caller,
    object: &Object,
    written: Option<&Json>,
    search: Option<&str>,
) -> Result<Filter, Refusal> {
    let mut parts = Vec::new();
    if let Some(written) = written.filter(|written| !written.is_null()) {
        parts.push(read_filter(app, model, caller, object, written)?);
    }
    if let Some(text) = search.map(str::trim).filter(|text| !text.is_empty()) {
        if text.contains('\0') || text.chars().count() > TEXT_CHARS_MAX {
            let detail = format!("`search` is a text of at most {TEXT_CHARS_MAX} characters, none of them zero");
            return Err(bad("search", detail).with("maximum", TEXT_CHARS_MAX));
        }
        parts.push(Filter::Search { slots: searchable(caller, object), text: text.to_owned() });
    }
    Ok(match parts.len() {
        0 => Filter::All,
        1 => parts.remove(0),
        _ => Filter::And(parts),
    })
}

/// Reads a filter of an object; used by dashboards too. Fields a caller cannot see cannot be filtered by either:
/// what matches would tell what they hold.
pub fn read_filter(
    app: &App,
    model: &Model,
    caller: &Caller,
    object: &Object,
    written: &Json,
) -> Result<Filter, Refusal> {
    let sees = |object: &str, field: &str| caller.rights().shows(object, field);
    filter::read(&terms(app, model, caller, &sees), object, written)
}

/// What paths and values of a caller refer to.
pub fn terms<'a>(app: &App, model: &'a Model, caller: &'a Caller, sees: &'a dyn Fn(&str, &str) -> bool) -> Terms<'a> {
    Terms { model, actor: &caller.scope.actor, now: Some(app.clock.now()), sees }
}

/// Texts people know a record by, as far as this caller sees them.
fn searchable(caller: &Caller, object: &Object) -> Vec<usize> {
    let slots = filter::searchable(object).into_iter();
    slots.filter(|at| caller.rights().shows(&object.name, &object.fields[*at].name)).collect()
}

/// The order of its definition, without what the caller does not see.
pub fn usual_sort(caller: &Caller, object: &Object) -> Vec<String> {
    let names = object.list.sort.iter();
    names.filter(|name| caller.rights().shows(&object.name, name.trim_start_matches('-'))).cloned().collect()
}

/// An order of an object's records; newest first where nobody says.
pub fn sort(
    app: &App,
    model: &Model,
    caller: &Caller,
    object: &Object,
    names: &[String],
) -> Result<Vec<Sort>, Refusal> {
    if names.is_empty() {
        return Ok(vec![Sort::by(slot::CREATED_AT, true)]);
    }
    if names.len() > SORT_MAX {
        return Err(bad("sort", format!("lists are sorted by at most {SORT_MAX} fields")).with("maximum", SORT_MAX));
    }
    names.iter().map(|name| sort_by(app, model, caller, object, name)).collect()
}

fn sort_by(app: &App, model: &Model, caller: &Caller, object: &Object, name: &str) -> Result<Sort, Refusal> {
    let (name, descending) = match name.strip_prefix('-') {
        Some(name) => (name, true),
        None => (name, false),
    };
    let sees = |object: &str, field: &str| caller.rights().shows(object, field);
    let object = model.object(&object.name).ok_or_else(|| unknown_field(caller, object, name))?;
    let (path, field) = filter::path(&terms(app, model, caller, &sees), object, name, "sort")?;
    if !is_sortable(field) {
        let detail = format!("lists cannot be sorted by `{name}`: it holds a list, a place or a document");
        return Err(bad("sort", detail).with("field", name));
    }
    Ok(Sort { path, descending })
}

pub fn is_sortable(field: &Field) -> bool {
    !matches!(
        field.kind,
        FieldKind::Items { .. }
            | FieldKind::Json
            | FieldKind::Files { .. }
            | FieldKind::Location
            | FieldKind::Ids { .. }
            | FieldKind::Choices { .. }
    )
}

pub fn bad(parameter: &'static str, detail: impl Into<String>) -> Refusal {
    refuse(Code::BadParameter, detail).with("parameter", parameter)
}

/// The slot of a field the caller may see.
pub fn readable(object: &Object, caller: &Caller, name: &str) -> Result<usize, Refusal> {
    let found = object.field(name).filter(|(at, _)| *at != slot::TRACE && caller.rights().shows(&object.name, name));
    found.map(|(at, _)| at).ok_or_else(|| unknown_field(caller, object, name))
}

pub fn unknown_field(caller: &Caller, object: &Object, name: &str) -> Refusal {
    let known = object.by_name.keys().map(|name| &**name).filter(|name| caller.rights().shows(&object.name, name));
    let refusal = refuse(Code::UnknownField, format!("`{}` has no field `{name}`", object.name)).with("field", name);
    match packwork_engine::suggest::nearest(name, known) {
        Some(near) => refusal.with("suggestion", near),
        None => refusal,
    }
}
