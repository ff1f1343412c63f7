//! Where things stand in the text of a JSON file: line and column of a pointer, and names written twice, which a
//! parser silently overwrites.

use crate::diagnostic::Diagnostic;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Line and column, both from 1; columns count characters.
pub type Place = (usize, usize);

/// The places of a JSON text that a parser accepted.
#[derive(Debug, Default)]
pub struct Places {
    by_pointer: BTreeMap<String, Place>,
    /// Members written a second time, in the order of the text.
    repeated: Vec<(String, Place)>,
}

impl Places {
    pub fn of(text: &str) -> Places {
        let mut scanner = Scanner { rest: text.chars().peekable(), at: (1, 1), places: Places::default() };
        scanner.value(&mut String::new());
        scanner.places
    }

    /// Where a pointer stands: at the member's name, else at the nearest thing around it that is there.
    pub fn get(&self, pointer: &str) -> Option<Place> {
        let mut pointer = pointer;
        loop {
            if let Some(place) = self.by_pointer.get(pointer) {
                return Some(*place);
            }
            pointer = &pointer[..pointer.rfind('/')?];
        }
    }
}

/// The members of a text that are written a second time, in its order; a parser keeps one of them.
pub fn repeated(text: &str, parsed: &Json) -> Vec<(String, Place)> {
    // Nearly every file has as many members as it keeps: then nothing needs to be looked for.
    match members_written(text) == members_kept(parsed) {
        true => Vec::new(),
        false => Places::of(text).repeated,
    }
}

/// The colons of a JSON text outside its strings.
fn members_written(text: &str) -> usize {
    let (mut inside, mut escaped, mut members) = (false, false, 0);
    for byte in text.bytes() {
        match (inside, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => inside = !inside,
            (false, b':') => members += 1,
            _ => {}
        }
    }
    members
}

fn members_kept(json: &Json) -> usize {
    match json {
        Json::Object(members) => members.len() + members.values().map(members_kept).sum::<usize>(),
        Json::Array(items) => items.iter().map(members_kept).sum(),
        _ => 0,
    }
}

/// Gives findings the line and column of their pointers, and puts them in the order of the files.
pub fn locate<'t>(found: &mut [Diagnostic], text_of: impl Fn(&str) -> Option<&'t str>) {
    let mut known: BTreeMap<String, Places> = BTreeMap::new();
    for finding in found.iter_mut().filter(|finding| finding.place.is_none()) {
        if !known.contains_key(&finding.file) {
            let places = text_of(&finding.file).map(Places::of).unwrap_or_default();
            known.insert(finding.file.clone(), places);
        }
        finding.place = known[&finding.file].get(&finding.pointer);
    }
    found.sort_by(|a, b| (&a.file, a.place, &a.pointer, a.position).cmp(&(&b.file, b.place, &b.pointer, b.position)));
}

/// Walks through a text that is known to be JSON; what is not JSON ends it early.
struct Scanner<'t> {
    rest: std::iter::Peekable<std::str::Chars<'t>>,
    at: Place,
    places: Places,
}

impl Scanner<'_> {
    fn next(&mut self) -> Option<char> {
        let letter = self.rest.next()?;
        self.at = if letter == '\n' { (self.at.0 + 1, 1) } else { (self.at.0, self.at.1 + 1) };
        Some(letter)
    }

    /// The next letter that is no space, left where it is.
    fn ahead(&mut self) -> Option<char> {
        while self.rest.next_if(|letter| letter.is_whitespace()).is_some_and(|letter| {
            self.at = if letter == '\n' { (self.at.0 + 1, 1) } else { (self.at.0, self.at.1 + 1) };
            true
        }) {}
        self.rest.peek().copied()
    }

    fn value(&mut self, pointer: &mut String) {
        let first = self.ahead();
        let place = self.at;
        // A member's place is its name, which came first.
        self.places.by_pointer.entry(pointer.clone()).or_insert(place);
        match first {
            Some('{') => self.members(pointer),
            Some('[') => self.items(pointer),
            Some('"') => drop(self.text()),
            _ => {
                while self.rest.next_if(|letter| !",]}".contains(*letter) && !letter.is_whitespace()).is_some() {
                    self.at.1 += 1;
                }
            }
        }
    }

    fn members(&mut self, pointer: &mut String) {
        self.next();
        while self.ahead() == Some('"') {
            let place = self.at;
            let name = self.text();
            let length = pointer.len();
            pointer.push('/');
            pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
            if self.places.by_pointer.insert(pointer.clone(), place).is_some() {
                // The later one counts, as for parsers; what stood inside the former is gone.
                let inside = format!("{pointer}/");
                self.places.by_pointer.retain(|known, _| !known.starts_with(&inside));
                self.places.repeated.push((pointer.clone(), place));
            }
            if self.ahead() == Some(':') {
                self.next();
                self.value(pointer);
            }
            pointer.truncate(length);
            if self.ahead() == Some(',') {
                self.next();
            }
        }
        self.next();
    }

    fn items(&mut self, pointer: &mut String) {
        self.next();
        let mut index = 0_usize;
        while self.ahead().is_some_and(|letter| letter != ']') {
            let length = pointer.len();
            pointer.push_str(&format!("/{index}"));
            let before = self.at;
            self.value(pointer);
            pointer.truncate(length);
            if self.ahead() == Some(',') {
                self.next();
            } else if self.at == before {
                return;
            }
            index += 1;
        }
        self.next();
    }

    /// A text with its escapes undone as far as names need it.
    fn text(&mut self) -> String {
        self.next();
        let mut raw = String::from("\"");
        while let Some(letter) = self.next() {
            raw.push(letter);
            match letter {
                '\\' => raw.extend(self.next()),
                '"' => break,
                _ => {}
            }
        }
        serde_json::from_str(&raw).unwrap_or(raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_lead_to_lines_and_columns() {
        let places = Places::of(
            "{\n  \"fields\": {\n    \"a/b\": [1, {\"x\": \"中\\\"文\"}],\n    \"日\": true, \"last\": -1.5\n  }\n}",
        );
        for (pointer, place) in [
            ("", (1, 1)),
            ("/fields", (2, 3)),
            ("/fields/a~1b", (3, 5)),
            ("/fields/a~1b/0", (3, 13)),
            ("/fields/a~1b/1/x", (3, 17)),
            ("/fields/last", (4, 16)),
            ("/fields/missing/deeper", (2, 3)),
        ] {
            assert_eq!(places.get(pointer), Some(place), "{pointer}");
        }
        assert!(places.repeated.is_empty());
    }

    #[test]
    fn names_written_twice_are_seen_at_their_second_place() {
        let places = Places::of("{\"a\": {\"b\": 1, \"b\": 2},\n \"a\": 3, \"\\u0061\": 4}");
        let seen: Vec<(&str, Place)> =
            places.repeated.iter().map(|(pointer, place)| (pointer.as_str(), *place)).collect();
        assert_eq!(seen, [("/a/b", (1, 16)), ("/a", (2, 2)), ("/a", (2, 10))]);
    }

    #[test]
    fn what_is_no_json_ends_early() {
        for text in ["", "{", "[1,", "{\"a\"", "[}", "\"", "{\"a\": [[[", "}{", "[1 2]"] {
            Places::of(text);
        }
    }
}
