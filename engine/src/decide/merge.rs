//! A change made to an older version of a record: it goes through where it touches other fields than those changed
//! since, and is refused with all three values where both changed the same one. Owned rows are told apart by their ids.

use super::Halt;
use super::draft::Draft;
use super::records::stale;
use crate::env::Reader;
use crate::facts::Since;
use crate::object::{FieldKind, Object};
use crate::record::{Name, Record};
use crate::refusal::Refusal;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

/// What was changed since the version a caller knows.
pub struct Stale {
    since: Arc<Since>,
    refusal: Refusal,
}

impl Stale {
    /// `None` where the version is the newest, or none was given. Refused where it cannot be told what was changed.
    pub fn of(
        reader: &Reader<'_>,
        object: &Object,
        former: &Record,
        version: Option<i64>,
    ) -> Result<Option<Stale>, Halt> {
        let Some(version) = version.filter(|version| *version != former.version()) else { return Ok(None) };
        let refusal = stale(former, version);
        if version > former.version() || version < 1 {
            return Err(refusal.with("fields", Map::new()).into());
        }
        let key = (object.name.clone(), former.id(), version);
        match reader.facts.since.get(&key) {
            None => {
                reader.need(|need| {
                    need.since.insert(key);
                });
                Err(Halt::Missing)
            }
            Some(since) if since.upto != former.version() => Err(refusal.with("fields", Map::new()).into()),
            Some(since) => Ok(Some(Stale { since: since.clone(), refusal })),
        }
    }

    /// Puts together what was read and what was changed meanwhile.
    pub fn merge(&self, draft: &mut Draft<'_, '_>, input: &Map<String, Json>) -> Result<(), Halt> {
        let Some(former) = draft.former.clone() else { return Ok(()) };
        let mut conflicts = Map::new();
        for name in input.keys() {
            let (Some((slot, field)), Some(base)) = (draft.object.field(name), self.since.base.get(name)) else {
                continue;
            };
            if matches!(field.kind, FieldKind::Items { .. }) {
                continue;
            }
            let (yours, theirs) = (draft.values[slot].to_json(), former.values[slot].to_json());
            if same(&yours, &theirs) {
                continue;
            }
            if same(&yours, base) {
                draft.values[slot] = former.values[slot].clone();
            } else {
                conflicts.insert(name.clone(), json!({"base": base, "yours": yours, "theirs": theirs}));
            }
        }
        self.refuse(conflicts)
    }

    /// The input with its lists of owned rows put together with the rows as they stand now.
    pub fn merge_items(&self, draft: &Draft<'_, '_>, input: &Map<String, Json>) -> Result<Map<String, Json>, Halt> {
        let mut merged = input.clone();
        let mut conflicts = Map::new();
        for (name, yours) in input {
            let (Some((_, field)), Some(base)) = (draft.object.field(name), self.since.base.get(name)) else {
                continue;
            };
            let (FieldKind::Items { to }, Some(rows)) = (&field.kind, yours.as_array()) else { continue };
            let theirs = rows_now(draft, to)?;
            let fillable = |name: &str| {
                let child = draft.reader.model.objects.get(to);
                name == "id" || child.and_then(|child| child.field(name)).is_some_and(|(_, field)| field.is_writable())
            };
            match merge_rows(base.as_array().map_or(&[], Vec::as_slice), rows, &theirs, &fillable) {
                Some(rows) => merged.insert(name.clone(), Json::Array(rows)),
                None => conflicts.insert(name.clone(), json!({"base": base, "yours": yours, "theirs": theirs})),
            };
        }
        self.refuse(conflicts)?;
        Ok(merged)
    }

    fn refuse(&self, conflicts: Map<String, Json>) -> Result<(), Halt> {
        if conflicts.is_empty() {
            return Ok(());
        }
        Err(self.refusal.clone().with("fields", Json::Object(conflicts)).into())
    }
}

fn rows_now(draft: &Draft<'_, '_>, object: &Name) -> Result<Vec<Json>, Halt> {
    let rows = draft.former_children(object)?;
    Ok(rows.iter().map(|row| draft.row_json(object, &row.values)).collect())
}

/// Rows of both sides, told apart by id; `None` where both changed the same one.
/// Rows they added are given again as input: only what can be filled.
fn merge_rows(base: &[Json], yours: &[Json], theirs: &[Json], fillable: &dyn Fn(&str) -> bool) -> Option<Vec<Json>> {
    let find = |rows: &'_ [Json], id: &Json| rows.iter().find(|row| row["id"] == *id).cloned();
    let mut merged = Vec::with_capacity(yours.len());
    for row in yours {
        let Some(id) = row.get("id").filter(|id| !id.is_null()) else {
            merged.push(row.clone());
            continue;
        };
        match (find(base, id), find(theirs, id)) {
            (Some(before), Some(now)) => merged.push(merge_row(&before, row, &now)?),
            // They removed it: gone, unless you changed it.
            (Some(before), None) if unchanged(&before, row) => {}
            (Some(_), None) => return None,
            (None, _) => merged.push(row.clone()),
        }
    }
    for row in base.iter().filter(|row| find(yours, &row["id"]).is_none()) {
        // You removed it: gone, unless they changed it.
        if find(theirs, &row["id"]).is_some_and(|now| now != *row) {
            return None;
        }
    }
    let added = theirs.iter().filter(|row| find(base, &row["id"]).is_none() && find(yours, &row["id"]).is_none());
    merged.extend(added.filter_map(Json::as_object).map(|row| {
        Json::Object(
            row.iter().filter(|(name, _)| fillable(name)).map(|(name, value)| (name.clone(), value.clone())).collect(),
        )
    }));
    Some(merged)
}

fn merge_row(before: &Json, yours: &Json, now: &Json) -> Option<Json> {
    let mut merged = Map::new();
    for (name, value) in yours.as_object()? {
        let (base, theirs) = (&before[name], &now[name]);
        let value = match (same(value, base), same(base, theirs)) {
            (true, _) => theirs,
            (false, true) => value,
            (false, false) if same(value, theirs) => theirs,
            (false, false) => return None,
        };
        merged.insert(name.clone(), value.clone());
    }
    Some(Json::Object(merged))
}

fn unchanged(before: &Json, row: &Json) -> bool {
    row.as_object().is_some_and(|row| row.iter().all(|(name, value)| same(value, &before[name])))
}

/// Whether two values mean the same: numbers by their amount, money also without its currency.
fn same(one: &Json, other: &Json) -> bool {
    let number = |json: &Json| match json {
        Json::String(text) => text.parse::<Decimal>().ok(),
        Json::Number(number) => number.to_string().parse().ok(),
        _ => None,
    };
    if one == other {
        return true;
    }
    match (one, other) {
        (Json::Object(left), Json::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, value)| right.get(name).is_some_and(|other| same(value, other)))
        }
        (Json::Object(money), plain) | (plain, Json::Object(money)) => {
            !plain.is_null() && money.get("amount").is_some_and(|amount| same(amount, plain))
        }
        _ => number(one).is_some_and(|one| number(other) == Some(one)),
    }
}
