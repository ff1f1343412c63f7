//! Definitions as clients read them: the list, one as written, and an object as the UI draws it.

use super::session::Caller;
use super::{Answer, Locale, refuse, texts};
use crate::app::App;
use packwork_engine::access::Action;
use packwork_engine::codes::Code;
use packwork_engine::definition::Kind;
use packwork_engine::definition::object::FieldType;
use packwork_engine::model::Model;
use packwork_engine::object::template::Template;
use packwork_engine::object::{CurrencySource, Field, FieldKind, Object};
use packwork_engine::record::slot;
use serde_json::{Map, Value as Json, json};

pub fn list(app: &App, caller: &Caller) -> Json {
    let model = app.model();
    let data: Vec<Json> = model
        .documents
        .iter()
        .map(|((kind, name), composite)| {
            let path = format!("{}/{name}/title", kind.as_str());
            let pack = &*composite.pack;
            json!({"kind": kind.as_str(), "name": &**name, "title": model.texts.get(caller.locale.as_str(), &path), "pack": pack})
        })
        .collect();
    json!({"data": data, "model": {"version": app.in_force().number, "hash": model.hash}})
}

pub fn one(app: &App, caller: &Caller, kind_name: &str, name: &str) -> Answer<Json> {
    let model = app.model();
    let unknown = || {
        refuse(Code::UnknownDefinition, format!("there is no {kind_name} `{name}`"))
            .with("kind", kind_name)
            .with("name", name)
    };
    let kind = Kind::named(kind_name).ok_or_else(unknown)?;
    let composite = model.documents.get(&(kind, name.into())).ok_or_else(unknown)?;
    let mut json = composite.plain();
    if caller.locale == Locale::Chinese {
        let base = format!("{kind_name}/{name}/");
        for (path, text) in model.texts.chinese.range(base.clone()..) {
            let Some(inside) = path.strip_prefix(&base) else { break };
            replace(&mut json, &inside.split('/').collect::<Vec<_>>(), text);
        }
    }
    Ok(json)
}

/// Puts a text where its path leads: through members by name, through lists by `id`, at any depth of a menu.
fn replace(json: &mut Json, path: &[&str], text: &str) {
    let Some((first, rest)) = path.split_first() else { return };
    match json {
        Json::Object(members) if rest.is_empty() => {
            members.insert((*first).to_owned(), json!(text));
        }
        Json::Object(members) => {
            if let Some(inner) = members.get_mut(*first) {
                replace(inner, rest, text);
            }
        }
        Json::Array(items) => {
            for item in items {
                if item["id"] == *first {
                    replace(item, rest, text);
                } else if let Some(children) = item.get_mut("children") {
                    replace(children, path, text);
                }
            }
        }
        _ => {}
    }
}

pub fn packs(app: &App, caller: &Caller) -> Json {
    let model = app.model();
    let data: Vec<Json> = model
        .packs
        .iter()
        .map(|pack| {
            let text = |what: &str| model.texts.find(caller.locale.as_str(), &format!("pack/{}/{what}", pack.name));
            json!({
                "name": &*pack.name,
                "version": pack.version,
                "title": text("title").unwrap_or_else(|| pack.name.to_string()),
                "description": text("description").unwrap_or_default(),
            })
        })
        .collect();
    // What could be asked for: packs on request that nobody has asked for yet.
    let manifests = app.source.read().unwrap_or_default().into_iter().filter_map(|files| {
        let manifest: Json = serde_json::from_slice(files.get("pack.json")?).ok()?;
        let installed = model.packs.iter().any(|pack| manifest["name"] == *pack.name);
        let shown = json!({
            "name": manifest["name"],
            "version": manifest["version"],
            "title": manifest["title"],
            "description": manifest["description"],
        });
        (!installed).then_some(shown)
    });
    let available: Vec<Json> = manifests.collect();
    json!({"data": data, "available": available})
}

/// JSON Schema of an object's records.
pub fn schema(app: &App, caller: &Caller, object_name: &str) -> Answer<Json> {
    let model = app.model();
    let object = super::records::object(&model, caller, object_name)?;
    Ok(packwork_engine::object::schema::record_schema(&object))
}

/// `ObjectView`: everything the UI draws lists, forms and pages from.
pub fn object(app: &App, caller: &Caller, object_name: &str) -> Answer<Json> {
    let model = app.model();
    let object = super::records::object(&model, caller, object_name)?;
    let locale = caller.locale;
    let states: Vec<Json> = object
        .lifecycle
        .iter()
        .flat_map(|lifecycle| lifecycle.states.iter())
        .map(|state| json!({"name": &*state.name, "title": texts::state_title(&model, locale, &object, &state.name), "tone": state.tone}))
        .collect();
    let templates: Vec<Json> = model
        .templates
        .values()
        .filter(|template| template.object == object.name)
        .map(|template| template_view(&model, locale, &object, template))
        .collect();
    let plural = model.texts.find(locale.as_str(), &format!("object/{}/plural", object.name));
    let title = texts::object_title(&model, locale, &object.name);
    let may = |action| caller.rights().may(&object.name, action);
    let mut list = object.list.clone();
    for names in [&mut list.columns, &mut list.sort, &mut list.filters] {
        names.retain(|name| caller.rights().shows(&object.name, name.trim_start_matches('-')));
    }
    let rights = json!({
        "create": may(Action::Create),
        "update": may(Action::Update),
        "delete": may(Action::Delete),
        "export": may(Action::Export),
        "import": may(Action::Create) || may(Action::Update),
    });
    Ok(json!({
        "name": &*object.name,
        "title": title,
        "plural": plural.unwrap_or_else(|| title.clone()),
        "display": &*object.fields[object.display].name,
        "key": object.key.map(|at| object.fields[at].name.to_string()),
        "states": states,
        "fields": fields(&model, caller, &object, Depth::WithItems),
        "templates": templates,
        "list": list,
        "rights": rights,
        "settled": !object.plans.is_empty(),
    }))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    WithItems,
    Rows,
}

fn fields(model: &Model, caller: &Caller, object: &Object, depth: Depth) -> Vec<Json> {
    let shown = object.fields.iter().enumerate().filter(|(at, field)| {
        let internal =
            matches!(*at, slot::ID | slot::VERSION | slot::DELETED_AT | slot::TRACE | slot::PARENT | slot::POSITION);
        let flat = matches!(*at, slot::STATE | slot::TEMPLATE | slot::OWNER | slot::DEPARTMENT) && depth == Depth::Rows;
        !internal && !flat && field.day_of.is_none() && caller.rights().shows(&object.name, &field.name)
    });
    shown.map(|(at, field)| field_view(model, caller, object, at, field, depth)).collect()
}

fn field_view(model: &Model, caller: &Caller, object: &Object, at: usize, field: &Field, depth: Depth) -> Json {
    let locale = caller.locale;
    let system = field.system || at < slot::OWN;
    // Owner and department are kept by the system and may still be chosen.
    let writable = field.is_writable() || matches!(at, slot::OWNER | slot::DEPARTMENT);
    let mut view = json!({
        "name": &*field.name,
        "title": texts::field_title(model, locale, field),
        "type": type_name(at, field),
        "required": field.required,
        "read_only": !writable,
        "system": system,
    });
    let help = format!("{}/help", field.text.trim_end_matches("/title"));
    if let Some(help) = model.texts.find(locale.as_str(), &help) {
        view["help"] = json!(help);
    }
    if let Some(default) = &field.default {
        view["default"] = default.clone();
    }
    if field.formula.is_some() {
        view["formula"] = json!(true);
    }
    if field.live {
        view["live"] = json!(true);
    }
    if field.hidden {
        view["hidden"] = json!(true);
    }
    if field.written == FieldType::LongText || field.written == FieldType::RichText {
        view["multiline"] = json!(true);
    }
    match &field.kind {
        FieldKind::Text { max_length, .. } if !system => view["max_length"] = json!(max_length),
        FieldKind::Decimal { scale, minimum, maximum } | FieldKind::Money { scale, minimum, maximum, .. } => {
            view["scale"] = json!(scale);
            view["minimum"] = json!(minimum.map(|number| number.to_string()));
            view["maximum"] = json!(maximum.map(|number| number.to_string()));
        }
        FieldKind::Choice { options } | FieldKind::Choices { options } => {
            let option = |name: &str, tone| json!({"name": name, "title": texts::option_title(model, locale, field, name), "tone": tone});
            view["options"] = options.iter().map(|one| option(&one.name, one.tone)).collect();
        }
        FieldKind::Id { to, .. } | FieldKind::Ids { to } => view["to"] = json!(to),
        FieldKind::Items { to } => {
            view["to"] = json!([to]);
            if depth == Depth::WithItems
                && let Some(child) = model.object(to)
            {
                view["item_fields"] = json!(fields(model, caller, child, Depth::Rows));
            }
        }
        FieldKind::Rollup { scale, money, .. } => {
            view["scale"] = json!(scale);
            if let Some(currency) = money {
                view["currency"] = currency_json(object, currency);
            }
        }
        FieldKind::Text { .. } | FieldKind::Boolean | FieldKind::Date | FieldKind::Moment => {}
        FieldKind::Files { multiple, bytes_max, .. } => {
            view["multiple"] = json!(multiple);
            if let Some(bytes) = bytes_max {
                view["max_bytes"] = json!(bytes);
            }
        }
        FieldKind::Location | FieldKind::Json => {}
    }
    if let FieldKind::Money { currency, .. } = &field.kind {
        view["currency"] = currency_json(object, currency);
    }
    view
}

/// The code, or the name of the field that holds it.
fn currency_json(object: &Object, source: &CurrencySource) -> Json {
    match source {
        CurrencySource::Fixed(code) => json!(&**code),
        CurrencySource::Slot(at) => json!(object.fields.get(*at).map(|field| field.name.to_string())),
    }
}

/// System slots have types of their own where the UI draws them so.
fn type_name(at: usize, field: &Field) -> Json {
    match at {
        slot::STATE => json!("state"),
        slot::CREATED_BY | slot::UPDATED_BY | slot::OWNER => json!("user"),
        slot::DEPARTMENT => json!("department"),
        _ => json!(field.written),
    }
}

fn template_view(model: &Model, locale: Locale, object: &Object, template: &Template) -> Json {
    let base = format!("template/{}", template.name);
    let text = |path: &str| model.texts.get(locale.as_str(), &format!("{base}/{path}"));
    let sections: Vec<Json> = template
        .sections
        .iter()
        .map(|section| {
            json!({"id": &*section.id, "title": text(&format!("sections/{}/title", section.id)), "fields": section.fields})
        })
        .collect();
    let fields: Vec<&str> =
        template.sections.iter().flat_map(|section| section.fields.iter()).map(|name| &**name).collect();
    let required: Vec<&str> =
        template.required.iter().filter_map(|at| object.fields.get(*at)).map(|field| &*field.name).collect();
    let defaults: Map<String, Json> =
        template.defaults.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
    json!({
        "name": &*template.name,
        "title": text("title"),
        "description": model.texts.find(locale.as_str(), &format!("{base}/description")).unwrap_or_default(),
        "icon": template.icon,
        "fields": fields,
        "required": required,
        "defaults": defaults,
        "sections": sections,
    })
}
