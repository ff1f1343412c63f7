//! Places: finds where an address lies in a tree of administrative divisions. A street named after a city
//! (上海路) is not that city: below the top, a name counts only right after the name of what it lies in.

use super::{FieldKind, Object};
use crate::facts::Collection;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Names of places by the place they lie in.
#[derive(Debug, Default)]
pub struct Places {
    top: Vec<Place>,
    below: BTreeMap<Uuid, Vec<Place>>,
}

#[derive(Clone, Debug)]
struct Place {
    id: Uuid,
    /// Ways of writing it, longest first: `广东省`, `广东`.
    names: Vec<String>,
}

/// What divisions are called; a name without it is how people write the place for short.
const ENDINGS: &[&str] = &[
    "维吾尔自治区",
    "壮族自治区",
    "回族自治区",
    "特别行政区",
    "自治区",
    "自治州",
    "自治县",
    "自治旗",
    "地区",
    "新区",
    "省",
    "市",
    "区",
    "县",
    "旗",
    "盟",
    "州",
];
/// A short name that stands before one of these is part of a street or a house, not a place.
const NOT_A_PLACE: &[&str] = &[
    "路", "街", "大道", "大街", "巷", "弄", "胡同", "东路", "西路", "南路", "北路", "中路", "东街", "西街", "南街",
    "北街", "一路", "二路", "三路", "四路", "大厦", "广场", "花园", "小区", "村", "桥", "号",
];
/// Divisions between a top place and the one that is named may be left out: 广东南山区.
const SKIP_LEVELS_MAX: usize = 1;

impl Places {
    /// Indexes a tree: `name` (and `short_name` where the object has one) below `parent`.
    pub fn index(object: &Object, parent_slot: usize, places: &Collection) -> Places {
        let text_slot = |name: &str| {
            object.field(name).filter(|(_, field)| matches!(field.kind, FieldKind::Text { .. })).map(|(slot, _)| slot)
        };
        let name_slot = text_slot("name").unwrap_or(object.display);
        let short_slot = text_slot("short_name");
        let mut index = Places::default();
        for record in &places.records {
            let Some(name) = record.values[name_slot].as_text() else { continue };
            let mut names = vec![name.to_owned()];
            names.extend(short_slot.and_then(|slot| record.values[slot].as_text()).map(str::to_owned));
            names.extend(shortened(name));
            names.sort_by_key(|name| std::cmp::Reverse(name.chars().count()));
            names.dedup();
            let place = Place { id: record.id(), names };
            match record.values[parent_slot].as_id() {
                Some(parent) => index.below.entry(parent).or_default().push(place),
                None => index.top.push(place),
            }
        }
        index
    }

    /// The most specific place an address lies in, or none. The address must begin with a place: a top one, or one below
    /// it whose full name is the only one of its kind (杭州市西湖区…).
    pub fn locate(&self, address: &str) -> Option<Uuid> {
        let text: String =
            address.chars().filter(|letter| !letter.is_whitespace() && !",，、-".contains(*letter)).collect();
        let text = text.strip_prefix("中国").or_else(|| text.strip_prefix("中华人民共和国")).unwrap_or(&text);
        let (mut at, mut rest) = match best(&self.top, text) {
            Some(found) => found,
            None => self.begins_below(text)?,
        };
        loop {
            match self.next(at, rest, SKIP_LEVELS_MAX) {
                Some((place, left)) => (at, rest) = (place, left),
                None => return Some(at),
            }
        }
    }

    /// The place right after, in the places below; a level may be left out, and a municipality may be named twice.
    fn next<'t>(&self, at: Uuid, text: &'t str, skip: usize) -> Option<(Uuid, &'t str)> {
        let below = self.below.get(&at)?;
        if let Some(found) = best(below, text) {
            return Some(found);
        }
        if skip == 0 {
            return None;
        }
        // A level left out: only one place of that name may lie below.
        let mut found =
            below.iter().filter_map(|place| self.below.get(&place.id).and_then(|deeper| best_full(deeper, text)));
        match (found.next(), found.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }

    /// An address that begins below the top: 杭州市西湖区…, 深圳南山….
    fn begins_below<'t>(&self, text: &'t str) -> Option<(Uuid, &'t str)> {
        let mut found = self.top.iter().filter_map(|top| self.below.get(&top.id).and_then(|places| best(places, text)));
        match (found.next(), found.next()) {
            (Some(only), None) => Some(only),
            _ => None,
        }
    }
}

/// The place whose name the text begins with, the longest name first.
fn best<'t>(places: &[Place], text: &'t str) -> Option<(Uuid, &'t str)> {
    let matches =
        places.iter().flat_map(|place| place.names.iter().enumerate().map(move |(rank, name)| (place, rank, name)));
    matches
        .filter_map(|(place, _, name)| {
            let rest = text.strip_prefix(name.as_str())?;
            let is_full = ENDINGS.iter().any(|ending| name.ends_with(ending));
            let is_street = NOT_A_PLACE.iter().any(|word| rest.starts_with(word));
            (is_full || !is_street).then_some((name.chars().count(), place.id, rest))
        })
        .max_by_key(|(length, ..)| *length)
        .map(|(_, id, rest)| (id, rest))
}

/// The same, by full names only.
fn best_full<'t>(places: &[Place], text: &'t str) -> Option<(Uuid, &'t str)> {
    places.iter().find_map(|place| Some((place.id, text.strip_prefix(place.names.first()?.as_str())?)))
}

/// The name without what the division is called, where at least two characters remain.
fn shortened(name: &str) -> Option<String> {
    let ending = ENDINGS.iter().find(|ending| name.ends_with(**ending))?;
    let short = name.strip_suffix(ending)?;
    (short.chars().count() >= 2).then(|| short.to_owned())
}
