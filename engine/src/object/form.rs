//! Forms: what a text must look like to be an e-mail address, a time or a list of files. Each gives the value as it is
//! kept, or says what was wanted. Knows no field and no record.

use super::duplicate::half_width;
use crate::moment::{Date, Moment};
use crate::value::Value;
use rust_decimal::Decimal;
use serde_json::Value as Json;
use std::str::FromStr;
use uuid::Uuid;

/// Years that both databases order and print alike.
pub const YEARS: std::ops::RangeInclusive<i16> = 1..=9999;
/// Files one field lists: more belong into records of their own.
pub const FILES_MAX: usize = 100;
/// RFC 5321.
const EMAIL_BYTES_MAX: usize = 254;
const MAILBOX_BYTES_MAX: usize = 64;
/// RFC 1035.
const LABEL_BYTES_MAX: usize = 63;
/// Digits of a telephone number: short numbers such as 110, and E.164 with an extension.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 3..=20;
/// Levels of a document.
const DOCUMENT_DEPTH_MAX: usize = 32;

type Form<T> = Result<T, &'static str>;

/// `2026-06-30`, from year 1 to 9999.
pub fn date(text: &str) -> Form<Date> {
    let wanted = "a date such as 2026-06-30, from year 0001 to 9999";
    let is_plain = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() });
    let date = is_plain.then(|| Date::from_str(text).ok()).flatten();
    date.filter(|date| YEARS.contains(&date.year())).ok_or(wanted)
}

/// RFC 3339 with an offset, from year 1 to 9999 in UTC.
pub fn moment(text: &str) -> Form<Moment> {
    let wanted = "a moment such as 2026-06-30T23:30:00+08:00, from year 0001 to 9999";
    Moment::parse(text).filter(|moment| YEARS.contains(&moment.year())).ok_or(wanted)
}

/// `14:30` or `14:30:15`; seconds that are zero are left out, so that equal times are equal texts.
pub fn time(text: &str) -> Form<String> {
    let wanted = "a time such as 14:30 or 14:30:15";
    let parts: Vec<&str> = text.split(':').collect();
    let limits: &[u8] = if parts.len() == 3 { &[23, 59, 59] } else { &[23, 59] };
    let good = parts.len() == limits.len()
        && parts.iter().zip(limits).all(|(part, limit)| {
            part.len() == 2
                && part.bytes().all(|byte| byte.is_ascii_digit())
                && part.parse::<u8>().is_ok_and(|number| number <= *limit)
        });
    if good {
        Ok(text.strip_suffix(":00").filter(|_| parts.len() == 3).unwrap_or(text).to_owned())
    } else {
        Err(wanted)
    }
}

/// Letters of ISO 8601 and their seconds.
const DAYS: [(char, u32); 2] = [('W', 604_800), ('D', 86_400)];
const CLOCK: [(char, u32); 3] = [('H', 3_600), ('M', 60), ('S', 1)];

/// Minutes: a number of them, or ISO 8601 in weeks, days, hours, minutes and seconds (`PT1H30M`). Months and years have
/// no fixed length. A day has 24 hours.
pub fn minutes(json: &Json) -> Form<Decimal> {
    let wanted = "minutes such as 90, or a duration such as PT1H30M without months and years";
    let Some(text) = json.as_str().filter(|text| text.contains('P')) else {
        return decimal(json).map_err(|_| wanted);
    };
    let (text, sign) = text.strip_prefix('-').map_or((text, Decimal::ONE), |text| (text, Decimal::NEGATIVE_ONE));
    let text = text.strip_prefix('P').ok_or(wanted)?;
    let (days, clock) = text.split_once('T').map_or((text, None), |(days, clock)| (days, Some(clock)));
    if clock == Some("") || (days.is_empty() && clock.is_none()) {
        return Err(wanted);
    }
    let mut seconds = Decimal::ZERO;
    let parts = [(days, &DAYS[..]), (clock.unwrap_or_default(), &CLOCK[..])];
    for (mut rest, units) in parts {
        let mut units = units.iter();
        while !rest.is_empty() {
            let end = rest.find(|letter: char| !letter.is_ascii_digit()).ok_or(wanted)?;
            let count: u32 = rest[..end].parse().map_err(|_| wanted)?;
            let letter = rest[end..].chars().next().ok_or(wanted)?;
            // Units come from the largest to the smallest, each once.
            let (_, each) = units.find(|(unit, _)| *unit == letter).ok_or(wanted)?;
            seconds += Decimal::from(count) * Decimal::from(*each);
            rest = &rest[end + letter.len_utf8()..];
        }
    }
    let minutes = seconds / Decimal::from(60);
    // A third of a minute has no last digit.
    if minutes * Decimal::from(60) == seconds { Ok(sign * minutes) } else { Err(wanted) }
}

/// A decimal from a string, or from a number's own text.
pub fn decimal(json: &Json) -> Form<Decimal> {
    let wanted = "a decimal written as a string";
    match json {
        Json::String(text) => {
            let text = text.trim();
            let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.'));
            if is_plain { Decimal::from_str_exact(text).map_err(|_| wanted) } else { Err(wanted) }
        }
        Json::Number(number) => {
            let text = number.to_string();
            Decimal::from_str_exact(&text).or_else(|_| Decimal::from_scientific(&text)).map_err(|_| wanted)
        }
        _ => Err(wanted),
    }
}

pub fn email(text: &str) -> Form<()> {
    let wanted = "an e-mail address such as anna@example.com";
    let (mailbox, host) = text.rsplit_once('@').ok_or(wanted)?;
    let is_plain = |letter: char| !letter.is_whitespace() && !letter.is_control() && !"@,;:<>()[]\\\"".contains(letter);
    let is_mailbox = !mailbox.is_empty()
        && mailbox.len() <= MAILBOX_BYTES_MAX
        && mailbox.chars().all(is_plain)
        && mailbox.split('.').all(|part| !part.is_empty());
    let good = text.len() <= EMAIL_BYTES_MAX && is_mailbox && host.contains('.') && is_host(host);
    if good { Ok(()) } else { Err(wanted) }
}

/// `http` and `https` only; without a user's name, which hides the host from readers.
pub fn url(text: &str) -> Form<()> {
    let wanted = "an address such as https://example.com/page, without a user name";
    let is_plain = |letter: char| !letter.is_whitespace() && !letter.is_control() && !"<>\"\\^`{|}".contains(letter);
    let scheme = ["http://", "https://"]
        .iter()
        .find(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
        .ok_or(wanted)?;
    let rest = &text[scheme.len()..];
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_v6 = |host: &str| {
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        inner.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !authority.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_port = port.is_none_or(|port| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    if text.chars().all(is_plain) && is_port && (is_host(host) || is_v6(host)) { Ok(()) } else { Err(wanted) }
}

/// Names of hosts, also such as 例子.中国; an address of four numbers is one too.
fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= LABEL_BYTES_MAX
            && label.chars().all(|letter| letter.is_alphanumeric() || letter == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.split('.').all(is_label)
}

/// Digits with the signs people write between them; `+` only first, an extension after `#`, `x` or 转.
pub fn phone(text: &str) -> Form<()> {
    let wanted = "a phone number such as +86 21 5080 1234";
    // Chinese keyboards write digits and brackets in full width.
    let letters = || text.chars().map(half_width);
    let digits = letters().filter(char::is_ascii_digit).count();
    let fits = |(at, letter): (usize, char)| {
        letter.is_ascii_digit() || "-() .#x转".contains(letter) || (letter == '+' && at == 0)
    };
    if PHONE_DIGITS.contains(&digits) && letters().enumerate().all(fits) { Ok(()) } else { Err(wanted) }
}

/// Lines of text: nothing that a printer or a terminal would act on.
pub fn address(text: &str) -> Form<()> {
    let wanted = "an address: lines of text with letters or digits";
    let good =
        text.chars().any(char::is_alphanumeric) && text.chars().all(|letter| letter == '\n' || !letter.is_control());
    if good { Ok(()) } else { Err(wanted) }
}

/// Ids of attached files: one, or a list. Each is kept once, in the order given.
pub fn files(json: &Json) -> Form<Value> {
    let wanted = "the id of an attachment, or a list of at most 100";
    let given = match json {
        Json::Array(items) => items.iter().collect(),
        one => vec![one],
    };
    let mut ids: Vec<Value> = Vec::new();
    for one in given {
        let id = one.as_str().and_then(|text| Uuid::parse_str(text).ok()).ok_or(wanted)?;
        let id = Value::text(&id.to_string());
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    if ids.len() > FILES_MAX { Err(wanted) } else { Ok(Value::List(ids)) }
}

/// Any JSON whose numbers keep their digits.
pub fn document(json: &Json) -> Form<Value> {
    let wanted = "a document of at most 32 levels, with numbers of at most 28 digits and no zero character";
    nested(json, 0).ok_or(wanted)
}

fn nested(json: &Json, depth: usize) -> Option<Value> {
    let text = |text: &str| (!text.contains('\0')).then(|| text.to_owned());
    if depth > DOCUMENT_DEPTH_MAX {
        return None;
    }
    Some(match json {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(_) => Value::Decimal(decimal(json).ok()?),
        Json::String(written) => Value::text(&text(written)?),
        Json::Array(items) => Value::List(items.iter().map(|item| nested(item, depth + 1)).collect::<Option<_>>()?),
        Json::Object(members) => Value::Map(
            members
                .iter()
                .map(|(name, value)| Some((text(name)?, nested(value, depth + 1)?)))
                .collect::<Option<_>>()?,
        ),
    })
}

/// A document as JSON: numbers are numbers where any reader keeps their digits, else texts; as they were read.
pub fn document_json(value: &Value) -> Json {
    match value {
        Value::Decimal(number) => {
            let text = number.to_string();
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            if digits <= 15 { serde_json::from_str(&text).unwrap_or(Json::String(text)) } else { Json::String(text) }
        }
        Value::List(items) => Json::Array(items.iter().map(document_json).collect()),
        Value::Map(members) => {
            Json::Object(members.iter().map(|(name, value)| (name.clone(), document_json(value))).collect())
        }
        other => other.to_json(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn durations_are_minutes() {
        let check = |json: Json, expect: Option<&str>| {
            assert_eq!(minutes(&json).ok().map(|number| number.normalize().to_string()).as_deref(), expect, "{json}");
        };
        check(json!(90), Some("90"));
        check(json!("90.5"), Some("90.5"));
        check(json!("PT1H30M"), Some("90"));
        check(json!("-P1W2DT3H"), Some("-13140"));
        check(json!("PT30S"), Some("0.5"));
        for wrong in
            ["P", "PT", "P1DT", "P1M", "P1Y", "PT1M1H", "PT1H1H", "1H", "PT1S", "PT9999999999H", "P-1D", "PTxH"]
        {
            check(json!(wrong), None);
        }
    }

    #[test]
    fn documents_come_back_as_they_were() {
        let document = json!({"a": [1, -2.5, null, true, "x"], "b": {"c": 123_456_789_012_345_u64}});
        let read = super::document(&document).expect("a document");
        assert_eq!(document_json(&read), document);
        let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
        assert!(super::document(&deep).is_err());
        assert!(super::document(&json!({"a\0": 1})).is_err());
    }
}
