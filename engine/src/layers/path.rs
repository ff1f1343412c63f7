//! Name paths: places inside a definition's document, by name through members and by id through lists, never by
//! position. Written like a JSON pointer: `/fields/reason/options/broken/title`.

use serde_json::Value as Json;

/// The pseudo-member that says which item a member or item stands after; empty text: it stands first.
pub const AFTER: &str = "$after";

/// The pseudo-member of a document that holds its Chinese texts, by path inside the definition.
pub const CHINESE: &str = "$zh-CN";

/// A segment as it stands in a path.
pub fn escaped(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}

/// A path one step further.
pub fn below(path: &str, segment: &str) -> String {
    format!("{path}/{}", escaped(segment))
}

pub fn segments(path: &str) -> Vec<String> {
    path.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~")).collect()
}

/// The path one step up, and the last segment; none for the whole document.
pub fn split(path: &str) -> Option<(&str, String)> {
    let (parent, last) = path.rsplit_once('/')?;
    Some((parent, last.replace("~1", "/").replace("~0", "~")))
}

/// Whether a path is another one, or lies below it.
pub fn is_within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What an item of a list is called: its `id`, or the text it is.
pub fn key(item: &Json) -> Option<&str> {
    match item {
        Json::String(text) => Some(text),
        Json::Object(members) => members.get("id").and_then(Json::as_str),
        _ => None,
    }
}

/// Whether every item of a list has a name of its own, so that lists can be merged item by item.
pub fn is_keyed(items: &[Json]) -> bool {
    let mut seen = std::collections::BTreeSet::new();
    items.iter().all(|item| key(item).is_some_and(|key| seen.insert(key)))
}

fn step<'j>(json: &'j Json, segment: &str) -> Option<&'j Json> {
    match json {
        Json::Object(members) => members.get(segment),
        Json::Array(items) => items.iter().find(|item| key(item) == Some(segment)),
        _ => None,
    }
}

fn step_mut<'j>(json: &'j mut Json, segment: &str) -> Option<&'j mut Json> {
    match json {
        Json::Object(members) => members.get_mut(segment),
        Json::Array(items) => items.iter_mut().find(|item| key(item) == Some(segment)),
        _ => None,
    }
}

/// What stands at a path. The place of an item (`…/$after`) is the name of the item before it.
pub fn get(json: &Json, path: &str) -> Option<Json> {
    let mut at = json;
    let segments = segments(path);
    for (depth, segment) in segments.iter().enumerate() {
        if segment == AFTER && depth + 1 == segments.len() && depth > 0 {
            let mut parent = json;
            for segment in &segments[..depth - 1] {
                parent = step(parent, segment)?;
            }
            let names = names(parent);
            let place = names.iter().position(|name| *name == segments[depth - 1])?;
            return Some(Json::from(if place == 0 { "" } else { names[place - 1] }));
        }
        at = step(at, segment)?;
    }
    Some(at.clone())
}

/// Names of members or items, in order.
pub fn names(json: &Json) -> Vec<&str> {
    match json {
        Json::Object(members) => members.keys().map(String::as_str).collect(),
        Json::Array(items) => items.iter().filter_map(key).collect(),
        _ => Vec::new(),
    }
}

/// Puts a value at a path; false where there is nothing to put it into.
pub fn set(json: &mut Json, path: &str, value: Json) -> bool {
    let Some((parent, last)) = split(path) else {
        *json = value;
        return true;
    };
    if last == AFTER {
        return value.as_str().is_some_and(|after| move_after(json, parent, after));
    }
    let mut at = json;
    for segment in segments(parent) {
        if let Json::Object(members) = at
            && !members.contains_key(&segment)
            && segment == CHINESE
        {
            members.insert(segment.clone(), Json::Object(serde_json::Map::new()));
        }
        match step_mut(at, &segment) {
            Some(next) => at = next,
            None => return false,
        }
    }
    match at {
        Json::Object(members) => {
            members.insert(last, value);
        }
        Json::Array(items) => match items.iter_mut().find(|item| key(item) == Some(&last)) {
            Some(item) => *item = value,
            None => items.push(value),
        },
        _ => return false,
    }
    true
}

/// Takes out what stands at a path; false where nothing does.
pub fn remove(json: &mut Json, path: &str) -> bool {
    let Some((parent, last)) = split(path) else { return false };
    let mut at = json;
    for segment in segments(parent) {
        match step_mut(at, &segment) {
            Some(next) => at = next,
            None => return false,
        }
    }
    match at {
        Json::Object(members) => members.shift_remove(&last).is_some(),
        Json::Array(items) => {
            let before = items.len();
            items.retain(|item| key(item) != Some(&last));
            items.len() < before
        }
        _ => false,
    }
}

/// Moves a member or item behind another one of its collection; to the front for an empty name.
fn move_after(json: &mut Json, path: &str, after: &str) -> bool {
    let Some((parent, name)) = split(path) else { return false };
    let mut at = json;
    for segment in segments(parent) {
        match step_mut(at, &segment) {
            Some(next) => at = next,
            None => return false,
        }
    }
    let order = names(at);
    if !order.contains(&name.as_str()) || (!after.is_empty() && !order.contains(&after)) || after == name {
        return false;
    }
    match at {
        Json::Object(members) => {
            let Some(value) = members.shift_remove(&name) else { return false };
            let place = members.keys().position(|known| known == after).map_or(0, |place| place + 1);
            members.shift_insert(place, name, value);
        }
        Json::Array(items) => {
            let Some(from) = items.iter().position(|item| key(item) == Some(&name)) else { return false };
            let item = items.remove(from);
            let place = items.iter().position(|item| key(item) == Some(after)).map_or(0, |place| place + 1);
            items.insert(place, item);
        }
        _ => return false,
    }
    true
}

/// The name path of a JSON pointer into a document: positions become ids. Where a list has no ids the path ends.
pub fn of_pointer(json: &Json, pointer: &str) -> String {
    let mut path = String::new();
    let mut at = json;
    for segment in segments(pointer) {
        let next = match at {
            Json::Object(members) => members.get(&segment).map(|value| (segment.as_str(), value)),
            Json::Array(items) if is_keyed(items) => {
                let item = segment.parse::<usize>().ok().and_then(|index| items.get(index));
                item.and_then(|item| Some((key(item)?, item)))
            }
            _ => None,
        };
        let Some((name, value)) = next else { break };
        path = below(&path, name);
        at = value;
    }
    path
}

/// The JSON pointer of a name path; as far as the document goes.
pub fn to_pointer(json: &Json, path: &str) -> String {
    let mut pointer = String::new();
    let mut at = json;
    for segment in segments(path) {
        match at {
            Json::Object(members) => match members.get(&segment) {
                Some(value) => {
                    pointer = below(&pointer, &segment);
                    at = value;
                }
                None => break,
            },
            Json::Array(items) => match items.iter().position(|item| key(item) == Some(&segment)) {
                Some(index) => {
                    pointer = below(&pointer, &index.to_string());
                    at = &items[index];
                }
                None => break,
            },
            _ => break,
        }
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document() -> Json {
        json!({"fields": {"a": {}, "b": {}, "c": {}}, "sections": [{"id": "main", "fields": ["a", "b"]}]})
    }

    #[test]
    fn places_are_found_by_name_and_by_id() {
        let json = document();
        assert_eq!(get(&json, "/sections/main/fields/b"), Some(json!("b")));
        assert_eq!(get(&json, "/sections/main/fields/b/$after"), Some(json!("a")));
        assert_eq!(get(&json, "/fields/a/$after"), Some(json!("")));
        assert_eq!(get(&json, "/sections/other"), None);
        assert_eq!(of_pointer(&json, "/sections/0/fields/1"), "/sections/main/fields/b");
        assert_eq!(to_pointer(&json, "/sections/main/fields/b"), "/sections/0/fields/1");
    }

    #[test]
    fn items_are_put_moved_and_taken_out() {
        let mut json = document();
        assert!(set(&mut json, "/sections/main/fields/c", json!("c")));
        assert!(set(&mut json, "/sections/main/fields/c/$after", json!("")));
        assert!(set(&mut json, "/fields/a/$after", json!("b")));
        assert!(remove(&mut json, "/fields/c"));
        assert_eq!(json["sections"][0]["fields"], json!(["c", "a", "b"]));
        assert_eq!(names(&json["fields"]), ["b", "a"]);
        assert!(!set(&mut json, "/fields/gone/title", json!("x")));
        assert!(!set(&mut json, "/fields/a/$after", json!("gone")));
        assert!(!remove(&mut json, "/sections/other"));
    }
}
