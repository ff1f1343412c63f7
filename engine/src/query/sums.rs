//! Sums over records as people write them: groups, measures, conditions on groups and their order, read against an
//! object. Requests and reports are read here.

use super::filter::{self, Filter, Terms};
use super::{AggregateQuery, Group, Measure, Part};
use crate::codes::Code;
use crate::object::{FieldKind, Object};
use crate::refusal::Refusal;
use crate::suggest;
use crate::value::Value;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json};
use std::cmp::Ordering;

const GROUP_FIELDS_MAX: usize = 8;
const MEASURES_MAX: usize = 20;

/// An aggregate as written.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// Fields, parts of dates (`month(finished_at)`), currencies (`amount.currency`).
    pub group_by: Vec<String>,
    /// Name -> `{"sum": field}` or `{"count": true}`.
    pub measures: Map<String, Json>,
    /// Name of a measure -> `{"gte": "100"}`.
    pub having: Map<String, Json>,
    /// Names of groups and measures; `-` before one puts the greatest first.
    pub sort: Vec<String>,
}

/// An aggregate that fits its object.
#[derive(Clone, Debug)]
pub struct Sums {
    /// Without a limit.
    pub query: AggregateQuery,
    pub having: Vec<Having>,
    /// Columns (groups first, then measures), and whether the greatest comes first.
    pub order: Vec<(usize, bool)>,
}

/// Reads an aggregate against an object. Refused with `bad_parameter` and the member, or what a path or filter is
/// refused with.
pub fn read(terms: &Terms<'_>, object: &Object, filter: Filter, written: &Written) -> Result<Sums, Refusal> {
    if written.group_by.len() > GROUP_FIELDS_MAX {
        return Err(bad("group_by", format!("groups are made by at most {GROUP_FIELDS_MAX} fields")));
    }
    if written.measures.is_empty() || written.measures.len() > MEASURES_MAX {
        return Err(bad("measures", format!("an aggregate has 1 to {MEASURES_MAX} measures")));
    }
    let groups = written.group_by.iter().map(|label| group(terms, object, label));
    let measures = written.measures.iter().map(|(name, written)| measure(terms, object, name, written));
    let query = AggregateQuery {
        object: object.name.clone(),
        filter,
        group_by: groups.collect::<Result<_, _>>()?,
        measures: measures.collect::<Result<_, _>>()?,
        limit: 0,
    };
    if let Some((name, _)) = query.measures.iter().find(|(name, _)| query.group_by.iter().any(|by| by.label == *name)) {
        return Err(bad("measures", format!("`{name}` is a group already")).with("name", name.as_str()));
    }
    let conditions = written.having.iter().map(|(name, written)| having(&query, name, written));
    let conditions: Vec<Vec<Having>> = conditions.collect::<Result<_, _>>()?;
    let order = written.sort.iter().map(|name| order(&query, name)).collect::<Result<_, _>>()?;
    Ok(Sums { query, having: conditions.into_iter().flatten().collect(), order })
}

fn bad(parameter: &'static str, detail: impl Into<String>) -> Refusal {
    Refusal::new(Code::BadParameter, detail).with("parameter", parameter)
}

fn group(terms: &Terms<'_>, object: &Object, label: &str) -> Result<Group, Refusal> {
    let bad = |detail: String| bad("group_by", detail).with("name", label);
    let (part, written) = match label.strip_suffix(')').and_then(|inner| inner.split_once('(')) {
        None => (None, label),
        Some((name, path)) => match Part::OF_DATES.iter().find(|(known, _)| *known == name) {
            Some((_, part)) => (Some(*part), path),
            None => {
                let known: Vec<&str> = Part::OF_DATES.iter().map(|(known, _)| *known).collect();
                let hint = suggest::hint(name, known.iter().copied());
                return Err(bad(format!("`{name}` is not a part of a date; {hint}")).with("known", known));
            }
        },
    };
    // `amount.currency`: the currency is a part of the amount, not a field.
    if let Some(money) = written.strip_suffix(".currency").filter(|_| part.is_none())
        && let Ok((path, field)) = filter::path(terms, object, money, "group_by")
        && matches!(field.kind, FieldKind::Money { .. } | FieldKind::Rollup { money: Some(_), .. })
    {
        return Ok(Group { label: label.to_owned(), path, part: Some(Part::Currency) });
    }
    let (path, field) = filter::path(terms, object, written, "group_by")?;
    match (&field.kind, part) {
        (FieldKind::Date, Some(Part::Hour)) => Err(bad(format!("`{written}` is a date; it has no hour"))),
        (FieldKind::Date | FieldKind::Moment, _) => Ok(()),
        (_, Some(_)) => Err(bad(format!("`{label}` asks for a part of what is no date"))),
        (FieldKind::Money { .. } | FieldKind::Rollup { money: Some(_), .. }, None) => {
            Err(bad(format!("amounts make no groups; group by `{written}.currency`, or measure `{written}`")))
        }
        (
            FieldKind::Items { .. }
            | FieldKind::Json
            | FieldKind::Files { .. }
            | FieldKind::Location
            | FieldKind::Ids { .. }
            | FieldKind::Choices { .. },
            None,
        ) => Err(bad(format!("`{written}` holds a list or a document; it makes no groups"))),
        _ => Ok(()),
    }?;
    Ok(Group { label: label.to_owned(), path, part })
}

const VERBS: [&str; 6] = ["sum", "avg", "min", "max", "count", "count_distinct"];

fn measure(terms: &Terms<'_>, object: &Object, name: &str, written: &Json) -> Result<(String, Measure), Refusal> {
    let bad = |detail: String| bad("measures", detail).with("name", name);
    let one = written.as_object().filter(|members| members.len() == 1).and_then(|members| members.iter().next());
    let Some((verb, of)) = one else {
        return Err(bad(format!("the measure `{name}` is written {{\"sum\": field}} or {{\"count\": true}}")));
    };
    if !VERBS.contains(&verb.as_str()) {
        let hint = suggest::hint(verb, VERBS);
        return Err(bad(format!("`{verb}` is no measure; {hint}")).with("known", &VERBS[..]));
    }
    if verb == "count" {
        return match of {
            Json::Bool(true) => Ok((name.to_owned(), Measure::Count)),
            _ => Err(bad("`count` takes true; `count_distinct` takes a field".into())),
        };
    }
    let Some(of) = of.as_str() else { return Err(bad(format!("`{verb}` takes the name of a field"))) };
    let (path, _) = filter::path(terms, object, of, "measures")?;
    let [slot] = path.slots[..] else {
        return Err(bad(format!("`{of}` is a field of another record; measures are made of the record's own")));
    };
    let kind = &object.fields[slot].kind;
    let number = matches!(kind, FieldKind::Decimal { .. } | FieldKind::Money { .. } | FieldKind::Rollup { .. });
    let ordered = number || matches!(kind, FieldKind::Text { .. } | FieldKind::Date | FieldKind::Moment);
    let single = ordered || matches!(kind, FieldKind::Boolean | FieldKind::Choice { .. } | FieldKind::Id { .. });
    let measure = match verb.as_str() {
        "sum" if number => Measure::Sum(slot),
        "avg" if number => Measure::Average(slot),
        "min" if ordered => Measure::Min(slot),
        "max" if ordered => Measure::Max(slot),
        "count_distinct" if single => Measure::CountDistinct(slot),
        "sum" | "avg" => return Err(bad(format!("`{of}` is no number"))),
        "min" | "max" => return Err(bad(format!("`{of}` has no order: it is no number, date or text"))),
        _ => return Err(bad(format!("`{of}` holds a list or a document; it cannot be counted"))),
    };
    Ok((name.to_owned(), measure))
}

/// A condition on a measure.
#[derive(Clone, Debug)]
pub struct Having {
    /// Groups first, then measures.
    pub column: usize,
    operator: fn(Ordering) -> bool,
    than: Decimal,
}

impl Having {
    /// Whether a group is kept.
    pub fn holds(&self, value: &Value) -> bool {
        value.as_decimal().is_some_and(|value| (self.operator)(value.cmp(&self.than)))
    }
}

fn having(query: &AggregateQuery, name: &str, written: &Json) -> Result<Vec<Having>, Refusal> {
    let bad = |detail: String| bad("having", detail).with("name", name);
    let Some(at) = query.measures.iter().position(|(known, _)| known == name) else {
        let hint = suggest::hint(name, query.measures.iter().map(|(name, _)| name.as_str()));
        return Err(bad(format!("`{name}` is no measure of this aggregate; {hint}")));
    };
    let Some(conditions) = written.as_object().filter(|conditions| !conditions.is_empty()) else {
        return Err(bad(format!("a condition on `{name}` is an object such as {{\"gte\": \"100\"}}")));
    };
    let conditions = conditions.iter().map(|(operator, than)| {
        let operator: fn(Ordering) -> bool = match operator.as_str() {
            "eq" => Ordering::is_eq,
            "ne" => Ordering::is_ne,
            "gt" => Ordering::is_gt,
            "gte" => Ordering::is_ge,
            "lt" => Ordering::is_lt,
            "lte" => Ordering::is_le,
            _ => {
                let hint = suggest::hint(operator, ["eq", "ne", "gt", "gte", "lt", "lte"]);
                return Err(bad(format!("`{operator}` does not compare measures; {hint}")));
            }
        };
        let number = match than {
            Json::Number(number) => Decimal::from_str_exact(&number.to_string()).ok(),
            Json::String(text) => Decimal::from_str_exact(text).ok(),
            _ => None,
        };
        let than = number.ok_or_else(|| bad(format!("`{name}` is compared with a decimal")))?;
        Ok(Having { column: query.group_by.len() + at, operator, than })
    });
    conditions.collect()
}

/// The column a key of the order is about, and whether the greatest comes first.
fn order(query: &AggregateQuery, written: &str) -> Result<(usize, bool), Refusal> {
    let (name, descending) = match written.strip_prefix('-') {
        Some(name) => (name, true),
        None => (written, false),
    };
    let groups = query.group_by.iter().map(|group| group.label.as_str());
    let columns: Vec<&str> = groups.chain(query.measures.iter().map(|(name, _)| name.as_str())).collect();
    match columns.iter().position(|known| *known == name) {
        Some(column) => Ok((column, descending)),
        None => {
            let hint = suggest::hint(name, columns.iter().copied());
            Err(bad("sort", format!("`{name}` is neither a group nor a measure; {hint}")).with("known", columns))
        }
    }
}
