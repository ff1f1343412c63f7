//! Writing identities into files: the text of a definition with its `uid` behind its name, everything else as it stands.

use super::places::Places;
use serde_json::Value as Json;

/// The text with the identity; `None` where it has one, extends another pack's definition, or has no name to stand behind.
pub fn with_uid(text: &str, uid: &str) -> Option<String> {
    let json: Json = serde_json::from_str(text).ok()?;
    let name = json.get("name")?.as_str()?;
    if json.get("uid").is_some() || json.get("extends").and_then(Json::as_bool) == Some(true) || name.is_empty() {
        return None;
    }
    let (line, column) = Places::of(text).get("/name")?;
    let line_at: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let before: &str = &text[line_at..];
    let member = line_at + before.char_indices().nth(column - 1)?.0;
    let colon = end_of_text(text, member)?;
    let value = colon + text[colon..].find('"')?;
    let end = end_of_text(text, value)?;
    let indent = &text[line_at..member];
    let gap = match indent.chars().all(char::is_whitespace) {
        true if text[..line_at].ends_with("\r\n") => format!("\r\n{indent}"),
        true if line > 1 => format!("\n{indent}"),
        _ => " ".to_owned(),
    };
    Some(format!("{},{gap}\"uid\": \"{uid}\"{}", &text[..end], &text[end..]))
}

/// Where a text in quotes ends that begins here.
fn end_of_text(text: &str, begin: usize) -> Option<usize> {
    let mut escaped = false;
    for (at, letter) in text[begin..].char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(begin + at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_stands_behind_the_name_and_nothing_else_moves() {
        for (text, expect) in [
            (
                "{\n  \"kind\": \"object\",\n  \"name\": \"order\",\n  \"fields\": {\"name\": {}}\n}\n",
                Some(
                    "{\n  \"kind\": \"object\",\n  \"name\": \"order\",\n  \"uid\": \"u1\",\n  \"fields\": {\"name\": {}}\n}\n",
                ),
            ),
            ("{\r\n\t\"name\" : \"a\\\"b\"\r\n}", Some("{\r\n\t\"name\" : \"a\\\"b\",\r\n\t\"uid\": \"u1\"\r\n}")),
            (
                "{\"title\": \"\u{8ba2}\u{5355}\", \"name\": \"order\", \"x\": 1}",
                Some("{\"title\": \"\u{8ba2}\u{5355}\", \"name\": \"order\", \"uid\": \"u1\", \"x\": 1}"),
            ),
            ("{ \"name\": \"order\" }", Some("{ \"name\": \"order\", \"uid\": \"u1\" }")),
            ("{\"name\": \"order\", \"uid\": \"old\"}", None),
            ("{\"name\": \"order\", \"extends\": true}", None),
            ("{\"fields\": {\"name\": \"x\"}}", None),
            ("{\"name\": 3}", None),
            ("not json", None),
        ] {
            let written = with_uid(text, "u1");
            assert_eq!(written.as_deref(), expect, "{text}");
            if let Some(written) = written {
                let mut read: Json = serde_json::from_str(&written).expect("it is JSON still");
                assert_eq!(read["uid"], "u1");
                read.as_object_mut().expect("it is an object").shift_remove("uid");
                assert_eq!(read, serde_json::from_str::<Json>(text).expect("it was JSON"), "{text}");
            }
        }
    }
}
