//! Filters: read from JSON against an object, so that every path, operator and value is known to fit.

use super::operand::{self, Bound};
use crate::codes::Code;
use crate::decision::Actor;
use crate::location::Near;
use crate::model::Model;
use crate::moment::Moment;
use crate::object::{Field, FieldKind, Object};
use crate::record::{Name, slot};
use crate::refusal::Refusal;
use crate::suggest;
use crate::value::Value;
use serde_json::Value as Json;
use std::cell::Cell;
use std::collections::BTreeSet;
use uuid::Uuid;

/// A condition over a record.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Filter {
    /// Holds for every record.
    #[default]
    All,
    /// Holds for none.
    Nothing,
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Compare {
        path: FilterPath,
        comparison: Comparison,
    },
    /// Any of the rows a record owns, or of the records a list of references names, meets the filter.
    Any {
        path: FilterPath,
        /// The object those rows belong to.
        object: Name,
        filter: Box<Filter>,
    },
    /// Any searchable text of the record contains this.
    Search {
        slots: Vec<usize>,
        text: String,
    },
}

impl Filter {
    /// The slots of the record itself that it reads.
    pub fn own_slots(&self, into: &mut BTreeSet<usize>) {
        match self {
            Filter::All | Filter::Nothing => {}
            Filter::And(parts) | Filter::Or(parts) => parts.iter().for_each(|part| part.own_slots(into)),
            Filter::Not(part) => part.own_slots(into),
            Filter::Compare { path, .. } | Filter::Any { path, .. } => into.extend(path.slots.first()),
            Filter::Search { slots, .. } => into.extend(slots),
        }
    }
}

/// Slots from the record through references: `[customer's slot, region's slot in customer]`. The last one is compared;
/// those before it are references to exactly one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FilterPath {
    pub slots: Vec<usize>,
}

impl FilterPath {
    /// A field of the record itself.
    pub fn of(slot: usize) -> FilterPath {
        FilterPath { slots: vec![slot] }
    }
}

/// Comparisons, with values already in the field's type. Null never satisfies any but `IsNull`, `NotEqual` and `NotIn`.
#[derive(Clone, Debug, PartialEq)]
pub enum Comparison {
    Equal(Value),
    NotEqual(Value),
    Greater(Value),
    GreaterOrEqual(Value),
    Less(Value),
    LessOrEqual(Value),
    In(Vec<Value>),
    NotIn(Vec<Value>),
    /// Of text, capital ASCII letters like small ones; of lists, a member.
    Contains(String),
    StartsWith(String),
    IsNull(bool),
    /// Both bounds inclusive.
    Between(Value, Value),
    /// `[from, to)`: what relative dates become.
    Within(Value, Value),
    /// Of a place.
    Near(Near),
}

/// How deep conditions nest: deeper is a mistake or an attack.
pub const DEPTH_MAX: usize = 12;
/// Comparisons of one filter: databases plan no faster than linearly in them.
pub const CONDITIONS_MAX: usize = 200;
/// How many values `in` takes.
pub const VALUES_MAX: usize = 1_000;
/// How many references a path follows.
pub const STEPS_MAX: usize = 4;
/// Characters of a text that is compared: patterns end at 50,000 bytes in SQLite.
pub const TEXT_CHARS_MAX: usize = 5_000;

/// What a filter's words refer to.
#[derive(Clone, Copy)]
pub struct Terms<'a> {
    pub model: &'a Model,
    pub actor: &'a Actor,
    /// What relative dates count from; without it they are refused.
    pub now: Option<Moment>,
    /// Whether a field of an object may be named: what matches would tell what is hidden.
    pub sees: &'a dyn Fn(&str, &str) -> bool,
}

/// Reads a filter against an object. Refused with `bad_filter` or the code of the value that does not fit.
pub fn read(terms: &Terms<'_>, object: &Object, json: &Json) -> Result<Filter, Refusal> {
    Reader { terms: *terms, conditions: Cell::new(0) }.condition(object, json, "", 1)
}

pub(super) fn bad(pointer: &str, message: impl Into<String>) -> Refusal {
    Refusal::new(Code::BadFilter, message).with("pointer", pointer)
}

/// A name as a step of a JSON pointer.
fn step(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Resolves a dotted path to a field that is stored.
pub fn path<'m>(
    terms: &Terms<'m>,
    object: &'m Object,
    text: &str,
    pointer: &str,
) -> Result<(FilterPath, &'m Field), Refusal> {
    let (path, _, field) = walk(terms, object, text, pointer)?;
    Ok((path, field))
}

/// The path, the object its last field belongs to, and that field.
fn walk<'m>(
    terms: &Terms<'m>,
    object: &'m Object,
    text: &str,
    pointer: &str,
) -> Result<(FilterPath, &'m Object, &'m Field), Refusal> {
    let steps: Vec<&str> = text.split('.').collect();
    if steps.len() > STEPS_MAX + 1 {
        return Err(bad(pointer, format!("a path follows at most {STEPS_MAX} references")).with("maximum", STEPS_MAX));
    }
    let mut slots = Vec::new();
    let mut at = object;
    for (index, step) in steps.iter().enumerate() {
        let sees = |name: &str| (terms.sees)(&at.name, name);
        let Some((slot, field)) = at.field(step).filter(|(slot, _)| *slot != slot::TRACE && sees(step)) else {
            let known = || at.by_name.keys().map(|name| &**name).filter(|name| sees(name));
            let hint = suggest::hint(step, known());
            let refusal = Refusal::new(Code::UnknownField, format!("`{}` has no field `{step}`; {hint}", at.name))
                .with("pointer", pointer)
                .with("field", *step);
            return Err(match suggest::nearest(step, known()) {
                Some(near) => refusal.with("suggestion", near),
                None => refusal,
            });
        };
        slots.push(slot);
        if field.live {
            let message = format!("`{step}` is computed when a record is read; lists and sums are not made by it");
            return Err(Refusal::new(Code::LiveField, message).with("pointer", pointer).with("field", *step));
        }
        if index + 1 == steps.len() {
            return Ok((FilterPath { slots }, at, field));
        }
        let target = match &field.kind {
            FieldKind::Id { to, .. } if to.len() == 1 => terms.model.objects.get(&to[0]),
            _ => None,
        };
        at = target.ok_or_else(|| {
            let several = matches!(&field.kind, FieldKind::Items { .. } | FieldKind::Ids { .. });
            let hint = if several { "; say `any` or `none` of its rows" } else { "" };
            bad(pointer, format!("`{step}` is not a reference to one object{hint}")).with("field", *step)
        })?;
    }
    Err(bad(pointer, "the path is empty"))
}

/// The operators a field can be asked with.
pub fn operators(field: &Field) -> &'static [&'static str] {
    match &field.kind {
        FieldKind::Text { .. } => {
            &["eq", "ne", "gt", "gte", "lt", "lte", "between", "in", "not_in", "contains", "starts_with", "is_null"]
        }
        FieldKind::Decimal { .. } | FieldKind::Money { .. } | FieldKind::Rollup { .. } => {
            &["eq", "ne", "gt", "gte", "lt", "lte", "between", "in", "not_in", "is_null"]
        }
        FieldKind::Date | FieldKind::Moment => {
            &["eq", "ne", "gt", "gte", "lt", "lte", "between", "in", "not_in", "within_days", "is_null"]
        }
        FieldKind::Boolean | FieldKind::Choice { .. } | FieldKind::Id { .. } => {
            &["eq", "ne", "in", "not_in", "is_null"]
        }
        FieldKind::Choices { .. } => &["eq", "ne", "in", "not_in", "contains", "is_null"],
        FieldKind::Ids { .. } => &["eq", "ne", "in", "not_in", "contains", "is_null", "any", "none"],
        FieldKind::Items { .. } => &["any", "none"],
        FieldKind::Location => &["near", "is_null"],
        FieldKind::Files { .. } | FieldKind::Json => &["is_null"],
    }
}

/// Every operator there is.
pub const OPERATORS: [&str; 16] = [
    "eq",
    "ne",
    "gt",
    "gte",
    "lt",
    "lte",
    "between",
    "in",
    "not_in",
    "contains",
    "starts_with",
    "is_null",
    "within_days",
    "near",
    "any",
    "none",
];

struct Reader<'a> {
    terms: Terms<'a>,
    conditions: Cell<usize>,
}

/// A field being compared, and where the comparison stands.
struct Place<'r> {
    path: &'r FilterPath,
    field: &'r Field,
    operator: &'r str,
    pointer: &'r str,
    depth: usize,
}

impl Place<'_> {
    fn compare(&self, comparison: Comparison) -> Filter {
        Filter::Compare { path: self.path.clone(), comparison }
    }

    fn bad(&self, message: impl Into<String>) -> Refusal {
        bad(self.pointer, message).with("field", &*self.field.name).with("operator", self.operator)
    }
}

impl<'a> Reader<'a> {
    fn condition(&self, object: &Object, json: &Json, pointer: &str, depth: usize) -> Result<Filter, Refusal> {
        if depth > DEPTH_MAX {
            return Err(bad(pointer, format!("conditions nest at most {DEPTH_MAX} deep")).with("maximum", DEPTH_MAX));
        }
        let Some(members) = json.as_object() else {
            return Err(bad(pointer, "a condition is an object such as {\"amount\": {\"gte\": \"100\"}}"));
        };
        let mut all = Vec::new();
        for (name, value) in members {
            let place = format!("{pointer}/{}", step(name));
            all.push(match name.as_str() {
                "and" | "or" => {
                    let Some(items) = value.as_array() else {
                        return Err(bad(&place, format!("`{name}` takes a list of conditions")));
                    };
                    let conditions: Result<Vec<Filter>, Refusal> = items
                        .iter()
                        .enumerate()
                        .map(|(index, item)| self.condition(object, item, &format!("{place}/{index}"), depth + 1))
                        .collect();
                    if name == "and" { Filter::And(conditions?) } else { Filter::Or(conditions?) }
                }
                "not" => Filter::Not(Box::new(self.condition(object, value, &place, depth + 1)?)),
                path => self.comparisons(object, path, value, &place, depth)?,
            });
        }
        Ok(match all.len() {
            0 => Filter::All,
            1 => all.remove(0),
            _ => Filter::And(all),
        })
    }

    fn comparisons(
        &self,
        object: &Object,
        text: &str,
        json: &Json,
        pointer: &str,
        depth: usize,
    ) -> Result<Filter, Refusal> {
        // The model's own copy lives as long as the model does.
        let object =
            self.terms.model.objects.get(&object.name).ok_or_else(|| bad(pointer, "there is no such object"))?;
        let (path, _, field) = walk(&self.terms, object, text, pointer)?;
        let asked: Vec<(&str, &Json, String)> = match json.as_object() {
            Some(members) if members.is_empty() => {
                return Err(bad(pointer, "say how to compare, such as {\"eq\": value}").with("field", &*field.name));
            }
            Some(members) if !operand::is_operand(members) => {
                let place = |(name, operand)| (String::as_str(name), operand, format!("{pointer}/{}", step(name)));
                members.iter().map(place).collect()
            }
            // `{"field": value}` is short for eq.
            _ => vec![("eq", json, pointer.to_owned())],
        };
        let mut all = Vec::new();
        for (operator, operand, pointer) in asked {
            self.conditions.set(self.conditions.get() + 1);
            if self.conditions.get() > CONDITIONS_MAX {
                return Err(bad(&pointer, format!("a filter has at most {CONDITIONS_MAX} conditions"))
                    .with("maximum", CONDITIONS_MAX));
            }
            let place = Place { path: &path, field, operator, pointer: &pointer, depth };
            all.push(self.compare(&place, operand)?);
        }
        Ok(match all.len() {
            1 => all.remove(0),
            _ => Filter::And(all),
        })
    }

    fn compare(&self, place: &Place<'_>, operand: &Json) -> Result<Filter, Refusal> {
        let Place { field, operator, pointer, .. } = *place;
        let known = operators(field);
        if !known.contains(&operator) {
            let hint = suggest::hint(operator, known.iter().copied());
            let message = match OPERATORS.contains(&operator) {
                true => format!("`{}` cannot be asked with `{operator}`; it takes {}", field.name, known.join(", ")),
                false => format!("there is no operator `{operator}`; {hint}"),
            };
            let refusal = place.bad(message).with("known", known);
            return Err(match suggest::nearest(operator, known.iter().copied()) {
                Some(near) => refusal.with("suggestion", near),
                None => refusal,
            });
        }
        if let Some(name) = operand::user_field(operand) {
            return self.of_user(place, name);
        }
        match operator {
            "any" | "none" => self.rows(place, operand),
            "contains" | "starts_with" => {
                let text = operand.as_str().ok_or_else(|| place.bad(format!("`{operator}` takes text")))?;
                operand::text(field, text, pointer)?;
                if let Some(keyed) = self.keyed(place, operand) {
                    return Ok(keyed);
                }
                if matches!(field.kind, FieldKind::Choices { .. } | FieldKind::Ids { .. }) {
                    operand::value(&self.terms, field, operand, pointer)?;
                }
                let comparison = if operator == "contains" { Comparison::Contains } else { Comparison::StartsWith };
                Ok(place.compare(comparison(text.to_owned())))
            }
            "is_null" => {
                let is = operand.as_bool().ok_or_else(|| place.bad("`is_null` takes true or false"))?;
                Ok(place.compare(Comparison::IsNull(is)))
            }
            "near" => operand::near(operand, pointer).map(|near| place.compare(Comparison::Near(near))),
            "within_days" => {
                let (from, to) = operand::around(&self.terms, field, operand, pointer)?;
                Ok(place.compare(Comparison::Between(from, to)))
            }
            "between" => match operand.as_array().map(Vec::as_slice) {
                Some([low, high]) => {
                    let low = operand::bound(&self.terms, field, operator, low, &format!("{pointer}/0"))?;
                    let high = operand::bound(&self.terms, field, operator, high, &format!("{pointer}/1"))?;
                    Ok(match (low, high) {
                        (Bound::At(low), Bound::At(high)) => place.compare(Comparison::Between(low, high)),
                        (low, high) => Filter::And(vec![
                            place.compare(low.comparison("gte")),
                            place.compare(high.comparison("lte")),
                        ]),
                    })
                }
                _ => Err(place.bad("`between` takes a list of two values")),
            },
            "in" | "not_in" => self.many(place, operand),
            _ if operand.is_null() => match operator {
                "eq" | "ne" => Ok(place.compare(Comparison::IsNull(operator == "eq"))),
                _ => Err(operand::wrong(field, pointer, "a value")),
            },
            _ => match self.keyed(place, operand) {
                Some(keyed) => Ok(keyed),
                None => self.one(place, operand::bound(&self.terms, field, operator, operand, pointer)?),
            },
        }
    }

    fn one(&self, place: &Place<'_>, bound: Bound) -> Result<Filter, Refusal> {
        Ok(match (place.operator, bound) {
            ("ne", Bound::Span(from, to)) => Filter::Not(Box::new(place.compare(Comparison::Within(from, to)))),
            (operator, bound) => place.compare(bound.comparison(operator)),
        })
    }

    /// What the user's record holds; where it is empty nothing is found, or a rule would show what belongs to nobody.
    fn of_user(&self, place: &Place<'_>, name: &str) -> Result<Filter, Refusal> {
        let value = match name {
            "id" => self.terms.actor.id.map_or(Value::Null, Value::Id),
            "department" => self.terms.actor.department.map_or(Value::Null, Value::Id),
            _ => self.terms.actor.fields.get(name).cloned().unwrap_or_default(),
        };
        let values: Vec<Value> = match value {
            Value::Null => return Ok(Filter::Nothing),
            Value::List(values) => values,
            value => vec![value],
        };
        if let Some(value) = values.iter().find(|value| !operand::fits(place.field, value)) {
            return Err(operand::wrong(place.field, place.pointer, "a field of the user that holds the same"))
                .map_err(|refusal| refusal.with("given", value.kind()));
        }
        match (place.operator, &values[..]) {
            ("in", _) => Ok(place.compare(Comparison::In(values))),
            ("not_in", _) => Ok(place.compare(Comparison::NotIn(values))),
            ("eq" | "ne" | "gt" | "gte" | "lt" | "lte", [value]) => self.one(place, Bound::At(value.clone())),
            _ => Err(place.bad(format!("`{}` does not take a list of the user's", place.operator))),
        }
    }

    fn many(&self, place: &Place<'_>, operand: &Json) -> Result<Filter, Refusal> {
        let Place { field, operator, pointer, .. } = *place;
        let has_one = |filter: Filter| if operator == "in" { filter } else { Filter::Not(Box::new(filter)) };
        // `{"due": {"in": {"days": 7}}}`: seven days from now.
        if let Some(ahead) = operand::ahead(operand) {
            let bound = operand::bound(&self.terms, field, "eq", &ahead, pointer)?;
            return Ok(has_one(place.compare(bound.comparison("eq"))));
        }
        let items: &[Json] = match operand {
            Json::Array(items) => items,
            single => std::slice::from_ref(single),
        };
        if items.len() > VALUES_MAX {
            return Err(place
                .bad(format!("`{operator}` takes at most {VALUES_MAX} values"))
                .with("maximum", VALUES_MAX));
        }
        let (mut values, mut others) = (Vec::new(), Vec::new());
        for (index, item) in items.iter().enumerate() {
            let pointer = format!("{pointer}/{index}");
            let at = Place { pointer: &pointer, operator: "eq", ..*place };
            match self.keyed(&at, item) {
                _ if item.is_null() => {}
                Some(keyed) => others.push(keyed),
                None => match operand::bound(&self.terms, field, "eq", item, &pointer)? {
                    Bound::At(value) => values.push(value),
                    span => others.push(place.compare(span.comparison("eq"))),
                },
            }
        }
        let comparison = if operator == "in" { Comparison::In(values) } else { Comparison::NotIn(values) };
        let listed = place.compare(comparison);
        if others.is_empty() {
            return Ok(listed);
        }
        let others = has_one(Filter::Or(together(others)));
        Ok(if operator == "in" { Filter::Or(vec![listed, others]) } else { Filter::And(vec![listed, others]) })
    }

    /// A reference compared with a key: the path goes on to the key field of what it leads to.
    fn keyed(&self, place: &Place<'_>, operand: &Json) -> Option<Filter> {
        let text = operand.as_str().filter(|text| Uuid::parse_str(text).is_err())?;
        let (FieldKind::Id { to, .. } | FieldKind::Ids { to }) = &place.field.kind else { return None };
        let [target]: &[Name; 1] = to[..].try_into().ok()?;
        let key = self.terms.model.objects.get(target)?.key?;
        operand::text(place.field, text, place.pointer).ok()?;
        let named = Comparison::Equal(Value::text(text));
        let found = match &place.field.kind {
            FieldKind::Id { .. } => {
                let slots = place.path.slots.iter().copied().chain([key]).collect();
                Filter::Compare { path: FilterPath { slots }, comparison: named }
            }
            _ => Filter::Any {
                path: place.path.clone(),
                object: target.clone(),
                filter: Box::new(Filter::Compare { path: FilterPath::of(key), comparison: named }),
            },
        };
        Some(if place.operator == "ne" { Filter::Not(Box::new(found)) } else { found })
    }

    /// `any` and `none` over owned rows, or over the records a list of references names.
    fn rows(&self, place: &Place<'_>, operand: &Json) -> Result<Filter, Refusal> {
        let target = match &place.field.kind {
            FieldKind::Items { to } => Some(to),
            FieldKind::Ids { to } if to.len() == 1 => to.first(),
            _ => None,
        };
        let object = target.and_then(|target| self.terms.model.objects.get(target));
        let object = object.ok_or_else(|| place.bad(format!("`{}` leads to several objects", place.field.name)))?;
        let filter = Box::new(self.condition(object, operand, place.pointer, place.depth + 1)?);
        let any = Filter::Any { path: place.path.clone(), object: object.name.clone(), filter };
        Ok(if place.operator == "any" { any } else { Filter::Not(Box::new(any)) })
    }
}

/// Comparisons of one path with one value each, as one comparison with all of them.
fn together(filters: Vec<Filter>) -> Vec<Filter> {
    let mut paths: Vec<(FilterPath, Vec<Value>)> = Vec::new();
    let mut rest = Vec::new();
    for filter in filters {
        match filter {
            Filter::Compare { path, comparison: Comparison::Equal(value) } => {
                match paths.iter_mut().find(|(known, _)| *known == path) {
                    Some((_, values)) => values.push(value),
                    None => paths.push((path, vec![value])),
                }
            }
            other => rest.push(other),
        }
    }
    rest.extend(paths.into_iter().map(|(path, values)| Filter::Compare { path, comparison: Comparison::In(values) }));
    rest
}

/// Slots a plain text search looks into: the display, the key and other short texts.
pub fn searchable(object: &Object) -> Vec<usize> {
    let mut slots: Vec<usize> =
        object.key.into_iter().chain((object.display >= slot::OWN).then_some(object.display)).collect();
    let texts = object
        .own_fields()
        .filter(|(_, field)| matches!(field.kind, FieldKind::Text { max_length, .. } if max_length <= 500))
        .map(|(slot, _)| slot);
    for slot in texts.take(8) {
        if !slots.contains(&slot) {
            slots.push(slot);
        }
    }
    slots
}
