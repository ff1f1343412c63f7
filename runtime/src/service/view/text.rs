//! JSON written as text: what is answered most often is never built as a tree first.

use serde::Serialize;
use std::fmt::Display;
use std::io::Write;

/// A text of JSON that grows. Commas follow from what stands before.
#[derive(Debug)]
pub struct Text {
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bracket {
    Object,
    Array,
}

impl Text {
    pub fn with_capacity(bytes: usize) -> Text {
        Text { bytes: Vec::with_capacity(bytes) }
    }

    pub fn open(&mut self, bracket: Bracket) -> &mut Text {
        self.separate();
        self.bytes.push(if bracket == Bracket::Object { b'{' } else { b'[' });
        self
    }

    pub fn close(&mut self, bracket: Bracket) -> &mut Text {
        self.bytes.push(if bracket == Bracket::Object { b'}' } else { b']' });
        self
    }

    /// The name of a member; its value comes next.
    pub fn name(&mut self, name: &str) -> &mut Text {
        self.string(name);
        self.bytes.push(b':');
        self
    }

    pub fn string(&mut self, text: &str) -> &mut Text {
        self.separate();
        if text.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
            self.serialized(text);
        } else {
            self.bytes.push(b'"');
            self.bytes.extend_from_slice(text.as_bytes());
            self.bytes.push(b'"');
        }
        self
    }

    /// A string of what needs no escape: numbers, dates, ids.
    pub fn shown(&mut self, value: impl Display) -> &mut Text {
        self.separate();
        // Writing into memory does not fail.
        let _ = write!(self.bytes, "\"{value}\"");
        self
    }

    pub fn number(&mut self, number: i64) -> &mut Text {
        self.separate();
        let _ = write!(self.bytes, "{number}");
        self
    }

    pub fn boolean(&mut self, flag: bool) -> &mut Text {
        self.separate();
        self.bytes.extend_from_slice(if flag { b"true" } else { b"false" });
        self
    }

    pub fn null(&mut self) -> &mut Text {
        self.separate();
        self.bytes.extend_from_slice(b"null");
        self
    }

    pub fn json<T: Serialize + ?Sized>(&mut self, value: &T) -> &mut Text {
        self.separate();
        self.serialized(value);
        self
    }

    /// A value that was written by itself.
    pub fn written(&mut self, value: &Text) -> &mut Text {
        self.separate();
        self.bytes.extend_from_slice(&value.bytes);
        self
    }

    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn serialized<T: Serialize + ?Sized>(&mut self, value: &T) {
        let _ = serde_json::to_writer(&mut self.bytes, value);
    }

    fn separate(&mut self) {
        if !matches!(self.bytes.last(), None | Some(b'{' | b'[' | b':')) {
            self.bytes.push(b',');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value as Json, json};

    #[test]
    fn commas_stand_where_they_belong() {
        let mut text = Text::with_capacity(0);
        text.open(Bracket::Object).name("a").open(Bracket::Array).number(1).null().boolean(true).open(Bracket::Object);
        text.close(Bracket::Object).close(Bracket::Array);
        text.name("say \"b\"").string("line\nof:").name("c").json(&json!({"d": [2]})).name("e").shown(3);
        text.close(Bracket::Object);
        let read: Json = serde_json::from_slice(&text.finish()).expect("it is JSON");
        assert_eq!(read, json!({"a": [1, null, true, {}], "say \"b\"": "line\nof:", "c": {"d": [2]}, "e": "3"}));
    }
}
