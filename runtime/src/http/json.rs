//! Reading JSON so that no digit is lost: a number too long for a binary float becomes the text it was written as.

use serde_json::Value as Json;

/// Digits up to which a number survives serde's reading unchanged.
const EXACT_DIGITS: usize = 15;

/// Parses a body. Numbers with more digits than a float keeps come back as strings of their source text.
pub fn parse(bytes: &[u8]) -> Result<Json, serde_json::Error> {
    let value: Json = serde_json::from_slice(bytes)?;
    match quoted(bytes) {
        Some(text) => serde_json::from_slice(&text),
        None => Ok(value),
    }
}

/// The text with its long numbers in quotes; `None` when there are none. The text is valid JSON.
fn quoted(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut at, mut copied) = (0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = end_of_string(bytes, at),
            b'-' | b'0'..=b'9' => {
                let end = at + bytes[at..].iter().take_while(|byte| is_number(**byte)).count();
                if needs_quotes(&bytes[at..end]) {
                    out.extend_from_slice(&bytes[copied..at]);
                    out.push(b'"');
                    out.extend_from_slice(&bytes[at..end]);
                    out.push(b'"');
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return None;
    }
    out.extend_from_slice(&bytes[copied..]);
    Some(out)
}

fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

fn is_number(byte: u8) -> bool {
    matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')
}

fn needs_quotes(number: &[u8]) -> bool {
    let digits = number.iter().filter(|byte| byte.is_ascii_digit()).count();
    let fraction = number.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
    digits > EXACT_DIGITS && (fraction || digits > 18)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn long_numbers_keep_their_digits() {
        let read = |text: &str| parse(text.as_bytes()).expect("the test's text is JSON");
        assert_eq!(read(r#"{"a": 0.12345678901234567890}"#), json!({"a": "0.12345678901234567890"}));
        assert_eq!(
            read(r#"{"a": [120.10, -7], "b": "1.23456789012345678"}"#),
            json!({"a": [120.1, -7], "b": "1.23456789012345678"})
        );
        assert_eq!(read(r#"{"a\"": 12345678901234567890123}"#), json!({"a\"": "12345678901234567890123"}));
        assert_eq!(read("123456789012345678"), json!(123_456_789_012_345_678_u64));
    }

    #[test]
    fn what_is_no_json_names_its_place() {
        let error = parse(b"{\"a\":\n nope}").expect_err("this is no JSON");
        assert_eq!((error.line(), error.column()), (2, 3));
    }
}
