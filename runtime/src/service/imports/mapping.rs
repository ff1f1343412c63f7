//! Which column fills which field: proposed by name and title, checked against the object and the caller's rights.

use super::details::{Details, Mapping, Mode, Target};
use super::may_act;
use crate::app::App;
use crate::auth::token::hex;
use crate::service::session::Caller;
use crate::service::{Answer, Locale, refuse, texts};
use packwork_engine::access::Action;
use packwork_engine::codes::Code;
use packwork_engine::model::Model;
use packwork_engine::object::cell::{DateOrder, Style};
use packwork_engine::object::{Field, FieldKind, Object, input};
use packwork_engine::refusal::{FieldError, Refusal};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

const LOCALES: [Locale; 2] = [Locale::Chinese, Locale::English];

/// The fields an import of this object may fill, in the order people see them.
pub fn fields<'o>(caller: &Caller, object: &'o Object) -> Vec<(usize, &'o Field)> {
    let own = object.own_fields().map(|(_, field)| &*field.name);
    let named = own.chain(["template", "owner", "department"]);
    named
        .filter(|name| caller.rights().shows(&object.name, name))
        .filter_map(|name| input::writable(object, name).ok())
        .filter(|(_, field)| !matches!(field.kind, FieldKind::Items { .. } | FieldKind::Rollup { .. }))
        .collect()
}

/// The columns of a file, whatever their order.
pub fn digest(columns: &[String]) -> String {
    let mut names: Vec<&str> = columns.iter().map(String::as_str).collect();
    names.sort_unstable();
    hex(&Sha256::digest(names.join("\u{1f}").as_bytes()))
}

/// The caller's last mapping for these columns, else by name and title in both languages.
pub async fn proposed(
    app: &App,
    model: &Model,
    caller: &Caller,
    object: &Object,
    columns: &[String],
) -> Answer<Mapping> {
    let digest = digest(columns);
    if let Some(kept) = app.store.mapping(&caller.scope, &object.name, &digest).await?
        && let Ok(mapping) = serde_json::from_value::<Mapping>(kept)
        && check(model, caller, object, columns, &mapping, &Details::default(), false).is_ok()
    {
        return Ok(mapping);
    }
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let fields = fields(caller, object);
    // Names win over titles.
    for (_, field) in &fields {
        for locale in LOCALES {
            known.entry(plain(&texts::field_title(model, locale, field))).or_insert_with(|| field.name.to_string());
        }
    }
    for (_, field) in &fields {
        known.insert(plain(&field.name), field.name.to_string());
    }
    let mut taken = BTreeSet::new();
    let target = |column: &String| {
        let field = known.get(&plain(column))?.clone();
        taken.insert(field.clone()).then_some(Target { field, by: None, thousands: false })
    };
    let mut target = target;
    Ok(columns.iter().map(|column| (column.clone(), target(column))).collect())
}

/// As names and titles are compared: templates mark required columns with a star.
fn plain(name: &str) -> String {
    let name = name.trim().trim_end_matches(['*', '＊']).to_lowercase();
    name.chars().filter(|letter| !letter.is_whitespace() && *letter != '_').collect()
}

/// Everything that does not fit, each at its column.
pub fn check(
    model: &Model,
    caller: &Caller,
    object: &Object,
    columns: &[String],
    mapping: &Mapping,
    details: &Details,
    whole: bool,
) -> Result<(), Refusal> {
    let mut errors = Vec::new();
    let mut filled: BTreeMap<&str, &str> = BTreeMap::new();
    for (column, target) in mapping {
        let pointer = format!("/mapping/{}", column.replace('~', "~0").replace('/', "~1"));
        let bad = |message: String| {
            FieldError::new(Code::BadMapping, pointer.as_str(), message).with("column", column.as_str())
        };
        if !columns.contains(column) {
            errors.push(bad(format!("the file has no column `{column}`")).with("known", columns.to_vec()));
            continue;
        }
        let Some(target) = target else { continue };
        let shown = caller.rights().shows(&object.name, &target.field);
        let (_, field) = match input::writable(object, &target.field) {
            Ok(found) if shown => found,
            Ok(_) => {
                let message = format!("`{}` has no field `{}`", object.name, target.field);
                errors.push(FieldError::new(Code::UnknownField, pointer, message).with("field", target.field.as_str()));
                continue;
            }
            Err(error) => {
                errors.push(FieldError { pointer, ..error });
                continue;
            }
        };
        if matches!(field.kind, FieldKind::Items { .. }) {
            errors.push(bad(format!("`{}` holds rows of its own, which a column cannot fill", field.name)));
        }
        if let Some(other) = filled.insert(&target.field, column) {
            errors.push(
                bad(format!("`{other}` and `{column}` would both fill `{}`", target.field))
                    .with("field", target.field.as_str())
                    .with("other", other),
            );
        }
        if let Some(by) = &target.by
            && !names(model, field, by)
        {
            errors.push(bad(format!("records of `{}` are not named by `{by}`", field.name)).with("by", by.as_str()));
        }
    }
    if whole {
        if filled.is_empty() {
            errors.push(FieldError::new(Code::BadMapping, "/mapping", "no column fills a field"));
        }
        check_by(object, details, &filled, &mut errors);
    }
    if errors.is_empty() { Ok(()) } else { Err(Refusal::of_fields(errors)) }
}

/// Whether records a field leads to are named by a field of theirs.
fn names(model: &Model, field: &Field, by: &str) -> bool {
    let (FieldKind::Id { to, .. } | FieldKind::Ids { to }) = &field.kind else { return false };
    by == "id"
        || to.iter().filter_map(|to| model.object(to)).any(|target| {
            target.field(by).is_some_and(|(slot, found)| {
                let text = matches!(found.kind, FieldKind::Text { .. });
                text && (target.key == Some(slot) || target.display == slot || found.unique)
            })
        })
}

fn check_by(object: &Object, details: &Details, filled: &BTreeMap<&str, &str>, errors: &mut Vec<FieldError>) {
    let Some(by) = &details.by else {
        if details.mode != Mode::Create {
            let message = "say by which field records are found: `by`";
            errors.push(FieldError::new(Code::BadMapping, "/by", message));
        }
        return;
    };
    let found = object.field(by).filter(|(slot, field)| {
        matches!(field.kind, FieldKind::Text { .. }) && (field.unique || object.key == Some(*slot))
    });
    if found.is_none() {
        let message = format!("records of `{}` cannot be found by `{by}`: it is no unique text", object.name);
        errors.push(FieldError::new(Code::BadMapping, "/by", message).with("by", by.as_str()));
    } else if !filled.contains_key(by.as_str()) {
        let message = format!("no column fills `{by}`, by which records are found");
        errors.push(FieldError::new(Code::BadMapping, "/by", message).with("by", by.as_str()));
    }
}

/// Whether the caller may do what the mode does.
pub fn check_rights(caller: &Caller, object: &Object, mode: Mode) -> Result<(), Refusal> {
    if object.owned_by.is_some() || object.source != packwork_engine::object::Source::Definition {
        return Err(refuse(Code::ReadOnly, format!("records of `{}` are not imported", object.name))
            .with("object", &*object.name));
    }
    if mode != Mode::Update {
        may_act(caller, object, Action::Create, "create")?;
    }
    if mode != Mode::Create {
        may_act(caller, object, Action::Update, "update")?;
    }
    Ok(())
}

/// A mapped column, ready to read cells.
pub struct Column {
    /// Its place in the file.
    pub at: usize,
    pub name: String,
    pub slot: usize,
    pub target: Target,
    pub style: Style,
}

pub fn columns(model: &Model, object: &Object, details: &Details) -> Vec<Column> {
    let dates = order(details.date_format.as_deref());
    let column = |(at, name): (usize, &String)| {
        let target = details.mapping.get(name)?.clone()?;
        let (slot, field) = object.field(&target.field)?;
        let style = Style { dates, thousands: target.thousands, options: options(model, object, field) };
        Some(Column { at, name: name.clone(), slot, target, style })
    };
    details.columns.iter().enumerate().filter_map(column).collect()
}

/// `dd/mm/yyyy`, `mm/dd/yyyy`; anything else begins with the year.
pub fn order(format: Option<&str>) -> DateOrder {
    match format.and_then(|format| format.chars().next()).map(|letter| letter.to_ascii_lowercase()) {
        Some('d') => DateOrder::DayFirst,
        Some('m') => DateOrder::MonthFirst,
        _ => DateOrder::YearFirst,
    }
}

fn options(model: &Model, object: &Object, field: &Field) -> BTreeMap<String, String> {
    if &*field.name == "template" {
        let own = model.templates.values().filter(|template| template.object == object.name);
        return own
            .flat_map(|template| {
                let titled = LOCALES.map(|locale| {
                    model.texts.get(locale.as_str(), &format!("template/{}/title", template.name)).to_lowercase()
                });
                titled.map(|title| (title, template.name.to_string()))
            })
            .collect();
    }
    let (FieldKind::Choice { options } | FieldKind::Choices { options }) = &field.kind else {
        return BTreeMap::new();
    };
    let mut found = BTreeMap::new();
    for option in options {
        for locale in LOCALES {
            let title = texts::option_title(model, locale, field, &option.name).to_lowercase();
            found.entry(title).or_insert_with(|| option.name.to_string());
        }
    }
    for option in options {
        found.insert(option.name.to_lowercase(), option.name.to_string());
    }
    found
}
